use super::*;

fn turn(id: &str, text: &str) -> NewInteraction {
    NewInteraction {
        row: InteractionRow {
            id: id.to_owned(),
            user: "ada".to_owned(),
            place: Place::default(),
            role: "user".to_owned(),
            speaker: None,
            session: Some("s".to_owned()),
            app: None,
            text: text.to_owned(),
            metadata: Some("{\"a\":1}".to_owned()),
            occurred_at: DateTime::UNIX_EPOCH,
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            version: 1,
            updated_at: None,
        },
        once: None,
        indexed: indexed(text),
    }
}

fn terms(text: &str, _: i64) -> Vec<(String, u8)> {
    vec![(text.to_owned(), 1)]
}

fn indexed(text: &str) -> Indexed {
    Indexed {
        entry: Entry::default(),
        terms: terms(text, 0),
        vector: None,
    }
}

const MOST: Quota = Quota {
    entries: 1000,
    bytes: 1 << 20,
    bare_bytes: 1 << 20,
    bare_entries: 3,
};

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s.db")).unwrap();
    let person = "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('p', 'owner', '', '[]', 0)";
    store
        .write(move |connection| connection.execute(person, []).map(drop))
        .await
        .unwrap();
    (folder, store)
}

async fn keep(store: &Store, all: Vec<NewInteraction>) {
    let added = store.add_interactions("p".to_owned(), "ada".to_owned(), all, MOST);
    assert!(matches!(added.await.unwrap(), Added::Ids(_)));
}

fn bytes_of(store: &Store) -> u64 {
    let space = store.spaces("p", Some("ada"), None, 1).unwrap().pop();
    space.map_or(0, |space| space.bytes)
}

async fn edit(store: &Store, id: &str, text: &str) {
    let mut row = store.interaction("p", None, id).unwrap().unwrap();
    row.text = text.to_owned();
    let now = DateTime::UNIX_EPOCH;
    let edited = store.edit_interaction(row, indexed(text), now, terms, MOST);
    assert!(matches!(
        edited.await.unwrap(),
        super::super::Edited::Yes(_)
    ));
}

#[tokio::test]
async fn what_was_changed_since_it_was_seen_is_not_hidden_nor_anything_with_it() {
    let (_folder, store) = store().await;
    keep(&store, vec![turn("a", "one"), turn("b", "two")]).await;
    let place = store.interaction("p", None, "a").unwrap().unwrap().place;
    assert!(store.later_versions(place.space).unwrap().is_empty());
    let seen = vec![(0, 1), (1, 1)];
    edit(&store, "b", "another").await;
    assert!(!store.end_interactions(place.space, seen).await.unwrap());
    let now = DateTime::UNIX_EPOCH;
    assert!(store.over_in(place.space, now).unwrap().is_empty());
    let later = store.later_versions(place.space).unwrap();
    assert_eq!(later, HashMap::from([(1, 2)]));
    let seen = vec![(0, 1), (1, 2)];
    assert!(store.end_interactions(place.space, seen).await.unwrap());
    assert_eq!(store.over_in(place.space, now).unwrap(), [0, 1]);
}

#[tokio::test]
async fn who_was_only_made_for_an_instance_has_fewer_entries_in_all() {
    let (_folder, store) = store().await;
    let person = "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('b', 'member', '', '[]', 0)";
    store
        .write(move |connection| connection.execute(person, []).map(drop))
        .await
        .unwrap();
    let add = |user: &str, ids: &[&str]| {
        let all = ids.iter().map(|id| turn(id, "x")).collect();
        store.add_interactions("b".to_owned(), user.to_owned(), all, MOST)
    };
    assert!(matches!(
        add("u", &["a", "b"]).await.unwrap(),
        Added::Ids(_)
    ));
    assert!(matches!(add("v", &["c"]).await.unwrap(), Added::Ids(_)));
    let full = NoRoom::Entries {
        has: 3,
        most: 3,
        bare: true,
    };
    assert_eq!(add("w", &["d"]).await.unwrap(), Added::Full(full));
    // Others are not held to that.
    keep(
        &store,
        ["e", "f", "g", "h"].map(|id| turn(id, "x")).to_vec(),
    )
    .await;
}

#[tokio::test]
async fn a_hundred_versions_stay_and_what_is_counted_is_what_is_there() {
    let (_folder, store) = store().await;
    keep(&store, vec![turn("a", "0000"), turn("b", "x")]).await;
    // Each has a session of one byte, and its row.
    assert_eq!(bytes_of(&store), (4 + 7 + 257) + (1 + 7 + 257));
    for at in 1..=130 {
        edit(&store, "a", &format!("{at:04}")).await;
    }
    let place = store.interaction("p", None, "a").unwrap().unwrap().place;
    let old = store.interaction_versions(place).unwrap();
    assert_eq!((old.len(), old[0].version), (100, 31));
    assert_eq!(old[99].text, "0129");
    let old = 100 * (4 + 7 + 256);
    assert_eq!(bytes_of(&store), old + (4 + 7 + 257) + (1 + 7 + 257));
    // Both at once, and with them their space and its name.
    let other = store.interaction("p", None, "b").unwrap().unwrap().place;
    let deleted = store.delete_interactions(vec![place, other, place], terms);
    assert_eq!(deleted.await.unwrap(), 2);
    assert_eq!(store.space_of("p", "ada").unwrap(), None);
}
