//! The daemon's door, on the wire.

mod audit;
mod browser;
mod canary;
mod clients;
mod device;
mod document;
mod events;
mod foreign_page;
mod guard;
mod health;
mod id_token;
mod keys;
mod leases;
mod limits;
mod matrix;
mod oauth;
mod people;
mod raw;
mod schema;
mod sessions;
mod sign_in;
mod sign_in_answers;
mod sign_in_browser;
mod sign_in_faults;
mod sites;
mod tls;
mod webhooks;

use chrono::Utc;
use jarkeeper::identity::{Identity, NewKey, Reach};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use secrecy::ExposeSecret;

use crate::support::process::Root;

/// The daemon's store, opened beside it.
pub(crate) fn store(root: &Root) -> Store {
    let files = Files::open(&root.auth()).unwrap();
    Store::open(&files.store_path().unwrap()).unwrap()
}

/// A key of the owner's with these scopes, which reaches every session.
pub(crate) async fn key(root: &Root, scopes: &str) -> String {
    let identity = Identity::new(store(root), Utc::now).await.unwrap();
    let new = NewKey {
        name: "test".to_owned(),
        scopes: scopes.parse().unwrap(),
        reach: Reach::All,
        memory_of: None,
        expires_at: None,
    };
    let made = identity.make_key(&identity.local(0), new).await.unwrap();
    made.value.expose_secret().to_owned()
}

/// Writes a line of `[api]`.
fn configure(root: &Root, line: &str) {
    std::fs::write(root.path().join("config.toml"), format!("[api]\n{line}\n")).unwrap();
}
