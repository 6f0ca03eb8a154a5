//! What is registered, and what is asked about it.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::identity::{PersonId, Principal, Scopes};

/// What shall be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// What people call it, 1 to 255 characters in one line.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they say; not verified.
    pub email: Option<String>,
    /// `model_name`, `is_cot`, `document_count` and whatever else its maker tells.
    pub tags: Map<String, Value>,
}

/// In whose name something is registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Registrant {
    /// The person.
    pub person: PersonId,
    /// What tokens for the password can at most have; `None`: as of one whom nobody knows.
    pub ceiling: Option<Scopes>,
}

impl Registrant {
    /// A caller: a password that it is given opens no more than its own credentials do.
    pub fn of(principal: &Principal) -> Self {
        Self {
            person: principal.person.clone(),
            ceiling: Some(principal.ceiling()),
        }
    }

    /// A person, where nobody gets the password.
    pub fn nothing_of(person: &PersonId) -> Self {
        Self {
            person: person.clone(),
            ceiling: Some(Scopes::default()),
        }
    }
}

/// How one who registers an id again has shown that it is theirs.
#[derive(Debug, Clone, Copy)]
pub enum RegisteredBy<'a> {
    /// By its password, which was proven: the new one opens what that did.
    Password,
    /// As the person whose it is: the new password opens what the person's credentials allow.
    Person(&'a Registrant),
}

/// Something registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its id, which is never given to another one.
    pub id: String,
    /// Whose it is; `None`: nobody who is known.
    pub person: Option<PersonId>,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they said.
    pub email: Option<String>,
    /// As in [`Upload::tags`].
    pub tags: Map<String, Value>,
    /// What it can do, as its maker told.
    pub capabilities: Option<Map<String, Value>>,
    /// Whether it is there.
    pub status: Status,
    /// When it was first registered.
    pub registered_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last heard; to the minute while it is connected.
    pub heard_at: Option<DateTime<Utc>>,
    /// When its password was last shown, to the minute.
    pub used_at: Option<DateTime<Utc>>,
    /// As in [`Registrant::ceiling`].
    pub ceiling: Option<Scopes>,
}

/// Whether an instance is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Connected.
    Online,
    /// Registered, and not connected.
    Offline,
    /// Not registered any more.
    Unregistered,
}

impl Status {
    /// Its word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Unregistered => "unregistered",
        }
    }
}

/// What was registered just now: the only time that anybody sees the password.
#[derive(Debug)]
pub struct Registered {
    /// The instance.
    pub instance: Instance,
    /// `jp_` and 256 random bits in Base64.
    pub password: SecretString,
}

/// What of an instance shall change; `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstanceChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Whose it is, as they say.
    pub email: Option<String>,
    /// As in [`Upload::tags`]; replaces all.
    pub tags: Option<Map<String, Value>>,
    /// What it can do; replaces all.
    pub capabilities: Option<Map<String, Value>>,
}

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// Only this person's.
    pub person: Option<PersonId>,
    /// Only with words that begin like those of this text in its name.
    pub name: Option<String>,
    /// Only with this tag, and with this value where one is given.
    pub tag: Option<(String, Option<String>)>,
    /// Only of these; none: all.
    pub statuses: Vec<Status>,
    /// What [`Page::next`] of the page before said.
    pub after: Option<i64>,
    /// How many of the newest matches are passed over: for clients that count pages.
    pub skip: u64,
    /// Most of one page, 1 to 100.
    pub limit: u32,
    /// Whether it is told how many there are on all pages, which is looked up or counted.
    pub total: bool,
}

/// One page of what was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Newest first.
    pub instances: Vec<Instance>,
    /// Where the next one begins; `None`: this is the last.
    pub next: Option<i64>,
    /// How many there are on all pages, where the search asks for that; else 0.
    pub total: u64,
}

/// A role that an instance tells. It is kept for the instance's own clients; no chat reads it yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its id, given by the instance.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What a model shall be told.
    pub system_prompt: Option<String>,
    /// Address of a picture.
    pub icon: Option<String>,
    /// Whether it may be chosen.
    pub is_active: bool,
    /// Whether it looks into the first level of memory.
    pub enable_l0_retrieval: bool,
    /// Whether it looks into the second level of memory.
    pub enable_l1_retrieval: bool,
}
