//! The index of memories: postings, entries and names, each under the number of its space.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::kept::Whole;
use super::meanings::Meanings;
use super::memory_blocks::{
    ENTRY, Entry, PASSAGE, Posting, cut_entry, find_entry, place, posting, read_entries,
    read_postings, with, without, write_entry,
};
use super::{Store, StoreError, Vector, vectors};

/// What has a number in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A session.
    Session = 1,
    /// Who speaks.
    Speaker = 2,
    /// An application or agent.
    App = 3,
    /// A document, by its id.
    Document = 4,
}

/// What ranking needs of a space.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryRead {
    /// The space, for whoever fetches texts of it later.
    pub space: i64,
    /// Every entry, in the order in which they came.
    pub entries: Arc<Vec<Entry>>,
    /// For each term that was asked for where it stands, in the same order.
    pub postings: Vec<Vec<Posting>>,
    /// The numbers of the names that were asked for; `None`: nothing has this name.
    pub names: Vec<Option<u32>>,
    /// How near each entry is to the meaning that was asked for (the cosine); `None`: it means nothing to the model, or the model has
    /// not come to it yet. Empty, where no meaning was asked for.
    pub similar: Vec<Option<f32>>,
    /// To how many entries the model has not come yet.
    pub waiting: usize,
}

/// An entry and all that the index keeps of its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Indexed {
    /// What ranking knows of it; its numbers are given to it by the store.
    pub entry: Entry,
    /// Its terms, each once, and how often each.
    pub terms: Vec<(String, u8)>,
    /// What it means, where the embedder says so at once; otherwise that comes later.
    pub vector: Option<Vector>,
}

/// Makes the terms of a text that was said or written at a time (milliseconds since 1970): always the same ones. Whoever deletes
/// an entry finds its terms by it.
pub type Terms = fn(&str, i64) -> Vec<(String, u8)>;

impl Store {
    /// Reads the index of a user's memory: one moment of it. `None`: there is no such memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read_memory(
        &self,
        person: &str,
        user: &str,
        terms: &[String],
        names: &[(NameKind, &str)],
        meaning: Option<&Vector>,
    ) -> Result<Option<MemoryRead>, StoreError> {
        self.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            let found = moment
                .prepare_cached(
                    "SELECT id, changes FROM memory_spaces WHERE person = ?1 AND user = ?2",
                )?
                .query_row([person, user], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((space, changes)) = found else {
                return Ok(None);
            };
            let whole = self.whole(&moment, space, changes, meaning)?;
            let mut read = MemoryRead {
                space,
                entries: Arc::clone(&whole.entries),
                ..MemoryRead::default()
            };
            if let (Some(to), Some(meanings)) = (meaning, &whole.meanings) {
                read.similar = meanings.similar(to);
                read.waiting = meanings.waiting();
            }
            let mut index = moment.prepare_cached(
                "SELECT block, docs FROM memory_index WHERE space = ?1 AND term = ?2 ORDER BY block",
            )?;
            for term in terms {
                let mut postings = Vec::new();
                let mut blocks = index.query((space, term))?;
                while let Some(row) = blocks.next()? {
                    read_postings(row.get(0)?, blob(row, 1)?, &mut postings);
                }
                read.postings.push(postings);
            }
            for (kind, name) in names {
                read.names.push(number(&moment, space, *kind, name)?);
            }
            Ok(Some(read))
        })
    }

    /// What is read of a space as a whole, as it is after so many changes; and what the model of `meaning` says of it.
    fn whole(
        &self,
        moment: &Connection,
        space: i64,
        changes: i64,
        meaning: Option<&Vector>,
    ) -> rusqlite::Result<Arc<Whole>> {
        let held = self.0.memories.get(space, changes);
        let entries = match held {
            Some(whole) => {
                let meanings = whole.meanings.as_ref();
                if meaning.is_none_or(|to| meanings.is_some_and(|all| all.is_of(to))) {
                    return Ok(whole);
                }
                Arc::clone(&whole.entries)
            }
            None => Arc::new(entries(moment, space)?),
        };
        let meanings = meaning.map(|like| Meanings::read(moment, space, &entries, like));
        let whole = Arc::new(Whole {
            space,
            changes,
            meanings: meanings.transpose()?,
            entries,
        });
        self.0.memories.put(&whole);
        Ok(whole)
    }

    /// The space of a user's memory, and those of its entries that have these numbers. `None`: there is no such memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn entries_of(
        &self,
        person: &str,
        user: &str,
        docs: &[u32],
    ) -> Result<Option<(i64, Vec<Entry>)>, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached("SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2")?
                .query_row([person, user], |row| row.get(0))
                .optional()?;
            let Some(space) = found else { return Ok(None) };
            let mut one = connection.prepare_cached(
                "SELECT entries FROM memory_entries WHERE space = ?1 AND block = ?2",
            )?;
            let mut entries = Vec::with_capacity(docs.len());
            for doc in docs {
                let (block, _) = place(*doc);
                let entry = one
                    .query_row((space, block), |row| Ok(find_entry(*doc, blob(row, 0)?)))
                    .optional()?;
                entries.extend(entry.flatten());
            }
            Ok(Some((space, entries)))
        })
    }
}

