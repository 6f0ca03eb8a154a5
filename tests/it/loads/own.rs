//! Registration at the daemon's own registry.

use jarkeeper::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use super::{load, own, register, store_holds, tell};
use crate::support::process::{Root, eventually};
use crate::support::{Api, answer};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// How many instances the registry of this daemon holds.
async fn instances(root: &Root) -> u64 {
    let registry = Registry::open(crate::api::store(root), chrono::Utc::now).await;
    registry.unwrap().count().unwrap()
}

#[tokio::test]
async fn an_upload_is_registered_comes_back_and_goes() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "Ada's memory").await;
    let (status, first) = tell(&api, Method::POST, "/v1/registrations", &json!({})).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(text(&first, "load"), id);
    assert_eq!(text(&first, "upload_name"), "Ada's memory");
    assert_eq!(text(&first, "status"), "offline");
    assert_eq!(
        first["tags"],
        json!({"model_name": "small", "is_cot": false, "document_count": 0})
    );
    assert!(text(&first, "instance_password").starts_with("jp_"));
    // Again: the same id, another password.
    let (status, again) = register(&api, &id).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!(again["instance_id"], first["instance_id"]);
    assert_ne!(again["instance_password"], first["instance_password"]);
    let (_, list) = own(&api, Method::GET, "/v1/registrations").await;
    assert_eq!(list[0]["instance_id"], first["instance_id"]);
    assert_eq!(list[0]["remote"]["status"], "offline");
    assert_eq!(list[0]["remote"]["stale"], false);
    let registration = format!("/v1/registrations/{id}");
    for _ in 0..2 {
        let (status, load) = own(&api, Method::DELETE, &registration).await;
        assert_eq!((status, &load["registered_at"]), (200, &json!(null)));
        assert_eq!(load["instance_id"], first["instance_id"], "its id stays");
    }
    let list = own(&api, Method::GET, "/v1/registrations").await;
    assert_eq!(list, (200, json!([])));
    let (status, back) = register(&api, &id).await;
    assert_eq!((status, &back["instance_id"]), (201, &first["instance_id"]));
    let (status, gone) = own(&api, Method::DELETE, &format!("/v1/loads/{id}")).await;
    assert_eq!((status, &gone["registry_told"]), (200, &json!(true)));
    assert_eq!(instances(&root).await, 0);
    for made in [&first, &again, &back] {
        assert!(!store_holds(&root, text(made, "instance_password")));
    }
}

#[tokio::test]
async fn what_is_missing_is_taken_from_the_load_and_what_cannot_be_is_told_with_its_way_out() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let post = |body: Value| {
        let api = &api;
        async move { tell(api, Method::POST, "/v1/registrations", &body).await }
    };
    let failed = |answer: (u16, Value), reason: &str, way: &str| {
        let (status, problem) = answer;
        assert_eq!(status, 400, "{problem}");
        assert_eq!(
            text(&problem, "type"),
            "urn:jarkeeper:problem:registration-failed"
        );
        assert_eq!(problem["code"], 400);
        assert_eq!(
            text(&problem, "message"),
            "Failed to register upload instance"
        );
        assert_eq!(text(&problem, "reason"), reason, "{problem}");
        assert!(text(&problem, "detail").contains(way), "{problem}");
    };
    failed(post(json!({})).await, "no-load", "upload_name");
    failed(
        post(json!({"upload_name": "new"})).await,
        "no-model-name",
        "model_name in tags",
    );
    failed(
        post(json!({"upload_name": "new", "tags": {"model_name": null}})).await,
        "no-model-name",
        "[llm]",
    );
    let named = |more: Value| {
        let mut body = json!({"upload_name": "new", "tags": {"model_name": "m"}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (more, way) in [
        (json!({"upload_name": ""}), "1 to 255"),
        (json!({"upload_name": "a\tb"}), "one line"),
        (json!({"email": "no"}), "name@example.org"),
        (
            json!({"tags": {"model_name": "m", "is_cot": "yes"}}),
            "without quotes",
        ),
        (
            json!({"tags": {"model_name": "m", "document_count": "7"}}),
            "without quotes",
        ),
        (
            json!({"tags": {"model_name": "m", "document_count": -1}}),
            "at least 0",
        ),
    ] {
        failed(post(named(more)).await, "invalid", way);
    }
    let list = r#"["arr", null, null, {"model_name": "q"}, null]"#;
    let plain = api.own(Method::POST, "/v1/registrations").body("{}");
    let (status, problem) = answer(plain).await;
    assert_eq!(
        status, 415,
        "what is no request at all is refused as everywhere: {problem}"
    );
    for body in ["{", "{\"upload_name\": 7}", "{\"unknown\": 1}", "[]", list] {
        let ask = api.own(Method::POST, "/v1/registrations").body(body);
        let ask = ask.header("content-type", "application/json");
        failed(answer(ask).await, "invalid", "");
    }
    let unknown = json!({"load": "0123456789abcdef0123"});
    let (status, problem) = post(unknown).await;
    assert_eq!((status, &problem["code"]), (404, &json!(400)), "{problem}");
    assert_eq!(text(&problem, "reason"), "no-load", "{problem}");
    assert_eq!(
        text(&problem, "message"),
        "Failed to register upload instance"
    );
    let (_, none) = own(&api, Method::GET, "/v1/loads/current").await;
    assert!(text(&none, "detail").contains("POST /v1/loads"), "{none}");
    // None of these has left a load behind.
    assert_eq!(own(&api, Method::GET, "/v1/loads").await.1, json!([]));
    let new = named(json!({"description": "d", "tags": {"model_name": "m", "x": {"y": 1}}}));
    let (status, made) = post(new).await;
    assert_eq!(status, 201, "{made}");
    let (_, current) = own(&api, Method::GET, "/v1/loads/current").await;
    assert_eq!(
        (
            &current["id"],
            text(&current, "name"),
            &current["is_current"]
        ),
        (&made["load"], "new", &json!(true))
    );
    assert_eq!(
        made["tags"],
        json!({"model_name": "m", "is_cot": false, "document_count": 0, "x": {"y": 1}})
    );
    assert_eq!(instances(&root).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_connected_is_online_also_when_it_is_registered_again() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "mine").await;
    let (_, first) = register(&api, &id).await;
    assert_eq!(text(&first, "status"), "offline", "{first}");
    let connect = format!("/v1/loads/{id}/connect");
    assert_eq!(own(&api, Method::POST, &connect).await.0, 200);
    let runtime = tokio::runtime::Handle::current();
    eventually("it is connected", || {
        let ask = own(&api, Method::GET, "/v1/registrations");
        let (_, list) = tokio::task::block_in_place(|| runtime.block_on(ask));
        (list[0]["remote"]["status"] == "online").then_some(())
    });
    let (status, again) = register(&api, &id).await;
    assert_eq!((status, text(&again, "status")), (201, "online"), "{again}");
}

#[tokio::test]
async fn one_load_that_is_registered_many_times_at_once_is_one_instance() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let wish = json!({"upload_name": "the one", "tags": {"model_name": "m"}});
    let one = || tell(&api, Method::POST, "/v1/registrations", &wish);
    let all = futures::future::join_all((0..8).map(|_| one())).await;
    let mut ids: Vec<_> = all
        .iter()
        .map(|(status, made)| {
            assert_eq!(*status, 201, "{made}");
            text(made, "instance_id").to_owned()
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(instances(&root).await, 1);
    let (_, loads) = own(&api, Method::GET, "/v1/loads").await;
    assert_eq!(loads.as_array().unwrap().len(), 1);
}
