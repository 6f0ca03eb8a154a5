//! The authorization server on the wire: registration, codes, tokens, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::{
    AWAY, Carries as _, HERE, VERIFIER, change, client, code, decide, encoded, exchange, inputs,
    me, page, pair, question, register, sent, token, tokens, value, visit,
};
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

fn daemon() -> (Root, Daemon, Api) {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

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

/// The same form with one field changed, or without it.
fn but<'a>(
    form: &[(&'a str, &'a str)],
    name: &'a str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let mut form = form.to_vec();
    form.retain(|(own, _)| *own != name);
    form.extend(value.map(|value| (name, value)));
    form
}

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
async fn a_code_is_good_once_and_a_replay_ends_what_was_issued_for_it() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let code = code(&api, &client, AWAY, "sessions:read").await;
    let form = exchange(&client, &code, AWAY);
    let (status, first) = token(&api, &form).await;
    assert_eq!(status, 200, "{first}");
    let (access, refresh) = pair(&first);
    assert_eq!(me(&api, &access).await.0, 200);
    let (status, problem) = token(&api, &form).await;
    assert_eq!((status, &problem["error"]), (400, &json!("invalid_grant")));
    assert_eq!(me(&api, &access).await.0, 401);
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", &client),
        ("refresh_token", &refresh),
    ];
    assert_eq!(token(&api, &again).await.1["error"], "invalid_grant");
    drop(root);
}

#[tokio::test]
async fn a_code_without_its_verifier_place_client_or_time_is_worth_nothing() {
    let (root, _daemon, api) = daemon();
    let (client, other) = (client(&api).await, client(&api).await);
    let wrong = VERIFIER.replace('0', "1");
    let fields: [(&str, Option<&str>, &str); 9] = [
        ("code_verifier", Some(&wrong), "invalid_grant"),
        ("code_verifier", None, "invalid_request"),
        (
            "redirect_uri",
            Some("https://app.test/callbac"),
            "invalid_grant",
        ),
        ("redirect_uri", Some(HERE), "invalid_grant"),
        ("redirect_uri", None, "invalid_request"),
        ("client_id", Some(&other), "invalid_grant"),
        ("client_id", Some("nobody"), "invalid_client"),
        ("code", Some("jc_unknown"), "invalid_grant"),
        ("grant_type", Some("password"), "unsupported_grant_type"),
    ];
    for (name, changed, error) in fields {
        let code = code(&api, &client, AWAY, "sessions:read").await;
        let form = but(&exchange(&client, &code, AWAY), name, changed);
        let (status, problem) = token(&api, &form).await;
        let expected = if error == "invalid_client" { 401 } else { 400 };
        assert_eq!(
            (status, &problem["error"]),
            (expected, &json!(error)),
            "{name} {changed:?}"
        );
        assert!(problem["error_description"].is_string());
    }
    // A wrong verifier was an attack or a mistake: the code is spent.
    let spent = code(&api, &client, AWAY, "sessions:read").await;
    let form = exchange(&client, &spent, AWAY);
    token(&api, &but(&form, "code_verifier", Some(&wrong))).await;
    assert_eq!(token(&api, &form).await.1["error"], "invalid_grant");
    let late = code(&api, &client, AWAY, "sessions:read").await;
    change(
        &root,
        "UPDATE tokens SET expires_at = expires_at - 60000 WHERE kind = 'code'",
    );
    assert_eq!(
        token(&api, &exchange(&client, &late, AWAY)).await.1["error"],
        "invalid_grant"
    );
    let twice = [&exchange(&client, &late, AWAY)[..], &[("code", &*late)]].concat();
    assert_eq!(token(&api, &twice).await.1["error"], "invalid_request");
    let json = api
        .call(Method::POST, "/oauth/token")
        .json(&json!({ "grant_type": "authorization_code" }));
    let (status, _) = answer(json).await;
    assert!(matches!(status, 400 | 415), "{status}");
}

