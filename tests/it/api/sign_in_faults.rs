//! Providers that do not answer, or not as one should.

use serde_json::json;

use super::sign_in::refused;
use crate::support::provider::{Provider, Reply};
use crate::support::provider_door::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_describe_itself_as_it_should_is_not_used() {
    type Describe = Box<dyn Fn(serde_json::Value) -> Reply + Send>;
    fn with(name: &'static str, value: serde_json::Value) -> Describe {
        Box::new(move |mut said| {
            match &value {
                serde_json::Value::Null => drop(said.as_object_mut().unwrap().remove(name)),
                value => said[name] = value.clone(),
            }
            Reply::Json(said)
        })
    }
    let cases: Vec<(&str, Describe, &str)> = vec![
        (
            "another issuer",
            with("issuer", json!("https://evil.example")),
            "calls itself",
        ),
        ("no issuer", with("issuer", json!(null)), "describe itself"),
        ("10 MB", Box::new(|_| Reply::Huge(10_000_000)), "more than"),
        (
            "a redirect",
            Box::new(|_| Reply::Redirect("https://evil.example/".into())),
            "leads elsewhere",
        ),
        (
            "404",
            Box::new(|_| Reply::Text(404, "{}".into())),
            "status 404",
        ),
        (
            "500",
            Box::new(|_| Reply::Text(500, "{}".into())),
            "status 500",
        ),
        (
            "no JSON",
            Box::new(|_| Reply::Text(200, "<html>".into())),
            "describe itself",
        ),
        (
            "deep JSON",
            Box::new(|_| Reply::Text(200, "[".repeat(100_000))),
            "describe itself",
        ),
        (
            "http elsewhere",
            with("token_endpoint", json!("http://login.example/token")),
            "not https",
        ),
        (
            "a file",
            with("jwks_uri", json!("file:///etc/passwd")),
            "not https",
        ),
        (
            "javascript",
            with("authorization_endpoint", json!("javascript:alert(1)")),
            "not https",
        ),
        ("no keys", with("jwks_uri", json!(null)), "describe itself"),
        (
            "no tokens",
            with("token_endpoint", json!(null)),
            "no token endpoint",
        ),
        (
            "only HS256",
            with(
                "id_token_signing_alg_values_supported",
                json!(["HS256", "none"]),
            ),
            "neither RS256",
        ),
        (
            "only none",
            with("id_token_signing_alg_values_supported", json!(["none"])),
            "neither RS256",
        ),
    ];
    let provider = Provider::start().await;
    for (name, describe, words) in cases {
        provider.script().discovery = describe;
        let house = House::new(&provider, &["ada@example.org"]).await;
        let got = house.browser().get("/sign-in/start").await;
        refused(name, &house, &got, 503, words);
        assert!(got.sets("jarkeeper_sign_in").is_none(), "{name}");
    }
    // The slash at the end is part of the name.
    let house = House::new(&provider, &[]).await;
    let slash = format!("{}/", provider.base);
    provider.script().discovery = Box::new(Reply::Json);
    house
        .keeper
        .configure(|config| config.sign_in.issuer = slash);
    let got = house.browser().get("/sign-in/start").await;
    refused("a slash", &house, &got, 503, "letter by letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_or_says_nonsense_later_signs_nobody_in() {
    let provider = Provider::start().await;
    let exchange: Vec<(&str, Reply, u16)> = vec![
        (
            "a redirect",
            Reply::Redirect("https://evil.example".into()),
            503,
        ),
        ("10 MB", Reply::Huge(10_000_000), 503),
        ("no JSON", Reply::Text(200, "<html>".into()), 503),
        ("nothing", Reply::Text(200, String::new()), 503),
        ("no tokens", Reply::Json(json!({})), 503),
        (
            "an error",
            Reply::Text(500, r#"{"error":"server_error"}"#.into()),
            400,
        ),
        (
            "no id_token",
            Reply::Json(json!({ "access_token": "a", "token_type": "Bearer" })),
            400,
        ),
        (
            "an id_token that is none",
            Reply::Json(
                json!({ "access_token": "a", "token_type": "Bearer", "id_token": "a.b.c" }),
            ),
            400,
        ),
        (
            "an id_token that is a number",
            Reply::Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": 7 })),
            400,
        ),
    ];
    let house = House::new(&provider, &["ada@example.org"]).await;
    for (name, reply, status) in exchange {
        provider.script().exchange = Some(reply);
        let got = house.browser().sign_in(&provider).await;
        refused(name, &house, &got, status, "role=\"alert\"");
    }
    provider.script().exchange = None;
    let keys: Vec<(&str, Reply)> = vec![
        ("10 MB", Reply::Huge(10_000_000)),
        ("a redirect", Reply::Redirect("https://evil.example".into())),
        ("404", Reply::Text(404, String::new())),
        ("no JSON", Reply::Text(200, "keys".into())),
    ];
    for (name, reply) in keys {
        let house = House::new(&provider, &["ada@example.org"]).await;
        provider.script().jwks = reply;
        let got = house.browser().get("/sign-in/start").await;
        refused(name, &house, &got, 503, "role=\"alert\"");
    }
    provider.script().jwks = Reply::Json(json!({ "keys": [] }));
    let house = House::new(&provider, &["ada@example.org"]).await;
    let got = house.browser().sign_in(&provider).await;
    refused(
        "no keys",
        &house,
        &got,
        400,
        "a key that the provider does not have",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_is_given_up() {
    let provider = Provider::start().await;
    provider.script().discovery = Box::new(|_| Reply::Never);
    let house = House::new(&provider, &[]).await;
    let began = std::time::Instant::now();
    let got = house.browser().get("/sign-in/start").await;
    refused("silence", &house, &got, 503, "did not answer within 10 s");
    let took = began.elapsed();
    assert!((9..14).contains(&took.as_secs()), "{took:?}");
    // Who comes a moment later need not wait for the same silence.
    let began = std::time::Instant::now();
    let got = house.browser().get("/sign-in/start").await;
    refused(
        "silence again",
        &house,
        &got,
        503,
        "did not answer within 10 s",
    );
    assert!(began.elapsed().as_secs() < 2);
    assert_eq!(provider.asked("discovery"), 1);
}