fn entries(moment: &Connection, space: i64) -> rusqlite::Result<Vec<Entry>> {
    let mut blocks = moment.prepare_cached(
        "SELECT block, entries FROM memory_entries WHERE space = ?1 ORDER BY block",
    )?;
    let mut blocks = blocks.query([space])?;
    let mut entries = Vec::new();
    while let Some(row) = blocks.next()? {
        read_entries(row.get(0)?, blob(row, 1)?, &mut entries);
    }
    Ok(entries)
}

fn blob<'a>(row: &'a rusqlite::Row<'_>, at: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(at)?.as_blob()?)
}

fn number(
    connection: &Connection,
    space: i64,
    kind: NameKind,
    name: &str,
) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached(
            "SELECT number FROM memory_names WHERE space = ?1 AND kind = ?2 AND name = ?3",
        )?
        .query_row((space, kind as u8, name), |row| row.get(0))
        .optional()
}

/// Counts one more use of a name; its number, which is `next` where it is new.
pub(super) fn use_name(
    connection: &Connection,
    space: i64,
    kind: NameKind,
    name: Option<&str>,
    next: &mut u32,
) -> rusqlite::Result<u32> {
    let Some(name) = name else { return Ok(0) };
    let number: u32 = connection
        .prepare_cached(
            "INSERT INTO memory_names (space, kind, name, number, uses) VALUES (?1, ?2, ?3, ?4, 1)
             ON CONFLICT DO UPDATE SET uses = uses + 1 RETURNING number",
        )?
        .query_row((space, kind as u8, name, *next), |row| row.get(0))?;
    if number == *next {
        *next += 1;
    }
    Ok(number)
}

fn leave_name(
    connection: &Connection,
    space: i64,
    kind: NameKind,
    number: u32,
) -> rusqlite::Result<()> {
    if number == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE memory_names SET uses = uses - 1 WHERE space = ?1 AND kind = ?2 AND number = ?3",
        )?
        .execute((space, kind as u8, number))?;
    connection
        .prepare_cached(
            "DELETE FROM memory_names WHERE space = ?1 AND kind = ?2 AND number = ?3 AND uses < 1",
        )?
        .execute((space, kind as u8, number))
        .map(drop)
}

/// Adds entries, in the order of their numbers, which are above all that are there.
pub(super) fn append(connection: &Connection, space: i64, all: &[Indexed]) -> rusqlite::Result<()> {
    // Each block is touched once, however many interactions come; in the order of the tree, which costs least.
    let mut postings: BTreeMap<(&str, u32), Vec<u8>> = BTreeMap::new();
    let mut entries: BTreeMap<u32, Vec<&Entry>> = BTreeMap::new();
    for Indexed { entry, terms, .. } in all {
        entries.entry(place(entry.doc).0).or_default().push(entry);
        for (term, often) in terms {
            let (block, entry) = posting(entry.doc, *often);
            let docs = postings.entry((term, block)).or_default();
            docs.extend(entry);
        }
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO memory_index (space, term, block, docs) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET docs = CAST(docs || excluded.docs AS BLOB)",
    )?;
    for ((term, block), docs) in postings {
        put.execute((space, term, block, docs))?;
    }
    for (block, entries) in entries {
        let mut bytes = entry_block(connection, space, block)?.unwrap_or_default();
        for entry in entries {
            let at = place(entry.doc).1 * ENTRY;
            // Where everything before it was deleted, the block begins with holes.
            if bytes.len() < at + ENTRY {
                bytes.resize(at + ENTRY, 0);
            }
            bytes[at..at + ENTRY].copy_from_slice(&write_entry(entry));
        }
        connection
            .prepare_cached(
                "INSERT INTO memory_entries (space, block, entries) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET entries = excluded.entries",
            )?
            .execute((space, block, bytes))?;
    }
    let meant = all
        .iter()
        .filter_map(|one| Some((one.entry.doc, one.vector.as_ref()?)));
    vectors::put(connection, space, &meant.collect::<Vec<_>>())
}

