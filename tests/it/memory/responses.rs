//! The Responses API on its way to the model: as a chat is, and besides what the model's server keeps is gone on from.

mod behind;

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::proxy::House;
use super::{add, finds};
use crate::support::model::{Model, text};
use crate::support::oauth::Carries as _;
use crate::support::{Api, answer};

const PATH: &str = "/v1/responses";

fn ask(user: &str, input: Value) -> Value {
    json!({ "model": "asked", "user": user, "input": input })
}

fn post(api: &Api, key: &str, body: &Value) -> RequestBuilder {
    api.call(Method::POST, PATH).bearer_auth(key).json(body)
}

/// The first search of a daemon reads its table, which may take longer than a chat waits.
async fn warm(house: &House) {
    add(&house.api, "warm", "s", &["a kitten"]).await;
    assert_eq!(finds(&house.api, "warm", "kitten").await, ["a kitten"]);
}

/// Status, answer, and what the memory did.
async fn told(request: RequestBuilder) -> (u16, Value, String) {
    let response = request.send().await.unwrap();
    let note = response.headers().get("jarkeeper-memory");
    let note = note.map(|note| note.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    (status, body, note.unwrap_or_default())
}

/// The answer and the session, where all went well.
async fn well(house: &House, body: &Value) -> (Value, String) {
    let (status, answered, note) = told(post(&house.api, &house.key, body)).await;
    assert_eq!(status, 200, "{answered}");
    let session = note.split("session=").nth(1);
    (
        answered,
        session.unwrap_or_else(|| panic!("{note}")).to_owned(),
    )
}

/// The text of an answer.
fn content(answered: &Value) -> &str {
    let output = answered["output"].as_array();
    let last = output
        .and_then(|all| all.last())
        .unwrap_or_else(|| panic!("{answered}"));
    last["content"][0]["text"].as_str().unwrap()
}

/// Role, text, session and metadata of what was kept of a user, the oldest first.
async fn kept(house: &House, user: &str) -> Vec<(String, String, String, Value)> {
    let path = format!("/v1/memory/interactions?user_id={user}");
    let (status, page) = answer(house.api.own(Method::GET, &path)).await;
    assert_eq!(status, 200, "{page}");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let all = page["interactions"].as_array().unwrap().iter().rev();
    all.map(|one| {
        (
            word(&one["role"]),
            word(&one["text"]),
            word(&one["session"]),
            one["metadata"].clone(),
        )
    })
    .collect()
}

async fn texts(house: &House, user: &str) -> Vec<String> {
    let all = kept(house, user).await;
    all.into_iter().map(|(_, text, ..)| text).collect()
}

#[tokio::test]
async fn a_second_conversation_knows_what_the_first_one_said_and_nothing_else_is_changed() {
    let house = House::new().await;
    warm(&house).await;
    let first = json!({ "model": "asked", "user": "ann", "instructions": "You are Zanzibar, a secret agent of tea",
        "input": "say I note that your cello is from Cremona" });
    let (status, answered, note) = told(post(&house.api, &house.key, &first)).await;
    assert_eq!(
        (status, content(&answered), &answered["odd"]),
        (
            200,
            "I note that your cello is from Cremona",
            &json!([1, null])
        )
    );
    assert!(
        note.starts_with("recalled=0; kept=yes; session=chat-"),
        "{note}"
    );
    // A text alone, and items; numbers that no float can hold, and members that nobody knows.
    let raw = r#"{ "tools":[{"type":"function","name":"z","parameters":{"b":1,"a":2.50}}] ,"seed":123456789012345678901, "model":"asked",
        "user":"ann", "x_new":{"é":"\u00e9"}, "instructions":"Be \u006bind", "input":INPUT }"#;
    let alone = r#""echo Where is my c\u0065llo from?""#;
    let items = r#"[{"role":"developer","content":"d"}, {"content":[{"type":"input_text","text":"echo What is my cello?"}],"role":"user"}]"#;
    for (input, place) in [(alone, 0), (items, 1)] {
        let raw = raw.replace("INPUT", input);
        let request = house.api.call(Method::POST, PATH).bearer_auth(&house.key);
        let request = request
            .header("content-type", "application/json")
            .body(raw.clone());
        let (status, answered, note) = told(request).await;
        assert_eq!(status, 200, "{answered}");
        assert!(
            note.contains("kept=yes") && !note.starts_with("recalled=0"),
            "{note}"
        );
        assert!(content(&answered).contains("cello is from Cremona"));
        let (headers, sent) = house.model.bodies().pop().unwrap();
        assert_eq!(headers["authorization"], "Bearer sk-its-key");
        let parsed: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(
            (&parsed["model"], &parsed["instructions"]),
            (&json!("own"), &json!("Be kind"))
        );
        // In the person's words, in a message of its own, and before the newest one.
        let block = &parsed["input"][place];
        assert_eq!(
            (&block["role"], &block["type"]),
            (&json!("user"), &json!("message"))
        );
        assert!(text(block).starts_with("<memories:"), "{block}");
        let mut rest = sent.replacen(&format!("{block},"), "", 1);
        if place == 0 {
            rest = rest
                .replacen(r#"[{"type":"message","role":"user","content":"#, "", 1)
                .replacen("}] }", " }", 1);
        }
        assert_eq!(
            rest.replace("\"own\"", "\"asked\""),
            raw,
            "byte for byte the same but for the model and the block"
        );
    }
    let all = texts(&house, "ann").await;
    assert_eq!(all.len(), 6, "{all:?}");
    for text in &all {
        assert!(
            !text.contains("Zanzibar")
                && !text.contains("<memories:")
                && !text.contains("quoted data"),
            "{text}"
        );
    }
    // What was said on either way is known on the other.
    let chat = json!({ "model": "asked", "user": "ann", "messages": [{ "role": "user", "content": "echo Whence is the cello?" }] });
    let request = house.api.call(Method::POST, "/v1/chat/completions");
    let (_, answered, _) = told(request.bearer_auth(&house.key).json(&chat)).await;
    assert!(answered.to_string().contains("Cremona"), "{answered}");
}

#[tokio::test]
async fn streams_pass_as_they_are_and_how_they_end_is_heard() {
    let house = House::new().await;
    let direct = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("{}/responses", house.model.base);
    // Each answer has an id of its own.
    let plain = |stream: String| {
        let mut parts = stream.split("resp_");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |all, part| {
            all + "resp_" + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    };
    for (word, text, metadata) in [
        ("say", "one two", Value::Null),
        ("tool", "", Value::Null),
        ("incomplete", "one two", Value::Null),
        ("failed", "one two", json!({ "cut": true })),
        ("error", "one two", json!({ "cut": true })),
    ] {
        let mut body = ask("ann", json!(format!("{word} one two")));
        body["stream"] = true.into();
        let response = post(&house.api, &house.key, &body).send().await.unwrap();
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/event-stream")
        );
        let passed = response.text().await.unwrap();
        let there = direct.post(&base).json(&body).send().await.unwrap();
        assert_eq!(
            plain(passed),
            plain(there.text().await.unwrap()),
            "{word}: event by event the same"
        );
        let last = kept(&house, "ann").await.pop().unwrap();
        match text {
            "" => assert_eq!(last.1, "tool one two"),
            text => assert_eq!(
                (last.0.as_str(), last.1.as_str(), &last.3),
                ("assistant", text, &metadata),
                "{word}"
            ),
        }
    }
    // A connection that breaks off breaks off here.
    for word in ["cut", "stop"] {
        let mut body = ask("bob", json!(format!("{word} half a word")));
        body["stream"] = true.into();
        let mut stream = post(&house.api, &house.key, &body).send().await.unwrap();
        let mut all = String::new();
        let broken = loop {
            match stream.chunk().await {
                Ok(Some(part)) => all.push_str(std::str::from_utf8(&part).unwrap()),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(
            broken && all.contains("word") && !all.contains("response.completed"),
            "{word}: {all}"
        );
        let last = kept(&house, "bob").await.pop().unwrap();
        assert_eq!(
            (last.1.as_str(), &last.3),
            ("half a word", &json!({ "cut": true })),
            "{word}"
        );
    }
    // A caller who hangs up ends the model's work, and what it heard is kept.
    let mut body = ask("cleo", json!("forever and a day"));
    body["stream"] = true.into();
    let mut stream = post(&house.api, &house.key, &body).send().await.unwrap();
    let mut heard = String::new();
    while heard.matches("\"on \"").count() < 3 {
        let part = stream.chunk().await.unwrap().unwrap();
        heard.push_str(std::str::from_utf8(&part).unwrap());
    }
    drop(stream);
    house.nobody_reads().await;
    let end = Instant::now() + Duration::from_secs(30);
    let last = loop {
        let last = kept(&house, "cleo").await.pop().unwrap();
        if last.0 == "assistant" || Instant::now() > end {
            break last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(last.1.starts_with("and a day"), "{last:?}");
    assert_eq!(last.3, json!({ "cut": true }));
}

#[tokio::test]
async fn failures_are_passed_on_and_what_is_not_done_is_said() {
    let model = Model::start().await;
    let base = model.base.clone();
    let house = House::at(model, &base, "2s").await;
    let send = async |body: Value| told(post(&house.api, &house.key, &body)).await;
    for status in [400, 429, 500] {
        let (answered, error, note) = send(ask("ann", json!(format!("status {status}")))).await;
        assert_eq!(
            (answered, &error["error"]["type"]),
            (status, &json!("own")),
            "{error}"
        );
        assert!(note.contains("kept=yes"), "{note}");
    }
    for (input, status, code) in [
        ("status 401", 502, "model-refuses-key"),
        ("slow", 504, "model-silent"),
        // A server that knows the API says what it does not know, in its own words.
        ("unknown gpt-9", 404, "model_not_found"),
    ] {
        let (answered, error, _) = send(ask("ann", json!(input))).await;
        assert_eq!(
            (answered, &error["error"]["code"]),
            (status, &json!(code)),
            "{error}"
        );
        assert!(!error.to_string().contains("sk-secret"), "{error}");
    }
    // A client asks three times; the person has said it once.
    for _ in 0..3 {
        send(ask("ann", json!("status 500"))).await;
    }
    let said = [
        "status 400",
        "status 429",
        "status 500",
        "status 401",
        "slow",
        "unknown gpt-9",
    ];
    assert_eq!(texts(&house, "ann").await, said);
    // One that fails in its own words is no answer that was given.
    let (status, failed, _) = send(ask("bob", json!("failed half of it"))).await;
    assert_eq!((status, &failed["status"]), (200, &json!("failed")));
    assert_eq!(kept(&house, "bob").await[1].3, json!({ "cut": true }));
    // What is not done.
    let mut later = ask("cleo", json!("say hi"));
    later["background"] = true.into();
    let asked = house.model.bodies().len();
    for (request, status, code) in [
        (post(&house.api, &house.key, &later), 400, "no-background"),
        (
            post(&house.api, &house.key, &ask("cleo", json!(5))),
            400,
            "invalid-request",
        ),
        (
            post(&house.api, "jk_nothing", &later),
            401,
            "invalid-credentials",
        ),
        (
            house.api.call(Method::GET, PATH).bearer_auth(&house.key),
            405,
            "method-not-allowed",
        ),
        (
            house
                .api
                .call(Method::GET, "/v1/responses/resp_1")
                .bearer_auth(&house.key),
            404,
            "not-found",
        ),
        (
            house
                .api
                .call(Method::DELETE, "/v1/responses/resp_1")
                .bearer_auth(&house.key),
            404,
            "not-found",
        ),
        (
            house
                .api
                .call(Method::POST, "/v1/responses/resp_1/cancel")
                .bearer_auth(&house.key),
            404,
            "not-found",
        ),
        (
            house
                .api
                .call(Method::POST, "/v1/conversations")
                .bearer_auth(&house.key),
            404,
            "not-found",
        ),
    ] {
        let (answered, error) = answer(request).await;
        let view = &error["error"];
        assert!(
            answered == status && (status == 401 || view["code"] == code),
            "{error}"
        );
        let why = view["message"].as_str().unwrap();
        assert!(status < 404 || why.contains("POST /v1/responses"), "{why}");
    }
    assert_eq!(house.model.bodies().len(), asked, "nothing of it was sent");
    assert!(texts(&house, "cleo").await.is_empty());
    // A prompt of some megabytes goes through.
    let large = json!({ "model": "asked", "user": "dan", "instructions": "x".repeat(2 << 20), "input": [
        { "role": "developer", "content": "x".repeat(2 << 20) }, { "role": "user", "content": "say large" }] });
    let (status, answered, _) = send(large).await;
    assert_eq!((status, content(&answered)), (200, "large"));
    // A server that has chats alone.
    let config = format!("[llm]\nurl = \"{}/elsewhere\"\n", house.model.base);
    house.root.save("config.toml", &config);
    let end = Instant::now() + Duration::from_secs(30);
    let error = loop {
        let (status, error, note) = send(ask("eve", json!("say hello"))).await;
        if status == 404 {
            assert!(note.contains("kept=yes"), "{note}");
            break error;
        }
        assert!(Instant::now() < end, "{status} {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(error["error"]["code"], "model-lacks-it", "{error}");
    let why = error["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("404") && why.contains("/v1/chat/completions"),
        "{why}"
    );
}
