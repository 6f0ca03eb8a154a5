//! Keeping what was said: the person's messages and the model's words, each once.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::reading::{Plan, answer_name};
use super::turns::{self, Said};
use crate::identity::Principal;
use crate::llm::{Answer, Message};
use crate::memory::context::without_blocks;
use crate::memory::{Memory, Role, Said as Turn};
use crate::store::Beside;

/// Longest text that is kept as one, bytes; a longer one is kept in parts.
const PART: usize = 60 << 10;
/// Most parts of a text.
const PARTS: usize = 16;
/// Longest wait until it is known whether something was kept.
const PATIENCE: Duration = Duration::from_secs(5);

/// In whose memory something is kept, and as what.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) memory: Memory,
    pub(super) by: Principal,
    pub(super) user: Option<String>,
    pub(super) session: String,
    pub(super) app: Option<String>,
    /// What tells answers apart that say the same behind the same.
    pub(super) apart: String,
    /// `None`: the model's server does not keep the answer.
    pub(super) naming: Option<Naming>,
}

/// Beside which turn an answer's names are put: beside it, or where it has no text, its question, or what it goes on from.
#[derive(Clone)]
pub(super) struct Naming {
    conversation: Option<String>,
    beside: Vec<Beside>,
}

impl Naming {
    /// `behind`: names of what the question goes on from.
    pub(super) fn of(plan: &Plan, turn: &turns::Turn, behind: &[String]) -> Self {
        let question = Beside::Once(format!("{}{}:", asked(plan.question.clone()), turn.id));
        let behind = behind.first().cloned().map(Beside::Name);
        Self {
            conversation: plan.conversation.clone(),
            beside: [question].into_iter().chain(behind).collect(),
        }
    }
}

/// Names, and beside which of these turns they are put.
type Put = (Vec<String>, Vec<Beside>);

impl Keeper {
    /// Keeps the person's own messages; `said`: everything up to and with them, `turn`: the id of the question. Goes on when
    /// nobody waits for it.
    pub(super) fn keep_asked(&self, said: Said, turn: &str, own: &[Message]) -> JoinHandle<bool> {
        let begin = asked(said);
        let mut all = Vec::new();
        for (at, message) in own.iter().enumerate() {
            let mut metadata = Map::new();
            if !message.other.is_empty() {
                metadata.insert("parts".to_owned(), counted(&message.other));
            }
            let once = format!("{begin}{turn}:{at}");
            all.extend(self.turns(Role::User, &message.text, metadata, &once));
        }
        self.keep(all, None)
    }

    /// Keeps what the model said; `said`: everything that was said before. Goes on when nobody waits for it.
    pub(super) fn keep_answer(&self, said: Said, answer: &Answer, cut: bool) -> JoinHandle<bool> {
        let mut metadata = Map::new();
        if cut {
            metadata.insert("cut".to_owned(), true.into());
        }
        if answer.choices > 1 {
            metadata.insert("choices".to_owned(), answer.choices.into());
        }
        if !answer.calls.is_empty() {
            metadata.insert("tool_calls".to_owned(), json!(answer.calls));
        }
        let reply = Message {
            role: "assistant".to_owned(),
            text: answer.text.clone(),
            calls: answer.calls.clone(),
            ..Message::default()
        };
        // As callers send it back.
        let once = format!("{}{}", once(said.and(&[reply])), self.apart);
        // A model that repeats what it was given has not said it.
        let text = without_blocks(&answer.text);
        let put = self.naming.as_ref().map(|naming| {
            let ids = answer.ids.iter().map(|id| answer_name(id));
            let beside = [Beside::Once(once.clone())].into_iter();
            (
                ids.chain(naming.conversation.clone()).collect(),
                beside.chain(naming.beside.clone()).collect(),
            )
        });
        self.keep(self.turns(Role::Assistant, &text, metadata, &once), put)
    }

