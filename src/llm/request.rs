//! A request as it came: what of it is read, and the two places where it is changed. Everything else goes on byte for byte.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Api, Message, items};

/// What a request goes on from that the model's server keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// An answer, by its id.
    Answer(String),
    /// A conversation, by its id: whatever was said in it last.
    Conversation(String),
}

/// A request.
#[derive(Debug)]
pub struct Request {
    api: Api,
    text: String,
    /// The model that is asked for, and where it stands.
    model: Option<(String, Range<usize>)>,
    /// Where each message begins.
    begins: Vec<usize>,
    /// Where the input stands that is a text and no list: the one message.
    bare: Option<Range<usize>>,
    /// The messages, the oldest first.
    pub messages: Vec<Message>,
    /// Whom the caller names: `user`, or `safety_identifier`.
    pub user: Option<String>,
    /// `metadata.session_id`.
    pub session: Option<String>,
    /// `previous_response_id`, or `conversation`.
    pub behind: Option<Behind>,
    /// Whether the model's server may keep the answer.
    pub stored: bool,
    /// Whether the answer is to be fetched later.
    pub background: bool,
}

/// The members that are read, of either API.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(default)]
    user: Option<Value>,
    #[serde(default)]
    safety_identifier: Option<Value>,
    #[serde(default)]
    metadata: Option<Value>,
    #[serde(default)]
    previous_response_id: Option<Value>,
    #[serde(default)]
    conversation: Option<Value>,
    #[serde(default)]
    store: Option<Value>,
    #[serde(default)]
    background: Option<Value>,
    #[serde(default)]
    stream: Option<Value>,
}

/// What was said, and where it stands.
#[derive(Default)]
struct Found {
    messages: Vec<Message>,
    begins: Vec<usize>,
    bare: Option<Range<usize>>,
}

