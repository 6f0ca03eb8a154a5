//! The life of an instance, from its person's sign-in to its coming back, by a program that the person has allowed to.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::model::Model;
use crate::support::oauth::{client, tokens};
use crate::support::process::Root;
use crate::support::{Api, answer, with};

use super::chat::said;

/// A program that acts for a person.
struct Program {
    api: Api,
    token: String,
}

impl Program {
    /// Asks, and wants this status.
    async fn does(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let request = self.api.call(method, path).bearer_auth(&self.token);
        let request = match &body {
            Some(body) => with(request, body),
            None => request,
        };
        let (got, told) = answer(request).await;
        assert_eq!(got, status, "{path}: {told}");
        told
    }

    async fn tells(&self, path: &str, field: &str, wanted: Value) {
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let told = self.does(Method::GET, path, None, 200).await;
            if told.pointer(field) == Some(&wanted) {
                return;
            }
            let late = tokio::time::Instant::now() > end;
            assert!(!late, "{path} {field} is not {wanted}: {told}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn chats(&self, id: &str, text: &str) -> (u16, Value) {
        let path = format!("/v1/instances/{id}/chat/completions");
        let question = json!({ "model": "any", "messages": [{ "role": "user", "content": text }] });
        let request = self.api.call(Method::POST, &path).bearer_auth(&self.token);
        answer(with(request, &question)).await
    }
}

/// Whether a password opens the contract's door to its instance.
async fn opens(api: &Api, id: &str, password: &str) -> bool {
    let request = api.call(Method::GET, &format!("/api/upload/{id}"));
    let (status, told) = answer(request.bearer_auth(format!("{id}:{password}"))).await;
    status == 200 && told["data"].is_object()
}

#[tokio::test]
async fn an_instance_lives_from_the_sign_in_to_its_coming_back() {
    let model = Model::start().await;
    let root = Root::new();
    root.save(
        "config.toml",
        &format!("[llm]\nurl = \"{}\"\nmodel = \"small\"\n", model.base),
    );
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    // The person signs in and allows a program what it asks for.
    let scopes = "profile profile:write memory:read memory:write registry:read registry:write";
    let (token, _) = tokens(&api, &client(&api).await, scopes).await;
    let program = Program { api, token };
    let name = json!({ "username": "Ada" });
    program
        .does(Method::PATCH, "/v1/profile", Some(name), 200)
        .await;
    let document = program.api.call(Method::PUT, "/v1/documents/notes.md");
    let document = document.bearer_auth(&program.token).body("# Notes\n\nTea.");
    let document = document.header("content-type", "text/markdown");
    assert!(document.send().await.unwrap().status().is_success());

    let load = json!({ "name": "Ada's memory", "description": "Everything about tea" });
    let load = program
        .does(Method::POST, "/v1/loads", Some(load), 201)
        .await;
    let load = load["id"].as_str().unwrap();
    // Everything is taken from the load, and counted.
    let made = program
        .does(Method::POST, "/v1/registrations", Some(json!({})), 201)
        .await;
    let id = made["instance_id"].as_str().unwrap();
    let first = made["instance_password"].as_str().unwrap();
    assert_eq!(made["upload_name"], "Ada's memory");
    let tags = json!({ "model_name": "small", "is_cot": false, "document_count": 1 });
    assert_eq!(made["tags"], tags);
    let shown = program.does(Method::GET, "/v1/profile", None, 200).await;
    assert_eq!(shown["username"], "ada");
    assert_eq!(shown["counts"]["instances"], 1, "{shown}");

    let (status, problem) = program.chats(id, "say too early").await;
    assert_eq!(status, 503, "{problem}");
    let place = format!("/v1/loads/{load}/connect");
    program.does(Method::POST, &place, None, 200).await;
    let instance = format!("/v1/instances/{id}");
    program.tells(&instance, "/status", json!("online")).await;
    let (status, whole) = program.chats(id, "say green tea").await;
    assert_eq!((status, said(&whole)), (200, "green tea"), "{whole}");

    // Another password; the first is good until the second is used.
    let again = program
        .does(Method::POST, "/v1/registrations", Some(json!({})), 201)
        .await;
    assert_eq!(again["instance_id"], id);
    let second = again["instance_password"].as_str().unwrap();
    assert!(opens(&program.api, id, first).await);
    assert!(opens(&program.api, id, second).await);
    assert!(!opens(&program.api, id, first).await);
    let (status, _) = program.chats(id, "say still here").await;
    assert_eq!(status, 200);

    let gone = format!("/v1/registrations/{load}");
    program.does(Method::DELETE, &gone, None, 200).await;
    program
        .tells(&instance, "/status", json!("unregistered"))
        .await;
    assert_ne!(program.chats(id, "say nothing").await.0, 200);
    // Its id comes back, by its person or by its newest password.
    let body = json!({ "upload_name": "Back", "instance_id": id, "description": null, "email": null, "tags": null });
    let register = |password: &str| {
        let request = program.api.call(Method::POST, "/api/upload/register");
        with(request.bearer_auth(format!("{id}:{password}")), &body)
    };
    assert_eq!(answer(register(first)).await.0, 401);
    let (status, back) = answer(register(second)).await;
    assert_eq!((status, &back["data"]["instance_id"]), (200, &json!(id)));
    program
        .does(Method::POST, "/v1/registrations", Some(json!({})), 201)
        .await;
    // Whoever unregisters wants no connection; it is asked for anew.
    program.does(Method::POST, &place, None, 200).await;
    program.tells(&instance, "/status", json!("online")).await;
    let (status, whole) = program.chats(id, "say back again").await;
    assert_eq!((status, said(&whole)), (200, "back again"), "{whole}");
}
