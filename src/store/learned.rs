//! Facts that a model read out of what was said, or that a person stated: what is asked about them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};

use super::memory_blocks::read_postings;
use super::{Store, StoreError, time};

/// The state of a fact that holds and is found.
pub const CURRENT: &str = "current";
/// Of one that another one took the place of.
pub const REPLACED: &str = "replaced";
/// Of one that its person does not want.
pub const REJECTED: &str = "rejected";
/// Of one whose turns were all changed since, and not read again yet, or that the reading did not find again.
pub const OUTDATED: &str = "outdated";

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
    /// Since when it is so, or when the newest of its turns was said: its time in the index.
    pub at: DateTime<Utc>,
    /// [`CURRENT`], [`REPLACED`], [`REJECTED`] or [`OUTDATED`].
    pub state: String,
    /// The id of the fact that took its place.
    pub replaced_by: Option<String>,
    /// From 1.
    pub version: u32,
    /// The model that read it; `None`: a person stated or mended it.
    pub model: Option<String>,
    /// Ids of the turns that it was read out of.
    pub sources: Vec<String>,
    /// When the last of its turns is over; `None`: never, or it has none.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the newest of its turns was said.
    pub said_at: Option<DateTime<Utc>>,
    /// When it was read.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a fact said before it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedVersionRow {
    /// From 1.
    pub version: u32,
    /// As it was.
    pub text: String,
    /// As it was.
    pub valid_from: Option<DateTime<Utc>>,
    /// As it was.
    pub valid_until: Option<DateTime<Utc>>,
    /// Who had read it; `None`: a person.
    pub model: Option<String>,
    /// When the next version took its place.
    pub replaced_at: DateTime<Utc>,
}

