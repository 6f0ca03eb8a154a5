//! Documents.

use super::{Store, StoreError};

impl Store {
    /// How many documents a person has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_count(&self, person: &str) -> Result<u64, StoreError> {
        self.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM documents WHERE person = ?1")?
                .query_row([person], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }
}
