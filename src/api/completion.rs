//! The shape of chat completions of OpenAI's API: one event of a stream, and the whole that its chunks make.

use serde_json::{Map, Value, json};

use super::Problem;

/// Most of the chunks of one answer that is put together, bytes.
const LONGEST: usize = 8 << 20;
/// Most choices and most tool calls of one answer.
const MOST: usize = 128;

/// An event of a stream (the event stream format of the HTML standard). Lines of the data stay lines of the data.
pub(super) fn event(data: &str) -> String {
    let mut event = String::with_capacity(data.len() + 16);
    for line in data.split('\n') {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event
}

/// The event that tells of an error in mid-stream, where the status has long been sent.
pub(super) fn error_event(problem: &Problem) -> String {
    let word = problem.kind.rsplit(':').next();
    let error =
        json!({ "message": problem.detail, "type": "server_error", "param": null, "code": word });
    event(&json!({ "error": error }).to_string())
}

/// Why chunks make no whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// There were none.
    Empty,
    /// One of them is not a chunk.
    Shape,
    /// They are too long together.
    Long,
    /// The endpoint behind the instance says that it failed.
    Failed,
}

/// Puts chunks together.
#[derive(Default)]
pub(super) struct Whole {
    head: Option<Map<String, Value>>,
    choices: Vec<Choice>,
    usage: Option<Value>,
    len: usize,
}

#[derive(Default)]
struct Choice {
    index: u64,
    message: Map<String, Value>,
    calls: Vec<Map<String, Value>>,
    finish_reason: Value,
}

impl Whole {
    /// Adds the next chunk.
    pub(super) fn add(&mut self, data: &str) -> Result<(), Broken> {
        self.len += data.len();
        if self.len > LONGEST {
            return Err(Broken::Long);
        }
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(data) else {
            return Err(Broken::Shape);
        };
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Broken::Failed);
        }
        let choices = match chunk.remove("choices") {
            Some(Value::Array(choices)) => choices,
            Some(Value::Null) | None => Vec::new(),
            Some(_) => return Err(Broken::Shape),
        };
        if let Some(usage) = chunk.remove("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some(usage);
        }
        chunk.remove("object");
        self.head.get_or_insert(chunk);
        choices
            .into_iter()
            .try_for_each(|choice| self.choice(choice))
    }

    fn choice(&mut self, choice: Value) -> Result<(), Broken> {
        let Value::Object(mut choice) = choice else {
            return Err(Broken::Shape);
        };
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        let at = match self.choices.iter().position(|own| own.index == index) {
            Some(at) => at,
            None if self.choices.len() >= MOST => return Err(Broken::Long),
            None => {
                self.choices.push(Choice {
                    index,
                    ..Choice::default()
                });
                self.choices.len() - 1
            }
        };
        let own = &mut self.choices[at];
        if let Some(reason) = choice.remove("finish_reason").filter(|r| !r.is_null()) {
            own.finish_reason = reason;
        }
        match choice.remove("delta") {
            Some(Value::Object(delta)) => own.add(delta),
            Some(Value::Null) | None => Ok(()),
            Some(_) => Err(Broken::Shape),
        }
    }

    /// The whole, as `chat.completion`.
    pub(super) fn finish(self) -> Result<Value, Broken> {
        let mut whole = self.head.ok_or(Broken::Empty)?;
        let mut choices = self.choices;
        choices.sort_by_key(|choice| choice.index);
        let choices: Vec<_> = choices.into_iter().map(Choice::finish).collect();
        whole.insert("object".to_owned(), "chat.completion".into());
        whole.insert("choices".to_owned(), choices.into());
        if let Some(usage) = self.usage {
            whole.insert("usage".to_owned(), usage);
        }
        Ok(whole.into())
    }
}

