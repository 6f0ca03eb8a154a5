//! What comes in and goes out at each door: files, the API, the kit, tools. What is not taken is named, with the way out.

use std::io::Write as _;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use super::tools::Pipe;
use super::{add, daemon, finds, kind, search, texts};
use crate::support::oauth::{Carries as _, change};
use crate::support::process::Root;
use crate::support::{Api, answer};

const PATH: &str = "/v1/memory/interactions";
/// How a time is written, as every refusal of one says.
const WAY_OUT: &str = "write it as 2025-05-31T12:00:00Z";

async fn post(api: &Api, path: &str, body: Value) -> (u16, Value) {
    answer(api.own(Method::POST, path).json(&body)).await
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, found) = answer(api.own(Method::GET, path)).await;
    assert_eq!(status, 200, "{found}");
    found
}

/// Refused with 400; the words.
async fn refused(api: &Api, path: &str, body: Value) -> String {
    let (status, refused) = post(api, path, body.clone()).await;
    assert_eq!(
        (status, kind(&refused)),
        (400, "invalid-request"),
        "{path} {body} {refused}"
    );
    refused["detail"].as_str().unwrap().to_owned()
}

/// Imports what is piped; the exit code, what is said, and what is said beside it.
fn import(root: &Root, more: &[&str], file: &str) -> (Option<i32>, String, String) {
    let mut command = root.command(&["memory", "import", "-"]);
    command.args(more).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let file = file.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(file.as_bytes()));
    let out = child.wait_with_output().unwrap();
    let _ = writer.join();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[tokio::test]
async fn an_export_comes_back_once_and_what_cannot_is_named() {
    let root = Root::new();
    root.save(
        "config.toml",
        "[memory]\ndocuments = \"docs\"\nembedder = \"none\"\n",
    );
    std::fs::create_dir_all(root.path().join("docs")).unwrap();
    root.save("docs/a.md", "The wombat of the folder");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let owner = get(&api, "/v1/memory/stats").await["user_id"].clone();
    let owner = owner.as_str().unwrap();
    let ids = add(
        &api,
        owner,
        "s",
        &["I play the cello", "I keep bees", "Tea, please"],
    )
    .await;
    let edited = format!("{PATH}/{}", ids[1]);
    let fact = async |text: &str, sources: &[&String]| {
        let body =
            json!({ "text": text, "sources": sources, "valid_from": "2023-05-01T00:00:00Z" });
        let (status, made) = post(&api, "/v1/memory/facts", body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    };
    fact("The user plays the cello", &[&ids[0]]).await;
    fact("The user keeps bees", &[&ids[1]]).await;
    let wrong = fact("The user hates tea", &[&ids[2]]).await;
    let reject = api.own(Method::POST, &format!("/v1/memory/facts/{wrong}/reject"));
    assert_eq!(answer(reject).await.0, 200);
    // With this the fact about bees is outdated, if a model had read it.
    change(
        &root,
        "UPDATE learned SET model = 'm' WHERE text = 'The user keeps bees'",
    );
    let wasps = json!({ "text": "I keep wasps" });
    assert_eq!(
        answer(api.own(Method::PATCH, &edited).json(&wasps)).await.0,
        200
    );
    let put = api.own(Method::PUT, "/v1/documents/mine");
    let put = put
        .header("content-type", "text/plain")
        .body("a wombat of mine");
    assert_eq!(answer(put).await.0, 201);
    let folder = async || {
        while finds(&api, owner, "wombat").await.len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let wait = std::time::Duration::from_secs(60);
    tokio::time::timeout(wait, folder()).await.unwrap();
    let export = root.run(&["memory", "export"]).out;
    let stats = get(&api, "/v1/memory/stats").await;
    // Where it comes from everything is known, twice, and the file in the folder stays its own.
    for _ in 0..2 {
        let (code, out, err) = import(&root, &[], &export);
        assert_eq!(code, Some(0), "{out} {err}");
        assert!(
            out.contains("0 new, 6 were kept before, 0 facts, 1 documents, 0 left out"),
            "{out}"
        );
        assert!(
            err.contains("1 documents are left to the watched folder"),
            "{err}"
        );
    }
    assert_eq!(get(&api, "/v1/memory/stats").await, stats);
    // Elsewhere it is new, with its facts; what has no way back is named, and told by the exit code.
    let eve = ["--user", "eve"];
    let (code, out, err) = import(&root, &eve, &export);
    assert_eq!(code, Some(3), "{out} {err}");
    assert!(
        out.contains("3 new, 0 were kept before, 2 facts, 2 documents, 2 left out"),
        "{out}"
    );
    for named in [
        "1 left out: what turns said before",
        "1 left out: facts that were replaced or outdated",
    ] {
        assert!(err.contains(named), "{err}");
    }
    let (_, out, _) = import(&root, &eve, &export);
    assert!(out.contains("0 new, 5 were kept before, 0 facts"), "{out}");
    let facts = get(&api, "/v1/memory/facts?user_id=eve").await;
    let facts = facts["facts"].as_array().unwrap();
    assert_eq!(facts.len(), 2, "{facts:?}");
    let by = |state: &str| facts.iter().find(|one| one["state"] == state).unwrap();
    assert_eq!(by("rejected")["text"], "The user hates tea");
    let cello = by("current");
    assert_eq!(
        (&cello["text"], &cello["valid_from"]),
        (
            &json!("The user plays the cello"),
            &json!("2023-05-01T00:00:00Z")
        )
    );
    let source = cello["sources"][0].as_str().unwrap();
    let said = get(&api, &format!("{PATH}/{source}")).await;
    assert_eq!(
        (&said["text"], &said["user_id"]),
        (&json!("I play the cello"), &json!("eve"))
    );
    // A line that is wrong is named, and not the first one of those that went with it.
    let lines =
        "{\"text\":\"a\"}\n\n{\"text\":\"b\",\"occurred_at\":\"yesterday\"}\n{\"text\":\"c\"}\n";
    let (code, _, err) = import(&root, &eve, lines);
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("-:3: occurred_at: ") && err.contains(WAY_OUT),
        "{err}"
    );
    let mem0 = json!([{ "memory": "x", "created_at": "2023-05-01" }, { "memory": "y", "created_at": "in May" }]);
    let (code, _, err) = import(&root, &eve, &mem0.to_string());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("-:1: entry 2: created_at is no time"), "{err}");
    let bad = root.run(&["memory", "add", "x", "--at", "yesterday"]);
    assert!(bad.code == Some(2) && bad.err.contains(WAY_OUT), "{bad:?}");
}

