//! Changes of what was said: the text before is kept beside it, and the index is changed in the same transaction.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::interactions::{
    INTERACTION, InteractionRow, OLD_BYTES, Place, ROW, bytes, interaction_row, use_names,
};
use super::learned_turns::change_turn;
use super::memory_index::{Indexed, Terms, cut, put_back};
use super::spaces::{self, NoRoom, Quota, VERSIONS};
use super::{Store, StoreError, millis, time};

/// What an interaction said before it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// From 1.
    pub version: u32,
    /// What it said.
    pub text: String,
    /// Its metadata, a JSON object.
    pub metadata: Option<String>,
    /// When it was said, as was thought then.
    pub occurred_at: DateTime<Utc>,
    /// When it was changed.
    pub replaced_at: DateTime<Utc>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited {
    /// It is as it is wanted.
    Yes(Box<InteractionRow>),
    /// Somebody changed it in between: this is its version now.
    Changed(u32),
    /// It is not there any more.
    Gone,
    /// The memory would have more than it may.
    Full(NoRoom),
}

/// An interaction as it is taken along.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeInteraction {
    /// As it is now.
    pub row: InteractionRow,
    /// Its idempotency key.
    pub once: Option<String>,
    /// What it said before, the oldest first.
    pub old: Vec<VersionRow>,
}

impl Store {
    /// Changes an interaction: `row` is all of it as it shall be, at its place; `row.version`: what it was when it was read. The
    /// index has it as `indexed` then, under the same number. `terms`: those of a text.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn edit_interaction(
        &self,
        row: InteractionRow,
        indexed: Indexed,
        now: DateTime<Utc>,
        terms: Terms,
        most: Quota,
    ) -> Result<Edited, StoreError> {
        self.write(move |connection| edit(connection, row, indexed, now, terms, most))
            .await
    }

    /// What an interaction said before, the oldest first; none where it was never changed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interaction_versions(&self, place: Place) -> Result<Vec<VersionRow>, StoreError> {
        self.read(|connection| versions(connection, place))
    }

    /// Interactions of a space behind a number, in the order in which they came.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interactions_whole(
        &self,
        space: i64,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Vec<WholeInteraction>, StoreError> {
        self.read(|connection| {
            let first = after.map_or(0, |after| i64::from(after) + 1);
            let rows: Vec<_> = connection
                .prepare_cached(&format!(
                    "{INTERACTION} WHERE space = ?1 AND doc >= ?2 ORDER BY doc LIMIT ?3"
                ))?
                .query_map((space, first, limit), interaction_row)?
                .collect::<rusqlite::Result<_>>()?;
            rows.into_iter()
                .map(|row| {
                    let Place { space, doc } = row.place;
                    let once = connection
                        .prepare_cached(
                            "SELECT once FROM interactions WHERE space = ?1 AND doc = ?2",
                        )?
                        .query_row((space, doc), |row| row.get(0))?;
                    let old = match row.version {
                        0 | 1 => Vec::new(),
                        _ => versions(connection, row.place)?,
                    };
                    Ok(WholeInteraction { row, once, old })
                })
                .collect()
        })
    }
}

fn versions(connection: &Connection, place: Place) -> rusqlite::Result<Vec<VersionRow>> {
    connection
        .prepare_cached(
            "SELECT version, text, metadata, occurred_at, replaced_at FROM interaction_versions
             WHERE space = ?1 AND doc = ?2 ORDER BY version",
        )?
        .query_map((place.space, place.doc), |row| {
            Ok(VersionRow {
                version: row.get(0)?,
                text: row.get(1)?,
                metadata: row.get(2)?,
                occurred_at: time(row.get(3)?),
                replaced_at: time(row.get(4)?),
            })
        })?
        .collect()
}

