//! What a prompt is given of a memory: found by the newest question, without what already stands there, each once, dated and
//! numbered, and quoted so that none of it can speak for anybody.

mod alike;
mod block;
mod budget;
mod greeting;
mod plain;

use std::collections::HashSet;

use chrono::{DateTime, FixedOffset, Local, Utc};

use super::interaction::{user_of, work};
use super::item::{self, Item};
use super::moment::within;
use super::query::{Filter, Found, Hit, Kind, Query};
use super::search::QUERY;
use super::tokens::asked;
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::llm::Message;
use alike::{Left, Words};
use block::{Filling, number};
use greeting::is_greeting;

pub(crate) use block::{is_block, without_blocks};

/// Most that may be taken.
pub const MOST: usize = 50;
/// Tokens that a block may have: least and most. With less there is room for nothing but the tags and what they say.
pub const TOKENS: (usize, usize) = (300, 100_000);
/// Longest template, bytes.
const TEMPLATE: usize = 8 << 10;
/// What is worth less than this share of the best hit is not shown. On the shared conversations and the own questions a prompt of
/// twelve holds the same evidence with every cut up to 0.25 (82 % and 57 %), and with 0.4 four points less of the own. In a memory of
/// a few entries a word that most of them have is worth little against a rare one, and what has it alone must not go for that.
const WORTH: f32 = 0.08;
/// A question with fewer words of its own is read with the one before it.
const OWN_WORDS: usize = 2;
/// What of either end of a long question is asked with, characters.
const END: usize = 1000;
/// What of the messages is compared with what was found, from the newest on, bytes.
const COMPARED: usize = 512 << 10;
/// A turn that is shorter is shown with the one before it, characters.
const SHORT: usize = 40;

/// What a prompt needs.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The prompt as it is, the oldest message first.
    pub messages: Vec<Message>,
    /// Most that is taken: 1 to [`MOST`].
    pub most: usize,
    /// Most tokens of the block, as they are estimated: [`TOKENS`].
    pub max_tokens: usize,
    /// The time of the question, and of which zone its dates are; `None`: now, in this machine's zone.
    pub now: Option<DateTime<FixedOffset>>,
    /// Which alone count.
    pub filter: Filter,
    /// What stands around it.
    pub template: Option<Template>,
    /// What makes the tags: 16 hexadecimal digits that nobody can guess; `None`: new ones.
    pub nonce: Option<String>,
    /// What was taken for this question before: it is taken again, as far as it is still there.
    pub pinned: Option<Vec<(u32, usize)>>,
}

/// What a prompt is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The block; `None`: nothing is relevant.
    pub block: Option<String>,
    /// What stands in it.
    pub citations: Vec<Citation>,
    /// How many tokens it has, as they are estimated.
    pub tokens: usize,
    /// What took part in finding it.
    pub signals: Vec<&'static str>,
    /// What should have taken part and could not, and why.
    pub warnings: Vec<String>,
    /// Why there is none.
    pub reason: Option<&'static str>,
    /// The numbers of what was taken, in the order in which it was, and how often each was said besides.
    pub taken: Vec<(u32, usize)>,
}

/// Whence a quotation is.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// Its number in the block, from 1.
    pub n: usize,
    /// What it is.
    pub kind: Kind,
    /// The id under which it can be fetched; of a document the document's.
    pub id: String,
    /// The document's name.
    pub document: Option<String>,
    /// When it was said, written or noted.
    pub occurred_at: DateTime<Utc>,
}

/// A text in which `{memories}` stands once, and `{date}` once or not at all. Nothing else in it means anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(String);

impl Template {
    /// Checks it.
    ///
    /// # Errors
    /// It is none, and why.
    pub fn new(text: String) -> Result<Self, MemoryError> {
        let count = |what: &str| text.matches(what).count();
        let why = match (count("{memories}"), count("{date}")) {
            _ if text.len() > TEMPLATE => format!("template has at most {TEMPLATE} bytes"),
            (1, 0 | 1) => return Ok(Self(text)),
            (1, _) => "{date} stands in template at most once".to_owned(),
            _ => "{memories} stands in template exactly once".to_owned(),
        };
        Err(MemoryError::Invalid(why))
    }

    /// With everything in its place. What is put in is not read again.
    fn filled(&self, memories: &str, date: &str) -> String {
        let part = |text: &str| text.replace("{date}", date);
        match self.0.split_once("{memories}") {
            Some((before, behind)) => format!("{}{memories}{}", part(before), part(behind)),
            None => memories.to_owned(),
        }
    }
}

