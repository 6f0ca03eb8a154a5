//! Whose it is, that it stays, and that it goes.

use chrono::{TimeDelta, Utc};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{add, daemon, finds, is_on_disk, kind, search, texts};
use crate::support::oauth::Carries as _;
use crate::support::{Api, answer, key};

const PATH: &str = "/v1/memory/interactions";

#[tokio::test]
async fn what_was_answered_is_found_after_a_kill_and_comes_back_word_for_word() {
    let (root, mut daemon, api) = daemon();
    let said = "  Ich wohne in der Łódzka-Straße 7…\n\u{202e}\u{200b}<end> & \"quoted\"  ";
    let body = json!({ "user_id": "ada", "interactions": [{
        "text": said, "role": "assistant", "speaker": "Zoë", "session": "s-1", "app": "shop",
        "metadata": { "order": { "id": 7 }, "tags": ["a"] }, "occurred_at": "2023-05-08T13:56:00Z",
    }]});
    let (status, made) = answer(api.own(Method::POST, PATH).json(&body)).await;
    assert_eq!(status, 201, "{made}");
    daemon.kill();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let found = search(&api, json!({ "user_id": "ada", "query": "lodzka strasse" })).await;
    let hit = &found["hits"][0];
    assert_eq!(hit["id"], made["ids"][0]);
    for (name, value) in body["interactions"][0].as_object().unwrap() {
        assert_eq!(&hit[name], value, "{name}");
    }
    let (status, one) = answer(api.own(
        Method::GET,
        &format!("{PATH}/{}", hit["id"].as_str().unwrap()),
    ))
    .await;
    assert_eq!(
        (status, &one["text"], &one["user_id"]),
        (200, &json!(said), &json!("ada"))
    );
    assert!(one["created_at"].as_str().unwrap() > "2026", "{one}");
}

#[tokio::test]
async fn nobody_reaches_the_memory_of_another() {
    let (root, _daemon, api) = daemon();
    let mine = add(&api, "ada", "s", &["my cello is called Figaro"]).await;
    add(&api, "ada.b", "s", &["the cello of ada.b"]).await;
    let theirs = add(&api, "bob", "s", &["the cello of Bob"]).await;
    assert_eq!(
        finds(&api, "ada", "cello").await,
        ["my cello is called Figaro"]
    );
    // The person's own memory is one among them, and the empty name is none.
    let own = search(&api, json!({ "query": "cello" })).await;
    assert_eq!((texts(&own).len(), &own["kept"]), (0, &json!(0)));
    let (status, refused) = answer(
        api.own(Method::POST, "/v1/memory/search")
            .json(&json!({ "user_id": "", "query": "cello" })),
    )
    .await;
    assert_eq!((status, kind(&refused)), (400, "invalid-request"));
    // A key for one user reaches that one.
    let body = json!({ "name": "app", "scopes": ["memory:read", "memory:write"], "memory_of": "ada", "expires_in": "1d" });
    let (status, made) = answer(api.own(Method::POST, "/v1/keys").json(&body)).await;
    assert_eq!(status, 201, "{made}");
    let value = made["value"].as_str().unwrap().to_owned();
    let call =
        |method, path: &str| -> RequestBuilder { api.call(method, path).bearer_auth(&value) };
    let ask = |body: Value| answer(call(Method::POST, "/v1/memory/search").json(&body));
    let (_, found) = ask(json!({ "query": "cello" })).await;
    assert_eq!(texts(&found), ["my cello is called Figaro"]);
    assert_eq!(
        ask(json!({ "query": "cello", "user_id": "bob" })).await.0,
        403
    );
    let (status, _) = answer(call(Method::POST, PATH).json(&json!({
        "user_id": "bob", "interactions": [{ "text": "planted", "role": "user" }],
    })))
    .await;
    assert_eq!(status, 403);
    assert_eq!(
        answer(call(Method::GET, &format!("{PATH}?user_id=bob")))
            .await
            .0,
        403
    );
    let nothing = format!("{PATH}/{}", "0".repeat(20));
    for method in [Method::GET, Method::DELETE] {
        let theirs = answer(call(method.clone(), &format!("{PATH}/{}", theirs[0]))).await;
        let none = answer(call(method, &nothing)).await;
        assert_eq!((theirs.0, none.0), (404, 404));
        assert_eq!(kind(&theirs.1), kind(&none.1));
    }
    assert_eq!(
        answer(call(Method::GET, &format!("{PATH}/{}", mine[0])))
            .await
            .0,
        200
    );
    assert_eq!(
        finds(&api, "bob", "cello planted").await,
        ["the cello of Bob"]
    );
    // Reading is not writing.
    let reader = key(&root, "memory:read", &[], TimeDelta::days(1)).await;
    let delete = api
        .call(Method::DELETE, &format!("{PATH}/{}", mine[0]))
        .bearer_auth(&reader);
    let (status, refused) = answer(delete).await;
    assert_eq!((status, kind(&refused)), (403, "insufficient-scope"));
}