/// Puts an entry back whose number was given before, after it was cut out: its terms go where they belong in their blocks.
pub(super) fn put_back(connection: &Connection, space: i64, one: Indexed) -> rusqlite::Result<()> {
    for (term, often) in &one.terms {
        let (block, posting) = posting(one.entry.doc, *often);
        let docs: Option<Vec<u8>> = connection
            .prepare_cached(
                "SELECT docs FROM memory_index WHERE space = ?1 AND term = ?2 AND block = ?3",
            )?
            .query_row((space, term, block), |row| row.get(0))
            .optional()?;
        let docs = with(posting, &docs.unwrap_or_default());
        connection
            .prepare_cached(
                "INSERT INTO memory_index (space, term, block, docs) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET docs = excluded.docs",
            )?
            .execute((space, term, block, docs))?;
    }
    let rest = Indexed {
        terms: Vec::new(),
        ..one
    };
    append(connection, space, &[rest])
}

fn entry_block(
    connection: &Connection,
    space: i64,
    block: u32,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT entries FROM memory_entries WHERE space = ?1 AND block = ?2")?
        .query_row((space, block), |row| row.get(0))
        .optional()
}

/// Takes an entry out of the index: its terms, its entry, and names that nothing else has.
pub(super) fn cut(
    connection: &Connection,
    space: i64,
    doc: u32,
    terms: &[(String, u8)],
) -> rusqlite::Result<()> {
    cut_all(connection, space, &[(doc, terms)])
}

/// The same of many, each block of a term touched once.
pub(super) fn cut_all(
    connection: &Connection,
    space: i64,
    all: &[(u32, &[(String, u8)])],
) -> rusqlite::Result<()> {
    let mut postings: BTreeMap<(&str, u32), Vec<u32>> = BTreeMap::new();
    for (doc, terms) in all {
        let (block, _) = posting(*doc, 1);
        for (term, _) in *terms {
            postings.entry((term, block)).or_default().push(*doc);
        }
    }
    for ((term, block), cut) in postings {
        let docs: Option<Vec<u8>> = connection
            .prepare_cached(
                "SELECT docs FROM memory_index WHERE space = ?1 AND term = ?2 AND block = ?3",
            )?
            .query_row((space, term, block), |row| row.get(0))
            .optional()?;
        let docs = docs.unwrap_or_default();
        let left = cut.into_iter().fold(docs, |docs, doc| without(doc, &docs));
        let (sql, left) = match left.is_empty() {
            true => (
                "DELETE FROM memory_index WHERE space = ?1 AND term = ?2 AND block = ?3 AND ?4 IS NULL",
                None,
            ),
            false => (
                "UPDATE memory_index SET docs = ?4 WHERE space = ?1 AND term = ?2 AND block = ?3",
                Some(left),
            ),
        };
        let mut statement = connection.prepare_cached(sql)?;
        statement.execute((space, term, block, left))?;
    }
    for (doc, _) in all {
        vectors::cut(connection, space, *doc)?;
        take_entry(connection, space, *doc)?;
    }
    Ok(())
}

/// Takes an entry away, and the names that nothing else has.
fn take_entry(connection: &Connection, space: i64, doc: u32) -> rusqlite::Result<()> {
    let (block, _) = place(doc);
    let Some(mut bytes) = entry_block(connection, space, block)? else {
        return Ok(());
    };
    if let Some(entry) = find_entry(doc, &bytes) {
        let session = match entry.kind {
            PASSAGE => NameKind::Document,
            _ => NameKind::Session,
        };
        leave_name(connection, space, session, entry.session)?;
        leave_name(connection, space, NameKind::Speaker, entry.speaker)?;
        leave_name(connection, space, NameKind::App, entry.app)?;
    }
    let sql = match cut_entry(doc, &mut bytes) {
        true => "UPDATE memory_entries SET entries = ?3 WHERE space = ?1 AND block = ?2",
        false => "DELETE FROM memory_entries WHERE space = ?1 AND block = ?2 AND ?3 IS NOT NULL",
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute((space, block, bytes)).map(drop)
}
