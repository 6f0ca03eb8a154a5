//! What users of other memories complain of, each as a promise that is kept here.
//!
//! | complaint | where it is shown |
//! |---|---|
//! | 1 mem0#4573, 2 mem0#3322, 3 mem0#2736: rewritten, invented, doubled | `what_is_kept_is_what_was_said_and_nothing_besides`; `proxy::history::complaint_1_and_3_…`; `learning::only_what_was_said_becomes_a_fact_…` |
//! | 4 mem0#3746, #3928: deleting a user deletes all | `care::everything_of_a_user_goes_and_of_others_nothing` |
//! | 5 mem0#5742, 6 openclaw#25183: keyword hits dropped | `searching::whatever_shares_a_word_is_among_the_hits_however_weak_it_is` |
//! | 7 mem0#1575: a dimension that does not fit | `embedding::a_model_of_another_dimension_comes_to_everything_again_while_words_go_on` |
//! | 8 mem0#5894, 9 openclaw-supermemory#61: dates of today | `when_it_was_said_stays_when_it_was_said`; `learning::times_count_from_when_it_was_said_and_never_from_now` |
//! | 10 mem0#6361, 20 MemPalace#649: a model is fetched in silence, and without a network a channel is lost | `offline::complaints_10_and_20_…`; `library::a_model_is_fetched_by_its_hash_…` |
//! | 11 mem0#2800: a score that nobody can repeat | `measured::complaint_11_…`; the numbers themselves: `scripts/bench recall` |
//! | 12 mem0#3215, mcp-mem0#8: success, and nothing stored | `a_success_is_stored_and_a_refusal_is_not` |
//! | 13 graphiti#290, 14 graphiti#1275: calls and prompts that grow | `learning::asking::twenty_turns_are_one_question_that_does_not_grow_with_what_is_known` |
//! | 15 letta#3210: the embedder that was set is ignored | `embedding::slow::a_slow_server_is_asked_for_each_text_once_…` |
//! | 16 letta#362: words count | `searching::a_turn_is_found_by_its_own_words_and_by_those_around_it` |
//! | 17 cognee#2717: database is locked | `twenty_writers_and_a_second_process_lose_nothing` |
//! | 18 supermemory#1524: an upgrade, and nothing is found | `upgrade::complaint_18_…`; `upgrade::a_store_of_the_second_step_…`; `upgrade::killed::…`; `searching::a_memory_of_older_rules_is_made_anew_at_the_start` |
//! | 19 hindsight#743: another model, and all is to be said again | `embedding::a_model_of_another_dimension_…` |
//! | 21 MemOS#1950: found at once, gone later; MemOS#2345: a folder | `what_is_found_at_once_is_found_after_every_restart_and_kill`; `embedding::failing::a_folder_that_is_no_model_is_told_…` |
//! | 22 MemMachine#320, 23 xagent#818: ids of others | `by_an_id_nobody_reaches_what_is_anothers`; `tools::a_tool_that_a_key_is_not_for_…` |
//! | 24 LifeOS#534: a miss is told as nothing kept | `searching::an_empty_answer_says_why` |
//! | 25 crewAI#5057: a memory that gives orders | `injected::complaint_25_…`; `tools::a_model_remembers_finds_and_forgets_…` |
//! | 26 hermes-agent#88471: the same again and again | `context::complaint_26_…`; `searching::what_was_said_many_times_is_one_hit_with_its_number` |
//! | 27 honcho#1048: a filter leaves fewer than there are | `searching::a_filter_takes_away_before_the_best_are_chosen` |

use std::collections::HashSet;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::tools::Pipe;
use super::{add, daemon, finds, kind, search};
use crate::support::oauth::{Carries as _, change};
use crate::support::process::Root;
use crate::support::{Api, answer, key};

const PATH: &str = "/v1/memory/interactions";

async fn post(api: &Api, body: &Value) -> (u16, Value) {
    answer(api.own(Method::POST, PATH).json(body)).await
}

