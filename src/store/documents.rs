//! Documents.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::people::is_bare;
use super::{Store, StoreError, millis, time};

/// A document, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its id.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// Media type of the text.
    pub kind: String,
    /// Length of the text, bytes.
    pub bytes: u64,
    /// When it was first kept.
    pub created_at: DateTime<Utc>,
    /// When its text was last replaced.
    pub updated_at: DateTime<Utc>,
}

/// What became of a document that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is there; `new`: it was not before.
    Yes {
        /// As it is now.
        row: DocumentRow,
        /// Whether there was none of this name.
        new: bool,
    },
    /// The person has as many as one may have.
    Full,
    /// Together with this one they would be larger than they may be.
    NoRoom {
        /// How many bytes they would have.
        would: u64,
        /// How many they may have.
        room: u64,
    },
}

/// How much a person may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Documents.
    pub documents: u64,
    /// Bytes of all their texts.
    pub bytes: u64,
    /// The same of a person who was only made for an instance.
    pub bare_bytes: u64,
}

// `octet_length` reads no text.
const DOCUMENT: &str =
    "SELECT id, name, kind, octet_length(text), created_at, updated_at FROM documents";

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

    /// Keeps a text under a name; one that is there is replaced and keeps its id. `row.id`: of a new one. `most`: how much
    /// a person may have. `is_taken`: the person is not there any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put_document(
        &self,
        person: String,
        row: DocumentRow,
        text: String,
        most: Room,
    ) -> Result<Kept, StoreError> {
        self.write(move |connection| {
            let room = match is_bare(connection, &person)? {
                true => most.bare_bytes,
                false => most.bytes,
            };
            let (others, bytes): (i64, i64) = connection
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(octet_length(text)), 0) FROM documents WHERE person = ?1 AND name <> ?2",
                )?
                .query_row((&person, &row.name), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let would = bytes.unsigned_abs().saturating_add(text.len() as u64);
            if would > room {
                return Ok(Kept::NoRoom { would, room });
            }
            let replaced = connection
                .prepare_cached(
                    "UPDATE documents SET kind = :kind, text = :text, updated_at = :at
                     WHERE person = :person AND name = :name",
                )?
                .execute(named_params! {
                    ":person": person, ":name": row.name, ":kind": row.kind, ":text": text,
                    ":at": millis(row.updated_at),
                })?;
            if replaced == 0 {
                if others.unsigned_abs() >= most.documents {
                    return Ok(Kept::Full);
                }
                connection
                    .prepare_cached(
                        "INSERT INTO documents (id, person, name, kind, text, created_at, updated_at)
                         VALUES (:id, :person, :name, :kind, :text, :at, :at)",
                    )?
                    .execute(named_params! {
                        ":id": row.id, ":person": person, ":name": row.name, ":kind": row.kind, ":text": text,
                        ":at": millis(row.created_at),
                    })?;
            }
            let row = connection
                .prepare_cached(&format!("{DOCUMENT} WHERE person = ?1 AND name = ?2"))?
                .query_row((&person, &row.name), document_row)?;
            Ok(Kept::Yes { row, new: replaced == 0 })
        })
        .await
    }

    /// A person's documents by name, those behind `after`, without their texts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn documents(
        &self,
        person: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "{DOCUMENT} WHERE person = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
                ))?
                // No name is empty.
                .query_map((person, after.unwrap_or_default(), limit), document_row)?
                .collect()
        })
    }

    /// A document with its text.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document(
        &self,
        person: &str,
        name: &str,
    ) -> Result<Option<(DocumentRow, String)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, kind, octet_length(text), created_at, updated_at, text FROM documents
                     WHERE person = ?1 AND name = ?2",
                )?
                .query_row((person, name), |row| Ok((document_row(row)?, row.get(6)?)))
                .optional()
        })
    }

    /// Deletes a document; its id, where it was there.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_document(
        &self,
        person: String,
        name: String,
    ) -> Result<Option<String>, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM documents WHERE person = ?1 AND name = ?2 RETURNING id",
                )?
                .query_row((person, name), |row| row.get(0))
                .optional()
        })
        .await
    }
}

fn document_row(row: &Row<'_>) -> rusqlite::Result<DocumentRow> {
    Ok(DocumentRow {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        bytes: row.get::<_, i64>(3)?.unsigned_abs(),
        created_at: time(row.get(4)?),
        updated_at: time(row.get(5)?),
    })
}
