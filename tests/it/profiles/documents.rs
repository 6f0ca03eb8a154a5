//! Documents on the wire.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, kind, plain};
use crate::support::answer;
use crate::support::oauth::change;

#[tokio::test]
async fn a_text_is_kept_word_for_word() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let text = "Zeile 1\r\nПривет 👋\n\n  end \u{202e}";
    assert_eq!(place.keep(&ann.key, "notes", text).await, 201);
    assert_eq!(place.text(&ann.key, "notes").await, (200, text.to_owned()));
    assert_eq!(place.keep(&ann.key, "notes", "").await, 200);
    assert_eq!(place.text(&ann.key, "notes").await, (200, String::new()));
    let request = place
        .api
        .call(Method::PUT, "/v1/documents/a%2Fb%20%C3%A4.md");
    let request = request
        .header("content-type", "text/markdown; charset=UTF-8")
        .body("# A");
    let (status, kept) = answer(request.bearer_auth(&ann.key)).await;
    assert_eq!(status, 201, "{kept}");
    assert_eq!(
        (&kept["name"], &kept["kind"], &kept["bytes"]),
        (&json!("a/b ä.md"), &json!("text/markdown"), &json!(3))
    );
    let got = place
        .api
        .call(Method::GET, "/v1/documents/a%2Fb%20%C3%A4.md");
    let got = got.bearer_auth(&ann.key).send().await.unwrap();
    assert_eq!(
        got.headers()["content-type"],
        "text/markdown; charset=utf-8"
    );
    let (_, profile) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(profile["counts"]["documents"], 2);
    for (status, kind_of) in [(204, ""), (404, "unknown-document")] {
        let gone = place.call(&ann.key, Method::DELETE, "/v1/documents/notes", None);
        let (got, problem) = gone.await;
        assert_eq!((got, kind(&problem)), (status, kind_of));
    }
    // The audit log knows documents by their ids.
    let named = "SELECT count(*) FROM audit WHERE action LIKE 'documents.%' AND (subject LIKE '%notes%' OR subject LIKE '%a/b%')";
    assert_eq!(place.count(named), 0);
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let put = |name: &str, kind: &str, body: Vec<u8>| {
        let request = place
            .api
            .call(Method::PUT, &format!("/v1/documents/{name}"));
        let request = request.header("content-type", kind.to_owned()).body(body);
        answer(request.bearer_auth(&ann.key))
    };
    let mib = 1 << 20;
    assert_eq!(put("full", "text/plain", vec![b'x'; mib]).await.0, 201);
    for (name, kind, body, status) in [
        ("x", "text/plain", vec![b'x'; mib + 1], 413),
        ("x", "text/plain", vec![0xff, 0xfd], 400),
        ("x", "text/plain", b"a\0b".to_vec(), 400),
        ("x", "text/plain; charset=latin-1", b"a".to_vec(), 415),
        ("x", "application/json", b"{}".to_vec(), 415),
        ("x", "application/pdf", b"%PDF".to_vec(), 400),
        ("x", "text/html", b"no page".to_vec(), 400),
        ("%20", "text/plain", b"a".to_vec(), 400),
        ("a%0Ab", "text/plain", b"a".to_vec(), 400),
        (&*"x".repeat(256), "text/plain", b"a".to_vec(), 400),
    ] {
        let (got, problem) = put(name, kind, body).await;
        assert_eq!(got, status, "{name} {kind}: {problem}");
    }
}

