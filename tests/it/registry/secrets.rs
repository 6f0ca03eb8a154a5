//! Line 22 of the contract: a password is in no log, no answer but that which gives it, and in no file.

use reqwest::Method;
use serde_json::json;

use super::{House, again, five, made};
use crate::support::answer;
use crate::support::oauth::Carries as _;
use crate::support::process::Root;

#[tokio::test]
async fn line_22_no_password_is_anywhere_but_in_the_answer_that_gives_it() {
    let root = Root::new();
    root.env("JARKEEPER_LOG__FILTER", "trace");
    let house = House::on(root);
    let retry = "retry-key-0123456789abcdef-0123456789";
    let register = || {
        house
            .call(Method::POST, "/api/upload/register", None)
            .header("idempotency-key", retry)
    };
    let first = made(answer(register().json(&five("a"))).await);
    let second = made(answer(register().json(&five("a"))).await);
    assert_eq!(first.id, second.id);
    let third = made(
        house
            .register(&again("b", &first.id), Some(&second.bearer()))
            .await,
    );
    let wrong = format!("jp_{}", "W".repeat(43));
    let path = format!("/api/upload/{}", first.id);
    let secrets = [
        &first.password,
        &second.password,
        &third.password,
        &wrong,
        &retry.to_owned(),
    ];
    let mut said = Vec::new();
    // An idempotency key stands in no path and no query.
    for secret in &secrets[..4] {
        let bearer = format!("{}:{secret}", first.id);
        for request in [
            house.call(Method::GET, &path, Some(&bearer)),
            house.call(Method::GET, &format!("{path}?password={secret}"), None),
            house.call(
                Method::GET,
                &format!("/api/ws/{}?password={secret}", first.id),
                None,
            ),
            house.call(Method::GET, &format!("/api/upload/{secret}"), None),
            house.call(
                Method::DELETE,
                &format!("/api/upload/{secret}"),
                Some(&third.bearer()),
            ),
            house.call(Method::GET, "/api/upload/list", Some(&bearer)),
            house
                .call(Method::PUT, &path, Some(&bearer))
                .json(&json!({ "upload_name": 1, "email": secret })),
            house
                .call(Method::POST, "/api/roles", Some(&bearer))
                .json(&json!({ "role_id": [secret] })),
            house
                .call(Method::POST, "/api/upload/register", Some(&bearer))
                .json(&json!({ "upload_name": { "a": secret } })),
        ] {
            let response = request.send().await.unwrap();
            said.push(format!("{:?}", response.headers()));
            said.push(response.text().await.unwrap());
        }
    }
    let audit = answer(house.api.own(Method::GET, "/v1/audit?limit=1000"))
        .await
        .1;
    said.push(audit.to_string());
    assert!(
        audit
            .to_string()
            .contains(&format!("instance:{}", first.id)),
        "{audit}"
    );
    let log = house.daemon.log();
    assert!(log.iter().any(|line| line["level"] == "TRACE"), "{log:#?}");
    said.extend(log.iter().map(ToString::to_string));
    for secret in secrets {
        let found = said.iter().find(|text| text.contains(secret.as_str()));
        assert!(found.is_none(), "{found:?}");
        for entry in std::fs::read_dir(house.root.auth().join(".jarkeeper/store")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }
}