#[tokio::test]
async fn a_refresh_token_turns_over_and_reuse_ends_the_family() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let (access, refresh) = tokens(&api, &client, "sessions:read sessions:renew").await;
    let again = |token: &str| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", client.clone()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let ask = async |form: Vec<(&str, String)>| {
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        token(&api, &form).await
    };
    // More than was allowed uses nothing up; less is given.
    let wide = [again(&refresh), vec![("scope", "admin".to_owned())]].concat();
    assert_eq!(ask(wide).await.1["error"], "invalid_scope");
    let narrow = [again(&refresh), vec![("scope", "sessions:read".to_owned())]].concat();
    let (status, second) = ask(narrow).await;
    assert_eq!((status, &second["scope"]), (200, &json!("sessions:read")));
    let (second_access, second_refresh) = pair(&second);
    assert_eq!(
        me(&api, &second_access).await.1["scopes"],
        json!(["sessions:read"])
    );
    let (status, third) = ask(again(&second_refresh)).await;
    assert_eq!(
        (status, &third["scope"]),
        (200, &json!("sessions:read sessions:renew"))
    );
    let (third_access, third_refresh) = pair(&third);
    // Somebody has a copy of the second one.
    let (status, problem) = ask(again(&second_refresh)).await;
    assert_eq!((status, &problem["error"]), (400, &json!("invalid_grant")));
    for token in [&access, &second_access, &third_access] {
        let (status, problem) = me(&api, token).await;
        assert_eq!(
            (status, &problem["detail"]),
            (401, &json!("this access token was revoked"))
        );
    }
    assert_eq!(ask(again(&third_refresh)).await.1["error"], "invalid_grant");
    // Another client's, and one that waited too long.
    let (_, refresh) = tokens(&api, &client, "sessions:read").await;
    let other = self::client(&api).await;
    let mut theirs = again(&refresh);
    theirs[1].1 = other;
    assert_eq!(ask(theirs).await.1["error"], "invalid_grant");
    change(
        &root,
        "UPDATE tokens SET expires_at = 1 WHERE kind = 'refresh' AND used_at IS NULL",
    );
    assert_eq!(ask(again(&refresh)).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn access_tokens_end_and_follow_their_person() {
    let (root, _daemon, api) = daemon();
    change(
        &root,
        "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('ann', 'member', 'sessions:read', '[\"wiki\"]', 0)",
    );
    let client = client(&api).await;
    let cookie = visit(&api).await;
    change(&root, "UPDATE visits SET person = 'ann'");
    // Ann is asked only for what she has, and more can be neither ticked nor forged.
    let asked = question(&client, AWAY, "read sessions:renew");
    let html = page(&api, &cookie, &asked).await.text().await.unwrap();
    let mut form = inputs(&html);
    let offered: Vec<_> = form
        .iter()
        .filter(|(name, _)| name == "allow")
        .map(|(_, v)| v.clone())
        .collect();
    assert_eq!(offered, ["sessions:read"]);
    form.push(("allow".to_owned(), "sessions:renew".to_owned()));
    form.push(("allow".to_owned(), "read".to_owned()));
    let (_, query) = sent(&decide(&api, "/oauth/authorize", &cookie, &form, "allow").await);
    let code = value(&query, "code").unwrap();
    let (_, tokens) = token(&api, &exchange(&client, &code, AWAY)).await;
    assert_eq!(tokens["scope"], "sessions:read");
    let (access, refresh) = pair(&tokens);
    let (_, mine) = me(&api, &access).await;
    assert_eq!(
        (&mine["person"]["id"], &mine["sessions"]),
        (&json!("ann"), &json!(["wiki"]))
    );
    change(&root, "UPDATE people SET scopes = '' WHERE id = 'ann'");
    assert_eq!(me(&api, &access).await.1["scopes"], json!([]));
    change(&root, "UPDATE people SET disabled_at = 1 WHERE id = 'ann'");
    assert_eq!(me(&api, &access).await.0, 401);
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", &client),
        ("refresh_token", &refresh),
    ];
    assert_eq!(token(&api, &again).await.1["error"], "invalid_grant");
    change(
        &root,
        "UPDATE people SET disabled_at = NULL WHERE id = 'ann'",
    );
    assert_eq!(me(&api, &access).await.0, 200);
    change(
        &root,
        "UPDATE tokens SET expires_at = expires_at - 900000 WHERE kind = 'access'",
    );
    let (status, problem) = me(&api, &access).await;
    assert_eq!(
        (status, &problem["detail"]),
        (401, &json!("this access token has expired"))
    );
}

