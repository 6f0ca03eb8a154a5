//! What goes on from what the model's server keeps: whose it is, and in which session.

use jarkeeper::session::Files;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::proxy::{House, key};
use super::{ask, kept, post, texts, told, warm, well};
use crate::support::{Api, answer};

fn behind(user: &str, answered: &Value, input: Value) -> Value {
    let mut body = ask(user, input);
    body["previous_response_id"] = answered["id"].clone();
    body
}

#[tokio::test]
async fn what_goes_on_from_an_answer_stays_in_its_session_also_after_a_restart() {
    let mut house = House::new().await;
    warm(&house).await;
    let (first, session) = well(&house, &ask("ann", json!("say The cat is called Ada"))).await;
    // Behind an answer the server has what was said: it is not recalled as something of earlier.
    let next = behind("ann", &first, json!("echo What is the cat called?"));
    let (status, answered, note) = told(post(&house.api, &house.key, &next)).await;
    assert_eq!(
        (status, note.as_str()),
        (
            200,
            format!("recalled=0; kept=yes; session={session}").as_str()
        )
    );
    // A loop of tools, of which each step holds only what is new.
    let (call, same) = well(&house, &behind("ann", &answered, json!("tool weather"))).await;
    assert_eq!(same, session);
    assert_eq!(house.daemon.stop().0, 0);
    house.daemon = house.root.daemon();
    house.api = Api::of(&house.root, &house.daemon);
    let found = |call: &Value, text: &str| {
        let id = &call["output"][1]["call_id"];
        json!([{ "type": "function_call_output", "call_id": id, "output": text }])
    };
    let (again, same) = well(&house, &behind("ann", &call, found(&call, "tool weather"))).await;
    assert_eq!(same, session);
    let (last, same) = well(
        &house,
        &behind("ann", &again, found(&again, "say It rains")),
    )
    .await;
    assert_eq!(same, session);
    let sent = house.model.requests().pop().unwrap().1;
    assert_eq!(sent["input"], found(&again, "say It rains"), "untouched");
    assert_eq!(sent["previous_response_id"], again["id"]);
    // The same question behind the same answer is a retry; behind another one it is another.
    for _ in 0..2 {
        assert_eq!(
            well(&house, &behind("ann", &last, json!("say yes")))
                .await
                .1,
            session
        );
    }
    let (_, same) = well(&house, &behind("ann", &first, json!("say yes"))).await;
    assert_eq!(same, session);
    let all = kept(&house, "ann").await;
    assert!(all.iter().all(|(_, _, own, _)| *own == session), "{all:?}");
    let all: Vec<_> = all.iter().map(|(_, text, ..)| text.as_str()).collect();
    assert_eq!(
        all[4..],
        [
            "tool weather",
            "It rains",
            "say yes",
            "yes",
            "say yes",
            "yes"
        ]
    );
    // An answer of elsewhere begins a session, and the same one each time.
    let elsewhere = behind(
        "ann",
        &json!({ "id": "resp_elsewhere" }),
        json!("say hello"),
    );
    let other = well(&house, &elsewhere).await.1;
    assert_ne!(other, session);
    assert_eq!(well(&house, &elsewhere).await.1, other);
}

#[tokio::test]
async fn a_history_a_reference_and_a_conversation_say_which_session_it_is() {
    let house = House::new().await;
    let user = |text: &str| json!({ "role": "user", "content": text });
    // All of it each time, as the model has said it: reasoning, calls and texts.
    let mut items = vec![user("tool weather")];
    let mut session = String::new();
    for said in [json!(null), user("say two"), user("say three")] {
        let mut body = ask("ann", json!(items));
        body["store"] = false.into();
        let (answered, own) = well(&house, &body).await;
        assert!(session.is_empty() || session == own, "{own}");
        session = own;
        items.extend(answered["output"].as_array().unwrap().iter().cloned());
        match said.is_null() {
            true => items.push(json!({ "type": "function_call_output", "call_id": items[2]["call_id"], "output": "say one" })),
            false => items.push(said),
        }
    }
    assert_eq!(
        texts(&house, "ann").await,
        ["tool weather", "one", "say two", "two"]
    );
    // What the server keeps is named in place of what was said.
    let (first, own) = well(&house, &ask("bob", json!([user("say one")]))).await;
    let message = &first["output"][1]["id"];
    let refers = json!([user("say one"), { "type": "item_reference", "id": first["output"][0]["id"] },
        { "type": "item_reference", "id": message }, user("say two")]);
    assert_eq!(well(&house, &ask("bob", refers.clone())).await.1, own);
    assert_eq!(
        texts(&house, "bob").await,
        ["say one", "one", "say two", "two"]
    );
    // A conversation is one session, and what is said twice in it was said twice.
    let mut talk = ask("cleo", json!("say yes"));
    talk["conversation"] = json!({ "id": "conv_1" });
    let (_, own) = well(&house, &talk).await;
    talk["conversation"] = "conv_1".into();
    assert_eq!(well(&house, &talk).await.1, own);
    assert_eq!(
        texts(&house, "cleo").await,
        ["say yes", "yes", "say yes", "yes"]
    );
    // Nobody goes on from what was answered to somebody else: with it goes what was recalled.
    let bobs = key(
        &house.api,
        "bobs",
        &["memory:read", "memory:write"],
        Some("bob"),
    )
    .await;
    let (anns, _) = well(&house, &ask("ann", json!("say hi"))).await;
    let asked = house.model.bodies().len();
    let mut foreign = behind("bob", &anns, json!("echo"));
    for _ in 0..2 {
        let request = post(&house.api, &bobs, &foreign).header("jarkeeper-memory", "off");
        let (status, error, _) = told(request).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (404, &json!("unknown-response")),
            "{error}"
        );
        foreign = ask(
            "bob",
            json!([{ "type": "item_reference", "id": anns["output"][1]["id"] }, user("echo")]),
        );
    }
    assert_eq!(house.model.bodies().len(), asked);
    // Their own they do; and with what was said its names go.
    let request = post(&house.api, &bobs, &ask("bob", refers));
    assert_eq!(told(request).await.0, 200);
    let path = Files::open(&house.root.auth())
        .unwrap()
        .store_path()
        .unwrap();
    let store = rusqlite::Connection::open(path).unwrap();
    let names = |user: &str| -> i64 {
        let sql = "SELECT count(*) FROM replies JOIN memory_spaces ON id = space WHERE user = ?1";
        store.query_row(sql, [user], |row| row.get(0)).unwrap()
    };
    // Three of each answer, and the conversation beside both.
    assert_eq!(names("cleo"), 8);
    for turn in 0..4 {
        let path = "/v1/memory/interactions?user_id=cleo&limit=1";
        let (_, page) = answer(house.api.own(Method::GET, path)).await;
        let id = page["interactions"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/memory/interactions/{id}");
        let (status, _) = answer(house.api.own(Method::DELETE, &path)).await;
        assert_eq!(status, 204);
        assert_eq!(names("cleo"), [4, 4, 0, 0][turn]);
    }
}
