//! What a load is, and what it may look like.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Avatar, Connection};
use crate::registry::{RegistryError, check};
use crate::store::LoadRow;

/// Longest address, characters (RFC 5321 section 4.5.3.1.3, the brackets off).
const EMAIL: usize = 254;
/// Most tags.
const MOST_TAGS: usize = 64;
/// Longest name of a tag, characters.
const TAG: usize = 100;

/// A person's workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Its id.
    pub id: String,
    /// What its person calls it; no other load of the same person has this name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The address that is registered with it; not verified.
    pub email: Option<String>,
    /// What is registered with it: `model_name`, `is_cot` and whatever else.
    pub tags: Map<String, Value>,
    /// Media type of its picture; `None`: it has none.
    pub avatar_kind: Option<String>,
    /// Whether it is the current one.
    pub is_current: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Where it has an id; `None`: it was never registered.
    pub registration: Option<Registration>,
    /// How it stands with its connection; `None`: it shall have none.
    pub connection: Option<Connection>,
}

/// Where a load has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The registry; `None`: this daemon's own.
    pub registry: Option<String>,
    /// The id there.
    pub instance: String,
    /// When it was last registered; `None`: it is not at present, and its id can come back.
    pub registered_at: Option<DateTime<Utc>>,
    /// Whether it shall be connected.
    pub connect: bool,
}

impl From<LoadRow> for Load {
    fn from(row: LoadRow) -> Self {
        let registration = row.instance.map(|instance| Registration {
            registry: row.registry.filter(|registry| !registry.is_empty()),
            instance,
            registered_at: row.registered_at,
            connect: row.connect,
        });
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            email: row.email,
            // Only what was checked is written.
            tags: serde_json::from_str(&row.tags).unwrap_or_default(),
            avatar_kind: row.avatar_kind,
            is_current: row.is_current,
            created_at: row.created_at,
            updated_at: row.updated_at,
            registration,
            connection: None,
        }
    }
}

/// What a new load shall be.
#[derive(Debug, Clone, Default)]
pub struct NewLoad {
    /// What its person calls it, 1 to 255 characters.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The address that is registered with it.
    pub email: Option<String>,
    /// What is registered with it.
    pub tags: Map<String, Value>,
    /// Its picture.
    pub avatar: Option<Avatar>,
}

/// What shall change of a load; `None` stays, `Some(None)` takes away.
#[derive(Debug, Clone, Default)]
pub struct LoadChange {
    /// What its person calls it.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<Option<String>>,
    /// The address that is registered with it.
    pub email: Option<Option<String>>,
    /// What is registered with it; replaces all.
    pub tags: Option<Map<String, Value>>,
    /// Its picture.
    pub avatar: Option<Option<Avatar>>,
}

// What a registry takes stands in `registry::check`. A load is refused at once where it could not be registered, and where its
// person cannot have meant it.

fn said(error: RegistryError) -> String {
    error.to_string()
}

/// A name that a load can have, or what is wrong with it. `what`: as the caller calls it.
pub(super) fn name(what: &str, name: &str) -> Result<(), String> {
    check::name(what, name).map_err(said)
}

/// An address; an empty one is none. Whether it is anybody's is not known.
pub(super) fn email(email: Option<String>) -> Result<Option<String>, String> {
    let Some(email) = check::email(email).map_err(said)? else {
        return Ok(None);
    };
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    let parts = email.rsplit_once('@');
    let whole = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    match whole && email.chars().count() <= EMAIL && email.chars().all(plain) {
        true => Ok(Some(email)),
        false => Err(format!(
            "this is no e-mail address; write one like name@example.org, of at most {EMAIL} characters, or leave it out"
        )),
    }
}

/// A description; an empty one is none.
pub(super) fn description(description: Option<String>) -> Result<Option<String>, String> {
    check::description(description.as_deref()).map_err(said)?;
    Ok(description.filter(|text| !text.is_empty()))
}

/// Tags that can be kept and sent.
pub(super) fn tags(tags: &Map<String, Value>) -> Result<(), String> {
    check::tags(tags).map_err(said)?;
    if tags.len() > MOST_TAGS {
        return Err(format!("there are at most {MOST_TAGS} tags"));
    }
    let named = |key: &String| {
        let length = key.chars().count();
        (1..=TAG).contains(&length) && !key.chars().any(char::is_control)
    };
    if !tags.keys().all(named) {
        return Err(format!(
            "the name of a tag has 1 to {TAG} characters, in one line"
        ));
    }
    let model = tags.get("model_name").and_then(Value::as_str);
    match model.is_some_and(|model| model.trim().is_empty() || model.chars().any(char::is_control))
    {
        true => Err("tags.model_name is the model's name, in one line".to_owned()),
        false => Ok(()),
    }
}

impl NewLoad {
    /// The same, or what is wrong with it.
    pub(super) fn checked(self) -> Result<Self, String> {
        name("name", &self.name)?;
        tags(&self.tags)?;
        Ok(Self {
            description: description(self.description)?,
            email: email(self.email)?,
            ..self
        })
    }
}

impl LoadChange {
    /// The same, or what is wrong with it.
    pub(super) fn checked(self) -> Result<Self, String> {
        if let Some(new) = &self.name {
            name("name", new)?;
        }
        if let Some(new) = &self.tags {
            tags(new)?;
        }
        Ok(Self {
            description: self.description.map(description).transpose()?,
            email: self.email.map(email).transpose()?,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_whatever_is_one_line() {
        for good in ["a", "a/b", "../..", "名前", "100% \"sure\"", "list"] {
            assert_eq!(name("name", good), Ok(()), "{good}");
        }
        assert_eq!(name("name", &"é".repeat(255)), Ok(()));
        for wrong in ["", " ", "a\nb", "a\0", "\u{7f}", &"a".repeat(256)] {
            assert!(name("name", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_is_one_or_none() {
        let of = |text: &str| email(Some(text.to_owned()));
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("a@b"), Ok(Some("a@b".to_owned())));
        for wrong in [
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b\r\nBcc: d@e",
            &"a".repeat(300),
            &format!("a@{}", "b".repeat(253)),
        ] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_description_controls_no_terminal() {
        let of = |text: &str| description(Some(text.to_owned()));
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("a\n\tb"), Ok(Some("a\n\tb".to_owned())));
        for wrong in ["a\r", "\u{1b}[2J", "\0", &"a".repeat(10_001)] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn tags_are_bounded() {
        let of = |value: Value| tags(value.as_object().unwrap());
        assert!(of(serde_json::json!({"model_name": "m", "any": {"thing": [1]}})).is_ok());
        assert!(of(serde_json::json!({"x": "y".repeat(17_000)})).is_err());
        assert!(of(serde_json::json!({"": 1})).is_err());
        let many: Map<String, Value> = (0..65).map(|n| (n.to_string(), Value::Null)).collect();
        assert!(tags(&many).is_err());
        let deep = (0..16).fold(Value::Null, |inner, _| serde_json::json!([inner]));
        for wrong in [
            serde_json::json!({"x": deep}),
            serde_json::json!({"x": "\0"}),
            serde_json::json!({"is_cot": "yes"}),
            serde_json::json!({"document_count": -1}),
            serde_json::json!({"model_name": ""}),
            serde_json::json!({"model_name": 7}),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(of(serde_json::json!({"model_name": null, "is_cot": null})).is_ok());
    }
}