/// Deletes the oldest versions that are too many; how many bytes they had.
fn prune(connection: &Connection, place: Place) -> rusqlite::Result<u64> {
    let gone: Vec<i64> = connection
        .prepare_cached(&format!(
            "DELETE FROM interaction_versions WHERE space = ?1 AND doc = ?2 AND version <=
               (SELECT version FROM interaction_versions WHERE space = ?1 AND doc = ?2 ORDER BY version DESC LIMIT 1 OFFSET ?3)
             RETURNING {OLD_BYTES}"
        ))?
        .query_map((place.space, place.doc, VERSIONS), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(gone.into_iter().map(i64::unsigned_abs).sum())
}

fn edit(
    connection: &Connection,
    row: InteractionRow,
    mut indexed: Indexed,
    now: DateTime<Utc>,
    terms: Terms,
    most: Quota,
) -> rusqlite::Result<Edited> {
    let Place { space, doc } = row.place;
    let found = connection
        .prepare_cached(&format!("{INTERACTION} WHERE space = ?1 AND doc = ?2"))?
        .query_row((space, doc), interaction_row)
        .optional()?;
    let Some(old) = found.filter(|old| old.id == row.id) else {
        return Ok(Edited::Gone);
    };
    if old.version != row.version {
        return Ok(Edited::Changed(old.version));
    }
    let person: String = connection
        .prepare_cached("SELECT person FROM memory_spaces WHERE id = ?1")?
        .query_row([space], |row| row.get(0))?;
    // What it said before stays, and takes room; its names and key stay as long as it has them. The key is the same.
    let before = old.text.len() + old.metadata.as_ref().map_or(0, String::len);
    let (more, less) = (before as u64 + ROW + bytes(&row, None), bytes(&old, None));
    let Some(mut whole) = spaces::find(connection, &person, &old.user)? else {
        return Ok(Edited::Gone);
    };
    if let Err(why) = spaces::has_room(
        connection,
        &person,
        Some(&whole),
        (0, more.saturating_sub(less)),
        most,
    )? {
        return Ok(Edited::Full(why));
    }
    connection
        .prepare_cached(
            "INSERT INTO interaction_versions (space, doc, version, text, metadata, occurred_at, replaced_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            space, doc, old.version, &old.text, &old.metadata, millis(old.occurred_at), millis(now),
        ))?;
    // Facts say when, too.
    if (&old.text, old.occurred_at) != (&row.text, row.occurred_at) {
        change_turn(connection, space, doc, terms)?;
    }
    cut(
        connection,
        space,
        doc,
        &terms(&old.text, millis(old.occurred_at)),
    )?;
    use_names(
        connection,
        space,
        &row,
        &mut indexed.entry,
        &mut whole.next_name,
    )?;
    indexed.entry.doc = doc;
    put_back(connection, space, indexed)?;
    connection
        .prepare_cached(
            "UPDATE interactions SET speaker = :speaker, session = :session, app = :app, text = :text, metadata = :metadata,
               occurred_at = :occurred, expires_at = :expires, version = :version, updated_at = :updated
             WHERE space = :space AND doc = :doc",
        )?
        .execute(named_params! {
            ":space": space, ":doc": doc, ":speaker": row.speaker, ":session": row.session, ":app": row.app,
            ":text": row.text, ":metadata": row.metadata, ":occurred": millis(row.occurred_at),
            ":expires": row.expires_at.map(millis), ":version": old.version + 1, ":updated": millis(now),
        })?;
    // Numbers and bytes alone are written here: the entry keeps its number, and facts that are outdated now are still kept.
    spaces::grow(connection, &whole, 0, more)?;
    let gone = prune(connection, row.place)?;
    spaces::shrink(connection, space, 0, less + gone)?;
    // As it is kept: times have milliseconds.
    let row = connection
        .prepare_cached(&format!("{INTERACTION} WHERE space = ?1 AND doc = ?2"))?
        .query_row((space, doc), interaction_row)?;
    Ok(Edited::Yes(Box::new(row)))
}
