//! What is configured, as callers see it.

use reqwest::Method;
use serde_json::json;

use crate::support::process::Root;
use crate::support::{Api, answer};

#[tokio::test]
async fn sites_are_listed_at_the_socket_and_for_nobody_over_the_network() {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    root.recipe(
        "wiki",
        "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = \"${PASSWORD}\"\n",
    );
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (status, sites) = answer(api.own(Method::GET, "/v1/sites")).await;
    assert_eq!(status, 200, "{sites}");
    assert_eq!(sites, json!([{ "site": "wiki", "sessions": ["wiki"] }]));
    let (status, problem) = answer(api.call(Method::GET, "/v1/sites")).await;
    assert_eq!(status, 401);
    assert_eq!(problem["type"], "urn:jarkeeper:problem:unauthenticated");
}
