//! What instances write into the pieces of their answers.

use serde_json::Value;

/// Longest words of an instance's error that are passed on, in characters.
const WORDS: usize = 300;

/// The data of the last event of a stream, which says that it is whole.
pub(crate) const DONE: &str = "[DONE]";

/// The data of the events in a piece: bare, as clients that exist send one event's, or with `data:` before each line, as it
/// came from the endpoint (the event stream format of the HTML standard).
pub(super) fn events(raw: &str) -> Vec<String> {
    let text = raw.replace("\r\n", "\n").replace('\r', "\n");
    let lines = || text.split('\n');
    if !lines().any(|line| line.starts_with("data:")) {
        let bare = text.trim_matches('\n');
        return match bare.trim().is_empty() {
            true => Vec::new(),
            false => vec![bare.to_owned()],
        };
    }
    let mut events: Vec<String> = Vec::new();
    let mut open = false;
    for line in lines() {
        let data = line.strip_prefix("data:");
        match (
            data.map(|data| data.strip_prefix(' ').unwrap_or(data)),
            open,
        ) {
            (Some(data), false) => {
                events.push(data.to_owned());
                open = true;
            }
            (Some(data), true) => {
                if let Some(last) = events.last_mut() {
                    last.push('\n');
                    last.push_str(data);
                }
            }
            (None, _) => open &= !line.is_empty(),
        }
    }
    events.retain(|data| !data.trim().is_empty());
    events
}

/// What an instance says of its failure, in one line and not too long.
pub(super) fn words(error: &Value) -> String {
    let said = match error {
        Value::String(said) => said.clone(),
        Value::Object(all) => match all.get("message") {
            Some(Value::String(said)) => said.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    let line: Vec<&str> = said.split_whitespace().collect();
    let line = line.join(" ");
    let line: String = line.chars().filter(|c| crate::ids::is_seen(*c)).collect();
    match line.chars().count() {
        0 => "(nothing)".to_owned(),
        1..=WORDS => line,
        _ => line.chars().take(WORDS).chain("…".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_bare_or_in_the_format_of_a_stream() {
        let all: [(&str, &[&str]); 9] = [
            ("{\"a\":1}", &["{\"a\":1}"]),
            ("data: {\"a\":1}\n\n", &["{\"a\":1}"]),
            ("data:a\ndata: b\n\ndata: c", &["a\nb", "c"]),
            (": hello\nevent: x\ndata: a\r\n\r\n", &["a"]),
            ("data: [DONE]\n\n", &["[DONE]"]),
            ("[DONE]", &["[DONE]"]),
            ("{\n\"a\": 1\r}\n", &["{\n\"a\": 1\n}"]),
            ("", &[]),
            ("data: \n\n", &[]),
        ];
        for (raw, data) in all {
            assert_eq!(events(raw), data, "{raw:?}");
        }
    }

    #[test]
    fn words_are_one_short_line() {
        let of = |error: Value| words(&error);
        assert_eq!(of("a\r\nb\u{200b}".into()), "a b");
        assert_eq!(of(serde_json::json!({ "message": "x", "key": "y" })), "x");
        assert_eq!(of(serde_json::json!(["x"])), "(nothing)");
        assert_eq!(of("x".repeat(1000).into()).chars().count(), WORDS + 1);
    }
}
