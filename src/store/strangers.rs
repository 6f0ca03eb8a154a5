//! Instances that are nobody's who is known: how many there may be, and what of them goes by itself.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::people::is_bare;
use super::{Store, StoreError, millis};

impl Store {
    /// Forgets what is nobody's, was registered before this, and was never used.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn forget_unused_instances(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        // A piece at a time: whatever else is written waits no longer than for that.
        loop {
            let gone = self.write(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM instances WHERE id IN (SELECT id FROM instances
                           WHERE person IS NULL AND used_at IS NULL AND registered_at < ?1 LIMIT 1000)",
                    )?
                    .execute([millis(before)])
            });
            if gone.await? == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether there is place for one more of a person, or of nobody.
pub(super) fn has_place(
    connection: &Connection,
    person: Option<&str>,
    (most, most_of_one): (u32, u32),
) -> rusqlite::Result<bool> {
    if let Some(person) = person
        && !is_bare(connection, person)?
    {
        return Ok(true);
    }
    let of_one: u32 = connection
        .prepare_cached("SELECT coalesce(sum(number), 0) FROM instance_counts WHERE person = ?1")?
        .query_row([person.unwrap_or_default()], |row| row.get(0))?;
    match person {
        Some(_) => Ok(of_one < most_of_one),
        // Each that was once used has a person of its own. Those who are known are few beside them.
        None => {
            let people: u32 = connection
                .prepare_cached("SELECT count(*) FROM people")?
                .query_row([], |row| row.get(0))?;
            Ok(of_one.saturating_add(people) < most)
        }
    }
}
