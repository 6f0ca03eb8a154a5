//! Answers of the Responses API: whole, or as events.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Answer, items};

/// Which part of which item was heard last.
#[derive(Debug, Default)]
pub(super) struct Parts(Option<(u64, u64)>);

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    // All that was asked stands in it too: it is read only where it says something.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

/// What of a response is read.
#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    status: Option<Value>,
    #[serde(default)]
    output: Option<Vec<Value>>,
}

impl Parts {
    /// Hears the data of an event.
    pub(super) fn hear(&mut self, data: &str, answer: &mut Answer) {
        let Ok(event) = serde_json::from_str::<Event<'_>>(data) else {
            return;
        };
        match event.kind.as_ref() {
            "response.created" => {
                if let Some(id) = event.response.and_then(response).and_then(|it| it.id) {
                    answer.id(id.as_str().unwrap_or_default());
                }
            }
            "response.output_text.delta" => {
                let more = event.delta.map(|delta| serde_json::from_str(delta.get()));
                let Some(Ok::<String, _>(more)) = more else {
                    return;
                };
                let here = Some((event.output_index, event.content_index));
                if self.0 != here && !answer.text.is_empty() {
                    answer.say("\n");
                }
                self.0 = here;
                answer.choices = 1;
                answer.say(&more);
            }
            "response.output_item.done" => {
                let item = event.item.map(|item| serde_json::from_str(item.get()));
                let Some(Ok::<Value, _>(item)) = item else {
                    return;
                };
                answer.choices = 1;
                answer.id(id(&item));
                if let Some(name) = items::call(&item) {
                    answer.call(name);
                }
            }
            // One that ends for want of room is as whole as it gets, as in a chat.
            kind @ ("response.completed" | "response.incomplete" | "response.failed") => {
                answer.done = true;
                answer.failed = kind == "response.failed";
                answer.finished = !answer.failed;
                if let Some(response) = event.response.and_then(response) {
                    take(response, answer);
                }
            }
            "error" => {
                answer.done = true;
                answer.failed = true;
            }
            _ => {}
        }
    }
}

/// Hears one that came whole.
pub(super) fn whole(body: &Value, answer: &mut Answer) {
    let Ok(response) = Response::deserialize(body) else {
        return;
    };
    let status = response.status.as_ref().and_then(Value::as_str);
    answer.failed = matches!(status, Some("failed" | "cancelled"));
    take(response, answer);
}

fn response(part: &RawValue) -> Option<Response> {
    serde_json::from_str(part.get()).ok()
}

fn id(item: &Value) -> &str {
    item.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// What the whole answer says comes before what was heard of its parts: so callers send it back.
fn take(response: Response, answer: &mut Answer) {
    if let Some(Value::String(id)) = &response.id {
        answer.id(id);
    }
    let output = response.output.unwrap_or_default();
    if output.is_empty() {
        return;
    }
    output.iter().for_each(|item| answer.id(id(item)));
    let said = items::answer(output);
    answer.choices = 1;
    answer.text.clear();
    answer.say(&said.text);
    answer.calls.clear();
    said.calls.iter().for_each(|name| answer.call(name));
}

#[cfg(test)]
mod tests {
    use super::super::{Api, Listening};
    use super::*;

    const BEGIN: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"content_index\":0,\"delta\":\"Hé\"}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"content_index\":0,\"delta\":\"llo\"}\n\n\
        data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"hm\"}\n\ndata: nonsense\n\n\
        data: {\"type\":\"response.output_text.delta\",\"output_index\":2,\"delta\":\"you\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n";

    fn hear(end: &str, size: usize) -> (usize, Answer) {
        let mut heard = Listening::of(Api::Responses);
        let stream = format!("{BEGIN}{end}");
        let parts = stream.as_bytes().chunks(size);
        let over = parts.filter(|part| heard.hear(part)).count();
        (over, heard.answer().clone())
    }

    #[test]
    fn a_stream_is_heard_however_it_is_cut() {
        let end = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\"}}\n\n";
        for size in [1, 2, 7, 10_000] {
            let (over, answer) = hear(end, size);
            assert_eq!(over, 1);
            let expected = Answer {
                text: "Héllo\nyou".to_owned(),
                calls: vec!["f".to_owned()],
                choices: 1,
                ids: vec!["resp_1".to_owned(), "fc_1".to_owned()],
                finished: true,
                done: true,
                failed: false,
            };
            assert_eq!(answer, expected, "{size}");
        }
    }

    #[test]
    fn the_end_says_how_it_went() {
        for (end, over, failed, finished) in [
            ("", 0, false, false),
            (
                "data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n",
                1,
                false,
                true,
            ),
            (
                "data: {\"type\":\"response.failed\",\"response\":{\"error\":{}}}\n\n",
                1,
                true,
                false,
            ),
            (
                "data: {\"type\":\"error\",\"message\":\"no\"}\n\ndata: [DONE]\n\n",
                1,
                true,
                false,
            ),
        ] {
            let (ends, answer) = hear(end, 64);
            assert_eq!(
                (ends, answer.failed, answer.finished),
                (over, failed, finished),
                "{end}"
            );
            assert_eq!(answer.text, "Héllo\nyou");
        }
        // The whole answer is what counts.
        let end = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\
            \"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}}\n\n";
        let (_, answer) = hear(end, 64);
        assert_eq!(
            (answer.text.as_str(), answer.calls.len(), answer.ids.len()),
            ("Hello", 0, 3)
        );
    }

    #[test]
    fn one_that_comes_whole_is_heard() {
        let body = br#"{"id":"resp_1","object":"response","status":"completed","output":[{"type":"reasoning","id":"rs_1"},
            {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]}]}"#;
        let answer = Answer::whole(Api::Responses, body);
        assert_eq!(
            (answer.text.as_str(), answer.choices, answer.failed),
            ("a", 1, false)
        );
        assert_eq!(answer.ids, ["resp_1", "rs_1", "msg_1"]);
        let failed = Answer::whole(
            Api::Responses,
            br#"{"id":"r","status":"failed","output":[]}"#,
        );
        assert!(failed.failed && failed.text.is_empty());
    }
}
