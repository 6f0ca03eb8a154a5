//! What is read of one message, whoever's it is.

use serde_json::Value;

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
    /// Ids of what it stands for and does not say: parts of answers that the model's server keeps, and calls that it answers.
    pub refers: Vec<String>,
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
            refers: Vec::new(),
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
