//! Clients of the authorization server.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Store, StoreError, millis};

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id.
    pub id: String,
    /// SHA-256 of its secret; `None`: a public client.
    pub secret: Option<[u8; 32]>,
    /// What it calls itself.
    pub name: String,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// Grant types between spaces.
    pub grants: String,
    /// The scopes that it registered, between spaces; `None`: nothing in particular.
    pub scopes: Option<String>,
}

/// Which clients are forgotten when another one comes.
#[derive(Debug, Clone, Copy)]
pub struct Forget {
    /// Those that were never used and are older.
    pub unused_before: DateTime<Utc>,
    /// Those that were last used before, and have no grant that is in force.
    pub idle_before: DateTime<Utc>,
    /// And of the never used ones the oldest, where there are this many clients.
    pub most: u32,
}

impl Store {
    /// Keeps a new client, and forgets old ones. `false`: there are too many, and all are in use.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_client(
        &self,
        row: ClientRow,
        now: DateTime<Utc>,
        forget: Forget,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM clients WHERE (used_at IS NULL AND created_at < ?1)
                    OR (used_at < ?2 AND NOT EXISTS (
                        SELECT 1 FROM grants JOIN tokens ON tokens.of_grant = grants.id
                        WHERE grants.client = clients.id AND revoked_at IS NULL AND tokens.expires_at > ?3))",
                (millis(forget.unused_before), millis(forget.idle_before), millis(now)),
            )?;
            connection.execute(
                "DELETE FROM clients WHERE id IN (
                    SELECT id FROM clients WHERE used_at IS NULL ORDER BY created_at
                    LIMIT max(0, (SELECT count(*) FROM clients) - ?1 + 1))",
                [forget.most],
            )?;
            let count: u32 = connection.query_row("SELECT count(*) FROM clients", [], |row| row.get(0))?;
            if count >= forget.most {
                return Ok(false);
            }
            connection.execute(
                "INSERT INTO clients (id, secret, name, redirects, grants, scopes, created_at)
                 VALUES (:id, :secret, :name, :redirects, :grants, :scopes, :created_at)",
                named_params! {
                    ":id": row.id, ":secret": row.secret, ":name": row.name,
                    ":redirects": serde_json::json!(row.redirects).to_string(), ":grants": row.grants,
                    ":scopes": row.scopes, ":created_at": millis(now),
                },
            )?;
            Ok(true)
        })
        .await
    }

    /// A client by its id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn client(&self, id: &str) -> Result<Option<ClientRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, secret, name, redirects, grants, scopes FROM clients WHERE id = ?1",
                )?
                .query_row([id], client_row)
                .optional()
        })
    }
}

fn client_row(row: &Row<'_>) -> rusqlite::Result<ClientRow> {
    let redirects: String = row.get(3)?;
    Ok(ClientRow {
        id: row.get(0)?,
        secret: row.get(1)?,
        name: row.get(2)?,
        // What cannot be read leads nowhere.
        redirects: serde_json::from_str(&redirects).unwrap_or_default(),
        grants: row.get(4)?,
        scopes: row.get(5)?,
    })
}
