//! What clients find, and how they make themselves known.

use reqwest::Method;
use serde_json::{Value, json};

use super::daemon;
use crate::support::answer;
use crate::support::oauth::{
    AWAY, Carries as _, VERIFIER, change, client, code, exchange, page, question, register, token,
    visit,
};

#[tokio::test]
async fn a_client_finds_everything_by_itself() {
    let (_root, _daemon, api) = daemon();
    let base = &api.base;
    let (status, server) =
        answer(api.call(Method::GET, "/.well-known/oauth-authorization-server")).await;
    assert_eq!(status, 200);
    assert_eq!(&server["issuer"], base);
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(
        server["authorization_response_iss_parameter_supported"],
        true
    );
    for (name, path) in [
        ("authorization_endpoint", "/oauth/authorize"),
        ("token_endpoint", "/oauth/token"),
        ("registration_endpoint", "/oauth/register"),
        ("revocation_endpoint", "/oauth/revoke"),
        ("introspection_endpoint", "/oauth/introspect"),
        (
            "device_authorization_endpoint",
            "/oauth/device_authorization",
        ),
    ] {
        assert_eq!(server[name], format!("{base}{path}"));
    }
    for (path, resource) in [("", base.clone()), ("/mcp", format!("{base}/mcp"))] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let (status, found) = answer(api.call(Method::GET, &path)).await;
        assert_eq!(status, 200);
        assert_eq!(found["resource"], resource);
        assert_eq!(found["authorization_servers"], json!([base]));
        assert_eq!(found["bearer_methods_supported"], json!(["header"]));
    }
    // The challenge of a refused request leads there.
    let refused = api.call(Method::GET, "/v1/me").send().await.unwrap();
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let place = format!(r#"resource_metadata="{base}/.well-known/oauth-protected-resource""#);
    assert!(
        challenge.contains(&place) && !challenge.contains("error="),
        "{challenge}"
    );
}

#[tokio::test]
async fn a_client_with_a_secret_must_show_it_and_in_one_way() {
    let (_root, _daemon, api) = daemon();
    let made = register(
        &api,
        json!({ "token_endpoint_auth_method": "client_secret_basic" }),
    )
    .await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    let form = |code: &str| -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", AWAY.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ]
    };
    let post = |form: &[(&str, String)]| api.call(Method::POST, "/oauth/token").form(form);
    let good = code(&api, &id, AWAY, "sessions:read").await;
    let with = |more: &[(&'static str, &str)]| {
        let mut form = form(&good);
        form.extend(more.iter().map(|(n, v)| (*n, (*v).to_owned())));
        form
    };
    for request in [
        post(&with(&[("client_id", &id)])),
        post(&with(&[("client_id", &id), ("client_secret", "js_wrong")])),
        post(&with(&[])).basic_auth(&id, Some("js_wrong")),
        post(&with(&[])).basic_auth("nobody", Some(&secret)),
        post(&with(&[])),
        post(&with(&[])).bearer_auth(&secret),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.headers()["www-authenticate"],
            "Basic realm=\"jarkeeper\""
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["error"], "invalid_client");
    }
    let both = post(&with(&[("client_secret", &secret)])).basic_auth(&id, Some(&secret));
    assert_eq!(answer(both).await.1["error"], "invalid_request");
    let (status, tokens) = answer(post(&with(&[])).basic_auth(&id, Some(&secret))).await;
    assert_eq!(status, 200, "{tokens}");
    let second = code(&api, &id, AWAY, "sessions:read").await;
    let mut posted = form(&second);
    posted.extend([("client_id", id.clone()), ("client_secret", secret.clone())]);
    assert_eq!(answer(post(&posted)).await.0, 200);
}

#[tokio::test]
async fn registrations_are_checked_and_bounded() {
    let (root, _daemon, api) = daemon();
    let post = |body: &Value| answer(api.call(Method::POST, "/oauth/register").json(body));
    let one = json!([AWAY]);
    for (body, error) in [
        (json!({}), "invalid_redirect_uri"),
        (
            json!({ "redirect_uris": ["http://evil.test/"] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": ["javascript:alert(1)"] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": ["https://app.test/#x"] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": vec![AWAY; 11] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": one, "scope": "everything" }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "grant_types": ["password"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "grant_types": ["refresh_token"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "response_types": ["token"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "token_endpoint_auth_method": "private_key_jwt" }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "client_name": "x".repeat(101) }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": one, "client_name": "evil\u{202e}" }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": "no list" }),
            "invalid_client_metadata",
        ),
    ] {
        let (status, problem) = post(&body).await;
        assert_eq!(
            (status, &problem["error"]),
            (400, &json!(error)),
            "{body}: {problem}"
        );
    }
    let (status, _) = post(&json!({ "redirect_uris": one, "x": "y".repeat(17 << 10) })).await;
    assert!(matches!(status, 400 | 413), "{status}");
    let made = register(&api, json!({ "client_name": "<b>bold</b>", "unknown": 1 })).await;
    assert_eq!(made["client_secret"], Value::Null);
    let id = made["client_id"].as_str().unwrap();
    // What it calls itself is text.
    let cookie = visit(&api).await;
    let html = page(&api, &cookie, &question(id, AWAY, "read"))
        .await
        .text()
        .await
        .unwrap();
    assert!(
        html.contains("&lt;b&gt;bold&lt;/b&gt;") && !html.contains("<b>bold"),
        "{html}"
    );
    // A client that did not register for it gets no refresh token, and cannot use one.
    let plain = register(&api, json!({ "grant_types": ["authorization_code"] })).await;
    let plain = plain["client_id"].as_str().unwrap();
    let code = code(&api, plain, AWAY, "read").await;
    let (_, tokens) = token(&api, &exchange(plain, &code, AWAY)).await;
    assert_eq!(tokens["refresh_token"], Value::Null);
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", plain),
        ("refresh_token", "jr_x"),
    ];
    assert_eq!(token(&api, &again).await.1["error"], "unauthorized_client");
    // One that nobody allowed anything is forgotten after a day; one in use stays.
    change(
        &root,
        "UPDATE clients SET created_at = created_at - 86400001",
    );
    register(&api, json!({})).await;
    let gone = page(&api, &cookie, &question(id, AWAY, "read")).await;
    let stays = page(&api, &cookie, &question(plain, AWAY, "read")).await;
    assert_eq!(
        (gone.status().as_u16(), stays.status().as_u16()),
        (400, 200)
    );
    // Where there are too many, the oldest unused ones go, and the one that just came stays.
    change(
        &root,
        "INSERT INTO clients (id, name, redirects, grants, created_at)
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         SELECT 'c' || i, 'x', '[]', 'authorization_code', 9999999999999 - 1500 + i FROM n",
    );
    let last = client(&api).await;
    assert_eq!(
        page(&api, &cookie, &question(&last, AWAY, "read"))
            .await
            .status(),
        200
    );
    assert_eq!(
        page(&api, &cookie, &question(plain, AWAY, "read"))
            .await
            .status(),
        200
    );
}
