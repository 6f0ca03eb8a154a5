//! API keys.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Durable, Store, StoreError, millis, time};

/// One API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub person: String,
    /// Words between spaces.
    pub scopes: String,
    /// `SITE` or `SITE:ACCOUNT` each; `None`: every session.
    pub reach: Option<Vec<String>>,
    /// The only user whose memory it reaches.
    pub memory_of: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last shown.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// How long the value before the last rotation is still good.
    pub old_until: Option<DateTime<Utc>>,
}

/// The columns of a [`KeyRow`], in its order.
const KEY: &str =
    "id, name, person, scopes, reach, memory_of, created_at, expires_at, last_used_at, revoked_at,
    old_until";

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_key(&self, row: KeyRow, hash: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO keys (id, hash, name, person, scopes, reach, memory_of, created_at, expires_at)
                     VALUES (:id, :hash, :name, :person, :scopes, :reach, :memory_of, :created_at, :expires_at)",
                )?
                .execute(named_params! {
                    ":id": row.id, ":hash": hash, ":name": row.name, ":person": row.person,
                    ":scopes": row.scopes, ":reach": row.reach.map(|list| serde_json::json!(list).to_string()),
                    ":memory_of": row.memory_of, ":created_at": millis(row.created_at),
                    ":expires_at": row.expires_at.map(millis),
                })
                .map(drop)
        })
        .await
    }

    /// The key with this hash, revoked and expired ones included. A value that was rotated away counts as long as it
    /// overlaps.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn key_by_hash(
        &self,
        hash: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<KeyRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {KEY} FROM keys WHERE hash = ?1 OR (old_hash = ?1 AND old_until > ?2)"
                ))?
                .query_row((hash, millis(now)), key_row)
                .optional()
        })
    }

    /// A key by its id; only of this person, where one is given.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn key(&self, id: &str, person: Option<&str>) -> Result<Option<KeyRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {KEY} FROM keys WHERE id = ?1 AND (?2 IS NULL OR person = ?2)"
                ))?
                .query_row((id, person), key_row)
                .optional()
        })
    }

    /// Keys, oldest first; only of this person, where one is given.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn keys(&self, person: Option<&str>) -> Result<Vec<KeyRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {KEY} FROM keys WHERE ?1 IS NULL OR person = ?1 ORDER BY created_at, id"
                ))?
                .query_map([person], key_row)?
                .collect()
        })
    }

    /// Gives a key another value; the one before is good until then. `false`: there is no such key that is not revoked.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn rotate_key(
        &self,
        id: String,
        hash: [u8; 32],
        old_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE keys SET old_hash = hash, old_until = ?3, hash = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id, hash, millis(old_until)),
            )?;
            Ok(changed > 0)
        })
        .await
    }

    /// Revokes a key with all its values; one that is revoked stays as it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_key(&self, id: String, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let revoke = "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            connection.execute(revoke, (id, millis(now))).map(drop)
        })
        .await
    }

    /// Notes that a key was shown, unless that was noted less than this time ago. Nobody waits for it, and where the writer
    /// has too much to do it is left out.
    pub fn note_key_use(&self, id: String, now: DateTime<Utc>, within: TimeDelta) {
        self.hand(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)",
                )?
                .execute((id, millis(now), millis(now - within)))
                .map(drop)
        });
    }
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    let at =
        |column: usize| -> rusqlite::Result<_> { Ok(row.get::<_, Option<i64>>(column)?.map(time)) };
    Ok(KeyRow {
        id: row.get(0)?,
        name: row.get(1)?,
        person: row.get(2)?,
        scopes: row.get(3)?,
        reach: words(row.get(4)?),
        memory_of: row.get(5)?,
        created_at: time(row.get(6)?),
        expires_at: at(7)?,
        last_used_at: at(8)?,
        revoked_at: at(9)?,
        old_until: at(10)?,
    })
}

/// A kept list; one that cannot be read is empty, and so reaches nothing.
fn words(list: Option<String>) -> Option<Vec<String>> {
    list.map(|list| serde_json::from_str(&list).unwrap_or_default())
}
