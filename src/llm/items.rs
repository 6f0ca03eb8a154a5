//! Items of the Responses API, as they are asked with and as they are answered: what they say, as messages.
//!
//! What a model says in one go are many items there: reasoning, texts, calls. Callers send some of them back and leave others out,
//! so they are read as one message, and of them only what everybody sends back: its text and the calls that a caller answers.

use serde_json::Value;

use super::Message;

/// Most ids that are read of one message.
const REFERS: usize = 64;

/// What an item says.
enum Said {
    /// A message of somebody's, or the result of a tool.
    Message(Message),
    /// Something of the model's, which belongs to what it says before and behind.
    Model(Message),
}

/// What items say, the oldest first; of each message the place of the item with which it begins.
pub(super) fn messages(items: impl IntoIterator<Item = Value>) -> (Vec<Message>, Vec<usize>) {
    let (mut messages, mut begins) = (Vec::<Message>::new(), Vec::new());
    let mut of_model = false;
    for (at, item) in items.into_iter().enumerate() {
        match of(&item) {
            Said::Model(more) if of_model => {
                if let Some(last) = messages.last_mut() {
                    add(last, more);
                }
            }
            said => {
                of_model = matches!(said, Said::Model(_));
                let (Said::Model(message) | Said::Message(message)) = said;
                messages.push(message);
                begins.push(at);
            }
        }
    }
    (messages, begins)
}

/// What an answer's items say together.
pub(super) fn answer(items: Vec<Value>) -> Message {
    let (messages, _) = messages(items);
    let mut all = messages.into_iter().filter(|one| one.role == "assistant");
    let mut said = all.next().unwrap_or_default();
    all.for_each(|more| add(&mut said, more));
    said
}

/// The name of a tool whose call a caller has to answer.
pub(super) fn call(item: &Value) -> Option<&str> {
    match word(item, "type")? {
        "function_call" | "custom_tool_call" => Some(word(item, "name").unwrap_or("other")),
        _ => None,
    }
}

fn word<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

fn of(item: &Value) -> Said {
    let model = |message: Message| {
        Said::Model(Message {
            role: "assistant".to_owned(),
            ..message
        })
    };
    let id = |name: &str| word(item, name).map(str::to_owned).into_iter().collect();
    match word(item, "type").unwrap_or("message") {
        "message" => match Message::of(item) {
            message if message.role == "assistant" => model(message),
            message => Said::Message(message),
        },
        // What it says is known at the model's server alone.
        "item_reference" => model(Message {
            refers: id("id"),
            ..Message::default()
        }),
        kind if kind.ends_with("_output") || kind == "mcp_approval_response" => {
            let text = word(item, "output").unwrap_or_default();
            Said::Message(Message {
                role: "tool".to_owned(),
                text: text.to_owned(),
                refers: id("call_id"),
                ..Message::default()
            })
        }
        _ => model(Message {
            calls: call(item).map(str::to_owned).into_iter().collect(),
            ..Message::default()
        }),
    }
}

fn add(message: &mut Message, more: Message) {
    if !message.text.is_empty() && !more.text.is_empty() {
        message.text.push('\n');
    }
    message.text.push_str(&more.text);
    message.other.extend(more.other);
    message.calls.extend(more.calls);
    let room = REFERS.saturating_sub(message.refers.len());
    message.refers.extend(more.refers.into_iter().take(room));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_model_says_in_one_go_is_one_message() {
        let items = [
            json!({ "role": "developer", "content": "s" }),
            json!({ "role": "user", "content": [{ "type": "input_text", "text": "a" }, { "type": "input_image", "image_url": "data:" }] }),
            json!({ "type": "reasoning", "id": "rs_1", "summary": [] }),
            json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [{ "type": "output_text", "text": "b", "annotations": [] }] }),
            json!({ "type": "web_search_call", "id": "ws_1" }),
            json!({ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" }),
            json!({ "type": "function_call_output", "call_id": "c1", "output": "4" }),
            json!({ "type": "item_reference", "id": "msg_2" }),
            json!({ "type": "message", "role": "user", "content": "d" }),
            json!(5),
        ];
        let (messages, begins) = messages(items);
        assert_eq!(begins, [0, 1, 2, 6, 7, 8, 9]);
        let short: Vec<_> = messages
            .iter()
            .map(|one| (one.role.as_str(), one.text.as_str()))
            .collect();
        assert_eq!(
            short,
            [
                ("developer", "s"),
                ("user", "a"),
                ("assistant", "b"),
                ("tool", "4"),
                ("assistant", ""),
                ("user", "d"),
                ("", "")
            ]
        );
        assert_eq!(messages[1].other, ["input_image"]);
        assert_eq!(messages[2].calls, ["f"]);
        assert_eq!(
            (&*messages[3].refers, &*messages[4].refers),
            (&["c1".to_owned()][..], &["msg_2".to_owned()][..])
        );
    }

    #[test]
    fn an_answer_is_read_as_it_is_sent_back() {
        let text = |text: &str| json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": text }] });
        let reasoning = json!({ "type": "reasoning", "summary": [] });
        let call = json!({ "type": "custom_tool_call", "call_id": "c", "name": "g", "input": "" });
        let whole = answer(vec![
            reasoning.clone(),
            text("one"),
            reasoning,
            text("two"),
            call.clone(),
        ]);
        let (back, _) = messages([text("one"), text("two"), call]);
        assert_eq!(back, [whole]);
        assert_eq!(answer(Vec::new()), Message::default());
    }
}