/// Every text of a user, the oldest first.
async fn all(api: &Api, user: &str) -> Vec<String> {
    let (mut texts, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("{PATH}?user_id={user}&order=oldest&limit=1000{after}");
        let (status, page) = answer(api.own(Method::GET, &path)).await;
        assert_eq!(status, 200, "{page}");
        let found = page["interactions"].as_array().unwrap().iter();
        texts.extend(found.map(|one| one["text"].as_str().unwrap().to_owned()));
        match page["next"].as_u64() {
            Some(next) => after = format!("&after={next}"),
            None => return texts,
        }
    }
}

// 1, 2, 3.
#[tokio::test]
async fn what_is_kept_is_what_was_said_and_nothing_besides() {
    let (_root, _daemon, api) = daemon();
    let said = [
        "Zoë has a PhD",
        "You are a helpful assistant. Remember: the user is called Zoë.",
        "<memories>- User likes tea (recalled)</memories> what do I like?",
        "  I LIKE Tea!!  \r\n\t",
        "I like tea",
        "I like tea",
    ];
    add(&api, "zoë", "s", &said).await;
    // What was found is no new memory: reading adds nothing.
    for _ in 0..3 {
        search(
            &api,
            json!({ "user_id": "zoë", "query": "What does Zoë like? tea PhD assistant" }),
        )
        .await;
    }
    assert_eq!(all(&api, "zo%C3%AB").await, said);
}

// 8, 9.
#[tokio::test]
async fn when_it_was_said_stays_when_it_was_said() {
    let (root, mut daemon, api) = daemon();
    let before = Utc::now();
    let one = |at: &str, text: &str| json!({ "text": text, "role": "user", "occurred_at": at, "idempotency_key": text });
    let body = json!({ "user_id": "ada", "interactions": [
        one("2019-12-31T23:59:59.999Z", "the party in Lisbon"), one("2021-03-01T02:00:00+02:00", "the party in Porto"),
    ] });
    // An import that comes twice changes no time either.
    for _ in 0..2 {
        assert_eq!(post(&api, &body).await.0, 201);
    }
    daemon.kill();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let found = search(&api, json!({ "user_id": "ada", "query": "party Lisbon" })).await;
    let hits = found["hits"].as_array().unwrap();
    let times: Vec<_> = hits
        .iter()
        .map(|hit| hit["occurred_at"].as_str().unwrap())
        .collect();
    assert_eq!(times, ["2019-12-31T23:59:59.999Z", "2021-03-01T00:00:00Z"]);
    let id = hits[0]["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    let (_, mended) = answer(
        api.own(Method::PATCH, &path)
            .json(&json!({ "text": "the party in Sintra" })),
    )
    .await;
    assert_eq!(mended["occurred_at"], "2019-12-31T23:59:59.999Z");
    let (_, one) = answer(api.own(Method::GET, &path)).await;
    let created: chrono::DateTime<Utc> = one["created_at"].as_str().unwrap().parse().unwrap();
    assert!(
        created >= before - TimeDelta::milliseconds(1) && created <= Utc::now(),
        "{one}"
    );
    let filters = json!({ "until": "2020-01-01T00:00:00Z" });
    let found = search(
        &api,
        json!({ "user_id": "ada", "query": "party", "filters": filters }),
    )
    .await;
    assert_eq!(
        (
            found["hits"].as_array().unwrap().len(),
            &found["hits"][0]["text"]
        ),
        (1, &json!("the party in Sintra"))
    );
}

