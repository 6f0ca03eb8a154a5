//! Against a server that answers as the API's documentation of KV 1 and KV 2 says: the real one is not packaged where
//! these tests run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode as Status;
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

const TOKEN: &str = "hvs.T0ken";

/// The path, the token, the namespace.
type Asked = (String, Option<String>, Option<String>);

/// A server, and what it was asked with.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start(elsewhere: Option<String>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let answer = move |request: Request| {
            let header = |name| {
                let value = request.headers().get(name);
                value.map(|it: &HeaderValue| it.to_str().unwrap().to_owned())
            };
            let asked = (
                request.uri().path().to_owned(),
                header("x-vault-token"),
                header("x-vault-namespace"),
            );
            noted.lock().unwrap().push(asked.clone());
            let elsewhere = elsewhere.clone();
            async move { answer(&asked.0, asked.1.as_deref(), elsewhere) }
        };
        let app = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, seen }
    }
}

fn answer(path: &str, token: Option<&str>, elsewhere: Option<String>) -> Response {
    if let Some(elsewhere) = elsewhere {
        return Redirect::temporary(&format!("{elsewhere}{path}")).into_response();
    }
    if path.contains("sealed") {
        let errors = json!({ "errors": ["Vault is sealed"] });
        return (Status::SERVICE_UNAVAILABLE, Json(errors)).into_response();
    }
    if token != Some(TOKEN) || path.contains("forbidden") {
        let errors = json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] });
        return (Status::FORBIDDEN, Json(errors)).into_response();
    }
    let fields = json!({ "password": "p\"ss/wörd", "pin": 1234, "list": [1], "empty": "" });
    let metadata = json!({ "version": 3, "destroyed": false, "deletion_time": "" });
    match path {
        "/v1/secret/data/wiki" => {
            Json(json!({ "request_id": "x", "lease_duration": 0, "data": { "data": fields, "metadata": metadata } }))
                .into_response()
        }
        "/v1/kv/team/my%20wiki" => Json(json!({ "data": fields })).into_response(),
        // A secret of KV 1 may have a field of this name.
        "/v1/kv/odd" => Json(json!({ "data": { "data": "mine" } })).into_response(),
        "/v1/secret/data/gone" => {
            let gone = json!({ "data": { "data": null, "metadata": metadata } });
            (Status::NOT_FOUND, Json(gone)).into_response()
        }
        "/v1/secret/data/page" => "<html>hello</html>".into_response(),
        "/v1/secret/data/broken" => (Status::INTERNAL_SERVER_ERROR, "").into_response(),
        _ => (Status::NOT_FOUND, Json(json!({ "errors": [] }))).into_response(),
    }
}

fn env_of(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + Send + Sync + use<> {
    let pairs: HashMap<String, String> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move |name| pairs.get(name).cloned()
}

#[tokio::test]
async fn a_secret_comes_from_both_versions_of_kv() {
    let server = Server::start(None).await;
    let env = env_of(&[
        ("VAULT_ADDR", &server.address),
        ("VAULT_TOKEN", TOKEN),
        ("VAULT_NAMESPACE", "team-a"),
    ]);
    for (path, field, value) in [
        ("secret/data/wiki", "password", "p\"ss/wörd"),
        ("secret/data/wiki", "pin", "1234"),
        ("kv/team/my wiki", "password", "p\"ss/wörd"),
        ("kv/odd", "data", "mine"),
    ] {
        let read = read(path, field, &env).await.unwrap();
        assert_eq!(read.expose_secret(), value, "{path}");
    }
    let seen = server.seen.lock().unwrap();
    assert!(seen.iter().all(|it| it.2.as_deref() == Some("team-a")));
}

#[tokio::test]
async fn the_token_may_be_where_vault_login_put_it() {
    let server = Server::start(None).await;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".vault-token"), TOKEN).unwrap();
    let address = format!("{}/", server.address);
    let home = home.path().to_str().unwrap();
    let env = env_of(&[("VAULT_ADDR", &address), ("HOME", home)]);
    assert!(read("secret/data/wiki", "password", &env).await.is_ok());
}