#[tokio::test]
async fn tokens_are_looked_into_and_ended_by_their_own_client_alone() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let other = self::client(&api).await;
    let (access, refresh) = tokens(&api, &client, "sessions:read").await;
    let ask = async |path: &str, client: &str, token: &str| {
        let form = [("token", token), ("client_id", client)];
        answer(api.call(Method::POST, path).form(&form)).await
    };
    let (status, found) = ask("/oauth/introspect", &client, &access).await;
    assert_eq!(
        (status, &found["active"], &found["scope"]),
        (200, &json!(true), &json!("sessions:read"))
    );
    assert_eq!(
        (&found["client_id"], &found["sub"], &found["iss"]),
        (&json!(client), &json!("owner"), &json!(api.base))
    );
    assert_eq!(
        found["exp"].as_i64().unwrap() - found["iat"].as_i64().unwrap(),
        900
    );
    let inactive = json!({ "active": false });
    for (client, token) in [
        (&other, &access),
        (&other, &refresh),
        (&client, &"nothing".to_owned()),
    ] {
        assert_eq!(
            ask("/oauth/introspect", client, token).await,
            (200, inactive.clone())
        );
    }
    assert_eq!(ask("/oauth/introspect", "nobody", &access).await.0, 401);
    // Another client ends nothing, and is not told so.
    assert_eq!(ask("/oauth/revoke", &other, &access).await.0, 200);
    assert_eq!(ask("/oauth/revoke", &other, &refresh).await.0, 200);
    assert_eq!(me(&api, &access).await.0, 200);
    assert_eq!(ask("/oauth/revoke", &client, &access).await.0, 200);
    assert_eq!(me(&api, &access).await.0, 401);
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", &*client),
        ("refresh_token", &*refresh),
    ];
    let (status, tokens) = token(&api, &again).await;
    assert_eq!(status, 200);
    let (access, refresh) = pair(&tokens);
    assert_eq!(ask("/oauth/revoke", &client, &refresh).await.0, 200);
    assert_eq!(me(&api, &access).await.0, 401);
    assert_eq!(
        ask("/oauth/introspect", &client, &access).await,
        (200, inactive)
    );
    let (status, problem) = ask("/oauth/revoke", &client, "").await;
    assert_eq!(
        (status, &problem["error"]),
        (400, &json!("invalid_request"))
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
    let last = self::client(&api).await;
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
    let (first, second) = (ask().await, ask().await);
    let wrong = [
        &exchange(&client, &first, AWAY)[..],
        &[("resource", &*api.base)],
    ]
    .concat();
    assert_eq!(token(&api, &wrong).await.1["error"], "invalid_target");
    let right = [
        &exchange(&client, &second, AWAY)[..],
        &[("resource", &*mcp)],
    ]
    .concat();
    let (status, tokens) = token(&api, &right).await;
    assert_eq!(status, 200, "{tokens}");
    let (access, _) = pair(&tokens);
    let form = [("token", &*access), ("client_id", &*client)];
    let (_, found) = answer(api.call(Method::POST, "/oauth/introspect").form(&form)).await;
    assert_eq!(found["aud"], mcp);
}

#[tokio::test]
async fn a_visit_ends_where_the_answer_goes_to_a_listener_on_this_machine() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let asked = question(&client, "http://127.0.0.1:9/callback", "sessions:read");
    let html = page(&api, &cookie, &asked).await.text().await.unwrap();
    let answered = decide(&api, "/oauth/authorize", &cookie, &inputs(&html), "allow").await;
    let gone = answered.headers()["set-cookie"].to_str().unwrap();
    assert!(
        gone.starts_with("jarkeeper_visit=;") && gone.contains("Max-Age=0"),
        "{gone}"
    );
    // The cookie that the listener might have been shown opens nothing.
    let (place, _) = sent_to_sign_in(&page(&api, &cookie, &asked).await);
    assert_eq!(place, "/sign-in");
}

