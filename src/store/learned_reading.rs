//! Reading: which turns are next, how far it has come, and what came of it, in one transaction.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::learned::{CURRENT, OUTDATED, REPLACED};
use super::learned_turns::{Fact, bytes};
use super::memory_index::{Indexed, Terms, append, cut};
use super::{Store, StoreError, millis, time};

/// Most turns that are counted as not read.
const COUNTED: u32 = 100_000;
/// How far back the turns of the same session are looked for, in numbers.
const BACK: u32 = 50;
/// Who is read: what the system or a tool said says nothing about a person.
const WHO: &str = "role IN ('user', 'assistant')";

/// A space with turns that are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadSpace {
    /// Its number.
    pub space: i64,
    /// Whose person's.
    pub person: String,
    /// In whose memory.
    pub user: String,
}

/// A turn, as far as reading needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadTurn {
    /// Its number.
    pub doc: u32,
    /// Its version: what is read must still be so when it is kept.
    pub version: u32,
    /// Whether the person said it.
    pub by_user: bool,
    /// Who speaks, by name.
    pub speaker: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// What was said.
    pub text: String,
    /// When it was said.
    pub occurred_at: DateTime<Utc>,
    /// When it was kept.
    pub created_at: DateTime<Utc>,
}

/// The turns of a space that are read next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// In their order; empty: there are none.
    pub turns: Vec<UnreadTurn>,
    /// Whether they were read before and then changed.
    pub again: bool,
}

/// A turn as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadTurn {
    /// Its number.
    pub doc: u32,
    /// Its version.
    pub version: u32,
}

/// A fact to be kept.
#[derive(Debug, Clone)]
pub struct NewFact {
    /// Its id.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// Since when it is so.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub valid_until: Option<DateTime<Utc>>,
    /// Who read it; `None`: a person states it.
    pub model: Option<String>,
    /// Where it was read; of a model's fact at least one must still be as it was.
    pub sources: Vec<ReadTurn>,
    /// Ids of the facts that it takes the place of; those that are not current any more are left as they are.
    pub replaces: Vec<String>,
    /// What the index keeps of it. Its time is the fact's.
    pub indexed: Indexed,
}

/// A fact that was there before, and was read again.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// Its id.
    pub id: String,
    /// Where it was read now.
    pub sources: Vec<ReadTurn>,
    /// What the index keeps of it, if it must come back.
    pub indexed: Indexed,
}

/// What came of turns that were read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// In which space.
    pub space: i64,
    /// What was read.
    pub turns: Vec<ReadTurn>,
    /// Whether they had been read before.
    pub again: bool,
    /// Facts that are new.
    pub new: Vec<NewFact>,
    /// Facts that were known.
    pub confirmed: Vec<Confirmed>,
    /// Facts that were none.
    pub dropped: u32,
    /// Whether there was no answer, and never will be.
    pub passed_over: bool,
}

/// How reading stands for a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadingState {
    /// Turns that are not read yet; 100,000 at most.
    pub behind: u32,
    /// Turns that the model gave no answer to.
    pub passed_over: u32,
    /// Facts of the model that were none.
    pub dropped: u32,
}

