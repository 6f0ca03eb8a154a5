//! Leases of accounts.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Store, StoreError, millis, time};

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Its id.
    pub id: String,
    /// `SITE` or `SITE:ACCOUNT`.
    pub session: String,
    /// Whose it is: `key:ID`, `token:ID` or `local:UID`.
    pub holder: String,
    /// What the holder said that it is for.
    pub purpose: Option<String>,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// When it ends, or would have ended.
    pub expires_at: DateTime<Utc>,
    /// When and by what it ended; `None` while it runs.
    pub ended: Option<(DateTime<Utc>, String)>,
}

const COLUMNS: &str = "id, session, holder, purpose, taken_at, expires_at, ended_at, ended_by";

impl Store {
    /// Keeps a new lease, and forgets those that ended before `forget`.
    ///
    /// # Errors
    /// It cannot be written; `is_taken` where the session has a lease that has not been ended.
    pub async fn insert_lease(
        &self,
        row: LeaseRow,
        forget: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM leases WHERE ended_at < ?1")?
                .execute([millis(forget)])?;
            connection
                .prepare_cached(
                    "INSERT INTO leases (id, session, holder, purpose, taken_at, expires_at)
                     VALUES (:id, :session, :holder, :purpose, :taken_at, :expires_at)",
                )?
                .execute(named_params! {
                    ":id": row.id, ":session": row.session, ":holder": row.holder, ":purpose": row.purpose,
                    ":taken_at": millis(row.taken_at), ":expires_at": millis(row.expires_at),
                })
                .map(drop)
        })
        .await
    }

    /// Moves the end of a lease that runs.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn extend_lease(
        &self,
        id: String,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE leases SET expires_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
                )?
                .execute((id, millis(expires_at)))
                .map(drop)
        })
        .await
    }

    /// Ends leases, each at its time.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_leases(
        &self,
        ended: Vec<(String, DateTime<Utc>)>,
        by: &'static str,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut end = connection.prepare_cached(
                "UPDATE leases SET ended_at = ?2, ended_by = ?3 WHERE id = ?1 AND ended_at IS NULL",
            )?;
            for (id, at) in ended {
                end.execute((id, millis(at), by))?;
            }
            Ok(())
        })
        .await
    }

    /// One lease, those that have ended included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn lease(&self, id: &str) -> Result<Option<LeaseRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM leases WHERE id = ?1");
            connection
                .prepare_cached(&sql)?
                .query_row([id], lease_row)
                .optional()
        })
    }

    /// The leases that are kept, those that have ended included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM leases ORDER BY taken_at");
            connection
                .prepare_cached(&sql)?
                .query_map([], lease_row)?
                .collect()
        })
    }
}

fn lease_row(row: &Row<'_>) -> rusqlite::Result<LeaseRow> {
    let ended_at: Option<i64> = row.get(6)?;
    let ended_by: Option<String> = row.get(7)?;
    Ok(LeaseRow {
        id: row.get(0)?,
        session: row.get(1)?,
        holder: row.get(2)?,
        purpose: row.get(3)?,
        taken_at: time(row.get(4)?),
        expires_at: time(row.get(5)?),
        ended: ended_at.map(|at| (time(at), ended_by.unwrap_or_default())),
    })
}
