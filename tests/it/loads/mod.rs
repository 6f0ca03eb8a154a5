//! Loads, and their registration: at the daemon's own registry, at another daemon, and at one that does whatever is wrong.

mod commands;
mod crud;
mod facade;
mod faults;
mod killed;
mod own;
mod registry;
mod two_daemons;

use chrono::Utc;
use jarkeeper::identity::{Identity, NewKey, Principal, Reach, Who};
use jarkeeper::store::{AccountRow, PersonRow};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::process::Root;
use crate::support::{Api, answer, with};

/// Asks as the owner, at the socket.
async fn own(api: &Api, method: Method, path: &str) -> (u16, Value) {
    answer(api.own(method, path)).await
}

/// The same with a body.
async fn tell(api: &Api, method: Method, path: &str, body: &Value) -> (u16, Value) {
    answer(with(api.own(method, path), body)).await
}

/// Makes a load that can be registered, and gives its id.
async fn load(api: &Api, name: &str) -> String {
    let new = json!({"name": name, "tags": {"model_name": "small"}});
    let (status, made) = tell(api, Method::POST, "/v1/loads", &new).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Registers a load.
async fn register(api: &Api, load: &str) -> (u16, Value) {
    tell(
        api,
        Method::POST,
        "/v1/registrations",
        &json!({"load": load}),
    )
    .await
}

/// Writes where loads are registered.
fn at(root: &Root, url: &str) {
    root.save("config.toml", &format!("[registry]\nurl = \"{url}\"\n"));
}

/// What the store's files hold.
fn store_text(root: &Root) -> String {
    let store = crate::api::store(root);
    let text = ["", "-wal"].map(|end| {
        let path = format!("{}{end}", store.path().display());
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    text.concat()
}

/// Whether a text stands anywhere in them.
fn store_holds(root: &Root, text: &str) -> bool {
    store_text(root).contains(text)
}

/// A key of a member, who is made for it.
async fn member_key(root: &Root, name: &str) -> String {
    let store = crate::api::store(root);
    let scopes = "profile registry:read registry:write";
    let row = PersonRow {
        id: format!("person-{name}"),
        role: "member".to_owned(),
        name: Some(name.to_owned()),
        email: None,
        scopes: Some(scopes.to_owned()),
        reach: None,
        created_at: Utc::now(),
        last_seen_at: None,
        disabled_at: None,
    };
    let account = AccountRow {
        issuer: "https://issuer.test".to_owned(),
        subject: name.to_owned(),
    };
    let id = row.id.clone();
    store.insert_person(row, account).await.unwrap();
    let identity = Identity::new(store, Utc::now).await.unwrap();
    let person = identity.person(&id).unwrap().id;
    let principal = Principal {
        who: Who::Person(person.clone()),
        person,
        scopes: scopes.parse().unwrap(),
        reach: Reach::All,
        memory_of: None,
        expires_at: None,
    };
    let new = NewKey {
        name: name.to_owned(),
        scopes: scopes.parse().unwrap(),
        reach: Reach::All,
        memory_of: None,
        expires_at: None,
    };
    let made = identity.make_key(&principal, new).await.unwrap();
    made.value.expose_secret().to_owned()
}
