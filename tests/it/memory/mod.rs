//! What was said: kept, found, deleted.

mod adk;
mod care;
mod clients;
mod commands;
mod complaints;
mod context;
mod documents;
mod doors;
mod embedding;
mod folder;
mod injected;
mod keeping;
mod learning;
mod library;
mod measured;
mod mending;
mod offline;
mod pdf;
mod proxy;
mod reading;
mod responses;
mod script;
mod searching;
mod tools;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::Carries as _;
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// A daemon without sites that compares words alone.
fn daemon() -> (Root, Daemon, Api) {
    with("[memory]\nembedder = \"none\"\n")
}

/// A daemon without sites, with these lines of `config.toml`.
fn with(config: &str) -> (Root, Daemon, Api) {
    let root = Root::new();
    root.save("config.toml", config);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

/// Texts of a user, as turns of one session, at the socket; their ids.
async fn add(api: &Api, user: &str, session: &str, texts: &[&str]) -> Vec<String> {
    let one = |text: &&str| json!({ "text": text, "role": "user", "session": session });
    let all: Vec<_> = texts.iter().map(one).collect();
    let body = json!({ "user_id": user, "interactions": all });
    let (status, made) = answer(api.own(Method::POST, "/v1/memory/interactions").json(&body)).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["added"], texts.len(), "{made}");
    serde_json::from_value(made["ids"].clone()).unwrap()
}

/// What a search at the socket answers.
async fn search(api: &Api, body: Value) -> Value {
    let (status, found) = answer(api.own(Method::POST, "/v1/memory/search").json(&body)).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["signals"][0], "lexical", "{found}");
    found
}

/// The texts of the hits, the best first.
fn texts(found: &Value) -> Vec<&str> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["text"].as_str().unwrap()).collect()
}

/// What a search of a user's memory finds.
async fn finds(api: &Api, user: &str, query: &str) -> Vec<String> {
    let found = search(api, json!({ "user_id": user, "query": query })).await;
    texts(&found).into_iter().map(str::to_owned).collect()
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

/// The word behind `urn:jarkeeper:problem:`.
fn kind(problem: &Value) -> &str {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.trim_start_matches("urn:jarkeeper:problem:")
}
