//! Everything that is kept about a person: taken out, and deleted.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, Somebody, kind};
use crate::api::store;
use crate::support::answer;
use crate::support::oauth::{change, client, me};

/// Texts that are kept about somebody, each of which can be searched for.
const TEXTS: [&str; 6] = [
    "marmalade-name",
    "marmalade-description",
    "marmalade-tag",
    "marmalade-document",
    "marmalade-text",
    "marmalade-load",
];

/// Words that together allow everything; without the last one all but `admin`.
const EVERYTHING: [&str; 6] = [
    "read",
    "write",
    "profile:write",
    "email",
    "sessions:reveal",
    "admin",
];

/// Fills everything that there is about a person.
async fn fill(place: &Place, who: &Somebody) -> (String, String) {
    let id = who.id;
    let body =
        json!({ "username": id, "name": TEXTS[0], "description": TEXTS[1], "tags": [TEXTS[2]] });
    let (status, _) = place
        .call(&who.key, Method::PATCH, "/v1/profile", Some(body))
        .await;
    assert_eq!(status, 200);
    // Long enough for pages of its own.
    let text = format!("{} {}", TEXTS[4], "x".repeat(50_000));
    assert_eq!(place.keep(&who.key, TEXTS[3], &text).await, 201);
    let mut instance = place.instance("one").await;
    let path = format!("/v1/instances/{}/claim", instance.0);
    let body = json!({ "instance_password": instance.1 });
    let (status, claimed) = place.call(&who.key, Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200);
    instance.1 = claimed["instance_password"].as_str().unwrap().to_owned();
    let app = client(&place.api).await;
    for sql in [
        format!(
            "INSERT INTO loads (id, person, name, description, tags, avatar, avatar_kind, is_current, created_at, updated_at,
               registry, instance, sealed)
             VALUES ('load-{id}', '{id}', '{}', 'd', '{{\"model_name\":\"m\"}}', x'0102', 'image/png', 1, 0, 0,
               '', '{}', x'5EA1ED')",
            TEXTS[5], instance.0
        ),
        format!(
            "INSERT INTO grants (id, client, person, scopes, created_at) VALUES ('grant-{id}', '{app}', '{id}', 'profile', 0)"
        ),
        format!(
            "INSERT INTO visits (hash, kind, person, created_at, expires_at)
             VALUES (randomblob(32), 'visit', '{id}', 0, 4102444800000)"
        ),
        format!(
            "INSERT INTO instance_roles (instance, id, name, is_active, enable_l0_retrieval, enable_l1_retrieval, updated_at)
             VALUES ('{}', 'role-{id}', 'Poet', 1, 0, 0, 0)",
            instance.0
        ),
    ] {
        change(&place.root, &sql);
    }
    instance
}

