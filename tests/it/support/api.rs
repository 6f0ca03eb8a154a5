//! A daemon's API, as its callers reach it.

use chrono::{TimeDelta, Utc};
use jarkeeper::identity::{Identity, NewKey, Principal, Reach};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::process::{Daemon, Root};

/// The API of one daemon.
pub(crate) struct Api {
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    network: Client,
    socket: Client,
}

impl Api {
    /// Waits until the daemon serves it.
    pub(crate) fn of(root: &Root, daemon: &Daemon) -> Self {
        let line = daemon.hears("the API is served");
        let address = line["address"].as_str().unwrap();
        let files = Files::open(&root.auth()).unwrap();
        let way = files.daemon_way().unwrap().expect("the daemon's socket");
        // The path leads through an open folder, which must stay open as long as the client.
        let path = std::fs::canonicalize(way.path()).unwrap();
        let plain = || {
            Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
        };
        Self {
            base: format!("http://{address}"),
            network: plain().build().unwrap(),
            socket: plain().unix_socket(path).build().unwrap(),
        }
    }

    /// A request over the network, with no credentials yet.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.network.request(method, format!("{}{path}", self.base))
    }

    /// A request at the socket: as the owner.
    pub(crate) fn own(&self, method: Method, path: &str) -> RequestBuilder {
        self.socket
            .request(method, format!("http://localhost{path}"))
    }
}

/// An API key of the owner, made beside the daemon; it reaches these sites, or all where none is named, and ends after
/// `life`.
pub(crate) async fn key(root: &Root, scopes: &str, sites: &[&str], life: TimeDelta) -> String {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let identity = Identity::new(Store::open(&path).unwrap(), Utc::now)
        .await
        .unwrap();
    let owner: Principal = identity.local(0);
    let sites: Vec<String> = sites.iter().map(|site| (*site).to_owned()).collect();
    let new = NewKey {
        name: "test".to_owned(),
        scopes: scopes.parse().unwrap(),
        reach: Reach::of((!sites.is_empty()).then_some(sites.as_slice())).unwrap(),
        memory_of: None,
        expires_at: Some(Utc::now() + life),
    };
    let made = identity.make_key(&owner, new).await.unwrap();
    made.value.expose_secret().to_owned()
}

/// The request with a JSON body.
pub(crate) fn with(request: RequestBuilder, body: &Value) -> RequestBuilder {
    let kind = reqwest::header::CONTENT_TYPE;
    request
        .header(kind, "application/json")
        .body(body.to_string())
}

/// Sends it; the status and the JSON of the answer, `Null` where it has none.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
