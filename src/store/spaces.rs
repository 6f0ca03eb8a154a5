//! Spaces: the memory of one user within its person. How much is in one, and how a whole one goes.
//!
//! `count` is of entries: turns, passages and facts; `bytes` is of turns with their metadata, names and keys and 256 for each, and of the
//! texts of facts, both with what they said before.
//! Whoever adds or takes away says so in the same transaction. The texts of documents have a room of their own.

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::memory_rules::RULES;
use super::people::is_bare;
use super::{Store, StoreError};

/// What the user of a space under deletion begins with. Users' names hold no control character, so none leads there; whoever
/// looks up by an id asks for `user >= ' '`.
const LEAVING: char = '\u{1}';
/// Rows of short texts that go in one transaction.
const ROWS: usize = 500;
/// Rows of the index that go in one transaction.
const BLOCKS: usize = 2000;
/// Documents that go in one transaction.
const DOCUMENTS: usize = 8;
/// The tables that refer to a space, and how many of their rows go at once; those that refer to others stand first.
const TABLES: [(&str, &str, usize); 7] = [
    ("passages", "doc", ROWS),
    ("learned", "doc", ROWS),
    ("interactions", "doc", ROWS),
    ("memory_vectors", "(model, block)", ROWS),
    ("memory_index", "(term, block)", BLOCKS),
    ("memory_entries", "block", ROWS),
    ("memory_names", "(kind, name)", BLOCKS),
];

/// A space as it is before something is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) id: i64,
    pub(super) next_doc: u32,
    pub(super) next_name: u32,
    /// Entries.
    pub(super) count: u32,
    /// Bytes of their texts.
    pub(super) bytes: u64,
}

/// A space, as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceRow {
    /// Whose memory it is, within the person's.
    pub user: String,
    /// Turns, passages and facts.
    pub entries: u32,
    /// Bytes of turns and facts.
    pub bytes: u64,
}

/// Most versions of one turn or fact that are kept behind it: the oldest go.
pub(super) const VERSIONS: u32 = 100;

/// How much one user may have in its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Turns, passages and facts.
    pub entries: u32,
    /// Bytes of turns and facts.
    pub bytes: u64,
    /// The same of all users of a person who was only made for an instance, and of its documents.
    pub bare_bytes: u64,
    /// Turns, passages and facts of all users of such a person.
    pub bare_entries: u32,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// There are this many entries already, and with the new ones there would be more than may be.
    Entries {
        /// How many there are.
        has: u32,
        /// How many there may be.
        most: u32,
        /// Whether that counts for all of a person who was only made for an instance.
        bare: bool,
    },
    /// The texts would have so many bytes.
    Bytes {
        /// How many they would have.
        would: u64,
        /// How many they may have.
        room: u64,
        /// Whether that counts for all of a person who was only made for an instance.
        bare: bool,
    },
}

/// What is in a memory as a whole: what its deletion takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Turns.
    pub interactions: u64,
    /// Facts.
    pub facts: u64,
    /// Documents, without those of the watched folder.
    pub documents: u64,
    /// Documents of the watched folder: they go with their files, and stay here.
    pub of_folder: u64,
}

impl Contents {
    /// All that goes.
    pub fn total(self) -> u64 {
        self.interactions + self.facts + self.documents
    }
}

/// The space of a user, where there is one.
pub(super) fn find(
    connection: &Connection,
    person: &str,
    user: &str,
) -> rusqlite::Result<Option<Space>> {
    connection
        .prepare_cached(
            "SELECT id, next_doc, next_name, count, bytes FROM memory_spaces WHERE person = ?1 AND user = ?2",
        )?
        .query_row([person, user], |row| {
            Ok(Space {
                id: row.get(0)?,
                next_doc: row.get(1)?,
                next_name: row.get(2)?,
                count: row.get(3)?,
                bytes: row.get::<_, i64>(4)?.unsigned_abs(),
            })
        })
        .optional()
}

/// Makes the space of a user who has none.
fn make(connection: &Connection, person: &str, user: &str) -> rusqlite::Result<Space> {
    connection
        .prepare_cached(
            "INSERT INTO memory_spaces (person, user, next_doc, next_name, count, rules) VALUES (?1, ?2, 0, 1, 0, ?3)",
        )?
        .execute((person, user, RULES))?;
    Ok(Space {
        id: connection.last_insert_rowid(),
        next_doc: 0,
        next_name: 1,
        count: 0,
        bytes: 0,
    })
}

/// The space of a user; it is made where there is none.
pub(super) fn open(connection: &Connection, person: &str, user: &str) -> rusqlite::Result<Space> {
    match find(connection, person, user)? {
        Some(space) => Ok(space),
        None => make(connection, person, user),
    }
}

