//! Streams and loops of tools, which pass as they are.

use std::time::Duration;

use serde_json::{Value, json};

use super::{House, said, user};
use crate::support::model::{chunk, text};
use crate::support::oauth::Carries as _;

#[tokio::test]
async fn an_event_too_long_to_be_heard_passes_whole() {
    let house = House::new().await;
    let mut body = said(
        "ann",
        json!([user(&format!("say {}", "x".repeat(9 << 20)))]),
    );
    body["stream"] = true.into();
    let passed = house.post(&body).send().await.unwrap().text().await;
    let passed = passed.expect("it does not break off");
    assert!(passed.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn streams_and_loops_of_tools_pass_as_they_are() {
    let house = House::new().await;
    assert_eq!(
        house
            .chat(&said(
                "ann",
                json!([user("say the weather is what Ann likes")])
            ))
            .await
            .0,
        200
    );
    let mut body = said("ann", json!([user("say one two")]));
    body["stream"] = true.into();
    body["stream_options"] = json!({ "include_usage": true });
    let stream = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .split(';')
                .next(),
            Some("text/event-stream")
        );
        response.text().await.unwrap()
    };
    let direct = reqwest::Client::builder().no_proxy().build().unwrap();
    let at_model = async |body: &Value| {
        stream(
            direct
                .post(format!("{}/chat/completions", house.model.base))
                .json(body),
        )
        .await
    };
    let passed = stream(house.post(&body)).await;
    assert_eq!(passed, at_model(&body).await, "event by event the same");
    assert!(
        passed.contains("\"usage\"") && passed.ends_with("data: [DONE]\n\n"),
        "{passed}"
    );
    assert_eq!(house.texts("ann").await.last().unwrap().1, "one two");
    // A loop of tools: the same block stands before the question each time, and nothing is kept of the tools.
    let question = user("tool weather");
    let mut messages = vec![json!({ "role": "system", "content": "s" }), question];
    body["tools"] = json!([{ "type": "function", "function": { "name": "weather" } }]);
    body["messages"] = json!(messages);
    let passed = stream(house.post(&body)).await;
    assert_eq!(passed, at_model(&body).await);
    let before = house.texts("ann").await.len();
    let mut blocks = Vec::new();
    for round in 0..3 {
        messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": format!("c{round}"), "type": "function", "function": { "name": "weather", "arguments": "{}" } }] }));
        let result = ["tool weather", "tool weather", "say It rains on Ann"][round];
        messages.push(
            json!({ "role": "tool", "tool_call_id": format!("c{round}"), "content": result }),
        );
        // Something is remembered in between; the prompt of the loop stays what it was.
        super::super::add(
            &house.api,
            "ann",
            "else",
            &[&format!("Weather of Ann number {round}")],
        )
        .await;
        body["messages"] = json!(messages);
        stream(house.post(&body)).await;
        let sent = house.model.requests().pop().unwrap().1;
        let sent = sent["messages"].as_array().unwrap();
        blocks.push(sent[1].clone());
        let mut expected = messages.clone();
        expected.insert(1, sent[1].clone());
        assert_eq!(
            sent, &expected,
            "in the same place, and nothing else is moved"
        );
    }
    assert!(
        text(&blocks[0]).contains("the weather is what Ann likes"),
        "{blocks:?}"
    );
    assert!(blocks.iter().all(|block| block == &blocks[0]), "{blocks:?}");
    let kept = house.texts("ann").await;
    assert_eq!(kept.len(), before + 3 + 1, "{kept:?}");
    assert_eq!(kept.last().unwrap().1, "It rains on Ann");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_for_the_caller_and_what_was_said_is_kept() {
    let house = House::new().await;
    let read = async |word: &str| {
        let mut body = said("ann", json!([user(&format!("{word} half a word"))]));
        body["stream"] = true.into();
        let mut stream = house.post(&body).send().await.unwrap();
        let mut all = String::new();
        loop {
            match stream.chunk().await {
                Ok(Some(part)) => all.push_str(std::str::from_utf8(&part).unwrap()),
                Ok(None) => break (all, false),
                Err(_) => break (all, true),
            }
        }
    };
    for word in ["cut", "stop"] {
        let (all, broken) = read(word).await;
        assert!(
            broken && all.contains("word") && !all.contains("[DONE]"),
            "{word}: {broken} {all}"
        );
        let last = house.kept("ann").await.pop().unwrap();
        assert_eq!(
            (&last["text"], &last["metadata"]),
            (&json!("half a word"), &json!({ "cut": true })),
            "{word}"
        );
    }
    // Whole by its own word, and only without the last event: nobody makes one up.
    let (all, broken) = read("ends").await;
    assert!(!broken && !all.contains("[DONE]"), "{all}");
    let last = house.kept("ann").await.pop().unwrap();
    assert_eq!(
        (&last["text"], &last["metadata"]),
        (&json!("half a word"), &Value::Null)
    );
    // A caller who hangs up ends the model's work, and what it heard is kept.
    let mut body = said("bob", json!([user("forever and a day")]));
    body["stream"] = true.into();
    let mut stream = house.post(&body).send().await.unwrap();
    let mut heard = String::new();
    while heard.matches("on ").count() < 3 {
        let part = stream.chunk().await.unwrap().unwrap();
        heard.push_str(std::str::from_utf8(&part).unwrap());
    }
    assert!(
        heard.starts_with(&format!("data: {}\n\n", chunk("and "))),
        "as it comes: {heard}"
    );
    drop(stream);
    house.nobody_reads().await;
    let end = std::time::Instant::now() + Duration::from_secs(30);
    let last = loop {
        let last = house.kept("bob").await.pop().unwrap();
        if last["role"] == "assistant" || std::time::Instant::now() > end {
            break last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(
        last["text"].as_str().unwrap().starts_with("and a day"),
        "{last}"
    );
    assert_eq!(last["metadata"], json!({ "cut": true }));
}
