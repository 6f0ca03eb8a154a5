//! Usernames on the wire, and what others see of a person.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, Somebody, kind};
use crate::support::oauth::change;

async fn set(place: &Place, who: &Somebody, username: &str) -> (u16, Value) {
    let body = json!({ "username": username });
    place
        .call(&who.key, Method::PATCH, "/v1/profile", Some(body))
        .await
}

#[tokio::test]
async fn a_profile_is_what_its_person_says() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let (status, before) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(status, 200, "{before}");
    assert_eq!(
        (&before["id"], &before["role"], &before["email"]),
        (&json!("ann"), &json!("member"), &json!("ann@example.org"))
    );
    assert_eq!(
        (&before["username"], &before["tags"]),
        (&Value::Null, &json!([]))
    );
    let body = json!({ "username": "Jose\u{301}", "name": "José", "description": "Writes.\nReads.", "tags": ["a", "b", "a"] });
    let (status, after) = place
        .call(&ann.key, Method::PATCH, "/v1/profile", Some(body))
        .await;
    assert_eq!(status, 200, "{after}");
    assert_eq!(after["username"], "jos\u{e9}");
    assert_eq!(after["description"], "Writes.\nReads.");
    assert_eq!(after["tags"], json!(["a", "b"]));
    assert_eq!(after["counts"]["keys"], 1);
    let (_, username) = place.get(&ann.key, "/v1/username").await;
    assert_eq!(username, json!({ "username": "jos\u{e9}" }));
    // What is left out stays; null takes away.
    let body = json!({ "name": null });
    let (_, after) = place
        .call(&ann.key, Method::PATCH, "/v1/profile", Some(body))
        .await;
    assert_eq!(
        (&after["username"], &after["name"]),
        (&json!("jos\u{e9}"), &Value::Null)
    );
    let body = json!({ "username": null });
    place
        .call(&ann.key, Method::PATCH, "/v1/profile", Some(body))
        .await;
    let (_, username) = place.get(&ann.key, "/v1/username").await;
    assert_eq!(username, json!({ "username": null }));
    // The address only with its scope.
    let narrow = place.key("ann", json!({ "scopes": ["profile"] })).await;
    let (_, seen) = place.get(&narrow, "/v1/profile").await;
    assert!(seen.get("email").is_none(), "{seen}");
    let (status, problem) = place
        .call(&narrow, Method::PATCH, "/v1/profile", Some(json!({})))
        .await;
    assert_eq!((status, kind(&problem)), (403, "insufficient-scope"));
}

