//! What may be kept of an instance. Loads, which are registered, follow the same rules.

use serde_json::{Map, Value};

use super::{InstanceChange, RegistryError, Role, Upload};

/// Longest name, in characters.
const NAME: usize = 255;
/// Longest description, in characters.
const DESCRIPTION: usize = 10_000;
/// Longest address, in characters.
const EMAIL: usize = 255;
/// Largest object, in bytes of JSON.
const OBJECT: usize = 16 << 10;
/// Levels of arrays and objects in it.
const DEPTH: usize = 16;
/// Longest id of a role, and name of one, in characters.
const ROLE: usize = 255;
/// Longest text that a model is told, and address of a picture, in characters.
const TOLD: usize = 50_000;

/// An upload in the form in which it is kept: an empty address is none.
pub(super) fn upload(upload: Upload) -> Result<Upload, RegistryError> {
    name("upload_name", &upload.name)?;
    description(upload.description.as_deref())?;
    tags(&upload.tags)?;
    Ok(Upload {
        email: email(upload.email)?,
        ..upload
    })
}

pub(super) fn change(change: &InstanceChange) -> Result<(), RegistryError> {
    if let Some(text) = &change.name {
        name("upload_name", text)?;
    }
    description(change.description.as_deref())?;
    email(change.email.clone())?;
    if let Some(all) = &change.tags {
        tags(all)?;
    }
    match &change.capabilities {
        Some(all) => object("capabilities", all),
        None => Ok(()),
    }
}

/// An address in the form in which it is kept.
pub(crate) fn email(email: Option<String>) -> Result<Option<String>, RegistryError> {
    let Some(text) = email.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let long = text.chars().count() > EMAIL;
    if long || text.chars().any(char::is_control) {
        return invalid(format!("email has at most {EMAIL} characters, in one line"));
    }
    Ok(Some(text))
}

pub(super) fn role(role: &Role) -> Result<(), RegistryError> {
    line("role_id", &role.id, ROLE)?;
    line("name", &role.name, ROLE)?;
    description(role.description.as_deref())?;
    for (what, text) in [("system_prompt", &role.system_prompt), ("icon", &role.icon)] {
        let Some(text) = text else { continue };
        if text.chars().count() > TOLD || text.contains('\0') {
            return invalid(format!(
                "{what} has at most {TOLD} characters, and none of them is U+0000"
            ));
        }
    }
    Ok(())
}

fn invalid<T>(what: String) -> Result<T, RegistryError> {
    Err(RegistryError::Invalid(what))
}

/// A name; `what`: as its sender calls it.
pub(crate) fn name(what: &str, text: &str) -> Result<(), RegistryError> {
    line(what, text, NAME)?;
    match text.trim().is_empty() {
        true => invalid(format!("{what} is empty")),
        false => Ok(()),
    }
}

fn line(what: &str, text: &str, most: usize) -> Result<(), RegistryError> {
    let length = text.chars().count();
    // What is not seen makes one name pass for another, or turns the line around that it stands in.
    if length == 0 || length > most || !is_seen(text) {
        return invalid(format!(
            "{what} has 1 to {most} characters, in one line and without control characters or such as are not seen"
        ));
    }
    Ok(())
}

/// Whether people see each character of it. What joins letters of some scripts, and pictures, may stand behind one.
fn is_seen(text: &str) -> bool {
    let mut before = None;
    text.chars().all(|c| {
        let joins = matches!(c, '\u{200c}' | '\u{200d}');
        let behind = before
            .replace(c)
            .is_some_and(|c| !c.is_ascii() && crate::ids::is_seen(c));
        crate::ids::is_seen(c) || (joins && behind)
    })
}

pub(crate) fn description(text: Option<&str>) -> Result<(), RegistryError> {
    let controls = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let wrong = |text: &str| text.chars().count() > DESCRIPTION || text.chars().any(controls);
    match text.is_some_and(wrong) {
        true => invalid(format!(
            "description has at most {DESCRIPTION} characters, and of those that control only newline and tab"
        )),
        false => Ok(()),
    }
}

