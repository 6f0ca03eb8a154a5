//! Facts that a model read out of what was said.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::memory_index::Terms;
use super::{Store, StoreError, time};

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedRow {
    /// Its number in its space.
    pub doc: u32,
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// One sentence.
    pub text: String,
    /// Since when it is so.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub valid_until: Option<DateTime<Utc>>,
    /// `current`, `replaced` or `rejected`.
    pub state: String,
    /// From 1.
    pub version: u32,
    /// Ids of the turns that it was read out of.
    pub sources: Vec<String>,
    /// When it was read.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

const LEARNED: &str = "SELECT doc, id, (SELECT user FROM memory_spaces WHERE memory_spaces.id = space), text, valid_from,
       valid_until, state, version,
       (SELECT group_concat(interactions.id, ' ') FROM learned_sources JOIN interactions
          ON interactions.space = learned_sources.space AND interactions.doc = source
        WHERE learned_sources.space = learned.space AND learned_sources.doc = learned.doc),
       created_at, updated_at
     FROM learned";

impl Store {
    /// The facts with these numbers, in their order; those that are not there any more are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_at(&self, space: i64, docs: &[u32]) -> Result<Vec<LearnedRow>, StoreError> {
        self.read(|connection| {
            let mut one =
                connection.prepare_cached(&format!("{LEARNED} WHERE space = ?1 AND doc = ?2"))?;
            let mut rows = Vec::with_capacity(docs.len());
            for doc in docs {
                rows.extend(one.query_row((space, doc), learned_row).optional()?);
            }
            Ok(rows)
        })
    }
}

/// Deletes the facts that only this turn supports: it goes, or says something else now.
pub(super) fn leave_turn(
    _connection: &Connection,
    _space: i64,
    _turn: u32,
    _terms: Terms,
) -> rusqlite::Result<()> {
    Ok(())
}

fn learned_row(row: &Row<'_>) -> rusqlite::Result<LearnedRow> {
    let sources: Option<String> = row.get(8)?;
    Ok(LearnedRow {
        doc: row.get(0)?,
        id: row.get(1)?,
        user: row.get(2)?,
        text: row.get(3)?,
        valid_from: row.get::<_, Option<i64>>(4)?.map(time),
        valid_until: row.get::<_, Option<i64>>(5)?.map(time),
        state: row.get(6)?,
        version: row.get(7)?,
        sources: sources
            .iter()
            .flat_map(|ids| ids.split(' '))
            .map(ToOwned::to_owned)
            .collect(),
        created_at: time(row.get(9)?),
        updated_at: time(row.get(10)?),
    })
}
