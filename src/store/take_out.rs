//! What is read to be taken along: documents with their texts, and the numbers of facts, page by page.

use rusqlite::OptionalExtension as _;

use super::documents::DocumentRow;
use super::memory_index::NameKind;
use super::{Store, StoreError};

/// A document as it is taken along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeDocument {
    /// All but its text.
    pub row: DocumentRow,
    /// Its text.
    pub text: String,
    /// What came in its place, where that is no text.
    pub original: Option<Vec<u8>>,
}

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

    /// The document of a user whose name comes next behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn next_document(
        &self,
        person: &str,
        user: &str,
        after: Option<&str>,
    ) -> Result<Option<WholeDocument>, StoreError> {
        let mut next = self.documents(person, user, after, 1)?;
        let Some(row) = next.pop() else {
            return Ok(None);
        };
        let read = |original| -> Result<Vec<u8>, StoreError> {
            // Gone in between: what comes behind it is asked for under its name.
            let found = self.document(person, user, &row.name, original)?;
            Ok(found.map(|(_, bytes)| bytes).unwrap_or_default())
        };
        let (text, original) = (read(false)?, read(true)?);
        Ok(Some(WholeDocument {
            original: (original != text).then_some(original),
            text: String::from_utf8_lossy(&text).into_owned(),
            row,
        }))
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
