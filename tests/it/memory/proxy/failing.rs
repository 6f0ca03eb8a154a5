//! A model that fails, and what is refused here.

use std::time::Duration;

use jarkeeper::session::Files;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::finds;
use super::{House, content, key, said, user};
use crate::support::answer;
use crate::support::model::Model;
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn failures_of_the_model_are_passed_on_and_the_question_is_kept() {
    let model = Model::start().await;
    let base = model.base.clone();
    let house = House::at(model, &base, "2s").await;
    for status in [400, 429, 500] {
        let body = said("ann", json!([user(&format!("status {status}"))]));
        let response = house.post(&body).send().await.unwrap();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(header("retry-after").as_deref(), Some("7"));
        assert_eq!(
            header("x-ratelimit-remaining-requests").as_deref(),
            Some("0")
        );
        assert_eq!(
            (header("x-request-id").as_deref(), header("set-cookie")),
            (Some("req-1"), None)
        );
        let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(error["error"]["type"], "own", "{error}");
    }
    let (status, error, _) = house.chat(&said("ann", json!([user("slow")]))).await;
    assert_eq!(
        (status, &error["error"]["code"], &error["error"]["type"]),
        (504, &json!("model-silent"), &json!("server_error"))
    );
    // That our own key is refused says nothing of the caller's, and what the server says of it stays here.
    for status in ["401", "403"] {
        let ask = said("ann", json!([user(&format!("status {status}"))]));
        let (answered, error, note) = house.chat(&ask).await;
        assert_eq!(
            (answered, &error["error"]["code"], &error["error"]["type"]),
            (502, &json!("model-refuses-key"), &json!("server_error")),
            "{error}"
        );
        let why = error["error"]["message"].as_str().unwrap();
        assert!(why.contains("[llm] key") && why.contains(status), "{why}");
        assert!(!error.to_string().contains("sk-secret"), "{error}");
        assert!(note.contains("kept=yes"), "{note}");
    }
    // A client asks three times; the person has said it once.
    for _ in 0..3 {
        house.chat(&said("ann", json!([user("status 500")]))).await;
    }
    let kept = house.texts("ann").await;
    let all: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        all,
        [
            "status 400",
            "status 429",
            "status 500",
            "slow",
            "status 401",
            "status 403"
        ]
    );
    // Nobody there.
    let model = Model::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    let house = House::at(model, &nowhere, "60s").await;
    let (status, error, note) = house
        .chat(&said("ann", json!([user("is anybody there")])))
        .await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (502, &json!("model-unreachable")),
        "{error}"
    );
    assert!(note.contains("kept=yes"), "{note}");
    assert_eq!(
        finds(&house.api, "ann", "anybody").await,
        ["is anybody there"]
    );
    let (status, error) = house.models().await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (502, &json!("model-unreachable"))
    );
}

#[tokio::test]
async fn refusals_of_our_own_have_the_shape_that_these_clients_read() {
    let house = House::new().await;
    let good = said("ann", json!([user("say hi")]));
    let path = "/v1/chat/completions";
    let with = |key: &str, body: String| {
        house
            .by(key)
            .header("content-type", "application/json")
            .body(body)
    };
    let narrow = key(&house.api, "narrow", &["memory:read"], None).await;
    let large = format!(r#"{{"messages":[],"x":"{}"}}"#, "x".repeat(33 << 20));
    let cases = [
        (
            with("jk_nothing", good.to_string()),
            401,
            "authentication_error",
            "invalid-credentials",
        ),
        (
            house.api.call(Method::POST, path).json(&good),
            401,
            "authentication_error",
            "unauthenticated",
        ),
        (
            with(&narrow, good.to_string()),
            403,
            "permission_error",
            "insufficient-scope",
        ),
        (
            with(&house.key, "{".to_owned()),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, r#"{"messages":[],"messages":[]}"#.to_owned()),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, good.to_string()).header("jarkeeper-memory", "maybe"),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, large),
            413,
            "invalid_request_error",
            "too-large",
        ),
        (
            house
                .api
                .call(Method::POST, "/v1/conversations")
                .bearer_auth(&house.key)
                .json(&good),
            404,
            "invalid_request_error",
            "not-found",
        ),
    ];
    for (request, status, kind, code) in cases {
        let (answered, error) = answer(request).await;
        let view = &error["error"];
        assert_eq!((answered, &view["type"]), (status, &json!(kind)), "{error}");
        assert!(
            view["message"].is_string() && view["param"].is_null(),
            "{error}"
        );
        assert!(status == 401 || view["code"] == code, "{error}");
    }
    // A prompt of many megabytes goes through.
    let large = said(
        "ann",
        json!([{ "role": "system", "content": "x".repeat(20 << 20) }, user("say large")]),
    );
    let (status, answered, _) = house.chat(&large).await;
    assert_eq!((status, content(&answered)), (200, "large"));
    // A memory that fails does not keep a chat from being answered, and it is told.
    let path = Files::open(&house.root.auth())
        .unwrap()
        .store_path()
        .unwrap();
    let store = rusqlite::Connection::open(path).unwrap();
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    store
        .execute_batch("CREATE TRIGGER broken BEFORE INSERT ON interactions BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let (status, answered, note) = house
        .chat(&said("ann", json!([user("say still here")])))
        .await;
    assert_eq!((status, content(&answered)), (200, "still here"));
    assert!(note.contains("kept=failed"), "{note}");
    house.daemon.hears("was not kept");
    // Without a model it is said what is missing.
    house.root.save("config.toml", "");
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (status, error, _) = house.chat(&good).await;
        if status == 503 {
            assert_eq!(error["error"]["code"], "no-model");
            assert!(
                error["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("[llm] url")
            );
            break;
        }
        assert!(std::time::Instant::now() < end, "{status} {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