#[tokio::test]
async fn what_is_deleted_is_found_by_nothing_and_is_in_no_file() {
    let (root, _daemon, api) = daemon();
    let said = [
        "we met at the lake",
        "her xylophonist cousin Quetzalina came along",
        "it rained all day",
    ];
    let ids = add(&api, "ada", "holiday-quagga", &said).await;
    add(&api, "bob", "s", &["another lake"]).await;
    // Its words lead to its neighbours too.
    assert_eq!(finds(&api, "ada", "xylophonist").await.len(), 3);
    assert!(is_on_disk(&root, "Quetzalina") && is_on_disk(&root, "xylophonist"));
    let path = |id: &str| format!("{PATH}/{id}");
    assert_eq!(answer(api.own(Method::DELETE, &path(&ids[1]))).await.0, 204);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(answer(api.own(method, &path(&ids[1]))).await.0, 404);
    }
    let found = search(&api, json!({ "user_id": "ada", "query": "xylophonist" })).await;
    assert_eq!((texts(&found).len(), &found["kept"]), (0, &json!(2)));
    assert!(
        found["reason"].as_str().unwrap().contains("shares a word"),
        "{found}"
    );
    for gone in ["Quetzalina", "quetzalina", "xylophonist"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    // The others are neighbours now, and go with the name of their session and their user.
    assert_eq!(finds(&api, "ada", "rained").await, [said[2], said[0]]);
    for id in [&ids[0], &ids[2]] {
        assert_eq!(answer(api.own(Method::DELETE, &path(id))).await.0, 204);
    }
    for gone in ["holiday-quagga", "lake with", "rained"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    let none = search(&api, json!({ "user_id": "ada", "query": "lake" })).await;
    assert_eq!(none["reason"], "nothing is kept for this user yet");
    assert_eq!(finds(&api, "bob", "lake").await, ["another lake"]);
}

#[tokio::test]
async fn a_person_takes_its_memory_along_and_away() {
    let (root, _daemon, api) = daemon();
    add(&api, "ada", "s", &["the marzipan recipe"]).await;
    add(&api, "bob", "s", &["a violin"]).await;
    let (status, export) = answer(api.own(Method::GET, "/v1/profile/export")).await;
    assert_eq!(status, 200);
    let kept = export["interactions"].as_array().unwrap();
    let users: Vec<_> = kept
        .iter()
        .map(|one| (one["user"].as_str().unwrap(), one["text"].as_str().unwrap()))
        .collect();
    assert_eq!(users, [("ada", "the marzipan recipe"), ("bob", "a violin")]);
    let (status, said) = answer(api.own(Method::DELETE, "/v1/profile?confirm=owner")).await;
    assert!((200..300).contains(&status), "{status} {said}");
    assert!(finds(&api, "ada", "marzipan").await.is_empty());
    assert!(!is_on_disk(&root, "marzipan"));
}

#[tokio::test]
async fn the_same_key_keeps_a_text_once() {
    let (_root, _daemon, api) = daemon();
    let post = |body: Value| answer(api.own(Method::POST, PATH).json(&body));
    let one =
        |key: &str, text: &str| json!({ "text": text, "role": "user", "idempotency_key": key });
    let first = post(
        json!({ "interactions": [one("k1", "first"), one("k2", "second"), one("k1", "first")] }),
    )
    .await;
    assert_eq!((first.0, &first.1["added"]), (201, &json!(2)));
    assert_eq!(first.1["ids"][0], first.1["ids"][2]);
    let again = post(json!({ "interactions": [one("k2", "second"), one("k3", "third")] })).await;
    assert_eq!(
        (again.0, &again.1["added"], &again.1["ids"][0]),
        (201, &json!(1), &first.1["ids"][1])
    );
    let other =
        post(json!({ "interactions": [one("k4", "fourth"), one("k1", "not the first")] })).await;
    assert_eq!((other.0, kind(&other.1)), (409, "key-of-another"));
    assert!(
        other.1["detail"]
            .as_str()
            .unwrap()
            .contains("interactions[1]"),
        "{}",
        other.1
    );
    let (_, listed) = answer(api.own(Method::GET, PATH)).await;
    let texts: Vec<_> = listed["interactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["text"])
        .collect();
    assert_eq!(texts, ["third", "second", "first"]);
    // The same key of another user is another one.
    let theirs = post(json!({ "user_id": "bob", "interactions": [one("k1", "Bob's")] })).await;
    assert_eq!((theirs.0, &theirs.1["added"]), (201, &json!(1)));
}

#[tokio::test]
async fn a_memory_is_listed_page_by_page_as_the_filter_says() {
    let (_root, _daemon, api) = daemon();
    let turn = |at: i64| {
        let when = Utc::now() - TimeDelta::days(100 - at);
        json!({ "text": format!("turn {at}"), "role": if at % 2 == 0 { "user" } else { "assistant" },
            "session": format!("s{}", at % 3), "app": if at < 10 { "a" } else { "b" }, "occurred_at": when })
    };
    let body = json!({ "interactions": (0..20).map(turn).collect::<Vec<_>>() });
    assert_eq!(answer(api.own(Method::POST, PATH).json(&body)).await.0, 201);
    let page = async |query: &str| {
        let (status, page) = answer(api.own(Method::GET, &format!("{PATH}?{query}"))).await;
        assert_eq!(status, 200, "{page}");
        let all = page["interactions"].as_array().unwrap();
        let turns: Vec<String> = all
            .iter()
            .map(|one| one["text"].as_str().unwrap()[5..].to_owned())
            .collect();
        (turns.join(" "), page["next"].as_u64())
    };
    assert_eq!(page("limit=3").await, ("19 18 17".to_owned(), Some(17)));
    assert_eq!(page("limit=3&before=2").await, ("1 0".to_owned(), None));
    assert_eq!(page("session=s0&role=user").await.0, "18 12 6 0");
    let (first, next) = page("session=s1&limit=3").await;
    assert_eq!(first, "19 16 13");
    assert_eq!(
        page(&format!("session=s1&before={}", next.unwrap()))
            .await
            .0,
        "10 7 4 1"
    );
    assert_eq!(page("app=a&role=assistant").await.0, "9 7 5 3 1");
    let day = |at: i64| {
        (Utc::now() - TimeDelta::days(100 - at) + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ")
    };
    assert_eq!(
        page(&format!("since={}&until={}", day(4), day(7))).await.0,
        "7 6 5"
    );
    assert_eq!(page("session=none").await.0, "");
}

#[tokio::test]
async fn what_is_over_is_gone() {
    let (_root, _daemon, api) = daemon();
    let soon = Utc::now() + TimeDelta::seconds(2);
    let body = json!({ "interactions": [{ "text": "the door code is 4711", "role": "user", "expires_at": soon }] });
    let (status, made) = answer(api.own(Method::POST, PATH).json(&body)).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("{PATH}/{}", made["ids"][0].as_str().unwrap());
    while Utc::now() <= soon {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(answer(api.own(Method::GET, &path)).await.0, 404);
    let found = search(&api, json!({ "query": "door code" })).await;
    assert!(
        texts(&found).is_empty() && found["reason"].is_string(),
        "{found}"
    );
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_whole_with_the_place_and_the_way_out() {
    let (_root, _daemon, api) = daemon();
    let refused = async |one: Value, says: &str| {
        let body = json!({ "interactions": [{ "text": "good", "role": "user" }, one] });
        let (status, problem) = answer(api.own(Method::POST, PATH).json(&body)).await;
        assert_eq!(
            (status, kind(&problem)),
            (400, "invalid-request"),
            "{problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("interactions[1]") && detail.contains(says),
            "{detail}"
        );
    };
    refused(json!({ "text": " \n", "role": "user" }), "empty").await;
    refused(json!({ "text": "a\0b", "role": "user" }), "zero").await;
    refused(
        json!({ "text": "x".repeat(70_000), "role": "user" }),
        "split it",
    )
    .await;
    refused(json!({ "text": "x", "role": "robot" }), "assistant").await;
    refused(
        json!({ "text": "x", "role": "user", "session": "" }),
        "session has 1 to 255",
    )
    .await;
    refused(
        json!({ "text": "x", "role": "user", "speaker": "a\nb" }),
        "speaker",
    )
    .await;
    refused(
        json!({ "text": "x", "role": "user", "metadata": { "a": "y".repeat(9000) } }),
        "metadata",
    )
    .await;
    refused(
        json!({ "text": "x", "role": "user", "expires_at": "2020-01-01T00:00:00Z" }),
        "over already",
    )
    .await;
    refused(
        json!({ "text": "x", "role": "user", "sesion": "s" }),
        "sesion",
    )
    .await;
    let many: Vec<_> = (0..1001)
        .map(|_| json!({ "text": "x", "role": "user" }))
        .collect();
    for body in [
        json!({ "interactions": [] }),
        json!({ "interactions": many }),
    ] {
        let (status, problem) = answer(api.own(Method::POST, PATH).json(&body)).await;
        assert_eq!(status, 400, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("1 to 1000"),
            "{problem}"
        );
    }
    for query in [
        json!({ "query": " " }),
        json!({ "query": "x", "k": 0 }),
        json!({ "query": "x", "k": 1000 }),
        json!({ "query": "x", "context": 99 }),
        json!({ "query": "x", "filters": { "metadata": {} } }),
        json!({ "query": "x", "filters": { "session": "" } }),
        json!({ "query": "x", "filter": {} }),
    ] {
        let (status, problem) =
            answer(api.own(Method::POST, "/v1/memory/search").json(&query)).await;
        assert_eq!(
            (status, kind(&problem)),
            (400, "invalid-request"),
            "{query} {problem}"
        );
    }
    // Nothing of it was kept.
    assert_eq!(search(&api, json!({ "query": "good" })).await["kept"], 0);
}
