//! Which messages of a chat are new, and which session they are of.

use reqwest::Method;
use serde_json::{Value, json};

use super::{House, content, said, session, told, user};
use crate::support::Api;
use crate::support::model::text;
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn complaint_1_and_3_history_that_comes_again_is_kept_once_and_goes_on_in_its_session() {
    let house = House::new().await;
    let system = |text: &str| json!({ "role": "system", "content": text });
    let mut messages = vec![system("It is 10:00"), user("say one")];
    let mut first = String::new();
    for (turn, word) in ["one", "two", "three"].into_iter().enumerate() {
        let (status, answered, note) = house.chat(&said("ann", json!(messages))).await;
        assert_eq!((status, content(&answered)), (200, word));
        if turn == 0 {
            first = session(&note).to_owned();
        }
        assert_eq!(
            session(&note),
            first,
            "the history says which session it is"
        );
        messages[0] = system(&format!("It is 10:0{turn}"));
        messages.push(answered["choices"][0]["message"].clone());
        let next = ["say two", "say three", ""][turn];
        messages.push(user(next));
    }
    messages.pop();
    let kept = house.texts("ann").await;
    let all: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        all,
        ["say one", "one", "say two", "two", "say three", "three"]
    );
    // The same request again is a retry: the question is not said twice.
    let retry = said("ann", json!(messages[..messages.len() - 1]));
    let (_, _, note) = house.chat(&retry).await;
    assert_eq!(session(&note), first);
    assert_eq!(house.texts("ann").await.len(), 6);
    // Another conversation is another session; a given one is that.
    let (_, _, note) = house.chat(&said("ann", json!([user("say other")]))).await;
    assert_ne!(session(&note), first);
    let request = house.post(&said("ann", json!([user("say named")])));
    let (_, _, note) = told(
        request
            .header("jarkeeper-session", "my session")
            .header("jarkeeper-app", "tea"),
    )
    .await;
    assert!(note.ends_with("session=my+session"), "{note}");
    let row = house.kept("ann").await.pop().unwrap();
    assert_eq!(
        (&row["session"], &row["app"]),
        (&json!("my session"), &json!("tea"))
    );
    // Pictures are told of, and long texts come in parts.
    let long = format!("say {}", "long words ".repeat(12_000));
    let parts = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:" } }, { "type": "text", "text": long }] }]);
    let (status, ..) = house.chat(&said("bob", parts)).await;
    assert_eq!(status, 200);
    let rows = house.kept("bob").await;
    assert_eq!(
        rows[0]["metadata"],
        json!({ "parts": { "image_url": 1 }, "part": 1, "of": 3 })
    );
    assert_eq!(
        rows.len(),
        6,
        "the question and the answer in three parts each"
    );
}

#[tokio::test]
async fn the_same_first_question_in_a_new_chat_finds_what_was_said_in_between() {
    let house = House::new().await;
    let ask = said("ann", json!([user("say Where is my bicycle?")]));
    let (_, _, first) = house.chat(&ask).await;
    assert!(first.starts_with("recalled=0; kept=yes"), "{first}");
    super::super::add(
        &house.api,
        "ann",
        "else",
        &["My bicycle stands in a yard in Turin"],
    )
    .await;
    let (_, _, second) = house.chat(&ask).await;
    assert!(second.starts_with("recalled=1; kept=yes"), "{second}");
    assert_ne!(session(&first), session(&second), "it is another chat");
    super::super::add(
        &house.api,
        "ann",
        "else",
        &["The bicycle was moved to the cellar of Genoa"],
    )
    .await;
    let (_, _, third) = house.chat(&ask).await;
    assert!(third.starts_with("recalled=2; kept=yes"), "{third}");
    let sent = house.model.requests().pop().unwrap().1;
    let block = text(&sent["messages"][0]);
    assert!(
        block.contains("Turin") && block.contains("Genoa"),
        "{block}"
    );
    let asked = house.texts("ann").await;
    let asked = asked
        .iter()
        .filter(|(role, text)| role == "user" && text.starts_with("say"));
    assert_eq!(asked.count(), 3, "each is said");
}

#[tokio::test]
async fn a_loop_of_tools_goes_on_in_its_session_after_a_restart() {
    let House {
        root,
        mut daemon,
        api,
        model,
        key,
    } = House::new().await;
    let asks = async |api: &Api, messages: Value| {
        let request = api.call(Method::POST, "/v1/chat/completions");
        told(request.bearer_auth(&key).json(&said("ann", messages)))
            .await
            .2
    };
    let question = user("tool weather");
    let first = asks(&api, json!([question])).await;
    assert_eq!(daemon.stop().0, 0);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let call = json!({ "id": "c", "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let more = json!([
        question,
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c", "content": "say It rains" },
    ]);
    assert_eq!(session(&asks(&api, more).await), session(&first));
    drop(model);
}
