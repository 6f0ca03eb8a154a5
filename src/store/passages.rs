//! Passages of documents: rows and entries of the index, written together.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _};

use super::memory_index::{Indexed, NameKind, Terms, append, cut_all, use_name};
use super::spaces::{self, Space};
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

/// A passage to be kept; the store gives its numbers.
#[derive(Debug, Clone)]
pub struct NewPassage {
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
    /// What the index keeps of [`passage_text`].
    pub indexed: Indexed,
}

/// What of a passage is found: the words of the headings above it, and its own.
pub fn passage_text(heading: Option<&str>, text: &str) -> String {
    match heading {
        Some(heading) => format!("{heading}\n{text}"),
        None => text.to_owned(),
    }
}

impl Store {
    /// The passages with these numbers, in their order; those that are not there any more are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn passages_at(&self, space: i64, docs: &[u32]) -> Result<Vec<PassageRow>, StoreError> {
        self.read(|connection| {
            let mut one = connection.prepare_cached(
                "SELECT doc, document, name, user, passages.text, begin, end, heading, page, updated_at
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
                        text: row.get(4)?,
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

/// What is found of the passages with numbers from `from` to below `until`, by number.
pub(super) fn texts(
    connection: &Connection,
    space: i64,
    from: u32,
    until: u32,
) -> rusqlite::Result<Vec<(u32, String)>> {
    connection
        .prepare_cached(
            "SELECT doc, heading, text FROM passages WHERE space = ?1 AND doc >= ?2 AND doc < ?3 ORDER BY doc",
        )?
        .query_map((space, from, until), |row| {
            let (heading, text): (Option<String>, String) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, passage_text(heading.as_deref(), &text)))
        })?
        .collect()
}

/// How many passages a document has.
pub(super) fn count(connection: &Connection, document: &str) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT count(*) FROM passages WHERE document = ?1")?
        .query_row([document], |row| row.get(0))
}

/// Adds the passages of a document to a space, as its newest entries.
pub(super) fn add(
    connection: &Connection,
    space: &mut Space,
    document: &str,
    all: Vec<NewPassage>,
) -> rusqlite::Result<()> {
    let entries = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let mut insert = connection.prepare_cached(
        "INSERT INTO passages (space, doc, document, begin, end, text, heading, page) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut indexed = Vec::with_capacity(all.len());
    for mut one in all {
        let entry = &mut one.indexed.entry;
        entry.doc = space.next_doc;
        space.next_doc += 1;
        let next = &mut space.next_name;
        entry.session = use_name(
            connection,
            space.id,
            NameKind::Document,
            Some(document),
            next,
        )?;
        insert.execute((
            space.id,
            entry.doc,
            document,
            one.begin,
            one.end,
            one.text,
            one.heading,
            one.page,
        ))?;
        indexed.push(one.indexed);
    }
    append(connection, space.id, &indexed)?;
    // Their texts count among the documents'.
    spaces::grow(connection, space, entries, 0)
}

/// Where the passages of a document stand, and their terms.
pub(super) struct Old {
    space: i64,
    docs: Vec<(u32, Vec<(String, u8)>)>,
}

/// The passages of a document that was last replaced at this time, before others take their place.
pub(super) fn of(
    connection: &Connection,
    document: &str,
    at: i64,
    terms: Terms,
) -> rusqlite::Result<Old> {
    let mut old = Old {
        space: 0,
        docs: Vec::new(),
    };
    let mut passages = connection
        .prepare_cached("SELECT space, doc, heading, text FROM passages WHERE document = ?1")?;
    let mut rows = passages.query([document])?;
    while let Some(row) = rows.next()? {
        let (heading, text): (Option<String>, String) = (row.get(2)?, row.get(3)?);
        // All of one document are in one space.
        old.space = row.get(0)?;
        let text = passage_text(heading.as_deref(), &text);
        old.docs.push((row.get(1)?, terms(&text, at)));
    }
    Ok(old)
}

impl Old {
    /// Takes them out: rows, entries of the index, and the space where nothing else is in it.
    pub(super) fn take_out(self, connection: &Connection) -> rusqlite::Result<()> {
        let all: Vec<_> = self
            .docs
            .iter()
            .map(|(doc, terms)| (*doc, terms.as_slice()))
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        cut_all(connection, self.space, &all)?;
        let mut delete =
            connection.prepare_cached("DELETE FROM passages WHERE space = ?1 AND doc = ?2")?;
        for (doc, _) in &all {
            delete.execute((self.space, doc))?;
        }
        let entries = u32::try_from(all.len()).unwrap_or(u32::MAX);
        spaces::shrink(connection, self.space, entries, 0)
    }
}
