//! Chats with instances: line 20 of the contract, and what may go wrong in them.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::instance::{Instance, registered};
use crate::support::model::{chunk, last_chunk};
use crate::support::process::Root;
use crate::support::{Api, answer, with};

use super::socket::daemon;

/// A question with this text.
pub(super) fn question(text: &str) -> Value {
    json!({ "model": "any", "temperature": 0.5, "messages": [{ "role": "user", "content": text }] })
}

pub(super) fn streamed(text: &str) -> Value {
    let mut question = question(text);
    question["stream"] = json!(true);
    question
}

/// Asks an instance as its owner.
pub(super) fn ask(api: &Api, id: &str, body: &Value) -> RequestBuilder {
    let path = format!("/v1/instances/{id}/chat/completions");
    with(api.own(Method::POST, &path), body)
}

/// What the caller reads of a stream, event by event.
pub(super) struct Events {
    response: Response,
    text: String,
}

impl Events {
    pub(super) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = String::new();
        Self { response, text }
    }

    /// The data of the next event; `None`: the stream is over.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: Vec<_> = event
                    .lines()
                    .filter_map(|l| l.strip_prefix("data: "))
                    .collect();
                let data = (!data.is_empty()).then(|| data.join("\n"));
                self.text = rest.to_owned();
                match data {
                    Some(data) => return Some(data),
                    None => continue,
                }
            }
            let more = self.response.chunk().await.unwrap()?;
            self.text += std::str::from_utf8(&more).unwrap();
        }
    }

    /// All that still come.
    pub(super) async fn rest(mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(data) = self.next().await {
            all.push(data);
        }
        all
    }
}

/// The text of a completion.
pub(super) fn said(completion: &Value) -> &str {
    completion["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("{completion}"))
}

#[tokio::test]
async fn line_20_a_chat_goes_down_the_socket_and_its_frames_are_collected() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    // Put together.
    let asked = ask(&api, &id, &question("hello")).send();
    let asked = tokio::spawn(asked);
    let chat = instance.hear().await;
    assert_eq!(chat["type"], "chat");
    let mut wanted = question("hello");
    wanted["stream"] = json!(true);
    assert_eq!(chat["request"], wanted);
    let request = &chat["request_id"];
    // As the client that exists sends it, and with the prefix.
    let raw = chunk("Hel").to_string();
    instance
        .reply(request, json!({ "raw_sse": raw, "done": false }))
        .await;
    let raw = format!("data: {}\n\n", chunk("lo"));
    instance
        .reply(request, json!({ "raw_sse": raw, "done": false }))
        .await;
    instance
        .reply(
            &json!("another"),
            json!({ "raw_sse": chunk("!").to_string() }),
        )
        .await;
    let raw = last_chunk().to_string();
    instance
        .reply(request, json!({ "raw_sse": raw, "done": false }))
        .await;
    instance.reply(request, json!({ "done": true })).await;
    let response = asked.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let whole: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(
        (said(&whole), &whole["object"]),
        ("Hello", &json!("chat.completion"))
    );
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    // As a stream: each event as it comes.
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("hello"))));
    let request = instance.hear().await["request_id"].clone();
    instance
        .reply(&request, json!({ "raw_sse": "{\"n\":1}", "done": false }))
        .await;
    let mut events = asked.await.unwrap();
    assert_eq!(events.next().await.as_deref(), Some("{\"n\":1}"));
    instance
        .reply(&request, json!({ "raw_sse": "{\"n\":\n2}", "done": false }))
        .await;
    assert_eq!(events.next().await.as_deref(), Some("{\"n\":\n2}"));
    instance.reply(&request, json!({ "done": true })).await;
    assert_eq!(events.rest().await, ["[DONE]"]);
    // An error, before anything came.
    for body in [question("x"), streamed("x")] {
        let asked = tokio::spawn(answer(ask(&api, &id, &body)));
        let request = instance.hear().await["request_id"].clone();
        let words = "no model\r\nis loaded";
        instance.reply(&request, json!({ "error": words })).await;
        let (status, problem) = asked.await.unwrap();
        assert_eq!(status, 502, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("no model is loaded"), "{detail}");
    }
    // And after.
    let asked = tokio::spawn(Events::of(ask(&api, &id, &streamed("x"))));
    let request = instance.hear().await["request_id"].clone();
    instance.reply(&request, json!({ "raw_sse": "1" })).await;
    instance
        .reply(
            &request,
            json!({ "error": { "message": "x".repeat(5000) } }),
        )
        .await;
    let rest = asked.await.unwrap().rest().await;
    assert_eq!((rest.len(), rest[0].as_str()), (2, "1"));
    let error: Value = serde_json::from_str(&rest[1]).unwrap();
    assert_eq!(error["error"]["code"], "instance-failed");
    assert!(
        error["error"]["message"].as_str().unwrap().len() < 400,
        "{error}"
    );
}

