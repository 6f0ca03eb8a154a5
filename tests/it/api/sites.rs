//! What is configured, as callers see it.

use reqwest::Method;
use serde_json::json;

use super::sessions::key;
use crate::support::process::Root;
use crate::support::{Api, answer};

fn recipe(root: &Root, name: &str) {
    root.recipe(
        name,
        "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = \"${PASSWORD}\"\n",
    );
}

#[tokio::test]
async fn sites_are_listed_at_the_socket_and_for_nobody_over_the_network() {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    recipe(&root, "wiki");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (status, sites) = answer(api.own(Method::GET, "/v1/sites")).await;
    assert_eq!(status, 200, "{sites}");
    let wiki = &sites[0];
    assert_eq!((&wiki["site"], &sites[1]), (&json!("wiki"), &json!(null)));
    let session = &wiki["sessions"][0];
    assert_eq!(
        (&session["key"], &session["site"]),
        (&json!("wiki"), &json!("wiki"))
    );
    assert_eq!(
        (&session["account"], &session["alive"]),
        (&json!(null), &json!(null))
    );
    let (status, problem) = answer(api.call(Method::GET, "/v1/sites")).await;
    assert_eq!(status, 401);
    assert_eq!(problem["type"], "urn:jarkeeper:problem:unauthenticated");
}

#[tokio::test]
async fn a_broken_recipe_is_told_to_administrators_and_to_nobody_else() {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    recipe(&root, "wiki");
    root.recipe("broken", "url = \"http://127.0.0.1:9/\"\nuser = \"a\"\n");
    let reader = key(&root, "read", None).await;
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (_, sites) = answer(api.own(Method::GET, "/v1/sites")).await;
    let broken = sites
        .as_array()
        .unwrap()
        .iter()
        .find(|site| site["site"] == "broken");
    let broken = broken.unwrap_or_else(|| panic!("{sites}"));
    assert_eq!(broken["sessions"], json!([]));
    let problem = &broken["problems"][0];
    assert!(
        problem["file"]
            .as_str()
            .unwrap()
            .ends_with("sites/broken.toml")
    );
    assert_eq!(problem["line"], 2, "{problem}");
    assert!(
        problem["message"]
            .as_str()
            .is_some_and(|text| text.contains("user"))
    );
    let call = api
        .call(Method::GET, "/v1/sites")
        .header("x-api-key", &reader);
    let (status, sites) = answer(call).await;
    assert_eq!(status, 200);
    assert!(!sites.to_string().contains("broken"), "{sites}");
    assert_eq!(sites[0]["site"], "wiki");
}
