//! What is kept is counted, listed, taken along, and goes as its user says.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, daemon, finds, is_on_disk, kind, search};
use crate::support::oauth::Carries as _;
use crate::support::process::Root;
use crate::support::{Api, answer};

const PATH: &str = "/v1/memory/interactions";

async fn delete(api: &Api, body: Value) -> (u16, Value) {
    answer(api.own(Method::POST, &format!("{PATH}/delete")).json(&body)).await
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, found) = answer(api.own(Method::GET, path)).await;
    assert_eq!(status, 200, "{found}");
    found
}

#[tokio::test]
async fn a_filter_deletes_what_it_names_after_it_was_counted_and_nothing_else() {
    let (root, _daemon, api) = daemon();
    let turn = |at: usize| {
        json!({ "text": format!("xylotomy lesson {at}"), "role": "user", "session": format!("s{}", at % 2),
            "metadata": { "even": at.is_multiple_of(2) } })
    };
    let body = json!({ "user_id": "ada", "interactions": (0..700).map(turn).collect::<Vec<_>>() });
    assert_eq!(answer(api.own(Method::POST, PATH).json(&body)).await.0, 201);
    add(&api, "bob", "s0", &["the xylotomy of Bob"]).await;
    // Nothing, or everything, is no filter.
    for body in [
        json!({ "user_id": "ada" }),
        json!({ "user_id": "ada", "filters": {} }),
        json!({ "user_id": "ada", "filters": { "metadata": {} } }),
        json!({ "user_id": "ada", "filters": { "session": null } }),
        json!({ "user_id": "ada", "filters": { "kind": "interaction" }, "confirm": 700 }),
        json!({ "user_id": "ada", "filters": { "kind": "document", "session": "s0" } }),
        json!({ "user_id": "ada", "filters": { "sesion": "s0" } }),
    ] {
        let (status, refused) = delete(&api, body.clone()).await;
        assert_eq!(
            (status, kind(&refused)),
            (400, "invalid-request"),
            "{body} {refused}"
        );
    }
    let (_, refused) = delete(&api, json!({ "filters": {} })).await;
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("DELETE /v1/memory?user_id="),
        "{refused}"
    );
    let one = |confirm: Option<u64>| {
        let mut body = json!({ "user_id": "ada", "filters": { "session": "s1", "metadata": { "even": false } } });
        if let Some(confirm) = confirm {
            body["confirm"] = confirm.into();
        }
        body
    };
    assert_eq!(
        delete(&api, one(None)).await,
        (200, json!({ "matched": 350, "deleted": false }))
    );
    let (status, refused) = delete(&api, one(Some(349))).await;
    assert_eq!(
        (status, kind(&refused)),
        (409, "count-changed"),
        "{refused}"
    );
    assert_eq!(
        search(&api, json!({ "user_id": "ada", "query": "x" })).await["kept"],
        700
    );
    assert_eq!(
        delete(&api, one(Some(350))).await,
        (200, json!({ "matched": 350, "deleted": true }))
    );
    let found = search(
        &api,
        json!({ "user_id": "ada", "query": "xylotomy", "k": 200, "context": 2 }),
    )
    .await;
    assert_eq!(
        (&found["kept"], &found["matched"]),
        (&json!(350), &json!(350))
    );
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["session"] == "s0"), "{found}");
    assert_eq!(delete(&api, one(None)).await.1["matched"], 0);
    let rest = json!({ "user_id": "ada", "filters": { "session": "s0" }, "confirm": 350 });
    assert_eq!(delete(&api, rest).await.0, 200);
    assert_eq!(
        finds(&api, "bob", "xylotomy").await,
        ["the xylotomy of Bob"]
    );
    for gone in ["lesson 1", "lesson 698"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
}