/// Columns as [`learned_row`] reads them.
pub(super) const LEARNED: &str = "SELECT doc, id, (SELECT user FROM memory_spaces WHERE memory_spaces.id = space), text, valid_from,
       valid_until, at, state, replaced_by, version, model,
       (SELECT group_concat(interactions.id, ' ' ORDER BY source) FROM learned_sources JOIN interactions
          ON interactions.space = learned_sources.space AND interactions.doc = source
        WHERE learned_sources.space = learned.space AND learned_sources.doc = learned.doc),
       (SELECT CASE WHEN count(*) = count(expires_at) THEN max(expires_at) END FROM learned_sources JOIN interactions
          ON interactions.space = learned_sources.space AND interactions.doc = source
        WHERE learned_sources.space = learned.space AND learned_sources.doc = learned.doc),
       (SELECT max(occurred_at) FROM learned_sources JOIN interactions
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
        self.read(|connection| rows_at(connection, space, docs))
    }

    /// A fact of a person; `user`: only where it is in this one's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned(
        &self,
        person: &str,
        user: Option<&str>,
        id: &str,
    ) -> Result<Option<LearnedRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{LEARNED} WHERE id = ?1 AND space IN
                       (SELECT id FROM memory_spaces WHERE person = ?2 AND user >= ' ' AND (?3 IS NULL OR user = ?3))"
                ))?
                .query_row((id, person, user), learned_row)
                .optional()
        })
    }

    /// What a fact said before, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_versions(&self, id: &str) -> Result<Vec<LearnedVersionRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT version, text, valid_from, valid_until, model, replaced_at FROM learned_versions
                     WHERE fact = ?1 ORDER BY version",
                )?
                .query_map([id], |row| {
                    Ok(LearnedVersionRow {
                        version: row.get(0)?,
                        text: row.get(1)?,
                        valid_from: row.get::<_, Option<i64>>(2)?.map(time),
                        valid_until: row.get::<_, Option<i64>>(3)?.map(time),
                        model: row.get(4)?,
                        replaced_at: time(row.get(5)?),
                    })
                })?
                .collect()
        })
    }

    /// Facts of a user, the newest first; `state`: only those in it; `before`: only those with a lower number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_of(
        &self,
        person: &str,
        user: &str,
        state: Option<&str>,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<LearnedRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{LEARNED} WHERE space = (SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2)
                       AND (?3 IS NULL OR state = ?3) AND doc < ?4 ORDER BY doc DESC LIMIT ?5"
                ))?
                .query_map(
                    (person, user, state, before.map_or(i64::MAX, i64::from), limit),
                    learned_row,
                )?
                .collect()
        })
    }

    /// The current facts that have most in common with these terms, the nearest first; of a memory with many facts those
    /// with rare terms in common.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_near(
        &self,
        space: i64,
        terms: &BTreeSet<String>,
        most: usize,
    ) -> Result<Vec<LearnedRow>, StoreError> {
        self.read(|connection| {
            let facts: BTreeSet<u32> = connection
                .prepare_cached("SELECT doc FROM learned WHERE space = ?1 AND state = 'current'")?
                .query_map([space], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if facts.is_empty() {
                return Ok(Vec::new());
            }
            let mut index = connection.prepare_cached(
                "SELECT block, docs FROM memory_index WHERE space = ?1 AND term = ?2",
            )?;
            let mut near: BTreeMap<u32, f32> = BTreeMap::new();
            let mut postings = Vec::new();
            for term in terms {
                postings.clear();
                let mut blocks = index.query((space, term))?;
                while let Some(row) = blocks.next()? {
                    read_postings(row.get(0)?, row.get_ref(1)?.as_blob()?, &mut postings);
                }
                postings.retain(|one| facts.contains(&one.doc));
                let rarity = (1.0 + facts.len() as f32 / postings.len().max(1) as f32).ln();
                for one in &postings {
                    *near.entry(one.doc).or_default() += rarity;
                }
            }
            let mut near: Vec<_> = near.into_iter().collect();
            near.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
            near.truncate(most);
            let docs: Vec<_> = near.into_iter().map(|(doc, _)| doc).collect();
            rows_at(connection, space, &docs)
        })
    }

    /// The facts in this state that were read out of one of these turns.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_from(
        &self,
        space: i64,
        turns: &[u32],
        state: &str,
    ) -> Result<Vec<LearnedRow>, StoreError> {
        self.read(|connection| {
            let mut docs = BTreeSet::new();
            let mut of = connection.prepare_cached(
                "SELECT learned.doc FROM learned_sources JOIN learned USING (space, doc)
                 WHERE space = ?1 AND source = ?2 AND state = ?3",
            )?;
            for turn in turns {
                let found = of.query_map((space, turn, state), |row| row.get(0))?;
                docs.extend(found.collect::<rusqlite::Result<Vec<u32>>>()?);
            }
            rows_at(connection, space, &docs.into_iter().collect::<Vec<_>>())
        })
    }
}

fn rows_at(
    connection: &rusqlite::Connection,
    space: i64,
    docs: &[u32],
) -> rusqlite::Result<Vec<LearnedRow>> {
    let mut one = connection.prepare_cached(&format!("{LEARNED} WHERE space = ?1 AND doc = ?2"))?;
    let mut rows = Vec::with_capacity(docs.len());
    for doc in docs {
        rows.extend(one.query_row((space, doc), learned_row).optional()?);
    }
    Ok(rows)
}

pub(super) fn learned_row(row: &Row<'_>) -> rusqlite::Result<LearnedRow> {
    let sources: Option<String> = row.get(11)?;
    Ok(LearnedRow {
        doc: row.get(0)?,
        id: row.get(1)?,
        user: row.get(2)?,
        text: row.get(3)?,
        valid_from: row.get::<_, Option<i64>>(4)?.map(time),
        valid_until: row.get::<_, Option<i64>>(5)?.map(time),
        at: time(row.get(6)?),
        state: row.get(7)?,
        replaced_by: row.get(8)?,
        version: row.get(9)?,
        model: row.get(10)?,
        sources: sources
            .iter()
            .flat_map(|ids| ids.split(' '))
            .map(ToOwned::to_owned)
            .collect(),
        expires_at: row.get::<_, Option<i64>>(12)?.map(time),
        said_at: row.get::<_, Option<i64>>(13)?.map(time),
        created_at: time(row.get(14)?),
        updated_at: time(row.get(15)?),
    })
}
