//! Chats with instances that are connected: a request goes down the line, and its answer comes back in pieces.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, Weighed};
use super::letter::Letter;
use super::pieces::{DONE, Pieces, TooLong, words};
use super::presence::Presence;

/// Chats that are under way with one instance.
const CHATS: usize = 32;
/// Longest message to an instance, bytes: what WebSocket clients take where nobody tells them otherwise.
const REQUEST: usize = 1 << 20;
/// Bytes of one answer that its caller has not taken yet.
const AHEAD: usize = 4 << 20;
/// The same of all answers.
pub(super) const ALL_AHEAD: usize = 64 << 20;
/// An instance that says nothing for so long does not answer any more.
const SILENCE: Duration = Duration::from_secs(120);

/// Why a chat has no answer, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// It is not connected.
    #[error("the instance is not connected")]
    Offline,
    /// It has as many chats as it may.
    #[error("the instance has {CHATS} chats under way; try again when one has ended")]
    Busy,
    /// The request does not fit into a message.
    #[error("the request is larger than what an instance is sent: {REQUEST} bytes")]
    TooLarge,
    /// It has stopped answering.
    #[error("the instance has said nothing for {} seconds", SILENCE.as_secs())]
    Silent,
    /// The connection ended before the answer did.
    #[error("the instance's connection ended before its answer did")]
    Cut,
    /// More came than the caller took.
    #[error("more of the answer came than was taken, or than an answer may have")]
    Flooded,
    /// The instance's own words.
    #[error("the instance says: {0}")]
    Refused(String),
}

/// What came from an instance for one of its chats.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) raw_sse: Option<String>,
    pub(super) done: bool,
    pub(super) error: Option<Value>,
}

/// Where the answer of a chat goes.
pub(super) struct Sink {
    pieces: mpsc::UnboundedSender<Piece>,
    /// Bytes that the caller has not taken.
    ahead: Budget,
}

enum Piece {
    Data(Weighed),
    Done,
    Failed(ChatError),
}

impl Presence {
    /// Asks an instance: `request` is the body of a chat completion in OpenAI's shape.
    ///
    /// # Errors
    /// `Offline`, `Busy`, `TooLarge`, `Cut`.
    pub fn chat(&self, id: &str, request: &Map<String, Value>) -> Result<Chat, ChatError> {
        let request_id = request_id().ok_or(ChatError::Busy)?;
        let message = json!({ "type": "chat", "request_id": request_id, "request": request });
        let message = message.to_string();
        if message.len() > REQUEST {
            return Err(ChatError::TooLarge);
        }
        let (pieces, came) = mpsc::unbounded_channel();
        let mut table = self.table();
        let line = table.line(id, None).ok_or(ChatError::Offline)?;
        if line.chats.len() >= CHATS {
            return Err(ChatError::Busy);
        }
        let letter = line.send(message, &self.0.posted).ok_or(ChatError::Busy)?;
        let sink = Sink {
            pieces,
            ahead: Budget::new(AHEAD),
        };
        line.chats.insert(request_id.clone(), sink);
        let serial = line.serial();
        Ok(Chat {
            presence: self.clone(),
            instance: id.to_owned(),
            serial,
            request_id,
            letter,
            came,
            pieces: Pieces::default(),
            ready: VecDeque::new(),
            quiet_since: Instant::now(),
            over: false,
        })
    }

    /// Gives an answer on. One to a chat that is not under way on this line is nobody's.
    pub(super) fn answered(&self, id: &str, serial: u64, request: &str, answer: Answer) {
        let mut table = self.table();
        let Some(line) = table.line(id, Some(serial)) else {
            return;
        };
        let Some(sink) = line.chats.get(request) else {
            return;
        };
        let mut last = None;
        if let Some(text) = answer.raw_sse {
            match Weighed::new(text, &sink.ahead, &self.0.waiting) {
                Some(weighed) => drop(sink.pieces.send(Piece::Data(weighed))),
                None => last = Some(Piece::Failed(ChatError::Flooded)),
            }
        }
        let flooded = last.is_some();
        if !flooded && let Some(error) = answer.error {
            last = Some(Piece::Failed(ChatError::Refused(words(&error))));
        } else if !flooded && answer.done {
            last = Some(Piece::Done);
        }
        if let Some(last) = last {
            // The caller has hung up: fine.
            let _ = sink.pieces.send(last);
            line.chats.remove(request);
            if flooded {
                line.send(cancel(request), &self.0.posted);
            }
        }
    }
}