/// What hangs from a person and has no route of its own, or none that is quick.
async fn fill_the_rest(place: &Place, who: &Somebody, instance: &str) {
    let id = who.id;
    let turn = json!({ "interactions": [{ "role": "user", "speaker": "Ann", "text": format!("{} is nice", TEXTS[4]) }] });
    let path = "/v1/memory/interactions";
    let (status, added) = place.call(&who.key, Method::POST, path, Some(turn)).await;
    assert_eq!(status, 201, "{added}");
    let turn = added["ids"][0].as_str().unwrap();
    let path = format!("/v1/memory/interactions/{turn}");
    let text = json!({ "text": "It was changed." });
    let (status, changed) = place.call(&who.key, Method::PATCH, &path, Some(text)).await;
    assert_eq!(status, 200, "{changed}");
    let fact = json!({ "text": "Ann likes marmalade.", "sources": [turn] });
    let path = "/v1/memory/facts";
    let (status, fact) = place.call(&who.key, Method::POST, path, Some(fact)).await;
    assert_eq!(status, 201, "{fact}");
    let path = format!("/v1/memory/facts/{}", fact["id"].as_str().unwrap());
    let mended = json!({ "text": "Ann likes honey." });
    let (status, mended) = place
        .call(&who.key, Method::PATCH, &path, Some(mended))
        .await;
    assert_eq!(status, 200, "{mended}");
    let space = format!("(SELECT id FROM memory_spaces WHERE person = '{id}' LIMIT 1)");
    for sql in [
        format!(
            "INSERT INTO load_credentials (load, registry, instance, sealed) VALUES ('load-{id}', 'https://r.test', 'x', x'5EA1ED')"
        ),
        format!(
            "INSERT INTO instance_tokens (hash, instance, scopes, created_at, expires_at)
             VALUES (randomblob(32), '{instance}', 'profile', 0, 4102444800000)"
        ),
        format!(
            "INSERT INTO tokens (hash, kind, of_grant, scopes, created_at, expires_at)
             VALUES (randomblob(32), 'access', 'grant-{id}', 'profile', 0, 4102444800000)"
        ),
        format!(
            "INSERT INTO devices (hash, user_code, client, scopes, created_at, expires_at, wait_s, of_grant)
             SELECT randomblob(32), 'ABCD', client, 'profile', 0, 4102444800000, 5, id FROM grants WHERE id = 'grant-{id}'"
        ),
        format!("INSERT INTO replies (space, doc, name) SELECT space, doc, 'n' FROM interactions WHERE space = {space} LIMIT 1"),
        format!("INSERT OR IGNORE INTO learned_again (space, doc) VALUES ({space}, 0)"),
        "INSERT INTO memory_models (id, fingerprint, dimension, name) VALUES (99, 'f', 1, 'm')".to_owned(),
        format!(
            "INSERT INTO memory_vectors (space, model, block, count, vectors) VALUES ({space}, 99, 0, 0, zeroblob(640))"
        ),
    ] {
        change(&place.root, &sql);
    }
}

/// How many rows there are in each table that hangs from people, through whatever other tables.
fn hanging(place: &Place) -> BTreeMap<String, i64> {
    let sql = "WITH RECURSIVE
        refers (child, parent) AS (
          SELECT m.name, f.\"table\" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
          WHERE m.type = 'table' AND f.on_delete = 'CASCADE'),
        hangs (name) AS (
          SELECT child FROM refers WHERE parent = 'people' UNION SELECT child FROM refers JOIN hangs ON parent = hangs.name)
        SELECT name FROM hangs";
    let connection = rusqlite::Connection::open(store(&place.root).path()).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    let names: Vec<_> = names.map(Result::unwrap).collect();
    assert!(names.len() > 15, "{names:?}");
    let count = |name: &String| place.count(&format!("SELECT count(*) FROM {name}"));
    names
        .iter()
        .map(|name| (name.clone(), count(name)))
        .collect()
}

async fn delete(place: &Place, proof: &str, query: &str) -> (u16, Value) {
    let path = format!("/v1/profile{query}");
    place.call(proof, Method::DELETE, &path, None).await
}