#[tokio::test]
async fn a_time_that_is_none_or_too_far_is_refused_with_the_way_out() {
    let (root, _daemon, api) = daemon();
    let one = |more: Value| {
        let mut one = json!({ "text": "an apple", "role": "user" });
        one.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "user_id": "ada", "interactions": [one] })
    };
    let asks = json!([{ "role": "user", "content": "Which apple?" }]);
    let of = |at: &str| {
        [
            (PATH, one(json!({ "occurred_at": at })), "occurred_at"),
            (PATH, one(json!({ "expires_at": at })), "expires_at"),
            (
                "/v1/memory/search",
                json!({ "query": "x", "now": at }),
                "now",
            ),
            (
                "/v1/memory/search",
                json!({ "query": "x", "filters": { "since": at } }),
                "since",
            ),
            (
                "/v1/memory/context",
                json!({ "messages": asks, "now": at }),
                "now",
            ),
            (
                "/v1/memory/facts",
                json!({ "text": "x", "valid_from": at }),
                "valid_from",
            ),
        ]
    };
    for (path, body, name) in of("yesterday") {
        let why = refused(&api, path, body).await;
        assert!(why.contains(name) && why.contains(WAY_OUT), "{path}: {why}");
        assert!(!why.contains("deserialize"), "{why}");
    }
    for (path, body, name) in of("+262142-12-31T23:59:59Z") {
        let why = refused(&api, path, body).await;
        assert!(
            why.contains(name) && why.contains("between the years 1 and 9999"),
            "{path}: {why}"
        );
    }
    let listed = api.own(Method::GET, &format!("{PATH}?since=yesterday"));
    let (status, why) = answer(listed).await;
    assert!(
        status == 400 && why["detail"].as_str().unwrap().contains(WAY_OUT),
        "{why}"
    );
    // One from before this was looked at does not break the context of its user in any zone.
    add(&api, "ada", "s", &["an apple of long ago"]).await;
    change(
        &root,
        "UPDATE interactions SET occurred_at = 8210266876799999",
    );
    for now in ["2025-01-01T00:00:00+14:00", "2025-01-01T00:00:00-12:00"] {
        let body = json!({ "user_id": "ada", "messages": asks, "now": now });
        let (status, context) = post(&api, "/v1/memory/context", body).await;
        assert_eq!(status, 200, "{context}");
        assert_eq!(
            context["citations"].as_array().unwrap().len(),
            1,
            "{context}"
        );
    }
}

