//! API keys.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Store, StoreError, millis, time};

/// One API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: String,
    /// SHA-256 of its value.
    pub hash: [u8; 32],
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
    /// When it was, or will be, revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_key(&self, row: KeyRow) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO keys (id, hash, name, person, scopes, reach, memory_of, created_at, expires_at)
                     VALUES (:id, :hash, :name, :person, :scopes, :reach, :memory_of, :created_at, :expires_at)",
                )?
                .execute(named_params! {
                    ":id": row.id, ":hash": row.hash, ":name": row.name, ":person": row.person,
                    ":scopes": row.scopes, ":reach": row.reach.map(|list| serde_json::json!(list).to_string()),
                    ":memory_of": row.memory_of, ":created_at": millis(row.created_at),
                    ":expires_at": row.expires_at.map(millis),
                })
                .map(drop)
        })
        .await
    }

    /// The key with this hash, revoked and expired ones included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, hash, name, person, scopes, reach, memory_of, created_at, expires_at, last_used_at,
                            revoked_at
                     FROM keys WHERE hash = ?1",
                )?
                .query_row([hash], key_row)
                .optional()
        })
    }
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    let reach: Option<String> = row.get(5)?;
    Ok(KeyRow {
        id: row.get(0)?,
        hash: row.get(1)?,
        name: row.get(2)?,
        person: row.get(3)?,
        scopes: row.get(4)?,
        // What cannot be read reaches nothing.
        reach: reach.map(|list| serde_json::from_str(&list).unwrap_or_default()),
        memory_of: row.get(6)?,
        created_at: time(row.get(7)?),
        expires_at: row.get::<_, Option<i64>>(8)?.map(time),
        last_used_at: row.get::<_, Option<i64>>(9)?.map(time),
        revoked_at: row.get::<_, Option<i64>>(10)?.map(time),
    })
}