impl Store {
    /// Spaces with something that is not read, those behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unread_spaces(&self, after: i64, limit: u32) -> Result<Vec<UnreadSpace>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, person, user FROM memory_spaces
                     WHERE id IN (SELECT id FROM (SELECT id FROM memory_spaces WHERE read_to < next_doc AND id > ?1 ORDER BY id LIMIT ?2)
                                  UNION SELECT space FROM learned_again WHERE space > ?1)
                       AND user >= ' ' ORDER BY id LIMIT ?2",
                )?
                .query_map((after, limit), |row| {
                    Ok(UnreadSpace {
                        space: row.get(0)?,
                        person: row.get(1)?,
                        user: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// The turns of a space that are read next: those that changed, otherwise the oldest that were never read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unread(
        &self,
        space: i64,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Unread, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            for (again, which) in [
                (true, "doc IN (SELECT doc FROM learned_again WHERE space = ?1)"),
                (false, "doc >= (SELECT read_to FROM memory_spaces WHERE id = ?1)"),
            ] {
                let turns: Vec<_> = connection
                    .prepare_cached(&format!(
                        "{TURN} WHERE space = ?1 AND {which} AND {WHO} AND (expires_at IS NULL OR expires_at > ?2)
                         ORDER BY doc LIMIT ?3"
                    ))?
                    .query_map((space, millis(now), limit), unread_turn)?
                    .collect::<rusqlite::Result<_>>()?;
                if !turns.is_empty() {
                    return Ok(Unread { turns, again });
                }
            }
            Ok(Unread::default())
        })
    }

    /// The turns of the same session just before one, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn turns_before(
        &self,
        space: i64,
        turn: &UnreadTurn,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<UnreadTurn>, StoreError> {
        let Some(session) = &turn.session else {
            return Ok(Vec::new());
        };
        self.read(|connection| {
            let mut turns: Vec<_> = connection
                .prepare_cached(&format!(
                    "{TURN} WHERE space = ?1 AND doc < ?2 AND doc >= ?3 AND session = ?4 AND {WHO}
                       AND (expires_at IS NULL OR expires_at > ?5)
                     ORDER BY doc DESC LIMIT ?6"
                ))?
                .query_map(
                    (
                        space,
                        turn.doc,
                        turn.doc.saturating_sub(BACK),
                        session,
                        millis(now),
                        limit,
                    ),
                    unread_turn,
                )?
                .collect::<rusqlite::Result<_>>()?;
            turns.reverse();
            Ok(turns)
        })
    }

    /// Takes note that a space has nothing that is not read, as far as that is so.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn nothing_unread(&self, space: i64) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(&format!(
                    "UPDATE memory_spaces SET read_to = next_doc WHERE id = ?1 AND NOT EXISTS
                       (SELECT 1 FROM interactions WHERE space = ?1 AND doc >= read_to AND {WHO})"
                ))?
                .execute([space])?;
            connection
                .prepare_cached(
                    "DELETE FROM learned_again WHERE space = ?1 AND doc NOT IN
                       (SELECT doc FROM interactions WHERE interactions.space = ?1 AND role IN ('user', 'assistant'))",
                )?
                .execute([space])
                .map(drop)
        })
        .await
    }

    /// Keeps what came of turns that were read, and that they are read. What was deleted or changed meanwhile supports nothing,
    /// and what was changed is read again. How many facts are new; `most`: how many a user may have.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_reading(
        &self,
        reading: Reading,
        most: u32,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Result<u32, StoreError> {
        self.write(move |connection| keep(connection, reading, most, terms, now))
            .await
    }

    /// How reading stands for a user.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reading_state(&self, person: &str, user: &str) -> Result<ReadingState, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(&format!(
                    "SELECT (SELECT count(*) FROM (SELECT 1 FROM interactions
                        WHERE space = memory_spaces.id AND doc >= read_to AND {WHO} LIMIT {COUNTED}))
                       + (SELECT count(*) FROM learned_again WHERE space = memory_spaces.id), passed_over, dropped
                     FROM memory_spaces WHERE person = ?1 AND user = ?2"
                ))?
                .query_row([person, user], |row| {
                    Ok(ReadingState {
                        behind: row.get(0)?,
                        passed_over: row.get(1)?,
                        dropped: row.get(2)?,
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }
}

const TURN: &str = "SELECT doc, version, role = 'user', speaker, session, text, occurred_at, created_at FROM interactions";

fn unread_turn(row: &Row<'_>) -> rusqlite::Result<UnreadTurn> {
    Ok(UnreadTurn {
        doc: row.get(0)?,
        version: row.get(1)?,
        by_user: row.get(2)?,
        speaker: row.get(3)?,
        session: row.get(4)?,
        text: row.get(5)?,
        occurred_at: time(row.get(6)?),
        created_at: time(row.get(7)?),
    })
}

fn keep(
    connection: &Connection,
    reading: Reading,
    most: u32,
    terms: Terms,
    now: DateTime<Utc>,
) -> rusqlite::Result<u32> {
    let space = reading.space;
    // Of a memory that is under deletion, or gone, nothing is kept.
    let there: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM memory_spaces WHERE id = ?1 AND user >= ' ')",
        )?
        .query_row([space], |row| row.get(0))?;
    if !there {
        return Ok(0);
    }
    for turn in &reading.turns {
        let version = version(connection, space, turn.doc)?;
        let sql = match version {
            // What it says now was not read yet.
            Some(version) if version != turn.version => {
                "INSERT INTO learned_again (space, doc) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
            }
            _ => "DELETE FROM learned_again WHERE space = ?1 AND doc = ?2",
        };
        connection.prepare_cached(sql)?.execute((space, turn.doc))?;
    }
    for known in reading.confirmed {
        confirm(connection, space, known, now)?;
    }
    let (mut new, mut dropped) = (0, reading.dropped);
    let mut kept: u32 = connection
        .prepare_cached("SELECT count(*) FROM learned WHERE space = ?1")?
        .query_row([space], |row| row.get(0))?;
    for fact in reading.new {
        let sources = unchanged(connection, space, &fact.sources)?;
        if sources.is_empty() {
            continue;
        }
        if kept >= most {
            dropped += 1;
            continue;
        }
        replace(connection, space, &fact, terms, now)?;
        insert(connection, space, fact, &sources, now)?;
        (new, kept) = (new + 1, kept + 1);
    }
    let to = reading.turns.last().filter(|_| !reading.again);
    let passed = match reading.passed_over {
        true => reading.turns.len(),
        false => 0,
    };
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET read_to = max(read_to, :to), dropped = dropped + :dropped, passed_over = passed_over + :passed
             WHERE id = :space",
        )?
        .execute(named_params! {
            ":space": space, ":to": to.map_or(0, |last| last.doc + 1), ":dropped": dropped,
            ":passed": i64::try_from(passed).unwrap_or(i64::MAX),
        })?;
    Ok(new)
}

