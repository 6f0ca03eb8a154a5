//! The request of a chat completion, as it came: what of it is read, and the two places where it is changed. Everything else
//! goes on byte for byte.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One message, as far as it is read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant`, `tool` or whatever stands there.
    pub role: String,
    /// Its text; of parts those that are text, joined by line ends.
    pub text: String,
    /// Kinds of its parts that are no text, like `image_url`.
    pub other: Vec<String>,
    /// Names of the tools that it calls.
    pub calls: Vec<String>,
}

impl Message {
    /// What is read of a message. Of what is none, nothing is.
    pub fn of(message: &Value) -> Self {
        let word = |name: &str| message.get(name).and_then(Value::as_str);
        let (mut text, mut other) = (String::new(), Vec::new());
        match message.get("content") {
            Some(Value::String(content)) => text.push_str(content),
            Some(Value::Array(parts)) => {
                for part in parts {
                    let kind = part.get("type").and_then(Value::as_str);
                    match (kind, part.get("text").and_then(Value::as_str)) {
                        (Some("text" | "input_text" | "output_text") | None, Some(more)) => {
                            if !text.is_empty() {
                                text.push('\n');
                            }
                            text.push_str(more);
                        }
                        (kind, _) => other.push(kind.unwrap_or("other").to_owned()),
                    }
                }
            }
            _ => {}
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        let calls = calls.into_iter().flatten().map(|call| {
            let name = call.pointer("/function/name").and_then(Value::as_str);
            name.unwrap_or("other").to_owned()
        });
        Self {
            role: word("role").unwrap_or_default().to_owned(),
            text,
            other,
            calls: calls.collect(),
        }
    }

    /// Whether it is the person's.
    pub fn is_user(&self) -> bool {
        self.role == "user"
    }

    /// Whether it only sets the conversation up.
    pub fn is_setup(&self) -> bool {
        matches!(self.role.as_str(), "system" | "developer")
    }
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    text: &'a str,
    /// The model that is asked for, and where it stands.
    model: Option<(String, Range<usize>)>,
    /// Where each message begins.
    begins: Vec<usize>,
    /// The messages, the oldest first.
    pub messages: Vec<Message>,
    /// Whom the caller names: `user`, or `safety_identifier`.
    pub user: Option<String>,
    /// `metadata.session_id`.
    pub session: Option<String>,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(default)]
    user: Option<Value>,
    #[serde(default)]
    safety_identifier: Option<Value>,
    #[serde(default)]
    metadata: Option<Value>,
}

impl<'a> Request<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// It is none: why, without its values.
    pub fn read(text: &'a str) -> Result<Self, String> {
        let shape: Shape<'a> =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => {
                    "the body must be a JSON object with a list of messages, each name once"
                        .to_owned()
                }
                _ => format!(
                    "the body is no JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            })?;
        // Both are parts of the same text.
        let place = |part: &RawValue| part.get().as_ptr().addr() - text.as_ptr().addr();
        let model = shape.model.and_then(|model| {
            let name: String = serde_json::from_str(model.get()).ok()?;
            let begin = place(model);
            Some((name, begin..begin + model.get().len()))
        });
        let begins = shape.messages.iter().map(|one| place(one)).collect();
        let messages = shape.messages.iter().map(|one| {
            let message = serde_json::from_str(one.get()).unwrap_or(Value::Null);
            Message::of(&message)
        });
        let word = |value: Option<Value>| match value {
            Some(Value::String(word)) if !word.trim().is_empty() => Some(word),
            _ => None,
        };
        let session = shape
            .metadata
            .as_ref()
            .and_then(|all| all.get("session_id"));
        Ok(Self {
            text,
            model,
            begins,
            messages: messages.collect(),
            session: word(session.cloned()),
            user: word(shape.user).or_else(|| word(shape.safety_identifier)),
        })
    }

    /// The model that is asked for.
    pub fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|(name, _)| name.as_str())
    }

    /// The request as it goes on: for this model, where another one is asked, and with a message of the role `user` before the
    /// message at a place.
    pub fn sent(&self, model: Option<&str>, before: Option<(usize, &str)>) -> String {
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        match (model, &self.model) {
            (Some(model), Some((asked, place))) if asked != model => {
                changes.push((place.clone(), Value::from(model).to_string()));
            }
            (Some(model), None) => {
                // The first byte that is no space is the brace of an object that has messages.
                let at = self.text.find('{').map_or(0, |at| at + 1);
                changes.push((at..at, format!("\"model\":{},", Value::from(model))));
            }
            _ => {}
        }
        if let Some((at, content)) = before
            && let Some(begin) = self.begins.get(at)
        {
            changes.push((*begin..*begin, format!("{},", message(content))));
        }
        changes.sort_by_key(|(place, _)| place.start);
        let more: usize = changes.iter().map(|(_, new)| new.len()).sum();
        let mut sent = String::with_capacity(self.text.len() + more);
        let mut done = 0;
        for (place, new) in changes {
            sent.push_str(&self.text[done..place.start]);
            sent.push_str(&new);
            done = place.end;
        }
        sent.push_str(&self.text[done..]);
        sent
    }
}

/// A message of the role `user`, as JSON.
fn message(content: &str) -> String {
    let all = [("role", "user"), ("content", content)];
    let all: Map<String, Value> = all
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Value::from(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = r#" { "stream" : false, "messages" : [ {"role":"system","content":"s"}, {"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}},{"type":"text","text":"b"}],"role":"user"} ,{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}],"mod\u0065l":"asked", "seed":12345678901234567890123,"x":1e999 , "user":"u", "metadata":{"session_id":"s1"}} "#;

    #[test]
    fn only_the_model_and_one_message_are_changed() {
        let request = Request::read(ASKED).unwrap();
        assert_eq!(request.model(), Some("asked"));
        assert_eq!(
            (request.user.as_deref(), request.session.as_deref()),
            (Some("u"), Some("s1"))
        );
        let [system, user, assistant] = &request.messages[..] else {
            panic!("{request:?}");
        };
        assert!(system.is_setup() && user.is_user());
        assert_eq!(
            (user.text.as_str(), &user.other),
            ("a\nb", &vec!["image_url".to_owned()])
        );
        assert_eq!(assistant.calls, ["f"]);
        assert_eq!(request.sent(None, None), ASKED);
        assert_eq!(request.sent(Some("asked"), None), ASKED);
        let sent = request.sent(Some("o\"n"), Some((1, "b\"l\n")));
        let expected = ASKED.replace(r#""asked""#, r#""o\"n""#).replace(
            r#"{"content":[{"#,
            r#"{"content":"b\"l\n","role":"user"},{"content":[{"#,
        );
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_model_is_put_in_where_none_is_named() {
        let request = Request::read(r#"{"messages":[]}"#).unwrap();
        assert_eq!(
            request.sent(Some("m"), Some((3, "x"))),
            r#"{"model":"m","messages":[]}"#
        );
    }

    #[test]
    fn what_is_no_request_is_told_without_its_values() {
        for wrong in [
            "{",
            "[]",
            "{}",
            r#"{"messages":"secret"}"#,
            r#"{"messages":[],"messages":[]}"#,
            r#"{"messages":[],"model":"secret","model":"b"}"#,
        ] {
            let why = Request::read(wrong).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        let odd = Request::read(r#"{"messages":[1,{"role":5}],"model":5}"#).unwrap();
        assert_eq!((odd.messages.len(), odd.model()), (2, None));
    }
}
