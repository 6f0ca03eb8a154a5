//! Holding, releasing, deleting and bringing sessions.

use jarkeeper::session::StorageState;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Json, expect, key, logged_in, until, with};
use crate::support::Site;
use crate::support::process::{Root, opens};

#[tokio::test]
async fn a_held_session_is_left_alone_until_it_is_released() {
    let site = Site::start();
    let root = Root::of(&site);
    let agent = key(&root, "sessions:read sessions:renew", None).await;
    let (_daemon, api) = logged_in(&root).await;
    let post = |verb: &str| api.own(Method::POST, &format!("/v1/sessions/x/{verb}"));
    let long = json!({ "why": "x".repeat(1001) });
    expect(post("hold").body_of(&long), 400).await;
    let held = expect(
        post("hold").body_of(&json!({ "why": "the site moves" })),
        200,
    )
    .await;
    assert_eq!(held["hold"]["class"], "person");
    assert_eq!(held["hold"]["why"], "the site moves");
    assert_eq!(held["next_renewal_at"], Value::Null);
    site.invalidate();
    let problem = expect(post("renew"), 409).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:session-held");
    assert!(problem["class"].is_null());
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("the site moves")
    );
    let path = "/v1/sessions/x/state?max_age=0s";
    expect(with(&api, &agent, Method::GET, path), 409).await;
    expect(
        with(&api, &agent, Method::POST, "/v1/sessions/x/release"),
        403,
    )
    .await;
    assert_eq!(site.submissions().len(), 1);
    let released = expect(post("release"), 200).await;
    assert_eq!(
        (&released["hold"], &released["last_result"]),
        (&Value::Null, &json!("released"))
    );
    expect(with(&api, &agent, Method::GET, path), 200).await;
    assert_eq!(site.submissions().len(), 2);
}

/// Files below `.auth` that hold this text.
fn hold(root: &Root, text: &str) -> Vec<std::path::PathBuf> {
    fn look(folder: &std::path::Path, text: &str, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, text, found);
            } else if std::fs::read(&path)
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    look(&root.auth(), text, &mut found);
    found
}

fn sid(state: &StorageState) -> String {
    let cookie = state.cookies.iter().find(|cookie| cookie.name == "sid");
    cookie.unwrap().value.clone()
}

#[tokio::test]
async fn a_deleted_session_is_nowhere_any_more_and_is_made_again() {
    let site = Site::start();
    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    let first = sid(&root.state("x").unwrap());
    // A second one, so that there is a generation before.
    site.invalidate();
    expect(
        api.own(Method::GET, "/v1/sessions/x/state?max_age=0s&wait=60s"),
        200,
    )
    .await;
    let second = sid(&root.state("x").unwrap());
    assert!(!hold(&root, &first).is_empty() && !hold(&root, &second).is_empty());
    expect(
        api.own(Method::POST, "/v1/sessions/x/hold")
            .body_of(&json!({ "why": "" })),
        200,
    )
    .await;
    expect(api.own(Method::DELETE, "/v1/sessions/x"), 204).await;
    for value in [&first, &second] {
        assert_eq!(hold(&root, value), Vec::<std::path::PathBuf>::new());
    }
    let gone = expect(api.own(Method::GET, "/v1/sessions/x"), 200).await;
    for empty in ["alive", "proven_at", "captured_at", "expires_at"] {
        assert_eq!(gone[empty], Value::Null, "{empty}");
    }
    assert_eq!(gone["last_result"], "deleted");
    assert_eq!(gone["hold"]["class"], "person");
    let problem = expect(api.own(Method::GET, "/v1/sessions/x/state"), 409).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:no-session-yet");
    assert_eq!(site.sessions(), 1, "the site's logout is not called");
    // Deleting what is not there is fine, too.
    expect(api.own(Method::DELETE, "/v1/sessions/x"), 204).await;
    expect(api.own(Method::POST, "/v1/sessions/x/release"), 200).await;
    until(&api, "x", |x| x["alive"] == true).await;
    assert_eq!(site.submissions().len(), 3);
}

#[tokio::test]
async fn a_session_is_brought_in_any_form_once_it_is_seen_to_be_logged_in() {
    let site = Site::start();
    // Where the session comes from: a browser that somebody is logged in with.
    let elsewhere = Root::of(&site);
    assert_eq!(elsewhere.run(&["login", "x"]).code, Some(0));
    let export = |format: &str| {
        let ended = elsewhere.run(&["export", "x", "--format", format]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let forms = [
        ("application/json", export("storage-state")),
        ("text/plain", export("netscape")),
        ("application/json; charset=utf-8", export("puppeteer")),
        ("application/json", export("selenium")),
    ];
    let brought = sid(&elsewhere.state("x").unwrap());
    drop(elsewhere);

    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    let own = sid(&root.state("x").unwrap());
    let put = |kind: &str, text: &str| {
        api.own(Method::PUT, "/v1/sessions/x/state")
            .header("content-type", kind)
            .body(text.to_owned())
    };
    for (kind, text) in &forms {
        let taken = expect(put(kind, text), 200).await;
        assert_eq!(
            (&taken["key"], &taken["alive"]),
            (&json!("x"), &json!(true))
        );
        let state = root.state("x").unwrap();
        assert_eq!(sid(&state), brought);
        assert!(opens(&site, &state));
    }
    assert_eq!(
        site.submissions().len(),
        2,
        "one login each, elsewhere and here"
    );
    for (kind, text, status) in [
        ("application/json", "{", 400),
        ("application/json", "{}", 400),
        ("text/plain", "what is this", 400),
        ("application/octet-stream", &*forms[0].1, 415),
        ("application/x-www-form-urlencoded", &forms[0].1, 415),
    ] {
        let problem = expect(put(kind, text), status).await;
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.contains(&brought))
        );
    }
    let dead = forms[0]
        .1
        .replace(&brought, &own.replace(|_: char| true, "0"));
    let problem = expect(put("application/json", &dead), 422).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:not-logged-in");
    assert_eq!(
        sid(&root.state("x").unwrap()),
        brought,
        "the present one stays"
    );
    // Beyond what axum takes by itself.
    let large = forms[0].1.replacen(
        "\"origins\"",
        &format!("\"padding\": \"{}\", \"origins\"", "x".repeat(5 << 20)),
        1,
    );
    expect(put("application/json", &large), 200).await;
}