#[tokio::test]
async fn what_no_profile_can_hold_is_refused_and_changes_nothing() {
    let place = Place::new();
    let ann = place.member("ann").await;
    for (body, said) in [
        (json!({ "username": "" }), "1 to 64"),
        (json!({ "username": "a b" }), "letters and digits"),
        (json!({ "username": "gοοgle" }), "one script"),
        (json!({ "username": "аdmin" }), "one script"),
        (json!({ "username": "0wner" }), "reserved"),
        (json!({ "name": "" }), "1 to 100"),
        (json!({ "name": "a\nb" }), "one line"),
        (json!({ "description": "a\u{7}" }), "control characters"),
        (json!({ "description": "x".repeat(2001) }), "at most 2000"),
        (json!({ "tags": ["a b"] }), "words"),
        (json!({ "tags": vec!["a"; 33] }), "at most 32"),
    ] {
        let asked = place.call(&ann.key, Method::PATCH, "/v1/profile", Some(body.clone()));
        let (status, problem) = asked.await;
        assert_eq!(status, 400, "{body}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{body}: {detail}");
    }
    for body in [json!({ "usernames": "x" }), json!({ "tags": "x" })] {
        let asked = place.call(&ann.key, Method::PATCH, "/v1/profile", Some(body));
        assert_eq!(asked.await.0, 422);
    }
    let (_, profile) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(
        (&profile["username"], &profile["name"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn nobody_has_a_username_that_looks_like_anothers() {
    let place = Place::new();
    let (ann, bob) = (place.member("ann").await, place.member("bob").await);
    assert_eq!(set(&place, &ann, "cocoa").await.0, 200);
    for same in ["cocoa", "COCOA", "\u{ff43}ocoa", "сосоа", "c0c0a"] {
        let (status, problem) = set(&place, &bob, same).await;
        assert_eq!((status, kind(&problem)), (409, "username-taken"), "{same}");
    }
    // One's own may change into what looks like it, and what was given up is free.
    assert_eq!(set(&place, &ann, "сосоа").await.0, 200);
    assert_eq!(set(&place, &ann, "ann").await.0, 200);
    assert_eq!(set(&place, &bob, "cocoa").await.0, 200);
}

#[tokio::test]
async fn of_many_who_want_one_username_at_once_one_gets_it() {
    let place = Place::new();
    let names = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];
    let people = join_all(names.map(|id| place.member(id))).await;
    let spellings = ["modem", "Modem", "modern", "MODERN"];
    let asked = people.iter().enumerate().map(|(at, who)| {
        let spelling = spellings[at % spellings.len()];
        set(&place, who, spelling)
    });
    let mut statuses: Vec<_> = join_all(asked).await.into_iter().map(|(s, _)| s).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(
        place.count("SELECT count(*) FROM people WHERE username_shape IS NOT NULL"),
        1
    );
}

#[tokio::test]
async fn another_person_is_not_found_unless_the_directory_is_public() {
    for (config, public) in [("", false), ("[registry]\npublic_directory = true\n", true)] {
        let place = Place::with(config);
        let (ann, bob) = (place.member("ann").await, place.member("bob").await);
        let body =
            json!({ "username": "ann", "name": "Ann", "description": "Here.", "tags": ["x"] });
        place
            .call(&ann.key, Method::PATCH, "/v1/profile", Some(body))
            .await;
        let (status, own) = place.get(&ann.key, "/v1/profiles/ANN").await;
        assert_eq!((status, &own["id"]), (200, &json!("ann")), "{own}");
        let (status, seen) = place.get(&bob.key, "/v1/profiles/ann").await;
        let (nobody, missing) = place.get(&bob.key, "/v1/profiles/any").await;
        assert_eq!((nobody, kind(&missing)), (404, "unknown-profile"));
        match public {
            true => assert_eq!(
                (status, seen),
                (
                    200,
                    json!({ "username": "ann", "name": "Ann", "description": "Here." })
                )
            ),
            false => {
                let like = missing.to_string().replace("any", "ann");
                assert_eq!((status, seen.to_string()), (404, like));
            }
        }
        // Who looks like somebody is nobody, and who may not come is not there.
        assert_eq!(place.get(&bob.key, "/v1/profiles/аnn").await.0, 404);
        change(
            &place.root,
            "UPDATE people SET disabled_at = 1 WHERE id = 'ann'",
        );
        assert_eq!(place.get(&bob.key, "/v1/profiles/ann").await.0, 404);
        assert_eq!(place.get(&ann.key, "/v1/profile").await.0, 401);
        // What was looked for is in no line of the audit log.
        let named =
            "SELECT count(*) FROM audit WHERE action = 'profile.find' AND subject IS NOT NULL";
        assert_eq!(place.count(named), 0);
    }
}

#[tokio::test]
async fn when_a_person_was_last_here_is_known_to_the_minute() {
    let place = Place::new();
    let ann = place.member("ann").await;
    let mut noted = Value::Null;
    while noted.is_null() {
        noted = place.get(&ann.key, "/v1/profile").await.1["last_active_at"].clone();
    }
    place.get(&ann.key, "/v1/me").await;
    let (_, again) = place.get(&ann.key, "/v1/profile").await;
    assert_eq!(again["last_active_at"], noted);
    assert_eq!(
        place.count("SELECT count(*) FROM people WHERE id = 'ann' AND last_active_at IS NOT NULL"),
        1
    );
}
