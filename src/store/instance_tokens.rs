//! Short-lived tokens of instances.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::{Store, StoreError, millis, time};

/// Most tokens of one instance that are in force; a further one ends the oldest.
const MOST: i64 = 16;

/// A token of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTokenRow {
    /// SHA-256 of its value.
    pub hash: [u8; 32],
    /// Which instance.
    pub instance: String,
    /// Whose the instance is at present.
    pub person: String,
    /// Words between spaces.
    pub scopes: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Whether a token was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It is in force.
    Yes,
    /// The instance is not registered any more, or is another person's by now.
    No,
}

impl Store {
    /// Keeps a token of an instance that is registered and this person's, and forgets those that have ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_instance_token(&self, row: InstanceTokenRow) -> Result<Placed, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM instance_tokens WHERE expires_at <= ?1")?
                .execute([millis(row.created_at)])?;
            let made = connection
                .prepare_cached(
                    "INSERT INTO instance_tokens (hash, instance, scopes, created_at, expires_at)
                     SELECT ?1, id, ?4, ?5, ?6 FROM instances
                     WHERE id = ?2 AND person = ?3 AND status <> 'unregistered'",
                )?
                .execute((
                    row.hash,
                    &row.instance,
                    row.person,
                    row.scopes,
                    millis(row.created_at),
                    millis(row.expires_at),
                ))?;
            connection
                .prepare_cached(
                    "DELETE FROM instance_tokens WHERE instance = ?1 AND rowid NOT IN
                       (SELECT rowid FROM instance_tokens WHERE instance = ?1
                        ORDER BY created_at DESC, rowid DESC LIMIT ?2)",
                )?
                .execute((&row.instance, MOST))?;
            Ok(if made > 0 { Placed::Yes } else { Placed::No })
        })
        .await
    }

    /// A token of an instance that is registered, ended ones included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance_token(&self, hash: &[u8; 32]) -> Result<Option<InstanceTokenRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT token.hash, instance, person, scopes, created_at, expires_at
                     FROM instance_tokens AS token JOIN instances ON instances.id = instance
                     WHERE token.hash = ?1 AND person IS NOT NULL AND status <> 'unregistered'",
                )?
                .query_row([hash], |row| {
                    Ok(InstanceTokenRow {
                        hash: row.get(0)?,
                        instance: row.get(1)?,
                        person: row.get(2)?,
                        scopes: row.get(3)?,
                        created_at: time(row.get(4)?),
                        expires_at: time(row.get(5)?),
                    })
                })
                .optional()
        })
    }

    /// Ends a token, where it is this instance's.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_instance_token(
        &self,
        hash: [u8; 32],
        instance: String,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM instance_tokens WHERE hash = ?1 AND instance = ?2")?
                .execute((hash, instance))
                .map(drop)
        })
        .await
    }
}
