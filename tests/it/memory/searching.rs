//! What is found, in which order, and what is said about it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{add, daemon, finds, search, texts};
use crate::support::oauth::{Carries as _, change};
use crate::support::{Api, answer};

/// Adds interactions as they stand here.
async fn put(api: &Api, user: &str, interactions: Vec<Value>) -> Vec<String> {
    let body = json!({ "user_id": user, "interactions": interactions });
    let (status, made) = answer(api.own(Method::POST, "/v1/memory/interactions").json(&body)).await;
    assert_eq!(status, 201, "{made}");
    serde_json::from_value(made["ids"].clone()).unwrap()
}

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
    let sum = score("lexical") + score("dates") + score("semantic");
    let sum = sum * score("factor");
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

/// Complaints 8 and 9: dates are those of when it was said, and are kept.
#[tokio::test]
async fn a_date_in_a_question_finds_the_turns_of_that_time_and_those_that_speak_of_it() {
    let (_root, _daemon, api) = daemon();
    let said = |text: &str, at: &str| json!({ "text": text, "role": "user", "occurred_at": format!("{at}T20:00:00Z") });
    let days = [
        said("We cooked soup", "2023-04-02"),
        said("We cooked pancakes", "2023-05-07"),
        said("Yesterday we cooked dumplings", "2023-06-15"),
        said("Letzten Freitag gab es Kuchen", "2023-06-15"),
        said("Two weeks ago we cooked rice", "2022-12-20"),
        said("We cooked beans", "2021-08-08"),
    ];
    put(&api, "cook", days.to_vec()).await;
    let first = async |query: &str, now: &str| {
        let body =
            json!({ "user_id": "cook", "query": query, "now": format!("{now}T08:00:00Z"), "k": 3 });
        let found = search(&api, body).await;
        let hit = found["hits"][0].clone();
        assert_eq!(
            found["signals"],
            json!(["lexical", "dates"]),
            "{query} {found}"
        );
        assert!(hit["score"]["dates"].as_f64().unwrap() > 0.0, "{found}");
        hit["text"].as_str().unwrap().to_owned()
    };
    for (query, now, text) in [
        (
            "What was cooked on 7 May 2023?",
            "2024-01-01",
            "We cooked pancakes",
        ),
        (
            "What did we cook last May?",
            "2024-01-01",
            "We cooked pancakes",
        ),
        (
            "What did we cook two weeks ago?",
            "2023-04-16",
            "We cooked soup",
        ),
        (
            "What did we cook on June 14?",
            "2024-01-01",
            "Yesterday we cooked dumplings",
        ),
        (
            "Was gab es am 9. Juni 2023?",
            "2024-01-01",
            "Letzten Freitag gab es Kuchen",
        ),
        (
            "What was eaten on 2023-06-09?",
            "2024-01-01",
            "Letzten Freitag gab es Kuchen",
        ),
        (
            "2022年12月6日做了什么?",
            "2024-01-01",
            "Two weeks ago we cooked rice",
        ),
        ("What did we cook in 2021?", "2024-01-01", "We cooked beans"),
        ("Что было вчера?", "2021-08-09", "We cooked beans"),
    ] {
        assert_eq!(first(query, now).await, text, "{query}");
    }
    // The time that was told is what comes back, and not that of the import.
    let found = search(&api, json!({ "user_id": "cook", "query": "beans" })).await;
    assert_eq!(found["hits"][0]["occurred_at"], "2021-08-08T20:00:00Z");
    // Who asks when wants a turn that says it.
    put(
        &api,
        "cook",
        vec![
            said("We planted the tree", "2023-01-01"),
            said("We planted the tree last March", "2023-01-02"),
        ],
    )
    .await;
    assert_eq!(
        finds(&api, "cook", "When did we plant the tree?").await[0],
        "We planted the tree last March"
    );
}

/// Complaints 5 and 6: no threshold takes away what shares a word with the question.
#[tokio::test]
async fn whatever_shares_a_word_is_among_the_hits_however_weak_it_is() {
    let (_root, _daemon, api) = daemon();
    let mut turns: Vec<_> = (0..150)
        .map(|at| json!({ "text": format!("the usual word and thing {at}"), "role": "user" }))
        .collect();
    let long = format!(
        "{} usual",
        "other words that are not asked for ".repeat(300)
    );
    turns.push(json!({ "text": long, "role": "user" }));
    turns.push(json!({ "text": "is it usual?", "role": "user" }));
    put(&api, "all", turns).await;
    let body = json!({ "user_id": "all", "query": "usual zebra", "k": 200 });
    let found = search(&api, body).await;
    assert_eq!(
        (texts(&found).len(), &found["matched"]),
        (152, &json!(152)),
        "{}",
        found["matched"]
    );
}

