//! Whose an instance is.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _};

use super::people::insert_bare;
use super::{PersonRow, Store, StoreError, millis};

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the person's now; `merged`: who was made for it, and has become part of the person.
    Now {
        /// The id of the person that is no more.
        merged: Option<String>,
    },
    /// It was the person's before.
    Before,
    /// There is none, or it is another person's.
    No,
}

impl Store {
    /// Makes an instance a person's, where it is nobody's who is known. Who was only made for it (without an account, never
    /// signed in, not kept out) is merged into the person, with documents, loads and whatever else is its own. Its tokens end.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn claim_instance(
        &self,
        id: String,
        person: String,
        now: DateTime<Utc>,
    ) -> Result<Claimed, StoreError> {
        self.write(move |connection| {
            let found: Option<Option<String>> = connection
                .prepare_cached("SELECT person FROM instances WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            let merged = match found {
                None => return Ok(Claimed::No),
                Some(Some(own)) if own == person => return Ok(Claimed::Before),
                Some(Some(own)) if !was_made_for_it(connection, &own)? => return Ok(Claimed::No),
                Some(own) => own,
            };
            connection
                .prepare_cached(
                    "DELETE FROM instance_tokens WHERE instance = ?1
                     OR instance IN (SELECT id FROM instances WHERE person = ?2)",
                )?
                .execute((&id, &merged))?;
            connection
                .prepare_cached("UPDATE instances SET person = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute((&id, &person, millis(now)))?;
            if let Some(own) = &merged {
                merge(connection, own, &person)?;
            }
            Ok(Claimed::Now { merged })
        })
        .await
    }

    /// Whose an instance is; where it is nobody's, this person is made for it. `None`: it is not registered.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn person_of_instance(
        &self,
        id: String,
        new: PersonRow,
    ) -> Result<Option<String>, StoreError> {
        self.write(move |connection| {
            let found: Option<Option<String>> = connection
                .prepare_cached(
                    "SELECT person FROM instances WHERE id = ?1 AND status <> 'unregistered'",
                )?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            match found {
                None => Ok(None),
                Some(Some(person)) => Ok(Some(person)),
                Some(None) => {
                    insert_bare(connection, &new)?;
                    connection
                        .prepare_cached("UPDATE instances SET person = ?2 WHERE id = ?1")?
                        .execute((&id, &new.id))?;
                    Ok(Some(new.id))
                }
            }
        })
        .await
    }
}

/// Whether a person was only made for an instance, and may come.
fn was_made_for_it(connection: &Connection, person: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM people WHERE id = ?1 AND role = 'member' AND last_seen_at IS NULL AND disabled_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM identities WHERE person = ?1)",
        )?
        .exists([person])
}

/// Gives everything of one person to another one, and deletes it. Of two that have one name, the one that comes gets its id
/// behind it; what was current there is not current here.
fn merge(connection: &Connection, from: &str, into: &str) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE instances SET person = ?2 WHERE person = ?1",
        "UPDATE documents SET name = substr(name, 1, 230) || ' (' || id || ')'
         WHERE person = ?1 AND name IN (SELECT name FROM documents WHERE person = ?2)",
        "UPDATE documents SET person = ?2 WHERE person = ?1",
        "UPDATE loads SET name = substr(name, 1, 200) || ' (' || id || ')'
         WHERE person = ?1 AND name IN (SELECT name FROM loads WHERE person = ?2)",
        "UPDATE loads SET is_current = 0
         WHERE person = ?1 AND EXISTS (SELECT 1 FROM loads WHERE person = ?2 AND is_current)",
        "UPDATE loads SET person = ?2 WHERE person = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([from, into])?;
    }
    connection
        .prepare_cached("DELETE FROM people WHERE id = ?1")?
        .execute([from])
        .map(drop)
}
