//! Stores of older versions: the present daemon opens them, and all that they hold is there, and works.
//!
//! `step_1.sql` is what the version with that schema had written, and `step_2.sql` what the next one added to it: each was told these
//! things by its own API, and its tables, rows and index are here as text. They are never changed.

mod killed;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::{Carries as _, change};
use crate::support::process::{Ended, Root};
use crate::support::{Api, answer};
use jarkeeper::session::Files;

const STEP_1: &str = include_str!("step_1.sql");
const STEP_2: &str = include_str!("step_2.sql");
/// A key of ann's, made by step 1.
const KEY: &str = "jk_3YZXH-aKa_CgcD9riV6DZgzqOYkT_M1k7pp6p90QrAA";
/// An instance that was registered with step 2, and its password.
const INSTANCE: (&str, &str) = (
    "3001457732a5d1ef0a4c",
    "jp_6zhtLhke---qXiB87BQUI9ydvbFbSkge9go6bYLXGMI",
);
/// What the owner had said, the oldest first; a question in the same language that it answers.
const SAID: [(&str, &str); 9] = [
    (
        "I have been learning the cello since May",
        "Who learns the cello?",
    ),
    ("Which piece do you practise?", "practise this piece"),
    (
        "Wir sind im Juli nach Wien gezogen",
        "Wohin ziehen wir im Juli?",
    ),
    (
        "Mi hermana toca el violín en Sevilla",
        "¿Quién toca violines?",
    ),
    ("Моя собака боится грозы", "Чего боится собака?"),
    (
        "去年の夏に京都へ引っ越しました",
        "京都に引っ越したのはいつ？",
    ),
    ("أعيش في القاهرة منذ ثلاث سنوات", "هل تعيش في القاهرة؟"),
    ("मेरी बिल्ली का नाम मोती है", "बिल्ली का नाम क्या है?"),
    ("我在上海学习钢琴", "谁在学习钢琴？"),
];

/// Passages of the owner's two documents, and what a guest had said.
const PASSAGES: u64 = 2;
const GUESTS: u64 = 2;

/// A store as these steps left it.
fn write(root: &Root, steps: &[&str]) {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let store = rusqlite::Connection::open(path).unwrap();
    store.pragma_update(None, "journal_mode", "WAL").unwrap();
    for step in steps {
        store.execute_batch(step).unwrap();
    }
    // What is only kept for a time was written just now.
    store
        .execute_batch(
            "UPDATE audit SET at = unixepoch() * 1000; UPDATE events SET at = unixepoch() * 1000;
             UPDATE clients SET used_at = unixepoch() * 1000;",
        )
        .unwrap();
}

fn store(root: &Root) -> rusqlite::Connection {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    rusqlite::Connection::open(path).unwrap()
}

fn version(root: &Root) -> i64 {
    let store = store(root);
    store
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, body) = answer(api.own(Method::GET, path)).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn found(api: &Api, user: &str, query: &str) -> Value {
    let body = json!({ "user_id": user, "query": query });
    let (status, found) = answer(api.own(Method::POST, "/v1/memory/search").json(&body)).await;
    assert_eq!(status, 200, "{found}");
    found
}

/// The texts of all turns of a user, the oldest first.
async fn turns(api: &Api, user: &str) -> Vec<Value> {
    let path = format!("/v1/memory/interactions?user_id={user}&order=oldest&limit=1000");
    get(api, &path).await["interactions"]
        .as_array()
        .unwrap()
        .clone()
}

