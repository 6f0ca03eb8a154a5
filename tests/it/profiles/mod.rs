//! Profiles, documents, and instances as callers.

mod ceilings;
mod claims;
mod cli;
mod documents;
mod ends;
mod tokens;
mod usernames;

use chrono::Utc;
use jarkeeper::registry::{Registry, Upload};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::api::store;
use crate::support::oauth::{Carries as _, change};
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// What a member may who just came.
const MEMBER: &str =
    "profile profile:write email memory:read memory:write registry:read registry:write";

/// A daemon, and people before it.
struct Place {
    root: Root,
    daemon: Daemon,
    api: Api,
}

/// A member with a key for everything that it may.
struct Somebody {
    id: &'static str,
    key: String,
}

impl Place {
    fn new() -> Self {
        Self::with("")
    }

    /// With these lines of `config.toml`.
    fn with(config: &str) -> Self {
        let root = Root::new();
        std::fs::write(root.path().join("config.toml"), config).unwrap();
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        Self { root, daemon, api }
    }

    /// A member who has signed in.
    async fn member(&self, id: &'static str) -> Somebody {
        change(
            &self.root,
            &format!(
                "INSERT INTO people (id, role, email, scopes, reach, created_at, last_seen_at)
                 VALUES ('{id}', 'member', '{id}@example.org', '{MEMBER}', '[]', 0, 1)"
            ),
        );
        change(
            &self.root,
            &format!(
                "INSERT INTO identities (issuer, subject, person, created_at)
                 VALUES ('https://login.example', '{id}-1', '{id}', 0)"
            ),
        );
        Somebody {
            id,
            key: self.key(id, json!({})).await,
        }
    }

    /// A key of a person's.
    async fn key(&self, person: &str, more: Value) -> String {
        let scopes: Vec<_> = MEMBER.split(' ').collect();
        let mut body = json!({ "name": "test", "scopes": scopes });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, key) = answer(self.api.own(Method::POST, "/v1/keys").json(&body)).await;
        assert_eq!(status, 201, "{key}");
        if person != "owner" {
            let id = key["id"].as_str().unwrap();
            change(
                &self.root,
                &format!("UPDATE keys SET person = '{person}' WHERE id = '{id}'"),
            );
        }
        key["value"].as_str().unwrap().to_owned()
    }

    /// The registry, beside the daemon's.
    async fn registry(&self) -> Registry {
        Registry::open(store(&self.root), Utc::now).await.unwrap()
    }

    /// An instance that is nobody's, and its password.
    async fn instance(&self, name: &str) -> (String, String) {
        let registry = self.registry().await;
        let made = registry.register(upload(name), None, None).await.unwrap();
        let password = made.password.expose_secret().to_owned();
        (made.instance.id, password)
    }

    /// The status and the body of a call with a key or a token.
    async fn call(
        &self,
        proof: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = self.api.call(method, path).bearer_auth(proof);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        answer(request).await
    }

    async fn get(&self, proof: &str, path: &str) -> (u16, Value) {
        self.call(proof, Method::GET, path, None).await
    }

    /// Asks for a token with an id and a password in the form.
    async fn exchange(&self, id: &str, password: &str, scope: Option<&str>) -> (u16, Value) {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", password),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        answer(self.api.call(Method::POST, "/oauth/token").form(&form)).await
    }

    /// A token of an instance.
    async fn token(&self, id: &str, password: &str) -> String {
        let (status, tokens) = self.exchange(id, password, None).await;
        assert_eq!(status, 200, "{tokens}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Keeps a plain text under a name.
    async fn keep(&self, proof: &str, name: &str, text: &str) -> u16 {
        let request = self.api.call(Method::PUT, &format!("/v1/documents/{name}"));
        let request = plain(request, text).bearer_auth(proof);
        request.send().await.unwrap().status().as_u16()
    }

    /// The text of a document.
    async fn text(&self, proof: &str, name: &str) -> (u16, String) {
        let request = self.api.call(Method::GET, &format!("/v1/documents/{name}"));
        let response = request.bearer_auth(proof).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Whether the files of the store hold this text anywhere.
    fn holds(&self, text: &str) -> bool {
        let path = store(&self.root).path().to_owned();
        let folder = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let files = folder.map(|entry| entry.unwrap().path());
        let mut own = files.filter(|file| {
            let own = file.file_name().and_then(|own| own.to_str());
            own.is_some_and(|own| own.starts_with(&name))
        });
        let wanted = text.as_bytes();
        own.any(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(wanted.len()).any(|some| some == wanted)
        })
    }

    /// What a question counts.
    fn count(&self, sql: &str) -> i64 {
        let connection = rusqlite::Connection::open(store(&self.root).path()).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn plain(request: RequestBuilder, text: &str) -> RequestBuilder {
    request
        .header("content-type", "text/plain")
        .body(text.to_owned())
}

fn upload(name: &str) -> Upload {
    Upload {
        name: name.to_owned(),
        description: None,
        email: None,
        tags: Map::new(),
    }
}

/// The last word of a problem's type.
fn kind(problem: &Value) -> &str {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.rsplit(':').next().unwrap()
}
