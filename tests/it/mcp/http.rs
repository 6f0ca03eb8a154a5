//! Streamable HTTP on the daemon, with API keys.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::{Value, json};

use super::{agent, failed, gave, key, tools};
use crate::support::process::{Root, opens};
use crate::support::{Api, Site, answer};

fn with(api: &Api, key: &str) -> Value {
    json!({ "url": format!("{}/mcp", api.base), "headers": { "X-API-Key": key } })
}

#[tokio::test]
async fn an_agent_with_a_key_lists_renews_and_loads_a_session_and_sees_no_cookie_value() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);
    let key = key(&root, "sessions:read sessions:renew", None).await;
    let calls = [
        ("list_sites", json!({})),
        ("get_session", json!({ "session": "x" })),
        (
            "get_session",
            json!({ "session": "x", "format": "netscape" }),
        ),
        (
            "get_session",
            json!({ "session": "x", "format": "header", "max_age_s": 0 }),
        ),
        ("renew_session", json!({ "session": "x" })),
        ("hand_in_code", json!({ "session": "x", "code": "123456" })),
        ("get_session", json!({ "session": "y" })),
        ("get_session", json!({ "session": "../x" })),
        ("get_session", json!({ "session": "x", "format": "pickle" })),
        ("get_session", json!({})),
        ("no_such_tool", json!({})),
    ];
    let Some(seen) = agent(with(&api, &key), &calls).await else {
        return;
    };
    assert_eq!(seen["server"], "jarkeeper");
    let all = ["get_session", "hand_in_code", "list_sites", "renew_session"];
    assert!(tools(&seen).is_superset(&all.into()), "{seen}");

    let listed = &gave(&seen, 0)["sessions"][0];
    assert_eq!(
        (&listed["session"], &listed["alive"]),
        (&json!("x"), &json!(true))
    );
    let session = gave(&seen, 1);
    let file = root.file("x");
    assert_eq!(session["file"], json!(file));
    assert_eq!(session["domains"], json!(["127.0.0.1"]));
    assert_eq!(session["content"], Value::Null);
    let state = root.state("x").unwrap();
    assert!(opens(&site, &state));
    for (n, mark) in [(2, "# Netscape"), (3, "=")] {
        let exported = std::path::PathBuf::from(gave(&seen, n)["file"].as_str().unwrap());
        assert!(exported.starts_with(root.auth()), "{exported:?}");
        let mode = std::fs::metadata(&exported).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(std::fs::read_to_string(&exported).unwrap().contains(mark));
    }
    assert!(gave(&seen, 4)["how"].is_string());
    assert!(failed(&seen, 5).starts_with("nobody_waits: "));
    assert!(failed(&seen, 6).starts_with("unknown_session: "));
    assert!(failed(&seen, 7).starts_with("unknown_session: "));
    for n in [8, 9] {
        let told = failed(&seen, n);
        assert!(
            told.starts_with("failed to deserialize parameters: "),
            "{told}"
        );
    }
    assert!(seen["results"][10]["refused"].is_string());

    let text = seen.to_string();
    for cookie in &state.cookies {
        assert!(
            !text.contains(&cookie.value),
            "the value of {}",
            cookie.name
        );
    }
}

#[tokio::test]
async fn a_value_is_in_an_answer_only_for_the_scope_that_reveals_it() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);
    let key = key(&root, "sessions:read sessions:reveal", None).await;
    let calls = [
        ("get_session", json!({ "session": "x" })),
        ("get_session", json!({ "session": "x", "max_age_s": 0 })),
    ];
    // As the clients of before 2026-07-28 begin.
    let mut how = with(&api, &key);
    how["mode"] = json!("legacy");
    let Some(seen) = agent(how, &calls).await else {
        return;
    };
    let content = gave(&seen, 0)["content"].as_str().unwrap();
    let state = serde_json::from_str(content).unwrap();
    assert!(opens(&site, &state));
    // What it may not cause it does not cause by asking for a young session.
    assert!(failed(&seen, 1).starts_with("insufficient_scope: "));
}

#[tokio::test]
async fn tools_and_sessions_that_are_not_for_a_key_are_not_there_for_it() {
    let site = Site::start();
    let root = Root::of(&site);
    root.recipe("y", &site.recipe("PASSWORD"));
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let narrow = key(&root, "sessions:read", Some(&["y"])).await;
    let calls = [
        ("list_sites", json!({})),
        ("get_session", json!({ "session": "x" })),
        ("renew_session", json!({ "session": "y" })),
    ];
    let Some(seen) = agent(with(&api, &narrow), &calls).await else {
        return;
    };
    assert_eq!(tools(&seen), ["get_session", "list_sites"].into());
    let listed = gave(&seen, 0)["sessions"].as_array().unwrap();
    assert!(listed.iter().all(|one| one["session"] == "y"), "{listed:?}");
    assert!(failed(&seen, 1).starts_with("unknown_session: "));
    assert!(seen["results"][2]["refused"].is_string(), "{seen}");
    // A key for something else sees nothing.
    let other = key(&root, "profile", None).await;
    let seen = agent(with(&api, &other), &[]).await.unwrap();
    assert!(tools(&seen).is_empty());
}