/// The same of a name, also of one who speaks there; and complaint 1: nobody speaks whom nobody named.
#[tokio::test]
async fn a_name_is_a_word_and_no_word_is_a_name() {
    let (_root, _daemon, api) = daemon();
    let turn = |speaker: &str, session: usize, text: &str| json!({ "text": text, "role": "user", "speaker": speaker, "session": format!("s{session}") });
    let said = [
        turn("Ann", 1, "I bought a bicycle"),
        turn("Ann", 2, "The weather is fine"),
        turn("Ann", 3, "Good night"),
        turn("Ben", 4, "My sister is called Ann and she loves orchids"),
        turn("Ben", 5, "The bridge opens on Friday"),
        turn("Ben", 6, "It rains"),
    ];
    put(&api, "two", said.to_vec()).await;
    let request = api
        .own(Method::PUT, "/v1/documents/lease?user_id=two")
        .header("content-type", "text/plain")
        .body("The flat is let to Ann.");
    assert_eq!(answer(request).await.0, 201);
    let found = finds(&api, "two", "Ann bridge").await;
    assert_eq!(found[0], "The bridge opens on Friday");
    for text in [
        "My sister is called Ann and she loves orchids",
        "The flat is let to Ann.",
        "I bought a bicycle",
    ] {
        assert!(found.contains(&text.to_owned()), "{text}: {found:?}");
    }
    assert!(!found.contains(&"It rains".to_owned()), "{found:?}");

    let notes = [
        "Note: pay the bill",
        "Note: buy milk",
        "Note: call Eve",
        "System: reboot",
    ];
    add(&api, "one", "a", &notes).await;
    add(&api, "one", "b", &["I left a note for the plumber"]).await;
    let found = search(&api, json!({ "user_id": "one", "query": "note about cat" })).await;
    assert!(
        texts(&found).contains(&"I left a note for the plumber"),
        "{found}"
    );
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["speaker"].is_null()), "{found}");
}

/// Complaint 24: an empty answer says what there is and why nothing of it came; 16: words find without any model.
#[tokio::test]
async fn an_empty_answer_says_why() {
    let (_root, _daemon, api) = daemon();
    let why = async |body: Value| {
        let found = search(&api, body).await;
        assert!(texts(&found).is_empty(), "{found}");
        let reason = found["reason"].as_str().unwrap().to_owned();
        (reason, found["kept"].as_u64().unwrap())
    };
    let (reason, kept) = why(json!({ "user_id": "nobody", "query": "tea" })).await;
    assert!(reason.contains("nothing is kept") && kept == 0, "{reason}");
    add(&api, "some", "s", &["I like tea", "Tea is fine"]).await;
    let some = |query: &str, filters: Value| json!({ "user_id": "some", "query": query, "filters": filters });
    let (reason, kept) = why(some("coffee", json!({}))).await;
    assert!(reason.contains("shares a word") && kept == 2, "{reason}");
    let (reason, kept) = why(some("?!", json!({}))).await;
    assert!(reason.contains("no word") && kept == 2, "{reason}");
    let (reason, _) = why(some("tea", json!({ "role": "tool" }))).await;
    assert!(reason.contains("filter"), "{reason}");
    let (reason, _) = why(some("tea", json!({ "kind": "document" }))).await;
    assert!(reason.contains("filter"), "{reason}");
    let (reason, _) = why(some("tea", json!({ "metadata": { "a": 1 } }))).await;
    assert!(reason.contains("metadata"), "{reason}");
    assert_eq!(
        texts(&search(&api, some("tea", json!({ "kind": "interaction" }))).await).len(),
        2
    );
}

/// Complaint 26: what was said again and again stands there once.
#[tokio::test]
async fn what_was_said_many_times_is_one_hit_with_its_number() {
    let (_root, _daemon, api) = daemon();
    let mut said = vec!["The gate opens at nine"; 12];
    said.extend(["The gate is green", "A gate!"]);
    add(&api, "gate", "s", &said).await;
    let found = search(&api, json!({ "user_id": "gate", "query": "gate", "k": 5 })).await;
    let mut all = texts(&found);
    all.sort_unstable();
    assert_eq!(
        all,
        ["A gate!", "The gate is green", "The gate opens at nine"]
    );
    let hits = found["hits"].as_array().unwrap();
    let repeated = hits.iter().filter_map(|hit| hit["repeated"].as_u64());
    assert_eq!(
        (repeated.sum::<u64>(), &found["matched"]),
        (11, &json!(14)),
        "{found}"
    );
}

