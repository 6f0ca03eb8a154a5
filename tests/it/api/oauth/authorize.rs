//! Asking a person: what is shown, what is answered, and where nobody is ever sent.

use reqwest::Method;
use serde_json::{Value, json};

use super::daemon;
use crate::support::answer;
use crate::support::oauth::{
    AWAY, Carries as _, client, decide, exchange, inputs, me, page, pair, question, register, sent,
    token, value, visit,
};

/// The same request with one parameter changed, or without it.
fn with(
    mut asked: Vec<(&'static str, String)>,
    name: &'static str,
    value: Option<&str>,
) -> Vec<(&'static str, String)> {
    asked.retain(|(own, _)| *own != name);
    asked.extend(value.map(|value| (name, value.to_owned())));
    asked
}

#[tokio::test]
async fn a_person_allows_a_client_and_its_token_opens_what_was_allowed() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let asked = question(&client, AWAY, "sessions:read sessions:renew profile");
    let shown = page(&api, &cookie, &asked).await;
    let policy = shown.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("form-action 'self' https://app.test;"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = shown.text().await.unwrap();
    assert!(
        html.contains("Test agent") && html.contains("Have sessions renewed"),
        "{html}"
    );
    // The person unticks one.
    let mut form = inputs(&html);
    form.retain(|(_, value)| value != "sessions:renew");
    let answered = decide(&api, "/oauth/authorize", &cookie, &form, "allow").await;
    let (place, query) = sent(&answered);
    assert_eq!(place, AWAY);
    assert_eq!(value(&query, "state").as_deref(), Some("st te"));
    assert_eq!(value(&query, "iss").as_deref(), Some(&*api.base));
    let code = value(&query, "code").unwrap();
    let response = api
        .call(Method::POST, "/oauth/token")
        .form(&exchange(&client, &code, AWAY));
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let tokens: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    assert_eq!(tokens["scope"], "profile sessions:read");
    let (access, _) = pair(&tokens);
    let (status, mine) = me(&api, &access).await;
    assert_eq!((status, &mine["kind"]), (200, &json!("token")), "{mine}");
    assert_eq!(mine["scopes"], json!(["profile", "sessions:read"]));
    assert_eq!(mine["person"]["id"], "owner");
    let (status, _) = answer(api.call(Method::GET, "/v1/sites").bearer_auth(&access)).await;
    assert_eq!(status, 200);
    let refused = api
        .call(Method::GET, "/v1/keys")
        .bearer_auth(&access)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope", scope="admin""#),
        "{challenge}"
    );
    // Access tokens are for the header alone.
    for way in [
        api.call(Method::GET, &format!("/v1/me?access_token={access}")),
        api.call(Method::GET, &format!("/v1/me?key={access}")),
    ] {
        assert_eq!(answer(way).await.0, 401);
    }
}

