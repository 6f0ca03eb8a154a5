//! Turns that come again, known by their idempotency key or, as an export names them, by their id.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::interactions::{INTERACTION, InteractionRow, NewInteraction, interaction_row};
use super::{millis, spaces};

/// What the key of a turn begins with that was taken out of a memory without one; behind it stands the id that it had.
const ID: &str = "id:";

/// What became of a turn that was to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptTurn {
    /// Its id.
    pub id: String,
    /// Whether it is new; otherwise it was kept before under the same key, and stays as it is.
    pub new: bool,
    /// What of it came otherwise now, by name, and was left as it is.
    pub unlike: Vec<&'static str>,
}

/// For each whether it was kept before, or comes twice here; the place of one that has another's key.
pub(super) fn known(
    connection: &Connection,
    space: Option<&spaces::Space>,
    all: &[NewInteraction],
) -> rusqlite::Result<Result<Vec<Option<KeptTurn>>, usize>> {
    let mut here: HashMap<&str, &InteractionRow> = HashMap::new();
    let mut before = Vec::with_capacity(all.len());
    for (at, one) in all.iter().enumerate() {
        let row = &one.row;
        let Some(once) = &one.once else {
            before.push(None);
            continue;
        };
        if let Some(first) = here.get(once.as_str()) {
            if (&first.role, &first.text) != (&row.role, &row.text) {
                return Ok(Err(at));
            }
            before.push(Some(again(first, row)));
            continue;
        }
        let kept = match space {
            None => None,
            Some(space) => kept(connection, space.id, once)?,
        };
        match kept {
            None => {
                here.insert(once, row);
                before.push(None);
            }
            Some(kept) if says(connection, &kept, row)? => before.push(Some(again(&kept, row))),
            Some(_) => return Ok(Err(at)),
        }
    }
    Ok(Ok(before))
}

/// The turn with this key.
fn kept(
    connection: &Connection,
    space: i64,
    once: &str,
) -> rusqlite::Result<Option<InteractionRow>> {
    let found = connection
        .prepare_cached(&format!("{INTERACTION} WHERE space = ?1 AND once = ?2"))?
        .query_row((space, once), interaction_row)
        .optional()?;
    match (found, once.strip_prefix(ID)) {
        (None, Some(id)) => connection
            .prepare_cached(&format!("{INTERACTION} WHERE id = ?2 AND space = ?1"))?
            .query_row((space, id), interaction_row)
            .optional(),
        (found, _) => Ok(found),
    }
}

/// Whether it says the same. What it said at first is still the same text, also after it was mended.
fn says(
    connection: &Connection,
    kept: &InteractionRow,
    came: &InteractionRow,
) -> rusqlite::Result<bool> {
    if kept.role != came.role || kept.text == came.text {
        return Ok(kept.role == came.role);
    }
    connection
        .prepare_cached(
            "SELECT 1 FROM interaction_versions WHERE space = ?1 AND doc = ?2 AND text = ?3",
        )?
        .exists((kept.place.space, kept.place.doc, &came.text))
}

fn again(kept: &InteractionRow, came: &InteractionRow) -> KeptTurn {
    // Another order of its members is no difference.
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let other = |kept: &Option<String>, came: &Option<String>| came.is_some() && came != kept;
    let metadata = [&kept.metadata, &came.metadata].map(|one| one.as_deref().map(json));
    // Without a time of its own it was said when it came.
    let said = came.occurred_at != came.created_at;
    let end = came.expires_at.map(millis);
    let all = [
        ("speaker", other(&kept.speaker, &came.speaker)),
        ("session", other(&kept.session, &came.session)),
        ("app", other(&kept.app, &came.app)),
        (
            "metadata",
            came.metadata.is_some() && metadata[0] != metadata[1],
        ),
        (
            "occurred_at",
            said && millis(kept.occurred_at) != millis(came.occurred_at),
        ),
        (
            "expires_at",
            end.is_some() && kept.expires_at.map(millis) != end,
        ),
    ];
    let unlike = all.into_iter().filter(|(_, other)| *other);
    KeptTurn {
        id: kept.id.clone(),
        new: false,
        unlike: unlike.map(|(name, _)| name).collect(),
    }
}
