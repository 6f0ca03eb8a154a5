//! What was said, word for word. A row and what the index knows of it are written in one transaction.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::again::{KeptTurn, known};
use super::learned_turns::leave_turn;
use super::memory_blocks::Entry;
use super::memory_index::{Indexed, NameKind, Terms, append, cut_all, use_name};
use super::spaces::{self, NoRoom, Quota};
use super::{Store, StoreError, millis, time};

/// An interaction.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionRow {
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// Where it is.
    pub place: Place,
    /// Who speaks, as a kind.
    pub role: String,
    /// Who speaks, by name.
    pub speaker: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// To which application or agent.
    pub app: Option<String>,
    /// What was said.
    pub text: String,
    /// What the application wants to know of it: a JSON object.
    pub metadata: Option<String>,
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
}

/// Where an interaction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The number of its space.
    pub space: i64,
    /// Its number there.
    pub doc: u32,
}

/// One to be kept. Its place and the numbers in its entry are given to it by the store.
#[derive(Debug, Clone)]
pub struct NewInteraction {
    /// All but its place.
    pub row: InteractionRow,
    /// Its idempotency key.
    pub once: Option<String>,
    /// What the index keeps of it.
    pub indexed: Indexed,
}

/// What became of interactions that were to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// What became of each.
    Ids(Vec<KeptTurn>),
    /// The one at this place has the idempotency key of another text. None was kept.
    Conflict(usize),
    /// The memory would have more than it may. None was kept.
    Full(NoRoom),
}

pub(super) const INTERACTION: &str = "SELECT id, space, doc, role, speaker, session, app, text, metadata, occurred_at, created_at, expires_at,
       (SELECT user FROM memory_spaces WHERE memory_spaces.id = space), version, updated_at
     FROM interactions";

/// Most interactions of one step of a deletion,
const STEP: usize = 500;
/// and bytes of their texts, after which it ends.
const STEP_BYTES: usize = 256 << 10;

