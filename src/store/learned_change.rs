//! What a person does with facts: states, mends, rejects and deletes them.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::learned::{CURRENT, REJECTED};
use super::learned_reading::{Confirmed, NewFact, confirm, insert, next_number};
use super::learned_turns::{Fact, bytes, delete};
use super::memory_index::{Indexed, Terms, append, cut};
use super::spaces::{self, NoRoom, Quota, VERSIONS};
use super::{Store, StoreError, millis};

/// A fact as a person has it from now on.
#[derive(Debug, Clone)]
pub struct Mended {
    /// One sentence.
    pub text: String,
    /// Since when it is so.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub valid_until: Option<DateTime<Utc>>,
    /// The version that it takes the place of.
    pub version: u32,
    /// What the index keeps of it.
    pub indexed: Indexed,
}

/// What became of a fact that a person stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stated {
    /// It is kept.
    New,
    /// The user has as many facts as one may have.
    Full,
    /// The memory would have more than it may.
    NoRoom(NoRoom),
}

/// What became of a fact that a person mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MendedFact {
    /// It is as it is wanted.
    Yes,
    /// It is not current in this version any more.
    No,
    /// The memory would have more than it may.
    NoRoom(NoRoom),
}

const FACT: &str =
    "SELECT doc, text, at, state, model IS NULL, space, version FROM learned WHERE id = ?1";

/// Deletes the oldest versions of a fact that are too many; how many bytes they had.
fn prune(connection: &Connection, id: &str) -> rusqlite::Result<u64> {
    let gone: Vec<i64> = connection
        .prepare_cached(
            "DELETE FROM learned_versions WHERE fact = ?1 AND version <=
               (SELECT version FROM learned_versions WHERE fact = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2)
             RETURNING octet_length(text)",
        )?
        .query_map((id, VERSIONS), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(gone.into_iter().map(i64::unsigned_abs).sum())
}

impl Store {
    /// Keeps a fact that a person states. `most`: how many a user may have; `room`: how much of everything. `is_taken`: the person is not there any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn state_fact(
        &self,
        person: String,
        user: String,
        fact: NewFact,
        most: u32,
        room: Quota,
        now: DateTime<Utc>,
    ) -> Result<Stated, StoreError> {
        self.write(move |connection| {
            let found = spaces::find(connection, &person, &user)?;
            let more = (1, bytes(&fact.text));
            if let Err(why) = spaces::has_room(connection, &person, found.as_ref(), more, room)? {
                return Ok(Stated::NoRoom(why));
            }
            let space = spaces::open(connection, &person, &user)?.id;
            let kept: u32 = connection
                .prepare_cached("SELECT count(*) FROM learned WHERE space = ?1")?
                .query_row([space], |row| row.get(0))?;
            if kept >= most {
                return Ok(Stated::Full);
            }
            let sources: Vec<u32> = fact.sources.iter().map(|turn| turn.doc).collect();
            insert(connection, space, fact, &sources, now)?;
            Ok(Stated::New)
        })
        .await
    }

    /// Notes further turns that a fact was read out of.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn confirm_fact(
        &self,
        space: i64,
        known: Confirmed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| confirm(connection, space, known, now))
            .await
    }

    /// Gives a current fact another text or other times, and keeps what it said, a hundred times at most.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn mend_fact(
        &self,
        id: String,
        mended: Mended,
        terms: Terms,
        room: Quota,
        now: DateTime<Utc>,
    ) -> Result<MendedFact, StoreError> {
        self.write(move |connection| {
            let found = connection
                .prepare_cached(FACT)?
                .query_row([&id], |row| {
                    Ok((Fact::of(row)?, row.get::<_, i64>(5)?, row.get::<_, u32>(6)?))
                })
                .optional()?;
            let Some((fact, space, version)) = found else {
                return Ok(MendedFact::No);
            };
            if fact.state != CURRENT || version != mended.version {
                return Ok(MendedFact::No);
            }
            let (person, user): (String, String) = connection
                .prepare_cached("SELECT person, user FROM memory_spaces WHERE id = ?1")?
                .query_row([space], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let whole = spaces::find(connection, &person, &user)?;
            let more = (0, bytes(&mended.text));
            if let Err(why) = spaces::has_room(connection, &person, whole.as_ref(), more, room)? {
                return Ok(MendedFact::NoRoom(why));
            }
            connection
                .prepare_cached(
                    "INSERT INTO learned_versions (fact, version, text, valid_from, valid_until, model, replaced_at)
                     SELECT id, version, text, valid_from, valid_until, model, ?2 FROM learned WHERE id = ?1",
                )?
                .execute((&id, millis(now)))?;
            cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
            // What it said before is still kept.
            let more = i64::try_from(bytes(&mended.text)).unwrap_or(i64::MAX);
            let mut indexed = mended.indexed;
            indexed.entry.doc = next_number(connection, space, 0, more)?;
            connection
                .prepare_cached(
                    "UPDATE learned SET doc = :doc, text = :text, valid_from = :from, valid_until = :until, at = :at,
                       version = version + 1, model = NULL, updated_at = :now
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": id, ":doc": indexed.entry.doc, ":text": mended.text, ":from": mended.valid_from.map(millis),
                    ":until": mended.valid_until.map(millis), ":at": indexed.entry.at, ":now": millis(now),
                })?;
            append(connection, space, &[indexed])?;
            let gone = prune(connection, &id)?;
            spaces::shrink(connection, space, 0, gone)?;
            Ok(MendedFact::Yes)
        })
        .await
    }

    /// Rejects a fact: no search finds it, and it is not read out of the same turns again. `false`: it is not there.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn reject_fact(
        &self,
        id: String,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let found = connection
                .prepare_cached(FACT)?
                .query_row([&id], |row| Ok((Fact::of(row)?, row.get::<_, i64>(5)?)))
                .optional()?;
            let Some((fact, space)) = found else {
                return Ok(false);
            };
            if fact.state == REJECTED {
                return Ok(true);
            }
            if fact.state == CURRENT {
                cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
            }
            connection
                .prepare_cached("UPDATE learned SET state = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute((id, REJECTED, millis(now)))?;
            Ok(true)
        })
        .await
    }

    /// Deletes a fact and what it said before. `false`: it is not there.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_fact(&self, id: String, terms: Terms) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let found = connection
                .prepare_cached(FACT)?
                .query_row([&id], |row| Ok((Fact::of(row)?, row.get::<_, i64>(5)?)))
                .optional()?;
            let Some((fact, space)) = found else {
                return Ok(false);
            };
            delete(connection, space, &fact, terms)?;
            Ok(true)
        })
        .await
    }
}