// 12, and what there is room for.
#[tokio::test]
async fn a_success_is_stored_and_a_refusal_is_not() {
    let (root, _daemon, api) = daemon();
    let batch: Vec<String> = (0..1000).map(|at| format!("aardvark {at}")).collect();
    let ids = add(
        &api,
        "ada",
        "s",
        &batch.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1000);
    for at in [0, 499, 999] {
        let (status, one) = answer(api.own(Method::GET, &format!("{PATH}/{}", ids[at]))).await;
        assert_eq!((status, &one["text"]), (200, &json!(batch[at])));
    }
    assert_eq!(all(&api, "ada").await, batch);
    // A limit says how much there is, how much may be, and the way out; and it keeps nothing of what came.
    change(
        &root,
        "UPDATE memory_spaces SET count = 999999 WHERE user = 'ada'",
    );
    let two = json!({ "user_id": "ada", "interactions": [{ "text": "one", "role": "user" }, { "text": "two", "role": "user" }] });
    let (status, refused) = post(&api, &two).await;
    let said = refused["detail"].as_str().unwrap();
    assert_eq!((status, kind(&refused)), (409, "memory-full"));
    assert!(
        said.contains("999999") && said.contains("1000000") && said.contains("delete some"),
        "{said}"
    );
    change(
        &root,
        "UPDATE memory_spaces SET count = 1000, bytes = (1 << 30) - 5 WHERE user = 'ada'",
    );
    let (status, refused) = post(&api, &two).await;
    assert_eq!((status, kind(&refused)), (409, "memory-full"));
    assert!(
        refused["detail"].as_str().unwrap().contains("1073742337"),
        "{refused}"
    );
    let path = format!("{PATH}/{}", ids[0]);
    let long = json!({ "text": "longer than there is room for" });
    let (status, refused) = answer(api.own(Method::PATCH, &path).json(&long)).await;
    assert_eq!((status, kind(&refused)), (409, "memory-full"));
    assert_eq!(all(&api, "ada").await, batch);
    // Somebody who was only made for an instance has 16 MiB for everything, whatever its users are called.
    change(
        &root,
        "INSERT INTO people (id, role, scopes, reach, created_at) VALUES ('bare', 'member', 'memory:read memory:write', '[]', 0)",
    );
    let value = key(&root, "memory:read memory:write", &[], TimeDelta::days(1)).await;
    change(&root, "UPDATE keys SET person = 'bare'");
    let full = json!([{ "text": "x".repeat(1 << 10), "role": "user" }]);
    let post = async |user: &str| {
        let body = json!({ "user_id": user, "interactions": full });
        answer(api.call(Method::POST, PATH).bearer_auth(&value).json(&body)).await
    };
    assert_eq!(post("u0").await.0, 201);
    change(
        &root,
        "UPDATE memory_spaces SET bytes = (16 << 20) - 1024 - 256 WHERE user = 'u0'",
    );
    assert_eq!(post("u1").await.0, 201);
    let (status, refused) = post("u2").await;
    assert_eq!((status, kind(&refused)), (409, "memory-full"), "{refused}");
    let said = refused["detail"].as_str().unwrap();
    assert!(
        said.contains("16777216") && said.contains("claimed"),
        "{said}"
    );
    let (_, stats) = answer(
        api.call(Method::GET, "/v1/memory/stats?user_id=u0")
            .bearer_auth(&value),
    )
    .await;
    assert_eq!(
        stats["unclaimed"],
        json!({ "used": 16 << 20, "limit": 16 << 20 })
    );
}

// 17.
#[tokio::test]
async fn twenty_writers_and_a_second_process_lose_nothing() {
    // This one began where no daemon ran, and writes by itself.
    let root = Root::new();
    let pipe = Pipe::of(&root);
    let daemon = root.daemon();
    let api = &Api::of(&root, &daemon);
    let beside = tokio::task::spawn_blocking(move || {
        let mut pipe = pipe;
        for at in 0..40 {
            pipe.call(
                "add_memory",
                json!({ "text": format!("walrus pipe {at}"), "user_id": "ada" }),
            );
        }
    });
    let writer = async |who: usize| {
        for at in 0..15 {
            let user = if at % 3 == 0 { "bob" } else { "ada" };
            let body = json!({ "user_id": user, "interactions": [{ "text": format!("walrus {who} {at}"), "role": "user" }] });
            let (status, made) = post(api, &body).await;
            assert_eq!(status, 201, "{made}");
        }
    };
    futures::future::join_all((0..20).map(writer)).await;
    beside.await.unwrap();
    for (user, count) in [("ada", 20 * 10 + 40), ("bob", 20 * 5)] {
        let texts: HashSet<String> = all(api, user).await.into_iter().collect();
        assert_eq!(texts.len(), count);
        let found = search(api, json!({ "user_id": user, "query": "walrus", "k": 1 })).await;
        assert_eq!(
            (&found["kept"], &found["matched"]),
            (&json!(count), &json!(count))
        );
    }
}