#[tokio::test]
async fn a_person_who_says_no_or_allows_nothing_sends_the_client_away() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let asked = question(&client, AWAY, "sessions:read");
    let html = page(&api, &cookie, &asked).await.text().await.unwrap();
    let form = inputs(&html);
    let mut none = form.clone();
    none.retain(|(name, _)| name != "allow");
    let mut foreign = none.clone();
    foreign.push(("allow".to_owned(), "admin".to_owned()));
    for (form, decision) in [
        (&form, "deny"),
        (&form, "x"),
        (&none, "allow"),
        (&foreign, "allow"),
    ] {
        let (place, query) = sent(&decide(&api, "/oauth/authorize", &cookie, form, decision).await);
        assert_eq!(place, AWAY);
        assert_eq!(value(&query, "error").as_deref(), Some("access_denied"));
        assert_eq!(value(&query, "state").as_deref(), Some("st te"));
        assert_eq!(value(&query, "iss").as_deref(), Some(&*api.base));
        assert_eq!(value(&query, "code"), None);
    }
    // A form of another page, and one of another browser's.
    let mut forged = form.clone();
    forged.retain(|(name, _)| name != "csrf");
    let other = visit(&api).await;
    for (form, cookie) in [(&forged, &*cookie), (&form, &*other), (&form, "")] {
        let answered = decide(&api, "/oauth/authorize", cookie, form, "allow").await;
        assert_eq!(answered.status(), 403);
        assert!(answered.headers().get("location").is_none());
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_the_client_did_not_register() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let good = question(&client, AWAY, "sessions:read");
    for redirect in [
        "https://app.test/callbac",
        "https://app.test/callbackx",
        "https://app.test/callback/",
        "https://app.test/Callback",
        "https://APP.test/callback",
        "https://app.test:443/callback",
        "https://app.test:444/callback",
        "https://user@app.test/callback",
        "https://app.test@evil.test/callback",
        "https://app.test/%63allback",
        "https://app.test%2Fcallback",
        "https://app.test/x/..%2Fcallback",
        "https://app.test/callback#x",
        "https://app.test/callback?x=1",
        "http://app.test/callback",
        "https://evil.test/callback",
        "http://localhost/callback",
        "http://127.0.0.1:7/callback/",
        "http://127.0.0.1:7/Callback",
        "http://127.0.0.1:7@evil.test/callback",
        "http://user@127.0.0.1:7/callback",
        "http://127.0.0.1:7/callback#",
        "http://127.0.0.1:7%2Fcallback",
        "http://127.0.0.2/callback",
        "http://[::1]/callback",
        "//app.test/callback",
        "javascript:alert(1)",
    ] {
        let asked: Vec<_> = good
            .iter()
            .map(|(n, v)| {
                (
                    *n,
                    if *n == "redirect_uri" {
                        redirect.to_owned()
                    } else {
                        v.clone()
                    },
                )
            })
            .collect();
        let shown = page(&api, &cookie, &asked).await;
        assert_eq!(shown.status(), 400, "{redirect}");
        assert!(shown.headers().get("location").is_none(), "{redirect}");
        assert!(
            !shown.text().await.unwrap().contains("decision"),
            "{redirect}"
        );
    }
    // Nor where nobody knows who asks.
    let twice = [good.clone(), vec![("redirect_uri", AWAY.to_owned())]].concat();
    let unknown = good
        .iter()
        .map(|(n, v)| {
            (
                *n,
                if *n == "client_id" {
                    "nobody".to_owned()
                } else {
                    v.clone()
                },
            )
        })
        .collect();
    let without = |name: &str| {
        good.iter()
            .filter(|(n, _)| *n != name)
            .cloned()
            .collect::<Vec<_>>()
    };
    for asked in [
        twice,
        unknown,
        without("client_id"),
        without("redirect_uri"),
        Vec::new(),
    ] {
        let shown = page(&api, &cookie, &asked).await;
        assert_eq!(shown.status(), 400, "{asked:?}");
        assert!(shown.headers().get("location").is_none());
    }
    // Of a loopback address any port is the client's.
    let asked = question(&client, "http://127.0.0.1:54321/callback", "sessions:read");
    assert_eq!(page(&api, &cookie, &asked).await.status(), 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_at_the_clients_own_place() {
    let (_root, _daemon, api) = daemon();
    let made = register(&api, json!({ "scope": "sessions:read" })).await;
    let client: &'static str = made["client_id"].as_str().unwrap().to_owned().leak();
    let good = question(client, AWAY, "sessions:read");
    let resource = format!("{}/other", api.base);
    for (name, value_of, error) in [
        ("response_type", None, "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        (
            "response_type",
            Some("code id_token"),
            "unsupported_response_type",
        ),
        ("response_mode", Some("fragment"), "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("code_challenge_method", Some("s256"), "invalid_request"),
        (
            "scope",
            Some("sessions:read sessions:write"),
            "invalid_scope",
        ),
        ("scope", Some("admin"), "invalid_scope"),
        ("scope", Some("no-such-scope"), "invalid_scope"),
        ("resource", Some("https://other.test/"), "invalid_target"),
        ("resource", Some(&*resource), "invalid_target"),
    ] {
        let asked = with(good.clone(), name, value_of);
        let (place, query) = sent(&page(&api, "", &asked).await);
        assert_eq!(place, AWAY);
        assert_eq!(
            value(&query, "error").as_deref(),
            Some(error),
            "{name} {value_of:?}"
        );
        assert_eq!(value(&query, "state").as_deref(), Some("st te"));
        assert_eq!(value(&query, "iss").as_deref(), Some(&*api.base));
    }
    let twice = [good.clone(), vec![("scope", "sessions:read".to_owned())]].concat();
    let (_, query) = sent(&page(&api, "", &twice).await);
    assert_eq!(value(&query, "error").as_deref(), Some("invalid_request"));
    // Without a scope it is what was registered; where nothing was, it is refused.
    let cookie = visit(&api).await;
    let html = page(&api, &cookie, &with(good, "scope", None))
        .await
        .text()
        .await
        .unwrap();
    let allowed: Vec<_> = inputs(&html)
        .into_iter()
        .filter(|(name, _)| name == "allow")
        .collect();
    assert_eq!(allowed, [("allow".to_owned(), "sessions:read".to_owned())]);
    let other: &'static str = register(&api, json!({})).await["client_id"]
        .as_str()
        .unwrap()
        .to_owned()
        .leak();
    for scope in [None, Some("admin")] {
        let asked = with(question(other, AWAY, ""), "scope", scope);
        let (_, query) = sent(&page(&api, &cookie, &asked).await);
        assert_eq!(value(&query, "error").as_deref(), Some("invalid_scope"));
    }
}

#[tokio::test]
async fn a_resource_that_was_named_stays_named() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let mcp = format!("{}/mcp", api.base);
    let ask = async || {
        let asked = [
            question(&client, AWAY, "sessions:read"),
            vec![("resource", mcp.clone())],
        ]
        .concat();
        let html = page(&api, &cookie, &asked).await.text().await.unwrap();
        let (_, query) =
            sent(&decide(&api, "/oauth/authorize", &cookie, &inputs(&html), "allow").await);
        value(&query, "code").unwrap()
    };
    let first = ask().await;
    let wrong = [
        &exchange(&client, &first, AWAY)[..],
        &[("resource", &*api.base)],
    ]
    .concat();
    assert_eq!(token(&api, &wrong).await.1["error"], "invalid_target");
    // A question that is wrong in itself uses nothing up.
    let right = [&exchange(&client, &first, AWAY)[..], &[("resource", &*mcp)]].concat();
    let (status, tokens) = token(&api, &right).await;
    assert_eq!(status, 200, "{tokens}");
    let (access, refresh) = pair(&tokens);
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", &*client),
        ("refresh_token", &*refresh),
    ];
    let wrong = [&again[..], &[("resource", &*api.base)]].concat();
    assert_eq!(token(&api, &wrong).await.1["error"], "invalid_target");
    assert_eq!(token(&api, &again).await.0, 200);
    let form = [("token", &*access), ("client_id", &*client)];
    let (_, found) = answer(api.call(Method::POST, "/oauth/introspect").form(&form)).await;
    assert_eq!(found["aud"], mcp);
}
