//! Chat completions as they are answered: whole, or in chunks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Message};

/// Most choices that are told apart.
const CHOICES: usize = 128;
/// What ends a stream.
const DONE: &str = "[DONE]";

/// The choices that were seen; true: it is whole.
#[derive(Debug, Default)]
pub(super) struct Choices(BTreeMap<usize, bool>);

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

impl Choices {
    /// Hears the data of an event.
    pub(super) fn hear(&mut self, data: &str, answer: &mut Answer) {
        if data.trim() == DONE {
            answer.done = true;
        } else if let Ok(chunk) = serde_json::from_str::<Chunk>(data) {
            for choice in &chunk.choices {
                self.choice(choice, answer);
            }
        }
    }

    fn choice(&mut self, choice: &Choice, answer: &mut Answer) {
        answer.choices = answer.choices.max(choice.index.saturating_add(1));
        let reason = choice.finish_reason.as_ref();
        if self.0.len() < CHOICES || self.0.contains_key(&choice.index) {
            *self.0.entry(choice.index).or_default() |= reason.is_some_and(|why| !why.is_null());
        }
        answer.finished = self.0.values().all(|whole| *whole);
        if choice.index > 0 {
            return;
        }
        answer.say(&Message::of(&choice.delta).text);
        let calls = choice.delta.get("tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            let name = call.pointer("/function/name").and_then(Value::as_str);
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                answer.call(name);
            }
        }
    }
}

/// Hears one that came whole.
pub(super) fn whole(body: &Value, answer: &mut Answer) {
    let choices = body.get("choices").and_then(Value::as_array);
    let first = choices.and_then(|choices| choices.first()?.get("message"));
    let said = first.map(Message::of).unwrap_or_default();
    answer.say(&said.text);
    said.calls.iter().for_each(|name| answer.call(name));
    answer.choices = choices.map_or(0, Vec::len);
}

#[cfg(test)]
mod tests {
    use super::super::{Api, Listening};
    use super::*;

    #[test]
    fn a_stream_is_heard_however_it_is_cut() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hé\"},\"finish_reason\":null}]}\n\n\
            data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\ndata: nonsense\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\",\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        for size in [1, 2, 7, 1000] {
            let mut heard = Listening::of(Api::Chat);
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
                ..Answer::default()
            };
            assert_eq!(heard.answer(), &expected, "{size}");
        }
    }

    #[test]
    fn an_answer_is_whole_when_each_choice_is() {
        let mut heard = Listening::of(Api::Chat);
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
}
