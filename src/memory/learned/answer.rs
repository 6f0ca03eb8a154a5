//! What a model answered, read as data: however it is wrapped, only facts come out of it.

use serde_json::Value;

/// Places in an answer where facts are looked for.
const PLACES: usize = 100;
/// Most facts of one answer; the rest are none.
const MOST: usize = 60;

/// A fact as a model gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proposed {
    /// A sentence, if it is one.
    pub(super) text: String,
    /// Numbers of turns in the prompt.
    pub(super) sources: Vec<u64>,
    /// Since when it is so.
    pub(super) since: Option<String>,
    /// Until when it was so.
    pub(super) until: Option<String>,
    /// Numbers of known facts in the prompt.
    pub(super) replaces: Vec<u64>,
}

/// The text of the first choice of a completion; `None`: it has none.
pub(super) fn text(completion: &Value) -> Option<String> {
    let content = completion.pointer("/choices/0/message/content")?;
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            Some(texts.collect())
        }
        _ => None,
    }
}

/// The facts in a text: a JSON object with `facts`, or a list of them, alone or with anything around it (a fence, thoughts,
/// politeness). `None`: there is nothing of this kind.
pub(super) fn facts(text: &str) -> Option<Vec<Proposed>> {
    // Thoughts may hold drafts.
    let text = text.rsplit_once("</think>").map_or(text, |(_, said)| said);
    let places = text.match_indices(['{', '[']).take(PLACES);
    places
        .filter_map(|(at, _)| {
            let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
            list(values.next()?.ok()?)
        })
        .next()
}

fn list(value: Value) -> Option<Vec<Proposed>> {
    let all = match value {
        Value::Object(mut object) => match object.remove("facts")? {
            Value::Array(all) => all,
            _ => return None,
        },
        Value::Array(all) if all.iter().any(|one| one["text"].is_string()) => all,
        _ => return None,
    };
    Some(all.into_iter().take(MOST).map(proposed).collect())
}

/// What is missing or of another kind counts as not said: the rules decide what becomes of it.
fn proposed(value: Value) -> Proposed {
    let text = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| value[*name].as_str());
        found
            .find(|text| !text.trim().is_empty())
            .map(str::to_owned)
    };
    Proposed {
        text: text(&["text", "fact"]).unwrap_or_default(),
        sources: numbers(&value["sources"]),
        since: text(&["since", "valid_from"]),
        until: text(&["until", "valid_until"]),
        replaces: numbers(&value["replaces"]),
    }
}

/// A number or several, also as texts like `"3"`, `"#3"` or `"K3"`.
fn numbers(value: &Value) -> Vec<u64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        Value::Number(number) => number.as_u64().into_iter().collect(),
        Value::String(text) => {
            let digits = text.trim_matches(|c: char| !c.is_ascii_digit());
            digits.parse().into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FACTS: &str =
        r#"{"facts":[{"text":"a","sources":[1,"2"],"since":"2023","until":null,"replaces":3}]}"#;

    #[test]
    fn facts_come_out_however_they_are_wrapped() {
        let fact = Proposed {
            text: "a".to_owned(),
            sources: vec![1, 2],
            since: Some("2023".to_owned()),
            until: None,
            replaces: vec![3],
        };
        let bare = r#"[{"fact":"x","text":"a","sources":"1, 2"}]"#;
        for text in [
            FACTS.to_owned(),
            format!("```json\n{FACTS}\n```"),
            format!(
                "<think>{{\"facts\":[]}} or {{\"facts\":[{{\"text\":\"b\"}}]}}</think>\nHere you are: {FACTS} Anything else?"
            ),
            format!("{{not json}} [] {{\"a\":1}} {FACTS}"),
        ] {
            assert_eq!(facts(&text), Some(vec![fact.clone()]), "{text}");
        }
        assert_eq!(facts(bare).unwrap()[0].text, "a");
        assert_eq!(facts("{\"facts\":[]}"), Some(Vec::new()));
    }

    #[test]
    fn what_holds_no_facts_is_no_answer() {
        for none in [
            "",
            "I cannot do that",
            "{\"facts\":\"none\"}",
            "{\"facts\":[{\"text\":\"cut o",
            "[1, 2]",
            "{}",
        ] {
            assert_eq!(facts(none), None, "{none}");
        }
        // Much of nothing is not looked through without end.
        assert_eq!(facts(&"[".repeat(200_000)), None);
        let odd =
            facts(r#"{"facts":[7,{"text":9,"sources":{"a":1},"replaces":[-1,null]}]}"#).unwrap();
        assert_eq!(odd, [Proposed::default(), Proposed::default()]);
    }

    #[test]
    fn a_text_is_one_or_in_parts() {
        let of =
            |content: Value| text(&json!({ "choices": [{ "message": { "content": content } }] }));
        assert_eq!(of(json!("a")).as_deref(), Some("a"));
        assert_eq!(
            of(json!([{ "type": "text", "text": "a" }, { "text": "b" }])).as_deref(),
            Some("ab")
        );
        assert_eq!(of(Value::Null), None);
        assert_eq!(text(&json!({ "choices": [] })), None);
    }
}