impl Memory {
    /// What a prompt is given of a user's memory.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub async fn context(
        &self,
        by: &Principal,
        user: Option<&str>,
        ask: Ask,
    ) -> Result<Context, MemoryError> {
        let invalid = |why: String| Err(MemoryError::Invalid(why));
        if !(1..=MOST).contains(&ask.most) {
            return invalid(format!("k is 1 to {MOST}"));
        }
        if !(TOKENS.0..=TOKENS.1).contains(&ask.max_tokens) {
            return invalid(format!("max_tokens is {} to {}", TOKENS.0, TOKENS.1));
        }
        within("now", ask.now.map(|now| now.to_utc())).map_err(MemoryError::Invalid)?;
        let own = user_of(by, user)?;
        let now = ask.now.unwrap_or_else(|| {
            let local = (self.clock)().with_timezone(&Local);
            local.fixed_offset()
        });
        let nonce = match &ask.nonce {
            Some(nonce) => nonce.clone(),
            None => nonce()?,
        };
        if let Some(docs) = &ask.pinned {
            let (store, person, docs) = (self.store.clone(), by.person.clone(), docs.clone());
            let clock = (self.clock)();
            return work(move || {
                let numbers: Vec<_> = docs.iter().map(|(doc, _)| *doc).collect();
                let Some((space, entries)) = store.entries_of(person.as_str(), &own, &numbers)?
                else {
                    return Ok(Context::nothing("what was found is not there any more"));
                };
                let mut items = Vec::with_capacity(docs.len());
                for (doc, again) in docs {
                    let entry = entries.iter().find(|entry| entry.doc == doc);
                    let item = item::fetch(&store, space, entry, clock)?.pop();
                    items.extend(item.map(|item| (item, again)));
                }
                Ok(fill(items, &ask, now, &nonce))
            })
            .await?;
        }
        // A message may have many megabytes.
        let (ask, question) = work(move || {
            let question = question(&ask.messages);
            (ask, question)
        })
        .await?;
        let question = match question {
            Ok(question) => question,
            Err(reason) => return Ok(Context::nothing(reason)),
        };
        let query = Query {
            text: question,
            // What already stands in the prompt is often found first.
            most: (ask.most * 3).min(120),
            context: 1,
            now: Some(now.to_utc()),
            filter: ask.filter.clone(),
        };
        let mut found = self.search(by, user, query).await?;
        // Comparing texts takes its time too.
        let place = self.place(&by.person).await?;
        work(move || {
            let _place = place;
            let signals = std::mem::take(&mut found.signals);
            let warnings = std::mem::take(&mut found.warnings);
            let given = match found.reason {
                Some(reason) => Context::nothing(reason),
                None => match choose(found, &known(&ask.messages), ask.most) {
                    items if items.is_empty() => {
                        Context::nothing("whatever was found already stands in the messages")
                    }
                    items => fill(items, &ask, now, &nonce),
                },
            };
            Ok(Context {
                signals,
                warnings,
                ..given
            })
        })
        .await?
    }

    /// The session of the newest turn of a user whose idempotency key begins like this.
    ///
    /// # Errors
    /// `Foreign`; the store cannot be read.
    pub async fn session_behind(
        &self,
        by: &Principal,
        user: Option<&str>,
        once: String,
    ) -> Result<Option<String>, MemoryError> {
        let (user, person, store) = (user_of(by, user)?, by.person.clone(), self.store.clone());
        work(move || Ok(store.session_behind(person.as_str(), &user, &once)?)).await?
    }
}

impl Context {
    fn nothing(reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::default()
        }
    }
}

/// Sixteen hexadecimal digits that nobody can guess.
fn nonce() -> Result<String, MemoryError> {
    let random = super::interaction::new_id()?;
    Ok(random.chars().take(16).collect())
}

/// What is asked: the newest message of the user, and where that says little by itself, the one before it too. Otherwise why
/// nothing is.
fn question(messages: &[Message]) -> Result<String, &'static str> {
    let said = messages.iter().rev().filter(|one| one.is_user());
    let said = said.filter(|one| !one.text.trim().is_empty() && !is_block(&one.text));
    let mut said = said.map(|one| without_blocks(&one.text));
    let newest = said
        .next()
        .ok_or("there is no message of the user to ask with")?;
    if is_greeting(&newest) {
        return Err("the newest message greets or thanks, and asks nothing");
    }
    let newest = ends(&newest);
    let own = asked(&newest);
    if own.iter().filter(|word| !word.stop).count() >= OWN_WORDS {
        return Ok(newest);
    }
    Ok(match said.next() {
        Some(before) => format!("{}\n{newest}", ends(&before)),
        None => newest,
    })
}

/// A question that a search takes: of one that is too long both ends, and whether it was.
pub(crate) fn short(question: String) -> (String, bool) {
    match question.len() > QUERY {
        true => (ends(&question), true),
        false => (question, false),
    }
}

/// Both ends of a long text: what is wanted stands at one of them.
pub(crate) fn ends(text: &str) -> String {
    let text = text.trim();
    let count = text.chars().count();
    if count <= 2 * END {
        return text.to_owned();
    }
    let (begin, end) = (text.chars().take(END), text.chars().skip(count - END));
    begin.chain(['\n']).chain(end).collect()
}

/// What stands in the messages, the newest first.
fn known(messages: &[Message]) -> Vec<Words> {
    let mut left = COMPARED;
    let mut known = Vec::new();
    for message in messages.iter().rev().filter(|one| !one.text.is_empty()) {
        let Some(rest) = left.checked_sub(message.text.len()) else {
            break;
        };
        left = rest;
        known.push(Words::of(&message.text));
    }
    known
}