#[tokio::test]
async fn line_20_a_stream_is_read_however_its_client_cuts_it() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let (one, two) = (chunk("Hel").to_string(), chunk("lo").to_string());
    let (half, rest) = one.split_at(7);
    let bare = [one.clone(), two.clone()];
    let data = bare.each_ref().map(|one| format!("data: {one}\n\n"));
    let lines = bare.each_ref().map(|one| format!("data: {one}"));
    let cut = format!("data: {half}");
    let both = format!("{}{}", data[0], lines[1]);
    let [bare, data, lines] = [&bare, &data, &lines].map(|all| all.each_ref().map(String::as_str));
    for pieces in [
        vec![": ping\n", data[0], ": ping\n\n", data[1]],
        vec!["event: x\n", data[0], "id: 1\n", "retry: 7\n", data[1]],
        vec![": ping", "", lines[0], "", lines[1], ""],
        vec![cut.as_str(), rest, "\n", "\n", data[1]],
        vec![": ping\n\n", bare[0], bare[1]],
        vec![both.as_str()],
    ] {
        for body in [question("x"), streamed("x")] {
            let is_stream = body["stream"] == true;
            let asked = ask(&api, &id, &body);
            let asked = tokio::spawn(async move {
                match is_stream {
                    true => Ok(Events::of(asked).await.rest().await),
                    false => Err(answer(asked).await),
                }
            });
            let request = instance.hear().await["request_id"].clone();
            for piece in &pieces {
                instance
                    .reply(&request, json!({ "raw_sse": piece, "error": "" }))
                    .await;
            }
            let last = json!({ "raw_sse": "data: [DONE]\n\n", "error": false, "done": true });
            instance.reply(&request, last).await;
            match asked.await.unwrap() {
                Ok(events) => assert_eq!(events, [&one, &two, "[DONE]"], "{pieces:?}"),
                Err((status, whole)) => {
                    assert_eq!((status, said(&whole)), (200, "Hello"), "{pieces:?} {whole}");
                }
            }
        }
    }
}

#[tokio::test]
async fn twenty_chats_at_once_are_not_mixed_up() {
    let (_root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let asked: Vec<_> = (0..20)
        .map(|n| {
            let body = match n % 2 {
                0 => question(&n.to_string()),
                _ => streamed(&n.to_string()),
            };
            let request = ask(&api, &id, &body);
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap()
            })
        })
        .collect();
    let mut chats = Vec::new();
    for _ in 0..20 {
        chats.push(instance.hear().await);
    }
    // A piece for each in turn, the other way round each time.
    for round in 0..5 {
        chats.reverse();
        for chat in &chats {
            let text = chat["request"]["messages"][0]["content"].as_str().unwrap();
            let raw = chunk(&format!("<{text}.{round}>")).to_string();
            instance
                .reply(
                    &chat["request_id"],
                    json!({ "raw_sse": raw, "done": false }),
                )
                .await;
        }
    }
    for chat in &chats {
        instance
            .reply(&chat["request_id"], json!({ "done": true }))
            .await;
    }
    for (n, asked) in asked.into_iter().enumerate() {
        let text = asked.await.unwrap();
        let pieces: Vec<_> = text.match_indices('<').map(|(at, _)| &text[at..]).collect();
        let own = format!("<{n}.");
        assert!(
            !pieces.is_empty() && pieces.iter().all(|one| one.starts_with(&own)),
            "{n} {text}"
        );
        match n % 2 {
            0 => assert!(
                text.contains(&format!("<{n}.0><{n}.1><{n}.2><{n}.3><{n}.4>")),
                "{text}"
            ),
            _ => assert!(
                pieces.len() == 5 && text.ends_with("data: [DONE]\n\n"),
                "{text}"
            ),
        }
    }
}