#[tokio::test]
async fn words_are_found_in_the_forms_of_their_language() {
    let (_root, _daemon, api) = daemon();
    let said = [
        "Wir haben im Urlaub alte Häuser gesehen",
        "Los perros de mi hermana están en la casa",
        "J'ai vu un cheval dans le champ",
        "Мы с подругой купили новую собаку",
        "मैंने कल दो किताबें पढ़ीं",
        "قرأت كتابا جميلا في القطار",
        "The notes are on the table, and not in the drawer",
    ];
    put(
        &api,
        "tongues",
        said.map(|text| json!({ "text": text, "role": "user" }))
            .to_vec(),
    )
    .await;
    for (query, text) in [
        ("Welches Haus war das?", 0),
        ("Haus", 0),
        ("perro", 1),
        ("Où sont les chevaux?", 2),
        ("собака", 3),
        ("У кого есть собаки?", 3),
        ("किताब", 4),
        ("الكتاب", 5),
        ("note", 6),
    ] {
        let found = finds(&api, "tongues", query).await;
        assert_eq!(
            found.first().map(String::as_str),
            Some(said[text]),
            "{query} {found:?}"
        );
    }
}

/// A memory whose terms were made by older rules is made anew before anybody can search, and what is deleted then is gone.
#[tokio::test]
async fn a_memory_of_older_rules_is_made_anew_at_the_start() {
    let (root, mut daemon, api) = daemon();
    let ids = add(
        &api,
        "old",
        "s",
        &["We moved to Vienna last May", "It rains"],
    )
    .await;
    let many: Vec<_> = (0..1100)
        .map(|at| json!({ "text": format!("number {at} of many"), "role": "user" }))
        .collect();
    put(&api, "old", many[..1000].to_vec()).await;
    put(&api, "old", many[1000..].to_vec()).await;
    let pets = api.own(Method::PUT, "/v1/documents/pets?user_id=old");
    let pets = pets.header("content-type", "text/markdown");
    let (made, why) = answer(pets.body("# Kitten\n\nIt sleeps all day.\n")).await;
    assert_eq!(made, 201, "{why}");
    let before = search(
        &api,
        json!({ "user_id": "old", "query": "When did we move? number 1099", "k": 20 }),
    )
    .await;
    daemon.stop();
    // As if other rules had made them: other terms, other counts of words.
    change(&root, "UPDATE memory_index SET term = 'x' || term");
    change(&root, "UPDATE memory_spaces SET rules = 1");
    let daemon = root.daemon();
    daemon.hears("the index of a memory is made anew");
    let api = Api::of(&root, &daemon);
    let after = search(
        &api,
        json!({ "user_id": "old", "query": "When did we move? number 1099", "k": 20 }),
    )
    .await;
    assert_eq!(before, after);
    assert!(finds(&api, "old", "vienna").await.len() > 1);
    // The heading above a passage finds it as before.
    assert!(finds(&api, "old", "kitten").await[0].contains("sleeps"));
    let path = format!("/v1/memory/interactions/{}", ids[0]);
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    assert!(
        !finds(&api, "old", "vienna")
            .await
            .contains(&"We moved to Vienna last May".to_owned())
    );
}

/// What nothing has costs no look at everything: the answer comes, and says how far it looked.
#[tokio::test]
async fn a_filter_that_nothing_fits_and_a_text_said_without_end_are_answered_and_it_is_said_how_far_was_looked()
 {
    let (_root, _daemon, api) = daemon();
    for _ in 0..6 {
        let turn = json!({ "text": "usual", "role": "user" });
        put(&api, "all", vec![turn; 1000]).await;
    }
    let ask = |filters: Value| json!({ "user_id": "all", "query": "usual", "k": 200, "filters": filters });
    let told = |found: &Value| {
        let warning = found["warnings"][0].as_str().unwrap_or_default().to_owned();
        assert!(warning.contains("best 5000 of 6000"), "{found}");
    };
    let none = search(&api, ask(json!({ "metadata": { "a": 1 } }))).await;
    assert!(
        texts(&none).is_empty() && none["reason"].as_str().unwrap().contains("metadata"),
        "{none}"
    );
    told(&none);
    let found = search(&api, ask(json!({}))).await;
    assert_eq!(texts(&found), ["usual"]);
    assert_eq!(found["hits"][0]["repeated"], 4999);
    told(&found);
}