/// Tags. Unlike the library of the client that they come from, which takes `"yes"` for true and `"7"` for 7, only JSON's own
/// types are taken; null is as good as nothing.
pub(crate) fn tags(tags: &Map<String, Value>) -> Result<(), RegistryError> {
    object("tags", tags)?;
    match tags.get("model_name") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.chars().count() <= NAME => {}
        Some(_) => {
            return invalid(format!(
                "tags.model_name is a text of at most {NAME} characters"
            ));
        }
    }
    let count = tags.get("document_count");
    let sound = |count: &Value| count.is_null() || count.as_i64().is_some_and(|count| count >= 0);
    if !count.is_none_or(sound) {
        return invalid(
            "tags.document_count is a whole number of at least 0, without quotes".to_owned(),
        );
    }
    let is_cot = tags.get("is_cot");
    if is_cot.is_some_and(|is| !is.is_null() && !is.is_boolean()) {
        return invalid("tags.is_cot is true or false, without quotes".to_owned());
    }
    Ok(())
}

fn object(what: &str, all: &Map<String, Value>) -> Result<(), RegistryError> {
    let sound = all
        .iter()
        .all(|(key, value)| !key.contains('\0') && is_sound(value, DEPTH - 1));
    if !sound {
        return invalid(format!(
            "{what} has at most {DEPTH} levels, and no text in it holds U+0000"
        ));
    }
    let size = serde_json::to_string(all).map_or(usize::MAX, |text| text.len());
    match size > OBJECT {
        true => invalid(format!("{what} has at most {OBJECT} bytes as JSON")),
        false => Ok(()),
    }
}

/// Whether it has no more levels than are left, and no U+0000.
fn is_sound(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(all) => levels > 0 && all.iter().all(|one| is_sound(one, levels - 1)),
        Value::Object(all) => {
            let one =
                |(key, one): (&String, &Value)| !key.contains('\0') && is_sound(one, levels - 1);
            levels > 0 && all.iter().all(one)
        }
        Value::String(text) => !text.contains('\0'),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(tags: Value) -> Upload {
        Upload {
            name: "n".to_owned(),
            description: None,
            email: None,
            tags: tags.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn what_clients_send_is_kept() {
        let all = json!({ "model_name": "m", "is_cot": false, "document_count": 0, "more": { "a": [1, null] } });
        assert_eq!(upload(with(all.clone())).unwrap(), with(all));
        let empty = Upload {
            email: Some(String::new()),
            name: "ä".repeat(255),
            ..with(json!({}))
        };
        for name in ["👩\u{200d}💻", "می\u{200c}خواهم"] {
            assert!(super::name("name", name).is_ok(), "{name}");
        }
        assert_eq!(upload(empty).unwrap().email, None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let deep = (0..DEPTH).fold(json!(1), |inner, _| json!([inner]));
        for tags in [
            json!({ "document_count": -1 }),
            json!({ "document_count": 1.5 }),
            json!({ "document_count": "7" }),
            json!({ "document_count": u64::MAX }),
            json!({ "is_cot": "yes" }),
            json!({ "model_name": 1 }),
            json!({ "a": "\0" }),
            json!({ "\0": 1 }),
            json!({ "a": deep }),
            json!({ "a": "x".repeat(OBJECT) }),
        ] {
            assert!(upload(with(tags.clone())).is_err(), "{tags}");
        }
        for name in [
            "",
            " ",
            "a\nb",
            "\0",
            "a\u{202e}b",
            "a\u{200b}",
            "a\u{200d}b",
            &"x".repeat(256),
        ] {
            let name = name.to_owned();
            let one = Upload {
                name,
                ..with(json!({}))
            };
            assert!(upload(one.clone()).is_err(), "{one:?}");
        }
        for email in ["a\0b".to_owned(), "x".repeat(256)] {
            let email = Some(email);
            assert!(
                upload(Upload {
                    email,
                    ..with(json!({}))
                })
                .is_err()
            );
        }
        for description in [
            "x".repeat(DESCRIPTION + 1),
            "\u{1b}[2J".to_owned(),
            "\r".to_owned(),
        ] {
            let description = Some(description);
            assert!(
                upload(Upload {
                    description,
                    ..with(json!({}))
                })
                .is_err()
            );
        }
    }
}