fn sent_to_sign_in(response: &reqwest::Response) -> (String, String) {
    assert_eq!(response.status(), 303);
    let place = response.headers()["location"].to_str().unwrap();
    let (path, query) = place.split_once('?').unwrap();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (name, back) = pairs.next().unwrap();
    assert_eq!(name, "return_to");
    (path.to_owned(), back.into_owned())
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_comes_back() {
    let (_root, _daemon, api) = daemon();
    let client = client(&api).await;
    let asked = question(&client, AWAY, "sessions:read");
    let (path, back) = sent_to_sign_in(&page(&api, "", &asked).await);
    assert_eq!(path, "/sign-in");
    let cookie = visit(&api).await;
    let again = api
        .call(Method::GET, &back)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 200, "{back}");
    // Sent by another site, a browser does not show its cookie: it comes once more, from us.
    let path = format!("/oauth/authorize?{}", encoded(&asked));
    let cross = api
        .call(Method::GET, &path)
        .header("sec-fetch-site", "cross-site");
    let cross = cross
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    let cross = cross.send().await.unwrap();
    assert_eq!(cross.status(), 200);
    let html = cross.text().await.unwrap();
    assert!(
        html.contains("http-equiv=\"refresh\" content=\"0;url=/oauth/authorize?"),
        "{html}"
    );
    // A client that knows us as localhost is answered as that, though the sign-in is at the number.
    let port = api.base.rsplit(':').next().unwrap();
    let host = format!("localhost:{port}");
    let named = api
        .call(Method::GET, &path)
        .header("host", &host)
        .send()
        .await
        .unwrap();
    let (_, back) = sent_to_sign_in(&named);
    let html = api
        .call(Method::GET, &back)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    let form = inputs(&html.text().await.unwrap());
    let (_, query) = sent(&decide(&api, "/oauth/authorize", &cookie, &form, "allow").await);
    assert_eq!(value(&query, "iss"), Some(format!("http://{host}")));
    let evil = format!("{path}&begun_at=https%3A%2F%2Fevil.test");
    let html = api
        .call(Method::GET, &evil)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    let form = inputs(&html.text().await.unwrap());
    let (_, query) = sent(&decide(&api, "/oauth/authorize", &cookie, &form, "allow").await);
    assert_eq!(value(&query, "iss").as_deref(), Some(&*api.base));
}

#[tokio::test]
async fn a_ticket_lets_in_once_and_leads_to_our_own_paths_alone() {
    let (_root, _daemon, api) = daemon();
    let (status, problem) = answer(api.call(Method::POST, "/v1/tickets")).await;
    assert_eq!(status, 401, "{problem}");
    let (_, ticket) = answer(api.own(Method::POST, "/v1/tickets")).await;
    let link = ticket["url"]
        .as_str()
        .unwrap()
        .strip_prefix(&api.base)
        .unwrap();
    // Looking at the link uses nothing up.
    for _ in 0..2 {
        let shown = api.call(Method::GET, link).send().await.unwrap();
        assert_eq!(shown.status(), 200);
        assert!(shown.headers().get("set-cookie").is_none());
    }
    let value = link.split_once('=').unwrap().1;
    let redeem = |place: &str| {
        let form = [("ticket", value), ("return_to", place)];
        api.call(Method::POST, "/sign-in/ticket").form(&form).send()
    };
    for place in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "/\t/evil.test",
        "evil",
    ] {
        assert_eq!(redeem(place).await.unwrap().status(), 400, "{place}");
    }
    let redeemed = redeem("/device").await.unwrap();
    assert_eq!(
        (redeemed.status().as_u16(), &redeemed.headers()["location"]),
        (303, &"/device".parse().unwrap())
    );
    let cookie = redeemed.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Strict")
            && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert_eq!(redeem("/device").await.unwrap().status(), 400);
}
