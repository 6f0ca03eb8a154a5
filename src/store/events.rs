//! Events, in the order in which they happened.

use chrono::{DateTime, Utc};
use rusqlite::{Row, named_params};

use super::{Durable, Store, StoreError, millis, time};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its number; 0 for one that is to be added.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: String,
    /// Of which session.
    pub session: Option<String>,
    /// What else is told of it: a JSON object. Holds no secret.
    pub facts: String,
}

impl Store {
    /// Adds an event, and with it what webhooks are to be told; its number. When it is answered a kill cannot lose it.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn insert_event(&self, row: EventRow) -> Result<i64, StoreError> {
        self.submit(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO events (at, kind, session, facts) VALUES (:at, :kind, :session, :facts)",
                )?
                .execute(named_params! {
                    ":at": millis(row.at), ":kind": row.kind, ":session": row.session, ":facts": row.facts,
                })?;
            let id = connection.last_insert_rowid();
            connection
                .prepare_cached(
                    "INSERT INTO deliveries (webhook, event, next_at)
                     SELECT id, :event, :at FROM webhooks
                     WHERE disabled_at IS NULL AND (kinds IS NULL OR instr(' ' || kinds || ' ', ' ' || :kind || ' ') > 0)",
                )?
                .execute(named_params! { ":event": id, ":at": millis(row.at), ":kind": row.kind })?;
            Ok(id)
        })
        .await
    }

    /// Forgets events that are older than a time, and of the rest those beyond the newest `most`.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn prune_events(
        &self,
        older_than: DateTime<Utc>,
        most: i64,
    ) -> Result<(), StoreError> {
        self.submit(Durable::Handed, move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM events WHERE at < ?1 OR id <= (SELECT coalesce(max(id), 0) FROM events) - ?2",
                )?
                .execute((millis(older_than), most))
                .map(drop)
        })
        .await
    }

    /// Events behind a number, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn events_after(
        &self,
        after: i64,
        session: Option<&str>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, at, kind, session, facts FROM events
                     WHERE id > :after AND (:session IS NULL OR session = :session) ORDER BY id LIMIT :limit",
                )?
                .query_map(
                    named_params! { ":after": after, ":session": session, ":limit": limit },
                    event_row,
                )?
                .collect()
        })
    }

    /// The numbers of the oldest and the newest event that are kept, and of the newest that ever was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn event_span(&self) -> Result<EventSpan, StoreError> {
        self.read(|connection| {
            let oldest = connection
                .prepare_cached("SELECT min(id) FROM events")?
                .query_row([], |row| row.get(0))?;
            let newest = connection
                .prepare_cached(
                    "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'",
                )?
                .query_row([], |row| row.get(0))?;
            Ok(EventSpan { oldest, newest })
        })
    }
}

/// Which events there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSpan {
    /// The number of the oldest that is kept; `None`: there is none.
    pub oldest: Option<i64>,
    /// The number of the newest that ever was; 0: there was none.
    pub newest: i64,
}

pub(super) fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: row.get(0)?,
        at: time(row.get(1)?),
        kind: row.get(2)?,
        session: row.get(3)?,
        facts: row.get(4)?,
    })
}
