//! What is known of a question as long as it may come again: as a retry, or with the results of tools.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::llm::Message;
use crate::memory::context::is_block;

/// How long the same request counts as a retry.
const RETRY: Duration = Duration::from_secs(10 * 60);
/// How long the results of tools may take.
const TOOLS: Duration = Duration::from_secs(60 * 60);
/// Most questions that are remembered.
const MOST: usize = 4096;

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
    /// What of the memory it was given; `None`: that is not known yet.
    pub(super) taken: Option<Vec<(u32, usize)>>,
    seen: Instant,
}

impl Turn {
    pub(super) fn new(id: String, session: String, now: DateTime<FixedOffset>) -> Self {
        Self {
            id,
            session,
            now,
            taken: None,
            seen: Instant::now(),
        }
    }
}

/// Questions of late.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Turn>>);

impl Turns {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question, where it came before. `continued`: it comes with results of tools.
    pub(super) fn find(&self, key: &Key, continued: bool) -> Option<Turn> {
        let patience = if continued { TOOLS } else { RETRY };
        let mut all = self.all();
        let turn = all
            .get_mut(key)
            .filter(|turn| turn.seen.elapsed() < patience)?;
        turn.seen = Instant::now();
        Some(turn.clone())
    }

    /// Remembers a question; of two that came at once the first one.
    pub(super) fn begin(&self, key: Key, turn: Turn) -> Turn {
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, turn| turn.seen.elapsed() < TOOLS);
        }
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, turn)| turn.seen);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                all.remove(&oldest);
            }
        }
        match all.get(&key).filter(|turn| turn.seen.elapsed() < RETRY) {
            Some(first) => first.clone(),
            None => {
                all.insert(key, turn.clone());
                turn
            }
        }
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
            for call in &message.calls {
                self.add(call);
            }
            self.add("");
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_question_is_remembered_as_long_as_it_may_come_again() {
        let turns = Turns::default();
        let turn = |id: &str| Turn::new(id.to_owned(), "s".to_owned(), DateTime::default());
        assert_eq!(turns.begin([1; 32], turn("a")).id, "a");
        assert_eq!(turns.begin([1; 32], turn("b")).id, "a");
        tokio::time::advance(RETRY + Duration::from_secs(1)).await;
        assert!(turns.find(&[1; 32], false).is_none());
        assert_eq!(turns.find(&[1; 32], true).unwrap().id, "a");
        tokio::time::advance(TOOLS + Duration::from_secs(1)).await;
        assert!(turns.find(&[1; 32], true).is_none());
        for at in 0..2 * MOST {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&at.to_le_bytes());
            turns.begin(key, turn("c"));
        }
        assert!(turns.all().len() <= MOST);
    }
}
