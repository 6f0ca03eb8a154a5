//! Webhooks, and what each was told or is still to be told.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::events::{EventRow, event_row};
use super::{Store, StoreError, millis, time};

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// Of which kinds, between spaces; `None`: every kind.
    pub kinds: Option<String>,
    /// What deliveries are signed with, sealed.
    pub secret: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the first failure was that no success has followed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Since when, and why, nothing is sent any more.
    pub disabled: Option<(DateTime<Utc>, String)>,
}

/// One event for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The webhook.
    pub webhook: String,
    /// The event.
    pub event: EventRow,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None`: no more.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was taken.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The status of the newest answer.
    pub status: Option<u16>,
    /// Why the newest try failed.
    pub error: Option<String>,
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedRow {
    /// The webhook.
    pub webhook: String,
    /// The number of the event.
    pub event: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The answer's status, where there was one.
    pub status: Option<u16>,
    /// Why it failed; `None`: it was taken.
    pub error: Option<String>,
    /// When to try again; `None`: no more.
    pub next_at: Option<DateTime<Utc>>,
    /// Since when the webhook fails.
    pub failing_since: Option<DateTime<Utc>>,
    /// Why nothing is sent to it from now on.
    pub disable: Option<String>,
}

const HOOK: &str = "id, url, kinds, secret, created_at, failing_since, disabled_at, disabled_why";
const DELIVERY: &str = "events.id, events.at, events.kind, events.session, events.facts, deliveries.webhook,
    deliveries.tries, deliveries.next_at, deliveries.delivered_at, deliveries.status, deliveries.error";

impl Store {
    /// Keeps a new webhook.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn insert_webhook(&self, row: WebhookRow, most: u32) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO webhooks (id, url, kinds, secret, created_at)
                     SELECT :id, :url, :kinds, :secret, :created_at
                     WHERE (SELECT count(*) FROM webhooks) < :most",
                )?
                .execute(named_params! {
                    ":most": most, ":id": row.id, ":url": row.url, ":kinds": row.kinds, ":secret": row.secret,
                    ":created_at": millis(row.created_at),
                })
                .map(|made| made > 0)
        })
        .await
    }

    /// Removes a webhook and what it was still to be told; `false`: there was none.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_webhook(&self, id: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let gone = connection.execute("DELETE FROM webhooks WHERE id = ?1", [id])?;
            Ok(gone > 0)
        })
        .await
    }

    /// Every webhook, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {HOOK} FROM webhooks ORDER BY created_at, id");
            connection
                .prepare_cached(&sql)?
                .query_map([], hook_row)?
                .collect()
        })
    }

    /// One webhook.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn webhook(&self, id: &str) -> Result<Option<WebhookRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {HOOK} FROM webhooks WHERE id = ?1");
            connection
                .prepare_cached(&sql)?
                .query_row([id], hook_row)
                .optional()
        })
    }

    /// What a webhook is to be told by now, the longest due first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn due_deliveries(
        &self,
        webhook: &str,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {DELIVERY} FROM deliveries JOIN events ON events.id = deliveries.event
                 WHERE deliveries.webhook = ?1 AND deliveries.next_at <= ?2
                 ORDER BY deliveries.next_at, deliveries.event LIMIT ?3"
            );
            connection
                .prepare_cached(&sql)?
                .query_map((webhook, millis(now), limit), delivery_row)?
                .collect()
        })
    }

    /// The webhooks that are to be told something, each with when the next is due and how much waits.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn waiting_deliveries(&self) -> Result<Vec<(String, DateTime<Utc>, u64)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT webhook, min(next_at), count(*) FROM deliveries JOIN webhooks ON webhooks.id = webhook
                     WHERE next_at IS NOT NULL AND disabled_at IS NULL GROUP BY webhook",
                )?
                .query_map([], |row| {
                    let waiting = row.get::<_, i64>(2)?.unsigned_abs();
                    Ok((row.get(0)?, time(row.get(1)?), waiting))
                })?
                .collect()
        })
    }

    /// Lets a webhook that was disabled, or that fails, begin anew.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn enable_webhook(&self, id: String) -> Result<(), StoreError> {
        self.write(move |connection| {
            let enable = "UPDATE webhooks SET failing_since = NULL, disabled_at = NULL, disabled_why = NULL WHERE id = ?1";
            connection.execute(enable, [id]).map(drop)
        })
        .await
    }

    /// The newest deliveries of a webhook.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn deliveries(&self, webhook: &str, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {DELIVERY} FROM deliveries JOIN events ON events.id = deliveries.event
                 WHERE deliveries.webhook = ?1 ORDER BY deliveries.event DESC LIMIT ?2"
            );
            connection
                .prepare_cached(&sql)?
                .query_map((webhook, limit), delivery_row)?
                .collect()
        })
    }

    /// Writes down what came of a try.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn tried(&self, row: TriedRow) -> Result<(), StoreError> {
        self.write(move |connection| {
            let at = millis(row.at);
            let delivered_at = row.error.is_none().then_some(at);
            connection
                .prepare_cached(
                    "UPDATE deliveries SET tries = tries + 1, next_at = :next_at, delivered_at = :delivered_at,
                         status = :status, error = :error
                     WHERE webhook = :webhook AND event = :event",
                )?
                .execute(named_params! {
                    ":next_at": row.next_at.map(millis), ":delivered_at": delivered_at, ":status": row.status,
                    ":error": row.error, ":webhook": row.webhook, ":event": row.event,
                })?;
            connection
                .prepare_cached(
                    "UPDATE webhooks SET failing_since = :failing_since,
                         disabled_at = CASE WHEN :why IS NULL THEN disabled_at ELSE :at END,
                         disabled_why = coalesce(:why, disabled_why)
                     WHERE id = :webhook",
                )?
                .execute(named_params! {
                    ":failing_since": row.failing_since.map(millis), ":why": row.disable, ":at": at,
                    ":webhook": row.webhook,
                })
                .map(drop)
        })
        .await
    }
}

fn hook_row(row: &Row<'_>) -> rusqlite::Result<WebhookRow> {
    let disabled_at: Option<i64> = row.get(6)?;
    let why: Option<String> = row.get(7)?;
    Ok(WebhookRow {
        id: row.get(0)?,
        url: row.get(1)?,
        kinds: row.get(2)?,
        secret: row.get(3)?,
        created_at: time(row.get(4)?),
        failing_since: row.get::<_, Option<i64>>(5)?.map(time),
        disabled: disabled_at.map(|at| (time(at), why.unwrap_or_default())),
    })
}

fn delivery_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        event: event_row(row)?,
        webhook: row.get(5)?,
        tries: row.get(6)?,
        next_at: row.get::<_, Option<i64>>(7)?.map(time),
        delivered_at: row.get::<_, Option<i64>>(8)?.map(time),
        status: row.get(9)?,
        error: row.get(10)?,
    })
}