impl Store {
    /// Keeps interactions of one user, all or none, in this order. `most`: how much a user may have. `is_taken`: the person
    /// is not there any more.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn add_interactions(
        &self,
        person: String,
        user: String,
        all: Vec<NewInteraction>,
        most: Quota,
    ) -> Result<Added, StoreError> {
        self.write(move |connection| add(connection, &person, &user, all, most))
            .await
    }

    /// An interaction of a person; `user`: only where it is in this one's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interaction(
        &self,
        person: &str,
        user: Option<&str>,
        id: &str,
    ) -> Result<Option<InteractionRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{INTERACTION} WHERE id = ?1 AND space IN
                       (SELECT id FROM memory_spaces WHERE person = ?2 AND user >= ' ' AND (?3 IS NULL OR user = ?3))"
                ))?
                .query_row((id, person, user), interaction_row)
                .optional()
        })
    }

    /// The interactions with these numbers, in their order; those that are not there any more are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interactions_at(
        &self,
        space: i64,
        docs: &[u32],
    ) -> Result<Vec<InteractionRow>, StoreError> {
        self.read(|connection| {
            let mut one = connection
                .prepare_cached(&format!("{INTERACTION} WHERE space = ?1 AND doc = ?2"))?;
            let mut rows = Vec::with_capacity(docs.len());
            for doc in docs {
                rows.extend(one.query_row((space, doc), interaction_row).optional()?);
            }
            Ok(rows)
        })
    }

    /// Interactions of anybody that are over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interactions_over(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<InteractionRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{INTERACTION} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"
                ))?
                .query_map((millis(now), limit), interaction_row)?
                .collect()
        })
    }

    /// The numbers of a space's interactions that are over, and of the facts that they alone support.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn over_in(&self, space: i64, now: DateTime<Utc>) -> Result<Vec<u32>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    // By the index of ends (`+`): every search asks, and few are over.
                    "WITH over AS (SELECT doc FROM interactions WHERE expires_at <= ?1 AND +space = ?2)
                     SELECT doc FROM over UNION
                     SELECT doc FROM learned_sources AS fact WHERE space = ?2 AND source IN over AND NOT EXISTS
                       (SELECT 1 FROM learned_sources AS other
                        WHERE space = ?2 AND doc = fact.doc AND source NOT IN over)",
                )?
                .query_map((millis(now), space), |row| row.get(0))?
                .collect()
        })
    }

    /// Deletes interactions and what the index knows of them, in steps, so that others write in between; how many were there.
    /// `terms`: those of a text.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_interactions(
        &self,
        all: Vec<Place>,
        terms: Terms,
    ) -> Result<usize, StoreError> {
        let (mut left, mut deleted) = (all, 0);
        while !left.is_empty() {
            let store = self.clone();
            let step = tokio::task::spawn_blocking(move || {
                store.step(&left, terms).map(|(step, taken)| {
                    left.drain(..taken);
                    (step, left)
                })
            });
            let (step, rest) = step.await.map_err(|_| StoreError::Closed)??;
            left = rest;
            deleted += self
                .write(move |connection| {
                    let mut deleted = 0;
                    for (space, gone) in step {
                        deleted += remove(connection, space, gone, terms)?;
                    }
                    Ok(deleted)
                })
                .await?;
        }
        Ok(deleted)
    }

    /// What one step of a deletion takes away, by space, and how many of the places these are. Terms are made here: making them
    /// of long texts would hold up the writer.
    fn step(
        &self,
        all: &[Place],
        terms: Terms,
    ) -> Result<(BTreeMap<i64, Vec<Gone>>, usize), StoreError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT text, occurred_at, version FROM interactions WHERE space = ?1 AND doc = ?2",
            )?;
            let (mut step, mut bytes, mut taken) = (BTreeMap::<i64, Vec<Gone>>::new(), 0, 0);
            for Place { space, doc } in all.iter().take(STEP) {
                let found = find
                    .query_row((space, doc), |row| {
                        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
                    })
                    .optional()?;
                taken += 1;
                let Some((text, at, version)) = found else {
                    continue;
                };
                bytes += text.len();
                step.entry(*space).or_default().push(Gone {
                    doc: *doc,
                    version,
                    terms: terms(&text, at),
                });
                if bytes >= STEP_BYTES {
                    break;
                }
            }
            Ok((step, taken))
        })
    }

    /// Hides interactions of a space in one transaction: they are over, so nothing finds them, and whoever deletes what is over
    /// deletes them. Each is given with the version in which it was seen: where one was changed since or is not there any more,
    /// none is hidden; whether they were.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_interactions(
        &self,
        space: i64,
        all: Vec<(u32, u32)>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| end(connection, space, &all))
            .await
    }

    /// The versions of a space's interactions that are not the first, by number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn later_versions(&self, space: i64) -> Result<HashMap<u32, u32>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT doc, max(version) + 1 FROM interaction_versions WHERE space = ?1 GROUP BY doc",
                )?
                .query_map([space], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Some interactions of a space that are not over, by number: the newest first, those below `from`; or the oldest first, those
    /// above it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn interactions_page(
        &self,
        space: i64,
        newest_first: bool,
        from: Option<u32>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<InteractionRow>, StoreError> {
        let (side, order, all) = match newest_first {
            true => ("<", "DESC", i64::MAX),
            false => (">", "ASC", -1),
        };
        let from = from.map_or(all, i64::from);
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{INTERACTION} WHERE space = ?1 AND doc {side} ?2 AND (expires_at IS NULL OR expires_at > ?3)
                     ORDER BY doc {order} LIMIT ?4"
                ))?
                .query_map((space, from, millis(now), limit), interaction_row)?
                .collect()
        })
    }
}

