//! Whether instances are connected, and when they were heard.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, millis};

/// How it stands with one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceRow {
    /// Whose condition this is.
    pub id: String,
    /// Whether it is connected.
    pub online: bool,
    /// When it was last heard, where that is known: to the minute while it is connected, and exactly when it has gone.
    pub heard_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Writes down who is connected and who is not. What is not registered stays so.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_presence(&self, rows: Vec<PresenceRow>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE instances SET status = ?2, heard_at = coalesce(?3, heard_at)
                 WHERE id = ?1 AND status <> 'unregistered'",
            )?;
            for row in rows {
                let status = if row.online { "online" } else { "offline" };
                update.execute((row.id, status, row.heard_at.map(millis)))?;
            }
            Ok(())
        })
        .await
    }

    /// Nobody is connected: the daemon begins.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn nobody_connected(&self) -> Result<(), StoreError> {
        self.write(|connection| {
            connection
                .prepare_cached("UPDATE instances SET status = 'offline' WHERE status = 'online'")?
                .execute([])
                .map(drop)
        })
        .await
    }
}
