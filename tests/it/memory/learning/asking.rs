//! What a model is asked, how often, and what becomes of one that does not answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::super::{add, finds, search, texts};
use super::{Asked, PATH, learning, listed, read, says, status, words};
use crate::support::answer;
use crate::support::model::Model;
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn twenty_turns_are_one_question_that_does_not_grow_with_what_is_known() {
    let refused = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (count, seen) = (Arc::clone(&refused), Arc::clone(&asked));
    let model = Model::scripted(move |body| {
        // A server that does not know of JSON objects.
        if body.get("response_format").is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            return (400, json!({ "error": { "message": "response_format is unknown" } }));
        }
        let one = Asked::of(body);
        seen.lock().unwrap().push(one.clone());
        let facts = one.turns.iter().filter(|turn| turn["text"].as_str().unwrap().contains("moved"));
        let facts = facts.map(|turn| {
            let text = turn["text"].as_str().unwrap().replace("we moved", "The user moved");
            json!({ "text": text, "sources": [turn["n"]], "replaces": one.known.iter().map(|fact| fact["k"].clone()).collect::<Vec<_>>() })
        });
        let mut facts: Vec<_> = facts.collect();
        facts.extend(one.turns.iter().filter(|turn| turn["text"].as_str().unwrap().contains("owns")).map(|turn| {
            json!({ "text": turn["text"], "sources": [turn["n"]] })
        }));
        says(&json!({ "facts": facts }).to_string())
    })
    .await;
    let (_root, _daemon, api) = learning(&model);
    let mut last = Vec::new();
    for round in 0..4 {
        let said: Vec<String> = (0..20)
            .map(|at| format!("round {round}: grandmother owns garden number {at} of many"))
            .collect();
        add(
            &api,
            "ada",
            "s",
            &said.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
        read(&api, "ada").await;
        let asked = asked.lock().unwrap();
        last.push((
            asked.last().unwrap().length,
            asked.last().unwrap().known.len(),
        ));
        assert_eq!(asked.len(), round + 1);
    }
    assert_eq!(refused.load(Ordering::SeqCst), 1);
    let known: Vec<_> = last.iter().map(|(_, known)| *known).collect();
    assert_eq!(known, [0, 12, 12, 12]);
    assert!(last[3].0 < last[1].0 + 200, "{last:?}");
    assert_eq!(listed(&api, "ada", "&limit=50").await.len(), 50);
    let (_, page) = answer(api.own(Method::GET, &format!("{PATH}?user_id=ada&limit=50"))).await;
    let rest = listed(&api, "ada", &format!("&limit=50&after={}", page["next"])).await;
    assert_eq!(rest.len(), 30);
    // What is said later takes the place of what was said before; both stay listed.
    add(&api, "eva", "s", &["we moved to Rome"]).await;
    read(&api, "eva").await;
    let ids = add(&api, "eva", "s", &["we moved to Bergen, far from Rome"]).await;
    read(&api, "eva").await;
    let facts = listed(&api, "eva", "").await;
    assert_eq!(
        words(&facts),
        [
            "The user moved to Bergen, far from Rome",
            "The user moved to Rome"
        ]
    );
    assert_eq!(
        (&facts[1]["state"], &facts[1]["replaced_by"]),
        (&json!("replaced"), &facts[0]["id"])
    );
    assert_eq!(facts[1]["valid_until"], facts[0]["occurred_at"]);
    let found = search(
        &api,
        json!({ "user_id": "eva", "query": "Rome", "filters": { "kind": "fact" } }),
    )
    .await;
    assert_eq!(texts(&found), ["The user moved to Bergen, far from Rome"]);
    // A turn that is changed takes its fact along until it is read again.
    let path = format!("/v1/memory/interactions/{}", ids[0]);
    let change = json!({ "text": "we moved to Oslo, far from Rome" });
    let (code, said) = answer(api.own(Method::PATCH, &path).json(&change)).await;
    assert_eq!(code, 200, "{said}");
    if let Some(fact) = listed(&api, "eva", "&state=current").await.first() {
        // It was read at once.
        assert!(fact["text"].as_str().unwrap().contains("Oslo"), "{fact}");
    }
    read(&api, "eva").await;
    let facts = listed(&api, "eva", "").await;
    let states: Vec<_> = facts
        .iter()
        .map(|fact| fact["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["current", "outdated", "replaced"]);
    assert_eq!(facts[0]["text"], "The user moved to Oslo, far from Rome");
    let found = search(
        &api,
        json!({ "user_id": "eva", "query": "Bergen", "filters": { "kind": "fact" } }),
    )
    .await;
    assert!(texts(&found).is_empty(), "{found}");
}

#[tokio::test]
async fn a_model_that_is_down_or_never_answers_holds_nothing_up() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let model = Model::scripted(move |body| {
        if !is_up.load(Ordering::SeqCst) {
            return (
                503,
                json!({ "error": { "message": "sk-secret at 10.0.0.7" } }),
            );
        }
        let asked = Asked::of(body);
        match asked.has("poison") {
            true => says("I would rather not."),
            false => {
                let facts = asked
                    .turns
                    .iter()
                    .map(|turn| json!({ "text": turn["text"], "sources": [turn["n"]] }));
                says(&json!({ "facts": facts.collect::<Vec<_>>() }).to_string())
            }
        }
    })
    .await;
    let (_root, _daemon, api) = learning(&model);
    add(
        &api,
        "ada",
        "s",
        &[
            "the first lighthouse",
            "a second harbour",
            "this is poison",
            "the last island",
        ],
    )
    .await;
    answer(api.own(Method::POST, &format!("{PATH}/read?user_id=ada"))).await;
    let state = loop {
        let now = status(&api, "ada").await;
        if now["last_failure"].is_object() {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        state["last_failure"]["message"],
        "its model's server answers with status 503"
    );
    assert_eq!(
        (&state["behind"], state["waits_until"].is_string()),
        (&json!(4), true),
        "{state}"
    );
    // Whatever is said is kept and found.
    assert_eq!(
        finds(&api, "ada", "lighthouse").await[0],
        "the first lighthouse"
    );
    let failed = model.requests().len();
    up.store(true, Ordering::SeqCst);
    let state = read(&api, "ada").await;
    assert_eq!(
        (&state["passed_over"], &state["dropped"]),
        (&json!(1), &json!(0)),
        "{state}"
    );
    let mut facts = listed(&api, "ada", "").await;
    facts.reverse();
    assert_eq!(
        words(&facts),
        [
            "the first lighthouse",
            "a second harbour",
            "the last island"
        ]
    );
    let calls = model.requests().len() - failed;
    assert!(calls <= 10, "{calls} calls for four turns");
    // What comes later is read as ever.
    add(&api, "ada", "s", &["an island with goats"]).await;
    assert!(read(&api, "ada").await["last_failure"].is_null());
    assert_eq!(listed(&api, "ada", "").await.len(), 4);
}
