//! What front ends of the original application read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::registry::{Fake, Mode};
use super::{at, load, own, register, tell};
use crate::support::process::{Root, eventually};
use crate::support::{Api, answer};

fn data(answer: (u16, Value)) -> Value {
    assert_eq!(
        (answer.0, &answer.1["code"]),
        (200, &json!(0)),
        "{}",
        answer.1
    );
    answer.1["data"].clone()
}

fn refused(answer: (u16, Value), status: u16) {
    let (found, body) = answer;
    assert_eq!((found, &body["code"]), (status, &json!(status)), "{body}");
    assert_eq!(body["data"], Value::Null, "{body}");
    assert!(body["message"].is_string(), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
}

#[tokio::test]
async fn a_front_end_makes_changes_and_deletes_its_load() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let name = "a/b ?#%2F é";
    let username = async || own(&api, Method::GET, "/api/kernel2/username").await;
    let (status, none) = username().await;
    assert_eq!(
        (status, &none["username"], &none["data"]),
        (200, &json!(null), &json!({"username": null}))
    );
    refused(own(&api, Method::GET, "/api/loads/current").await, 404);
    refused(own(&api, Method::GET, "/api/upload/status").await, 404);
    refused(
        tell(&api, Method::POST, "/api/loads", &json!({})).await,
        400,
    );
    refused(
        tell(&api, Method::POST, "/api/loads", &json!({"name": {"a": 1}})).await,
        400,
    );
    let png = STANDARD.encode(b"\x89PNG\r\n\x1a\nwhatever");
    let new = json!({
        "name": name, "email": "", "description": null, "avatar_data": format!("data:image/png;base64,{png}"),
        "instance_password": "ignored", "status": "active",
    });
    let made = data(tell(&api, Method::POST, "/api/loads", &new).await);
    assert_eq!(
        (&made["name"], &made["email"], &made["avatar_data"]),
        (&json!(name), &json!(""), &json!(png))
    );
    assert_eq!(
        (&made["status"], &made["is_connected"]),
        (&json!("unregistered"), &json!(false))
    );
    assert!(made.get("instance_password").is_none());
    let (_, now) = username().await;
    assert_eq!(
        (&now["username"], &now["data"]["username"]),
        (&json!(name), &json!(name))
    );
    refused(tell(&api, Method::POST, "/api/loads", &new).await, 409);
    for wrong in [
        json!({"name": ""}),
        json!({"name": 7}),
        json!({"avatar_data": "no base64!"}),
        json!({"avatar_data": STANDARD.encode("<svg/>")}),
        json!([]),
    ] {
        refused(
            tell(&api, Method::PUT, "/api/loads/current", &wrong).await,
            400,
        );
    }
    let change = json!({"description": "d", "email": "a@b.test", "avatar_data": ""});
    let changed = data(tell(&api, Method::PUT, "/api/loads/current", &change).await);
    assert_eq!(
        (
            &changed["description"],
            &changed["email"],
            &changed["avatar_data"]
        ),
        (&json!("d"), &json!("a@b.test"), &json!(null))
    );
    assert_eq!(
        data(own(&api, Method::GET, "/api/loads/current").await),
        changed
    );
    // Registered at the daemon itself: offline, and after its end unregistered again.
    let id = changed["id"].as_str().unwrap();
    let body = json!({"tags": {"model_name": "m"}});
    let (status, registered) = tell(&api, Method::POST, "/v1/registrations", &body).await;
    assert_eq!(status, 201, "{registered}");
    let standing = data(own(&api, Method::GET, "/api/upload/status").await);
    assert_eq!(
        (
            &standing["status"],
            &standing["instance_id"],
            &standing["stale"]
        ),
        (&json!("offline"), &registered["instance_id"], &json!(false))
    );
    let password = registered["instance_password"].as_str().unwrap();
    for path in [
        "/api/loads/current",
        "/api/upload/status",
        "/api/kernel2/username",
    ] {
        let body = api
            .own(Method::GET, path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(
            !body.contains(password) && !body.contains("instance_password"),
            "{body}"
        );
    }
    own(&api, Method::DELETE, &format!("/v1/registrations/{id}")).await;
    let standing = data(own(&api, Method::GET, "/api/upload/status").await);
    assert_eq!(standing["status"], "unregistered");
    refused(own(&api, Method::DELETE, "/api/loads/a").await, 404);
    let path = format!("/api/loads/{}", percent(name));
    assert_eq!(data(own(&api, Method::DELETE, &path).await)["id"], id);
    refused(own(&api, Method::DELETE, &path).await, 404);
}

/// Every character as `%XX`.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_load_may_be_called_current_and_goes_by_that_name() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let other = load(&api, "other").await;
    refused(own(&api, Method::DELETE, "/api/loads/current").await, 404);
    let id = load(&api, "current").await;
    let gone = data(own(&api, Method::DELETE, "/api/loads/current").await);
    assert_eq!(gone["id"], id);
    refused(own(&api, Method::DELETE, "/api/loads/current").await, 404);
    let left = data(own(&api, Method::GET, "/api/loads/current").await);
    assert_eq!(left["id"], other);
}

