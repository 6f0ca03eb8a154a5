//! Memory in the shape of Google's Agent Development Kit.

use std::process::Stdio;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, daemon};
use crate::support::oauth::Carries as _;
use crate::support::{Api, answer, key};

async fn keep(api: &Api, body: &Value) -> Value {
    let (status, made) = answer(api.own(Method::POST, "/v1/memory/adk/sessions").json(body)).await;
    assert_eq!(status, 201, "{made}");
    made
}

async fn find(api: &Api, app: &str, user: &str, query: &str) -> Vec<Value> {
    let body = json!({ "app_name": app, "user_id": user, "query": query });
    let (status, found) = answer(api.own(Method::POST, "/v1/memory/adk/search").json(&body)).await;
    assert_eq!(status, 200, "{found}");
    found["memories"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_session_is_kept_once_however_often_it_comes_and_is_found_by_its_application_alone() {
    let (_root, _daemon, api) = daemon();
    let event = |id: &str, author: &str, text: Value| {
        json!({ "id": id, "author": author, "timestamp": 1_714_550_400.25, "invocation_id": "x", "actions": {},
            "content": { "role": "user", "parts": text } })
    };
    let mut session = json!({ "app_name": "shop", "user_id": "ada", "id": "s1", "state": {}, "last_update_time": 1.0, "events": [
        event("e1", "user", json!([{ "text": "I would like a cello" }])),
        event("e2", "seller", json!([{ "text": "secret thought", "thought": true }, { "text": "Which cello?" }, { "function_call": { "name": "f" } }])),
        event("e3", "seller", json!([{ "function_call": { "name": "f" } }])),
        { "id": "e4", "author": "seller", "partial": true, "content": { "parts": [{ "text": "half a ce" }] } },
        { "id": "e5", "author": "user", "timestamp": "2024-05-01T09:00:00Z", "content": { "parts": [{ "text": "A red cello\n" }] } },
        { "id": "e6", "author": "user" },
    ] });
    assert_eq!(
        keep(&api, &session).await,
        json!({ "added": 3, "known": 0, "left_out": 3 })
    );
    let more = event("e7", "user", json!([{ "text": "And a bow for the cello" }]));
    session["events"].as_array_mut().unwrap().push(more);
    assert_eq!(
        keep(&api, &session).await,
        json!({ "added": 1, "known": 3, "left_out": 3 })
    );
    // The same ids in another session, of another application, or of another user are other events.
    for (name, value) in [("id", "s2"), ("app_name", "shop.b"), ("user_id", "bob")] {
        let mut other = session.clone();
        other[name] = value.into();
        assert_eq!(keep(&api, &other).await["added"], 4);
    }
    let found = find(&api, "shop", "ada", "red cello").await;
    assert_eq!(
        found[0]["content"],
        json!({ "role": "user", "parts": [{ "text": "A red cello\n" }] })
    );
    assert_eq!(
        (&found[0]["author"], &found[0]["timestamp"]),
        (&json!("user"), &json!("2024-05-01T09:00:00Z"))
    );
    // What two sessions of this application say is told once, and nothing of what only begins like its name.
    assert_eq!(found.len(), 4, "{found:?}");
    let said = found.iter().find(|one| one["author"] == "seller").unwrap();
    assert_eq!(
        said["content"],
        json!({ "role": "model", "parts": [{ "text": "Which cello?" }] })
    );
    assert_eq!(said["timestamp"], "2024-05-01T08:00:00.250Z");
    assert!(find(&api, "sho", "ada", "cello").await.is_empty());
    assert!(find(&api, "shop", "ad", "cello").await.is_empty());
    // Documents and facts are of no application, and found with what was said to this one.
    let put = api.own(Method::PUT, "/v1/documents/strings?user_id=ada");
    let put = put
        .header("content-type", "text/plain")
        .body("zinc strings for an instrument");
    assert_eq!(answer(put).await.0, 201);
    let fact = json!({ "user_id": "ada", "text": "She plays in a zinc mine" });
    let made = answer(api.own(Method::POST, "/v1/memory/facts").json(&fact)).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let all = find(&api, "shop", "ada", "zinc").await;
    let mut authors: Vec<_> = all
        .iter()
        .map(|one| one["author"].as_str().unwrap())
        .collect();
    authors.sort_unstable();
    assert_eq!(authors, ["memory", "strings"], "{all:?}");
    assert!(find(&api, "shop", "ad", "zinc").await.is_empty());
    // What others have does not crowd out one's own (ADK #1019).
    let crowd: Vec<String> = (0..300)
        .map(|at| format!("cello cello cello {at}"))
        .collect();
    add(
        &api,
        "carl",
        "s",
        &crowd.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    assert_eq!(find(&api, "shop", "ada", "cello").await.len(), 4);
    let refused = answer(
        api.own(Method::POST, "/v1/memory/adk/search")
            .json(&json!({ "user_id": "ada", "query": "x" })),
    )
    .await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    // What is no event is refused whether it says something or not, and nothing of its session is kept.
    let good =
        json!({ "id": "g", "author": "user", "content": { "parts": [{ "text": "a good one" }] } });
    let says = json!({ "parts": [{ "text": "x" }] });
    for (name, value) in [
        ("author", json!("")),
        ("author", json!("two\nlines")),
        ("author", json!("a".repeat(256))),
        ("timestamp", json!(1e300)),
        ("timestamp", json!(-8.1e12)),
        ("timestamp", json!("yesterday")),
    ] {
        for content in [Value::Null, json!({ "parts": [] }), says.clone()] {
            for partial in [false, true] {
                let mut bad =
                    json!({ "id": "e", "author": "user", "content": content, "partial": partial });
                bad[name] = value.clone();
                let session =
                    json!({ "app_name": "a", "user_id": "bad", "id": "s", "events": [good, bad] });
                let sent = api.own(Method::POST, "/v1/memory/adk/sessions");
                let (status, refused) = answer(sent.json(&session)).await;
                let why = refused["detail"].as_str().unwrap();
                assert!(
                    status == 400 && why.contains("events[1]"),
                    "{session}: {refused}"
                );
            }
        }
    }
    assert!(find(&api, "a", "bad", "good").await.is_empty());
}

/// The kit itself where `JARKEEPER_TEST_ADK_PYTHON` names a Python with google-adk; otherwise what its documentation says of it.
#[tokio::test]
async fn the_kits_own_service_keeps_and_finds() {
    let (root, _daemon, api) = daemon();
    let python = std::env::var("JARKEEPER_TEST_ADK_PYTHON");
    let real = python.is_ok();
    let value = key(&root, "memory:read memory:write", &[], TimeDelta::days(1)).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/memory/adk.py");
    let mut command = std::process::Command::new(python.unwrap_or_else(|_| "python3".to_owned()));
    command
        .arg(folder)
        .arg(if real { "real" } else { "stand-in" });
    let clients = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/clients");
    command
        .env("PYTHONPATH", clients)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .env("JARKEEPER_URL", &api.base)
        .env("JARKEEPER_KEY", value);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        ended.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let kept = find(&api, "shop", "ada", "cello").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
}
