//! The audit log: added to, read, pruned by age and number; never changed.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, Row, named_params};

use super::{Durable, Store, StoreError, millis, time};

/// How many of the newest lines stay where an operation only looked.
const LOOKS: i64 = 1_000_000;
/// How many of the newest lines stay at all.
const ALL: i64 = 10_000_000;
/// How long a line stays.
const AGE: TimeDelta = TimeDelta::days(400);
/// After how many lines the old ones are looked for.
const ROUND: i64 = 512;
/// Most lines that one round takes away by age or number; more than are added between two.
const SWEPT: i64 = 2 * ROUND;

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
    /// Whether the operation only looked, and gave no session: such lines are the first to go.
    pub looks: bool,
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
                    "INSERT INTO audit (at, principal, person, peer, action, subject, result, detail, looks)
                     VALUES (:at, :principal, :person, :peer, :action, :subject, :result, :detail,
                             :looks)",
                )?
                .execute(named_params! {
                    ":at": millis(row.at), ":principal": row.principal, ":person": row.person,
                    ":peer": row.peer, ":action": row.action, ":subject": row.subject,
                    ":result": row.result, ":detail": row.detail, ":looks": row.looks,
                })?;
            let id = connection.last_insert_rowid();
            match id % ROUND {
                0 => prune(connection, id, row.at),
                _ => Ok(()),
            }
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
                    "SELECT id, at, principal, person, peer, action, subject, result, detail, looks
                     FROM audit
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

/// Takes away what is too old or too much, a little at a time: whoever fills the log with looks pushes out looks alone.
fn prune(connection: &Connection, newest: i64, now: DateTime<Utc>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM audit WHERE id > ?1 AND id <= ?2 AND looks")?
        .execute([newest - LOOKS - SWEPT, newest - LOOKS])?;
    connection
        .prepare_cached(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?3) AND (id <= ?1 OR at < ?2)",
        )?
        .execute([newest - ALL, millis(now - AGE), SWEPT])
        .map(drop)
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
        looks: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: DateTime<Utc>, looks: bool) -> AuditRow {
        AuditRow {
            id: 0,
            at,
            principal: "local:0".to_owned(),
            person: None,
            peer: "socket".to_owned(),
            action: "x.y".to_owned(),
            subject: Some("wiki".to_owned()),
            result: 200,
            detail: None,
            looks,
        }
    }

    /// Adds a line with this number, and says how many lines there are.
    async fn with(store: &Store, id: i64, at: DateTime<Utc>) -> i64 {
        store
            .write(move |connection| {
                let set = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'audit'";
                connection.execute(set, [id - 1]).map(drop)
            })
            .await
            .unwrap();
        store.audit(row(at, false)).await.unwrap();
        let count = "SELECT count(*) FROM audit";
        store
            .read(|c| c.query_row(count, [], |row| row.get(0)))
            .unwrap()
    }

    #[tokio::test]
    async fn looks_go_by_number_and_changes_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for index in 0..8 {
            store.audit(row(now, index % 2 == 0)).await.unwrap();
        }
        // A round that does not come to them yet, and one that does: 4 looks of 8 lines.
        assert_eq!(with(&store, ROUND, now).await, 9);
        let past = (LOOKS / ROUND + 1) * ROUND;
        assert_eq!(with(&store, past, now).await, 6);
        let later = now + AGE + TimeDelta::seconds(1);
        assert_eq!(with(&store, past + ROUND, later).await, 1);
    }

    #[tokio::test]
    async fn a_search_is_by_principal_subject_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        for at in 1..=3 {
            let at = DateTime::from_timestamp(at, 0).unwrap();
            store.audit(row(at, true)).await.unwrap();
        }
        let found = |search: AuditSearch| -> Vec<i64> {
            let rows = store.audited(&search).unwrap();
            rows.iter().map(|row| row.id).collect()
        };
        let all = AuditSearch {
            limit: 2,
            ..AuditSearch::default()
        };
        assert_eq!(found(all.clone()), [3, 2]);
        let before = AuditSearch {
            before: Some(2),
            subject: Some("wiki".to_owned()),
            principal: Some("local:0".to_owned()),
            ..all.clone()
        };
        assert_eq!(found(before), [1]);
        let other = AuditSearch {
            subject: Some("wik".to_owned()),
            ..all
        };
        assert_eq!(found(other), [0_i64; 0]);
    }
}
