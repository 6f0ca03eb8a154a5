//! What is read to be taken along: documents with their texts, and the numbers of facts, page by page.

use rusqlite::OptionalExtension as _;

use super::documents::DocumentRow;
use super::memory_index::NameKind;
use super::{Store, StoreError, time};

impl Store {
    /// The number of a user's space; `None`: nothing is kept for it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn space_of(&self, person: &str, user: &str) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2")?
                .query_row([person, user], |row| row.get(0))
                .optional()
        })
    }

    /// The document of a user whose name comes next behind `after`, with its text; where it is below the watched folder.
    ///
    /// # Errors
    /// The store cannot be read.
    #[expect(clippy::type_complexity, reason = "one row as it is read")]
    pub fn next_document(
        &self,
        person: &str,
        user: &str,
        after: Option<&str>,
    ) -> Result<Option<(DocumentRow, String, Option<String>)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, kind, octet_length(text), created_at, updated_at, text, origin FROM documents
                     WHERE person = ?1 AND user = ?2 AND name > ?3 ORDER BY name LIMIT 1",
                )?
                .query_row((person, user, after.unwrap_or_default()), |row| {
                    let document = DocumentRow {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        kind: row.get(2)?,
                        bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                        created_at: time(row.get(4)?),
                        updated_at: time(row.get(5)?),
                    };
                    Ok((document, row.get(6)?, row.get(7)?))
                })
                .optional()
        })
    }

    /// The numbers of a space's facts behind a number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learned_behind(
        &self,
        space: i64,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Vec<u32>, StoreError> {
        self.read(|connection| {
            let first = after.map_or(0, |after| i64::from(after) + 1);
            connection
                .prepare_cached(
                    "SELECT doc FROM learned WHERE space = ?1 AND doc >= ?2 ORDER BY doc LIMIT ?3",
                )?
                .query_map((space, first, limit), |row| row.get(0))?
                .collect()
        })
    }

    /// The names of a kind in a space, by number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn names(&self, space: i64, kind: NameKind) -> Result<Vec<(u32, String)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, name FROM memory_names WHERE space = ?1 AND kind = ?2",
                )?
                .query_map((space, kind as u8), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }
}
