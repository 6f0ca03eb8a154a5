//! Whose an instance is: people found by OAuth and instances found by password meet in one principal, by proof alone.

use jarkeeper::identity::{NewKey, Principal, Reach, Who};
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Place, Somebody, kind, plain, upload};
use crate::support::answer;
use crate::support::oauth::{Carries as _, change, me};
use crate::support::provider::Provider;
use crate::support::provider_door::House;

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
    // By words alone: what is only like it in meaning cannot be counted.
    let place = Place::with("[memory]\nembedder = \"none\"\n");
    let ann = place.member("ann").await;
    let (id, password) = place.instance("one").await;
    let token = place.token(&id, &password).await;
    let own = person(&place, &token).await;
    assert_eq!(place.keep(&token, "both", "the instance's").await, 201);
    assert_eq!(place.keep(&token, "alone", "alone").await, 201);
    assert_eq!(place.keep(&ann.key, "both", "ann's").await, 201);
    // Turns too, of users whom both have, and of one who is called like the person that claims. An instance's own token is for
    // one memory; a key of its person reaches the others.
    let wide = place.key(&own, json!({})).await;
    let said = "/v1/memory/interactions";
    for (who, user, text) in [
        (&token, None, "an aardvark of the instance"),
        (&wide, Some("guest"), "a guest's aardvark there"),
        (&wide, Some("ann"), "an aardvark called ann"),
        (&ann.key, None, "the aardvark at home"),
        (&ann.key, Some("guest"), "a guest's aardvark at ann's"),
    ] {
        let mut body = json!({ "interactions": [{ "text": text, "role": "user" }] });
        if let Some(user) = user {
            body["user_id"] = user.into();
        }
        let (status, made) = place.call(who, Method::POST, said, Some(body)).await;
        assert_eq!(status, 201, "{made}");
    }
    let path = "/v1/documents/both?user_id=ann";
    let request = place.api.call(Method::PUT, path).bearer_auth(&wide);
    assert_eq!(answer(plain(request, "third")).await.0, 201);
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
    // Its token and its password ended; the next one is of the person, with one memory and one profile.
    assert_eq!(me(&place.api, &token).await.0, 401);
    assert_eq!(place.exchange(&id, &password, None).await.0, 401);
    let next = claimed["instance_password"].as_str().unwrap();
    assert!(!place.holds(next) && *next != *password);
    let token = place.token(&id, next).await;
    assert_eq!(person(&place, &token).await, "ann");
    assert_eq!(
        place.text(&ann.key, "alone").await,
        (200, "alone".to_owned())
    );
    assert_eq!(place.text(&token, "both").await, (200, "ann's".to_owned()));
    let (_, list) = place.get(&token, "/v1/documents").await;
    let names = list["documents"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names.len(), names[0], names[1]), (4, "alone", "both"));
    assert!(
        names[2..].iter().all(|name| name.starts_with("both (")),
        "{names:?}"
    );
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
    // What came along is found in the person's memory, from the moment on that the claim was answered.
    for (query, count) in [("alone", 1), ("instance", 1), ("third", 1), ("ann", 1)] {
        let body = json!({ "query": query });
        let found = place.call(&token, Method::POST, "/v1/memory/search", Some(body));
        let (_, found) = found.await;
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits.len(), count, "{query}: {found}");
    }
    // No word is lost: what cannot be one memory with what was there stands beside it, under a name that says whose it was.
    for (user, text, kept) in [
        ("ann".to_owned(), "the aardvark at home", 1 + 4),
        (format!("ann ({own})"), "an aardvark of the instance", 1),
        (format!("ann ({own} 2)"), "an aardvark called ann", 1),
        ("guest".to_owned(), "a guest's aardvark at ann's", 1),
        (format!("guest ({own})"), "a guest's aardvark there", 1),
    ] {
        let body = json!({ "query": "aardvark", "user_id": user });
        let found = place.call(&ann.key, Method::POST, "/v1/memory/search", Some(body));
        let (_, found) = found.await;
        assert_eq!(
            found["hits"].as_array().unwrap().len(),
            1,
            "{user}: {found}"
        );
        assert_eq!(found["hits"][0]["text"], text, "{user}: {found}");
        assert_eq!(found["kept"], kept, "{user}: {found}");
    }
    let (_, users) = place.get(&ann.key, "/v1/memory/users").await;
    assert_eq!(users["users"].as_array().unwrap().len(), 5, "{users}");
    // The key of who was merged is gone with it.
    assert_eq!(me(&place.api, &wide).await.0, 401);
    // Who was made for it is no more.
    assert_eq!(
        place.count(&format!("SELECT count(*) FROM people WHERE id = '{own}'")),
        0
    );
    let (_, profile) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(profile["counts"]["instances"], 1);
    assert_eq!(profile["instances"][0]["id"], id.as_str());
    // Once more gives another password once more, for the one that is good.
    assert_eq!(claim(&place, &ann.key, &id, &password).await.0, 404);
    assert_eq!(me(&place.api, &token).await.0, 200);
    let (status, again) = claim(&place, &ann.key, &id, next).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(me(&place.api, &token).await.0, 401);
    assert_eq!(place.exchange(&id, next, None).await.0, 401);
    let third = again["instance_password"].as_str().unwrap();
    assert_eq!(person(&place, &place.token(&id, third).await).await, "ann");
    // Both the begin and the end of each claim are in the log.
    let lines = "SELECT count(*) FROM audit WHERE action = 'instances.claim' AND person = 'ann'";
    assert_eq!(place.count(lines), 6);
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
    let before = place.token(&three.0, &three.1).await;
    assert_eq!(claim(&place, &ann.key, &two.0, &two.1).await.0, 200);
    // Nobody has shown this one's password to whoever claims: it is good no more, until there is another one.
    assert_eq!(me(&place.api, &before).await.0, 401);
    assert_eq!(place.exchange(&three.0, &three.1, None).await.0, 401);
    let path = format!("/v1/instances/{}/rotate", three.0);
    let (status, rotated) = place.call(&ann.key, Method::POST, &path, None).await;
    assert_eq!(status, 200, "{rotated}");
    let next = rotated["password"].as_str().unwrap();
    let token = place.token(&three.0, next).await;
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
    let (status, claimed) = claim(&place, &bob.key, &id, &password).await;
    assert_eq!(status, 200);
    assert_eq!(
        like(&id, &claim(&place, &ann.key, &id, &password).await),
        wrong
    );
    let password = claimed["instance_password"].as_str().unwrap();
    let foreign = claim(&place, &ann.key, &id, password).await;
    assert_eq!(like(&id, &foreign), wrong);
    // The owner is a person like others here, and what is the owner's is nobody else's.
    let owner = place.key("owner", json!({})).await;
    assert_eq!(
        like(&id, &claim(&place, &owner, &id, password).await),
        wrong
    );
    let (mine, secret) = place.instance("two").await;
    let (status, claimed) = claim(&place, &owner, &mine, &secret).await;
    assert_eq!(status, 200);
    let secret = claimed["instance_password"].as_str().unwrap();
    assert_eq!(
        like(&mine, &claim(&place, &bob.key, &mine, secret).await),
        wrong
    );
    assert_eq!(
        person(&place, &place.token(&id, password).await).await,
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
    let ann = place.member("ann").await;
    // Not with the scope either.
    let (_, claimed) = claim(&place, &ann.key, &one.0, &one.1).await;
    let next = claimed["instance_password"].as_str().unwrap();
    let token = place.token(&one.0, next).await;
    let (status, problem) = claim(&place, &token, &two.0, &two.1).await;
    assert_eq!((status, kind(&problem)), (403, "refused"));
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

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_with_a_provider_and_who_shows_a_password_are_one() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "bob@example.org"]).await;
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("bob@example.org");
    });
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let people = house.identity.people().unwrap();
    let bob = people.into_iter().find(|one| !one.owner).unwrap();
    let (scopes, reach) = house.identity.limits(&bob.id).unwrap();
    let principal = Principal {
        who: Who::Person(bob.id.clone()),
        person: bob.id.clone(),
        scopes: scopes.clone(),
        reach,
        memory_of: None,
        expires_at: None,
    };
    let new = NewKey {
        name: "bob's".to_owned(),
        scopes,
        reach: Reach::Only(Vec::new()),
        memory_of: None,
        expires_at: None,
    };
    let key = house.identity.make_key(&principal, new).await.unwrap();
    let key = key.value.expose_secret().to_owned();
    let made = house
        .registry
        .register(upload("one"), None, None)
        .await
        .unwrap();
    let (id, password) = (&made.instance.id, made.password.expose_secret());
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = |proof: &str, method: Method, path: &str| {
        let request = client.request(method, format!("{}{path}", house.base));
        request.bearer_auth(proof)
    };
    let exchange = |password: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", password),
        ];
        answer(
            client
                .post(format!("{}/oauth/token", house.base))
                .form(&form),
        )
    };
    // Before the claim they are two.
    let (_, first) = exchange(password).await;
    let first = first["access_token"].as_str().unwrap().to_owned();
    let (_, me) = answer(ask(&first, Method::GET, "/v1/me")).await;
    assert_ne!(me["person"]["id"], bob.id.as_str());
    let claim = ask(&key, Method::POST, &format!("/v1/instances/{id}/claim"));
    let (status, claimed) = answer(claim.json(&json!({ "instance_password": password }))).await;
    assert_eq!(status, 200, "{claimed}");
    let (_, second) = exchange(claimed["instance_password"].as_str().unwrap()).await;
    let token = second["access_token"].as_str().unwrap();
    let (_, by_password) = answer(ask(token, Method::GET, "/v1/profile")).await;
    let (_, by_sign_in) = answer(ask(&key, Method::GET, "/v1/profile")).await;
    assert_eq!(by_password["id"], bob.id.as_str());
    assert_eq!(by_sign_in["id"], by_password["id"]);
    assert_eq!(by_sign_in["email"], "bob@example.org");
    let put = ask(token, Method::PUT, "/v1/documents/a").header("content-type", "text/plain");
    assert_eq!(answer(put.body("one memory")).await.0, 201);
    let got = ask(&key, Method::GET, "/v1/documents/a")
        .send()
        .await
        .unwrap();
    assert_eq!(got.text().await.unwrap(), "one memory");
}
