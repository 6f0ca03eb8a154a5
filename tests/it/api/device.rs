//! Terminals: a code there, a person here.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::{
    AWAY, Carries as _, change, client, decide, inputs, me, pair, register, token, visit,
};
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn daemon() -> (Root, Daemon, Api) {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

async fn begin(api: &Api, client: &str, scope: &str) -> Value {
    let form = [("client_id", client), ("scope", scope)];
    let (status, codes) = answer(
        api.call(Method::POST, "/oauth/device_authorization")
            .form(&form),
    )
    .await;
    assert_eq!(status, 200, "{codes}");
    codes
}

/// What the terminal is told, as if it had waited as long as it must.
async fn ask(root: &Root, api: &Api, client: &str, code: &Value) -> (u16, Value) {
    change(root, "UPDATE devices SET asked_at = asked_at - 60000");
    ask_at_once(api, client, code).await
}

async fn ask_at_once(api: &Api, client: &str, code: &Value) -> (u16, Value) {
    let form = [
        ("grant_type", GRANT),
        ("client_id", client),
        ("device_code", code.as_str().unwrap()),
    ];
    token(api, &form).await
}

async fn page(api: &Api, cookie: &str, code: &str) -> reqwest::Response {
    let path = format!("/device?user_code={code}");
    let request = api.call(Method::GET, &path).header("cookie", cookie);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_person_lets_a_terminal_in() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let codes = begin(&api, &client, "sessions:read sessions:renew").await;
    let (code, typed) = (&codes["device_code"], codes["user_code"].as_str().unwrap());
    assert_eq!(
        (&codes["interval"], &codes["expires_in"]),
        (&json!(5), &json!(600))
    );
    assert_eq!(codes["verification_uri"], format!("{}/device", api.base));
    assert_eq!(
        codes["verification_uri_complete"],
        format!("{}/device?user_code={typed}", api.base)
    );
    assert_eq!(
        ask_at_once(&api, &client, code).await.1["error"],
        "authorization_pending"
    );
    let away = page(&api, "", typed).await;
    let place = away.headers()["location"].to_str().unwrap();
    assert_eq!(
        place,
        format!("/sign-in?return_to=%2Fdevice%3Fuser_code%3D{typed}")
    );
    let cookie = visit(&api).await;
    // However it is typed.
    let sloppy = typed.to_lowercase().replace('-', "%20");
    let html = page(&api, &cookie, &sloppy).await.text().await.unwrap();
    assert!(
        html.contains(typed) && html.contains("Test agent"),
        "{html}"
    );
    let mut form = inputs(&html);
    form.retain(|(_, value)| value != "sessions:renew");
    let mut forged = form.clone();
    forged.retain(|(name, _)| name != "csrf");
    assert_eq!(
        decide(&api, "/device", &cookie, &forged, "allow")
            .await
            .status(),
        403
    );
    let done = decide(&api, "/device", &cookie, &form, "allow").await;
    assert_eq!(done.status(), 200);
    assert!(
        done.text()
            .await
            .unwrap()
            .contains("go back to your terminal")
    );
    // Answered once.
    assert_eq!(
        decide(&api, "/device", &cookie, &form, "deny")
            .await
            .status(),
        404
    );
    let (status, tokens) = ask(&root, &api, &client, code).await;
    assert_eq!(
        (status, &tokens["scope"]),
        (200, &json!("sessions:read")),
        "{tokens}"
    );
    assert_eq!(me(&api, &pair(&tokens).0).await.0, 200);
    let (status, problem) = ask_at_once(&api, &client, code).await;
    assert_eq!((status, &problem["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_terminal_that_asks_too_often_waits_longer_each_time() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let code = &begin(&api, &client, "sessions:read").await["device_code"];
    assert_eq!(
        ask_at_once(&api, &client, code).await.1["error"],
        "authorization_pending"
    );
    for _ in 0..2 {
        let (status, problem) = ask_at_once(&api, &client, code).await;
        assert_eq!((status, &problem["error"]), (400, &json!("slow_down")));
    }
    // 5 and two times 5 more.
    change(&root, "UPDATE devices SET asked_at = asked_at - 13000");
    assert_eq!(
        ask_at_once(&api, &client, code).await.1["error"],
        "slow_down"
    );
    change(&root, "UPDATE devices SET asked_at = asked_at - 21000");
    assert_eq!(
        ask_at_once(&api, &client, code).await.1["error"],
        "authorization_pending"
    );
}

#[tokio::test]
async fn a_terminal_gets_nothing_when_denied_late_or_another_one() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let cookie = visit(&api).await;
    let codes = begin(&api, &client, "sessions:read").await;
    let html = page(&api, &cookie, codes["user_code"].as_str().unwrap()).await;
    let form = inputs(&html.text().await.unwrap());
    assert_eq!(
        decide(&api, "/device", &cookie, &form, "deny")
            .await
            .status(),
        200
    );
    let (status, problem) = ask_at_once(&api, &client, &codes["device_code"]).await;
    assert_eq!((status, &problem["error"]), (400, &json!("access_denied")));
    let codes = begin(&api, &client, "sessions:read").await;
    let other = self::client(&api).await;
    assert_eq!(
        ask_at_once(&api, &other, &codes["device_code"]).await.1["error"],
        "invalid_grant"
    );
    change(&root, "UPDATE devices SET expires_at = expires_at - 600000");
    assert_eq!(
        ask_at_once(&api, &client, &codes["device_code"]).await.1["error"],
        "expired_token"
    );
    assert_eq!(
        page(&api, &cookie, codes["user_code"].as_str().unwrap())
            .await
            .status(),
        404
    );
    assert_eq!(
        ask_at_once(&api, &client, &json!("jd_unknown")).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(page(&api, &cookie, "BCDF-GHJK").await.status(), 404);
    // Not registered for it; more than was registered.
    let made = register(
        &api,
        json!({ "grant_types": ["authorization_code"], "redirect_uris": [AWAY] }),
    )
    .await;
    let form = [
        ("client_id", made["client_id"].as_str().unwrap()),
        ("scope", "read"),
    ];
    let (_, problem) = answer(
        api.call(Method::POST, "/oauth/device_authorization")
            .form(&form),
    )
    .await;
    assert_eq!(problem["error"], "unauthorized_client");
    let form = [("client_id", &*client), ("scope", "admin")];
    let (_, problem) = answer(
        api.call(Method::POST, "/oauth/device_authorization")
            .form(&form),
    )
    .await;
    assert_eq!(problem["error"], "invalid_scope");
}