fn end(connection: &Connection, space: i64, all: &[(u32, u32)]) -> rusqlite::Result<bool> {
    let mut same = connection.prepare_cached(
        "SELECT 1 FROM interactions WHERE space = ?1 AND doc = ?2 AND version = ?3",
    )?;
    for (doc, version) in all {
        if !same.exists((space, doc, version))? {
            return Ok(false);
        }
    }
    let mut end = connection
        .prepare_cached("UPDATE interactions SET expires_at = 0 WHERE space = ?1 AND doc = ?2")?;
    for (doc, _) in all {
        end.execute((space, doc))?;
    }
    Ok(true)
}

fn add(
    connection: &Connection,
    person: &str,
    user: &str,
    all: Vec<NewInteraction>,
    most: Quota,
) -> rusqlite::Result<Added> {
    let found = spaces::find(connection, person, user)?;
    let before = match known(connection, found.as_ref(), &all)? {
        Ok(before) => before,
        Err(at) => return Ok(Added::Conflict(at)),
    };
    let new = || all.iter().zip(&before).filter(|(_, id)| id.is_none());
    let count = u32::try_from(new().count()).unwrap_or(u32::MAX);
    let bytes = new().map(|(one, _)| bytes(&one.row, one.once.as_deref()));
    let bytes = bytes.sum();
    if count > 0
        && let Err(why) =
            spaces::has_room(connection, person, found.as_ref(), (count, bytes), most)?
    {
        return Ok(Added::Full(why));
    }
    let mut space = match found {
        Some(space) => space,
        None if count == 0 => return Ok(Added::Ids(Vec::new())),
        None => spaces::open(connection, person, user)?,
    };
    let (mut ids, mut indexed) = (Vec::new(), Vec::new());
    for (mut one, before) in all.into_iter().zip(before) {
        if let Some(kept) = before {
            ids.push(kept);
            continue;
        }
        let (at, doc) = (space.id, space.next_doc);
        space.next_doc += 1;
        let entry = &mut one.indexed.entry;
        use_names(connection, at, &one.row, entry, &mut space.next_name)?;
        entry.doc = doc;
        insert(connection, at, doc, &one)?;
        ids.push(KeptTurn {
            id: one.row.id,
            new: true,
            unlike: Vec::new(),
        });
        indexed.push(one.indexed);
    }
    append(connection, space.id, &indexed)?;
    spaces::grow(connection, &space, count, bytes)?;
    Ok(Added::Ids(ids))
}

/// Bytes of a turn, as spaces count them: its text and metadata, its names and key, and what its row takes besides.
pub(super) fn bytes(row: &InteractionRow, once: Option<&str>) -> u64 {
    let texts = [&row.metadata, &row.speaker, &row.session, &row.app];
    let texts = texts.into_iter().flatten().map(String::len);
    let length = row.text.len() + texts.sum::<usize>() + once.map_or(0, str::len);
    length as u64 + ROW
}

/// The same of one that is kept. The schema counts so too where it comes from a time that counted less.
const BYTES: &str = "octet_length(text) + coalesce(octet_length(metadata), 0) + coalesce(octet_length(speaker), 0)
   + coalesce(octet_length(session), 0) + coalesce(octet_length(app), 0) + coalesce(octet_length(once), 0) + 256";
/// Bytes of what one said before.
pub(super) const OLD_BYTES: &str = "octet_length(text) + coalesce(octet_length(metadata), 0) + 256";
/// What a row takes besides, with its part of the index and its meaning, bytes: as in [`BYTES`].
pub(super) const ROW: u64 = 256;

/// Gives an entry the numbers of its row's names.
pub(super) fn use_names(
    connection: &Connection,
    space: i64,
    row: &InteractionRow,
    entry: &mut Entry,
    next: &mut u32,
) -> rusqlite::Result<()> {
    let mut name =
        |kind, name: &Option<String>| use_name(connection, space, kind, name.as_deref(), next);
    entry.session = name(NameKind::Session, &row.session)?;
    entry.speaker = name(NameKind::Speaker, &row.speaker)?;
    entry.app = name(NameKind::App, &row.app)?;
    Ok(())
}

