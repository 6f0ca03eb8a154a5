//! What of a request is new, and behind what it stands.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::turns::{Said, hex};
use crate::llm::{Api, Behind, Message, Request};
use crate::memory::context::is_block;

/// Most names of what was answered before that are looked up.
const NAMES: usize = 1000;

/// A request, and what is found out about it before it goes on.
pub(super) struct Reading {
    pub(super) request: Request,
    /// `None`: there is nothing to recall for, and nothing to keep.
    pub(super) plan: Option<Plan>,
    /// Hashed names of what it goes on from, as the model's server keeps it, the nearest first.
    pub(super) behind: Vec<String>,
}

/// What is new in it.
pub(super) struct Plan {
    /// The place of the newest message of the person; `None`: only something else is new, like results of tools.
    pub(super) newest: Option<usize>,
    /// Whether it comes with results of tools.
    pub(super) continued: bool,
    /// Whether the model answered before.
    pub(super) answered: bool,
    /// Whether a caller has put in a block by itself.
    pub(super) has_block: bool,
    /// The messages of the person that are new.
    pub(super) asked: Vec<Message>,
    /// What was said up to the answer before, up to the question, and all of it.
    pub(super) history: Said,
    pub(super) question: Said,
    pub(super) all: Said,
    /// The hashed name of the conversation that it is in, whose last word it does not name.
    pub(super) conversation: Option<String>,
}

impl Reading {
    /// Reads a request. Takes as long as it is.
    ///
    /// # Errors
    /// It is none: why.
    pub(super) fn of(api: Api, body: String) -> Result<Self, String> {
        let request = Request::read(api, body)?;
        Ok(Self {
            plan: Plan::of(&request),
            behind: behind(&request),
            request,
        })
    }
}

impl Plan {
    fn of(request: &Request) -> Option<Self> {
        let messages = &request.messages;
        let own = |one: &Message| one.is_user() && !is_block(&one.text);
        let newest = messages.iter().rposition(own);
        if newest.is_none() && request.behind.is_none() {
            return None;
        }
        let until = newest.unwrap_or(messages.len());
        let before = messages[..until]
            .iter()
            .rposition(|one| !one.is_user() && !one.is_setup());
        let begin = match newest {
            Some(_) => before.map_or(0, |at| at + 1),
            None => until,
        };
        let tools =
            |one: &Message| one.role == "tool" || one.role == "function" || !one.calls.is_empty();
        let behind = request.behind.as_ref().map(name_of);
        let base = match &behind {
            Some(name) => Said::default().behind(name),
            None => Said::default(),
        };
        let end = messages.len().min(until + 1);
        let history = base.and(&messages[..begin]);
        let question = history.clone().and(&messages[begin..end]);
        let all = question.clone().and(&messages[end..]);
        let new = messages[begin..end].iter().filter(|one| own(one));
        Some(Self {
            newest,
            continued: newest.is_none() || messages[until..].iter().any(tools),
            answered: matches!(request.behind, Some(Behind::Answer(_)))
                || messages[..begin].iter().any(|one| one.role == "assistant"),
            has_block: messages
                .iter()
                .any(|one| one.is_user() && is_block(&one.text)),
            asked: new.cloned().collect(),
            history,
            question,
            all,
            conversation: behind
                .filter(|_| matches!(request.behind, Some(Behind::Conversation(_)))),
        })
    }
}

/// The name of an answer, or of a part of one.
pub(super) fn answer_name(id: &str) -> String {
    name("answer", id)
}

fn name_of(behind: &Behind) -> String {
    match behind {
        Behind::Answer(id) => answer_name(id),
        Behind::Conversation(id) => name("conversation", id),
    }
}

/// Whoever has such an id and a key of the server may fetch what was said; a hash is enough to find it again.
fn name(what: &str, id: &str) -> String {
    let hash = Sha256::new()
        .chain_update(what)
        .chain_update([0])
        .chain_update(id);
    hex(&hash.finalize()[..16])
}

fn behind(request: &Request) -> Vec<String> {
    let of_model = request.messages.iter().rev();
    let of_model = of_model.filter(|one| one.role == "assistant");
    let parts = of_model.flat_map(|one| one.refers.iter().rev());
    let first = request.behind.as_ref().map(name_of);
    let mut seen = HashSet::new();
    first
        .into_iter()
        .chain(parts.map(|id| answer_name(id)))
        .filter(|name| seen.insert(name.clone()))
        .take(NAMES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Reading {
        Reading::of(Api::Responses, body.to_owned()).unwrap()
    }

    #[test]
    fn what_is_new_stands_behind_the_last_answer_however_that_is_named() {
        let asked = |body: &str| -> Vec<String> {
            let plan = read(body).plan.unwrap();
            plan.asked.into_iter().map(|one| one.text).collect()
        };
        assert_eq!(asked(r#"{"input":"a"}"#), ["a"]);
        let user = |text: &str| format!(r#"{{"role":"user","content":"{text}"}}"#);
        for model in [
            r#"{"role":"assistant","content":"b"}"#,
            r#"{"type":"item_reference","id":"msg_1"}"#,
            r#"{"type":"reasoning","id":"rs_1"},{"type":"item_reference","id":"msg_1"}"#,
        ] {
            let body = format!(
                r#"{{"input":[{},{model},{},{}]}}"#,
                user("a"),
                user("c"),
                user("d")
            );
            assert_eq!(asked(&body), ["c", "d"], "{model}");
        }
        let nothing =
            read(r#"{"input":[{"type":"function_call_output","call_id":"c","output":"4"}]}"#);
        assert!(nothing.plan.is_none());
        let result = read(
            r#"{"previous_response_id":"r","input":[{"type":"function_call_output","call_id":"c","output":"4"}]}"#,
        );
        let plan = result.plan.unwrap();
        assert!(plan.newest.is_none() && plan.continued && plan.answered && plan.asked.is_empty());
    }

    #[test]
    fn the_same_words_behind_another_answer_are_another_question() {
        let word = |body: &str| read(body).plan.unwrap().question.word();
        let bare = word(r#"{"input":"a"}"#);
        assert_eq!(
            bare,
            word(r#"{"input":[{"role":"user","content":"a"}],"instructions":"x"}"#)
        );
        let one = word(r#"{"input":"a","previous_response_id":"one"}"#);
        assert!(one != bare && one != word(r#"{"input":"a","previous_response_id":"two"}"#));
        assert_ne!(one, word(r#"{"input":"a","conversation":"one"}"#));
        let of = |id: &str| {
            word(&format!(
                r#"{{"input":[{{"type":"item_reference","id":"{id}"}},{{"role":"user","content":"a"}}]}}"#
            ))
        };
        assert_ne!(of("one"), of("two"));
    }

    #[test]
    fn names_are_told_nearest_first_and_each_once() {
        let body = r#"{"conversation":{"id":"c"},"input":[{"type":"item_reference","id":"m1"},{"role":"user","content":"a"},
            {"type":"item_reference","id":"m2"},{"type":"item_reference","id":"m1"},{"role":"user","content":"b"}]}"#;
        let behind = read(body).behind;
        assert_eq!(
            behind,
            [
                name("conversation", "c"),
                answer_name("m1"),
                answer_name("m2")
            ]
        );
        assert!(behind.iter().all(|name| name.len() == 32));
    }
}