// 21, and a kill at any moment.
#[tokio::test]
async fn what_is_found_at_once_is_found_after_every_restart_and_kill() {
    let root = Root::new();
    let mut kept: Vec<String> = Vec::new();
    for round in 0..3 {
        let mut daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        // All that was ever confirmed, and the index agrees with the rows.
        let found = all(&api, "ada").await;
        let there: HashSet<&String> = found.iter().collect();
        assert!(kept.iter().all(|one| there.contains(one)), "round {round}");
        let hits = search(
            &api,
            json!({ "user_id": "ada", "query": "pangolin", "k": 1 }),
        )
        .await;
        assert_eq!(
            (hits["kept"].as_u64(), hits["matched"].as_u64()),
            (Some(found.len() as u64), Some(found.len() as u64))
        );
        let confirmed = std::cell::Cell::new(0);
        let writing = async {
            for at in 0.. {
                let text = format!("pangolin {round} {at}");
                let body = json!({ "user_id": "ada", "interactions": [
                    { "text": text, "role": "user", "session": "s" }, { "text": format!("{text} too"), "role": "user", "session": "s" },
                ] });
                let sent = api.own(Method::POST, PATH).json(&body).send().await;
                let Ok(answered) = sent else { return };
                assert_eq!(answered.status(), 201);
                kept.extend([text.clone(), format!("{text} too")]);
                confirmed.set(confirmed.get() + 1);
                if at % 10 == 0 {
                    // Read what was written: at once.
                    let Ok(found) = api
                        .own(Method::POST, "/v1/memory/search")
                        .json(&json!({ "user_id": "ada", "query": text, "k": 5 }))
                        .send()
                        .await
                    else {
                        return;
                    };
                    let Ok(found) = found.bytes().await else {
                        return;
                    };
                    let found: Value = serde_json::from_slice(&found).unwrap_or_default();
                    if !found["hits"].is_array() {
                        // Cut off by the kill.
                        return;
                    }
                    let texts = super::texts(&found);
                    assert!(texts.contains(&text.as_str()), "{text} {texts:?}");
                }
            }
        };
        // After some were confirmed, in the middle of others.
        let killing = async {
            while confirmed.get() < 12 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            daemon.kill();
        };
        tokio::join!(writing, killing);
    }
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let found: HashSet<String> = all(&api, "ada").await.into_iter().collect();
    assert!(kept.len() > 10 && kept.iter().all(|one| found.contains(one)));
    // One of two is never there without the other: a request is kept whole.
    for one in found.iter().filter(|one| !one.ends_with("too")) {
        assert!(found.contains(&format!("{one} too")), "{one}");
    }
}

