//! What may go wrong in a chat, from each side.

use serde_json::json;

use crate::support::answer;
use crate::support::instance::{Instance, registered};
use crate::support::model::chunk;

use super::chat::{Events, ask, question, said, streamed};
use super::socket::daemon;

#[tokio::test]
async fn whoever_hangs_up_in_mid_stream_ends_it_honestly() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    // The caller, while it reads.
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("x"))));
    let request = instance.hear().await["request_id"].clone();
    instance.reply(&request, json!({ "raw_sse": "1" })).await;
    let mut events = asked.await.unwrap();
    assert_eq!(events.next().await.as_deref(), Some("1"));
    drop(events);
    let cancel = json!({ "type": "chat_cancel", "request_id": request });
    assert_eq!(instance.hear().await, cancel);
    // The caller, while it waits.
    let asked = tokio::spawn(ask(&api, &id, &question("x")).send());
    let request = instance.hear().await["request_id"].clone();
    asked.abort();
    let cancel = json!({ "type": "chat_cancel", "request_id": request });
    assert_eq!(instance.hear().await, cancel);
    // The instance, before and after its first piece.
    let waiting = tokio::spawn(answer(ask(&api, &id, &question("x"))));
    instance.hear().await;
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("x"))));
    let request = instance.hear().await["request_id"].clone();
    instance.reply(&request, json!({ "raw_sse": "1" })).await;
    let events = asked.await.unwrap();
    drop(instance);
    let (status, problem) = waiting.await.unwrap();
    assert_eq!(
        (status, &problem["type"]),
        (502, &json!("urn:jarkeeper:problem:instance-gone"))
    );
    let rest = events.rest().await;
    assert!(
        rest.len() == 2 && rest[1].contains("instance-gone"),
        "{rest:?}"
    );
    // Nobody is there any more.
    let (status, problem) = answer(ask(&api, &id, &question("x"))).await;
    assert_eq!(
        (status, &problem["type"]),
        (503, &json!("urn:jarkeeper:problem:instance-offline"))
    );
}

#[tokio::test]
async fn an_instance_that_sends_nonsense_harms_only_its_own_chats() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let (bad_id, bad_password, _) = registered(&api, "b").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let mut bad = Instance::connect(&api, &bad_id, &bad_password).await;
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("x"))));
    let request = instance.hear().await["request_id"].clone();
    // For a foreign chat.
    for rest in [
        json!({ "raw_sse": "evil" }),
        json!({ "error": "evil" }),
        json!({ "done": true }),
    ] {
        bad.reply(&request, rest).await;
    }
    bad.say(r#"{"type":"heartbeat"}"#).await;
    assert_eq!(bad.hear().await["type"], "heartbeat_ack");
    // Of its own kind.
    for rest in [
        json!({}),
        json!({ "raw_sse": 5 }),
        json!({ "done": "true" }),
        json!({ "error": null }),
    ] {
        instance.reply(&request, rest).await;
    }
    instance.reply(&request, json!({ "raw_sse": "good" })).await;
    instance
        .reply(
            &request,
            json!({ "raw_sse": "x\n\ndata: [DONE]\n\nevent: y" }),
        )
        .await;
    instance.reply(&request, json!({ "raw_sse": "late" })).await;
    let rest = asked.await.unwrap().rest().await;
    assert_eq!(
        rest,
        ["good", "[DONE]"],
        "an event never holds the end of itself"
    );
    // What is no chunk makes no completion.
    for raw in [
        "no JSON",
        "[]",
        "{\"choices\":7}",
        "{\"error\":{\"message\":\"secret\"}}",
    ] {
        let asked = tokio::spawn(answer(ask(&api, &id, &question("x"))));
        let request = instance.hear().await["request_id"].clone();
        instance
            .reply(&request, json!({ "raw_sse": raw, "done": true }))
            .await;
        let (status, problem) = asked.await.unwrap();
        assert_eq!(status, 502, "{problem}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
        // Where it was broken off, the instance is told.
        let next = tokio::time::timeout(std::time::Duration::from_millis(1), instance.hear()).await;
        assert!(next.is_err() || next.unwrap()["type"] == "chat_cancel");
    }
    let asked = tokio::spawn(answer(ask(&api, &id, &question("x"))));
    let request = loop {
        let message = instance.hear().await;
        if message["type"] == "chat" {
            break message["request_id"].clone();
        }
    };
    instance.reply(&request, json!({ "done": true })).await;
    assert_eq!(asked.await.unwrap().0, 502, "nothing is no answer");
}

#[tokio::test]
async fn more_than_anybody_reads_is_not_kept() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("x"))));
    let request = instance.hear().await["request_id"].clone();
    instance.reply(&request, json!({ "raw_sse": "1" })).await;
    let mut events = asked.await.unwrap();
    assert_eq!(events.next().await.as_deref(), Some("1"));
    // The caller takes nothing; sockets take some, and the daemon 4 MiB.
    let piece = "x".repeat(1 << 19);
    for _ in 0..64 {
        instance.reply(&request, json!({ "raw_sse": piece })).await;
    }
    let cancel = json!({ "type": "chat_cancel", "request_id": request });
    assert_eq!(instance.hear().await, cancel);
    let rest = events.rest().await;
    let last = rest.last().unwrap();
    assert!(
        rest.len() < 64 && last.contains("\"error\""),
        "{} {}",
        rest.len(),
        last.len()
    );
    // Others go on.
    let asked = tokio::spawn(answer(ask(&api, &id, &question("x"))));
    let request = instance.hear().await["request_id"].clone();
    let raw = chunk("fine").to_string();
    instance
        .reply(&request, json!({ "raw_sse": raw, "done": true }))
        .await;
    assert_eq!(said(&asked.await.unwrap().1), "fine");
}
