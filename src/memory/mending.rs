//! What was said, mended: the text before is kept beside it, and no search finds it any more.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::embed::Written;
use super::entry::terms;
use super::interaction::{QUOTA, prepare, unknown, work};
use super::said::{Interaction, Said, object, shown};
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::store::Edited;

/// What changes of an interaction. `None` stays; `Some(None)` goes.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    /// What was said.
    pub text: Option<String>,
    /// Who speaks, by name.
    pub speaker: Option<Option<String>>,
    /// In which session.
    pub session: Option<Option<String>>,
    /// To which application or agent.
    pub app: Option<Option<String>>,
    /// What the application wants to know of it: members over those that are there, null takes one away (RFC 7396).
    pub metadata: Option<Option<Map<String, Value>>>,
    /// When it was said.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it goes away.
    pub expires_at: Option<Option<DateTime<Utc>>>,
    /// Only where this is its version.
    pub version: Option<u32>,
}

/// What an interaction says, or said before.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// From 1.
    pub version: u32,
    /// What it said.
    pub text: String,
    /// Its metadata.
    pub metadata: Option<Map<String, Value>>,
    /// When it was said, as was thought then.
    pub occurred_at: DateTime<Utc>,
    /// When it was replaced; `None`: it is what is there now.
    pub replaced_at: Option<DateTime<Utc>>,
}

impl Memory {
    /// Changes an interaction. What it said before stays in its history; searches find what it says now, and nothing else.
    ///
    /// # Errors
    /// `UnknownInteraction`, also for what is in another's memory; `Changed`, `Invalid`, `Crowded`, `Heavy`; the store cannot be
    /// written.
    pub async fn mend(
        &self,
        by: &Principal,
        id: &str,
        mend: Mend,
    ) -> Result<Interaction, MemoryError> {
        let old = self.row(by, id)?;
        if let Some(version) = mend.version
            && version != old.version
        {
            return Err(MemoryError::Changed(old.version));
        }
        let now = (self.clock)();
        let said = mended(shown(old.clone()), mend);
        let (id_of, user) = (old.id.clone(), old.user.clone());
        let model = self.embedder.quick().await;
        let new = work(move || prepare(id_of, &user, said, now, model.as_deref())).await?;
        let new = new.map_err(MemoryError::Invalid)?;
        let mut row = new.row;
        (row.place, row.version) = (old.place, old.version);
        (row.created_at, row.updated_at) = (old.created_at, old.updated_at);
        // Written anew it may look different, and mean the same.
        if object(row.metadata.clone()) == object(old.metadata.clone()) {
            row.metadata = old.metadata.clone();
        }
        if row == old {
            return Ok(shown(old));
        }
        let written = Written::Of(by.person.to_string(), row.user.clone());
        let quick = new.indexed.vector.is_some();
        let edited = self
            .store
            .edit_interaction(row, new.indexed, now, terms, QUOTA);
        match edited.await? {
            Edited::Yes(row) => {
                self.embedder.written(written, quick);
                Ok(shown(*row))
            }
            Edited::Changed(version) => Err(MemoryError::Changed(version)),
            Edited::Gone => Err(unknown(id)),
            Edited::Full(why) => Err(why.into()),
        }
    }

    /// What an interaction said and says, the oldest first.
    ///
    /// # Errors
    /// `UnknownInteraction`, also for what is in another's memory; the store cannot be read.
    pub fn history(&self, by: &Principal, id: &str) -> Result<Vec<Version>, MemoryError> {
        let row = self.row(by, id)?;
        let old = self.store.interaction_versions(row.place)?;
        let mut all: Vec<_> = old.into_iter().map(Version::from).collect();
        all.push(Version {
            version: row.version,
            text: row.text,
            metadata: object(row.metadata),
            occurred_at: row.occurred_at,
            replaced_at: None,
        });
        Ok(all)
    }
}

impl From<crate::store::VersionRow> for Version {
    fn from(row: crate::store::VersionRow) -> Self {
        Self {
            version: row.version,
            text: row.text,
            metadata: object(row.metadata),
            occurred_at: row.occurred_at,
            replaced_at: Some(row.replaced_at),
        }
    }
}

/// All of an interaction as it shall be.
fn mended(old: Interaction, mend: Mend) -> Said {
    let text = mend.text.unwrap_or_else(|| old.text.clone());
    let speaker = mend.speaker.unwrap_or(old.speaker);
    let metadata = match mend.metadata {
        None => old.metadata,
        Some(None) => None,
        Some(Some(patch)) => Some(merged(old.metadata.unwrap_or_default(), patch)),
    };
    Said {
        text,
        role: old.role,
        speaker,
        session: mend.session.unwrap_or(old.session),
        app: mend.app.unwrap_or(old.app),
        metadata,
        occurred_at: Some(mend.occurred_at.unwrap_or(old.occurred_at)),
        expires_at: mend.expires_at.unwrap_or(old.expires_at),
        once: None,
    }
}

/// JSON Merge Patch (RFC 7396) of an object.
fn merged(mut into: Map<String, Value>, patch: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.remove(&name);
            }
            Value::Object(patch) => {
                let before = match into.remove(&name) {
                    Some(Value::Object(before)) => before,
                    _ => Map::new(),
                };
                into.insert(name, Value::Object(merged(before, patch)));
            }
            value => {
                into.insert(name, value);
            }
        }
    }
    into
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_of_metadata_is_merged_as_rfc_7396_says() {
        let of = |value: Value| value.as_object().cloned().unwrap();
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (
                json!({"a": "b", "b": 1}),
                json!({"a": null}),
                json!({"b": 1}),
            ),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [1]}),
                json!({"a": {"b": null, "c": 1}}),
                json!({"a": {"c": 1}}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (old, patch, new) in cases {
            assert_eq!(merged(of(old), of(patch)), of(new));
        }
    }
}
