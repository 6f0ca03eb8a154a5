//! What was said, word for word. A row and what the index knows of it are written in one transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::learned_turns::leave_turn;
use super::memory_blocks::Entry;
use super::memory_index::{Indexed, NameKind, Terms, append, cut, use_name};
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
    /// The id of each, and whether it is new; one that is not was kept before under the same idempotency key.
    Ids(Vec<(String, bool)>),
    /// The one at this place has the idempotency key of another text. None was kept.
    Conflict(usize),
    /// The memory would have more than it may. None was kept.
    Full(NoRoom),
}

pub(super) const INTERACTION: &str = "SELECT id, space, doc, role, speaker, session, app, text, metadata, occurred_at, created_at, expires_at,
       (SELECT user FROM memory_spaces WHERE memory_spaces.id = space), version, updated_at
     FROM interactions";

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

    /// The numbers of a space's interactions that are over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn over_in(&self, space: i64, now: DateTime<Utc>) -> Result<Vec<u32>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT doc FROM interactions WHERE expires_at <= ?1 AND space = ?2",
                )?
                .query_map((millis(now), space), |row| row.get(0))?
                .collect()
        })
    }

    /// Deletes interactions and what the index knows of them; how many were there. `terms`: those of a text.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_interactions(
        &self,
        all: Vec<Place>,
        terms: Terms,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let mut deleted = 0;
            for place in all {
                deleted += usize::from(remove(connection, place, terms)?);
            }
            Ok(deleted)
        })
        .await
    }

    /// Hides interactions of a space in one transaction: they are over, so nothing finds them, and whoever deletes what is over
    /// deletes them.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_interactions(&self, space: i64, docs: Vec<u32>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut end = connection.prepare_cached(
                "UPDATE interactions SET expires_at = 0 WHERE space = ?1 AND doc = ?2",
            )?;
            docs.iter()
                .try_for_each(|doc| end.execute((space, doc)).map(drop))
        })
        .await
    }
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
    let bytes = new().map(|(one, _)| one.row.text.len() as u64).sum();
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
        if let Some(id) = before {
            ids.push((id, false));
            continue;
        }
        let (at, doc) = (space.id, space.next_doc);
        space.next_doc += 1;
        let entry = &mut one.indexed.entry;
        use_names(connection, at, &one.row, entry, &mut space.next_name)?;
        entry.doc = doc;
        insert(connection, at, doc, &one)?;
        ids.push((one.row.id, true));
        indexed.push(one.indexed);
    }
    append(connection, space.id, &indexed)?;
    spaces::grow(connection, &space, count, bytes)?;
    Ok(Added::Ids(ids))
}

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

/// Deletes an interaction with all that it said before, what the index knows of it, and the facts that it alone supports; whether
/// it was there. `terms`: those of a text.
pub(super) fn remove(
    connection: &Connection,
    Place { space, doc }: Place,
    terms: Terms,
) -> rusqlite::Result<bool> {
    let older: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(text)), 0) FROM interaction_versions WHERE space = ?1 AND doc = ?2",
        )?
        .query_row((space, doc), |row| row.get(0))?;
    leave_turn(connection, space, doc, terms)?;
    let gone: Option<(String, i64)> = connection
        .prepare_cached(
            "DELETE FROM interactions WHERE space = ?1 AND doc = ?2 RETURNING text, occurred_at",
        )?
        .query_row((space, doc), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((text, at)) = gone else {
        return Ok(false);
    };
    cut(connection, space, doc, &terms(&text, at))?;
    spaces::shrink(
        connection,
        space,
        1,
        text.len() as u64 + older.unsigned_abs(),
    )?;
    Ok(true)
}

/// The ids of those that were kept before, or come twice here; the place of one that has another's key.
fn known(
    connection: &Connection,
    space: Option<&spaces::Space>,
    all: &[NewInteraction],
) -> rusqlite::Result<Result<Vec<Option<String>>, usize>> {
    let mut here: HashMap<&str, &InteractionRow> = HashMap::new();
    let mut ids = Vec::with_capacity(all.len());
    for (at, one) in all.iter().enumerate() {
        let row = &one.row;
        let Some(once) = &one.once else {
            ids.push(None);
            continue;
        };
        if let Some(first) = here.get(once.as_str()) {
            if (&first.role, &first.text) != (&row.role, &row.text) {
                return Ok(Err(at));
            }
            ids.push(Some(first.id.clone()));
            continue;
        }
        let found: Option<(String, bool)> = match space {
            None => None,
            Some(space) => connection
                .prepare_cached(
                    // What it said at first is still the same text, also after it was mended.
                    "SELECT id, role = ?3 AND (text = ?4 OR EXISTS (SELECT 1 FROM interaction_versions AS old
                       WHERE old.space = interactions.space AND old.doc = interactions.doc AND old.text = ?4))
                     FROM interactions WHERE space = ?1 AND once = ?2",
                )?
                .query_row((space.id, once, &row.role, &row.text), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?,
        };
        match found {
            Some((_, false)) => return Ok(Err(at)),
            Some((id, true)) => ids.push(Some(id)),
            None => {
                here.insert(once, row);
                ids.push(None);
            }
        }
    }
    Ok(Ok(ids))
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
