//! Whose an instance is: people found by OAuth and instances found by password meet in one principal, by proof alone.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, Somebody, kind};
use crate::support::oauth::{change, me};

async fn claim(place: &Place, who: &str, id: &str, password: &str) -> (u16, Value) {
    let body = json!({ "instance_password": password });
    let path = format!("/v1/instances/{id}/claim");
    place.call(who, Method::POST, &path, Some(body)).await
}

async fn person(place: &Place, token: &str) -> String {
    let (status, who) = me(&place.api, token).await;
    assert_eq!(status, 200, "{who}");
    who["person"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_claim_brings_along_what_the_instance_has_kept() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let (id, password) = place.instance("one").await;
    let token = place.token(&id, &password).await;
    let own = person(&place, &token).await;
    assert_eq!(place.keep(&token, "both", "the instance's").await, 201);
    assert_eq!(place.keep(&token, "alone", "alone").await, 201);
    assert_eq!(place.keep(&ann.key, "both", "ann's").await, 201);
    for (load, person, current) in [
        ("l1", "ann", 1),
        ("l2", own.as_str(), 1),
        ("l3", own.as_str(), 0),
    ] {
        let name = if load == "l3" { "other" } else { "work" };
        change(
            &place.root,
            &format!(
                "INSERT INTO loads (id, person, name, tags, is_current, created_at, updated_at)
                 VALUES ('{load}', '{person}', '{name}', '{{}}', {current}, 0, 0)"
            ),
        );
    }
    let (status, claimed) = claim(&place, &ann.key, &id, &password).await;
    assert_eq!(
        (status, &claimed["person"]),
        (200, &json!("ann")),
        "{claimed}"
    );
    // Its token ended; the next one is of the person, with one memory and one profile.
    assert_eq!(me(&place.api, &token).await.0, 401);
    let token = place.token(&id, &password).await;
    assert_eq!(person(&place, &token).await, "ann");
    assert_eq!(
        place.text(&ann.key, "alone").await,
        (200, "alone".to_owned())
    );
    assert_eq!(place.text(&token, "both").await, (200, "ann's".to_owned()));
    let (_, list) = place.get(&token, "/v1/documents").await;
    let names = list["documents"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{list}");
    assert!(names[2].starts_with("both ("), "{names:?}");
    assert_eq!(
        place.count("SELECT count(*) FROM loads WHERE person = 'ann'"),
        3
    );
    assert_eq!(
        place.count("SELECT count(*) FROM loads WHERE is_current"),
        1
    );
    assert_eq!(
        place.count("SELECT count(*) FROM loads WHERE name LIKE 'work (l2)'"),
        1
    );
    // Who was made for it is no more.
    assert_eq!(
        place.count(&format!("SELECT count(*) FROM people WHERE id = '{own}'")),
        0
    );
    let (_, profile) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(profile["counts"]["instances"], 1);
    assert_eq!(profile["instances"][0]["id"], id.as_str());
    // Once more changes nothing.
    assert_eq!(claim(&place, &ann.key, &id, &password).await.0, 200);
    assert_eq!(me(&place.api, &token).await.0, 200);
    // Both the begin and the end of each claim are in the log.
    let lines = "SELECT count(*) FROM audit WHERE action = 'instances.claim' AND person = 'ann'";
    assert_eq!(place.count(lines), 4);
}

#[tokio::test]
async fn what_was_never_exchanged_is_claimed_too_and_other_instances_come_along() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let (id, password) = place.instance("one").await;
    assert_eq!(claim(&place, &ann.key, &id, &password).await.0, 200);
    let (two, three) = (place.instance("two").await, place.instance("three").await);
    let token = place.token(&two.0, &two.1).await;
    let own = person(&place, &token).await;
    // Registered with its token, so of its person.
    change(
        &place.root,
        &format!(
            "UPDATE instances SET person = '{own}' WHERE id = '{}'",
            three.0
        ),
    );
    assert_eq!(claim(&place, &ann.key, &two.0, &two.1).await.0, 200);
    let token = place.token(&three.0, &three.1).await;
    assert_eq!(person(&place, &token).await, "ann");
    assert_eq!(place.count("SELECT count(*) FROM people"), 2);
}

#[tokio::test]
async fn what_is_anothers_is_refused_as_a_wrong_password_is() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    let (id, password) = place.instance("one").await;
    let like = |id: &str, answer: &(u16, Value)| (answer.0, answer.1.to_string().replace(id, "ID"));
    let wrong = claim(&place, &ann.key, &id, "jp_wrong").await;
    assert_eq!((wrong.0, kind(&wrong.1)), (404, "unknown-instance"));
    let wrong = like(&id, &wrong);
    let nobody = "0123456789abcdef0123";
    let unknown = claim(&place, &ann.key, nobody, &password).await;
    assert_eq!(like(nobody, &unknown), wrong);
    assert_eq!(claim(&place, &bob.key, &id, &password).await.0, 200);
    let foreign = claim(&place, &ann.key, &id, &password).await;
    assert_eq!(like(&id, &foreign), wrong);
    // The owner is a person like others here, and what is the owner's is nobody else's.
    let owner = place.key("owner", json!({})).await;
    assert_eq!(
        like(&id, &claim(&place, &owner, &id, &password).await),
        wrong
    );
    let (mine, secret) = place.instance("two").await;
    assert_eq!(claim(&place, &owner, &mine, &secret).await.0, 200);
    assert_eq!(
        like(&mine, &claim(&place, &bob.key, &mine, &secret).await),
        wrong
    );
    assert_eq!(
        person(&place, &place.token(&id, &password).await).await,
        "bob"
    );
}