/// The answer of an instance, as it comes. Dropped before its end, it tells the instance that nobody waits any more.
pub struct Chat {
    presence: Presence,
    instance: String,
    serial: u64,
    request_id: String,
    /// The request, which need not be sent where nobody waits for its answer any more.
    letter: Letter,
    came: mpsc::UnboundedReceiver<Piece>,
    pieces: Pieces,
    ready: VecDeque<String>,
    /// When something last came. Kept here: whoever waits may do so in turns.
    quiet_since: Instant,
    over: bool,
}

impl Chat {
    /// The data of the next event; `None`: the answer is whole. After an error nothing comes any more.
    ///
    /// # Errors
    /// `Silent`, `Cut`, `Flooded`, `Refused`.
    pub async fn next(&mut self) -> Option<Result<String, ChatError>> {
        loop {
            match self.ready.pop_front() {
                Some(data) if data == DONE => self.end(false),
                Some(data) => return Some(Ok(data)),
                None if self.over => return None,
                None => {}
            }
            if self.over {
                return None;
            }
            let silent = self.quiet_since + SILENCE;
            let failure = match timeout_at(silent, self.came.recv()).await {
                Ok(Some(Piece::Data(piece))) => {
                    self.quiet_since = Instant::now();
                    match self.pieces.take(piece.text()) {
                        Ok(ready) => {
                            self.ready = ready.into();
                            continue;
                        }
                        Err(TooLong) => ChatError::Flooded,
                    }
                }
                Ok(Some(Piece::Done)) => {
                    self.over = true;
                    self.ready = self.pieces.finish().into();
                    continue;
                }
                Ok(Some(Piece::Failed(failure))) => failure,
                Ok(None) => ChatError::Cut,
                Err(_) => ChatError::Silent,
            };
            self.end(true);
            return Some(Err(failure));
        }
    }

    /// Nothing more is wanted; `tell`: and the instance does not know it yet.
    fn end(&mut self, tell: bool) {
        self.over = true;
        self.ready.clear();
        let unsent = self.letter.withdraw();
        let mut table = self.presence.table();
        if let Some(line) = table.line(&self.instance, Some(self.serial))
            && line.chats.remove(&self.request_id).is_some()
            && tell
            && !unsent
        {
            line.send(cancel(&self.request_id), &self.presence.0.posted);
        }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        if !self.over {
            self.end(true);
        }
    }
}

/// Clients that do not know this message pass over it.
fn cancel(request: &str) -> String {
    json!({ "type": "chat_cancel", "request_id": request }).to_string()
}

