//! The audit log: what is in it, and what is not done without it.

use jarkeeper::session::Files;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::Value;

use crate::api::key;
use crate::api::sessions::logged_in;
use crate::support::process::Root;
use crate::support::{Api, Site, answer};

/// The lines that this query finds, newest first.
async fn lines(api: &Api, query: &str) -> Vec<Value> {
    let (status, page) = answer(api.own(Method::GET, &format!("/v1/audit{query}"))).await;
    assert_eq!(status, 200, "{page}");
    page["lines"].as_array().unwrap().clone()
}

/// Makes every new line fail.
fn break_log(root: &Root) {
    let files = Files::open(&root.auth()).unwrap();
    let connection = Connection::open(files.store_path().unwrap()).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER no_more BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken for a test'); END",
        )
        .unwrap();
}

#[tokio::test]
async fn who_did_what_and_how_it_ended_is_written_down() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read").await;
    let calls = [
        api.call(Method::GET, "/v1/sites").bearer_auth(&key),
        api.call(Method::GET, "/v1/audit").bearer_auth(&key),
        api.call(Method::GET, "/v1/sites").bearer_auth("wrong"),
        api.call(Method::GET, "/v1/sites"),
        api.own(Method::GET, "/v1/sites"),
    ];
    for call in calls {
        call.send().await.unwrap();
    }
    let all = lines(&api, "").await;
    let told: Vec<_> = all
        .iter()
        .map(|line| {
            let who = line["principal"].as_str().unwrap();
            let kind = who.split(':').next().unwrap();
            format!(
                "{kind} {} {} {}",
                line["peer"].as_str().unwrap(),
                line["action"].as_str().unwrap(),
                line["result"]
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    local socket sites.list 200
    anonymous 127.0.0.1 sites.list 401
    key 127.0.0.1 audit.list 403
    key 127.0.0.1 sites.list 200
    ");
    let who = all[3]["principal"].as_str().unwrap();
    assert_eq!(lines(&api, &format!("?principal={who}")).await, all[2..]);
    let page = answer(api.own(Method::GET, "/v1/audit?limit=1")).await.1;
    assert_eq!(page["lines"][0]["action"], "audit.list");
    let before = format!("?limit=2&before={}", all[1]["id"]);
    assert_eq!(lines(&api, &before).await, all[2..]);
    for bad in ["?limit=0", "?limit=1001", "?limit=x", "?nonsense=1"] {
        let (status, _) = answer(api.own(Method::GET, &format!("/v1/audit{bad}"))).await;
        assert_eq!(status, 400, "{bad}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let (status, _) = answer(api.own(method, "/v1/audit")).await;
        assert_eq!(status, 405);
    }
}

#[tokio::test]
async fn lists_are_given_when_the_log_is_broken_and_the_daemon_complains() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    break_log(&root);
    let (status, _) = answer(api.own(Method::GET, "/v1/sites")).await;
    assert_eq!(status, 200);
    daemon.hears("the audit log cannot be written");
}

#[tokio::test]
async fn credentials_do_not_change_and_cookies_are_not_given_without_a_line() {
    let site = Site::start();
    let root = Root::of(&site);
    let (daemon, api) = logged_in(&root).await;
    let read = || api.own(Method::GET, "/v1/sessions/x/state");
    let (status, given) = answer(read()).await;
    assert_eq!(status, 200, "{given}");
    let cookie = given["cookies"][0]["value"].as_str().unwrap();
    let make = || {
        let request = api.own(Method::POST, "/v1/keys");
        let request = request.header("content-type", "application/json");
        request.body(r#"{"name":"x","scopes":["read"]}"#)
    };
    let (status, made) = answer(make()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let told: Vec<_> = lines(&api, "?limit=3")
        .await
        .iter()
        .map(|line| format!("{} {} {}", line["action"], line["subject"], line["result"]))
        .collect();
    assert_eq!(
        told,
        [
            format!("\"keys.create\" \"{id}\" 201"),
            "\"keys.create\" null 0".to_owned(),
            "\"sessions.state.get\" \"x\" 200".to_owned(),
        ]
    );

    break_log(&root);
    let keys = async || answer(api.own(Method::GET, "/v1/keys")).await.1.to_string();
    let before = keys().await;
    let refused = [
        read(),
        make(),
        api.own(Method::DELETE, &format!("/v1/keys/{id}")),
        api.own(Method::POST, "/v1/tickets"),
    ];
    for request in refused {
        let (status, problem) = answer(request).await;
        assert_eq!(status, 503, "{problem}");
        assert_eq!(problem["type"], "urn:jarkeeper:problem:no-audit");
        assert!(!problem.to_string().contains(cookie));
    }
    assert_eq!(keys().await, before);
    daemon.hears("the audit log cannot be written");
}

#[tokio::test]
async fn a_wrong_proof_at_the_tools_leaves_a_line() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let call = api.call(Method::POST, "/mcp").bearer_auth("jk_wrong");
    assert_eq!(answer(call).await.0, 401);
    let all = lines(&api, "").await;
    let line = &all[0];
    assert_eq!(
        (&line["action"], &line["result"]),
        (&"mcp".into(), &401.into())
    );
    assert_eq!(line["principal"], "anonymous");
}
