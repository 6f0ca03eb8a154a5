//! The audit log: added to, read, pruned by age; never changed.

use chrono::{DateTime, Utc};
use rusqlite::{Row, named_params};

use super::{Durable, Store, StoreError, millis, time};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; 0 for one that is to be added.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: `key:ID`, `token:ID`, `local:UID` or `anonymous`.
    pub principal: String,
    /// Whose principal it is.
    pub person: Option<String>,
    /// From where: an IP address, or `socket`.
    pub peer: String,
    /// What: `sessions.state`, `keys.create`, …
    pub action: String,
    /// To what: a session, a key's id, …
    pub subject: Option<String>,
    /// The HTTP status of the answer.
    pub result: u16,
    /// What else a reader needs. Holds no secret.
    pub detail: Option<String>,
}

/// Which lines are wanted, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// Only older than this number.
    pub before: Option<i64>,
    /// Only of this principal.
    pub principal: Option<String>,
    /// Only about this.
    pub subject: Option<String>,
    /// Most lines.
    pub limit: u32,
}

impl Store {
    /// Adds a line. When it is answered a kill cannot lose it any more.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn audit(&self, row: AuditRow) -> Result<(), StoreError> {
        self.submit(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO audit (at, principal, person, peer, action, subject, result, detail)
                     VALUES (:at, :principal, :person, :peer, :action, :subject, :result, :detail)",
                )?
                .execute(named_params! {
                    ":at": millis(row.at), ":principal": row.principal, ":person": row.person,
                    ":peer": row.peer, ":action": row.action, ":subject": row.subject,
                    ":result": row.result, ":detail": row.detail,
                })?;
            Ok(())
        })
        .await
    }

    /// Lines, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audited(&self, search: &AuditSearch) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, at, principal, person, peer, action, subject, result, detail FROM audit
                     WHERE (:before IS NULL OR id < :before) AND (:principal IS NULL OR principal = :principal)
                       AND (:subject IS NULL OR subject = :subject)
                     ORDER BY id DESC LIMIT :limit",
                )?
                .query_map(
                    named_params! {
                        ":before": search.before, ":principal": search.principal,
                        ":subject": search.subject, ":limit": search.limit,
                    },
                    audit_row,
                )?
                .collect()
        })
    }
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get(0)?,
        at: time(row.get(1)?),
        principal: row.get(2)?,
        person: row.get(3)?,
        peer: row.get(4)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        result: row.get(7)?,
        detail: row.get(8)?,
    })
}
