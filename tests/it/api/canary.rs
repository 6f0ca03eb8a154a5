//! Keys that are shown are nowhere afterwards: not in a log at its finest level, not in an answer, not in the store.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use reqwest::Method;

use super::matrix::{operations, read};
use crate::api::key;
use crate::support::Api;
use crate::support::process::Root;

/// As many keys that nobody gave out.
const CANARIES: usize = 19;

/// Every character as `%XX`.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// How a key may turn up.
fn spellings(key: &str) -> Vec<String> {
    vec![
        key.to_owned(),
        percent(key),
        percent(key).to_lowercase(),
        // Two characters in, Base64 is the same wherever it begins.
        STANDARD_NO_PAD.encode(key)[..40].to_owned(),
        STANDARD_NO_PAD.encode(&key[1..])[..40].to_owned(),
        STANDARD_NO_PAD.encode(&key[2..])[..40].to_owned(),
    ]
}

#[tokio::test]
async fn a_key_that_is_shown_is_nowhere_afterwards() {
    let root = Root::new();
    root.env("JARKEEPER_LOG__FILTER", "trace");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let mut keys: Vec<String> = (0..CANARIES)
        .map(|n| format!("jk_{}", URL_SAFE_NO_PAD.encode([n as u8 ^ 0xa5; 32])))
        .collect();
    keys.push(key(&root, "read").await);
    let all = operations(&api).await;
    for (index, key) in keys.iter().enumerate() {
        let good = index == CANARIES;
        let needles = spellings(key);
        for operation in &all {
            if good && operation.method != Method::GET {
                continue;
            }
            let place = operation.place();
            let ask = |query: &str| api.call(operation.method.clone(), &format!("{place}{query}"));
            let basic = STANDARD_NO_PAD.encode(format!("{key}:"));
            let asked = [
                ask(&format!("?key={key}")),
                ask(&format!("?a=b&%6bey={}&c", percent(key))),
                ask(&format!("?access_token={key}")),
                ask("").header("x-api-key", key),
                ask("").bearer_auth(key),
                ask("").header("authorization", format!("Basic {basic}")),
                ask(&format!("?key={key}")).header("referer", format!("http://x/?key={key}")),
                ask(&format!("?key={key}")).header("origin", "https://evil.test"),
            ];
            // All eight of every operation for one key, one of each for the others.
            for (at, request) in asked.into_iter().enumerate() {
                if index != 0 && !good && at != index % 8 {
                    continue;
                }
                let response = request.send().await.unwrap();
                let headers = format!("{:?}", response.headers());
                let body = read(response).await;
                for needle in &needles {
                    let found = body.contains(needle) || headers.contains(needle);
                    assert!(
                        !found,
                        "{} {place} {at}: {headers} {body}",
                        operation.method
                    );
                }
            }
        }
        // Where a name belongs.
        let wrong = api.own(Method::GET, &format!("/v1/sessions/{key}"));
        wrong.send().await.unwrap();
    }
    let metrics = api.own(Method::GET, "/metrics").send().await.unwrap();
    let mut sinks = vec![("metrics", metrics.text().await.unwrap())];
    let log: Vec<_> = daemon.log().iter().map(ToString::to_string).collect();
    assert!(
        log.iter()
            .any(|line| line.contains("TRACE") || line.contains("DEBUG"))
    );
    sinks.push(("log", log.join("\n")));
    let store = crate::api::store(&root);
    for end in ["", "-wal"] {
        let path = format!("{}{end}", store.path().display());
        let bytes = std::fs::read(path).unwrap_or_default();
        sinks.push(("store", String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (name, text) in &sinks {
        for key in &keys {
            for needle in spellings(key) {
                assert!(!text.contains(&needle), "{name} holds {needle}");
            }
        }
    }
}