/// An interaction that goes, as it was when its terms were made.
struct Gone {
    doc: u32,
    version: u32,
    terms: Vec<(String, u8)>,
}

/// Deletes interactions of a space with all that they said before, what the index knows of them, and the facts that they alone
/// support; how many were there. `terms`: those of a text.
fn remove(
    connection: &Connection,
    space: i64,
    all: Vec<Gone>,
    terms: Terms,
) -> rusqlite::Result<usize> {
    let (mut gone, mut bytes) = (Vec::new(), 0);
    for one in all {
        let doc = &one.doc;
        let older: i64 = connection
            .prepare_cached(&format!(
                "SELECT coalesce(sum({OLD_BYTES}), 0) FROM interaction_versions WHERE space = ?1 AND doc = ?2"
            ))?
            .query_row((space, doc), |row| row.get(0))?;
        leave_turn(connection, space, *doc, terms)?;
        let own: Option<(Option<String>, i64, u64)> = connection
            .prepare_cached(&format!(
                "DELETE FROM interactions WHERE space = ?1 AND doc = ?2
                 RETURNING CASE WHEN version <> ?3 THEN text END, occurred_at, {BYTES}"
            ))?
            .query_row((space, doc, one.version), |row| {
                let bytes: i64 = row.get(2)?;
                Ok((row.get(0)?, row.get(1)?, bytes.unsigned_abs()))
            })
            .optional()?;
        if let Some((edited, at, own)) = own {
            // Mostly nothing was changed since.
            let own_terms = edited.map_or(one.terms, |text| terms(&text, at));
            gone.push((*doc, own_terms));
            bytes += own + older.unsigned_abs();
        }
    }
    let all: Vec<_> = gone
        .iter()
        .map(|(doc, terms)| (*doc, terms.as_slice()))
        .collect();
    cut_all(connection, space, &all)?;
    // The last: an empty space goes.
    let entries = u32::try_from(gone.len()).unwrap_or(u32::MAX);
    spaces::shrink(connection, space, entries, bytes)?;
    Ok(gone.len())
}

fn insert(
    connection: &Connection,
    space: i64,
    doc: u32,
    one: &NewInteraction,
) -> rusqlite::Result<()> {
    let row = &one.row;
    connection
        .prepare_cached(
            "INSERT INTO interactions (space, doc, id, role, speaker, session, app, text, metadata, occurred_at,
               created_at, expires_at, once)
             VALUES (:space, :doc, :id, :role, :speaker, :session, :app, :text, :metadata, :occurred, :created, :expires,
               :once)",
        )?
        .execute(named_params! {
            ":space": space, ":doc": doc, ":id": row.id, ":role": row.role, ":speaker": row.speaker,
            ":session": row.session, ":app": row.app, ":text": row.text, ":metadata": row.metadata,
            ":occurred": millis(row.occurred_at), ":created": millis(row.created_at),
            ":expires": row.expires_at.map(millis), ":once": one.once,
        })
        .map(drop)
}

pub(super) fn interaction_row(row: &Row<'_>) -> rusqlite::Result<InteractionRow> {
    Ok(InteractionRow {
        id: row.get(0)?,
        place: Place {
            space: row.get(1)?,
            doc: row.get(2)?,
        },
        role: row.get(3)?,
        speaker: row.get(4)?,
        session: row.get(5)?,
        app: row.get(6)?,
        text: row.get(7)?,
        metadata: row.get(8)?,
        occurred_at: time(row.get(9)?),
        created_at: time(row.get(10)?),
        expires_at: row.get::<_, Option<i64>>(11)?.map(time),
        user: row.get(12)?,
        version: row.get(13)?,
        updated_at: row.get::<_, Option<i64>>(14)?.map(time),
    })
}

#[cfg(test)]
mod tests;
