//! What becomes of facts when the turns that they were read out of go or change: in the same transaction.

use rusqlite::Connection;

use super::learned::{CURRENT, OUTDATED};
use super::memory_index::{Terms, cut};
use super::spaces;

/// A turn goes: facts that nothing else supports go with it, out of the index too; others lose this source.
pub(super) fn leave_turn(
    connection: &Connection,
    space: i64,
    turn: u32,
    terms: Terms,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM learned_again WHERE space = ?1 AND doc = ?2")?
        .execute((space, turn))?;
    for fact in facts_of(connection, space, turn)? {
        connection
            .prepare_cached(
                "DELETE FROM learned_sources WHERE space = ?1 AND doc = ?2 AND source = ?3",
            )?
            .execute((space, fact.doc, turn))?;
        if fact.others == 0 {
            delete(connection, space, &fact, terms)?;
        }
    }
    Ok(())
}

/// The text of a turn was changed: current facts that nothing else supports are not found any more until the turn was read
/// again; others lose this source. What a person mended stays.
pub(super) fn change_turn(
    connection: &Connection,
    space: i64,
    turn: u32,
    terms: Terms,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO learned_again (space, doc)
             SELECT id, ?2 FROM memory_spaces WHERE id = ?1 AND read_to > ?2 ON CONFLICT DO NOTHING",
        )?
        .execute((space, turn))?;
    for fact in facts_of(connection, space, turn)? {
        if fact.state != CURRENT || fact.by_person {
            continue;
        }
        if fact.others > 0 {
            connection
                .prepare_cached(
                    "DELETE FROM learned_sources WHERE space = ?1 AND doc = ?2 AND source = ?3",
                )?
                .execute((space, fact.doc, turn))?;
            continue;
        }
        connection
            .prepare_cached("UPDATE learned SET state = ?3 WHERE space = ?1 AND doc = ?2")?
            .execute((space, fact.doc, OUTDATED))?;
        cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
    }
    Ok(())
}

/// What is needed to take a fact away.
pub(super) struct Fact {
    pub(super) doc: u32,
    pub(super) text: String,
    pub(super) at: i64,
    pub(super) state: String,
    pub(super) by_person: bool,
    /// Sources besides the turn that was asked about.
    others: u32,
}

impl Fact {
    /// From the first columns `doc, text, at, state, model IS NULL` of a row.
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            doc: row.get(0)?,
            text: row.get(1)?,
            at: row.get(2)?,
            state: row.get(3)?,
            by_person: row.get(4)?,
            others: 0,
        })
    }
}

/// Takes a fact away: row, history, sources, index.
pub(super) fn delete(
    connection: &Connection,
    space: i64,
    fact: &Fact,
    terms: Terms,
) -> rusqlite::Result<()> {
    let before: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(text)), 0) FROM learned_versions
             WHERE fact = (SELECT id FROM learned WHERE space = ?1 AND doc = ?2)",
        )?
        .query_row((space, fact.doc), |row| row.get(0))?;
    connection
        .prepare_cached("DELETE FROM learned WHERE space = ?1 AND doc = ?2")?
        .execute((space, fact.doc))?;
    if fact.state == CURRENT {
        cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
    }
    let bytes = bytes(&fact.text).saturating_add(before.unsigned_abs());
    spaces::shrink(connection, space, 1, bytes)
}

/// The length of a text, as spaces count it.
pub(super) fn bytes(text: &str) -> u64 {
    text.len() as u64
}

fn facts_of(connection: &Connection, space: i64, turn: u32) -> rusqlite::Result<Vec<Fact>> {
    connection
        .prepare_cached(
            "SELECT learned.doc, text, at, state, model IS NULL,
               (SELECT count(*) FROM learned_sources AS other
                WHERE other.space = learned.space AND other.doc = learned.doc AND other.source <> ?2)
             FROM learned_sources JOIN learned USING (space, doc) WHERE space = ?1 AND source = ?2",
        )?
        .query_map((space, turn), |row| {
            Ok(Fact {
                others: row.get(5)?,
                ..Fact::of(row)?
            })
        })?
        .collect()
}
