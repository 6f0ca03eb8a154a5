//! The end of an instance's line that its carrier has, and what an instance's messages mean.

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::letter::Post;
use super::presence::{Farewell, Presence};
use super::relay::Answer;

/// What a heartbeat is answered with.
const ACKNOWLEDGED: &str = r#"{"type":"heartbeat_ack"}"#;

/// The end of a line that its carrier has.
#[derive(Debug)]
pub struct Attached {
    /// What the instance shall be sent.
    pub post: Post,
    /// Tells when the line is over.
    pub end: oneshot::Receiver<Farewell>,
    /// Takes what comes from the instance; the instance is connected as long as this lives.
    pub far: Far,
}

/// Takes what comes from an instance.
pub struct Far {
    pub(super) presence: Presence,
    pub(super) id: String,
    pub(super) serial: u64,
}

impl std::fmt::Debug for Far {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Far({})", self.id)
    }
}

/// A message from an instance. What else stands in it is ignored.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    request_id: Value,
    #[serde(default)]
    raw_sse: Value,
    #[serde(default)]
    done: Value,
    #[serde(default)]
    error: Value,
}

impl Far {
    /// Whose it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Something came from the instance.
    pub fn heard(&self) {
        self.presence.heard(&self.id, self.serial);
    }

    /// Takes a message. What is no JSON object, or of no kind that is known, is forgotten.
    pub fn take(&self, text: &str) {
        self.heard();
        let Ok(message) = serde_json::from_str::<Message>(text) else {
            let id = &self.id;
            tracing::debug!(instance = id, "a message from an instance is none");
            return;
        };
        match message.kind.as_str() {
            "heartbeat" => {
                let mut table = self.presence.table();
                if let Some(line) = table.line(&self.id, Some(self.serial)) {
                    // Where so much waits to be sent, one acknowledgement less is no loss.
                    line.send(ACKNOWLEDGED.to_owned(), &self.presence.0.posted);
                }
            }
            "chat_response" => {
                let Value::String(request) = message.request_id else {
                    return;
                };
                let raw_sse = match message.raw_sse {
                    Value::String(raw) => Some(raw),
                    _ => None,
                };
                let answer = Answer {
                    raw_sse,
                    done: message.done == Value::Bool(true),
                    error: is_said(&message.error).then_some(message.error),
                };
                self.presence
                    .answered(&self.id, self.serial, &request, answer);
            }
            _ => {}
        }
    }
}

/// Whether an error is one: some clients always send the field, with nothing in it.
fn is_said(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.presence.left(&self.id, self.serial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_heartbeat_is_acknowledged_and_nonsense_survived() {
        let presence = Presence::default();
        let mut line = presence.attach("a").unwrap();
        let deep = "[".repeat(100_000);
        let nonsense = [
            "",
            "{",
            "[]",
            "5",
            "null",
            "\"chat_response\"",
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"no such"}"#,
            r#"{"type":"chat_response"}"#,
            r#"{"type":"chat_response","request_id":5}"#,
            r#"{"type":"chat_response","request_id":"not asked","raw_sse":"{}","done":true}"#,
            &deep,
        ];
        for text in nonsense {
            line.far.take(text);
        }
        assert!(line.post.waiting().is_none());
        line.far
            .take(r#"{"type":"heartbeat","data":{"status":"alive"},"version":"1.0"}"#);
        assert_eq!(line.post.waiting().unwrap(), ACKNOWLEDGED);
    }
}
