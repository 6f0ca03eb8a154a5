//! Passages of documents.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::{Store, StoreError, time};

/// A passage, with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageRow {
    /// Its number in its space.
    pub doc: u32,
    /// Id of its document.
    pub document: String,
    /// Name of its document.
    pub name: String,
    /// In whose memory it is.
    pub user: String,
    /// Its text.
    pub text: String,
    /// Where it begins in the document's text, bytes.
    pub begin: u32,
    /// Where it ends, bytes.
    pub end: u32,
    /// The headings above it.
    pub heading: Option<String>,
    /// Its page, from 1.
    pub page: Option<u32>,
    /// When its document was last replaced.
    pub updated_at: DateTime<Utc>,
}

impl Store {
    /// The passages with these numbers, in their order; those that are not there any more are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn passages_at(&self, space: i64, docs: &[u32]) -> Result<Vec<PassageRow>, StoreError> {
        self.read(|connection| {
            let mut one = connection.prepare_cached(
                "SELECT doc, document, name, user, substr(CAST(text AS BLOB), begin + 1, end - begin), begin, end, heading, page,
                   updated_at
                 FROM passages JOIN documents ON documents.id = document WHERE space = ?1 AND doc = ?2",
            )?;
            let mut rows = Vec::with_capacity(docs.len());
            for doc in docs {
                let row = one.query_row((space, doc), |row| {
                    Ok(PassageRow {
                        doc: row.get(0)?,
                        document: row.get(1)?,
                        name: row.get(2)?,
                        user: row.get(3)?,
                        text: String::from_utf8_lossy(row.get_ref(4)?.as_blob()?).into_owned(),
                        begin: row.get(5)?,
                        end: row.get(6)?,
                        heading: row.get(7)?,
                        page: row.get(8)?,
                        updated_at: time(row.get(9)?),
                    })
                });
                rows.extend(row.optional()?);
            }
            Ok(rows)
        })
    }
}