#[tokio::test]
async fn an_export_holds_everything_and_no_secret() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    let instance = fill(&place, &ann).await;
    assert_eq!(place.keep(&bob.key, "bobs", "bob's own").await, 201);
    let request = place.api.call(Method::GET, "/v1/profile/export");
    let response = request.bearer_auth(&ann.key).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    for word in TEXTS {
        assert!(text.contains(word), "{word}");
    }
    let list = |name: &str| {
        all[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name}"))
            .clone()
    };
    assert_eq!(all["profile"]["email"], "ann@example.org");
    assert_eq!(all["profile"]["tags"], json!([TEXTS[2]]));
    assert_eq!(list("accounts")[0]["subject"], "ann-1");
    assert_eq!(list("loads")[0]["avatar"], "AQI=");
    assert_eq!(list("loads")[0]["is_current"], true);
    assert_eq!(list("loads")[0]["tags"], json!({ "model_name": "m" }));
    assert_eq!(list("instances")[0]["id"], instance.0.as_str());
    assert_eq!(list("roles")[0]["name"], "Poet");
    assert_eq!(list("documents").len(), 1);
    assert_eq!(list("keys")[0]["name"], "test");
    assert_eq!(list("grants")[0]["id"], "grant-ann");
    assert_eq!(list("visits")[0]["expires_at"], "2100-01-01T00:00:00+00:00");
    let actions = list("audit");
    assert!(
        actions.iter().any(|line| line["action"] == "documents.put"),
        "{actions:?}"
    );
    for secret in [
        &*ann.key,
        &*instance.1,
        "bob",
        "hash",
        "salt",
        "sealed",
        "retry_key",
        "XqHt",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    // Everything: not for who reaches less.
    let narrow = place.key("ann", json!({ "memory_of": "bob" })).await;
    let (status, problem) = place.get(&narrow, "/v1/profile/export").await;
    assert_eq!((status, kind(&problem)), (403, "refused"));
    // Of somebody with nothing it is whole too.
    let (status, empty) = place.get(&bob.key, "/v1/profile/export").await;
    assert_eq!((status, &empty["loads"]), (200, &json!([])), "{empty}");
    assert_eq!(empty["documents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_deletion_leaves_nothing_and_nobody_else_notices() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    assert_eq!(place.keep(&bob.key, "bobs", "bob's own text").await, 201);
    let before = hanging(&place);
    let instance = fill(&place, &ann).await;
    let token = place.token(&instance.0, &instance.1).await;
    fill_the_rest(&place, &ann, &instance.0).await;
    // A table that comes along some day has to be filled here too.
    for (table, rows) in hanging(&place) {
        let is_of_people = ["identities", "keys"].contains(&&*table);
        assert!(
            is_of_people || rows > before[&table],
            "nothing fills {table}"
        );
    }
    for query in [
        "",
        "?confirm=",
        "?confirm=bob",
        "?confirm=ANN2",
        "?confirm=%D0%B0nn",
    ] {
        let (status, problem) = delete(&place, &ann.key, query).await;
        assert_eq!(
            (status, kind(&problem)),
            (400, "invalid-request"),
            "{query}"
        );
    }
    assert!(TEXTS.iter().all(|word| place.holds(word)));
    let (status, problem) = delete(&place, &ann.key, "?confirm=Ann").await;
    assert_eq!(status, 204, "{problem}");
    for word in TEXTS {
        assert!(!place.holds(word), "{word}");
    }
    assert!(!place.holds("ann@example.org") && !place.holds("ann-1"));
    for proof in [&ann.key, &token] {
        assert_eq!(me(&place.api, proof).await.0, 401);
    }
    assert_eq!(place.exchange(&instance.0, &instance.1, None).await.0, 401);
    for (table, rows) in hanging(&place) {
        // These she had from the beginning.
        let hers = ["identities", "keys"].contains(&&*table);
        assert_eq!(rows, before[&table] - i64::from(hers), "{table}");
    }
    assert_eq!(
        place.text(&bob.key, "bobs").await,
        (200, "bob's own text".to_owned())
    );
    // The log says that it was done, by an id that leads to nobody.
    let lines = "SELECT count(*) FROM audit WHERE action = 'profile.delete' AND person = 'ann' AND result = 204";
    assert_eq!(place.count(lines), 1);
}

#[tokio::test]
async fn the_owner_leaves_an_empty_place() {
    let place = Place::new();
    let owner = place.key("owner", json!({})).await;
    assert_eq!(place.keep(&owner, "plan", "marmalade-plan").await, 201);
    let sets = json!({ "name": "marmalade-owner" });
    place
        .call(&owner, Method::PATCH, "/v1/profile", Some(sets))
        .await;
    // Without a username the id confirms.
    for narrow in [
        &owner,
        &place
            .key("owner", json!({ "scopes": EVERYTHING, "sessions": [] }))
            .await,
        &place
            .key("owner", json!({ "scopes": EVERYTHING[..5] }))
            .await,
    ] {
        let (status, problem) = delete(&place, narrow, "?confirm=owner").await;
        assert_eq!((status, kind(&problem)), (403, "refused"), "{problem}");
    }
    assert!(place.holds("marmalade-plan"));
    let (status, whole) = place.get(&owner, "/v1/profile/export").await;
    assert_eq!(
        (status, whole["documents"][0]["name"].as_str()),
        (200, Some("plan"))
    );
    let full = place.key("owner", json!({ "scopes": EVERYTHING })).await;
    assert_eq!(delete(&place, &full, "?confirm=root").await.0, 400);
    assert_eq!(delete(&place, &full, "?confirm=owner").await.0, 204);
    assert!(!place.holds("marmalade-plan") && !place.holds("marmalade-owner"));
    assert_eq!(me(&place.api, &owner).await.0, 401);
    let again = place.key("owner", json!({})).await;
    let (status, profile) = place.get(&again, "/v1/profile").await;
    assert_eq!((status, &profile["role"]), (200, &json!("owner")));
    assert_eq!(
        (&profile["name"], &profile["counts"]["documents"]),
        (&Value::Null, &json!(0))
    );
}

#[tokio::test]
async fn nobody_deletes_with_less_than_the_scope() {
    let place = Place::new();
    place.member("ann").await;
    let narrow = place
        .key("ann", json!({ "scopes": ["profile", "memory:write"] }))
        .await;
    assert_eq!(delete(&place, &narrow, "?confirm=ann").await.0, 403);
    let foreign = place.key("ann", json!({ "memory_of": "bob" })).await;
    assert_eq!(delete(&place, &foreign, "?confirm=ann").await.0, 403);
    assert_eq!(
        place.count("SELECT count(*) FROM people WHERE id = 'ann'"),
        1
    );
}

#[tokio::test]
async fn nothing_is_deleted_while_a_foreign_registry_cannot_be_told() {
    let place = Place::new();
    let ann = place.member("ann").await;
    fill(&place, &ann).await;
    // Nobody listens there.
    change(
        &place.root,
        "INSERT INTO loads (id, person, name, tags, is_current, created_at, updated_at, registry, instance, sealed, registered_at)
         VALUES ('far', 'ann', 'far', '{}', 0, 0, 0, 'http://127.0.0.1:9', '0123456789abcdef0123', x'00', 1)",
    );
    let (status, problem) = delete(&place, &ann.key, "?confirm=ann").await;
    assert_eq!(
        (status, kind(&problem)),
        (502, "registry-not-told"),
        "{problem}"
    );
    assert!(TEXTS.iter().all(|word| place.holds(word)));
    assert_eq!(me(&place.api, &ann.key).await.0, 200);
    let (status, problem) = delete(&place, &ann.key, "?confirm=ann&without_registry=true").await;
    assert_eq!(status, 204, "{problem}");
    assert!(!TEXTS.iter().any(|word| place.holds(word)));
}

#[tokio::test]
async fn an_administrator_deletes_as_wholly_as_the_person_itself() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    let instance = fill(&place, &ann).await;
    change(
        &place.root,
        "INSERT INTO loads (id, person, name, tags, is_current, created_at, updated_at, registry, instance, sealed, registered_at)
         VALUES ('far', 'ann', 'far', '{}', 0, 0, 0, 'http://127.0.0.1:9', '0123456789abcdef0123', x'00', 1)",
    );
    let remove = async |query: &str| {
        let path = format!("/v1/people/ann{query}");
        answer(place.api.own(Method::DELETE, &path)).await
    };
    assert_eq!(
        place
            .call(&bob.key, Method::DELETE, "/v1/people/ann", None)
            .await
            .0,
        403
    );
    assert_eq!(remove("?nonsense=1").await.0, 400);
    let (status, problem) = remove("").await;
    assert_eq!(
        (status, kind(&problem)),
        (502, "registry-not-told"),
        "{problem}"
    );
    assert!(TEXTS.iter().all(|word| place.holds(word)));
    let (status, problem) = remove("?without_registry=true").await;
    assert_eq!(status, 204, "{problem}");
    for word in TEXTS {
        assert!(!place.holds(word), "{word}");
    }
    assert_eq!(me(&place.api, &ann.key).await.0, 401);
    assert_eq!(place.exchange(&instance.0, &instance.1, None).await.0, 401);
    assert_eq!(remove("?without_registry=true").await.0, 404);
    assert_eq!(me(&place.api, &bob.key).await.0, 200);
}
