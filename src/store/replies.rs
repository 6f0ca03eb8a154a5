//! Names under which the model's server keeps answers, hashed, each beside a turn that was said then. They go with it.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Durable, Store, StoreError, spaces};

/// Where a name is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// The newest turn whose idempotency key begins like this.
    Once(String),
    /// The turn beside which this name stands.
    Name(String),
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// It stands in this memory, in this session.
    Here(Option<String>),
    /// It stands only in memories which the caller does not reach.
    Elsewhere,
    /// It stands nowhere, or in another memory that the caller reaches.
    Nowhere,
}

impl Store {
    /// What is known of a name in a user's memory; `only`: the one user of the person whom the caller reaches.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reply(
        &self,
        person: &str,
        user: &str,
        only: Option<&str>,
        name: &str,
    ) -> Result<Named, StoreError> {
        self.read(|connection| {
            let here = connection
                .prepare_cached(
                    "SELECT turns.session FROM replies
                     JOIN interactions AS turns ON turns.space = replies.space AND turns.doc = replies.doc
                     WHERE replies.name = ?1
                       AND replies.space = (SELECT id FROM memory_spaces WHERE person = ?2 AND user = ?3)
                     ORDER BY replies.doc DESC LIMIT 1",
                )?
                .query_row((name, person, user), |row| row.get(0))
                .optional()?;
            if let Some(session) = here {
                return Ok(Named::Here(session));
            }
            // A memory that is being deleted is nobody's any more.
            let reached: Option<bool> = connection
                .prepare_cached(
                    "SELECT max(spaces.person = ?2 AND (?3 IS NULL OR spaces.user = ?3)) FROM memory_spaces AS spaces
                     WHERE spaces.id IN (SELECT DISTINCT space FROM replies WHERE name = ?1) AND spaces.user >= ' '",
                )?
                .query_row((name, person, only), |row| row.get(0))?;
            Ok(match reached {
                Some(false) => Named::Elsewhere,
                Some(true) | None => Named::Nowhere,
            })
        })
    }

    /// Puts names beside the first of these turns that is there; whether there is one.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn name_reply(
        &self,
        person: String,
        user: String,
        names: Vec<String>,
        beside: Vec<Beside>,
    ) -> Result<bool, StoreError> {
        // What a power cut takes away is found by what was said.
        self.submit(Durable::Handed, move |connection| {
            let Some(space) = spaces::find(connection, &person, &user)? else {
                return Ok(false);
            };
            for turn in &beside {
                if let Some(doc) = place(connection, space.id, turn)? {
                    for name in &names {
                        connection
                            .prepare_cached(
                                "INSERT OR IGNORE INTO replies (space, doc, name) VALUES (?1, ?2, ?3)",
                            )?
                            .execute((space.id, doc, name))?;
                    }
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}

fn place(connection: &Connection, space: i64, beside: &Beside) -> rusqlite::Result<Option<u32>> {
    match beside {
        Beside::Once(begin) => connection
            .prepare_cached(
                "SELECT doc FROM interactions WHERE space = ?1 AND once >= ?2 AND once < ?3 ORDER BY doc DESC LIMIT 1",
            )?
            // Keys are compared byte by byte, and no text has a character behind this one.
            .query_row((space, begin, format!("{begin}\u{10ffff}")), |row| row.get(0))
            .optional(),
        Beside::Name(name) => connection
            .prepare_cached(
                "SELECT doc FROM replies WHERE name = ?2 AND space = ?1 ORDER BY doc DESC LIMIT 1",
            )?
            .query_row((space, name), |row| row.get(0))
            .optional(),
    }
}