fn version(connection: &Connection, space: i64, turn: u32) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT version FROM interactions WHERE space = ?1 AND doc = ?2")?
        .query_row((space, turn), |row| row.get(0))
        .optional()
}

/// The numbers of those that are as they were.
fn unchanged(
    connection: &Connection,
    space: i64,
    turns: &[ReadTurn],
) -> rusqlite::Result<Vec<u32>> {
    let mut same = Vec::with_capacity(turns.len());
    for turn in turns {
        if version(connection, space, turn.doc)? == Some(turn.version) {
            same.push(turn.doc);
        }
    }
    Ok(same)
}

/// The next number of a space, which has one more entry with so many bytes.
pub(super) fn next_number(
    connection: &Connection,
    space: i64,
    entries: u32,
    bytes: i64,
) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET next_doc = next_doc + 1, count = count + ?2, bytes = max(bytes + ?3, 0)
             WHERE id = ?1 RETURNING next_doc - 1",
        )?
        .query_row((space, entries, bytes), |row| row.get(0))
}

/// Keeps a fact and finds it from now on.
pub(super) fn insert(
    connection: &Connection,
    space: i64,
    fact: NewFact,
    sources: &[u32],
    now: DateTime<Utc>,
) -> rusqlite::Result<u32> {
    let length = i64::try_from(bytes(&fact.text)).unwrap_or(i64::MAX);
    let doc = next_number(connection, space, 1, length)?;
    let mut indexed = fact.indexed;
    indexed.entry.doc = doc;
    connection
        .prepare_cached(
            "INSERT INTO learned (space, doc, id, text, valid_from, valid_until, at, state, model, created_at, updated_at)
             VALUES (:space, :doc, :id, :text, :from, :until, :at, :state, :model, :now, :now)",
        )?
        .execute(named_params! {
            ":space": space, ":doc": doc, ":id": fact.id, ":text": fact.text, ":from": fact.valid_from.map(millis),
            ":until": fact.valid_until.map(millis), ":at": indexed.entry.at, ":state": CURRENT, ":model": fact.model,
            ":now": millis(now),
        })?;
    append(connection, space, &[indexed])?;
    support(connection, space, doc, sources)?;
    Ok(doc)
}

/// Notes the turns that a fact was read out of.
pub(super) fn support(
    connection: &Connection,
    space: i64,
    doc: u32,
    sources: &[u32],
) -> rusqlite::Result<()> {
    let mut one = connection.prepare_cached(
        "INSERT INTO learned_sources (space, doc, source) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    sources
        .iter()
        .try_for_each(|source| one.execute((space, doc, source)).map(drop))
}

/// The facts whose place the new one takes end where it begins.
fn replace(
    connection: &Connection,
    space: i64,
    by: &NewFact,
    terms: Terms,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    for id in &by.replaces {
        let found = connection
            .prepare_cached(
                "UPDATE learned SET state = :replaced, replaced_by = :by, valid_until = coalesce(valid_until, :until),
                   updated_at = :now
                 WHERE id = :id AND space = :space AND state = :current RETURNING doc, text, at, state, model IS NULL",
            )?
            .query_row(
                named_params! {
                    ":id": id, ":space": space, ":by": by.id, ":until": by.indexed.entry.at, ":now": millis(now),
                    ":replaced": REPLACED, ":current": CURRENT,
                },
                Fact::of,
            )
            .optional()?;
        if let Some(fact) = found {
            cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
        }
    }
    Ok(())
}

/// A known fact was read again: it has these sources too, and one that was outdated is found again.
pub(super) fn confirm(
    connection: &Connection,
    space: i64,
    known: Confirmed,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let sources = unchanged(connection, space, &known.sources)?;
    let found: Option<(u32, String)> = connection
        .prepare_cached("SELECT doc, state FROM learned WHERE id = ?1 AND space = ?2")?
        .query_row((&known.id, space), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((mut doc, state)) = found else {
        return Ok(());
    };
    if state == OUTDATED && !sources.is_empty() {
        let next = next_number(connection, space, 0, 0)?;
        let mut indexed = known.indexed;
        indexed.entry.doc = next;
        connection
            .prepare_cached(
                "UPDATE learned SET doc = ?3, state = ?4, at = ?5, updated_at = ?6 WHERE space = ?1 AND doc = ?2",
            )?
            .execute((space, doc, next, CURRENT, indexed.entry.at, millis(now)))?;
        append(connection, space, &[indexed])?;
        doc = next;
    }
    match state == CURRENT || state == OUTDATED {
        true => support(connection, space, doc, &sources),
        false => Ok(()),
    }
}