/// Writes the next numbers of a space, and that it has more.
pub(super) fn grow(
    connection: &Connection,
    space: &Space,
    entries: u32,
    bytes: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET next_doc = :doc, next_name = :name, count = count + :entries, bytes = bytes + :bytes
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": space.id, ":doc": space.next_doc, ":name": space.next_name, ":entries": entries,
            ":bytes": i64::try_from(bytes).unwrap_or(i64::MAX),
        })
        .map(drop)
}

/// Writes that a space has less. An empty one leaves not even the name of its user.
pub(super) fn shrink(
    connection: &Connection,
    space: i64,
    entries: u32,
    bytes: u64,
) -> rusqlite::Result<()> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE memory_spaces SET count = max(count - ?2, 0), bytes = max(bytes - ?3, 0) WHERE id = ?1",
        )?
        .execute((space, entries, bytes))?;
    connection
        .prepare_cached("DELETE FROM memory_spaces WHERE id = ?1 AND count = 0")?
        .execute([space])
        .map(drop)
}

/// Whether a user may have so much more. `space`: as it is now, where there is one.
pub(super) fn has_room(
    connection: &Connection,
    person: &str,
    space: Option<&Space>,
    more: (u32, u64),
    most: Quota,
) -> rusqlite::Result<Result<(), NoRoom>> {
    let (mut has, bytes) = space.map_or((0, 0), |space| (space.count, space.bytes));
    let (mut would, mut room) = (bytes.saturating_add(more.1), most.bytes);
    let mut entries = most.entries;
    let bare = is_bare(connection, person)?;
    if bare {
        (entries, room) = (most.bare_entries, most.bare_bytes);
        has = entries_of(connection, person)?;
        would = held(connection, person)?.saturating_add(more.1);
    }
    if has.saturating_add(more.0) > entries {
        let most = entries;
        return Ok(Err(NoRoom::Entries { has, most, bare }));
    }
    Ok(match would > room {
        true => Err(NoRoom::Bytes { would, room, bare }),
        false => Ok(()),
    })
}

/// Turns, passages and facts of every user of a person.
fn entries_of(connection: &Connection, person: &str) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT coalesce(sum(count), 0) FROM memory_spaces WHERE person = ?1")?
        .query_row([person], |row| row.get(0))
}

/// Bytes of all that a person keeps: turns and facts of every user, and documents.
pub(super) fn held(connection: &Connection, person: &str) -> rusqlite::Result<u64> {
    let bytes: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(text) + coalesce(octet_length(original), 0)), 0) FROM documents WHERE person = ?1",
        )?
        .query_row([person], |row| row.get(0))?;
    Ok(bytes.unsigned_abs() + texts_of(connection, person)?)
}