#[tokio::test]
async fn what_is_counted_is_what_is_there_and_what_came_again_is_told() {
    let (root, _daemon, api) = daemon();
    // Names and keys take room: 50 turns of one letter.
    let name = "😀".repeat(255);
    let turn = |at: usize| {
        json!({ "text": "a", "role": "user", "session": name, "app": name, "speaker": name,
            "idempotency_key": format!("{at:02}{}", "😀".repeat(253)) })
    };
    let all: Vec<_> = (0..50).map(turn).collect();
    let body = json!({ "user_id": "long", "interactions": all });
    assert_eq!(post(&api, PATH, body).await.0, 201);
    let stats = get(&api, "/v1/memory/stats?user_id=long").await;
    assert_eq!(stats["bytes"]["used"], 50 * (1 + 3 * 1020 + 1014 + 256));
    let end = json!({ "user_id": "long", "filters": { "session": name }, "confirm": 50 });
    assert_eq!(post(&api, &format!("{PATH}/delete"), end).await.0, 200);
    assert_eq!(
        get(&api, "/v1/memory/stats?user_id=long").await["bytes"]["used"],
        0
    );
    // What a search counts has the metadata that are asked for, and is not over.
    let apple = |at: usize| json!({ "text": format!("apple {at}"), "role": "user", "metadata": { "k": at % 2 } });
    let mut all: Vec<_> = (0..7).map(apple).collect();
    all.push(json!({ "text": "a melon", "role": "user" }));
    let body = json!({ "user_id": "ada", "interactions": all });
    let (_, made) = post(&api, PATH, body).await;
    let melon =
        json!({ "user_id": "ada", "text": "There was a melon", "sources": [made["ids"][7]] });
    assert_eq!(post(&api, "/v1/memory/facts", melon).await.0, 201);
    let count = |query: &str, k: i64| {
        let filters = json!({ "metadata": { "k": k } });
        search(
            &api,
            json!({ "user_id": "ada", "query": query, "k": 2, "filters": filters }),
        )
    };
    let odd = count("apple", 1).await;
    assert_eq!(
        (texts(&odd).len(), &odd["matched"]),
        (2, &json!(3)),
        "{odd}"
    );
    let none = count("apple", 9).await;
    assert_eq!(
        (texts(&none).len(), &none["matched"]),
        (0, &json!(0)),
        "{none}"
    );
    assert!(
        none["reason"].as_str().unwrap().ends_with("other metadata"),
        "{none}"
    );
    change(
        &root,
        "UPDATE interactions SET expires_at = 1 WHERE text = 'a melon'",
    );
    let over = search(&api, json!({ "user_id": "ada", "query": "melon" })).await;
    let counts = (&over["matched"], &over["kept"]);
    assert_eq!(counts, (&json!(0), &json!(7)), "{over}");
    // Unless it was swept in between nothing has the word.
    let reason = over["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("is over") || reason.starts_with("nothing"),
        "{over}"
    );
    // The same key again: kept once, and what was left as it is has a name.
    let again = |more: Value| {
        let mut one = json!({ "text": "one", "role": "user", "idempotency_key": "k" });
        one.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "user_id": "ada", "interactions": [{ "text": "zero", "role": "user" }, one] })
    };
    let first = json!({ "session": "s", "metadata": { "a": 1, "b": 2 }, "occurred_at": "2024-01-01T00:00:00Z" });
    let (_, made) = post(&api, PATH, again(first)).await;
    assert_eq!(
        (&made["added"], &made["known"]),
        (&json!(2), &Value::Null),
        "{made}"
    );
    for (more, unlike) in [
        (json!({}), json!([])),
        (
            json!({ "session": "s", "metadata": { "b": 2, "a": 1 } }),
            json!([]),
        ),
        (
            json!({ "session": "t", "metadata": { "a": 2 }, "occurred_at": "2024-01-02T00:00:00Z" }),
            json!(["session", "metadata", "occurred_at"]),
        ),
    ] {
        let (status, again) = post(&api, PATH, again(more)).await;
        let known = json!([{ "at": 1, "unlike": unlike }]);
        assert_eq!(
            (status, &again["added"], &again["known"]),
            (201, &json!(1), &known)
        );
        assert_eq!(again["ids"][1], made["ids"][1]);
    }
    // A body where none is read would be passed over, and with it whose memory is meant.
    for path in ["/v1/memory/facts/read", "/v1/memory/facts/x/reject"] {
        let why = refused(&api, path, json!({ "user_id": "ada" })).await;
        assert!(why.contains("takes no body"), "{why}");
    }
}

