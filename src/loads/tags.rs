//! The technical tags of a registration.

use serde_json::{Map, Value};

/// Those that have a meaning: null counts as not given.
const KNOWN: [&str; 3] = ["model_name", "is_cot", "document_count"];

/// The tags of a registration: those of the load, over them those that were asked for, and what is known better here.
/// `model`: that of `[llm]`. `None`: nobody says which model it is.
pub(super) fn compiled(
    of_load: &Map<String, Value>,
    asked: &Map<String, Value>,
    model: Option<&str>,
    documents: u64,
) -> Option<Map<String, Value>> {
    let given =
        |(name, value): &(&String, &Value)| !value.is_null() || !KNOWN.contains(&name.as_str());
    let all = of_load.iter().chain(asked).filter(given);
    let mut tags: Map<String, Value> = all.map(|(k, v)| (k.clone(), v.clone())).collect();
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
    fn null_is_not_given() {
        let (load, asked) = (
            json!({"model_name": "m", "x": 1}),
            json!({"model_name": null, "is_cot": null, "x": null}),
        );
        let tags = compiled(&map(load), &map(asked.clone()), None, 0);
        let wanted = json!({"model_name": "m", "is_cot": false, "document_count": 0, "x": null});
        assert_eq!(tags.map(Value::Object), Some(wanted));
        assert_eq!(compiled(&Map::new(), &map(asked), None, 0), None);
    }
}