fn request_id() -> Option<String> {
    let mut id = [0_u8; 16];
    getrandom::fill(&mut id).ok()?;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::super::letter::Post;
    use super::*;

    fn request() -> Map<String, Value> {
        Map::from_iter([("messages".to_owned(), json!([]))])
    }

    /// The id of the chat that the line was just sent.
    fn asked(post: &mut Post) -> String {
        let message: Value = serde_json::from_str(&post.waiting().unwrap()).unwrap();
        message["request_id"].as_str().unwrap().to_owned()
    }

    fn reply(id: &str, rest: Value) -> String {
        let mut all = json!({ "type": "chat_response", "request_id": id });
        let rest = rest.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(rest);
        all.to_string()
    }

    #[tokio::test]
    async fn pieces_come_in_order_until_done_and_no_others() {
        let presence = Presence::default();
        let mut line = presence.attach("a").unwrap();
        let mut other = presence.attach("b").unwrap();
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        // Another instance does not answer for this one.
        other.far.take(&reply(&id, json!({ "raw_sse": "theirs" })));
        for piece in ["1", "2"] {
            line.far
                .take(&reply(&id, json!({ "raw_sse": piece, "done": false })));
        }
        line.far.take(&reply(&id, json!({ "done": true })));
        line.far.take(&reply(&id, json!({ "raw_sse": "late" })));
        assert_eq!(chat.next().await, Some(Ok("1".to_owned())));
        assert_eq!(chat.next().await, Some(Ok("2".to_owned())));
        assert_eq!(chat.next().await, None);
        assert_eq!(chat.next().await, None);
        drop(chat);
        assert!(line.post.waiting().is_none(), "nothing is to be cancelled");
        assert!(other.post.waiting().is_none());
    }

    #[tokio::test]
    async fn an_error_a_cut_and_a_caller_who_leaves_end_a_chat() {
        let presence = Presence::default();
        let mut line = presence.attach("a").unwrap();
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        line.far.take(&reply(
            &id,
            json!({ "error": { "message": "no\r\nmodel" } }),
        ));
        let refused = ChatError::Refused("no model".to_owned());
        assert_eq!(chat.next().await, Some(Err(refused)));
        assert_eq!(chat.next().await, None);
        // Who hangs up.
        let chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        drop(chat);
        assert_eq!(line.post.waiting().unwrap(), cancel(&id));
        // Before it was sent: it is not sent any more.
        drop(presence.chat("a", &request()).unwrap());
        assert!(line.post.waiting().is_none());
        assert_eq!(presence.0.posted.used(), 0);
        // [DONE] ends it too.
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        line.far.take(&reply(&id, json!({ "raw_sse": "[DONE]" })));
        assert_eq!(chat.next().await, None);
        assert!(line.post.waiting().is_none(), "nothing is to be cancelled");
        // A line that ends.
        let mut chat = presence.chat("a", &request()).unwrap();
        drop(line.far);
        assert_eq!(chat.next().await, Some(Err(ChatError::Cut)));
        let none = presence.chat("a", &request());
        assert_eq!(none.err(), Some(ChatError::Offline));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let presence = Presence::default();
        let mut line = presence.attach("a").unwrap();
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        assert_eq!(chat.next().await, Some(Err(ChatError::Silent)));
        assert_eq!(line.post.waiting().unwrap(), cancel(&id));
        // Also for who looks in between.
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        tokio::time::sleep(SILENCE / 2).await;
        line.far.take(&reply(&id, json!({ "raw_sse": "1" })));
        assert_eq!(chat.next().await, Some(Ok("1".to_owned())));
        let began = Instant::now();
        let turn = SILENCE / 8;
        let end = loop {
            if let Ok(end) = tokio::time::timeout(turn, chat.next()).await {
                break end;
            }
        };
        assert_eq!(end, Some(Err(ChatError::Silent)));
        assert_eq!(began.elapsed().as_secs(), SILENCE.as_secs());
    }

    #[tokio::test]
    async fn what_nobody_takes_and_what_is_too_much_is_bounded() {
        let presence = Presence::default();
        let mut line = presence.attach("a").unwrap();
        let mut chat = presence.chat("a", &request()).unwrap();
        let id = asked(&mut line.post);
        let piece = "x".repeat(1 << 20);
        for _ in 0..8 {
            line.far.take(&reply(&id, json!({ "raw_sse": piece })));
        }
        assert!(presence.0.waiting.used() <= AHEAD);
        let mut all = 0;
        let end = loop {
            match chat.next().await {
                Some(Ok(data)) => all += data.len(),
                end => break end,
            }
        };
        assert_eq!((all, end), (3 << 20, Some(Err(ChatError::Flooded))));
        assert_eq!(presence.0.waiting.used(), 0);
        assert_eq!(line.post.waiting().unwrap(), cancel(&id));
        let chats: Vec<_> = (0..CHATS).map(|_| presence.chat("a", &request())).collect();
        assert!(chats.iter().all(Result::is_ok));
        let busy = presence.chat("a", &request());
        assert_eq!(busy.err(), Some(ChatError::Busy));
        let long = Map::from_iter([("m".to_owned(), Value::String("x".repeat(REQUEST)))]);
        assert_eq!(presence.chat("a", &long).err(), Some(ChatError::TooLarge));
        drop(chats);
        let megabyte = "x".repeat(1_000_000);
        let large = Map::from_iter([("m".to_owned(), megabyte.into())]);
        let ask = || presence.chat("a", &large);
        let chats: Vec<_> = (0..4).map(|_| ask().unwrap()).collect();
        assert_eq!(ask().err(), Some(ChatError::Busy));
        // Another instance has its own place, as long as there is some for all.
        let ids: Vec<_> = (0..16).map(|number| format!("b{number}")).collect();
        let lines: Vec<_> = ids.iter().map(|id| presence.attach(id).unwrap()).collect();
        let further = ids.iter().flat_map(|id| [id; 4]);
        let further: Vec<_> = further
            .filter_map(|id| presence.chat(id, &large).ok())
            .collect();
        assert_eq!(further.len(), (64 << 20) / 1_000_200 - 4);
        drop((chats, further, lines));
        assert_eq!(presence.0.posted.used(), 0);
        assert!(presence.table().line("a", None).unwrap().chats.is_empty());
    }
}