    fn turns(&self, role: Role, text: &str, metadata: Map<String, Value>, once: &str) -> Vec<Turn> {
        let text = text.trim_start();
        let text = text[..text.floor_char_boundary(PART * (PARTS + 1))].replace('\0', "");
        let parts = parts(text.trim());
        let count = parts.len();
        let of = |(at, part): (usize, &str)| {
            let mut metadata = metadata.clone();
            let mut once = once.to_owned();
            if count > 1 {
                metadata.insert("part".to_owned(), (at + 1).into());
                metadata.insert("of".to_owned(), count.into());
                once = format!("{once}:{at}");
            }
            Turn {
                text: part.to_owned(),
                role,
                speaker: None,
                session: Some(self.session.clone()),
                app: self.app.clone(),
                metadata: Some(metadata).filter(|all| !all.is_empty()),
                occurred_at: None,
                expires_at: None,
                once: Some(once),
            }
        };
        parts.into_iter().enumerate().map(of).collect()
    }

    fn keep(&self, all: Vec<Turn>, put: Option<Put>) -> JoinHandle<bool> {
        let (memory, by, user) = (self.memory.clone(), self.by.clone(), self.user.clone());
        tokio::spawn(async move {
            let user = user.as_deref();
            if !all.is_empty()
                && let Err(error) = memory.add(&by, user, all).await
            {
                tracing::warn!("what was said on the way to the model was not kept: {error}");
                return false;
            }
            if let Some((names, beside)) = put
                && !names.is_empty()
                && let Err(error) = memory.name_reply(&by, user, names, beside).await
            {
                tracing::warn!("the session of an answer will not be found by its id: {error}");
            }
            true
        })
    }
}

/// Whether it was kept, as far as that is known in time.
pub(super) async fn kept(keeping: JoinHandle<bool>) -> bool {
    matches!(timeout(PATIENCE, keeping).await, Ok(Ok(true)))
}

/// What the idempotency keys of an answer begin with that stands at the end of all this.
pub(super) fn once(said: Said) -> String {
    format!("chat:{}:", said.word())
}

/// What the idempotency keys of a question begin with that stands at the end of all this.
pub(super) fn asked(said: Said) -> String {
    format!("asked:{}:", said.word())
}

/// A session, short.
pub(super) fn short(session: &str) -> String {
    let message = Message {
        text: session.to_owned(),
        ..Message::default()
    };
    Said::default().and(&[message]).word()
}

/// How many there are of each.
fn counted(all: &[String]) -> Value {
    let mut counts: Map<String, Value> = Map::new();
    for one in all.iter().take(1000) {
        let name: String = one.chars().take(40).collect();
        let before = counts.get(&name).and_then(Value::as_u64).unwrap_or(0);
        if before > 0 || counts.len() < 8 {
            counts.insert(name, (before + 1).into());
        }
    }
    counts.into()
}

/// A text in parts that may be kept. What is beyond the last one is left out.
fn parts(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut parts = Vec::new();
    while !rest.trim().is_empty() && parts.len() < PARTS {
        let end = match rest.len() > PART {
            // At the end of a line or a word, where there is one not far away.
            true => {
                let most = rest.floor_char_boundary(PART);
                let near = rest.floor_char_boundary(PART - PART / 8);
                let space = rest[near..most].rfind(char::is_whitespace);
                space.map_or(most, |at| near + at)
            }
            false => rest.len(),
        };
        let (part, behind) = rest.split_at(end);
        if !part.trim().is_empty() {
            parts.push(part);
        }
        rest = behind;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_kept_in_parts_and_nothing_between_them_is_lost() {
        let text = "wörter und mehr ".repeat(20_000);
        let parts = parts(&text);
        assert!(parts.len() > 4 && parts.iter().all(|part| part.len() <= PART));
        assert_eq!(parts.concat(), text);
        assert!(super::parts(" \n").is_empty());
        assert_eq!(super::parts(&"x".repeat(PART * (PARTS + 1))).len(), PARTS);
    }

    #[test]
    fn parts_that_are_no_text_are_counted() {
        let all = ["image_url", "image_url", "input_audio"].map(str::to_owned);
        assert_eq!(counted(&all), json!({ "image_url": 2, "input_audio": 1 }));
    }
}
