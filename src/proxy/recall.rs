//! What is remembered for a question.

use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::shape::{Done, Note};
use super::turns::{Key, Turn, hex};
use super::{PATIENCE, Proxy};
use crate::identity::Principal;
use crate::llm::Message;
use crate::memory::context::{Ask, Context};
use crate::memory::{Filter, Kind, MemoryError, Part};

/// Most that is recalled for a question.
const RECALLED: usize = 12;
/// Tokens of what is recalled.
const TOKENS: usize = 1000;
/// How many turns of a session count as what the model's server still has before it.
const HISTORY: usize = 100;

/// What a question is asked with.
pub(super) struct Recall {
    /// The messages of the request, the oldest first.
    pub(super) messages: Vec<Message>,
    /// The session whose turns stand before them at the model's server.
    pub(super) before: Option<String>,
}

impl Proxy {
    /// What is remembered for a question, as a block. The same question gets the same one.
    pub(super) async fn recall(
        &self,
        by: &Principal,
        user: Option<&str>,
        recall: Recall,
        (key, turn): (&Key, &Turn),
        note: &mut Note,
    ) -> Option<String> {
        let found = timeout(PATIENCE, self.found(by, user, recall, key, turn)).await;
        let context: Context = match found {
            Ok(Ok(context)) => context,
            Ok(Err(error)) => {
                tracing::warn!("a chat goes on without what is remembered: {error}");
                note.recall = Done::Failed;
                return None;
            }
            Err(_) => {
                tracing::warn!("a chat goes on without what is remembered: the memory is too slow");
                note.recall = Done::Failed;
                return None;
            }
        };
        note.recall = Done::Yes;
        note.recalled = context.citations.len();
        // Nothing is not held on to: there may be something by then.
        if turn.taken.is_none() && !context.taken.is_empty() {
            self.turns.took(key, context.taken);
        }
        context.block
    }

    async fn found(
        &self,
        by: &Principal,
        user: Option<&str>,
        recall: Recall,
        key: &Key,
        turn: &Turn,
    ) -> Result<Context, MemoryError> {
        let mut messages = match recall.before.filter(|_| turn.taken.is_none()) {
            Some(session) => self.said_in(by, user, session).await?,
            None => Vec::new(),
        };
        messages.extend(recall.messages);
        let ask = Ask {
            messages,
            most: RECALLED,
            max_tokens: TOKENS,
            now: Some(turn.now),
            nonce: Some(self.nonce(key)),
            pinned: turn.taken.clone(),
            ..Ask::default()
        };
        self.memory.context(by, user, ask).await
    }

    /// What was said in a session, as far as it is kept: it stands in the prompt, though not in the request.
    async fn said_in(
        &self,
        by: &Principal,
        user: Option<&str>,
        session: String,
    ) -> Result<Vec<Message>, MemoryError> {
        let filter = Filter {
            session: Some(session),
            kind: Some(Kind::Interaction),
            ..Filter::default()
        };
        let turns = self
            .memory
            .interactions(by, user, filter, Part::Before(None), HISTORY);
        let said = turns.await?.into_iter().rev().map(|turn| Message {
            role: turn.role.word().to_owned(),
            text: turn.text,
            ..Message::default()
        });
        Ok(said.collect())
    }

    fn nonce(&self, key: &Key) -> String {
        let hash = Sha256::new().chain_update(*self.secret).chain_update(key);
        hex(&hash.finalize()[..8])
    }
}
