//! What is known of a question as long as it may come again: as a retry, or with the results of tools.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::llm::Message;
use crate::memory::context::is_block;

/// How long the same question counts as a retry, from when it came or was left without an answer.
const RETRY: Duration = Duration::from_secs(60);
/// How long the results of tools may take.
const TOOLS: Duration = Duration::from_secs(60 * 60);
/// Most questions that are remembered.
const MOST: usize = 4096;
/// Most of them of one person.
const SHARE: usize = 512;

/// Which question is meant: whose, to what, and behind what it stands.
pub(super) type Key = [u8; 32];

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Its own id: under this its message is kept once.
    pub(super) id: String,
    /// Its session.
    pub(super) session: String,
    /// When it came first.
    pub(super) now: DateTime<FixedOffset>,
    /// What of the memory it was given; `None`: nothing yet.
    pub(super) taken: Option<Vec<(u32, usize)>>,
    /// Whose it is.
    person: String,
    seen: Instant,
    /// Whether the model has answered: whoever asks the same again begins anew, and only results of tools still belong to it.
    answered: bool,
}

impl Turn {
    pub(super) fn new(
        id: String,
        session: String,
        person: String,
        now: DateTime<FixedOffset>,
    ) -> Self {
        Self {
            id,
            session,
            now,
            taken: None,
            person,
            seen: Instant::now(),
            answered: false,
        }
    }

    /// Whether the same question now is this one once more.
    fn is_open(&self) -> bool {
        !self.answered && self.seen.elapsed() < RETRY
    }
}

/// Questions of late.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Turn>>);

/// A question as long as the model is asked. Where that ends without an answer, the same question soon after is a retry.
pub(super) struct Asking<'a> {
    turns: &'a Turns,
    key: Key,
}

impl Asking<'_> {
    /// The model answers.
    pub(super) fn answered(&self) {
        if let Some(turn) = self.turns.all().get_mut(&self.key) {
            turn.answered = true;
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // The server failed, or the caller hung up: also after a long time.
        if let Some(turn) = self.turns.all().get_mut(&self.key) {
            turn.seen = Instant::now();
        }
    }
}

impl Turns {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question, where it came before. `continued`: it comes with results of tools.
    pub(super) fn find(&self, key: &Key, continued: bool) -> Option<Turn> {
        let all = self.all();
        let turn = all.get(key).filter(|turn| match continued {
            true => turn.seen.elapsed() < TOOLS,
            false => turn.is_open(),
        });
        turn.cloned()
    }

    /// That it is asked.
    pub(super) fn asking(&self, key: Key) -> Asking<'_> {
        Asking { turns: self, key }
    }

    /// Remembers a question; of two that came at once the first one.
    pub(super) fn begin(&self, key: Key, turn: Turn) -> Turn {
        let mut all = self.all();
        if let Some(first) = all.get(&key).filter(|turn| turn.is_open()) {
            return first.clone();
        }
        let own = |one: &Turn| one.person == turn.person;
        if all.len() >= MOST {
            all.retain(|_, turn| turn.seen.elapsed() < TOOLS);
        }
        // Nobody pushes others out before their own.
        let many = all.values().filter(|one| own(one)).count() >= SHARE;
        if many || all.len() >= MOST {
            let these = all.iter().filter(|(_, one)| !many || own(one));
            let oldest = these.min_by_key(|(_, one)| one.seen).map(|(key, _)| *key);
            oldest.and_then(|key| all.remove(&key));
        }
        all.insert(key, turn.clone());
        turn
    }

    /// Remembers what it was given.
    pub(super) fn took(&self, key: &Key, taken: Vec<(u32, usize)>) {
        if let Some(turn) = self.all().get_mut(key) {
            turn.taken = Some(taken);
        }
    }
}

/// What was said so far, but for what only sets the conversation up: that changes from request to request.
#[derive(Clone, Default)]
pub(super) struct Said(Sha256);

impl Said {
    /// With more behind it.
    pub(super) fn and(mut self, messages: &[Message]) -> Self {
        for message in messages {
            if message.is_setup() || is_block(&message.text) {
                continue;
            }
            self.add(&message.role);
            self.add(message.text.trim());
            for word in message.calls.iter().chain(&message.refers) {
                self.add(word);
            }
            self.add("");
        }
        self
    }

    /// Behind something that is named and not said here.
    pub(super) fn behind(mut self, name: &str) -> Self {
        self.add(name);
        self
    }

    /// A text with its length before it.
    fn add(&mut self, text: &str) {
        self.0.update(text.len().to_le_bytes());
        self.0.update(text);
    }

    /// As a key, of whom these names tell.
    pub(super) fn key(mut self, names: [&str; 4]) -> Key {
        names.into_iter().for_each(|name| self.add(name));
        self.0.finalize().into()
    }

    /// As a text of 32 letters.
    pub(super) fn word(self) -> String {
        hex(&self.0.finalize()[..16])
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    fn what_sets_a_conversation_up_does_not_make_it_another_one() {
        let talk = [
            said("system", "It is noon"),
            said("user", "a"),
            said("assistant", "b "),
        ];
        let later = [
            said("developer", "x"),
            said("user", "a"),
            said("assistant", "b"),
        ];
        let word = |all: &[Message]| Said::default().and(all).word();
        assert_eq!(word(&talk), word(&later));
        assert_ne!(
            word(&talk),
            word(&[said("user", "ab"), said("assistant", "")])
        );
        assert_eq!(
            word(&talk),
            Said::default().and(&talk[..2]).and(&talk[2..]).word()
        );
    }

    fn turn(id: &str) -> Turn {
        let person = id.chars().take(1).collect();
        Turn::new(id.to_owned(), "s".to_owned(), person, DateTime::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_remembered_as_long_as_it_may_come_again() {
        let turns = Turns::default();
        let key = [1; 32];
        assert_eq!(turns.begin(key, turn("a")).id, "a");
        assert_eq!(turns.begin(key, turn("b")).id, "a");
        // As long as the model took to fail.
        let asking = turns.asking(key);
        tokio::time::advance(10 * RETRY).await;
        drop(asking);
        assert_eq!(turns.find(&key, false).unwrap().id, "a");
        // Looking for it does not make it younger.
        tokio::time::advance(RETRY).await;
        assert!(turns.find(&key, false).is_none());
        assert_eq!(turns.find(&key, true).unwrap().id, "a");
        tokio::time::advance(TOOLS).await;
        assert!(turns.find(&key, true).is_none());
        // With an answer it is over, but for the results of tools.
        assert_eq!(turns.begin(key, turn("c")).id, "c");
        turns.asking(key).answered();
        assert!(turns.find(&key, false).is_none());
        assert_eq!(turns.find(&key, true).unwrap().id, "c");
        assert_eq!(turns.begin(key, turn("d")).id, "d");
    }

    #[tokio::test(start_paused = true)]
    async fn many_questions_of_one_push_out_nobody_elses() {
        let turns = Turns::default();
        turns.begin([255; 32], turn("b"));
        for at in 0..2 * MOST {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&at.to_le_bytes());
            turns.begin(key, turn("a"));
        }
        assert_eq!(turns.all().len(), SHARE + 1);
        assert!(turns.find(&[255; 32], false).is_some());
    }
}