impl Request {
    /// Reads a request. Takes as long as it is.
    ///
    /// # Errors
    /// It is none: why, without its values.
    pub fn read(api: Api, text: String) -> Result<Self, String> {
        // A list would do for what has members, too.
        if text.trim_start().starts_with('[') {
            return Err(wrong(api));
        }
        let shape: Shape<'_> =
            serde_json::from_str(&text).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => wrong(api),
                _ => format!(
                    "the body is no JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            })?;
        if !matches!(shape.stream, None | Some(Value::Null | Value::Bool(_))) {
            return Err("stream is true or false".to_owned());
        }
        if !matches!(
            shape.previous_response_id,
            None | Some(Value::Null | Value::String(_))
        ) {
            return Err("previous_response_id is a text".to_owned());
        }
        // Both are parts of the same text.
        let place = |part: &RawValue| {
            let begin = part.get().as_ptr().addr() - text.as_ptr().addr();
            begin..begin + part.get().len()
        };
        let model = shape.model.and_then(|model| {
            let name: String = serde_json::from_str(model.get()).ok()?;
            Some((name, place(model)))
        });
        let found = match (api, shape.messages, shape.input) {
            (Api::Chat, Some(list), _) => {
                let list = list_of(list).ok_or_else(|| wrong(api))?;
                Found {
                    messages: list.iter().map(|one| Message::of(&value(one))).collect(),
                    begins: list.iter().map(|one| place(one).start).collect(),
                    bare: None,
                }
            }
            (Api::Chat, None, _) => return Err(wrong(api)),
            (Api::Responses, _, Some(input)) => said(input, place).ok_or_else(|| wrong(api))?,
            // A prompt that is kept there needs no input.
            (Api::Responses, _, None) => Found::default(),
        };
        let word = |value: Option<&Value>| match value {
            Some(Value::String(word)) if !word.trim().is_empty() => Some(word.clone()),
            _ => None,
        };
        let session = shape
            .metadata
            .as_ref()
            .and_then(|all| all.get("session_id"));
        let conversation = shape.conversation.as_ref();
        let conversation = word(conversation.map(|one| one.get("id").unwrap_or(one)));
        let behind = word(shape.previous_response_id.as_ref()).map(Behind::Answer);
        let behind = behind.or_else(|| conversation.map(Behind::Conversation));
        Ok(Self {
            api,
            model,
            begins: found.begins,
            bare: found.bare,
            messages: found.messages,
            session: word(session),
            user: word(shape.user.as_ref()).or_else(|| word(shape.safety_identifier.as_ref())),
            behind: behind.filter(|_| api == Api::Responses),
            stored: shape.store != Some(Value::Bool(false)),
            background: api == Api::Responses && shape.background == Some(Value::Bool(true)),
            text,
        })
    }

    /// The API that it speaks.
    pub fn api(&self) -> Api {
        self.api
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
                // The first byte that is no space is the brace of an object.
                let at = self.text.find('{').map_or(0, |at| at + 1);
                let rest = self.text.get(at..).unwrap_or_default().trim_start();
                let comma = if rest.starts_with('}') { "" } else { "," };
                changes.push((at..at, format!("\"model\":{}{comma}", Value::from(model))));
            }
            _ => {}
        }
        match (before, &self.bare) {
            // A text alone is what one message says; the two of them are a list.
            (Some((0, content)), Some(bare)) => {
                let begin = format!(
                    "[{},{{\"type\":\"message\",\"role\":\"user\",\"content\":",
                    self.message(content)
                );
                changes.push((bare.start..bare.start, begin));
                changes.push((bare.end..bare.end, "}]".to_owned()));
            }
            (Some((at, content)), None) => {
                if let Some(begin) = self.begins.get(at) {
                    changes.push((*begin..*begin, format!("{},", self.message(content))));
                }
            }
            _ => {}
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

    /// A message of the role `user`, as JSON.
    fn message(&self, content: &str) -> String {
        let kind = (self.api == Api::Responses).then_some(("type", "message"));
        let all = [("role", "user"), ("content", content)];
        let all: Map<String, Value> = all
            .into_iter()
            .chain(kind)
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        Value::from(all).to_string()
    }
}

fn wrong(api: Api) -> String {
    match api {
        Api::Chat => "the body must be a JSON object with a list of messages, each name once",
        Api::Responses => {
            "the body must be a JSON object whose input is a text or a list of items, each name once"
        }
    }
    .to_owned()
}

fn value(part: &RawValue) -> Value {
    serde_json::from_str(part.get()).unwrap_or(Value::Null)
}

fn list_of(list: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(list.get()).ok()
}

/// What an input says; `None`: it is none.
fn said(input: &RawValue, place: impl Fn(&RawValue) -> Range<usize>) -> Option<Found> {
    if input.get().starts_with('"') {
        return Some(Found {
            messages: vec![Message {
                role: "user".to_owned(),
                text: serde_json::from_str(input.get()).unwrap_or_default(),
                ..Message::default()
            }],
            begins: Vec::new(),
            bare: Some(place(input)),
        });
    }
    let list = list_of(input)?;
    if !list.iter().all(|one| one.get().starts_with('{')) {
        return None;
    }
    let (messages, firsts) = items::messages(list.iter().map(|one| value(one)));
    let begins = firsts.into_iter().filter_map(|at| list.get(at));
    Some(Found {
        messages,
        begins: begins.map(|one| place(one).start).collect(),
        bare: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = r#" { "stream" : false, "messages" : [ {"role":"system","content":"s"}, {"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}},{"type":"text","text":"b"}],"role":"user"} ,{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}],"mod\u0065l":"asked", "seed":12345678901234567890123,"x":1e999 , "user":"u", "metadata":{"session_id":"s1"}} "#;

    fn chat(text: &str) -> Result<Request, String> {
        Request::read(Api::Chat, text.to_owned())
    }

    fn response(text: &str) -> Result<Request, String> {
        Request::read(Api::Responses, text.to_owned())
    }

    #[test]
    fn only_the_model_and_one_message_are_changed() {
        let request = chat(ASKED).unwrap();
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
        let request = chat(r#"{"messages":[]}"#).unwrap();
        assert_eq!(
            request.sent(Some("m"), Some((3, "x"))),
            r#"{"model":"m","messages":[]}"#
        );
        assert_eq!(
            response(" { }").unwrap().sent(Some("m"), None),
            r#" {"model":"m" }"#
        );
    }

    #[test]
    fn an_input_is_a_text_or_items_and_the_rest_is_as_it_was() {
        let text = r#"{"input" : "caf\u00e9" ,"instructions":"s","model":"m"}"#;
        let request = response(text).unwrap();
        assert_eq!(
            (
                request.messages[0].is_user(),
                request.messages[0].text.as_str()
            ),
            (true, "café")
        );
        assert_eq!(request.sent(None, None), text);
        assert_eq!(
            request.sent(Some("o"), Some((0, "b"))),
            r#"{"input" : [{"content":"b","role":"user","type":"message"},{"type":"message","role":"user","content":"caf\u00e9"}] ,"instructions":"s","model":"o"}"#
        );
        let items = r#"{"input":[{"type":"reasoning","id":"r"}, {"role":"assistant","content":"a"} , {"role":"user","content":"q"}],"store":false,"conversation":{"id":"conv_1"}}"#;
        let request = response(items).unwrap();
        assert_eq!(request.messages.len(), 2);
        assert_eq!(
            (request.behind.clone(), request.stored),
            (Some(Behind::Conversation("conv_1".to_owned())), false)
        );
        let block = r#"{"content":"b","role":"user","type":"message"},"#;
        let sent = request.sent(None, Some((1, "b")));
        let expected = items.replace(r#"{"role":"user","#, &format!(r#"{block}{{"role":"user","#));
        assert_eq!(sent, expected);
        let other =
            response(r#"{"previous_response_id":"resp_1","prompt":{},"background":true}"#).unwrap();
        assert_eq!(other.behind, Some(Behind::Answer("resp_1".to_owned())));
        assert!(other.messages.is_empty() && other.stored && other.background);
        // Only one of the two has these.
        let other =
            chat(r#"{"messages":[],"input":5,"previous_response_id":"r","background":true}"#)
                .unwrap();
        assert!(other.behind.is_none() && !other.background);
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
            let why = chat(wrong).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        for wrong in [
            "[]",
            r#"{"input":{"a":"secret"}}"#,
            r#"{"input":"secret","input":""}"#,
        ] {
            let why = response(wrong).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        let odd = chat(r#"{"messages":[1,{"role":5}],"model":5}"#).unwrap();
        assert_eq!((odd.messages.len(), odd.model()), (2, None));
    }
}
