//! Memories whose terms were made by older rules: their index is made anew from the texts that are kept.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::memory_blocks::{ENTRIES, Entry, POSTINGS, place, posting, read_entries, set_words};
use super::{Store, StoreError, passages};

/// The number of the rules by which texts are made terms. Whoever changes any of them counts it up.
pub const RULES: i64 = 3;

/// The terms of a text that was said or written at a time (milliseconds since 1970), and how many words mean something.
pub type Remake = fn(&str, i64) -> (Vec<(String, u8)>, u16);

impl Store {
    /// A memory whose index was made by other rules than [`RULES`]: its number, and how many entries it has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn memory_of_other_rules(&self) -> Result<Option<(i64, u32)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT id, count FROM memory_spaces WHERE rules <> ?1 LIMIT 1")?
                .query_row([RULES], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    /// Makes the index of a memory anew. Who reads it meanwhile finds it as it was.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn remake_memory(&self, space: i64, remake: Remake) -> Result<(), StoreError> {
        self.write(move |connection| make_anew(connection, space, remake))
            .await
    }

    /// Who speaks in a user's memory: name, number, how often; those who spoke most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn speakers(
        &self,
        person: &str,
        user: &str,
    ) -> Result<Vec<(String, u32, u32)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, number, uses FROM memory_names
                     WHERE space = (SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2) AND kind = ?3
                     ORDER BY uses DESC LIMIT ?4",
                )?
                .query_map(
                    (person, user, super::NameKind::Speaker as u8, SPEAKERS),
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?
                .collect()
        })
    }
}

/// Most speakers of a space that a query is looked through for; those who spoke most.
const SPEAKERS: u32 = 512;

fn make_anew(connection: &Connection, space: i64, remake: Remake) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM memory_index WHERE space = ?1", [space])?;
    let docs: u32 = connection.query_row(
        "SELECT next_doc FROM memory_spaces WHERE id = ?1",
        [space],
        |row| row.get(0),
    )?;
    // Block by block: so much is in memory at once, however large the memory is.
    for block in 0..docs.div_ceil(POSTINGS) {
        let from = block * POSTINGS;
        let texts = texts(connection, space, from, from + POSTINGS)?;
        let entries = entries(connection, space, from, from + POSTINGS)?;
        let (mut postings, mut words) = (BTreeMap::<String, Vec<u8>>::new(), Vec::new());
        for entry in entries {
            let Some(text) = texts.get(&entry.doc) else {
                continue;
            };
            let (terms, count) = remake(text, entry.at);
            words.push((entry.doc, count));
            for (term, often) in terms {
                postings
                    .entry(term)
                    .or_default()
                    .extend(posting(entry.doc, often).1);
            }
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO memory_index (space, term, block, docs) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (term, docs) in postings {
            put.execute((space, term, block, docs))?;
        }
        count_words(connection, space, &words)?;
    }
    connection
        .execute(
            "UPDATE memory_spaces SET rules = ?2 WHERE id = ?1",
            (space, RULES),
        )
        .map(drop)
}

/// The texts of entries with these numbers.
fn texts(
    connection: &Connection,
    space: i64,
    from: u32,
    until: u32,
) -> rusqlite::Result<BTreeMap<u32, String>> {
    let mut all = BTreeMap::new();
    for sql in [
        "SELECT doc, text FROM interactions WHERE space = ?1 AND doc >= ?2 AND doc < ?3",
        "SELECT doc, text FROM learned WHERE space = ?1 AND doc >= ?2 AND doc < ?3 AND state = 'current'",
    ] {
        let mut rows = connection.prepare_cached(sql)?;
        let mut rows = rows.query((space, from, until))?;
        while let Some(row) = rows.next()? {
            all.insert(row.get(0)?, row.get(1)?);
        }
    }
    all.extend(passages::texts(connection, space, from, until)?);
    Ok(all)
}

fn entries(
    connection: &Connection,
    space: i64,
    from: u32,
    until: u32,
) -> rusqlite::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rows = connection.prepare_cached(
        "SELECT block, entries FROM memory_entries WHERE space = ?1 AND block >= ?2 AND block < ?3 ORDER BY block",
    )?;
    let mut rows = rows.query((space, from / ENTRIES, until.div_ceil(ENTRIES)))?;
    while let Some(row) = rows.next()? {
        read_entries(row.get(0)?, row.get_ref(1)?.as_blob()?, &mut entries);
    }
    Ok(entries)
}

/// Writes how many words entries have, which are in the order of their numbers.
fn count_words(connection: &Connection, space: i64, words: &[(u32, u16)]) -> rusqlite::Result<()> {
    for of_block in words.chunk_by(|a, b| place(a.0).0 == place(b.0).0) {
        let Some(block) = of_block.first().map(|(doc, _)| place(*doc).0) else {
            continue;
        };
        let mut bytes: Vec<u8> = connection
            .prepare_cached("SELECT entries FROM memory_entries WHERE space = ?1 AND block = ?2")?
            .query_row((space, block), |row| row.get(0))?;
        for (doc, count) in of_block {
            set_words(*doc, *count, &mut bytes);
        }
        connection
            .prepare_cached(
                "UPDATE memory_entries SET entries = ?3 WHERE space = ?1 AND block = ?2",
            )?
            .execute((space, block, bytes))?;
    }
    Ok(())
}
