//! Sessions, as agents and scripts reach them.

mod change;
mod real;
mod renew;
mod state;

use std::time::Duration;

use chrono::Utc;
use jarkeeper::identity::{Identity, NewKey, Reach};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::process::{Daemon, Root};
use crate::support::{Api, Site, answer};

/// Longest wait for one condition.
const PATIENCE: Duration = Duration::from_secs(60);

/// A key of the owner's with these scopes, for these sessions; `None`: for all. Before the daemon is started.
pub(super) async fn key(root: &Root, scopes: &str, reach: Option<&[&str]>) -> String {
    let files = Files::open(&root.auth()).unwrap();
    let store = Store::open(&files.store_path().unwrap()).unwrap();
    let identity = Identity::new(store, Utc::now).await.unwrap();
    let reach = reach.map(|words| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    });
    let new = NewKey {
        name: "a test's".to_owned(),
        scopes: scopes.parse().unwrap(),
        reach: Reach::of(reach.as_deref()).unwrap(),
        memory_of: None,
        expires_at: None,
    };
    let made = identity.make_key(&identity.local(0), new).await.unwrap();
    made.value.expose_secret().to_owned()
}

/// A call with a key.
fn with(api: &Api, key: &str, method: Method, path: &str) -> RequestBuilder {
    api.call(method, path).header("x-api-key", key)
}

/// Sends it, and expects this status.
async fn expect(request: RequestBuilder, status: u16) -> Value {
    let (got, body) = answer(request).await;
    assert_eq!(got, status, "{body}");
    body
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// JSON on the wire.
trait Json {
    /// The request with this body.
    fn body_of(self, body: &Value) -> RequestBuilder;
}

impl Json for RequestBuilder {
    fn body_of(self, body: &Value) -> RequestBuilder {
        let kind = ("content-type", "application/json");
        self.header(kind.0, kind.1).body(body.to_string())
    }
}

/// The body of an answer.
async fn read<T: DeserializeOwned>(response: Response) -> T {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Waits until the condition of a session is as asked.
async fn until(api: &Api, session: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/sessions/{session}");
    let look = async {
        loop {
            let (_, condition) = answer(api.own(Method::GET, &path)).await;
            if ready(&condition) {
                return condition;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ready = tokio::time::timeout(PATIENCE, look).await;
    ready.unwrap_or_else(|_| panic!("the awaited condition of {session} did not come"))
}

/// A daemon that has logged in to `x`, and has seen it alive since: one that dies before is not made again at once.
pub(super) async fn logged_in(root: &Root) -> (Daemon, Api) {
    let daemon = root.daemon();
    let api = Api::of(root, &daemon);
    until(&api, "x", |x| x["alive"] == true).await;
    expect(api.own(Method::POST, "/v1/sessions/x/check"), 200).await;
    (daemon, api)
}

#[tokio::test]
async fn callers_see_the_condition_that_status_shows() {
    let site = Site::start();
    let root = Root::of(&site);
    let more =
        "[[accounts]]\nname = \"ops\"\nusername = \"ops\"\npassword = { env = \"PASSWORD\" }\n";
    root.recipe("x", &(site.recipe("PASSWORD") + more));
    site.set_account("ops", Site::PASSWORD);
    let (_daemon, api) = logged_in(&root).await;
    until(&api, "x:ops", |ops| ops["alive"] == true).await;
    let listed = expect(api.own(Method::GET, "/v1/sessions"), 200).await;
    assert_eq!(listed, root.run(&["status", "--json"]).json());
    assert_eq!(listed[1]["key"], "x:ops");
    let shown = expect(api.own(Method::GET, "/v1/sessions/x:ops"), 200).await;
    assert_eq!(shown, listed[1]);
    let sites = expect(api.own(Method::GET, "/v1/sites"), 200).await;
    assert_eq!(sites, json!([{ "site": "x", "sessions": listed }]));
    assert_eq!(
        (&shown["last_result"], &shown["hold"]),
        (&json!("logged_in"), &json!(null))
    );
    assert!(shown["expires_at"].is_string() && shown["next_renewal_at"].is_string());
}

/// Every operation on one session: method, what comes behind its name, and a body.
fn operations() -> Vec<(Method, &'static str, Option<Value>)> {
    vec![
        (Method::GET, "", None),
        (Method::DELETE, "", None),
        (Method::GET, "/state", None),
        (Method::GET, "/state?max_age=1s&wait=0", None),
        (Method::PUT, "/state", Some(json!({ "cookies": [] }))),
        (Method::POST, "/renew", Some(json!({ "wait": 0 }))),
        (Method::POST, "/check", None),
        (Method::POST, "/code", Some(json!({ "code": "1" }))),
        (Method::POST, "/hold", Some(json!({ "why": "" }))),
        (Method::POST, "/release", None),
        (Method::GET, "/renewals", None),
        (Method::GET, "/artefacts/x", None),
        (Method::GET, "/artefacts/x/page.png", None),
    ]
}

#[tokio::test]
async fn a_session_out_of_reach_answers_as_one_that_is_not_there() {
    let site = Site::start();
    let root = Root::of(&site);
    root.recipe("other", &(site.recipe("PASSWORD") + "combine = [\"x\"]\n"));
    let mine = key(&root, "read write admin", Some(&["x"])).await;
    let none = key(&root, "read write", Some(&[])).await;
    let reader = key(&root, "read", None).await;
    let (_daemon, api) = logged_in(&root).await;
    until(&api, "other", |other| other["alive"] == true).await;
    let before = site.submissions().len();
    let listed = expect(with(&api, &mine, Method::GET, "/v1/sessions"), 200).await;
    assert_eq!((&listed[0]["key"], &listed[1]), (&json!("x"), &json!(null)));
    let listed = expect(with(&api, &none, Method::GET, "/v1/sites"), 200).await;
    assert_eq!(listed, json!([]));
    for (method, rest, body) in operations() {
        let call = |key: &str, name: &str| {
            let path = format!("/v1/sessions/{name}{rest}");
            let call = with(&api, key, method.clone(), &path);
            match &body {
                Some(body) => call.body_of(body),
                None => call,
            }
        };
        let missing = expect(call(&mine, "nothing"), 404).await;
        assert_eq!(missing["type"], "urn:jarkeeper:problem:unknown-session");
        for hidden in ["other", "other.x", "x:other", "other@other.x"] {
            let hidden_body = expect(call(&mine, hidden), 404).await.to_string();
            assert_eq!(hidden_body.replace(hidden, "nothing"), missing.to_string());
        }
        expect(call(&none, "x"), 404).await;
        for name in [
            "%2e%2e%2fx",
            "X",
            "a%00b",
            "x%2f..",
            "a.a",
            &"x".repeat(4096),
        ] {
            let problem = expect(call(&mine, name), 400).await;
            assert_eq!(problem["type"], "urn:jarkeeper:problem:invalid-request");
        }
        if method != Method::GET {
            let problem = expect(call(&reader, "x"), 403).await;
            assert_eq!(problem["type"], "urn:jarkeeper:problem:insufficient-scope");
        }
        let (status, _) = answer(call("jk_nobody", "x")).await;
        assert_eq!(status, 401);
    }
    assert_eq!(site.submissions().len(), before);
}
