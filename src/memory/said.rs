//! What was said, as it comes and as it is shown.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::store::InteractionRow;

/// Who speaks, as a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Who set the conversation up.
    System,
    /// What a tool answered.
    Tool,
}

impl Role {
    /// Each, in the order of its number in the index, from 1.
    pub const ALL: [Self; 4] = [Self::User, Self::Assistant, Self::System, Self::Tool];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    /// From its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// As the index numbers it.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Assistant => 2,
            Self::System => 3,
            Self::Tool => 4,
        }
    }
}

/// What is to be kept.
#[derive(Debug, Clone)]
pub struct Said {
    /// What was said; it comes back exactly so.
    pub text: String,
    /// Who speaks, as a kind.
    pub role: Role,
    /// Who speaks, by name, where it is known. Nobody is read out of the text: `Note: …` was said by no Note.
    pub speaker: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// To which application or agent.
    pub app: Option<String>,
    /// What the application wants to know of it.
    pub metadata: Option<Map<String, Value>>,
    /// When; now, where it is not said.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it goes away.
    pub expires_at: Option<DateTime<Utc>>,
    /// The same key with the same text is kept once.
    pub once: Option<String>,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// Who speaks, as a kind.
    pub role: Role,
    /// Who speaks, by name.
    pub speaker: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// To which application or agent.
    pub app: Option<String>,
    /// What was said.
    pub text: String,
    /// What the application wants to know of it.
    pub metadata: Option<Map<String, Value>>,
    /// When it was said.
    pub occurred_at: DateTime<Utc>,
    /// When it was kept.
    pub created_at: DateTime<Utc>,
    /// When it goes away.
    pub expires_at: Option<DateTime<Utc>>,
    /// From 1; each change makes the next one.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// Its number in its user's memory.
    pub number: u32,
}

/// Whether what goes away then is not over yet; of a fact that is when the last of its turns goes.
pub(super) fn is_current(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_none_or(|end| end > now)
}

/// A row, as it is shown.
pub(super) fn shown(row: InteractionRow) -> Interaction {
    Interaction {
        id: row.id,
        user: row.user,
        // Only these are ever kept.
        role: Role::of(&row.role).unwrap_or(Role::User),
        speaker: row.speaker,
        session: row.session,
        app: row.app,
        text: row.text,
        metadata: object(row.metadata),
        occurred_at: row.occurred_at,
        created_at: row.created_at,
        expires_at: row.expires_at,
        version: row.version,
        updated_at: row.updated_at,
        number: row.place.doc,
    }
}

/// Metadata as they are kept.
pub(super) fn object(json: Option<String>) -> Option<Map<String, Value>> {
    json.and_then(|json| serde_json::from_str(&json).ok())
}
