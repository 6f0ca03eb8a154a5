//! What becomes of facts when the turns that they were read out of go or change: in the same transaction.

use rusqlite::Connection;

use super::learned::{CURRENT, OUTDATED};
use super::memory_index::{Terms, cut};
use super::spaces;

/// A turn goes: facts that nothing else supports go with it, out of the index too. Others lose this source, and are not found
/// until those that are left were read again: perhaps only this one said it.
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
        } else if fact.state == CURRENT && !fact.by_person {
            outdate(connection, space, &fact, terms)?;
        }
    }
    Ok(())
}

/// The text of a turn was changed: current facts that were read out of it are not found any more until their turns were read
/// again. Those that have other turns lose this source. What a person mended stays.
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
        }
        outdate(connection, space, &fact, terms)?;
    }
    Ok(())
}

/// A current fact is not found any more until one of its turns says it again; they are read for that.
fn outdate(connection: &Connection, space: i64, fact: &Fact, terms: Terms) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE learned SET state = ?3 WHERE space = ?1 AND doc = ?2")?
        .execute((space, fact.doc, OUTDATED))?;
    cut(connection, space, fact.doc, &terms(&fact.text, fact.at))?;
    connection
        .prepare_cached(
            "INSERT INTO learned_again (space, doc)
             SELECT space, source FROM learned_sources WHERE space = ?1 AND doc = ?2 ON CONFLICT DO NOTHING",
        )?
        .execute((space, fact.doc))
        .map(drop)
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

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::super::learned_reading::{Confirmed, NewFact, ReadTurn, Reading};
    use super::super::{
        Entry, Indexed, InteractionRow, LEARNED, NameKind, NewInteraction, Place, Quota, Store,
    };
    use super::*;

    fn terms(text: &str, _at: i64) -> Vec<(String, u8)> {
        let mut all: Vec<_> = text.split(' ').map(|word| (word.to_owned(), 1)).collect();
        all.dedup();
        all
    }

    fn indexed(text: &str, kind: u8) -> Indexed {
        let entry = Entry {
            kind,
            ..Entry::default()
        };
        Indexed {
            entry,
            terms: terms(text, 0),
            vector: None,
        }
    }

    fn turn(text: &str) -> NewInteraction {
        let row = InteractionRow {
            id: text.replace(' ', "-"),
            user: "u".to_owned(),
            place: Place::default(),
            role: "user".to_owned(),
            speaker: None,
            session: None,
            app: None,
            text: text.to_owned(),
            metadata: None,
            occurred_at: now(),
            created_at: now(),
            expires_at: None,
            version: 1,
            updated_at: None,
        };
        NewInteraction {
            row,
            once: None,
            indexed: indexed(text, 1),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1000).unwrap()
    }

    fn fact(id: &str, sources: &[u32]) -> NewFact {
        let text = format!("fact {id}");
        NewFact {
            id: id.to_owned(),
            indexed: indexed(&text, LEARNED),
            text,
            valid_from: None,
            valid_until: None,
            model: Some("m".to_owned()),
            sources: sources
                .iter()
                .map(|doc| ReadTurn {
                    doc: *doc,
                    version: 1,
                })
                .collect(),
            replaces: Vec::new(),
        }
    }

    /// A memory with three turns that were read, and two facts: `one` of the first, `both` of the first and the second.
    async fn memory() -> (tempfile::TempDir, Store, i64) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let person = "INSERT INTO people (id, role, created_at) VALUES ('p', 'owner', 0)";
        store
            .write(move |c| c.execute(person, []).map(drop))
            .await
            .unwrap();
        let turns = ["a b", "c d", "e f"].map(turn).to_vec();
        let most = Quota {
            entries: 100,
            bytes: 10_000,
            bare_bytes: 10_000,
            bare_entries: 100,
        };
        store
            .add_interactions("p".to_owned(), "u".to_owned(), turns, most)
            .await
            .unwrap();
        let space = store.space_of("p", "u").unwrap().unwrap();
        let unread = store.unread(space, now(), 10).unwrap();
        assert_eq!(unread.turns.len(), 3);
        let reading = Reading {
            space,
            turns: unread
                .turns
                .iter()
                .map(|turn| ReadTurn {
                    doc: turn.doc,
                    version: turn.version,
                })
                .collect(),
            new: vec![fact("one", &[0]), fact("both", &[0, 1])],
            ..Reading::default()
        };
        assert_eq!(
            store.keep_reading(reading, 10, terms, now()).await.unwrap(),
            2
        );
        assert_eq!(store.reading_state("p", "u").unwrap().behind, 0);
        (folder, store, space)
    }

    fn found(store: &Store) -> Vec<String> {
        let read = store
            .read_memory(
                "p",
                "u",
                &["fact".to_owned()],
                &[(NameKind::App, "x")],
                None,
            )
            .unwrap()
            .unwrap();
        let docs: Vec<u32> = read.postings[0].iter().map(|one| one.doc).collect();
        let rows = store.learned_at(read.space, &docs).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    fn state(store: &Store, id: &str) -> Option<(String, Vec<String>)> {
        let row = store.learned("p", None, id).unwrap()?;
        Some((row.state, row.sources))
    }

    #[tokio::test]
    async fn a_changed_turn_is_read_again_and_its_fact_is_not_found_until_then() {
        let (_folder, store, space) = memory().await;
        store
            .write(move |c| {
                c.execute(
                    "UPDATE interactions SET text = 'x b', version = 2 WHERE doc = 0",
                    [],
                )?;
                change_turn(c, space, 0, terms)
            })
            .await
            .unwrap();
        // Perhaps only the turn that was changed said what both support.
        assert!(found(&store).is_empty());
        let some = |state: &str, sources: &[&str]| {
            Some((
                state.to_owned(),
                sources
                    .iter()
                    .map(|id| (*id).to_owned())
                    .collect::<Vec<_>>(),
            ))
        };
        assert_eq!(state(&store, "one"), some("outdated", &["a-b"]));
        assert_eq!(state(&store, "both"), some("outdated", &["c-d"]));
        assert_eq!(store.reading_state("p", "u").unwrap().behind, 2);
        assert_eq!(store.unread_spaces(0, 9).unwrap().len(), 1);
        let again = store.unread(space, now(), 10).unwrap();
        let texts: Vec<_> = again.turns.iter().map(|turn| turn.text.as_str()).collect();
        assert!(again.again && texts == ["x b", "c d"], "{texts:?}");
        // It is changed once more while it is read: what was read then counts for nothing.
        let read = |version| Reading {
            space,
            turns: vec![ReadTurn { doc: 0, version }],
            again: true,
            confirmed: vec![Confirmed {
                id: "one".to_owned(),
                sources: vec![ReadTurn { doc: 0, version }],
                indexed: indexed("fact one", LEARNED),
            }],
            ..Reading::default()
        };
        store
            .write(|c| {
                c.execute("UPDATE interactions SET version = 3 WHERE doc = 0", [])
                    .map(drop)
            })
            .await
            .unwrap();
        store.keep_reading(read(2), 10, terms, now()).await.unwrap();
        assert!(found(&store).is_empty());
        assert_eq!(store.reading_state("p", "u").unwrap().behind, 2);
        store.keep_reading(read(3), 10, terms, now()).await.unwrap();
        assert_eq!(found(&store), ["one"]);
        assert_eq!(state(&store, "one"), some("current", &["a-b"]));
        assert_eq!(store.reading_state("p", "u").unwrap().behind, 1);
    }

    #[tokio::test]
    async fn what_is_deleted_while_it_is_read_supports_nothing() {
        let (_folder, store, space) = memory().await;
        let delete = |doc| store.delete_interactions(vec![Place { space, doc }], terms);
        assert_eq!(delete(0).await.unwrap(), 1);
        // What two supported is found again where the one that is left still says it.
        assert_eq!((found(&store), state(&store, "one")), (Vec::new(), None));
        assert_eq!(state(&store, "both").unwrap().0, "outdated");
        let again = store.unread(space, now(), 10).unwrap();
        assert!(again.again && again.turns.len() == 1 && again.turns[0].doc == 1);
        let late = Reading {
            space,
            turns: vec![ReadTurn { doc: 2, version: 1 }],
            new: vec![fact("late", &[0])],
            confirmed: vec![Confirmed {
                id: "both".to_owned(),
                sources: vec![ReadTurn { doc: 0, version: 1 }],
                indexed: indexed("fact both", LEARNED),
            }],
            ..Reading::default()
        };
        assert_eq!(store.keep_reading(late, 10, terms, now()).await.unwrap(), 0);
        assert_eq!(state(&store, "late"), None);
        assert_eq!(state(&store, "both").unwrap().1, ["c-d"]);
        // With the last turn all of it is gone.
        assert_eq!(delete(1).await.unwrap() + delete(2).await.unwrap(), 2);
        assert_eq!(store.space_of("p", "u").unwrap(), None);
    }
}