#[tokio::test]
async fn a_login_that_fails_says_its_class_and_the_way_out() {
    let site = Site::start();
    let root = Root::of(&site);
    root.env("WRONG", "not the password");
    root.recipe("x", &site.recipe("WRONG"));
    let daemon = root.daemon();
    daemon.hears("renewal failed");
    let api = Api::of(&root, &daemon);
    let key = key(&root, "read write", None).await;
    let calls = [
        ("renew_session", json!({ "session": "x" })),
        ("get_session", json!({ "session": "x" })),
        ("list_sites", json!({})),
    ];
    let Some(seen) = agent(with(&api, &key), &calls).await else {
        return;
    };
    let told = failed(&seen, 0);
    assert!(told.starts_with("wrong_credentials: "), "{told}");
    assert!(told.contains("jarkeeper release x"), "{told}");
    assert!(failed(&seen, 1).starts_with("no_session: "));
    let listed = &gave(&seen, 2)["sessions"][0];
    assert_eq!(listed["last_failure"], "wrong_credentials");
    assert!(listed["held"].is_string());
    // The model cannot make it submit again.
    assert_eq!(root.ledger("x", "submit"), 1);
}

#[tokio::test]
async fn a_stranger_hears_where_to_sign_in_and_a_page_is_not_served() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let response = api.call(Method::POST, "/mcp").send().await.unwrap();
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", api.base);
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(
        challenge.contains(&format!("resource_metadata=\"{metadata}\"")),
        "{challenge}"
    );

    let key = key(&root, "read", None).await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let call = || {
        api.call(Method::POST, "/mcp")
            .header("X-API-Key", &key)
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .body(list.to_string())
    };
    let (status, answered) = answer(call()).await;
    assert_eq!(status, 200, "{answered}");
    assert!(answered["result"]["tools"].is_array());
    let port = api.base.rsplit(':').next().unwrap();
    for host in [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        "0.0.0.0".to_owned(),
    ] {
        let (status, _) = answer(call().header("Host", &host)).await;
        assert!((400..500).contains(&status), "{host}: {status}");
    }
    for origin in ["https://evil.test", "null"] {
        let (status, _) = answer(call().header("Origin", origin)).await;
        assert_eq!(status, 403, "{origin}");
    }
    for accept in ["text/html", "application/json"] {
        let (status, problem) = answer(call().header("Accept", accept)).await;
        assert!((400..500).contains(&status) || status == 200, "{problem}");
    }
}

#[tokio::test]
async fn an_account_is_leased_to_one_agent_and_given_back() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);
    let first = key(&root, "sessions:read sessions:lease", None).await;
    let second = key(&root, "sessions:lease", None).await;
    let take = (
        "lease_account",
        json!({ "site": "x", "ttl_s": 60, "purpose": "a test" }),
    );
    let Some(seen) = agent(with(&api, &first), std::slice::from_ref(&take)).await else {
        return;
    };
    let lease = gave(&seen, 0)["lease"].as_str().unwrap().to_owned();
    assert_eq!(gave(&seen, 0)["session"], "x");
    let own = |tool| (tool, json!({ "lease": lease }));
    let tried = [take.clone(), own("extend_lease"), own("release_lease")];
    let seen = agent(with(&api, &second), &tried).await.unwrap();
    assert!(failed(&seen, 0).starts_with("none_free: "), "{seen}");
    assert!(failed(&seen, 1).starts_with("unknown_lease: "), "{seen}");
    assert!(failed(&seen, 2).starts_with("unknown_lease: "), "{seen}");
    let calls = [
        ("extend_lease", json!({ "lease": lease, "ttl_s": 120 })),
        ("extend_lease", json!({ "lease": lease, "ttl_s": 1 })),
        own("release_lease"),
        own("release_lease"),
        own("extend_lease"),
    ];
    let seen = agent(with(&api, &first), &calls).await.unwrap();
    assert_eq!(gave(&seen, 0)["lease"], lease);
    assert!(
        failed(&seen, 1).starts_with("invalid_arguments: "),
        "{seen}"
    );
    assert_eq!(gave(&seen, 2)["released"], true);
    assert_eq!(gave(&seen, 3)["released"], true);
    assert!(failed(&seen, 4).starts_with("lease_ended: "), "{seen}");
    let seen = agent(with(&api, &second), &[take]).await.unwrap();
    assert_eq!(gave(&seen, 0)["session"], "x");
}

#[tokio::test]
async fn the_tools_are_there_under_the_public_name_and_under_no_foreign_one() {
    let root = Root::new();
    let config = "[api]\npublic_url = \"https://jar.example\"\n";
    std::fs::write(root.path().join("config.toml"), config).unwrap();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "sessions:read", None).await;
    let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    } });
    let asked = |host: &str| {
        let request = api.call(Method::POST, "/mcp").header("x-api-key", &key);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("content-type", "application/json");
        request.header("host", host).body(ask.to_string())
    };
    let (status, told) = answer(asked("jar.example")).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["result"]["serverInfo"]["name"], "jarkeeper");
    assert_eq!(answer(asked("evil.example")).await.0, 403);
}
