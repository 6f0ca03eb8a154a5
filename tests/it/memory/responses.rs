//! The Responses API on its way to the model: as a chat is, and besides what the model's server keeps is gone on from.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::proxy::{House, key};
use crate::support::model::text;
use crate::support::oauth::Carries as _;
use crate::support::tools::say;
use crate::support::{Api, answer};

const PATH: &str = "/v1/responses";

fn ask(user: &str, input: Value) -> Value {
    json!({ "model": "asked", "user": user, "input": input })
}

fn behind(user: &str, answered: &Value, input: Value) -> Value {
    let mut body = ask(user, input);
    body["previous_response_id"] = answered["id"].clone();
    body
}

fn post(api: &Api, key: &str, body: &Value) -> RequestBuilder {
    api.call(Method::POST, PATH).bearer_auth(key).json(body)
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
async fn what_goes_on_from_an_answer_stays_in_its_session_also_after_a_restart() {
    let mut house = House::new().await;
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
    // Their own they do.
    assert_eq!(
        told(post(&house.api, &bobs, &ask("bob", refers))).await.0,
        200
    );
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
    assert!(last.1.starts_with("and a day on"), "{last:?}");
    assert_eq!(last.3, json!({ "cut": true }));
}

#[tokio::test]
async fn failures_are_passed_on_and_what_is_not_done_is_said() {
    let house = House::new().await;
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
    // A prompt of many megabytes goes through.
    let large = json!({ "model": "asked", "user": "dan", "instructions": "x".repeat(10 << 20), "input": [
        { "role": "developer", "content": "x".repeat(10 << 20) }, { "role": "user", "content": "say large" }] });
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

/// Runs a program against a house; it says `well`, and the key of the caller never went to the model.
async fn runs_well(mut command: Command, house: &House) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", house.root.path())
        .env("OPENAI_API_KEY", &house.key)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ended = ended.await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && said.trim() == "well",
        "{said}\n{error}"
    );
    for (headers, body) in house.model.bodies() {
        assert!(!body.contains(&house.key) && !format!("{headers:?}").contains(&house.key));
    }
    house.nobody_reads().await;
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support")
        .join(name)
}

#[tokio::test]
async fn openais_python_client_creates_streams_calls_tools_goes_on_and_breaks_off() {
    let Some(python) = std::env::var_os("JARKEEPER_CLIENTS_PYTHON") else {
        say("JARKEEPER_CLIENTS_PYTHON=PYTHON names one with openai");
        return;
    };
    let house = House::new().await;
    let mut command = Command::new(python);
    command
        .arg(script("openai_responses_check.py"))
        .arg(format!("{}/v1", house.api.base));
    runs_well(command, &house).await;
}

#[tokio::test]
async fn openais_node_client_creates_streams_calls_tools_goes_on_and_breaks_off() {
    let Some(folder) = std::env::var_os("JARKEEPER_TEST_OPENAI_NODE") else {
        say("JARKEEPER_TEST_OPENAI_NODE=FOLDER names one with node_modules/openai");
        return;
    };
    let house = House::new().await;
    let mut command = Command::new("node");
    command
        .arg(script("openai_responses_check.mjs"))
        .arg(format!("{}/v1", house.api.base))
        .arg(folder);
    runs_well(command, &house).await;
}
