//! The registry, on the wire: what clients that were there before send, and what becomes of it.

mod chat;
mod chat_faults;
mod client;
mod connect;
mod guesses;
mod instances;
mod life;
mod lines;
mod many;
mod revoked;
mod secrets;
mod socket;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::api::key;
use crate::support::oauth::{Carries as _, change};
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// A daemon, and how it is reached.
struct House {
    root: Root,
    daemon: Daemon,
    api: Api,
}

/// What a registration gave.
#[derive(Debug, Clone)]
struct Made {
    id: String,
    password: String,
}

impl Made {
    fn bearer(&self) -> String {
        format!("{}:{}", self.id, self.password)
    }
}

/// The five keys that a client always sends.
fn five(name: &str) -> Value {
    json!({
        "upload_name": name, "instance_id": null, "description": "what it is", "email": "ann@example.org",
        "tags": { "model_name": "m", "is_cot": false, "document_count": 3 },
    })
}

fn again(name: &str, id: &str) -> Value {
    let mut body = five(name);
    body["instance_id"] = id.into();
    body
}

impl House {
    fn new() -> Self {
        Self::on(Root::new())
    }

    fn on(root: Root) -> Self {
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        Self { root, daemon, api }
    }

    fn call(&self, method: Method, path: &str, bearer: Option<&str>) -> RequestBuilder {
        let request = self.api.call(method, path);
        match bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        }
    }

    async fn get(&self, path: &str, bearer: Option<&str>) -> (u16, Value) {
        answer(self.call(Method::GET, path, bearer)).await
    }

    async fn register(&self, body: &Value, bearer: Option<&str>) -> (u16, Value) {
        answer(
            self.call(Method::POST, "/api/upload/register", bearer)
                .json(body),
        )
        .await
    }

    /// Registers something new, as nobody.
    async fn made(&self, name: &str) -> Made {
        made(self.register(&five(name), None).await)
    }

    /// A key of this person's, who is made where there is none, as one who has signed in.
    async fn key_of(&self, person: &str, scopes: &str) -> String {
        let key = key(&self.root, scopes).await;
        if person != "owner" {
            let scopes = "read write profile profile:write";
            change(
                &self.root,
                &format!("INSERT INTO people (id, role, scopes, created_at, last_seen_at) VALUES ('{person}', 'member', '{scopes}', 0, 0)
                          ON CONFLICT DO UPDATE SET role = role"),
            );
            change(
                &self.root,
                &format!(
                    "UPDATE keys SET person = '{person}' WHERE created_at = (SELECT max(created_at) FROM keys)"
                ),
            );
        }
        key
    }

    /// Registers something new for whom this key is.
    async fn made_by(&self, key: &str, name: &str) -> Made {
        let request = self.api.call(Method::POST, "/api/upload/register");
        made(answer(request.header("x-api-key", key).json(&five(name))).await)
    }
}

/// A success: exactly 200, `code` 0, and data.
fn data(answer: (u16, Value)) -> Value {
    let (status, body) = answer;
    assert_eq!((status, &body["code"]), (200, &json!(0)), "{body}");
    assert!(body["message"].is_string(), "{body}");
    body["data"].clone()
}

fn made(answer: (u16, Value)) -> Made {
    let data = data(answer);
    let text = |name: &str| {
        let text = data[name].as_str().unwrap_or_default();
        assert!((1..=255).contains(&text.len()), "{name}: {data}");
        text.to_owned()
    };
    Made {
        id: text("instance_id"),
        password: text("instance_password"),
    }
}

/// A refusal with this status: an envelope, and nothing but it.
fn refused(answer: (u16, Value), wanted: u16) {
    let (status, body) = answer;
    assert_eq!((status, &body["code"]), (wanted, &json!(wanted)), "{body}");
    let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["code", "data", "message"], "{body}");
    assert!(
        body["data"].is_null() && body["message"].is_string(),
        "{body}"
    );
}
