//! Documents: as they came, their texts, and with them their passages in the index.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row};

use super::documents_kept::find;
use super::memory_index::Terms;
use super::passages::{self, NewPassage};
use super::{Store, StoreError, time};

/// A document, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// What its person calls it.
    pub name: String,
    /// Media type of what came.
    pub kind: String,
    /// Length of the text, bytes.
    pub bytes: u64,
    /// Length of what came, bytes.
    pub size: u64,
    /// Its path below the watched folder; `None`: it was uploaded.
    pub origin: Option<String>,
    /// How many passages of it can be found.
    pub passages: u64,
    /// Pages that its text is not whole of, from 1.
    pub unread: Vec<u32>,
    /// When it was first kept.
    pub created_at: DateTime<Utc>,
    /// When it was last replaced.
    pub updated_at: DateTime<Utc>,
}

/// A document to be kept.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Its id, where it is new.
    pub id: String,
    /// In whose memory.
    pub user: String,
    /// What its person calls it.
    pub name: String,
    /// Media type of what came.
    pub kind: &'static str,
    /// Its text.
    pub text: String,
    /// What came, where that is not its text.
    pub original: Option<Vec<u8>>,
    /// Its path below the watched folder; `None`: it was uploaded.
    pub origin: Option<String>,
    /// Pages that its text is not whole of, from 1.
    pub unread: Vec<u32>,
    /// SHA-256 of what came.
    pub hash: [u8; 32],
    /// By which rules it was split.
    pub rules: u32,
    /// Now: also the time of its passages' entries.
    pub at: DateTime<Utc>,
    /// Its passages.
    pub passages: Vec<NewPassage>,
}

/// What became of a document that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is there.
    Yes {
        /// As it is now.
        row: DocumentRow,
        /// Whether there was none of this name.
        new: bool,
        /// Whether another one was there, which is gone now.
        replaced: bool,
    },
    /// One of this name is there that came another way: from the watched folder, or uploaded.
    Owned,
    /// The person has as many as one may have.
    Full,
    /// The user's memory would have more entries than it may.
    Crowded,
    /// Together with this one they would be larger than they may be.
    NoRoom {
        /// How many bytes they would have.
        would: u64,
        /// How many they may have.
        room: u64,
    },
}

/// What became of a document that was to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone; its id.
    Yes(String),
    /// It is the watched folder's.
    Owned,
    /// There is none.
    No,
}

/// How much a person may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Documents.
    pub documents: u64,
    /// Bytes of all of them: texts, and what came where that is not the text.
    pub bytes: u64,
    /// The same of a person who was only made for an instance.
    pub bare_bytes: u64,
    /// Entries of one user's memory.
    pub entries: u32,
}

/// A document that was not split by the rules of today.
#[derive(Debug, Clone)]
pub struct Unsplit {
    /// Its row.
    pub row: DocumentRow,
    /// Whose it is.
    pub person: String,
    /// Its text.
    pub text: String,
}

// `octet_length` reads no text.
pub(super) const DOCUMENT: &str = "SELECT id, user, name, kind, octet_length(text), coalesce(octet_length(original), octet_length(text)), origin,
       (SELECT count(*) FROM passages WHERE document = documents.id), created_at, updated_at, unread
     FROM documents";

impl Store {
    /// How many documents are in a person's own memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_count(&self, person: &str) -> Result<u64, StoreError> {
        self.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM documents WHERE person = ?1 AND user = ?1")?
                .query_row([person], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// A user's documents by name, those behind `after`, without their texts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn documents(
        &self,
        person: &str,
        user: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{DOCUMENT} WHERE person = ?1 AND user = ?2 AND name > ?3 ORDER BY name LIMIT ?4"
                ))?
                // No name is empty.
                .query_map((person, user, after.unwrap_or_default(), limit), document_row)?
                .collect()
        })
    }

    /// A document and its text; where `original`, what came in its place.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document(
        &self,
        person: &str,
        user: &str,
        name: &str,
        original: bool,
    ) -> Result<Option<(DocumentRow, Vec<u8>)>, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(&format!(
                    "{DOCUMENT} WHERE person = ?1 AND user = ?2 AND name = ?3"
                ))?
                .query_row((person, user, name), document_row)
                .optional()?;
            let Some(row) = found else { return Ok(None) };
            let bytes = connection
                .prepare_cached(
                    "SELECT iif(?2, coalesce(original, CAST(text AS BLOB)), CAST(text AS BLOB)) FROM documents WHERE id = ?1",
                )?
                .query_row((&row.id, original), |row| row.get(0))
                .optional()?;
            Ok(bytes.map(|bytes| (row, bytes)))
        })
    }

    /// The user and the name of a document of a person; `user`: only where it is in this one's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_behind(
        &self,
        person: &str,
        user: Option<&str>,
        id: &str,
    ) -> Result<Option<(String, String)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT user, name FROM documents
                     WHERE id = ?1 AND person = ?2 AND user >= ' ' AND (?3 IS NULL OR user = ?3)",
                )?
                .query_row((id, person, user), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    /// Deletes a document, with its passages. `has_folder`: not where it is the watched folder's.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_document(
        &self,
        person: String,
        user: String,
        name: String,
        has_folder: bool,
        terms: Terms,
    ) -> Result<Deleted, StoreError> {
        self.write(move |connection| {
            let Some(there) = find(connection, &person, &user, &name)? else {
                return Ok(Deleted::No);
            };
            if has_folder && there.origin.is_some() {
                return Ok(Deleted::Owned);
            }
            passages::of(connection, &there.id, there.at, terms)?.take_out(connection)?;
            connection
                .prepare_cached("DELETE FROM documents WHERE id = ?1")?
                .execute([&there.id])?;
            Ok(Deleted::Yes(there.id))
        })
        .await
    }

    /// The documents of the watched folder in a user's memory: name, and SHA-256 of what came.
    ///
    /// # Errors
    /// The store cannot be read.
    #[expect(clippy::type_complexity, reason = "one row as it is read")]
    pub fn folder_documents(
        &self,
        person: &str,
        user: &str,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, hash FROM documents WHERE person = ?1 AND user = ?2 AND origin IS NOT NULL",
                )?
                .query_map([person, user], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// The first document with an id behind `after` that was not split by these rules; `None`: all were.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unsplit_document(&self, rules: u32, after: &str) -> Result<Option<Unsplit>, StoreError> {
        self.read(|connection| {
            let found: Option<(String, String, String)> = connection
                .prepare_cached("SELECT id, person, text FROM documents WHERE +rules < ?1 AND id > ?2 AND user >= ' ' ORDER BY id LIMIT 1")?
                .query_row((rules, after), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((id, person, text)) = found else {
                return Ok(None);
            };
            let row = connection
                .prepare_cached(&format!("{DOCUMENT} WHERE id = ?1"))?
                .query_row([id], document_row)
                .optional()?;
            Ok(row.map(|row| Unsplit { row, person, text }))
        })
    }
}

pub(super) fn document_row(row: &Row<'_>) -> rusqlite::Result<DocumentRow> {
    let length = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(DocumentRow {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        bytes: length(4)?,
        size: length(5)?,
        origin: row.get(6)?,
        passages: length(7)?,
        created_at: time(row.get(8)?),
        updated_at: time(row.get(9)?),
        unread: {
            let numbers: String = row.get(10)?;
            numbers
                .split(' ')
                .filter_map(|one| one.parse().ok())
                .collect()
        },
    })
}