#[tokio::test]
async fn nobody_is_merged_who_is_more_than_an_instance_or_kept_out() {
    let place = Place::new();
    let Somebody { key, .. } = place.member("ann").await;
    for (what, sql) in [
        (
            "signed in once",
            "UPDATE people SET last_seen_at = 1 WHERE id = 'PERSON'",
        ),
        (
            "kept out",
            "UPDATE people SET disabled_at = 1 WHERE id = 'PERSON'",
        ),
        (
            "with an account",
            "INSERT INTO identities (issuer, subject, person, created_at) VALUES ('i', 's', 'PERSON', 0)",
        ),
    ] {
        let (id, password) = place.instance("one").await;
        let own = person(&place, &place.token(&id, &password).await).await;
        change(&place.root, &sql.replace("PERSON", &own));
        assert_eq!(claim(&place, &key, &id, &password).await.0, 404, "{what}");
        let left = format!("SELECT count(*) FROM people WHERE id = '{own}'");
        assert_eq!(place.count(&left), 1, "{what}");
    }
}

#[tokio::test]
async fn an_instance_claims_nothing_and_nobody_does_without_the_scope() {
    let place = Place::new();
    let (one, two) = (place.instance("one").await, place.instance("two").await);
    let token = place.token(&one.0, &one.1).await;
    assert_eq!(claim(&place, &token, &two.0, &two.1).await.0, 403);
    place.member("ann").await;
    let narrow = place
        .key("ann", json!({ "scopes": ["registry:read"] }))
        .await;
    assert_eq!(claim(&place, &narrow, &two.0, &two.1).await.0, 403);
    for body in [
        json!({}),
        json!({ "instance_password": 1 }),
        json!({ "password": "x" }),
    ] {
        let key = place.key("ann", json!({})).await;
        let path = format!("/v1/instances/{}/claim", two.0);
        let (status, _) = place.call(&key, Method::POST, &path, Some(body)).await;
        assert_eq!(status, 422);
    }
    assert_eq!(
        place.count("SELECT count(*) FROM instances WHERE id = '' OR person IS NULL"),
        1
    );
}
