//! What was said is mended, and what it said before is found by nothing but its history.

use reqwest::Method;
use serde_json::{Value, json};

use super::{add, daemon, finds, is_on_disk, kind, search, texts};
use crate::support::oauth::Carries as _;
use crate::support::{Api, answer};

const PATH: &str = "/v1/memory/interactions";

async fn patch(api: &Api, id: &str, change: Value) -> (u16, Value) {
    answer(
        api.own(Method::PATCH, &format!("{PATH}/{id}"))
            .json(&change),
    )
    .await
}

#[tokio::test]
async fn a_mended_text_is_found_and_the_old_one_is_only_in_its_history_until_both_are_deleted() {
    let (root, mut daemon, api) = daemon();
    // Before and behind it, so that its number stands in the middle of every block.
    let before: Vec<String> = (0..30).map(|at| format!("the garden, part {at}")).collect();
    add(
        &api,
        "ada",
        "s",
        &before.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let ids = add(
        &api,
        "ada",
        "s",
        &["my sister Wilhelmina keeps a zeppelin in the garden"],
    )
    .await;
    add(&api, "ada", "t", &["the garden again", "and a garden"]).await;
    let id = &ids[0];
    let (status, one) = patch(
        &api,
        id,
        json!({ "text": "my sister Antonia keeps a glider in the garden", "metadata": { "seen": { "by": "me" }, "n": 1 } }),
    )
    .await;
    assert_eq!((status, &one["version"]), (200, &json!(2)), "{one}");
    assert_eq!(
        finds(&api, "ada", "glider").await[0],
        "my sister Antonia keeps a glider in the garden"
    );
    for gone in ["zeppelin", "Wilhelmina"] {
        let found = search(&api, json!({ "user_id": "ada", "query": gone })).await;
        assert!(texts(&found).is_empty(), "{found}");
    }
    // Nothing of the index was lost or doubled by it: every turn is still found by the common word, once.
    let all = search(
        &api,
        json!({ "user_id": "ada", "query": "garden", "k": 100 }),
    )
    .await;
    let mut found = texts(&all);
    found.sort_unstable();
    let count = found.len();
    found.dedup();
    assert_eq!(
        (count, found.len(), &all["kept"]),
        (33, 33, &json!(33)),
        "{found:?}"
    );
    // Null takes a member away, what is left out stays, and the session and the time can change too.
    let (_, one) = patch(
        &api,
        id,
        json!({ "metadata": { "n": null, "seen": { "at": 2 } }, "session": "u", "occurred_at": "2024-02-01T00:00:00Z", "speaker": "Ann" }),
    )
    .await;
    assert_eq!(
        one["metadata"],
        json!({ "seen": { "by": "me", "at": 2 } }),
        "{one}"
    );
    let filters = json!({ "session": "u", "until": "2024-02-02T00:00:00Z" });
    let found = search(
        &api,
        json!({ "user_id": "ada", "query": "glider", "filters": filters }),
    )
    .await;
    assert_eq!(
        (texts(&found).len(), &found["hits"][0]["speaker"]),
        (1, &json!("Ann"))
    );
    // What changes nothing makes no version.
    let (_, same) = patch(&api, id, json!({ "session": "u", "speaker": "Ann" })).await;
    assert_eq!(same, one);
    // It stays so after a kill.
    daemon.kill();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (_, history) = answer(api.own(Method::GET, &format!("{PATH}/{id}/history"))).await;
    let versions = history["versions"].as_array().unwrap();
    let said: Vec<_> = versions
        .iter()
        .map(|one| {
            (
                one["version"].as_u64().unwrap(),
                one["text"].as_str().unwrap(),
            )
        })
        .collect();
    let new = "my sister Antonia keeps a glider in the garden";
    assert_eq!(
        said,
        [
            (1, "my sister Wilhelmina keeps a zeppelin in the garden"),
            (2, new),
            (3, new)
        ]
    );
    assert!(versions[0]["replaced_at"].is_string() && versions[2]["replaced_at"].is_null());
    assert!(is_on_disk(&root, "zeppelin"));
    assert_eq!(
        answer(api.own(Method::DELETE, &format!("{PATH}/{id}")))
            .await
            .0,
        204
    );
    for gone in ["zeppelin", "Wilhelmina", "glider", "Antonia"] {
        assert!(!is_on_disk(&root, gone), "{gone} is in the store");
    }
    assert_eq!(
        answer(api.own(Method::GET, &format!("{PATH}/{id}/history")))
            .await
            .0,
        404
    );
    assert_eq!(
        search(&api, json!({ "user_id": "ada", "query": "garden" })).await["kept"],
        32
    );
}

#[tokio::test]
async fn of_two_who_change_the_same_version_one_is_told() {
    let (_root, _daemon, api) = daemon();
    let ids = add(&api, "ada", "s", &["one"]).await;
    let change =
        async |text: String| patch(&api, &ids[0], json!({ "text": text, "version": 1 })).await;
    let all = futures::future::join_all((0..8).map(|at| change(format!("by {at}")))).await;
    let won: Vec<_> = all.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!(won.len(), 1, "{all:?}");
    for (status, refused) in &all {
        assert!(
            *status == 200 || (*status, kind(refused)) == (409, "version-changed"),
            "{refused}"
        );
    }
    let (_, one) = answer(api.own(Method::GET, &format!("{PATH}/{}", ids[0]))).await;
    assert_eq!(
        (&one["text"], &one["version"]),
        (&won[0].1["text"], &json!(2))
    );
    // Without a version each is kept, one after the other.
    let other = async |at: usize| {
        patch(
            &api,
            &ids[0],
            json!({ "metadata": { format!("n{at}"): at } }),
        )
        .await
    };
    assert_eq!(other(1).await.0, 200);
    for (change, says) in [
        (json!({ "text": null }), "text cannot be null"),
        (json!({ "text": "  " }), "empty"),
        (json!({ "role": "tool" }), "role"),
        (
            json!({ "expires_at": "2020-01-01T00:00:00Z" }),
            "over already",
        ),
    ] {
        let (status, refused) = patch(&api, &ids[0], change).await;
        assert_eq!(
            (status, kind(&refused)),
            (400, "invalid-request"),
            "{refused}"
        );
        assert!(
            refused["detail"].as_str().unwrap().contains(says),
            "{refused}"
        );
    }
    // Who sends again what was mended since is not told that it is another text.
    let one = |text: &str| json!({ "user_id": "ada", "interactions": [{ "text": text, "role": "user", "idempotency_key": "k" }] });
    let post = |body: Value| answer(api.own(Method::POST, PATH).json(&body));
    let first = post(one("the meeting is at noon")).await.1;
    let id = first["ids"][0].as_str().unwrap();
    assert_eq!(
        patch(&api, id, json!({ "text": "the meeting is at one" }))
            .await
            .0,
        200
    );
    let again = post(one("the meeting is at noon")).await;
    assert_eq!(
        (again.0, &again.1["ids"], &again.1["added"]),
        (201, &first["ids"], &json!(0))
    );
}