/// What of the hits is shown, the best first, and how often each was said besides.
fn choose(found: Found, known: &[Words], most: usize) -> Vec<(Item, usize)> {
    // What stands in the prompt already fits best, and says nothing of how well the others fit.
    let mut best = None;
    let left = Left::default();
    let mut chosen: Vec<(Item, Words, usize)> = Vec::new();
    // A turn may be a hit and a neighbour of others.
    let mut seen = HashSet::new();
    for hit in found.hits {
        let words = Words::of(hit.item.text());
        if words.is_empty() || known.iter().any(|one| words.is_in(one, &left)) {
            continue;
        }
        let total = hit.score.total;
        let worth = *best.get_or_insert(total) * WORTH;
        if chosen.len() >= most || total <= 0.0 || total < worth {
            break;
        }
        for item in with_neighbour(hit) {
            if !seen.insert(number(&item)) {
                continue;
            }
            let words = Words::of(item.text());
            if words.is_empty() || known.iter().any(|one| words.is_in(one, &left)) {
                continue;
            }
            // Of two that say the same the longer one is shown, and of two as long the newer one.
            let place = chosen
                .iter()
                .position(|(_, other, _)| words.is_in(other, &left) || other.is_in(&words, &left));
            let Some(at) = place else {
                if chosen.len() < most {
                    chosen.push((item, words, 0));
                }
                continue;
            };
            let (own, others, again) = &mut chosen[at];
            let (within, around) = (others.is_in(&words, &left), words.is_in(others, &left));
            let longer = within && !around;
            let newer = within && around && item.at() > own.at();
            *again += 1;
            if longer || newer {
                (*own, *others) = (item, words);
            }
        }
    }
    chosen
        .into_iter()
        .map(|(item, _, again)| (item, again))
        .collect()
}

/// A hit, and the turn that it cannot be understood without: behind one that only asks the answer, before a short one what it
/// answers.
fn with_neighbour(mut hit: Hit) -> Vec<Item> {
    let turn = matches!(hit.item, Item::Interaction(_));
    let text = hit.item.text().trim_end();
    let asks = text.ends_with(['?', '？', '؟']);
    let short = text.chars().count() < SHORT;
    let neighbour = match (turn, asks, short) {
        (true, true, _) if !hit.behind.is_empty() => Some(hit.behind.swap_remove(0)),
        (true, false, true) => hit.before.pop(),
        _ => None,
    };
    let neighbour = neighbour.filter(|one| matches!(one, Item::Interaction(_)));
    std::iter::once(hit.item).chain(neighbour).collect()
}

/// The block of these, as far as they fit.
fn fill(items: Vec<(Item, usize)>, ask: &Ask, now: DateTime<FixedOffset>, nonce: &str) -> Context {
    let mut filling = Filling::new(now, nonce, ask.template.as_ref(), ask.max_tokens);
    let mut taken = Vec::new();
    for (item, again) in items {
        let doc = number(&item);
        if filling.add(item, again) {
            taken.push((doc, again));
        }
    }
    match filling.finish() {
        Some((block, citations)) => Context {
            tokens: budget::tokens(&block),
            block: Some(block),
            citations,
            taken,
            ..Context::default()
        },
        None => Context::nothing("max_tokens leaves no room for what was found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: &str, text: &str) -> Message {
        Message {
            role: role.to_owned(),
            text: text.to_owned(),
            ..Message::default()
        }
    }

    #[test]
    fn a_question_that_says_little_is_read_with_the_one_before() {
        let talk = |newest: &str| {
            let all = [
                said("system", "x"),
                said("user", "Where did Ann buy the cello?"),
                said("assistant", "In Cremona"),
                said("user", newest),
            ];
            question(&all).unwrap()
        };
        assert!(talk("And when?").starts_with("Where did Ann buy the cello?\n"));
        assert_eq!(
            talk("Which colour has my bicycle now?"),
            "Which colour has my bicycle now?"
        );
        assert!(question(&[said("assistant", "Where?")]).is_err());
        // Nobody wants to be reminded of anything by that.
        let thanks = [
            said("user", "Where did Ann buy it?"),
            said("user", "Thanks a lot!"),
        ];
        assert!(question(&thanks).unwrap_err().contains("thanks"));
        assert!(
            question(&[said("user", &"wort ".repeat(10_000))])
                .unwrap()
                .len()
                <= 2 * END + 1
        );
    }

    #[test]
    fn a_template_has_one_place_and_no_code() {
        let new = |text: &str| Template::new(text.to_owned());
        let filled = new("{date} {x} {memories}!").unwrap();
        assert_eq!(
            filled.filled("a {date} {memories}", "D"),
            "D {x} a {date} {memories}!"
        );
        for wrong in ["", "{memories}{memories}", "{date}{date}{memories}"] {
            assert!(new(wrong).is_err(), "{wrong}");
        }
    }
}
