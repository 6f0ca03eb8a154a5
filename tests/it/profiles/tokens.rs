//! Instances that get tokens for their passwords.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jarkeeper::registry::RegisteredBy;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Place, kind, upload};
use crate::support::answer;
use crate::support::oauth::{Carries as _, change, me};

#[tokio::test]
async fn a_password_gets_a_token_for_profile_and_memory_and_nothing_else() {
    let place = Place::new();
    let (id, password) = place.instance("one").await;
    let (status, tokens) = place.exchange(&id, &password, None).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    assert!(tokens.get("refresh_token").is_none());
    assert_eq!(
        tokens["scope"],
        "profile memory:read memory:write registry:read"
    );
    let token = tokens["access_token"].as_str().unwrap();
    assert!(token.starts_with("ji_") && token.len() == 46, "{token}");
    let (status, who) = me(&place.api, token).await;
    assert_eq!((status, &who["kind"]), (200, &json!("instance")), "{who}");
    assert_eq!(who["principal"], format!("instance:{id}"));
    assert_eq!(who["memory_of"], who["person"]["id"]);
    assert_eq!(who["sessions"], json!([]));
    assert_eq!(place.keep(token, "a", "text").await, 201);
    assert_eq!(place.get(token, "/v1/profile").await.0, 200);
    for (method, path) in [
        (Method::GET, "/v1/sites"),
        (Method::GET, "/v1/keys"),
        (Method::GET, "/v1/people"),
        (Method::GET, "/v1/profile/export"),
        (Method::DELETE, "/v1/profile"),
        (Method::POST, "/v1/tickets"),
    ] {
        let (status, problem) = place.call(token, method, path, None).await;
        assert_eq!(status, 403, "{path}: {problem}");
    }
    // A second token is of the same person, by Basic too.
    let basic = STANDARD.encode(format!("{id}:{password}"));
    let request = place.api.call(Method::POST, "/oauth/token");
    let request = request.header("authorization", format!("Basic {basic}"));
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "memory:read"),
    ];
    let (status, second) = answer(request.form(&form)).await;
    assert_eq!(
        (status, &second["scope"]),
        (200, &json!("memory:read")),
        "{second}"
    );
    let second = second["access_token"].as_str().unwrap();
    assert_eq!(place.text(second, "a").await, (200, "text".to_owned()));
    assert_eq!(place.keep(second, "a", "x").await, 403);
    assert_eq!(place.count("SELECT count(*) FROM people"), 2);
    // Of neither is there a trace but a hash.
    for secret in [token, second, password.as_str()] {
        assert!(!place.holds(secret), "{secret}");
        let log = format!("{:?}", place.daemon.log());
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn what_is_no_password_or_no_scope_gets_none() {
    let place = Place::new();
    let (id, password) = place.instance("one").await;
    let wrong = place.exchange(&id, "jp_wrong", None).await;
    assert_eq!(
        (wrong.0, &wrong.1["error"]),
        (401, &json!("invalid_client"))
    );
    let unknown = place
        .exchange("0123456789abcdef0123", &password, None)
        .await;
    assert_eq!(unknown, wrong);
    for scope in ["admin", "read", "sessions:read", "nonsense", "email"] {
        let (status, refused) = place.exchange(&id, &password, Some(scope)).await;
        assert_eq!(
            (status, &refused["error"]),
            (400, &json!("invalid_scope")),
            "{scope}"
        );
    }
    // Nothing was made for any of it.
    assert_eq!(place.count("SELECT count(*) FROM people"), 1);
    for (form, status) in [
        (vec![("client_id", &*id)], 401),
        (vec![("client_secret", &*password)], 401),
        (
            vec![
                ("client_id", &*id),
                ("client_secret", &*password),
                ("resource", "https://x.test/"),
            ],
            400,
        ),
    ] {
        let form = [&[("grant_type", "client_credentials")][..], &form].concat();
        let (got, refused) = answer(place.api.call(Method::POST, "/oauth/token").form(&form)).await;
        assert_eq!(got, status, "{refused}");
    }
    // A client's secret is none of an instance, and the other way round.
    let (_, description) = answer(
        place
            .api
            .call(Method::GET, "/.well-known/oauth-authorization-server"),
    )
    .await;
    let grants = description["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("client_credentials")), "{grants:?}");
    let body = json!({ "client_name": "x", "redirect_uris": ["https://a.test/"], "grant_types": ["client_credentials"] });
    let (status, _) = answer(place.api.call(Method::POST, "/oauth/register").json(&body)).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn what_is_nobodys_takes_out_and_deletes_what_is_kept_of_it_where_it_asks_for_that() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let (id, password) = place.instance("marmalade-name").await;
    let token = place.token(&id, &password).await;
    assert_eq!(place.keep(&token, "a", "marmalade-text").await, 201);
    let wide = |scope: &'static str| {
        let (place, id, password) = (&place, &id, &password);
        async move { place.exchange(id, password, Some(scope)).await }
    };
    let (status, tokens) = wide("profile:write").await;
    assert_eq!(
        (status, &tokens["scope"]),
        (200, &json!("profile:write")),
        "{tokens}"
    );
    let token = tokens["access_token"].as_str().unwrap();
    let (status, all) = place.get(token, "/v1/profile/export").await;
    assert_eq!(status, 200, "{all}");
    for word in ["marmalade-name", "marmalade-text"] {
        assert!(all.to_string().contains(word), "{word}");
    }
    // It has no profile that it could change.
    let change = Some(json!({ "username": "ada" }));
    let (status, problem) = place
        .call(token, Method::PATCH, "/v1/profile", change)
        .await;
    assert_eq!((status, kind(&problem)), (403, "refused"));
    let person = all["profile"]["id"].as_str().unwrap();
    let path = format!("/v1/profile?confirm={person}");
    let (status, problem) = place.call(token, Method::DELETE, &path, None).await;
    assert_eq!(status, 204, "{problem}");
    assert!(!place.holds("marmalade-name") && !place.holds("marmalade-text"));
    assert_eq!(place.count("SELECT count(*) FROM instances"), 0);
    // Somebody's instance never may: a password of an instance is not its person's consent.
    let (id, password) = place.instance("two").await;
    let path = format!("/v1/instances/{id}/claim");
    let body = Some(json!({ "instance_password": password }));
    let (status, claimed) = place.call(&ann.key, Method::POST, &path, body).await;
    assert_eq!(status, 200, "{claimed}");
    let password = claimed["instance_password"].as_str().unwrap();
    let (status, refused) = place.exchange(&id, password, Some("profile:write")).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("invalid_scope")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_token_ends_with_its_time_its_rotation_its_instance_and_its_person() {
    let place = Place::new();
    let (id, password) = place.instance("one").await;
    let is_good = async |token: &str| me(&place.api, token).await.0 == 200;
    // Its time.
    let token = place.token(&id, &password).await;
    assert!(is_good(&token).await);
    change(
        &place.root,
        "UPDATE instance_tokens SET expires_at = expires_at - 900000",
    );
    assert!(!is_good(&token).await);
    // A rotation ends it when the new password is first used, and not before.
    let token = place.token(&id, &password).await;
    let registry = place.registry().await;
    let rotated = registry.rotate(&id, RegisteredBy::Password, upload("one"));
    let next = rotated.await.unwrap().password.expose_secret().to_owned();
    assert!(is_good(&token).await);
    let new = place.token(&id, &next).await;
    assert!(!is_good(&token).await && is_good(&new).await);
    assert_eq!(place.exchange(&id, &password, None).await.0, 401);
    // Its person, who may come again.
    change(
        &place.root,
        "UPDATE people SET disabled_at = 1 WHERE id <> 'owner'",
    );
    assert!(!is_good(&new).await);
    assert_eq!(place.exchange(&id, &next, None).await.0, 401);
    change(&place.root, "UPDATE people SET disabled_at = NULL");
    assert!(is_good(&new).await);
    // What its person may less.
    change(
        &place.root,
        "UPDATE people SET scopes = 'memory:read' WHERE id <> 'owner'",
    );
    assert_eq!(
        me(&place.api, &new).await.1["scopes"],
        json!(["memory:read"])
    );
    // Its instance.
    registry.unregister(&id).await.unwrap();
    assert!(!is_good(&new).await);
    assert_eq!(place.exchange(&id, &next, None).await.0, 401);
}

#[tokio::test]
async fn an_instance_ends_and_looks_at_its_own_tokens_alone() {
    let place = Place::new();
    let (one, two) = (place.instance("one").await, place.instance("two").await);
    let token = place.token(&one.0, &one.1).await;
    let ask = async |path: &str, (id, password): &(String, String), token: &str| {
        let form = [
            ("token", token),
            ("client_id", id),
            ("client_secret", password),
        ];
        answer(place.api.call(Method::POST, path).form(&form)).await
    };
    let (status, seen) = ask("/oauth/introspect", &one, &token).await;
    assert_eq!((status, &seen["active"]), (200, &json!(true)), "{seen}");
    assert_eq!(seen["client_id"], one.0.as_str());
    assert_eq!(
        seen["exp"].as_i64().unwrap() - seen["iat"].as_i64().unwrap(),
        900
    );
    let none = json!({ "active": false });
    assert_eq!(
        ask("/oauth/introspect", &two, &token).await,
        (200, none.clone())
    );
    assert_eq!(ask("/oauth/revoke", &two, &token).await, (200, Value::Null));
    assert_eq!(me(&place.api, &token).await.0, 200);
    let wrong = (one.0.clone(), "jp_wrong".to_owned());
    assert_eq!(ask("/oauth/revoke", &wrong, &token).await.0, 401);
    assert_eq!(ask("/oauth/revoke", &one, &token).await.0, 200);
    assert_eq!(me(&place.api, &token).await.0, 401);
    assert_eq!(ask("/oauth/introspect", &one, &token).await, (200, none));
    // Sixteen are in force at once.
    let mut tokens = Vec::new();
    for _ in 0..17 {
        tokens.push(place.token(&one.0, &one.1).await);
    }
    assert_eq!(me(&place.api, &tokens[0]).await.0, 401);
    assert_eq!(me(&place.api, &tokens[1]).await.0, 200);
}

#[tokio::test]
async fn guesses_lock_an_instance_and_not_who_knows_its_password() {
    let place = Place::new();
    let (id, password) = place.instance("one").await;
    // A client that the daemon knows goes on, others are told when it opens.
    place.token(&id, &password).await;
    for at in 0..12 {
        let (status, refused) = place.exchange(&id, &format!("jp_wrong-{at}"), None).await;
        let (wanted, kind_of) = if at < 10 { (401, "") } else { (429, "locked") };
        assert_eq!(
            (status, kind(&refused)),
            (wanted, kind_of),
            "{at}: {refused}"
        );
    }
    place.token(&id, &password).await;
    let password = SecretString::from(password);
    assert!(place.registry().await.prove(&id, &password).await.is_ok());
}