/// Waits until every entry of the owner's memories has a vector and every document its passages.
async fn embedded(api: &Api) -> u64 {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let list = get(api, "/v1/documents").await;
        let all = list["documents"].as_array().unwrap();
        let split = all.iter().all(|one| one["passages"].as_u64() > Some(0));
        let status = get(api, "/v1/memory/status").await;
        if split && status["embedded"] == status["entries"] && status["running"] == false {
            return status["embedded"].as_u64().unwrap();
        }
        assert!(std::time::Instant::now() < end, "{list} {status}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// All that step 2 left, found by the present daemon.
async fn is_all_there(api: &Api) {
    let all = turns(api, "owner").await;
    let texts: Vec<_> = all
        .iter()
        .map(|one| one["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, SAID.map(|(text, _)| text));
    let [first, answer_to, third, .., last] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (&first["speaker"], &first["session"], &first["occurred_at"]),
        (
            &json!("Ann Lee"),
            &json!("talk"),
            &json!("2024-06-01T18:00:00Z")
        )
    );
    assert_eq!(
        (&answer_to["role"], &answer_to["app"]),
        (&json!("assistant"), &json!("diary"))
    );
    assert_eq!(third["metadata"], json!({ "order": 7, "tags": ["umzug"] }));
    assert_eq!(last["expires_at"], "2999-01-01T00:00:00Z");
    for (text, question) in SAID {
        let found = found(api, "owner", question).await;
        let hits = found["hits"].as_array().unwrap();
        let place = hits.iter().position(|hit| hit["text"] == text);
        // A turn that only asks counts less than those around it.
        let first = place == Some(0) || text.ends_with('?') && place.is_some();
        assert!(first, "{question}: {found:#}");
        assert_eq!(found["kept"], SAID.len() as u64 + PASSAGES, "{found}");
    }
    for (query, text) in [
        ("Lisbon hotel", "The zeppelin hotel was full."),
        ("sardine food", "Grilled sardines by the river."),
        (
            "almonds",
            "A marzipan cake takes two hundred grams of almonds.",
        ),
    ] {
        let found = found(api, "owner", query).await;
        let hit = &found["hits"][0];
        assert!(hit["text"].as_str().unwrap().contains(text), "{found:#}");
        assert_eq!(hit["kind"], "document");
    }
    let guests: Vec<_> = turns(api, "guest").await;
    assert_eq!(guests.len(), 2);
    let found = found(api, "guest", "bicycles in the cellar").await;
    assert_eq!(found["kept"], 2);
    assert_eq!(found["hits"].as_array().unwrap().len(), 2, "{found}");
    // Ann's is hers, by a key of the first step.
    let as_ann = |method, path: &str| api.call(method, path).bearer_auth(KEY);
    let (status, hers) = answer(as_ann(Method::GET, "/v1/memory/interactions")).await;
    assert_eq!(status, 200, "{hers}");
    assert_eq!(
        hers["interactions"][0]["text"],
        "Ann keeps bees on the roof"
    );
    let body = json!({ "query": "Where are the bees?" });
    let (_, found) = answer(as_ann(Method::POST, "/v1/memory/search").json(&body)).await;
    assert_eq!(found["hits"][0]["text"], "Ann keeps bees on the roof");
    assert_eq!(found["kept"], 2, "{found}");
    let got = as_ann(Method::GET, "/v1/documents/roof.txt").send().await;
    let got = got.unwrap().text().await.unwrap();
    assert_eq!(got, "The hives stand on the roof.\n");
    // Its instance's password is good, and the load is registered.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", INSTANCE.0),
        ("client_secret", INSTANCE.1),
    ];
    let (status, token) = answer(api.call(Method::POST, "/oauth/token").form(&form)).await;
    assert_eq!(status, 200, "{token}");
    let loads = get(api, "/v1/loads").await;
    assert_eq!(loads[0]["name"], "desk", "{loads}");
    assert_eq!(get(api, "/v1/profile").await["username"], "captain");
}

#[tokio::test]
async fn a_store_of_the_first_step_has_its_people_keys_and_clients() {
    let root = Root::new();
    write(&root, &[STEP_1]);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let as_ann = |method, path: &str| api.call(method, path).bearer_auth(KEY);
    let (status, me) = answer(as_ann(Method::GET, "/v1/me")).await;
    assert_eq!(
        (status, &me["person"]["id"], &me["person"]["name"]),
        (200, &json!("ann"), &json!("Ann")),
        "{me}"
    );
    let people = get(&api, "/v1/people").await;
    assert_eq!(people.as_array().unwrap().len(), 2, "{people}");
    let keys = get(&api, "/v1/keys").await;
    assert_eq!(keys[0]["name"], "anns", "{keys}");
    let audit = get(&api, "/v1/audit").await;
    assert!(audit.to_string().contains("keys.create"), "{audit}");
    let events: i64 = store(&root)
        .query_row(
            "SELECT count(*) FROM events WHERE kind = 'session.renewed' AND session = 'shop'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(events, 1);
    // What came with later steps is there for them.
    let body = json!({ "interactions": [{ "text": "I sail on Sundays", "role": "user" }] });
    let added = as_ann(Method::POST, "/v1/memory/interactions").json(&body);
    assert_eq!(answer(added).await.0, 201);
    let body = json!({ "query": "sailing" });
    let (_, found) = answer(as_ann(Method::POST, "/v1/memory/search").json(&body)).await;
    assert_eq!(found["hits"][0]["text"], "I sail on Sundays", "{found}");
    // An application that was registered may still ask, and one that was not may not.
    let asks = |client: &str| {
        let path = format!(
            "/oauth/authorize?response_type=code&client_id={client}&redirect_uri=https%3A%2F%2Fapp.test%2Fcallback\
             &scope=read&state=s&code_challenge={}&code_challenge_method=S256",
            crate::support::oauth::challenge()
        );
        api.call(Method::GET, &path).send()
    };
    let known = asks("5b176cd96bc2ff993533").await.unwrap();
    assert!(
        known.status().is_success() || known.status().is_redirection(),
        "{known:?}"
    );
    assert_eq!(asks("0b176cd96bc2ff993533").await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_store_of_the_second_step_is_found_edited_and_deleted_and_gets_its_index_and_vectors() {
    let root = Root::new();
    write(&root, &[STEP_1, STEP_2]);
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    assert_eq!(embedded(&api).await, SAID.len() as u64 + PASSAGES + GUESTS);
    is_all_there(&api).await;
    let stats = get(&api, "/v1/memory/stats").await;
    let bytes: usize = SAID.iter().map(|(text, _)| text.len()).sum();
    let metadata = r#"{"order":7,"tags":["umzug"]}"#;
    // Each has a row, and together names and keys of 29 bytes.
    let rows = 256 * SAID.len() + 29;
    assert_eq!(
        stats["bytes"]["used"],
        bytes + metadata.len() + rows,
        "{stats}"
    );
    // What came with a key comes once, also now.
    let kyoto = json!({ "interactions": [{ "text": SAID[5].0, "role": "user", "idempotency_key": "kyoto",
        "occurred_at": "2024-08-05T09:00:00Z" }] });
    let (status, again) = answer(
        api.own(Method::POST, "/v1/memory/interactions")
            .json(&kyoto),
    )
    .await;
    assert_eq!((status, &again["added"]), (201, &json!(0)), "{again}");
    // Each is mended with its history, under the same id.
    let all = turns(&api, "owner").await;
    let path = |at: usize| {
        format!(
            "/v1/memory/interactions/{}",
            all[at]["id"].as_str().unwrap()
        )
    };
    let mended = json!({ "text": "Wir sind im Juli nach Graz gezogen" });
    let (status, now) = answer(api.own(Method::PATCH, &path(2)).json(&mended)).await;
    assert_eq!((status, &now["version"]), (200, &json!(2)), "{now}");
    let history = get(&api, &format!("{}/history", path(2))).await;
    assert_eq!(history["versions"][0]["text"], SAID[2].0, "{history}");
    let texts = |found: &Value| -> Vec<String> {
        let hits = found["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        texts(&found(&api, "owner", "Graz").await)[0],
        mended["text"].as_str().unwrap()
    );
    assert!(!texts(&found(&api, "owner", "Wien").await).contains(&SAID[2].0.to_owned()));
    // Deleted means gone: from every search, every neighbour and every file.
    for at in [0, 4, 5, 7, 8] {
        let (status, gone) = answer(api.own(Method::DELETE, &path(at))).await;
        assert_eq!(status, 204, "{gone}");
        let (text, question) = SAID[at];
        assert!(!texts(&found(&api, "owner", question).await).contains(&text.to_owned()));
        assert!(!is_on_disk(&root, text), "{text}");
    }
    for name in ["trip.md", "cake.txt"] {
        let (status, gone) =
            answer(api.own(Method::DELETE, &format!("/v1/documents/{name}"))).await;
        assert_eq!(status, 204, "{gone}");
    }
    for gone in ["zeppelin", "sardine", "marzipan", "almond", "cello"] {
        let found = texts(&found(&api, "owner", gone).await);
        assert!(
            !found.iter().any(|text| text.contains(gone)),
            "{gone}: {found:?}"
        );
        assert!(!is_on_disk(&root, gone), "{gone}");
    }
    let whole = format!("/v1/memory?user_id=guest&confirm={}", 2);
    let (status, gone) = answer(api.own(Method::DELETE, &whole)).await;
    assert_eq!((status, &gone["deleted"]), (200, &json!(true)), "{gone}");
    // The next start finds nothing to do.
    assert_eq!(daemon.stop().0, 0);
    let daemon = root.daemon();
    let said = daemon.log();
    assert!(
        !said
            .iter()
            .any(|line| line.to_string().contains("made anew")),
        "{said:?}"
    );
    let api = Api::of(&root, &daemon);
    assert_eq!(turns(&api, "owner").await.len(), 4);
    assert!(turns(&api, "guest").await.is_empty());
}

/// Whether any file of the store holds these bytes.
fn is_on_disk(root: &Root, text: &str) -> bool {
    let files = std::fs::read_dir(root.auth().join(".jarkeeper/store")).unwrap();
    files.into_iter().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

#[tokio::test]
async fn complaint_18_another_build_of_the_model_loses_no_memory_and_words_go_on_meanwhile() {
    let root = Root::new();
    write(&root, &[STEP_1, STEP_2]);
    let mut daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let all = embedded(&api).await;
    let own = get(&api, "/v1/memory/status").await["fingerprint"].clone();
    daemon.kill();
    // As if an older version had brought another table: the same name, other numbers.
    change(
        &root,
        "UPDATE memory_models SET fingerprint = 'another', dimension = 7",
    );
    change(
        &root,
        "UPDATE memory_vectors SET vectors = zeroblob(128 * 11)",
    );
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    // From the first moment on all is found by its words, and the answer says what takes part.
    let first = found(&api, "owner", "cello").await;
    assert_eq!(first["hits"][0]["text"], SAID[0].0, "{first}");
    assert_eq!(embedded(&api).await, all);
    assert_eq!(get(&api, "/v1/memory/status").await["fingerprint"], own);
    is_all_there(&api).await;
    let (models, of_others): (i64, i64) = store(&root)
        .query_row(
            "SELECT count(*), sum(fingerprint = 'another') FROM memory_models WHERE id IN (SELECT model FROM memory_vectors)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((models, of_others), (1, 0), "the old vectors are gone");
}

#[test]
fn a_store_of_a_later_version_is_refused_with_its_place_the_cause_and_the_way_out() {
    let root = Root::new();
    write(&root, &[STEP_1, STEP_2]);
    store(&root)
        .pragma_update(None, "user_version", 41)
        .unwrap();
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let before = std::fs::read(&path).unwrap();
    let told = |ended: &Ended| {
        assert_ne!(ended.code, Some(0), "{ended:?}");
        let place = path.file_name().unwrap().to_str().unwrap();
        for part in [place, "schema 41", "knows up to 3", "use the newer"] {
            assert!(ended.err.contains(part), "{part}: {ended:?}");
        }
    };
    told(&root.run(&["serve"]));
    // The commands that work without a daemon too.
    told(&root.run(&["key", "list"]));
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is as it was");
    assert_eq!(version(&root), 41);
}
