//! An agent that is told nothing but the address of the tools: it finds the authorization server, registers, has a person agree
//! in Chromium, and calls each tool with what it gets.

use reqwest::Method;
use serde_json::json;

use super::{agent, gave, tools};
use crate::support::process::Root;
use crate::support::{Api, Site, answer};

#[tokio::test]
async fn an_agent_finds_the_sign_in_by_itself_and_calls_each_tool() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);
    let (status, ticket) = answer(api.own(Method::POST, "/v1/tickets")).await;
    assert_eq!(status, 201, "{ticket}");
    let how = json!({
        "url": format!("{}/mcp", api.base),
        "oauth": { "ticket": ticket["url"], "answer": "allow" },
    });
    let calls = [
        ("list_sites", json!({})),
        ("get_session", json!({ "session": "x" })),
        ("renew_session", json!({ "session": "x" })),
        ("hand_in_code", json!({ "session": "x", "code": "123456" })),
        ("lease_account", json!({ "site": "x", "ttl_s": 60 })),
    ];
    let Some(seen) = agent(how, &calls).await else {
        return;
    };
    let asked: url::Url = seen["authorize"].as_str().unwrap().parse().unwrap();
    let asked: std::collections::HashMap<_, _> = asked.query_pairs().collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["resource"], format!("{}/mcp", api.base));
    let consent = seen["consent"].as_str().unwrap();
    assert!(consent.contains("A test's agent"), "{consent}");
    // What no model should be given by the way is not asked for.
    assert!(!consent.contains("(admin)") && !consent.contains("(sessions:reveal)"));
    assert!(tools(&seen).contains("renew_session"));
    assert_eq!(gave(&seen, 0)["sessions"][0]["session"], "x");
    assert_eq!(gave(&seen, 1)["content"], serde_json::Value::Null);
    assert!(gave(&seen, 2)["how"].is_string());
    assert_eq!(seen["results"][3]["failed"], true);

    // Who called is in the log, by the token's grant.
    let (_, log) = answer(api.own(Method::GET, "/v1/audit?limit=50")).await;
    let lines = log["lines"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["action"] == "tools.get_session");
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line["principal"].as_str().unwrap().starts_with("token:"),
        "{line}"
    );
    assert_eq!(
        (&line["subject"], &line["result"]),
        (&json!("x"), &json!(200))
    );
}
