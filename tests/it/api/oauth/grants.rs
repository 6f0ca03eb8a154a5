//! What people allowed: seen, taken back, and over in the end.

use jarkeeper::session::Files;
use reqwest::Method;
use serde_json::{Value, json};

use super::daemon;
use crate::support::oauth::{Carries as _, change, client, me, pair, token, tokens};
use crate::support::process::Root;
use crate::support::{Api, answer};

async fn list(api: &Api) -> Vec<Value> {
    let (status, list) = answer(api.own(Method::GET, "/v1/grants")).await;
    assert_eq!(status, 200, "{list}");
    list.as_array().unwrap().clone()
}

async fn refresh(api: &Api, client: &str, value: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", value),
    ];
    token(api, &form).await
}

fn old_tokens(root: &Root) -> i64 {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let connection = rusqlite::Connection::open(path).unwrap();
    let count = "SELECT count(*) FROM tokens WHERE expires_at = 1";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_person_sees_what_it_allowed_and_takes_it_back() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let (access, again) = tokens(&api, &client, "sessions:read").await;
    let (kept, _) = tokens(&api, &client, "profile").await;
    let grants = list(&api).await;
    assert_eq!(grants.len(), 2, "{grants:?}");
    let one = &grants[0];
    assert_eq!(
        (&one["client_id"], &one["client_name"], &one["person"]),
        (&json!(client), &json!("Test agent"), &json!("owner"))
    );
    assert_eq!(one["scopes"], json!(["sessions:read"]));
    assert!(one["last_issued_at"].is_string(), "{one}");
    let path = format!("/v1/grants/{}", one["id"].as_str().unwrap());

    // A member sees nothing of it.
    let ann =
        "INSERT INTO people (id, role, scopes, created_at) VALUES ('ann', 'member', 'admin', 0)";
    change(&root, ann);
    let key = api.own(Method::POST, "/v1/keys");
    let (_, key) = answer(key.json(&json!({ "name": "x", "scopes": ["admin"] }))).await;
    change(&root, "UPDATE keys SET person = 'ann'");
    let anns = |method, path: &str| {
        answer(
            api.call(method, path)
                .bearer_auth(key["value"].as_str().unwrap()),
        )
    };
    assert_eq!(anns(Method::GET, "/v1/grants").await, (200, json!([])));
    assert_eq!(anns(Method::DELETE, &path).await.0, 404);
    assert_eq!(me(&api, &access).await.0, 200);

    assert_eq!(answer(api.own(Method::DELETE, &path)).await.0, 204);
    assert_eq!(me(&api, &access).await.0, 401);
    assert_eq!(
        refresh(&api, &client, &again).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(me(&api, &kept).await.0, 200);
    assert_eq!(list(&api).await, grants[1..]);
    let nobody = api.own(Method::DELETE, "/v1/grants/nobody");
    assert_eq!(answer(nobody).await.0, 404);

    // Whose accounts are forgotten has allowed nothing any more.
    let accounts = api.own(Method::DELETE, "/v1/people/owner/accounts");
    assert_eq!(answer(accounts).await.0, 204);
    assert_eq!(me(&api, &kept).await.0, 401);
    assert!(list(&api).await.is_empty());
}

#[tokio::test]
async fn a_family_ends_ninety_days_after_the_consent_and_ended_tokens_are_forgotten() {
    let (root, _daemon, api) = daemon();
    let client = client(&api).await;
    let (_, first) = tokens(&api, &client, "sessions:read").await;
    // Ninety days ago, but for five minutes.
    change(
        &root,
        "UPDATE grants SET created_at = created_at - 7776000000 + 300000",
    );
    let (status, second) = refresh(&api, &client, &first).await;
    assert_eq!(status, 200, "{second}");
    let left = second["expires_in"].as_i64().unwrap();
    assert!((1..=300).contains(&left), "{second}");
    change(
        &root,
        "UPDATE tokens SET expires_at = 1 WHERE used_at IS NOT NULL",
    );
    assert!(old_tokens(&root) > 0);
    let (status, third) = refresh(&api, &client, &pair(&second).1).await;
    assert_eq!((status, old_tokens(&root)), (200, 0), "{third}");
    change(&root, "UPDATE grants SET created_at = created_at - 300000");
    let (status, problem) = refresh(&api, &client, &pair(&third).1).await;
    assert_eq!((status, &problem["error"]), (400, &json!("invalid_grant")));
}