#[tokio::test]
async fn a_front_end_says_who_it_is() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    load(&api, "Ada's").await;
    let bob = super::member_key(&root, "bob").await;
    for (method, path) in [
        (Method::GET, "/api/kernel2/username"),
        (Method::POST, "/api/loads"),
        (Method::GET, "/api/loads/current"),
        (Method::PUT, "/api/loads/current"),
        (Method::DELETE, "/api/loads/Ada's"),
        (Method::DELETE, "/api/loads/current"),
        (Method::GET, "/api/upload/status"),
    ] {
        let ask = || api.call(method.clone(), path);
        refused(answer(ask()).await, 401);
        let page = ask()
            .header("origin", "https://evil.test")
            .header("x-api-key", &bob);
        refused(answer(page).await, 403);
    }
    let bobs = api
        .call(Method::DELETE, "/api/loads/Ada's")
        .header("x-api-key", &bob);
    refused(answer(bobs).await, 404);
    let bobs = api
        .call(Method::GET, "/api/kernel2/username")
        .header("x-api-key", &bob);
    assert_eq!(answer(bobs).await.1["username"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_registry_keeps_no_front_end_waiting() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let id = load(&api, "mine").await;
    assert_eq!(register(&api, &id).await.0, 201);
    fake.mode(Mode::Silent);
    for path in [
        "/api/upload/status",
        "/api/loads/current",
        "/v1/registrations",
    ] {
        let (status, body) = own(&api, Method::GET, path).await;
        assert_eq!(status, 200, "{body}");
        // The answer is here, and the question to the registry still waits for its own.
        eventually("the registry is being asked", || {
            (fake.held() > 0).then_some(())
        });
    }
    fake.mode(Mode::Good);
    let runtime = tokio::runtime::Handle::current();
    let status = eventually("the registry is asked again", || {
        let ask = own(&api, Method::GET, "/api/upload/status");
        let standing = tokio::task::block_in_place(|| runtime.block_on(ask));
        let standing = data(standing);
        (standing["stale"] == false).then_some(standing)
    });
    assert_eq!(
        (&status["status"], &status["is_connected"]),
        (&json!("online"), &json!(true))
    );
}

#[tokio::test]
async fn a_registry_is_asked_for_few_loads_at_once() {
    let root = Root::new();
    let fake = Fake::new();
    at(&root, &fake.base);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    for number in 0..8 {
        let id = load(&api, &format!("load {number}")).await;
        assert_eq!(register(&api, &id).await.0, 201);
    }
    fake.mode(Mode::Silent);
    let list = || own(&api, Method::GET, "/v1/registrations");
    assert_eq!(list().await.1.as_array().unwrap().len(), 8);
    eventually("it is asked", || (fake.held() >= 4).then_some(()));
    for _ in 0..3 {
        list().await;
    }
    assert_eq!(fake.held(), 4);
}
