//! What a model said, heard beside the bytes of its answer as they pass.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Message;
use super::sse::Events;

/// Longest event, and longest answer that comes whole, bytes; of what is longer nothing more is heard.
const LONGEST: usize = 8 << 20;
/// Longest text that is kept of an answer, bytes.
const TEXT: usize = 1 << 20;
/// Most calls of tools whose names are kept.
const CALLS: usize = 32;
/// Most choices that are told apart.
const CHOICES: usize = 128;
/// What ends a stream.
const DONE: &str = "[DONE]";

/// What was said so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The text of the first choice.
    pub text: String,
    /// Names of the tools that it calls.
    pub calls: Vec<String>,
    /// How many choices there are.
    pub choices: usize,
    /// Whether each choice that was seen says that it is whole.
    pub finished: bool,
    /// Whether the stream says that it is over.
    pub done: bool,
}

/// Hears a stream of events.
#[derive(Debug)]
pub struct Listening {
    /// `None`: an event was too long.
    events: Option<Events>,
    answer: Answer,
    /// The choices that were seen; true: it is whole.
    seen: BTreeMap<usize, bool>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    delta: Value,
    #[serde(default)]
    finish_reason: Option<Value>,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            events: Some(Events::new(LONGEST)),
            answer: Answer::default(),
            seen: BTreeMap::new(),
        }
    }
}

impl Listening {
    /// Hears the next bytes; whether the stream said with them that it is over.
    pub fn hear(&mut self, bytes: &[u8]) -> bool {
        let Some(events) = &mut self.events else {
            return false;
        };
        let Ok(came) = events.take(bytes) else {
            self.events = None;
            return false;
        };
        let before = self.answer.done;
        for data in came {
            if data.trim() == DONE {
                self.answer.done = true;
            } else if let Ok(chunk) = serde_json::from_str::<Chunk>(&data) {
                chunk.choices.iter().for_each(|choice| self.choice(choice));
            }
        }
        self.answer.done && !before
    }

    fn choice(&mut self, choice: &Choice) {
        let answer = &mut self.answer;
        answer.choices = answer.choices.max(choice.index.saturating_add(1));
        let reason = choice.finish_reason.as_ref();
        if self.seen.len() < CHOICES || self.seen.contains_key(&choice.index) {
            *self.seen.entry(choice.index).or_default() |= reason.is_some_and(|why| !why.is_null());
        }
        answer.finished = self.seen.values().all(|whole| *whole);
        if choice.index > 0 {
            return;
        }
        let said = Message::of(&choice.delta);
        push(&mut answer.text, &said.text);
        let calls = choice.delta.get("tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            let name = call.pointer("/function/name").and_then(Value::as_str);
            if let Some(name) = name.filter(|name| !name.is_empty())
                && answer.calls.len() < CALLS
            {
                answer.calls.push(name.to_owned());
            }
        }
    }

    /// Whether an event was so long that nothing is heard any more: then only the connection says whether the answer is whole.
    pub fn is_deaf(&self) -> bool {
        self.events.is_none()
    }

    /// What was said so far.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

impl Answer {
    /// Of an answer that came whole; of what is none, nothing.
    pub fn whole(body: &[u8]) -> Self {
        let body: Option<Value> = (body.len() <= LONGEST)
            .then(|| serde_json::from_slice(body).ok())
            .flatten();
        let choices = body
            .as_ref()
            .and_then(|body| body.get("choices")?.as_array());
        let first = choices.and_then(|choices| choices.first()?.get("message"));
        let said = first.map(Message::of).unwrap_or_default();
        let mut text = String::new();
        push(&mut text, &said.text);
        Self {
            text,
            calls: said.calls.into_iter().take(CALLS).collect(),
            choices: choices.map_or(0, Vec::len),
            finished: true,
            done: true,
        }
    }
}

/// Adds to a text as far as it may grow.
fn push(text: &mut String, more: &str) {
    let room = TEXT.saturating_sub(text.len());
    text.push_str(&more[..more.floor_char_boundary(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_heard_however_it_is_cut() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hé\"},\"finish_reason\":null}]}\n\n\
            data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\ndata: nonsense\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\",\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        for size in [1, 2, 7, 1000] {
            let mut heard = Listening::default();
            let over = stream
                .as_bytes()
                .chunks(size)
                .filter(|part| heard.hear(part))
                .count();
            assert_eq!(over, 1);
            let expected = Answer {
                text: "Héllo".to_owned(),
                calls: vec!["f".to_owned()],
                choices: 2,
                // The other one says nothing of it.
                finished: false,
                done: true,
            };
            assert_eq!(heard.answer(), &expected, "{size}");
        }
    }

    #[test]
    fn an_answer_is_whole_when_each_choice_is() {
        let mut heard = Listening::default();
        let mut hear = |index: usize, reason: &str| {
            let event = format!(
                "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{reason}}}]}}\n\n"
            );
            heard.hear(event.as_bytes());
            heard.answer().finished
        };
        assert!(!hear(0, "null"));
        assert!(!hear(1, "null"));
        assert!(!hear(0, "\"stop\""));
        assert!(hear(1, "\"length\""));
    }

    #[test]
    fn behind_too_long_an_event_nothing_is_heard() {
        let mut heard = Listening::default();
        heard.hear(b"data: ");
        for _ in 0..9 {
            assert!(!heard.hear(&[b'x'; 1 << 20]));
        }
        assert!(heard.is_deaf() && !heard.hear(b"\n\ndata: [DONE]\n\n"));
    }

    #[test]
    fn an_answer_that_comes_whole_is_heard() {
        let body = br#"{"choices":[{"message":{"role":"assistant","content":"a"}},{"message":{"content":"b"}}]}"#;
        let answer = Answer::whole(body);
        assert_eq!((answer.text.as_str(), answer.choices), ("a", 2));
        assert_eq!(Answer::whole(b"<html>").text, "");
    }
}