#[tokio::test]
async fn everything_of_a_user_goes_and_of_others_nothing() {
    let (root, mut daemon, api) = daemon();
    let long: Vec<String> = (0..600)
        .map(|at| format!("quillwort number {at}"))
        .collect();
    for session in ["a-session", "b-session"] {
        add(
            &api,
            "ada",
            session,
            &long.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    }
    let bob = add(&api, "ada.b", "s", &["the quillwort of another"]).await;
    add(&api, "ad", "s", &["a quillwort too"]).await;
    let whole = |query: &str| answer(api.own(Method::DELETE, &format!("/v1/memory?{query}")));
    let (status, refused) = whole("").await;
    assert_eq!(
        (status, kind(&refused)),
        (400, "invalid-request"),
        "{refused}"
    );
    assert!(
        refused["detail"].as_str().unwrap().contains("user_id"),
        "{refused}"
    );
    let (status, counted) = whole("user_id=ada").await;
    let wanted = json!({ "matched": 1200, "interactions": 1200, "facts": 0, "documents": 0, "deleted": false });
    assert_eq!((status, counted), (200, wanted));
    let (status, refused) = whole("user_id=ada&confirm=1199").await;
    assert_eq!(
        (status, kind(&refused)),
        (409, "count-changed"),
        "{refused}"
    );
    let (status, done) = whole("user_id=ada&confirm=1200").await;
    assert_eq!((status, &done["deleted"]), (200, &json!(true)), "{done}");
    for gone in ["quillwort number", "a-session", "b-session"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    let users = get(&api, "/v1/memory/users").await;
    let names: Vec<_> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["user_id"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ad", "ada.b"]);
    assert_eq!(
        finds(&api, "ada.b", "quillwort").await,
        ["the quillwort of another"]
    );
    assert_eq!(finds(&api, "ada", "quillwort").await, [""; 0]);
    assert_eq!(
        answer(api.own(Method::GET, &format!("{PATH}/{}", bob[0])))
            .await
            .0,
        200
    );
    // The name is free again, and a kill in the middle of a deletion leaves nothing that is found.
    add(
        &api,
        "ada",
        "s",
        &long.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    for at in 0..20 {
        let put = api.own(Method::PUT, &format!("/v1/documents/d{at}?user_id=ada"));
        let put = put.header("content-type", "text/plain");
        let put = put.body(format!("a page, quillwort number {at}"));
        assert_eq!(answer(put).await.0, 201);
    }
    let request = api.own(Method::DELETE, "/v1/memory?user_id=ada&confirm=620");
    let asked = tokio::spawn(request.send());
    while !get(&api, "/v1/memory/users?limit=1000").await["users"]
        .as_array()
        .unwrap()
        .iter()
        .all(|one| one["user_id"] != "ada")
    {}
    daemon.kill();
    let _ = asked.await;
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    assert_eq!(
        search(&api, json!({ "user_id": "ada", "query": "quillwort" })).await["kept"],
        0
    );
    let list = get(&api, "/v1/documents?user_id=ada").await;
    assert_eq!(list["documents"], json!([]));
    // A document of the same name that comes while the others are still deleted stays.
    let put = api.own(Method::PUT, "/v1/documents/d0?user_id=ada");
    let put = put.header("content-type", "text/plain").body("a new page");
    assert_eq!(answer(put).await.0, 201);
    // The sweep at the start goes on with it.
    let gone = async || {
        while is_on_disk(&root, "quillwort number") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone())
        .await
        .unwrap();
    assert_eq!(finds(&api, "ada", "page").await, ["a new page"]);
    let list = get(&api, "/v1/documents?user_id=ada").await;
    assert_eq!(list["documents"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn everything_of_the_owner_goes_but_what_the_watched_folder_brings() {
    let root = Root::new();
    root.save(
        "config.toml",
        "[memory]\ndocuments = \"docs\"\nembedder = \"none\"\n",
    );
    std::fs::create_dir_all(root.path().join("docs")).unwrap();
    root.save("docs/notes.md", "The wombat of the folder");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let owner = get(&api, "/v1/memory/stats").await["user_id"].clone();
    let owner = owner.as_str().unwrap();
    add(&api, owner, "s", &["the wombat that was told"]).await;
    let put = api.own(Method::PUT, "/v1/documents/mine");
    let put = put
        .header("content-type", "text/plain")
        .body("a wombat of mine");
    assert_eq!(answer(put).await.0, 201);
    let folder = async || {
        while finds(&api, owner, "wombat").await.len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let wait = std::time::Duration::from_secs(60);
    tokio::time::timeout(wait, folder()).await.unwrap();
    let path = format!("/v1/memory?user_id={owner}");
    let (_, counted) = answer(api.own(Method::DELETE, &path)).await;
    assert_eq!(
        (&counted["matched"], &counted["stay"]),
        (&json!(2), &json!(1))
    );
    let (status, done) = answer(api.own(Method::DELETE, &format!("{path}&confirm=2"))).await;
    assert_eq!((status, &done["deleted"]), (200, &json!(true)), "{done}");
    // What stays is still found, and no more than that.
    assert_eq!(
        finds(&api, owner, "wombat").await,
        ["The wombat of the folder"]
    );
}

#[tokio::test]
async fn a_memory_is_counted_and_its_sessions_are_listed() {
    let (_root, _daemon, api) = daemon();
    let none = get(&api, "/v1/memory/stats?user_id=nobody").await;
    assert_eq!(
        (&none["entries"]["used"], &none["oldest"]),
        (&json!(0), &Value::Null)
    );
    let turn = |session: &str, day: u32, text: &str, app: &str| json!({ "text": text, "role": "user", "session": session, "app": app, "occurred_at": format!("2024-03-{day:02}T00:00:00Z") });
    let body = json!({ "user_id": "ada", "interactions": [
        turn("one", 5, "é", "x"), turn("two", 3, "bc", "x"), turn("one", 9, "def", "y"), turn("three", 1, "g", "y"),
    ] });
    let (_, made) = answer(api.own(Method::POST, PATH).json(&body)).await;
    let stats = get(&api, "/v1/memory/stats?user_id=ada").await;
    assert_eq!(
        (
            &stats["interactions"],
            &stats["bytes"]["used"],
            &stats["bytes"]["limit"]
        ),
        // 256 each, the names of their sessions and application, and their texts.
        (&json!(4), &json!(4 * 256 + 14 + 4 + 8), &json!(1 << 30))
    );
    assert_eq!(
        (&stats["oldest"], &stats["newest"]),
        (
            &json!("2024-03-01T00:00:00Z"),
            &json!("2024-03-09T00:00:00Z")
        )
    );
    assert_eq!(stats["entries"], json!({ "used": 4, "limit": 1_000_000 }));
    // What was said before it was mended takes room too, and all of it is given back.
    let path = format!("{PATH}/{}", made["ids"][2].as_str().unwrap());
    assert_eq!(
        answer(
            api.own(Method::PATCH, &path)
                .json(&json!({ "text": "hijklm" }))
        )
        .await
        .0,
        200
    );
    assert_eq!(
        get(&api, "/v1/memory/stats?user_id=ada").await["bytes"]["used"],
        1050 + 256 + 6
    );
    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    assert_eq!(
        get(&api, "/v1/memory/stats?user_id=ada").await["bytes"]["used"],
        1050 - 256 - 4 - 3
    );
    let names = |page: &Value| -> Vec<String> {
        let all = page["sessions"].as_array().unwrap().iter();
        all.map(|one| {
            format!(
                "{} {}",
                one["session"].as_str().unwrap(),
                one["interactions"]
            )
        })
        .collect()
    };
    let page = get(&api, "/v1/memory/sessions?user_id=ada&limit=2").await;
    assert_eq!(names(&page), ["three 1", "two 1"]);
    let next = page["next"].as_u64().unwrap();
    let page = get(
        &api,
        &format!("/v1/memory/sessions?user_id=ada&before={next}"),
    )
    .await;
    assert_eq!(
        (names(&page), &page["sessions"][0]["last_at"]),
        (vec!["one 1".to_owned()], &json!("2024-03-05T00:00:00Z"))
    );
    assert_eq!(
        names(&get(&api, "/v1/memory/sessions?user_id=ada&app=y").await),
        ["three 1"]
    );
    // Oldest first, and by metadata.
    let list = async |query: &str| {
        let page = get(&api, &format!("{PATH}?user_id=ada&{query}")).await;
        let all = page["interactions"].as_array().unwrap().iter();
        let texts: Vec<String> = all
            .map(|one| one["text"].as_str().unwrap().to_owned())
            .collect();
        (texts.join(" "), page["next"].as_u64())
    };
    assert_eq!(
        list("order=oldest&limit=2").await,
        ("é bc".to_owned(), Some(1))
    );
    assert_eq!(list("order=oldest&after=1").await, ("g".to_owned(), None));
    assert_eq!(list("metadata=%7B%22a%22%3A1%7D").await.0, "");
    let (status, refused) =
        answer(api.own(Method::GET, &format!("{PATH}?order=oldest&before=1"))).await;
    assert_eq!((status, kind(&refused)), (400, "invalid-request"));
    assert_eq!(
        answer(api.own(Method::GET, &format!("{PATH}?metadata=7")))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn what_is_over_is_deleted_with_all_that_it_said() {
    let (root, daemon, api) = daemon();
    let ids = add(&api, "ada", "s", &["the vermilion code", "stays"]).await;
    let soon = Utc::now() + TimeDelta::seconds(1);
    let change = json!({ "text": "the cerulean code", "expires_at": soon });
    let path = format!("{PATH}/{}", ids[0]);
    assert_eq!(
        answer(api.own(Method::PATCH, &path).json(&change)).await.0,
        200
    );
    while Utc::now() <= soon {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Out of reach at once, also before it is swept.
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(answer(api.own(method, &path)).await.0, 404);
    }
    assert_eq!(
        answer(api.own(Method::PATCH, &path).json(&json!({ "text": "x" })))
            .await
            .0,
        404
    );
    assert_eq!(
        answer(api.own(Method::GET, &format!("{path}/history")))
            .await
            .0,
        404
    );
    // A start sweeps.
    drop(daemon);
    let _daemon = root.daemon();
    let gone = async || {
        while is_on_disk(&root, "vermilion") || is_on_disk(&root, "cerulean") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone())
        .await
        .unwrap();
}
