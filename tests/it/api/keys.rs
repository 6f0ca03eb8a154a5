//! API keys on the wire.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::oauth::{Carries as _, change, me};
use crate::support::process::{Daemon, Root, eventually};
use crate::support::{Api, answer};

/// A daemon with two sites.
fn daemon() -> (Root, Daemon, Api) {
    let root = Root::new();
    root.env("PASSWORD", "unused");
    for site in ["wiki", "shop"] {
        root.recipe(
            site,
            "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = \"${PASSWORD}\"\n",
        );
    }
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

async fn create(request: RequestBuilder, body: Value) -> (String, String) {
    let (status, key) = answer(request.json(&body)).await;
    assert_eq!(status, 201, "{key}");
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), text("value"))
}

async fn key(api: &Api, body: Value) -> (String, String) {
    create(api.own(Method::POST, "/v1/keys"), body).await
}

fn kind(problem: &Value) -> &str {
    problem["type"]
        .as_str()
        .unwrap_or_default()
        .trim_start_matches("urn:jarkeeper:problem:")
}

async fn sites(request: RequestBuilder) -> (u16, Value) {
    answer(request).await
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_names_and_no_more() {
    let (root, _daemon, api) = daemon();
    let body = json!({ "name": "nightly", "scopes": ["sessions:read"], "sessions": ["wiki"], "expires_in": "30d" });
    let (id, value) = key(&api, body).await;
    assert!(value.starts_with("jk_") && value.len() == 46, "{value}");
    let wiki = json!([{ "site": "wiki", "sessions": ["wiki"] }]);
    for request in [
        api.call(Method::GET, "/v1/sites")
            .header("x-api-key", &value),
        api.call(Method::GET, "/v1/sites").bearer_auth(&value),
        api.call(Method::GET, &format!("/v1/sites?key={value}")),
    ] {
        let (status, found) = sites(request).await;
        assert_eq!(
            (status, &found[0]["site"]),
            (200, &wiki[0]["site"]),
            "{found}"
        );
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    }
    // Another site's session is as one that does not exist.
    let other = api
        .call(Method::GET, "/v1/sessions/shop")
        .bearer_auth(&value);
    let none = api
        .call(Method::GET, "/v1/sessions/nope")
        .bearer_auth(&value);
    let ((one, theirs), (two, nothing)) = (answer(other).await, answer(none).await);
    assert_eq!((one, two), (404, 404));
    assert_eq!(kind(&theirs), kind(&nothing));
    // Without the scope it is refused, with the scope's name.
    let create = api.call(Method::POST, "/v1/keys").bearer_auth(&value);
    let refused = create
        .json(&json!({ "name": "x", "scopes": ["read"] }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope", scope="admin""#),
        "{challenge}"
    );
    // Nothing shows the value again, and nothing keeps it.
    let (_, shown) = answer(api.own(Method::GET, &format!("/v1/keys/{id}"))).await;
    assert_eq!(shown["value"], Value::Null);
    let (status, mine) = me(&api, &value).await;
    assert_eq!(status, 200, "{mine}");
    assert_eq!(mine["principal"], format!("key:{id}"));
    assert_eq!(
        (&mine["kind"], &mine["sessions"]),
        (&json!("key"), &json!(["wiki"]))
    );
    assert_eq!(mine["expires_at"], shown["expires_at"]);
    for entry in std::fs::read_dir(root.auth().join(".jarkeeper/store")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes
            .windows(value.len())
            .any(|part| part == value.as_bytes());
        assert!(!found, "the key stands in the store");
    }
}

#[tokio::test]
async fn a_key_that_reaches_nothing_reaches_nothing() {
    let (_root, _daemon, api) = daemon();
    let body = json!({ "name": "none", "scopes": ["sessions:read"], "sessions": [] });
    let (_, value) = key(&api, body).await;
    let (status, found) = sites(api.call(Method::GET, "/v1/sites").bearer_auth(&value)).await;
    assert_eq!((status, found), (200, json!([])));
}

#[tokio::test]
async fn credentials_in_two_ways_and_tokens_in_the_query_are_refused() {
    let (_root, _daemon, api) = daemon();
    let (_, value) = key(&api, json!({ "name": "x", "scopes": ["sessions:read"] })).await;
    let get = |query: &str| api.call(Method::GET, &format!("/v1/sites?{query}"));
    for twice in [
        get(&format!("key={value}&key={value}")),
        get(&format!("key={value}")).header("x-api-key", &value),
        get(&format!("key={value}")).bearer_auth(&value),
        get("").header("x-api-key", &value).bearer_auth(&value),
    ] {
        let (status, problem) = answer(twice).await;
        assert_eq!((status, kind(&problem)), (400, "invalid-request"));
    }
    let (status, _) = answer(get(&format!("access_token={value}"))).await;
    assert_eq!(status, 401);
    let unknown = format!("jk_{}", "A".repeat(43));
    let response = get("").bearer_auth(&unknown).send().await.unwrap();
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains(r#"error="invalid_token""#),
        "{challenge}"
    );
    assert!(challenge.contains("resource_metadata="), "{challenge}");
}

#[tokio::test]
async fn revoked_and_expired_keys_open_nothing_at_once() {
    let (root, _daemon, api) = daemon();
    let scopes = json!(["sessions:read"]);
    let (id, value) = key(&api, json!({ "name": "a", "scopes": scopes })).await;
    assert_eq!(me(&api, &value).await.0, 200);
    let path = format!("/v1/keys/{id}");
    let (status, _) = answer(api.own(Method::DELETE, &path)).await;
    assert_eq!(status, 204);
    let (status, problem) = me(&api, &value).await;
    assert_eq!(
        (status, &problem["detail"]),
        (401, &json!("this API key was revoked"))
    );
    let (status, _) = answer(api.own(Method::POST, &format!("{path}/rotate"))).await;
    assert_eq!(status, 403);
    let (_, shown) = answer(api.own(Method::GET, &path)).await;
    assert!(shown["revoked_at"].is_string());
    let (id, value) = key(
        &api,
        json!({ "name": "b", "scopes": scopes, "expires_in": 3600 }),
    )
    .await;
    assert_eq!(me(&api, &value).await.0, 200);
    change(
        &root,
        &format!("UPDATE keys SET expires_at = expires_at - 3600000 WHERE id = '{id}'"),
    );
    let (status, problem) = me(&api, &value).await;
    assert_eq!(
        (status, &problem["detail"]),
        (401, &json!("this API key has expired"))
    );
}

#[tokio::test]
async fn a_rotated_key_is_good_with_both_values_for_the_overlap() {
    let (root, _daemon, api) = daemon();
    let (id, old) = key(&api, json!({ "name": "a", "scopes": ["sessions:read"] })).await;
    let rotate = |body: Value| {
        answer(
            api.own(Method::POST, &format!("/v1/keys/{id}/rotate"))
                .json(&body),
        )
    };
    let (status, rotated) = answer(api.own(Method::POST, &format!("/v1/keys/{id}/rotate"))).await;
    assert_eq!((status, &rotated["id"]), (200, &json!(id)), "{rotated}");
    let new = rotated["value"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    for value in [&old, &new] {
        let (status, mine) = me(&api, value).await;
        assert_eq!(
            (status, &mine["principal"]),
            (200, &json!(format!("key:{id}")))
        );
    }
    change(&root, "UPDATE keys SET old_until = old_until - 3600000");
    assert_eq!((me(&api, &old).await.0, me(&api, &new).await.0), (401, 200));
    let (_, third) = rotate(json!({ "overlap": 0 })).await;
    let third = third["value"].as_str().unwrap().to_owned();
    assert_eq!(
        (me(&api, &new).await.0, me(&api, &third).await.0),
        (401, 200)
    );
    let (_, fourth) = rotate(json!({ "overlap": "1h" })).await;
    let fourth = fourth["value"].as_str().unwrap().to_owned();
    answer(api.own(Method::DELETE, &format!("/v1/keys/{id}"))).await;
    assert_eq!(
        (me(&api, &third).await.0, me(&api, &fourth).await.0),
        (401, 401)
    );
    let (status, _) = rotate(json!({ "overlap": "31d" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_noted_once_a_minute() {
    let (root, _daemon, api) = daemon();
    let (id, value) = key(&api, json!({ "name": "a", "scopes": ["sessions:read"] })).await;
    let path = format!("/v1/keys/{id}");
    let noted = async || answer(api.own(Method::GET, &path)).await.1["last_used_at"].clone();
    assert_eq!(noted().await, Value::Null);
    me(&api, &value).await;
    let mut first = Value::Null;
    while first.is_null() {
        first = noted().await;
    }
    me(&api, &value).await;
    assert_eq!(noted().await, first);
    change(&root, "UPDATE keys SET last_used_at = last_used_at - 60000");
    let older = noted().await;
    me(&api, &value).await;
    while noted().await == older {}
}

#[tokio::test]
async fn a_key_gives_away_no_more_than_it_has() {
    let (_root, _daemon, api) = daemon();
    let narrow = json!({ "name": "narrow", "scopes": ["admin", "sessions:read"], "sessions": ["wiki"], "memory_of": "ann",
        "expires_in": "1d" });
    let (_, narrow) = key(&api, narrow).await;
    let (wide, _) = key(&api, json!({ "name": "wide", "scopes": ["read", "admin"] })).await;
    let make = |body: Value| {
        answer(
            api.call(Method::POST, "/v1/keys")
                .bearer_auth(&narrow)
                .json(&body),
        )
    };
    let good = json!({ "name": "x", "scopes": ["sessions:read"], "sessions": ["wiki:ann"], "memory_of": "ann", "expires_in": 60 });
    assert_eq!(make(good.clone()).await.0, 201);
    for (name, value) in [
        ("scopes", json!(["read"])),
        ("sessions", Value::Null),
        ("sessions", json!(["shop"])),
        ("memory_of", Value::Null),
        ("memory_of", json!("bob")),
        ("expires_in", json!("2d")),
        ("expires_in", Value::Null),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let (status, problem) = make(body.clone()).await;
        assert_eq!((status, kind(&problem)), (403, "refused"), "{body}");
    }
    // Nor does it get hold of the value of one that has more, nor of a browser.
    let rotate = api.call(Method::POST, &format!("/v1/keys/{wide}/rotate"));
    assert_eq!(answer(rotate.bearer_auth(&narrow)).await.0, 403);
    let ticket = api.call(Method::POST, "/v1/tickets").bearer_auth(&narrow);
    assert_eq!(answer(ticket).await.0, 403);
}

#[tokio::test]
async fn a_key_that_ends_gets_no_browser_which_would_outlive_it() {
    let (_root, _daemon, api) = daemon();
    let all = json!([
        "read",
        "write",
        "profile",
        "profile:write",
        "email",
        "admin",
        "sessions:reveal"
    ]);
    for (end, status) in [(Value::Null, 201), (json!(60), 403)] {
        let body = json!({ "name": "x", "scopes": all, "expires_in": end });
        let (_, value) = key(&api, body).await;
        let ticket = api.call(Method::POST, "/v1/tickets").bearer_auth(&value);
        let (got, problem) = answer(ticket).await;
        assert_eq!(got, status, "{problem}");
    }
}

#[tokio::test]
async fn what_no_key_can_be_is_refused_with_the_reason() {
    let (_root, _daemon, api) = daemon();
    for (body, said) in [
        (json!({ "name": "", "scopes": ["read"] }), "name of a key"),
        (
            json!({ "name": "a\nb", "scopes": ["read"] }),
            "name of a key",
        ),
        (
            json!({ "name": "x".repeat(101), "scopes": ["read"] }),
            "name of a key",
        ),
        (json!({ "name": "a", "scopes": [] }), "without scopes"),
        (
            json!({ "name": "a", "scopes": ["reads"] }),
            "no scope \"reads\"",
        ),
        (
            json!({ "name": "a", "scopes": ["read"], "sessions": ["W!"] }),
            "must begin",
        ),
        (
            json!({ "name": "a", "scopes": ["read"], "expires_in": 0 }),
            "before it begins",
        ),
        (
            json!({ "name": "a", "scopes": ["read"], "expires_in": 9, "expires_at": "2100-01-01T00:00:00Z" }),
            "not both",
        ),
        (
            json!({ "name": "a", "scopes": ["read"], "expires_at": "2000-01-01T00:00:00Z" }),
            "before it begins",
        ),
    ] {
        let (status, problem) = answer(api.own(Method::POST, "/v1/keys").json(&body)).await;
        assert_eq!(status, 400, "{body}: {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{body}: {problem}"
        );
    }
}

#[tokio::test]
async fn people_see_their_own_keys_and_the_owner_all() {
    let (root, _daemon, api) = daemon();
    change(
        &root,
        "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('ann', 'member', 'admin sessions:read', '[\"wiki\"]', 0)",
    );
    let (mine, _) = key(&api, json!({ "name": "owner's", "scopes": ["read"] })).await;
    let (id, value) = key(
        &api,
        json!({ "name": "ann's", "scopes": ["admin", "sessions:read", "sessions:renew"] }),
    )
    .await;
    change(
        &root,
        &format!("UPDATE keys SET person = 'ann' WHERE id = '{id}'"),
    );
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|key| key["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, list) = answer(api.call(Method::GET, "/v1/keys").bearer_auth(&value)).await;
    assert_eq!(ids(&list), std::slice::from_ref(&id));
    let (_, list) = answer(api.own(Method::GET, "/v1/keys")).await;
    assert_eq!(ids(&list), [mine.clone(), id.clone()]);
    for (method, path) in [
        (Method::GET, format!("/v1/keys/{mine}")),
        (Method::DELETE, format!("/v1/keys/{mine}")),
        (Method::POST, format!("/v1/keys/{mine}/rotate")),
        (Method::GET, "/v1/keys/nope".to_owned()),
    ] {
        let (status, problem) = answer(api.call(method, &path).bearer_auth(&value)).await;
        assert_eq!((status, kind(&problem)), (404, "unknown-key"), "{path}");
    }
    // A key allows no more than its person does today: neither scopes nor sessions.
    let (_, me_now) = me(&api, &value).await;
    assert_eq!(me_now["scopes"], json!(["sessions:read", "admin"]));
    assert_eq!(me_now["sessions"], json!(["wiki"]));
    change(&root, "UPDATE people SET disabled_at = 1 WHERE id = 'ann'");
    let (status, problem) = me(&api, &value).await;
    assert_eq!((status, kind(&problem)), (401, "invalid-token"));
}

#[test]
fn keys_are_managed_from_the_command_line_with_and_without_a_daemon() {
    let root = Root::new();
    let create = [
        "key",
        "create",
        "nightly",
        "--scope",
        "sessions:read,sessions:renew",
        "--session",
        "wiki",
        "--expires",
        "30d",
    ];
    let first = root.run(&create);
    assert_eq!(first.code, Some(0), "{first:?}");
    let value = first.out.trim().to_owned();
    assert!(
        value.starts_with("jk_") && !first.err.contains(&value),
        "{first:?}"
    );
    let daemon = root.daemon();
    let second = root.run(&[&create[..], &["--json"]].concat()).json();
    let (id, second) = (
        second["id"].as_str().unwrap(),
        second["value"].as_str().unwrap(),
    );
    let api = Api::of(&root, &daemon);
    let asks = |value: &str| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(me(&api, value))
    };
    let (status, mine) = asks(&value);
    assert_eq!(
        (status, &mine["sessions"]),
        (200, &json!(["wiki"])),
        "{mine}"
    );
    let rotated = root.run(&["key", "rotate", id, "--overlap", "0s"]);
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert_eq!((asks(second).0, asks(rotated.out.trim()).0), (401, 200));
    let revoked = root.run(&["key", "revoke", id]);
    assert_eq!((revoked.code, asks(rotated.out.trim()).0), (Some(0), 401));
    let wrong = root.run(&["key", "create", "x", "--scope", "reads"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert_eq!(root.run(&["key", "revoke", "nope"]).code, Some(5));
    drop(daemon);
    let list = eventually("the daemon is gone", || {
        let list = root.run(&["key", "list"]);
        (list.code == Some(0)).then_some(list.out)
    });
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[1].contains("until 2") && lines[2].contains("revoked"),
        "{list}"
    );
    assert_eq!(root.run(&["key", "revoke", "nope"]).code, Some(5));
}