#[tokio::test]
async fn documents_are_listed_page_by_page_and_are_ten_thousand_at_most() {
    let place = Place::new();
    let ann = place.member("ann").await;
    change(
        &place.root,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
         INSERT INTO documents (id, person, user, name, kind, text, created_at, updated_at)
         SELECT 'd' || i, 'ann', 'ann', printf('n%05d', i), 'text/plain', 'x', 0, 0 FROM n",
    );
    assert_eq!(place.keep(&ann.key, "n00000", "a").await, 201);
    let request = place.api.call(Method::PUT, "/v1/documents/more");
    let (status, problem) = answer(plain(request, "a").bearer_auth(&ann.key)).await;
    assert_eq!((status, kind(&problem)), (409, "too-many-documents"));
    assert_eq!(place.keep(&ann.key, "n00000", "b").await, 200);
    let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let path = format!("/v1/documents?limit=1000{after}");
        let (status, page) = place.get(&ann.key, &path).await;
        assert_eq!(status, 200, "{page}");
        let names = page["documents"].as_array().unwrap().iter();
        seen.extend(names.map(|one| one["name"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (10_000, 10));
    assert!(seen.is_sorted());
    for wrong in ["limit=0", "limit=1001", "limit=x", "page=1"] {
        let (status, _) = place.get(&ann.key, &format!("/v1/documents?{wrong}")).await;
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_memory_is_its_persons_alone() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    assert_eq!(place.keep(&ann.key, "diary", "ann's secret").await, 201);
    let missing = place.text(&bob.key, "other").await;
    assert_eq!(missing.0, 404);
    let like = (404, missing.1.replace("other", "diary"));
    assert_eq!(place.text(&bob.key, "diary").await, like);
    let owner = place.key("owner", json!({})).await;
    assert_eq!(place.text(&owner, "diary").await, like);
    let (status, _) = place
        .call(&bob.key, Method::DELETE, "/v1/documents/diary", None)
        .await;
    assert_eq!(status, 404);
    // Bob's own of the same name is another one.
    assert_eq!(place.keep(&bob.key, "diary", "bob's").await, 201);
    assert_eq!(place.text(&ann.key, "diary").await.1, "ann's secret");
    let (_, list) = place.get(&bob.key, "/v1/documents").await;
    assert_eq!(list["documents"].as_array().unwrap().len(), 1, "{list}");
    // A key for one user's memory reaches that one, which is the person's own or one of its applications'.
    for (user, status, count) in [("ann", 200, 1), ("bob", 404, 0)] {
        let key = place.key("ann", json!({ "memory_of": user })).await;
        assert_eq!(place.text(&key, "diary").await.0, status, "{user}");
        let (_, list) = place.get(&key, "/v1/documents").await;
        assert_eq!(list["documents"].as_array().unwrap().len(), count, "{user}");
        let other = format!("/v1/documents/diary?user_id=not-{user}");
        assert_eq!(place.get(&key, &other).await.0, 403, "{user}");
    }
    let owners = place.key("owner", json!({ "memory_of": "ann" })).await;
    assert_eq!(place.text(&owners, "diary").await.0, 404);
    // And only with its scope.
    let narrow = place.key("ann", json!({ "scopes": ["memory:read"] })).await;
    assert_eq!(place.text(&narrow, "diary").await.0, 200);
    assert_eq!(place.keep(&narrow, "diary", "x").await, 403);
    let (_, me) = place.get(&narrow, "/v1/me").await;
    assert_ne!(me["person"]["id"], Value::Null);
}

#[tokio::test]
async fn who_is_only_an_instance_keeps_sixteen_mebibytes() {
    let place = Place::new();
    let (id, password) = place.instance("one").await;
    let token = place.token(&id, &password).await;
    let mib = "x".repeat(1 << 20);
    for at in 0..16 {
        assert_eq!(
            place.keep(&token, &format!("d{at}"), &mib).await,
            201,
            "{at}"
        );
    }
    let put = |name: &str, proof: &str, text: &'static str| {
        let request = place
            .api
            .call(Method::PUT, &format!("/v1/documents/{name}"));
        answer(plain(request, text).bearer_auth(proof))
    };
    let (status, problem) = put("more", &token, "\u{20ac}").await;
    assert_eq!((status, kind(&problem)), (409, "memory-full"), "{problem}");
    let why = problem["detail"].as_str().unwrap();
    assert!(
        why.contains("16777216") && why.contains("16777219"),
        "{why}"
    );
    // One in place of another one, and an empty one, are no more than before.
    assert_eq!(place.keep(&token, "d0", &mib).await, 200);
    assert_eq!(put("empty", &token, "").await.0, 201);
    let (_, list) = place.get(&token, "/v1/documents?limit=1000").await;
    assert_eq!(list["documents"].as_array().unwrap().len(), 17);
    assert_eq!(list["documents"][0]["bytes"], 1 << 20);
    assert_eq!(place.keep(&token, "d0", "short").await, 200);
    assert_eq!(put("more", &token, "\u{20ac}").await.0, 201);
    // Whoever claims it has more room.
    let ann = place.member("ann").await;
    let path = format!("/v1/instances/{id}/claim");
    let body = json!({ "instance_password": password });
    let (status, _) = place.call(&ann.key, Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200);
    assert_eq!(place.keep(&ann.key, "d0", &mib).await, 200);
}
