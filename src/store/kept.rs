//! Large memories as they were read last: a search of one that nobody changed reads of the file only what the question needs.
//!
//! A memory is known by its space and by how often that was changed, which whoever asks has read in the transaction of its question:
//! so nobody is given what was changed or deleted since. No text is held here. Those that nobody asked for longest make room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::meanings::Meanings;
use super::memory_blocks::Entry;

/// Entries from which on a memory is held; smaller ones are read in no time.
const LARGE: usize = 4000;
/// Bytes of all that are held. A memory of 100,000 entries takes 10 MB.
const ROOM: usize = 64 << 20;

/// What is read of a space as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) space: i64,
    /// How often it was changed before.
    pub(super) changes: i64,
    pub(super) entries: Arc<Vec<Entry>>,
    /// Where a meaning was asked for.
    pub(super) meanings: Option<Meanings>,
}

impl Whole {
    fn size(&self) -> usize {
        let meanings = self.meanings.as_ref().map_or(0, Meanings::size);
        self.entries.len() * size_of::<Entry>() + meanings
    }
}

/// What is held, the one that was asked for last at the end.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<Arc<Whole>>>);

impl Kept {
    /// A space as it is after so many changes, where it is held.
    pub(super) fn get(&self, space: i64, changes: i64) -> Option<Arc<Whole>> {
        let mut held = self.held();
        let at = held.iter().position(|one| one.space == space)?;
        let found = held.remove(at);
        if found.changes == changes {
            held.push(Arc::clone(&found));
            return Some(found);
        }
        // Who asks may look at an earlier moment than another did; mostly it is the one that is held that is over.
        if found.changes > changes {
            held.push(found);
        }
        None
    }

