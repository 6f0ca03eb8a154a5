//! What is found, in which order, and what is said about it.

use reqwest::Method;
use serde_json::json;

use super::{add, daemon, finds, search, texts};
use crate::support::answer;
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn a_turn_is_found_by_its_own_words_and_by_those_around_it() {
    let (_root, _daemon, api) = daemon();
    let talk = [
        "Did you go to the pottery class?",
        "Yes, on Tuesday, and I made a bowl",
        "What colour?",
        "Deep blue, like the sea",
        "My sister wants one too",
        "Then ask her to come",
    ];
    add(&api, "ada", "monday", &talk).await;
    add(
        &api,
        "ada",
        "friday",
        &["The invoice 2024-0117 is paid", "Good"],
    )
    .await;
    let found = finds(&api, "ada", "When did I go to pottery?").await;
    // Who only asks stands behind who tells; the other session has nothing to do with it.
    assert_eq!(found[0], talk[1]);
    assert!(
        found.contains(&talk[0].to_owned()) && !found.contains(&"Good".to_owned()),
        "{found:?}"
    );
    // A word that only one turn has always leads there.
    assert_eq!(
        finds(&api, "ada", "2024-0117").await[0],
        "The invoice 2024-0117 is paid"
    );
    let body = json!({ "user_id": "ada", "query": "bowl", "k": 1, "context": 1 });
    let found = search(&api, body).await;
    let hit = &found["hits"][0];
    assert_eq!(texts(&found), [talk[1]]);
    assert_eq!(
        (&hit["before"][0]["text"], &hit["behind"][0]["text"]),
        (&json!(talk[0]), &json!(talk[2]))
    );
    assert_eq!((&found["matched"], &found["kept"]), (&json!(6), &json!(8)));
    let score = |name: &str| hit["score"][name].as_f64().unwrap();
    let sum = (score("lexical") + score("session")) * score("factor");
    assert!(
        (score("total") - sum).abs() < 1e-4 && score("lexical") > 0.0,
        "{hit}"
    );
}

#[tokio::test]
async fn a_filter_takes_away_before_the_best_are_chosen() {
    let (_root, _daemon, api) = daemon();
    let turn = |at: usize| {
        json!({ "text": format!("apple number {at}"), "role": if at == 7 { "tool" } else { "user" }, "session": format!("s{at}"),
            "app": if at > 250 { "rare" } else { "usual" }, "metadata": { "at": at, "even": at.is_multiple_of(2) },
            "occurred_at": format!("2024-01-{:02}T00:00:00Z", 1 + at / 10) })
    };
    let body = json!({ "interactions": (0..260).map(turn).collect::<Vec<_>>() });
    assert_eq!(
        answer(api.own(Method::POST, "/v1/memory/interactions").json(&body))
            .await
            .0,
        201
    );
    let count = async |filters: serde_json::Value| {
        let found = search(
            &api,
            json!({ "query": "apple", "k": 5, "filters": filters }),
        )
        .await;
        (
            texts(&found).len(),
            found["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let ok = |count: usize| (count, String::new());
    assert_eq!(count(json!({ "role": "tool" })).await, ok(1));
    assert_eq!(count(json!({ "session": "s3" })).await, ok(1));
    assert_eq!(count(json!({ "app": "rare" })).await, ok(5));
    assert_eq!(count(json!({ "metadata": { "at": 3 } })).await, ok(1));
    assert_eq!(
        count(json!({ "metadata": { "at": 3, "even": true } }))
            .await
            .0,
        0
    );
    assert_eq!(count(json!({ "since": "2024-01-02T00:00:00Z", "until": "2024-01-02T00:00:01Z", "role": "user" })).await, ok(5));
    // What nothing has lets nothing through, and it is said.
    let (none, reason) = count(json!({ "session": "s" })).await;
    assert!(none == 0 && reason.contains("filter"), "{reason}");
    let words = search(&api, json!({ "query": "zebra" })).await;
    assert!(
        words["reason"].as_str().unwrap().contains("shares a word"),
        "{words}"
    );
    assert_eq!(words["kept"], 260);
}

#[tokio::test]
async fn whoever_is_named_counts_and_every_script_is_found() {
    let (_root, _daemon, api) = daemon();
    let mut turns = Vec::new();
    for at in 0..4 {
        for speaker in ["Ann", "Ben"] {
            turns.push(json!({ "text": format!("I like painting number {at}"), "role": "user", "speaker": speaker, "session": "s" }));
        }
    }
    let said = [
        "我去年住在东京",
        "新しいカメラを買った",
        "ฉันอยู่ที่กรุงเทพ",
        "우리 고양이는 귀엽다",
        "मैं हिन्दी बोलता हूँ",
        "Мой кот спит",
        "قرأتُ كِتَابًا أمس",
        "הכלב שלי ישן",
    ];
    let more = said.map(|text| json!({ "text": text, "role": "user" }));
    turns.extend(more);
    let body = json!({ "user_id": "x", "interactions": turns });
    assert_eq!(
        answer(api.own(Method::POST, "/v1/memory/interactions").json(&body))
            .await
            .0,
        201
    );
    let found = search(
        &api,
        json!({ "user_id": "x", "query": "What does Ben paint?", "k": 4 }),
    )
    .await;
    for hit in found["hits"].as_array().unwrap() {
        assert_eq!(hit["speaker"], "Ben", "{hit}");
    }
    let queries = [
        "东京",
        "カメラ",
        "กรุงเทพ",
        "고양이",
        "हिन्दी",
        "КОТ",
        "كتابا",
        "כלב הכלב",
    ];
    for (query, text) in queries.iter().zip(said) {
        assert_eq!(finds(&api, "x", query).await, [text], "{query}");
    }
}