#[tokio::test]
async fn a_token_goes_to_no_other_server() {
    let other = Server::start(None).await;
    let server = Server::start(Some(other.address.clone())).await;
    let env = env_of(&[("VAULT_ADDR", &server.address), ("VAULT_TOKEN", TOKEN)]);
    let said = read("secret/data/wiki", "password", &env)
        .await
        .unwrap_err();
    assert!(said.contains("sends elsewhere"), "{said}");
    assert!(other.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_vault_that_gives_nothing_says_why_and_what_to_do() {
    let server = Server::start(None).await;
    let address = server.address.as_str();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let good: &[(&str, &str)] = &[("VAULT_ADDR", address), ("VAULT_TOKEN", TOKEN)];
    let mut all = Vec::new();
    for (pairs, path, field) in [
        (&[][..], "secret/data/wiki", "password"),
        (
            &[("VAULT_ADDR", address)][..],
            "secret/data/wiki",
            "password",
        ),
        (
            &[
                ("VAULT_ADDR", "http://vault.example.org:8200"),
                ("VAULT_TOKEN", TOKEN),
            ],
            "secret/data/wiki",
            "password",
        ),
        (
            &[("VAULT_ADDR", "vault"), ("VAULT_TOKEN", TOKEN)],
            "secret/data/wiki",
            "password",
        ),
        (
            &[("VAULT_ADDR", closed.as_str()), ("VAULT_TOKEN", TOKEN)],
            "secret/data/wiki",
            "password",
        ),
        (
            &[("VAULT_ADDR", address), ("VAULT_TOKEN", "other")],
            "secret/data/wiki",
            "password",
        ),
        (good, "secret/data/wiki", "pasword"),
        (good, "secret/data/wiki", "list"),
        (good, "secret/data/wiki", "empty"),
        (good, "secret/wiki", "password"),
        (good, "secret/data/none", "password"),
        (good, "secret/data/gone", "password"),
        (good, "secret/data/page", "password"),
        (good, "secret/data/broken", "password"),
        (good, "secret/data/sealed", "password"),
        (good, "secret/data/forbidden", "password"),
    ] {
        let said = read(path, field, &env_of(pairs)).await.unwrap_err();
        for hidden in [TOKEN, "p\"ss"] {
            assert!(!said.contains(hidden), "{said}");
        }
        all.push(said.replace(address, "ADDRESS").replace(&closed, "CLOSED"));
    }
    insta::assert_snapshot!(all.join("\n"), @r##"
    cannot be asked for: VAULT_ADDR is not set; set it where jarkeeper is started, for example to https://vault.example.org:8200
    cannot be asked for: there is no token; set VAULT_TOKEN where jarkeeper is started, or `vault login` as its user (~/.vault-token)
    cannot be asked for: VAULT_ADDR must be an https:// address (http:// only on this machine), or everyone on the way could read the secret
    cannot be asked for: VAULT_ADDR is no URL (relative URL without a base)
    cannot be read: Vault at CLOSED is not reached (Connection refused (os error 111)); see VAULT_ADDR, and that the server runs
    cannot be read: Vault at ADDRESS refuses the token (403); renew it with `vault login`, or give its policy the capability read on "secret/data/wiki"
    has no field "pasword"; see `vault kv get`
    has no text in its field "list"
    gives nothing; see that the secret is in it
    does not exist at ADDRESS (with KV 2 its path is "secret/data/wiki"), or was deleted; see `vault kv get`
    does not exist at ADDRESS, or was deleted; see `vault kv get`
    does not exist at ADDRESS, or was deleted; see `vault kv get`
    gives something that is no answer of Vault's KV; see VAULT_ADDR
    cannot be read: Vault at ADDRESS answered 500; see its log
    cannot be read: Vault at ADDRESS is sealed; unseal it (`vault operator unseal`)
    cannot be read: Vault at ADDRESS refuses the token (403); renew it with `vault login`, or give its policy the capability read on "secret/data/forbidden"
    "##);
}