/// Bytes of the turns and facts of every user of a person.
pub(super) fn texts_of(connection: &Connection, person: &str) -> rusqlite::Result<u64> {
    let bytes: i64 = connection
        .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM memory_spaces WHERE person = ?1")?
        .query_row([person], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}

fn contents(
    connection: &Connection,
    person: &str,
    user: &str,
    has_folder: bool,
) -> rusqlite::Result<Contents> {
    let count = |sql: &str| -> rusqlite::Result<u64> {
        let mut statement = connection.prepare_cached(sql)?;
        let count: i64 = statement.query_row([person, user], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let of_folder = match has_folder {
        true => count(
            "SELECT count(*) FROM documents WHERE person = ?1 AND user = ?2 AND origin IS NOT NULL",
        )?,
        false => 0,
    };
    let documents = count("SELECT count(*) FROM documents WHERE person = ?1 AND user = ?2")?;
    Ok(Contents {
        of_folder,
        documents: documents - of_folder,
        interactions: count(
            "SELECT count(*) FROM interactions WHERE space = (SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2)",
        )?,
        facts: count(
            "SELECT count(*) FROM learned WHERE space = (SELECT id FROM memory_spaces WHERE person = ?1 AND user = ?2)",
        )?,
    })
}

impl Store {
    /// The users in a person's memory by name, those behind `after`. `only`: this one alone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn spaces(
        &self,
        person: &str,
        only: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SpaceRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT user, count, bytes FROM memory_spaces
                     WHERE person = ?1 AND user >= ' ' AND user > ?3 AND (?2 IS NULL OR user = ?2) ORDER BY user LIMIT ?4",
                )?
                .query_map((person, only, after.unwrap_or_default(), limit), |row| {
                    Ok(SpaceRow {
                        user: row.get(0)?,
                        entries: row.get(1)?,
                        bytes: row.get::<_, i64>(2)?.unsigned_abs(),
                    })
                })?
                .collect()
        })
    }

    /// What is in a user's memory as a whole, and how many bytes a person who was only made for an instance keeps in all.
    /// `has_folder`: documents that came from the watched folder are its own.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn contents(
        &self,
        person: &str,
        user: &str,
        has_folder: bool,
    ) -> Result<(Contents, Option<u64>), StoreError> {
        self.read(|connection| {
            let bare = is_bare(connection, person)?;
            let held = bare.then(|| held(connection, person)).transpose()?;
            Ok((contents(connection, person, user, has_folder)?, held))
        })
    }

    /// Takes a user's memory out of everybody's reach in one transaction, if it holds as much as is expected, and deletes it in
    /// further ones. What is in it; whether it went. Where the process ends before the last one, [`Store::finish_leaving`] goes
    /// on. Documents of the watched folder stay (`has_folder`), and must be split again.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn delete_memory(
        &self,
        person: String,
        user: String,
        expected: u64,
        has_folder: bool,
    ) -> Result<(Contents, bool), StoreError> {
        let begun = self.write(move |connection| {
            let contents = contents(connection, &person, &user, has_folder)?;
            if contents.total() != expected {
                return Ok((contents, false));
            }
            connection
                .prepare_cached(
                    "UPDATE memory_spaces SET user = ?3 || id WHERE person = ?1 AND user = ?2",
                )?
                .execute((&person, &user, LEAVING.to_string()))?;
            // A document of the same name may come while these are deleted, and go too.
            connection
                .prepare_cached(
                    "UPDATE documents SET user = ?3 || (SELECT hex(randomblob(10)))
                     WHERE person = ?1 AND user = ?2 AND (NOT ?4 OR origin IS NULL)",
                )?
                .execute((&person, &user, LEAVING.to_string(), has_folder))?;
            // Their passages go with the space.
            connection
                .prepare_cached("UPDATE documents SET rules = 0 WHERE person = ?1 AND user = ?2")?
                .execute([&person, &user])?;
            Ok((contents, true))
        });
        let (contents, went) = begun.await?;
        if went {
            self.finish_leaving().await?;
        }
        Ok((contents, went))
    }

    /// Deletes what is left of memories that are under deletion; whether there was any.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn finish_leaving(&self) -> Result<bool, StoreError> {
        let mut any = false;
        loop {
            let left = self.read(|connection| {
                connection
                    .prepare_cached("SELECT id FROM memory_spaces WHERE user < ' ' LIMIT 1")?
                    .query_row([], |row| row.get(0))
                    .optional()
            })?;
            let Some(space) = left else { break };
            any = true;
            for (table, key, rows) in TABLES {
                while self
                    .write(move |connection| some_of(connection, space, table, key, rows))
                    .await?
                {}
            }
            self.write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM memory_spaces WHERE id = ?1")?
                    .execute([space])
                    .map(drop)
            })
            .await?;
        }
        // Passages refer to their documents, and are many: they went with the space.
        while self.write(some_documents).await? {
            any = true;
        }
        if any {
            self.write(|connection| {
                let nobody = LEAVING.to_string();
                connection
                    .execute(
                        "DELETE FROM people WHERE id = ?1
                         AND NOT EXISTS (SELECT 1 FROM memory_spaces WHERE person = ?1)
                         AND NOT EXISTS (SELECT 1 FROM documents WHERE person = ?1)",
                        [nobody],
                    )
                    .map(drop)
            })
            .await?;
        }
        Ok(any)
    }
}

/// Puts all memories and documents of a person under deletion. They are nobody's any more: a person that nobody can be holds them.
pub(super) fn leave(connection: &Connection, person: &str) -> rusqlite::Result<()> {
    let has_any = connection
        .prepare_cached(
            "SELECT 1 FROM memory_spaces WHERE person = ?1 UNION ALL SELECT 1 FROM documents WHERE person = ?1",
        )?
        .exists([person])?;
    if !has_any {
        return Ok(());
    }
    let nobody = LEAVING.to_string();
    connection.execute(
        "INSERT OR IGNORE INTO people (id, role, scopes, reach, created_at, disabled_at) VALUES (?1, 'member', '', '[]', 0, 0)",
        [&nobody],
    )?;
    connection.execute(
        "UPDATE memory_spaces SET person = ?2, user = ?2 || id WHERE person = ?1",
        (person, &nobody),
    )?;
    connection
        .execute(
            "UPDATE documents SET person = ?2, user = ?2 || hex(randomblob(10)) WHERE person = ?1",
            (person, &nobody),
        )
        .map(drop)
}

/// Deletes some documents that are under deletion; whether there were any.
fn some_documents(connection: &Connection) -> rusqlite::Result<bool> {
    let deleted = connection
        .prepare_cached(&format!(
            "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE user < ' ' LIMIT {DOCUMENTS})"
        ))?
        .execute([])?;
    Ok(deleted > 0)
}

/// Deletes some rows of a space; whether there may be more.
fn some_of(
    connection: &Connection,
    space: i64,
    table: &str,
    key: &str,
    rows: usize,
) -> rusqlite::Result<bool> {
    let keys = key.trim_matches(['(', ')']);
    let deleted = connection
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE space = ?1 AND {key} IN (SELECT {keys} FROM {table} WHERE space = ?1 LIMIT {rows})"
        ))?
        .execute([space])?;
    Ok(deleted == rows)
}