#[tokio::test]
async fn long_questions_and_events_without_an_id_are_taken_as_they_come() {
    let (root, _daemon, api) = daemon();
    let event = |author: &str, at: f64, text: &str| json!({ "author": author, "timestamp": at, "content": { "parts": [{ "text": text }] } });
    let mut session = json!({ "app_name": "shop", "user_id": "ada", "id": "s", "events": [
        { "id": "", "author": "user", "timestamp": 1.0, "content": { "parts": [{ "text": "A red cello" }] } },
        event("seller", 2.0, "Yes"),
        event("seller", 2.0, "Yes"),
        { "timestamp": 3.0 },
        { "id": "e", "author": "user", "timestamp": 4.0, "content": { "parts": [{ "text": "With a bow" }] } },
    ] });
    let adk = "/v1/memory/adk/sessions";
    let (status, kept) = post(&api, adk, session.clone()).await;
    let wanted = json!({ "added": 4, "known": 0, "left_out": 1 });
    assert_eq!((status, kept), (201, wanted));
    // As it grows, and where its beginning is cut away.
    let events = session["events"].as_array_mut().unwrap();
    events.push(event("seller", 5.0, "Gladly"));
    events.remove(3);
    events.remove(0);
    let (status, kept) = post(&api, adk, session.clone()).await;
    let wanted = json!({ "added": 1, "known": 3, "left_out": 0 });
    assert_eq!((status, kept), (201, wanted));
    session["events"] = json!([{ "content": { "parts": [{ "text": "who says this?" }] } }]);
    assert!(
        refused(&api, adk, session.clone())
            .await
            .contains("events[0]: author")
    );
    session["events"] = json!([{ "timestamp": "yesterday" }]);
    let why = refused(&api, adk, session).await;
    assert!(
        why.contains("events[0].timestamp") && why.contains(WAY_OUT),
        "{why}"
    );
    // The kit tells nobody of a refusal: a pasted text is asked with by its ends, and nothing is no fault.
    let ask = async |query: &str| {
        let body = json!({ "app_name": "shop", "user_id": "ada", "query": query });
        let (status, found) = post(&api, "/v1/memory/adk/search", body).await;
        assert_eq!(status, 200, "{found}");
        found["memories"][0]["content"]["parts"][0]["text"].clone()
    };
    let pasted = format!("{} Which cello?", "lorem ipsum ".repeat(2000));
    assert_eq!(ask(&pasted).await, "A red cello");
    assert_eq!(
        (ask("").await, ask(" \n").await),
        (Value::Null, Value::Null)
    );
    let mut pipe = Pipe::of(&root);
    let found = pipe.call(
        "search_memory",
        json!({ "query": pasted, "user_id": "ada" }),
    );
    assert_eq!(found["memories"][0]["text"], "A red cello", "{found}");
    assert!(
        found["warnings"][0].as_str().unwrap().contains("8 KiB"),
        "{found}"
    );
    // A tool keeps one thing, and says what is wrong with that one; what it keeps is found by where it came from.
    let bad = pipe.ask(
        "tools/call",
        json!({ "name": "add_memory", "arguments": { "text": " ", "user_id": "ada" } }),
    );
    let why = bad["result"]["content"][0]["text"].as_str().unwrap();
    assert!(
        why.contains("text is empty") && !why.contains("interactions["),
        "{why}"
    );
    let new = json!({ "text": "The oboe is sold", "user_id": "ada", "metadata": { "order": 7 }, "session": "a", "idempotency_key": "k" });
    assert_eq!(pipe.call("add_memory", new.clone())["unlike"], Value::Null);
    // The client has a name.
    let by = json!({ "query": "oboe", "user_id": "ada", "app": "t", "metadata": { "order": 7 } });
    let found = pipe.call("search_memory", by);
    assert_eq!(found["memories"][0]["app"], "t", "{found}");
    let mut other = new;
    other["session"] = "b".into();
    assert_eq!(pipe.call("add_memory", other)["unlike"], json!(["session"]));
}
