//! What a load is, and what it may look like.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Avatar, Connection};
use crate::store::LoadRow;

/// Longest name, characters.
pub(super) const NAME: usize = 255;
/// Longest address, characters (RFC 5321 section 4.5.3.1.3, the brackets off).
const EMAIL: usize = 254;
/// Longest description, characters.
const DESCRIPTION: usize = 4096;
/// Largest tags, bytes as JSON.
const TAGS: usize = 16 << 10;
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

/// A name that a load can have, or what is wrong with it.
pub(super) fn name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    match length == 0 || length > NAME || name.chars().any(char::is_control) {
        true => Err(format!("a name has 1 to {NAME} characters, in one line")),
        false if name.trim().is_empty() => Err("a name has more than blanks".to_owned()),
        false => Ok(()),
    }
}

/// An address; an empty one is none. Whether it is anybody's is not known.
pub(super) fn email(email: Option<String>) -> Result<Option<String>, String> {
    let Some(email) = email.filter(|email| !email.is_empty()) else {
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
    let Some(text) = description.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    match text.chars().count() <= DESCRIPTION && text.chars().all(plain) {
        true => Ok(Some(text)),
        false => Err(format!(
            "a description has at most {DESCRIPTION} characters, and none that control a terminal"
        )),
    }
}

/// Tags that can be kept and sent.
pub(super) fn tags(tags: &Map<String, Value>) -> Result<(), String> {
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
    let size = serde_json::to_string(tags).map_or(usize::MAX, |text| text.len());
    if size > TAGS {
        return Err(format!("tags have at most {TAGS} bytes as JSON"));
    }
    super::tags::known(tags)
}

impl NewLoad {
    /// The same, or what is wrong with it.
    pub(super) fn checked(self) -> Result<Self, String> {
        name(&self.name)?;
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
            name(new)?;
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
            assert_eq!(name(good), Ok(()), "{good}");
        }
        assert_eq!(name(&"é".repeat(255)), Ok(()));
        for wrong in ["", " ", "a\nb", "a\0", "\u{7f}", &"a".repeat(256)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
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
        ] {
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
    }
}
