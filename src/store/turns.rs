//! Which session a turn belongs to, by its idempotency key.

use rusqlite::OptionalExtension as _;

use super::{Store, StoreError};

impl Store {
    /// The session of the newest turn of a user whose idempotency key begins like this.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn session_behind(
        &self,
        person: &str,
        user: &str,
        once: &str,
    ) -> Result<Option<String>, StoreError> {
        // Keys are compared byte by byte, and no text has a character behind this one.
        let end = format!("{once}\u{10ffff}");
        self.read(|connection| {
            let session: Option<Option<String>> = connection
                .prepare_cached(
                    "SELECT session FROM interactions
                     WHERE space = (SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2)
                       AND once >= ?3 AND once < ?4 ORDER BY doc DESC LIMIT 1",
                )?
                .query_row((person, user, once, end), |row| row.get(0))
                .optional()?;
            Ok(session.flatten())
        })
    }
}
