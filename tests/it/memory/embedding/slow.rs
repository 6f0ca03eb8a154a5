//! A model that takes its time: everything gets its meaning later, once.

use std::time::Duration;

use jarkeeper::store::{LEARNED, Unembedded, Vector};
use reqwest::Method;
use serde_json::json;

use super::super::{add, search, texts, with};
use super::{all_of, asked, hits, rows, says, store};
use crate::support::model::{ABOUT, Model};
use crate::support::oauth::Carries as _;
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// A daemon whose embedder is this server.
fn served(model: &Model) -> (Root, Daemon, Api) {
    let server = format!("{{ url = \"{}\", model = \"toy\" }}", model.base);
    with(&format!("[memory]\nembedder = {server}\n"))
}

#[tokio::test]
async fn a_slow_server_is_asked_for_each_text_once_also_after_kill_9_in_the_middle() {
    let model = Model::start().await;
    model.embeds(|dials| dials.delay = Duration::from_millis(150));
    let (root, mut daemon, api) = served(&model);
    let many: Vec<String> = (0..400)
        .map(|at| format!("number {at}: {}", ABOUT[at % 12].0))
        .collect();
    add(
        &api,
        "ada",
        "s",
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let middle = says(&api, |now| now["embedded"].as_u64() > Some(0)).await;
    assert!(
        middle["embedded"].as_u64() < Some(400) && middle["running"] == true,
        "{middle}"
    );
    // The channel is partial, and who searches sees how much is missing.
    let found = search(&api, json!({ "user_id": "ada", "query": "animal" })).await;
    assert_eq!(
        found["signals"],
        json!(["lexical", "semantic:partial"]),
        "{found}"
    );
    assert!(
        found["warnings"][0]
            .as_str()
            .unwrap()
            .contains("of 400 have no vector"),
        "{found}"
    );
    daemon.kill();
    let done: i64 = rows(&root, "SELECT sum(count) FROM memory_vectors")[0];
    let partial = asked(&root, "ada", 0, 4);
    assert_eq!(partial.waiting as i64, 400 - done);
    // The newest came first.
    assert!(partial.similar[399].is_some() && partial.similar[0].is_none());
    model.embeds(|dials| dials.delay = Duration::ZERO);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    says(&api, all_of(400)).await;
    let expected: Vec<_> = (0..400).map(|at| Some(ABOUT[at % 12].1 == 0)).collect();
    assert_eq!(hits(&asked(&root, "ada", 0, 4).similar), expected);
    // What was kept before the kill was not asked for again; of one batch the answer was lost.
    let asked = model
        .embedded()
        .iter()
        .filter(|text| text.starts_with("number"))
        .count();
    assert!((400..=400 + 64).contains(&asked), "{asked}");
    // And what is added now follows by itself; what the server refuses alone holds nothing up.
    add(&api, "ada", "s", &["refuse me", "a storm", "refuse me"]).await;
    says(&api, all_of(403)).await;
    let read = asked_last(&root, 3);
    assert_eq!(read, [None, Some(true), None]);
}

/// What the last entries of ada's memory have to do with the weather.
fn asked_last(root: &Root, count: usize) -> Vec<Option<bool>> {
    let all = hits(&asked(root, "ada", 2, 4).similar);
    all[all.len() - count..].to_vec()
}

#[tokio::test]
async fn a_slow_model_comes_to_documents_edits_and_facts_too_and_to_nothing_that_is_over() {
    let model = Model::start().await;
    let (root, _daemon, api) = served(&model);
    let ids = add(&api, "ada", "s", &["a song", "nothing of that"]).await;
    says(&api, all_of(2)).await;
    let text = "# Kitten\n\nIt sleeps all day.\n";
    let put = api.own(Method::PUT, "/v1/documents/pets?user_id=ada");
    let (made, why) = answer(put.header("content-type", "text/markdown").body(text)).await;
    assert_eq!(made, 201, "{why}");
    let edit = api.own(
        Method::PATCH,
        &format!("/v1/memory/interactions/{}", ids[1]),
    );
    let (edited, why) = answer(edit.json(&json!({ "text": "the invoice came" }))).await;
    assert_eq!(edited, 200, "{why}");
    let state = async |text: &str| {
        let body = json!({ "user_id": "ada", "text": text });
        let (stated, fact) = answer(api.own(Method::POST, "/v1/memory/facts").json(&body)).await;
        assert_eq!(stated, 201, "{fact}");
        fact["id"].as_str().unwrap().to_owned()
    };
    state("Ada plays the cello").await;
    let over = state("Ada likes the rain").await;
    let now = says(&api, |now| {
        now["embedded"] == now["entries"] && now["entries"].as_u64() >= Some(5)
    })
    .await;
    let entries = now["entries"].as_u64().unwrap();
    // What the passage says does not name it: its heading does, and the model reads both.
    let read = asked(&root, "ada", 0, 4);
    let found = hits(&read.similar);
    assert!(found.contains(&Some(true)), "{found:?}");
    let found = hits(&asked(&root, "ada", 1, 4).similar);
    assert_eq!(found[..2], [Some(false), Some(true)], "{found:?}");
    let body = json!({ "user_id": "ada", "query": "Which animal?" });
    let found = search(&api, body).await;
    assert!(
        texts(&found)[0].contains("sleeps"),
        "found by the heading above it: {found}"
    );
    // A vector that comes too late for a fact that was rejected meanwhile is not kept, and the count is right.
    let reject = api.own(Method::POST, &format!("/v1/memory/facts/{over}/reject"));
    let (rejected, why) = answer(reject).await;
    assert_eq!(rejected, 200, "{why}");
    let store = store(&root);
    let space = store.memory_spaces(0, 9).unwrap()[0];
    let number = rows::<i64>(&root, "SELECT id FROM memory_models")[0];
    let late = rows::<u32>(&root, "SELECT doc FROM learned WHERE state = 'rejected'")[0];
    let late = Unembedded {
        doc: late,
        kind: LEARNED,
        text: "Ada likes the rain".to_owned(),
    };
    let vector = Vector::of(number, &[0.0, 0.0, 1.0, 0.0]);
    let all = vec![(late, vector)];
    assert!(store.put_vectors(space, number, all.clone()).await.unwrap());
    says(&api, all_of(entries - 1)).await;
    // And of a model that is not there any more it is told.
    assert!(!store.put_vectors(space, number + 7, all).await.unwrap());
}