impl Choice {
    fn add(&mut self, delta: Map<String, Value>) -> Result<(), Broken> {
        for (name, value) in delta {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("tool_calls", Value::Array(calls)) => {
                    for call in calls {
                        self.call(call)?;
                    }
                }
                ("role", role) => drop(self.message.insert(name, role)),
                (_, value) => join(&mut self.message, name, value),
            }
        }
        Ok(())
    }

    fn call(&mut self, call: Value) -> Result<(), Broken> {
        let Value::Object(mut call) = call else {
            return Err(Broken::Shape);
        };
        let index = call.remove("index");
        let index = index.as_ref().and_then(Value::as_u64).unwrap_or(0);
        let at = usize::try_from(index).unwrap_or(MOST);
        if at >= MOST {
            return Err(Broken::Long);
        }
        while self.calls.len() <= at {
            self.calls.push(Map::new());
        }
        let own = &mut self.calls[at];
        for (name, value) in call {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("function", Value::Object(function)) => {
                    let kept = own.entry(name).or_insert_with(|| json!({}));
                    if let Value::Object(kept) = kept {
                        for (name, value) in function {
                            join(kept, name, value);
                        }
                    }
                }
                (_, value) => drop(own.insert(name, value)),
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Value {
        let message = &mut self.message;
        message.entry("role").or_insert_with(|| "assistant".into());
        message.entry("content").or_insert(Value::Null);
        if !self.calls.is_empty() {
            let calls: Vec<_> = self.calls.into_iter().map(Value::from).collect();
            message.insert("tool_calls".to_owned(), calls.into());
        }
        json!({ "index": self.index, "message": self.message, "finish_reason": self.finish_reason })
    }
}

/// Texts are joined, of anything else the last one counts.
fn join(kept: &mut Map<String, Value>, name: String, value: Value) {
    match (kept.get_mut(&name), value) {
        (Some(Value::String(kept)), Value::String(more)) => kept.push_str(&more),
        (_, Value::Null) => {}
        (_, value) => drop(kept.insert(name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(chunks: &[Value]) -> Result<Value, Broken> {
        let mut whole = Whole::default();
        for chunk in chunks {
            whole.add(&chunk.to_string())?;
        }
        whole.finish()
    }

    fn chunk(delta: Value, reason: Value) -> Value {
        json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
    }

    #[test]
    fn chunks_make_the_completion_that_would_have_come_at_once() {
        let made = whole(&[
            chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
            chunk(json!({ "content": "Hel" }), Value::Null),
            chunk(json!({ "content": "lo" }), Value::Null),
            chunk(json!({}), json!("stop")),
            json!({ "id": "c1", "choices": [], "usage": { "total_tokens": 7 } }),
        ]);
        let whole = json!({ "id": "c1", "object": "chat.completion", "created": 5, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop",
                "message": { "role": "assistant", "content": "Hello" } }],
            "usage": { "total_tokens": 7 } });
        assert_eq!(made, Ok(whole));
    }

    #[test]
    fn calls_of_tools_are_joined_by_their_places() {
        let call = |index: u64, rest: Value| {
            let mut call = json!({ "index": index });
            let rest = rest.as_object().unwrap().clone();
            call.as_object_mut().unwrap().extend(rest);
            chunk(json!({ "tool_calls": [call] }), Value::Null)
        };
        let made = whole(&[
            call(0, json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } })),
            call(0, json!({ "function": { "arguments": "{\"x\":" } })),
            call(1, json!({ "id": "b", "type": "function", "function": { "name": "g", "arguments": "{}" } })),
            call(0, json!({ "function": { "arguments": "1}" } })),
            chunk(json!({}), json!("tool_calls")),
        ])
        .unwrap();
        let message = &made["choices"][0]["message"];
        let calls = json!([
            { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } },
            { "id": "b", "type": "function", "function": { "name": "g", "arguments": "{}" } },
        ]);
        assert_eq!(message["tool_calls"], calls);
        assert_eq!(message["content"], Value::Null);
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        assert_eq!(whole(&[]), Err(Broken::Empty));
        assert_eq!(whole(&[json!([])]), Err(Broken::Shape));
        assert_eq!(whole(&[json!({ "choices": 5 })]), Err(Broken::Shape));
        assert_eq!(
            whole(&[json!({ "error": { "message": "x" } })]),
            Err(Broken::Failed)
        );
        let far = json!({ "tool_calls": [{ "index": 1_000_000_000_u64 }] });
        assert_eq!(whole(&[chunk(far, Value::Null)]), Err(Broken::Long));
        let long = chunk(json!({ "content": "x".repeat(LONGEST / 2) }), Value::Null);
        assert_eq!(whole(&[long.clone(), long]), Err(Broken::Long));
    }

    #[test]
    fn no_data_leaves_its_event() {
        assert_eq!(event("a\n\ndata: b"), "data: a\ndata: \ndata: data: b\n\n");
    }
}
