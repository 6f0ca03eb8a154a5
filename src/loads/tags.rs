//! The technical tags of a registration.

use serde_json::{Map, Value};

/// Longest `model_name`, characters.
const MODEL: usize = 255;

/// Whether those tags that have a meaning have the right type. Unlike the client that they come from, whose library takes
/// `"yes"` for true and `"7"` for 7, only JSON's own types are taken.
pub(super) fn known(tags: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in tags {
        let right = match (name.as_str(), value) {
            ("model_name", Value::String(model)) => {
                let length = model.chars().count();
                (1..=MODEL).contains(&length) && !model.chars().any(char::is_control)
            }
            ("is_cot", value) => value.is_boolean(),
            ("document_count", value) => value.as_i64().is_some_and(|count| count >= 0),
            ("model_name", _) => false,
            _ => true,
        };
        if !right {
            return Err(format!("the tag {name} must be {}", meaning(name)));
        }
    }
    Ok(())
}

fn meaning(name: &str) -> &'static str {
    match name {
        "model_name" => "the model's name, 1 to 255 characters in one line",
        "is_cot" => "true or false, without quotes",
        _ => "a whole number of at least 0, without quotes",
    }
}

/// The tags of a registration: those of the load, over them those that were asked for, and what is known better here.
/// `model`: that of `[llm]`. `None`: nobody says which model it is.
pub(super) fn compiled(
    of_load: &Map<String, Value>,
    asked: &Map<String, Value>,
    model: Option<&str>,
    documents: u64,
) -> Option<Map<String, Value>> {
    let mut tags = of_load.clone();
    tags.extend(asked.clone());
    if !tags.contains_key("model_name") {
        tags.insert("model_name".to_owned(), model?.into());
    }
    tags.entry("is_cot").or_insert(Value::Bool(false));
    // Whatever anybody says: it is counted.
    tags.insert("document_count".to_owned(), documents.into());
    Some(tags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn tags_are_compiled_from_what_is_nearest() {
        let of = |load: Value, asked: Value, model| {
            compiled(&map(load), &map(asked), model, 7).map(Value::Object)
        };
        assert_eq!(of(json!({}), json!({}), None), None);
        assert_eq!(
            of(json!({}), json!({}), Some("m")),
            Some(json!({"model_name": "m", "is_cot": false, "document_count": 7}))
        );
        assert_eq!(
            of(
                json!({"model_name": "of load", "is_cot": true, "colour": "red"}),
                json!({"model_name": "asked", "document_count": 99, "size": 3}),
                Some("m")
            ),
            Some(json!({
                "model_name": "asked", "is_cot": true, "document_count": 7, "colour": "red", "size": 3
            }))
        );
    }

    #[test]
    fn types_are_jsons_own() {
        for wrong in [
            json!({"is_cot": "yes"}),
            json!({"is_cot": 1}),
            json!({"document_count": "7"}),
            json!({"document_count": -1}),
            json!({"document_count": 1.5}),
            json!({"document_count": i64::MAX as u64 + 1}),
            json!({"model_name": null}),
            json!({"model_name": ""}),
            json!({"model_name": 7}),
        ] {
            assert!(known(&map(wrong.clone())).is_err(), "{wrong}");
        }
        assert!(
            known(&map(
                json!({"is_cot": true, "document_count": 0, "x": null})
            ))
            .is_ok()
        );
    }
}
