//! Documents: split, found by their passages, replaced and deleted whole.

mod odd;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{daemon, finds, is_on_disk, pdf, search, texts};
use crate::support::{Api, answer};

const PATH: &str = "/v1/documents";

async fn put(api: &Api, name: &str, kind: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
    let request = api.own(Method::PUT, &format!("{PATH}/{name}"));
    answer(request.header("content-type", kind).body(body.into())).await
}

async fn get(api: &Api, name: &str) -> (StatusCode, Vec<u8>) {
    let response = api
        .own(Method::GET, &format!("{PATH}/{name}"))
        .send()
        .await
        .unwrap();
    (response.status(), response.bytes().await.unwrap().to_vec())
}

/// A part of about 900 characters around some words.
fn part(words: &str) -> String {
    let filler = "It was a long day and nothing else of interest happened to us there. ".repeat(6);
    format!("{filler}{words} {filler}")
}

#[tokio::test]
async fn a_document_is_found_by_its_passages_with_their_headings_and_places() {
    let (_root, _daemon, api) = daemon();
    let text = format!(
        "# Trip to Lisbon\n\n## Flight\n\n{}\n\n## Hotel\n\n{}\n\n## Food\n\n{}\n",
        part("The seat was 14C."),
        part("The room number was 512."),
        part("We ate grilled sardines."),
    );
    let (status, made) = put(
        &api,
        "trips/lisbon.md?user_id=ada",
        "text/markdown",
        text.clone(),
    )
    .await;
    assert_eq!(status, 404, "a slash is part of the path: {made}");
    let (status, made) = put(
        &api,
        "trips%2Flisbon.md?user_id=ada",
        "text/markdown",
        text.clone(),
    )
    .await;
    assert_eq!(status, 201, "{made}");
    assert!(made["passages"].as_u64().unwrap() >= 3, "{made}");
    assert_eq!(
        (&made["user_id"], &made["origin"], &made["size"]),
        (&json!("ada"), &json!("upload"), &json!(text.len()))
    );
    // By a word of its own, and by one that only its heading has.
    for (query, word) in [
        ("sardines", "grilled sardines"),
        ("Lisbon hotel", "512"),
        ("which seat on the flight", "14C"),
    ] {
        let found = search(&api, json!({ "user_id": "ada", "query": query })).await;
        let hit = &found["hits"][0];
        assert!(
            hit["text"].as_str().unwrap().contains(word),
            "{query}: {found:#}"
        );
    }
    let found = search(
        &api,
        json!({ "user_id": "ada", "query": "512", "context": 1, "k": 1 }),
    )
    .await;
    let hit = &found["hits"][0];
    let whole = found.to_string();
    assert!(
        whole.contains("Trip to Lisbon > Hotel") && whole.contains("trips/lisbon.md"),
        "{found:#}"
    );
    let place = |name: &str| {
        usize::try_from(
            hit["document"][name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name}: {hit:#}")),
        )
        .unwrap()
    };
    assert_eq!(&text[place("begin")..place("end")], hit["text"]);
    // Its neighbours are those of the document.
    assert!(
        hit["before"][0]["text"].as_str().unwrap().contains("day"),
        "{hit:#}"
    );
    // It is in this user's memory alone.
    assert!(finds(&api, "bob", "sardines").await.is_empty());
    let own = search(&api, json!({ "query": "sardines" })).await;
    assert!(texts(&own).is_empty());
    assert_eq!(get(&api, "trips%2Flisbon.md").await.0, 404);
    assert_eq!(
        get(&api, "trips%2Flisbon.md?user_id=ada").await.1,
        text.as_bytes()
    );
    // What a person has are its own ones.
    let (_, profile) = answer(api.own(Method::GET, "/v1/profile")).await;
    assert_eq!(profile["counts"]["documents"], 0);
    assert_eq!(put(&api, "own.txt", "text/plain", "mine").await.0, 201);
    let (_, profile) = answer(api.own(Method::GET, "/v1/profile")).await;
    assert_eq!(profile["counts"]["documents"], 1);
}

#[tokio::test]
async fn what_was_replaced_or_deleted_is_found_by_nothing_and_is_in_no_file() {
    let (root, _daemon, api) = daemon();
    let old = format!(
        "# Quaggaheading\n\n{}\n\n## Second\n\n{}",
        part("the xylophonist Quetzalina"),
        part("a marzipanoid")
    );
    assert_eq!(put(&api, "a.md", "text/markdown", old.clone()).await.0, 201);
    assert_eq!(
        put(&api, "b.txt", "text/plain", "the other zither").await.0,
        201
    );
    let kept = |found: Value| found["kept"].as_u64().unwrap();
    let all = kept(search(&api, json!({ "query": "zither" })).await);
    // The same again changes nothing.
    let (_, before) = answer(api.own(Method::GET, PATH)).await;
    assert_eq!(put(&api, "a.md", "text/markdown", old).await.0, 200);
    assert_eq!(answer(api.own(Method::GET, PATH)).await.1, before);
    assert_eq!(
        put(&api, "a.md", "text/markdown", "# New\n\nA bassoon.")
            .await
            .0,
        200
    );
    let own = search(&api, json!({ "query": "bassoon" })).await;
    assert_eq!(texts(&own), ["# New\n\nA bassoon."]);
    assert!(kept(own) < all);
    for gone in [
        "Quaggaheading",
        "quaggahead",
        "Quetzalina",
        "xylophonist",
        "marzipanoid",
    ] {
        let found = search(&api, json!({ "query": gone })).await;
        assert!(texts(&found).is_empty(), "{gone}: {found}");
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    assert!(is_on_disk(&root, "bassoon") && is_on_disk(&root, "zither"));
    for (name, word) in [("a.md", "bassoon"), ("b.txt", "zither")] {
        assert_eq!(
            answer(api.own(Method::DELETE, &format!("{PATH}/{name}")))
                .await
                .0,
            204
        );
        assert!(!is_on_disk(&root, word), "{word} is in the store");
    }
    // An empty memory is none.
    let none = search(&api, json!({ "query": "zither" })).await;
    assert_eq!(none["reason"], "nothing is kept for this user yet");
}

#[tokio::test]
async fn a_page_and_a_pdf_come_back_byte_for_byte_and_are_found_by_their_text() {
    let (root, daemon, api) = daemon();
    let page = "<!doctype html><title>Returns</title><nav>navword</nav><script>scriptword()</script>\
                <main><h1>Returns policy</h1><h2>Shoes</h2><p>Send sneakers back within 30&nbsp;days.</p></main>";
    let (status, made) = put(&api, "returns.html", "text/html; charset=utf-8", page).await;
    assert_eq!(
        (status, &made["kind"]),
        (201, &json!("text/html")),
        "{made}"
    );
    let lease = pdf::pages(&[
        "The lease begins on May 1.\nThe rent is 900 euros.",
        "",
        "Pets: one cat (Tiger\\Lily) is allowed.",
    ]);
    let (status, made) = put(&api, "lease_2024.pdf", "application/pdf", lease.clone()).await;
    assert_eq!(
        (status, &made["size"]),
        (201, &json!(lease.len())),
        "{made}"
    );
    // Restarted: what was answered is there.
    drop(daemon);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    assert_eq!(get(&api, "returns.html").await.1, page.as_bytes());
    assert_eq!(get(&api, "lease_2024.pdf").await.1, lease);
    let response = api
        .own(Method::GET, &format!("{PATH}/returns.html"))
        .send()
        .await
        .unwrap();
    // It is no page of ours.
    assert_eq!(response.headers()["content-disposition"], "attachment");
    assert!(
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let markdown = text(get(&api, "returns.html?as=text").await.1);
    assert!(
        markdown.contains("# Returns policy\n\n## Shoes") && !markdown.contains("word"),
        "{markdown}"
    );
    let plain = text(get(&api, "lease_2024.pdf?as=text").await.1);
    assert!(
        plain.contains("900 euros") && plain.matches('\u{c}').count() == 2,
        "{plain:?}"
    );
    assert_eq!(get(&api, "lease_2024.pdf?as=picture").await.0, 400);
    let found = search(&api, json!({ "query": "are pets allowed by the lease?" })).await;
    let hit = &found["hits"][0];
    assert!(
        hit["text"].as_str().unwrap().contains("cat (Tiger\\Lily)"),
        "{found:#}"
    );
    assert_eq!(hit["document"]["page"], 3, "{hit:#}");
    assert!(texts(&search(&api, json!({ "query": "sneakers" })).await)[0].contains("30\u{a0}days"));
    for gone in ["navword", "scriptword"] {
        assert!(texts(&search(&api, json!({ "query": gone })).await).is_empty());
    }
    // The export holds both as they came.
    let (_, export) = answer(api.own(Method::GET, "/v1/profile/export")).await;
    let documents = export["documents"].as_array().unwrap();
    let original = documents
        .iter()
        .find(|one| one["name"] == "lease_2024.pdf")
        .unwrap();
    use base64::Engine as _;
    assert_eq!(
        original["original"],
        base64::engine::general_purpose::STANDARD.encode(&lease)
    );
}
