//! Facts that go with their turns, and those that a person mends, rejects and states.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::{add, finds, is_on_disk, kind, search, texts};
use super::{PATH, config, learning, listed, one, read, reader, status, words};
use crate::support::answer;
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn a_fact_goes_with_the_last_of_its_turns_and_from_every_file() {
    let (model, _) = reader(|asked| {
        let mut dog = asked.fact("The user has a dog named Quetzalina", "Quetzalina");
        let mut boat = asked.fact("The user restores a xebecwright boat", "boat");
        boat["sources"] = asked
            .turns
            .iter()
            .filter(|turn| turn["text"].as_str().unwrap().contains("boat"))
            .map(|turn| turn["n"].clone())
            .collect();
        if boat["sources"] == json!([]) {
            boat["sources"] = json!([99]);
        }
        dog["until"] = Value::Null;
        vec![dog, boat]
    })
    .await;
    let (root, _daemon, api) = learning(&model);
    let said = [
        "our dog is called Quetzalina",
        "I restore an old boat",
        "the boat that I restore is a xebec",
        "good night",
    ];
    let ids = add(&api, "ada", "s", &said).await;
    read(&api, "ada").await;
    assert_eq!(listed(&api, "ada", "").await.len(), 2);
    assert!(is_on_disk(&root, "xebecwright"));
    let delete = async |id: &str| {
        answer(api.own(Method::DELETE, &format!("/v1/memory/interactions/{id}")))
            .await
            .0
    };
    assert_eq!(delete(&ids[0]).await, 204);
    let facts = listed(&api, "ada", "").await;
    assert_eq!(words(&facts), ["The user restores a xebecwright boat"]);
    assert!(finds(&api, "ada", "Quetzalina dog named").await.is_empty());
    assert!(!is_on_disk(&root, "Quetzalina") && !is_on_disk(&root, "quetzalina"));
    assert_eq!(facts[0]["sources"], json!([ids[1], ids[2]]));
    assert_eq!(delete(&ids[1]).await, 204);
    // It is found again once the turn that is left was read again.
    read(&api, "ada").await;
    let left = listed(&api, "ada", "").await;
    assert_eq!(
        (&left[0]["sources"], &left[0]["state"]),
        (&json!([ids[2]]), &json!("current"))
    );
    // What a person mended has a history, which goes too.
    let (code, mended) = one(
        &api,
        Method::PATCH,
        &facts[0]["id"],
        "",
        Some(json!({ "text": "The user restores a brigantine" })),
    )
    .await;
    assert_eq!(
        (code, &mended["version"], &mended["model"]),
        (200, &json!(2), &Value::Null),
        "{mended}"
    );
    assert!(is_on_disk(&root, "xebecwright"));
    assert_eq!(delete(&ids[2]).await, 204);
    for gone in ["xebecwright", "brigantine", "brigantin"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    assert!(listed(&api, "ada", "").await.is_empty());
    assert_eq!(finds(&api, "ada", "night").await, ["good night"]);
    // A person takes its facts along and away.
    let stated = json!({ "user_id": "ada", "text": "The user is allergic to marzipan" });
    assert_eq!(
        answer(api.own(Method::POST, PATH).json(&stated)).await.0,
        201
    );
    let (_, export) = answer(api.own(Method::GET, "/v1/profile/export")).await;
    assert_eq!(
        export["facts"][0]["text"], "The user is allergic to marzipan",
        "{export}"
    );
    let (code, said) = answer(api.own(Method::DELETE, "/v1/profile?confirm=owner")).await;
    assert!((200..300).contains(&code), "{code} {said}");
    assert!(!is_on_disk(&root, "marzipan"));
}

#[tokio::test]
async fn a_person_mends_rejects_and_states_facts_also_where_no_model_reads() {
    let (model, asked) = reader(|asked| vec![asked.fact("The user likes cheese", "cheese")]).await;
    let (root, _daemon, api) = learning(&model);
    let ids = add(&api, "ada", "s", &["I like cheese"]).await;
    add(&api, "bob", "s", &["no cheese for me"]).await;
    read(&api, "ada").await;
    read(&api, "bob").await;
    // Switched off: nothing is asked, and all that is there stays in reach.
    root.save("config.toml", &config(&model, false));
    loop {
        let now = status(&api, "ada").await;
        if now["on"] == json!(false) {
            assert!(
                now["off"].as_str().unwrap().contains("facts = true"),
                "{now}"
            );
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = asked.lock().unwrap().len();
    add(&api, "ada", "s", &["and cheese cake"]).await;
    assert_eq!(
        answer(api.own(Method::POST, &format!("{PATH}/read?user_id=ada")))
            .await
            .0,
        202
    );
    let cheese = listed(&api, "ada", "").await[0].clone();
    let change =
        json!({ "text": "The user likes hard cheese", "valid_from": "2020-01-01T00:00:00Z" });
    let (code, mended) = one(&api, Method::PATCH, &cheese["id"], "", Some(change)).await;
    assert_eq!((code, &mended["version"]), (200, &json!(2)), "{mended}");
    let fact = |query: &str| {
        search(
            &api,
            json!({ "user_id": "ada", "query": query, "filters": { "kind": "fact" } }),
        )
    };
    assert_eq!(
        texts(&fact("hard cheese").await),
        ["The user likes hard cheese"]
    );
    let change = json!({ "valid_from": null, "valid_until": "2024-01-01T00:00:00Z" });
    let (_, mended) = one(&api, Method::PATCH, &cheese["id"], "", Some(change)).await;
    assert_eq!(
        (&mended["valid_from"], &mended["version"]),
        (&Value::Null, &json!(3))
    );
    let (_, whole) = one(&api, Method::GET, &cheese["id"], "", None).await;
    let history: Vec<_> = whole["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["version"], &one["text"], &one["model"]))
        .collect();
    assert_eq!(
        history,
        [
            (&json!(1), &json!("The user likes cheese"), &json!("reader")),
            (
                &json!(2),
                &json!("The user likes hard cheese"),
                &Value::Null
            ),
        ]
    );
    for wrong in [
        json!({ "text": " \u{200b}" }),
        json!({ "text": "x".repeat(301) }),
        json!({ "valid_from": "2025-01-01T00:00:00Z" }),
        json!({ "state": "current" }),
    ] {
        let (code, problem) = one(&api, Method::PATCH, &cheese["id"], "", Some(wrong)).await;
        assert_eq!(
            (code, kind(&problem)),
            (400, "invalid-request"),
            "{problem}"
        );
    }
    // Rejected: listed, and not found.
    let (code, rejected) = one(&api, Method::POST, &cheese["id"], "/reject", None).await;
    assert_eq!((code, &rejected["state"]), (200, &json!("rejected")));
    assert!(texts(&fact("hard cheese").await).is_empty());
    assert_eq!(listed(&api, "ada", "&state=rejected").await.len(), 1);
    assert!(listed(&api, "ada", "&state=current").await.is_empty());
    let (code, problem) = one(
        &api,
        Method::PATCH,
        &cheese["id"],
        "",
        Some(json!({ "text": "y" })),
    )
    .await;
    assert_eq!((code, kind(&problem)), (409, "not-current"));
    // Stated by hand, once.
    let stated = json!({ "user_id": "ada", "text": "The user bakes bread", "sources": [ids[0]] });
    let (code, made) = answer(api.own(Method::POST, PATH).json(&stated)).await;
    assert_eq!((code, &made["sources"]), (201, &json!([ids[0]])), "{made}");
    let again = json!({ "user_id": "ada", "text": "the user bakes bread!" });
    let (code, same) = answer(api.own(Method::POST, PATH).json(&again)).await;
    assert_eq!((code, &same["id"]), (200, &made["id"]));
    let theirs = json!({ "user_id": "bob", "text": "Bob bakes", "sources": [ids[0]] });
    let (code, problem) = answer(api.own(Method::POST, PATH).json(&theirs)).await;
    assert_eq!((code, kind(&problem)), (404, "unknown-interaction"));
    // A key for Bob's memory finds nothing of Ada's, and is told the same as for nothing.
    let body = json!({ "name": "app", "scopes": ["memory:read", "memory:write"], "memory_of": "bob", "expires_in": "1d" });
    let (_, key) = answer(api.own(Method::POST, "/v1/keys").json(&body)).await;
    let value = key["value"].as_str().unwrap();
    let nothing = json!("0".repeat(20));
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({ "text": "planted" }))),
        (Method::POST, "/reject", None),
        (Method::DELETE, "", None),
    ] {
        for id in [&made["id"], &nothing] {
            let call = api
                .call(
                    method.clone(),
                    &format!("{PATH}/{}{rest}", id.as_str().unwrap()),
                )
                .bearer_auth(value);
            let call = match &body {
                Some(body) => call.json(body),
                None => call,
            };
            let (code, problem) = answer(call).await;
            assert_eq!((code, kind(&problem)), (404, "unknown-fact"), "{method}");
        }
    }
    for path in [
        format!("{PATH}?user_id=ada"),
        format!("{PATH}/status?user_id=ada"),
    ] {
        assert_eq!(
            answer(api.call(Method::GET, &path).bearer_auth(value))
                .await
                .0,
            403
        );
    }
    assert_eq!(
        one(&api, Method::DELETE, &made["id"], "", None).await.0,
        204
    );
    assert!(!is_on_disk(&root, "bakes bread"));
    assert_eq!(asked.lock().unwrap().len(), before);
    assert_eq!(finds(&api, "ada", "cake").await[0], "and cheese cake");
}
