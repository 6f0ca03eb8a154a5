//! What a model said, heard beside the bytes of its answer as they pass.

use super::sse::Events;
use super::{Api, chunks, events};

/// Longest event, and longest answer that comes whole, bytes; of what is longer nothing more is heard.
const LONGEST: usize = 8 << 20;
/// Longest text that is kept of an answer, bytes.
const TEXT: usize = 1 << 20;
/// Most calls of tools whose names are kept, and most ids.
const CALLS: usize = 32;

/// What was said so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The text of the first choice.
    pub text: String,
    /// Names of the tools that it calls.
    pub calls: Vec<String>,
    /// How many choices there are.
    pub choices: usize,
    /// Under which ids the model's server may keep it: its own, and those of its parts.
    pub ids: Vec<String>,
    /// Whether each choice that was seen says that it is whole.
    pub finished: bool,
    /// Whether the stream says that it is over.
    pub done: bool,
    /// Whether it says that it failed.
    pub failed: bool,
}

/// Hears a stream of events.
#[derive(Debug)]
pub struct Listening {
    /// `None`: an event was too long.
    events: Option<Events>,
    answer: Answer,
    of: Of,
}

/// Whose events they are.
#[derive(Debug)]
enum Of {
    Chat(chunks::Choices),
    Responses(events::Parts),
}

impl Listening {
    /// Of this API.
    pub fn of(api: Api) -> Self {
        Self {
            events: Some(Events::new(LONGEST)),
            answer: Answer::default(),
            of: match api {
                Api::Chat => Of::Chat(chunks::Choices::default()),
                Api::Responses => Of::Responses(events::Parts::default()),
            },
        }
    }

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
            match &mut self.of {
                Of::Chat(choices) => choices.hear(&data, &mut self.answer),
                Of::Responses(parts) => parts.hear(&data, &mut self.answer),
            }
        }
        self.answer.done && !before
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
    pub fn whole(api: Api, body: &[u8]) -> Self {
        let mut answer = Self {
            finished: true,
            done: true,
            ..Self::default()
        };
        if body.len() <= LONGEST
            && let Ok(body) = serde_json::from_slice(body)
        {
            match api {
                Api::Chat => chunks::whole(&body, &mut answer),
                Api::Responses => events::whole(&body, &mut answer),
            }
        }
        answer
    }

    /// With more of its text, as far as that may grow.
    pub(super) fn say(&mut self, more: &str) {
        let room = TEXT.saturating_sub(self.text.len());
        self.text.push_str(&more[..more.floor_char_boundary(room)]);
    }

    /// With one more call.
    pub(super) fn call(&mut self, name: &str) {
        if self.calls.len() < CALLS {
            self.calls.push(name.to_owned());
        }
    }

    /// With one more id.
    pub(super) fn id(&mut self, id: &str) {
        if self.ids.len() < CALLS && !id.is_empty() && !self.ids.iter().any(|one| one == id) {
            self.ids.push(id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_too_long_an_event_nothing_is_heard() {
        for api in [Api::Chat, Api::Responses] {
            let mut heard = Listening::of(api);
            heard.hear(b"data: ");
            for _ in 0..9 {
                assert!(!heard.hear(&[b'x'; 1 << 20]));
            }
            assert!(heard.is_deaf() && !heard.hear(b"\n\ndata: [DONE]\n\n"));
        }
    }

    #[test]
    fn an_answer_that_comes_whole_is_heard() {
        let body = br#"{"choices":[{"message":{"role":"assistant","content":"a"}},{"message":{"content":"b"}}]}"#;
        let answer = Answer::whole(Api::Chat, body);
        assert_eq!((answer.text.as_str(), answer.choices), ("a", 2));
        for api in [Api::Chat, Api::Responses] {
            assert_eq!(Answer::whole(api, b"<html>").text, "");
        }
    }
}
