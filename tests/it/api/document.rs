//! What the daemon says of itself: the document, and the page that calls it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::Root;
use crate::support::{Api, answer};

async fn document() -> Value {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (status, document) = answer(api.call(Method::GET, "/openapi.json")).await;
    assert_eq!(status, 200);
    document
}

/// Every operation, with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
        let item = item.as_object().unwrap().iter();
        item.filter(move |(method, _)| methods.contains(&method.as_str()))
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[tokio::test]
async fn the_document_is_as_it_was_reviewed() {
    let mut document = document().await;
    document["info"]["version"] = json!("VERSION");
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!("document", text);
}

#[tokio::test]
async fn the_two_ways_to_be_known_are_exactly_those_that_were_promised() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    assert_eq!(schemes.len(), 2);
    assert_eq!(
        schemes["apiKey"],
        json!({ "type": "apiKey", "in": "query", "name": "key" })
    );
    let oauth2 = &schemes["oauth2"];
    assert_eq!(oauth2["type"], "oauth2");
    let flows = oauth2["flows"].as_object().unwrap();
    assert_eq!(flows.len(), 1);
    let flow = &flows["authorizationCode"];
    assert_eq!(
        (&flow["authorizationUrl"], &flow["tokenUrl"]),
        (
            &json!("https://accounts.google.com/o/oauth2/auth"),
            &json!("https://oauth2.googleapis.com/token")
        )
    );
    let scopes = flow["scopes"].as_object().unwrap();
    for scope in jarkeeper::identity::Scope::ALL {
        assert_eq!(scopes[scope.word()], scope.told());
    }
    assert_eq!(scopes.len(), jarkeeper::identity::Scope::ALL.len());
    assert_eq!(
        document["security"],
        json!([{ "oauth2": [] }, { "apiKey": [] }])
    );
}

#[tokio::test]
async fn every_operation_says_who_may_call_it_and_nobody_is_let_in_by_accident() {
    let document = document().await;
    let tags = document["tags"].as_array().unwrap();
    let tags: BTreeSet<_> = tags
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} twice");
        assert!(operation["summary"].is_string(), "{name}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(
                tags.contains(tag.as_str().unwrap()),
                "{name}: {tag} is not described"
            );
        }
        let security = operation["security"].as_array().unwrap();
        let answers = operation["responses"].as_object().unwrap();
        match security.as_slice() {
            [] => assert!(!name.contains(" /v1/"), "{name} is open to everybody"),
            [oauth2, key] => {
                // None: whoever is known may call it, whatever it may do.
                assert!(oauth2["oauth2"].as_array().unwrap().len() <= 1, "{name}");
                assert_eq!(key, &json!({ "apiKey": [] }), "{name}");
                for status in ["400", "401", "403", "429", "503"] {
                    assert!(answers.contains_key(status), "{name} without {status}");
                }
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // The names that the reader's references lead to are all there.
    let text = document.to_string();
    for at in text.split("\"$ref\":\"#").skip(1) {
        let pointer = &at[..at.find('"').unwrap()];
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn the_page_runs_its_own_script_and_no_other() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let response = api.call(Method::GET, "/docs").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = response.text().await.unwrap();
    for elsewhere in ["http://", "https://", "src="] {
        assert!(!page.contains(elsewhere), "{elsewhere} in the page");
    }
    // A path and a method that are not there answer as everything else does.
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::DELETE, "/openapi.json", 405),
    ] {
        let (seen, problem) = answer(api.call(method, path)).await;
        assert_eq!(seen, status);
        assert_eq!(problem["status"], status);
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:jarkeeper:problem:")
        );
    }
}
