//! An upgrade that is killed in the middle, again and again.

use std::time::Duration;

use super::{
    GUESTS, PASSAGES, SAID, STEP_1, STEP_2, embedded, found, is_all_there, store, turns, version,
    write,
};
use crate::support::Api;
use crate::support::process::{Root, within};

/// Memories beside the two of the owner, each with what the owner has said.
const MORE: usize = 40;

/// As many memories again as there are, as that version would have written them.
fn fill(root: &Root) {
    let store = store(root);
    for at in 0..MORE {
        store
            .execute_batch(&format!(
                "INSERT INTO memory_spaces (person, user, next_doc, next_name, count)
                   SELECT person, 'more{at}', next_doc, next_name, count FROM memory_spaces WHERE user = 'owner';
                 INSERT INTO interactions
                   SELECT last_insert_rowid(), doc, 'm{at}x' || doc, role, speaker, session, app, text, metadata, occurred_at, created_at,
                     expires_at, once FROM interactions WHERE space = (SELECT id FROM memory_spaces WHERE user = 'owner');"
            ))
            .unwrap();
        for (table, columns) in [
            ("memory_index", "term, block, docs"),
            ("memory_facts", "block, facts"),
            ("memory_names", "kind, name, number, uses"),
        ] {
            store
                .execute_batch(&format!(
                    "INSERT INTO {table} SELECT (SELECT id FROM memory_spaces WHERE user = 'more{at}'), {columns} FROM {table}
                     WHERE space = (SELECT id FROM memory_spaces WHERE user = 'owner')"
                ))
                .unwrap();
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_is_killed_at_any_moment_goes_on_and_loses_nothing() {
    let root = Root::new();
    write(&root, &[STEP_1, STEP_2]);
    fill(&root);
    // So much to move that the schema is not changed in a moment.
    store(&root)
        .execute_batch(
            "WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < 60)
             INSERT INTO documents SELECT 'bulk' || at, 'owner', 'bulk' || at, 'text/plain', hex(zeroblob(500000)), 0, 0 FROM n",
        )
        .unwrap();
    let path = store(&root).path().unwrap().to_owned();
    let log = format!("{path}-wal");
    let mut daemon = root.start();
    // What does not fit into memory goes to the log of the database before it is committed.
    within(Duration::from_secs(60), || {
        let size = std::fs::metadata(&log).map_or(0, |file| file.len());
        (size > 4 << 20).then_some(())
    })
    .expect("the schema is being changed");
    daemon.kill();
    // All of it or nothing.
    let tables: Vec<String> = {
        let store = store(&root);
        let mut names = store
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
            .unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    let has = |name: &str| tables.iter().any(|one| one == name);
    let new = version(&root) == 3;
    assert!(new || version(&root) == 2, "{}", version(&root));
    for (name, is_new) in [
        ("memory_facts", false),
        ("memory_entries", true),
        ("passages", true),
        ("memory_vectors", true),
    ] {
        assert_eq!(has(name), new == is_new, "{name}");
    }
    assert!(!has("documents_of_users"));
    let whole: String = store(&root)
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    let gone = store(&root)
        .execute("DELETE FROM documents WHERE id LIKE 'bulk%'", [])
        .unwrap();
    assert_eq!(gone, 60);
    // Then in the middle of the memories, one after the other.
    let mut rounds = 0;
    let daemon = loop {
        let mut daemon = root.start();
        let next = daemon.find(0, |line| {
            let said = line["message"].as_str().unwrap_or_default();
            said.contains("made anew") || said.contains("keeps sessions fresh")
        });
        let next = next.unwrap_or_else(|| panic!("{:?}", daemon.log()));
        if next["message"].as_str().unwrap().contains("keeps") || rounds == 8 {
            daemon.hears("jarkeeper keeps sessions fresh");
            break daemon;
        }
        daemon.kill();
        rounds += 1;
    };
    assert!(rounds > 0, "it was killed in the middle");
    let api = Api::of(&root, &daemon);
    let all = embedded(&api).await;
    let said = SAID.len() as u64;
    assert_eq!(all, said + PASSAGES + GUESTS + MORE as u64 * said);
    is_all_there(&api).await;
    for at in 0..MORE {
        let user = format!("more{at}");
        assert_eq!(turns(&api, &user).await.len(), SAID.len());
        for (text, question) in [SAID[0], SAID[2], SAID[5]] {
            let found = found(&api, &user, question).await;
            assert_eq!(found["hits"][0]["text"], text, "{user}: {found}");
            assert_eq!(found["kept"], SAID.len() as u64);
        }
    }
}