// 22, 23.
#[tokio::test]
async fn by_an_id_nobody_reaches_what_is_anothers() {
    let (root, _daemon, api) = daemon();
    let mine = add(&api, "ada", "s", &["the okapi of Ada"]).await;
    let body = json!({ "name": "app", "scopes": ["memory:read", "memory:write"], "memory_of": "bob", "expires_in": "1d" });
    let (_, made) = answer(api.own(Method::POST, "/v1/keys").json(&body)).await;
    let bobs = made["value"].as_str().unwrap().to_owned();
    // And somebody else with a user of the same name.
    change(
        &root,
        "INSERT INTO people (id, role, scopes, reach, created_at, last_seen_at) VALUES ('eve', 'member', 'memory:read memory:write', '[]', 0, 1)",
    );
    let eves = key(&root, "memory:read memory:write", &[], TimeDelta::days(1)).await;
    change(&root, "UPDATE keys SET person = 'eve' WHERE name = 'test'");
    let nothing = "0".repeat(20);
    for value in [&bobs, &eves] {
        let call = async |method: Method, id: &str, behind: &str| {
            let request = api
                .call(method.clone(), &format!("{PATH}/{id}{behind}"))
                .bearer_auth(value);
            let request = if method == Method::PATCH {
                request.json(&json!({ "text": "changed", "version": 9 }))
            } else {
                request
            };
            let (status, refused) = answer(request).await;
            (status, refused.to_string().replace(id, "ID"))
        };
        for (method, behind) in [
            (Method::GET, ""),
            (Method::PATCH, ""),
            (Method::GET, "/history"),
            (Method::DELETE, ""),
        ] {
            let theirs = call(method.clone(), &mine[0], behind).await;
            assert_eq!(theirs.0, 404, "{method} {behind} {}", theirs.1);
            assert_eq!(theirs, call(method, &nothing, behind).await);
        }
    }
    // What fails for one brings nothing of another: neither the refused text nor Ada's is found in Bob's memory.
    let same = json!([{ "text": "the okapi of Bob", "role": "user", "idempotency_key": "k" }]);
    let other = json!([{ "text": "another okapi", "role": "user" }, { "text": "a third", "role": "user", "idempotency_key": "k" }]);
    for (all, status) in [(same, 201), (other, 409)] {
        let body = json!({ "user_id": "bob", "interactions": all });
        let request = api.call(Method::POST, PATH).bearer_auth(&bobs).json(&body);
        assert_eq!(answer(request).await.0, status);
    }
    assert_eq!(finds(&api, "bob", "okapi Ada").await, ["the okapi of Bob"]);
    // Nor by a name: the same name in somebody else's memory is another user, and a key for one reaches no other.
    let as_eve = |method, path: &str| api.call(method, path).bearer_auth(&eves);
    let (_, stats) = answer(as_eve(Method::GET, "/v1/memory/stats?user_id=ada")).await;
    assert_eq!(stats["entries"]["used"], 0);
    let (_, counted) = answer(as_eve(Method::DELETE, "/v1/memory?user_id=ada")).await;
    assert_eq!(counted["matched"], 0);
    assert_eq!(
        answer(as_eve(Method::DELETE, "/v1/memory?user_id=ada&confirm=0"))
            .await
            .0,
        200
    );
    assert_eq!(
        answer(as_eve(Method::GET, "/v1/memory/users")).await.1["users"],
        json!([])
    );
    let export = as_eve(Method::GET, "/v1/memory/export?user_id=ada")
        .send()
        .await
        .unwrap();
    assert_eq!(
        export.text().await.unwrap(),
        "{\"type\":\"end\",\"lines\":0}\n"
    );
    let as_bob = |method, path: &str| api.call(method, path).bearer_auth(&bobs);
    for request in [
        as_bob(Method::GET, "/v1/memory/stats?user_id=ada"),
        as_bob(Method::GET, "/v1/memory/export?user_id=ada"),
        as_bob(Method::GET, "/v1/memory/sessions?user_id=ada"),
        as_bob(Method::DELETE, "/v1/memory?user_id=ada&confirm=1"),
        as_bob(Method::POST, "/v1/memory/interactions/delete")
            .json(&json!({ "user_id": "ada", "filters": { "session": "s" }, "confirm": 1 })),
        as_bob(Method::POST, "/v1/memory/adk/search")
            .json(&json!({ "user_id": "ada", "app_name": "a", "query": "okapi" })),
        as_bob(Method::POST, "/v1/memory/adk/sessions").json(
            &json!({ "user_id": "ada", "app_name": "a", "id": "s", "events": [
            { "id": "e", "author": "user", "content": { "parts": [{ "text": "planted" }] } }] }),
        ),
    ] {
        let (status, refused) = answer(request).await;
        assert_eq!((status, kind(&refused)), (403, "refused"), "{refused}");
    }
    assert_eq!(
        answer(as_bob(Method::GET, "/v1/memory/users")).await.1["users"][0]["user_id"],
        "bob"
    );
    assert_eq!(
        finds(&api, "ada", "okapi planted").await,
        ["the okapi of Ada"]
    );
    let (_, one) = answer(api.own(Method::GET, &format!("{PATH}/{}", mine[0]))).await;
    assert_eq!(
        (&one["text"], &one["version"]),
        (&json!("the okapi of Ada"), &json!(1))
    );
}
