//! What a password opens: no more than whoever gave it, and next to nothing where that is nobody.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, kind};
use crate::api::store;
use crate::support::answer;
use crate::support::oauth::{Carries as _, change, me};

/// Registers something with this proof, or without one; the status, and the answer of the contract.
async fn register(place: &Place, proof: Option<&str>, retry: Option<&str>) -> (u16, Value) {
    let body = json!({
        "upload_name": "one", "instance_id": null, "description": null, "email": null,
        "tags": { "model_name": "m" },
    });
    let mut request = place
        .api
        .call(Method::POST, "/api/upload/register")
        .json(&body);
    if let Some(proof) = proof {
        request = request.bearer_auth(proof);
    }
    if let Some(retry) = retry {
        request = request.header("idempotency-key", retry);
    }
    answer(request).await
}

/// The id and the password of what was registered.
fn pair((status, made): (u16, Value)) -> (String, String) {
    assert_eq!(status, 200, "{made}");
    let data = &made["data"];
    let text = |name: &str| data[name].as_str().unwrap().to_owned();
    (text("instance_id"), text("instance_password"))
}

/// The words of a token for an id and its password.
async fn scope(place: &Place, id: &str, password: &str) -> String {
    let (status, tokens) = place.exchange(id, password, None).await;
    assert_eq!(status, 200, "{tokens}");
    tokens["scope"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stranger_who_registers_gets_no_load_and_so_no_model() {
    let place = Place::new();
    let (id, password) = pair(register(&place, None, None).await);
    let all = scope(&place, &id, &password).await;
    assert_eq!(all, "profile memory:read memory:write registry:read");
    let (status, refused) = place.exchange(&id, &password, Some("registry:write")).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("invalid_scope")),
        "{refused}"
    );
    let token = place.token(&id, &password).await;
    for (path, body) in [
        ("/v1/loads", json!({ "name": "w" })),
        ("/v1/registrations", json!({ "upload_name": "w" })),
        ("/v1/loads/x/connect", json!({})),
        ("/api/loads", json!({ "name": "w" })),
    ] {
        let (status, answer) = place.call(&token, Method::POST, path, Some(body)).await;
        assert_eq!(status, 403, "{path}: {answer}");
    }
    // What it registers as itself is as little.
    let other = pair(register(&place, Some(&format!("{id}:{password}")), None).await);
    assert_eq!(scope(&place, &other.0, &other.1).await, all);
    // Even with a load, and credentials that should not be, the model does not answer for it.
    let (_, who) = me(&place.api, &token).await;
    let person = who["person"]["id"].as_str().unwrap();
    change(
        &place.root,
        &format!(
            "INSERT INTO loads (id, person, name, tags, is_current, created_at, updated_at, registry, instance, registered_at, connect)
             VALUES ('theirs', '{person}', 'w', '{{}}', 1, 0, 0, '', '{id}', 1, 1)"
        ),
    );
    let wide = "UPDATE people SET scopes = 'registry:read registry:write'";
    change(&place.root, &format!("{wide} WHERE id = '{person}'"));
    let key = place.key(person, json!({})).await;
    let (status, problem) = place
        .call(&key, Method::POST, "/v1/loads/theirs/connect", None)
        .await;
    assert_eq!((status, kind(&problem)), (403, "refused"), "{problem}");
    assert_eq!(scope(&place, &id, &password).await, "registry:read");
    let wanted = || -> Vec<String> {
        let rows = store(&place.root).loads_to_connect().unwrap();
        rows.into_iter().map(|row| row.id).collect()
    };
    assert!(wanted().is_empty());
    // And for no one who may not come any more.
    place.member("ann").await;
    change(
        &place.root,
        "INSERT INTO loads (id, person, name, tags, is_current, created_at, updated_at, registry, instance, registered_at, connect)
         VALUES ('anns', 'ann', 'w', '{}', 1, 0, 0, '', '0123456789abcdef0123', 1, 1)",
    );
    assert_eq!(wanted(), ["anns"]);
    change(
        &place.root,
        "UPDATE people SET disabled_at = 1 WHERE id = 'ann'",
    );
    assert!(wanted().is_empty());
}

#[tokio::test]
async fn a_password_opens_no_more_than_the_key_that_gave_it() {
    let place = Place::new();
    let ann = place.member("ann").await;
    assert_eq!(place.keep(&ann.key, "diary", "ann's").await, 201);
    let whole = "profile memory:read memory:write registry:read registry:write";
    let narrow = place
        .key("ann", json!({ "scopes": ["registry:write"] }))
        .await;
    let (id, password) = pair(register(&place, Some(&narrow), None).await);
    assert_eq!(scope(&place, &id, &password).await, "registry:write");
    let (status, _) = place.exchange(&id, &password, Some("memory:read")).await;
    assert_eq!(status, 400);
    let token = place.token(&id, &password).await;
    assert_eq!(place.text(&token, "diary").await.0, 403);
    assert_eq!(place.get(&token, "/v1/profile").await.0, 403);
    // Neither does what is registered with it, or what it is registered as again.
    let bearer = format!("{id}:{password}");
    let (second, its) = pair(register(&place, Some(&bearer), None).await);
    assert_eq!(scope(&place, &second, &its).await, "registry:write");
    let body = json!({ "upload_name": "one", "instance_id": id });
    let again = place.api.call(Method::POST, "/api/upload/register");
    let again = answer(again.bearer_auth(&bearer).json(&body)).await;
    let (_, password) = pair(again);
    assert_eq!(scope(&place, &id, &password).await, "registry:write");
    let token = place.token(&id, &password).await;
    let rotate = async |proof: &str| {
        let path = format!("/v1/instances/{id}/rotate");
        let (status, rotated) = place.call(proof, Method::POST, &path, None).await;
        assert_eq!(status, 200, "{rotated}");
        rotated["password"].as_str().unwrap().to_owned()
    };
    let by_itself = rotate(&token).await;
    assert_eq!(scope(&place, &id, &by_itself).await, "registry:write");
    // A wider key gives a password that opens more; the one before does not by that.
    let wider = rotate(&ann.key).await;
    assert_eq!(scope(&place, &id, &by_itself).await, "registry:write");
    assert_eq!(scope(&place, &id, &wider).await, whole);
    assert_eq!(
        place.text(&place.token(&id, &wider).await, "diary").await,
        (200, "ann's".to_owned())
    );
    let narrower = rotate(&narrow).await;
    assert_eq!(scope(&place, &id, &narrower).await, "registry:write");
}

