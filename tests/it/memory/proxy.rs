//! Chats on their way to the model: recalled before, kept afterwards, and nothing else touched.

use std::time::Duration;

use jarkeeper::session::Files;
use reqwest::Method;
use serde_json::{Value, json};

use super::finds;
use crate::support::model::{MODELS, Model, chunk, text};
use crate::support::oauth::Carries as _;
use crate::support::process::{Daemon, Root};
use crate::support::{Api, answer};

/// A daemon with a model, and a key for it.
pub(super) struct House {
    pub(super) root: Root,
    pub(super) daemon: Daemon,
    pub(super) api: Api,
    pub(super) model: Model,
    pub(super) key: String,
}

impl House {
    pub(super) async fn new() -> Self {
        let model = Model::start().await;
        let base = model.base.clone();
        Self::at(model, &base).await
    }

    /// With the model's server at another place.
    async fn at(model: Model, base: &str) -> Self {
        let root = Root::new();
        root.env("MODEL_KEY", "sk-its-key");
        root.save(
            "config.toml",
            &format!(
                "[llm]\nurl = \"{base}\"\nkey = {{ env = \"MODEL_KEY\" }}\nmodels = {{ \"asked\" = \"own\" }}\nsilence = \"2s\"\n"
            ),
        );
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let key = key(&api, "agent", &["memory:read", "memory:write"], None).await;
        Self {
            root,
            daemon,
            api,
            model,
            key,
        }
    }

    /// Waits until no stream of the model is read any more.
    pub(super) async fn nobody_reads(&self) {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while self.model.open() > 0 {
            assert!(
                std::time::Instant::now() < end,
                "a stream of the model is still read"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        let request = self.api.call(Method::POST, "/v1/chat/completions");
        request.bearer_auth(&self.key).json(body)
    }

    /// What is answered, and what the memory did.
    async fn chat(&self, body: &Value) -> (u16, Value, String) {
        told(self.post(body)).await
    }

    /// What was kept of a user, the oldest first: role and text.
    async fn kept(&self, user: &str) -> Vec<Value> {
        let path = format!("/v1/memory/interactions?user_id={user}");
        let (status, page) = answer(self.api.own(Method::GET, &path)).await;
        assert_eq!(status, 200, "{page}");
        let mut all = page["interactions"].as_array().unwrap().clone();
        all.reverse();
        all
    }

    async fn texts(&self, user: &str) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let all = self.kept(user).await;
        all.iter()
            .map(|one| (word(&one["role"]), word(&one["text"])))
            .collect()
    }
}

/// A key.
pub(super) async fn key(api: &Api, name: &str, scopes: &[&str], memory_of: Option<&str>) -> String {
    let wanted = json!({ "name": name, "scopes": scopes, "memory_of": memory_of });
    let (status, made) = answer(api.own(Method::POST, "/v1/keys").json(&wanted)).await;
    assert_eq!(status, 201, "{made}");
    made["value"].as_str().unwrap().to_owned()
}

async fn told(request: reqwest::RequestBuilder) -> (u16, Value, String) {
    let response = request.send().await.unwrap();
    let note = response.headers().get("jarkeeper-memory");
    let note = note
        .map(|note| note.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&body).unwrap_or_default(),
        note,
    )
}