#[tokio::test]
async fn who_may_talk_is_the_instances_own_person_and_it_itself() {
    let (root, _daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let (other, other_password, _) = registered(&api, "b").await;
    let mut instance = Instance::connect(&api, &id, &password).await;
    let path = format!("/api/chat/{id}");
    let to = |path: &str, bearer: Option<&str>| {
        let request = with(api.call(Method::POST, path), &streamed("x"));
        match bearer {
            Some(bearer) => request.header("authorization", format!("Bearer {bearer}")),
            None => request,
        }
    };
    let own = format!("{id}:{password}");
    let foreign = format!("{other}:{other_password}");
    for (path, bearer, status) in [
        (path.as_str(), None, 401),
        ("/api/chat/00000000000000000000", None, 401),
        (&path, Some("None:None"), 401),
        (&path, Some(foreign.as_str()), 404),
        ("/api/chat/00000000000000000000", Some(&own), 404),
        (
            "/v1/instances/00000000000000000000/chat/completions",
            None,
            401,
        ),
    ] {
        let (got, body) = answer(to(path, bearer)).await;
        assert_eq!(got, status, "{path} {bearer:?} {body}");
        if path.starts_with("/api") {
            assert_eq!(
                (&body["code"], &body["data"]),
                (&json!(status), &Value::Null)
            );
        }
    }
    let asked = tokio::spawn(Events::of(to(&path, Some(&own))));
    let request = instance.hear().await["request_id"].clone();
    instance
        .reply(&request, json!({ "raw_sse": "1", "done": true }))
        .await;
    assert_eq!(asked.await.unwrap().rest().await, ["1", "[DONE]"]);
    // A key of its person, with the scope and without.
    let life = chrono::TimeDelta::hours(1);
    let reads = crate::support::key(&root, "registry:read", &[], life).await;
    let writes = crate::support::key(&root, "registry:write", &[], life).await;
    assert_eq!(answer(to(&path, Some(&reads))).await.0, 403);
    let asked = tokio::spawn(Events::of(to(&path, Some(&writes))));
    let request = instance.hear().await["request_id"].clone();
    instance
        .reply(&request, json!({ "raw_sse": "1", "done": true }))
        .await;
    assert_eq!(asked.await.unwrap().rest().await, ["1", "[DONE]"]);
    // What is no question.
    for body in [
        json!({}),
        json!({ "messages": [] }),
        json!([]),
        json!({ "messages": "x" }),
    ] {
        let request = with(api.own(Method::POST, &path), &body);
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["code"]), (400, &json!(400)), "{body}");
    }
    let long = question(&"x".repeat((1 << 20) - 150));
    let (status, problem) = answer(ask(&api, &id, &long)).await;
    assert_eq!(status, 413, "{problem}");
}

#[tokio::test]
async fn with_public_chat_everybody_may_who_knows_the_id() {
    let root = Root::new();
    root.save("config.toml", "[registry]\npublic_chat = true\n");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let (id, password, _) = registered(&api, "a").await;
    let path = format!("/api/chat/{id}");
    let (status, body) = answer(with(api.call(Method::POST, &path), &question("x"))).await;
    assert_eq!((status, &body["code"]), (503, &json!(503)), "{body}");
    let none = with(api.call(Method::POST, "/api/chat/None"), &question("x"));
    assert_eq!(answer(none).await.0, 404);
    let mut instance = Instance::connect(&api, &id, &password).await;
    // As a stream where nothing is said, and at the address of OpenAI's clients as a whole.
    let asked = tokio::spawn(Events::of(with(
        api.call(Method::POST, &path),
        &question("x"),
    )));
    let request = instance.hear().await["request_id"].clone();
    let raw = chunk("hi").to_string();
    instance
        .reply(&request, json!({ "raw_sse": raw, "done": true }))
        .await;
    assert_eq!(asked.await.unwrap().rest().await, [raw.as_str(), "[DONE]"]);
    let completions = format!("{path}/chat/completions");
    let asked = with(api.call(Method::POST, &completions), &question("x"));
    let asked = tokio::spawn(answer(asked));
    let request = instance.hear().await["request_id"].clone();
    instance
        .reply(&request, json!({ "raw_sse": raw, "done": true }))
        .await;
    assert_eq!(said(&asked.await.unwrap().1), "hi");
    // What an error of the instance says is in the envelope here.
    let asked = with(api.call(Method::POST, &path), &question("x"));
    let asked = tokio::spawn(answer(asked));
    let request = instance.hear().await["request_id"].clone();
    instance.reply(&request, json!({ "error": "tired" })).await;
    let (status, body) = asked.await.unwrap();
    assert_eq!((status, &body["code"]), (502, &json!(502)), "{body}");
    assert!(
        body["message"].as_str().unwrap().contains("tired"),
        "{body}"
    );
}
