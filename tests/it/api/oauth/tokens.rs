//! Codes and tokens: good once, for a time, for their client.

use reqwest::Method;
use serde_json::json;

use super::daemon;
use crate::support::answer;
use crate::support::oauth::{
    self, AWAY, Carries as _, HERE, VERIFIER, change, client, code, decide, exchange, inputs, me,
    page, pair, question, sent, token, tokens, value, visit,
};

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
async fn a_code_is_good_once_and_a_replay_ends_what_was_issued_for_it() {
    let (_root, _daemon, api) = daemon();
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
    let other = oauth::client(&api).await;
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
    let other = oauth::client(&api).await;
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