    /// Holds it, where it is large, in the place of what was known of its space.
    pub(super) fn put(&self, whole: &Arc<Whole>) {
        if whole.entries.len() < LARGE || whole.size() > ROOM {
            return;
        }
        let mut held = self.held();
        if held
            .iter()
            .any(|one| one.space == whole.space && one.changes > whole.changes)
        {
            return;
        }
        held.retain(|one| one.space != whole.space);
        held.push(Arc::clone(whole));
        let mut size: usize = held.iter().map(|one| one.size()).sum();
        while size > ROOM {
            size -= held.remove(0).size();
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Arc<Whole>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::{
        Indexed, InteractionRow, NewInteraction, Place, Quota, Store, Unembedded, Vector,
    };
    use super::*;

    fn whole(space: i64, changes: i64, entries: usize) -> Arc<Whole> {
        Arc::new(Whole {
            space,
            changes,
            entries: Arc::new(vec![Entry::default(); entries]),
            meanings: None,
        })
    }

    #[test]
    fn what_was_changed_is_not_given_and_what_was_not_asked_for_longest_makes_room() {
        let (kept, third) = (Kept::default(), ROOM / size_of::<Entry>() / 3);
        kept.put(&whole(1, 7, LARGE - 1));
        assert!(kept.get(1, 7).is_none(), "it is small");
        kept.put(&whole(1, 7, third));
        assert!(kept.get(1, 7).is_some() && kept.get(1, 6).is_none());
        assert!(kept.get(1, 8).is_none() && kept.get(1, 7).is_none());
        kept.put(&whole(1, 8, third));
        kept.put(&whole(1, 7, third));
        assert!(kept.get(1, 8).is_some(), "the newer one stays");
        kept.put(&whole(2, 8, third));
        kept.put(&whole(3, 8, third));
        assert!(kept.get(1, 8).is_some());
        kept.put(&whole(4, 8, third));
        let there: Vec<_> = (1..5)
            .filter(|space| kept.get(*space, 8).is_some())
            .collect();
        assert_eq!(there, [1, 3, 4]);
        kept.put(&whole(5, 1, 4 * third));
        assert!(kept.get(5, 1).is_none(), "it is too large");
    }
    fn terms(text: &str, _: i64) -> Vec<(String, u8)> {
        vec![(text.to_owned(), 1)]
    }

    fn turn(number: usize, vector: Option<Vector>) -> NewInteraction {
        NewInteraction {
            row: InteractionRow {
                id: format!("{number}"),
                user: "u".to_owned(),
                place: Place::default(),
                role: "user".to_owned(),
                speaker: None,
                session: None,
                app: None,
                text: "word".to_owned(),
                metadata: None,
                occurred_at: DateTime::UNIX_EPOCH,
                created_at: DateTime::UNIX_EPOCH,
                expires_at: None,
                version: 1,
                updated_at: None,
            },
            once: None,
            indexed: Indexed {
                entry: Entry {
                    kind: 1,
                    ..Entry::default()
                },
                terms: terms("word", 0),
                vector,
            },
        }
    }

    #[tokio::test]
    async fn a_large_memory_is_read_once_and_anew_after_each_change_from_wherever_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let store = Store::open(&path).unwrap();
        let beside = rusqlite::Connection::open(&path).unwrap();
        let person = "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('p', 'owner', '', '[]', 0)";
        beside.execute(person, []).unwrap();
        let model = store.memory_model("f".to_owned(), 2, "m".to_owned(), None);
        let model = model.await.unwrap();
        let most = Quota {
            entries: 10_000,
            bytes: 1 << 30,
            bare_bytes: 1 << 30,
            bare_entries: 1000,
        };
        let add = |all| store.add_interactions("p".to_owned(), "u".to_owned(), all, most);
        let vector = |numbers: [f32; 2]| Vector::of(model, &numbers);
        let all = (0..LARGE).map(|number| turn(number, Some(vector([1.0, 0.0]))));
        add(all.collect()).await.unwrap();
        let (to, word) = (vector([0.0, 1.0]), ["word".to_owned()]);
        let read = || store.read_memory("p", "u", &word, &[], Some(&to));
        let read = || read().unwrap().unwrap();
        let (first, again) = (read(), read());
        assert!(Arc::ptr_eq(&first.entries, &again.entries));
        assert_eq!(first, again);
        assert!(first.similar.iter().all(|near| *near == Some(0.0)));
        // Who asks for no meaning is given the same.
        let plain = store.read_memory("p", "u", &word, &[], None).unwrap();
        assert!(Arc::ptr_eq(&plain.unwrap().entries, &first.entries));

        add(vec![turn(LARGE, Some(vector([0.0, 1.0])))])
            .await
            .unwrap();
        let more = read();
        assert_eq!(more.entries.len(), LARGE + 1);
        assert!(more.similar[LARGE].unwrap() > 0.99);
        let space = more.space;
        let place = Place { space, doc: 7 };
        store.delete_interactions(vec![place], terms).await.unwrap();
        let less = read();
        assert_eq!((less.entries.len(), less.postings[0].len()), (LARGE, LARGE));
        assert!(less.entries.iter().all(|entry| entry.doc != 7));
        let known = Unembedded {
            doc: 8,
            kind: 1,
            text: "word".to_owned(),
        };
        let put = store.put_vectors(space, model, vec![(known, vector([0.0, 1.0]))]);
        assert!(put.await.unwrap());
        assert!(read().similar[7].unwrap() > 0.99);
        // Another process forgets what the model said.
        beside.execute("DELETE FROM memory_vectors", []).unwrap();
        assert_eq!(read().waiting, LARGE);
        // A new memory of the same name is another one.
        let deleted = store.delete_memory("p".to_owned(), "u".to_owned(), LARGE as u64, false);
        assert!(deleted.await.unwrap().1);
        assert!(
            store
                .read_memory("p", "u", &word, &[], None)
                .unwrap()
                .is_none()
        );
        add(vec![turn(0, None)]).await.unwrap();
        assert_eq!(read().entries.len(), 1);
    }
}