fn said(user: &str, messages: Value) -> Value {
    json!({ "model": "asked", "user": user, "messages": messages })
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn session(note: &str) -> &str {
    note.split("session=")
        .nth(1)
        .unwrap_or_else(|| panic!("{note}"))
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_second_conversation_knows_what_the_first_one_said_and_nothing_else_is_changed() {
    let house = House::new().await;
    let system = json!({ "role": "system", "content": "You are Zanzibar, a secret agent of tea" });
    let first = said(
        "ann",
        json!([system, user("say I note that your cello is from Cremona")]),
    );
    let (status, answered, note) = house.chat(&first).await;
    assert_eq!(
        (status, content(&answered)),
        (200, "I note that your cello is from Cremona")
    );
    assert_eq!(
        (&answered["odd"], &answered["usage"]["total_tokens"]),
        (&json!([1, null]), &json!(3))
    );
    assert!(
        note.starts_with("recalled=0; kept=yes; session=chat-"),
        "{note}"
    );
    // Another conversation; members that nobody knows, and numbers that no float can hold, go on as they are.
    let raw = r#"{ "tools":[{"type":"function","function":{"name":"z","parameters":{"b":1,"a":2.50}}}] ,"seed":123456789012345678901, "model":"asked",
        "user":"ann", "x_new":{"é":"\u00e9"}, "messages":[{"role":"system","content":"s"}, {"content":"echo Where is my cello from?","role":"user"}] }"#;
    let request = house
        .api
        .call(Method::POST, "/v1/chat/completions")
        .bearer_auth(&house.key);
    let request = request.header("content-type", "application/json").body(raw);
    let (status, answered, note) = told(request).await;
    assert!(
        status == 200 && note.starts_with("recalled=1; kept=yes"),
        "{note} {answered}"
    );
    assert!(content(&answered).contains("cello is from Cremona"));
    let (headers, sent) = house.model.bodies().pop().unwrap();
    assert_eq!(headers["authorization"], "Bearer sk-its-key");
    for (_, value) in &headers {
        assert!(!value.to_str().unwrap().contains(&house.key));
    }
    let parsed: Value = serde_json::from_str(&sent).unwrap();
    let messages = parsed["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|one| one["role"].as_str().unwrap())
        .collect();
    // Complaint 25: never in the system's words.
    assert_eq!(roles, ["system", "user", "user"]);
    assert_eq!(
        (&messages[0]["content"], &parsed["model"]),
        (&json!("s"), &json!("own"))
    );
    let block = format!("{},", messages[1]);
    assert!(sent.contains(&block), "{sent}");
    let rest = sent.replacen(&block, "", 1).replace("\"own\"", "\"asked\"");
    assert_eq!(
        rest, raw,
        "byte for byte the same but for the model and the block"
    );
    // Complaint 3: nothing of what sets a conversation up; complaint 1: nothing of what was recalled.
    let kept = house.texts("ann").await;
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert_eq!(
        kept[2],
        ("user".to_owned(), "echo Where is my cello from?".to_owned())
    );
    for (_, text) in &kept {
        assert!(
            !text.contains("Zanzibar")
                && !text.contains("<memories:")
                && !text.contains("quoted data"),
            "{text}"
        );
    }
    let row = &house.kept("ann").await[0];
    assert_eq!(
        (&row["app"], &row["role"]),
        (&json!("agent"), &json!("user"))
    );
    let (status, models) = answer(
        house
            .api
            .call(Method::GET, "/v1/models")
            .bearer_auth(&house.key),
    )
    .await;
    assert_eq!(
        (status, models),
        (200, serde_json::from_str(MODELS).unwrap())
    );
}

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
    super::add(
        &house.api,
        "ann",
        "else",
        &["My bicycle stands in a yard in Turin"],
    )
    .await;
    let (_, _, second) = house.chat(&ask).await;
    assert!(second.starts_with("recalled=1; kept=yes"), "{second}");
    assert_ne!(session(&first), session(&second), "it is another chat");
    super::add(
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
async fn a_token_for_one_user_and_headers_decide_what_is_read_and_kept() {
    let house = House::new().await;
    let body = said("ann", json!([user("say the canary of Ann is Pip")]));
    assert_eq!(house.chat(&body).await.0, 200);
    // A key for one user's memory reaches no other, whatever the request names.
    let own = key(
        &house.api,
        "bobs",
        &["memory:read", "memory:write"],
        Some("bob"),
    )
    .await;
    let ask = said("ann", json!([user("echo Who is the canary of Ann?")]));
    let request = house
        .api
        .call(Method::POST, "/v1/chat/completions")
        .bearer_auth(&own);
    let (status, answered, note) = told(request.json(&ask)).await;
    assert!(
        status == 200 && note.starts_with("recalled=0; kept=yes"),
        "{note}"
    );
    assert!(!content(&answered).contains("Pip"), "{answered}");
    assert_eq!(
        house.texts("bob").await[0].1,
        "echo Who is the canary of Ann?"
    );
    for (usage, recalled, kept) in [
        ("off", "recalled=off", "kept=off"),
        ("read", "recalled=1", "kept=off"),
        ("write", "recalled=off", "kept=yes"),
    ] {
        let before = house.texts("ann").await.len();
        let ask = said(
            "ann",
            json!([user(&format!("echo {usage}: who is the canary of Ann?"))]),
        );
        let (status, answered, note) =
            told(house.post(&ask).header("jarkeeper-memory", usage)).await;
        assert_eq!(status, 200);
        let off = note == "recalled=off; kept=off";
        assert!(
            off || note.starts_with(&format!("{recalled}; {kept}")),
            "{usage}: {note}"
        );
        assert_eq!(
            content(&answered).contains("Pip"),
            usage == "read",
            "{usage}"
        );
        let more = house.texts("ann").await.len() - before;
        assert_eq!(more, if usage == "write" { 2 } else { 0 }, "{usage}");
    }
    // Who may only write is told so, and nothing is recalled.
    let write = key(&house.api, "write", &["memory:write"], None).await;
    let request = house
        .api
        .call(Method::POST, "/v1/chat/completions")
        .bearer_auth(&write);
    let (status, answered, note) = told(request.json(&ask)).await;
    assert!(
        status == 200 && note.starts_with("recalled=off; kept=yes"),
        "{note}"
    );
    assert!(!content(&answered).contains("Pip"));
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
        super::add(
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

#[tokio::test]
async fn failures_of_the_model_are_passed_on_and_the_question_is_kept() {
    let house = House::new().await;
    for status in [400, 429, 500] {
        let body = said("ann", json!([user(&format!("status {status}"))]));
        let response = house.post(&body).send().await.unwrap();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(header("retry-after").as_deref(), Some("7"));
        assert_eq!(
            header("x-ratelimit-remaining-requests").as_deref(),
            Some("0")
        );
        assert_eq!(
            (header("x-request-id").as_deref(), header("set-cookie")),
            (Some("req-1"), None)
        );
        let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(error["error"]["type"], "own", "{error}");
    }
    let (status, error, _) = house.chat(&said("ann", json!([user("slow")]))).await;
    assert_eq!(
        (status, &error["error"]["code"], &error["error"]["type"]),
        (504, &json!("model-silent"), &json!("server_error"))
    );
    // That our own key is refused says nothing of the caller's, and what the server says of it stays here.
    for status in ["401", "403"] {
        let ask = said("ann", json!([user(&format!("status {status}"))]));
        let (answered, error, note) = house.chat(&ask).await;
        assert_eq!(
            (answered, &error["error"]["code"], &error["error"]["type"]),
            (502, &json!("model-refuses-key"), &json!("server_error")),
            "{error}"
        );
        let why = error["error"]["message"].as_str().unwrap();
        assert!(why.contains("[llm] key") && why.contains(status), "{why}");
        assert!(!error.to_string().contains("sk-secret"), "{error}");
        assert!(note.contains("kept=yes"), "{note}");
    }
    // A client asks three times; the person has said it once.
    for _ in 0..3 {
        house.chat(&said("ann", json!([user("status 500")]))).await;
    }
    let kept = house.texts("ann").await;
    let all: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        all,
        [
            "status 400",
            "status 429",
            "status 500",
            "slow",
            "status 401",
            "status 403"
        ]
    );
    // Nobody there.
    let model = Model::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    let house = House::at(model, &nowhere).await;
    let (status, error, note) = house
        .chat(&said("ann", json!([user("is anybody there")])))
        .await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (502, &json!("model-unreachable")),
        "{error}"
    );
    assert!(note.contains("kept=yes"), "{note}");
    assert_eq!(
        finds(&house.api, "ann", "anybody").await,
        ["is anybody there"]
    );
    let (status, error) = answer(
        house
            .api
            .call(Method::GET, "/v1/models")
            .bearer_auth(&house.key),
    )
    .await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (502, &json!("model-unreachable"))
    );
}

#[tokio::test]
async fn refusals_of_our_own_have_the_shape_that_these_clients_read() {
    let house = House::new().await;
    let good = said("ann", json!([user("say hi")]));
    let path = "/v1/chat/completions";
    let with = |key: &str, body: String| {
        let request = house.api.call(Method::POST, path).bearer_auth(key);
        request
            .header("content-type", "application/json")
            .body(body)
    };
    let narrow = key(&house.api, "narrow", &["memory:read"], None).await;
    let large = format!(r#"{{"messages":[],"x":"{}"}}"#, "x".repeat(33 << 20));
    let cases = [
        (
            with("jk_nothing", good.to_string()),
            401,
            "authentication_error",
            "invalid-credentials",
        ),
        (
            house.api.call(Method::POST, path).json(&good),
            401,
            "authentication_error",
            "unauthenticated",
        ),
        (
            with(&narrow, good.to_string()),
            403,
            "permission_error",
            "insufficient-scope",
        ),
        (
            with(&house.key, "{".to_owned()),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, r#"{"messages":[],"messages":[]}"#.to_owned()),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, good.to_string()).header("jarkeeper-memory", "maybe"),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            with(&house.key, large),
            413,
            "invalid_request_error",
            "too-large",
        ),
        (
            house
                .api
                .call(Method::POST, "/v1/responses")
                .bearer_auth(&house.key)
                .json(&good),
            404,
            "invalid_request_error",
            "not-found",
        ),
    ];
    for (request, status, kind, code) in cases {
        let (answered, error) = answer(request).await;
        let view = &error["error"];
        assert_eq!((answered, &view["type"]), (status, &json!(kind)), "{error}");
        assert!(
            view["message"].is_string() && view["param"].is_null(),
            "{error}"
        );
        assert!(status == 401 || view["code"] == code, "{error}");
    }
    // A prompt of many megabytes goes through.
    let large = said(
        "ann",
        json!([{ "role": "system", "content": "x".repeat(20 << 20) }, user("say large")]),
    );
    let (status, answered, _) = house.chat(&large).await;
    assert_eq!((status, content(&answered)), (200, "large"));
    // A memory that fails does not keep a chat from being answered, and it is told.
    let path = Files::open(&house.root.auth())
        .unwrap()
        .store_path()
        .unwrap();
    let store = rusqlite::Connection::open(path).unwrap();
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    store
        .execute_batch("CREATE TRIGGER broken BEFORE INSERT ON interactions BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let (status, answered, note) = house
        .chat(&said("ann", json!([user("say still here")])))
        .await;
    assert_eq!((status, content(&answered)), (200, "still here"));
    assert!(note.contains("kept=failed"), "{note}");
    house.daemon.hears("was not kept");
    // Without a model it is said what is missing.
    house.root.save("config.toml", "");
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (status, error, _) = house.chat(&good).await;
        if status == 503 {
            assert_eq!(error["error"]["code"], "no-model");
            assert!(
                error["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("[llm] url")
            );
            break;
        }
        assert!(std::time::Instant::now() < end, "{status} {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