#[tokio::test]
async fn each_way_to_a_password_has_its_ceiling() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let narrow = place
        .key("ann", json!({ "scopes": ["registry:write"] }))
        .await;
    // The same request again, with less.
    let retry = Some("0123456789abcdef0123456789abcdef");
    let (first, _) = pair(register(&place, Some(&ann.key), retry).await);
    let (id, password) = pair(register(&place, Some(&narrow), retry).await);
    assert_eq!(first, id);
    assert_eq!(scope(&place, &id, &password).await, "registry:write");
    // A load.
    let body = json!({ "upload_name": "load", "tags": { "model_name": "m" } });
    for (key, words) in [
        (&narrow, "registry:write"),
        (
            &ann.key,
            "profile memory:read memory:write registry:read registry:write",
        ),
    ] {
        let made = place.call(key, Method::POST, "/v1/registrations", Some(body.clone()));
        let (status, made) = made.await;
        assert_eq!(status, 201, "{made}");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (id, password) = (text("instance_id"), text("instance_password"));
        assert_eq!(scope(&place, &id, &password).await, words);
    }
    // A claim.
    let (id, password) = pair(register(&place, None, None).await);
    let path = format!("/v1/instances/{id}/claim");
    let body = json!({ "instance_password": password });
    let (status, claimed) = place.call(&narrow, Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200, "{claimed}");
    let next = claimed["instance_password"].as_str().unwrap();
    assert_eq!(scope(&place, &id, next).await, "registry:write");
    // Who reaches only another user's memory gives none.
    let foreign = place.key("ann", json!({ "memory_of": "bob" })).await;
    let (id, password) = pair(register(&place, Some(&foreign), None).await);
    assert_eq!(
        scope(&place, &id, &password).await,
        "profile registry:read registry:write"
    );
}

#[tokio::test]
async fn a_closed_registry_knows_whom_it_takes() {
    let place = Place::with("[registry]\nopen_registration = false\n");
    let ann = place.member("ann").await;
    let (status, refused) = register(&place, None, None).await;
    assert_eq!(
        (status, &refused["code"], &refused["data"]),
        (401, &json!(401), &Value::Null),
        "{refused}"
    );
    let why = refused["message"].as_str().unwrap();
    assert!(
        why.contains("open_registration") && why.contains("registry:write"),
        "{why}"
    );
    let (id, password) = pair(register(&place, Some(&ann.key), None).await);
    let own = pair(register(&place, Some(&format!("{id}:{password}")), None).await);
    assert_eq!(
        place
            .get(&ann.key, &format!("/v1/instances/{}", own.0))
            .await
            .0,
        200
    );
    // What came while it was open comes back as itself, and brings nobody along.
    let (id, password) = place.instance("before").await;
    for _ in 0..2 {
        let bearer = format!("{id}:{password}");
        assert_eq!(register(&place, Some(&bearer), None).await.0, 401);
        let body = json!({ "upload_name": "one", "instance_id": id });
        let again = place.api.call(Method::POST, "/api/upload/register");
        assert_eq!(answer(again.bearer_auth(&bearer).json(&body)).await.0, 200);
        place.token(&id, &password).await;
    }
}

#[tokio::test]
async fn who_was_only_made_for_an_instance_is_nobodys_acquaintance() {
    let place = Place::new();
    place.member("ann").await;
    let (id, password) = place.instance("one").await;
    let (_, who) = me(&place.api, &place.token(&id, &password).await).await;
    let person = who["person"]["id"].as_str().unwrap();
    let (status, list) = answer(place.api.own(Method::GET, "/v1/people")).await;
    assert_eq!(status, 200, "{list}");
    let ids: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert!(
        ids.contains(&&json!("ann")) && !ids.contains(&&json!(person)),
        "{list}"
    );
    let (status, bare) = answer(place.api.own(Method::GET, "/v1/people?bare=true")).await;
    assert_eq!(status, 200, "{bare}");
    assert_eq!(bare.as_array().unwrap().len(), 1, "{bare}");
    assert_eq!(bare[0]["id"], person);
    let path = format!("/v1/people/{person}");
    let (status, shown) = answer(place.api.own(Method::GET, &path)).await;
    assert_eq!((status, &shown["id"]), (200, &json!(person)), "{shown}");
    let out = json!({ "disabled": true });
    let (status, _) = answer(place.api.own(Method::PATCH, &path).json(&out)).await;
    assert_eq!(status, 200);
    assert_eq!(place.exchange(&id, &password, None).await.0, 401);
    assert_eq!(answer(place.api.own(Method::DELETE, &path)).await.0, 204);
    assert_eq!(answer(place.api.own(Method::GET, &path)).await.0, 404);
}
