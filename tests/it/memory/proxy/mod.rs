//! Chats on their way to the model: recalled before, kept afterwards, and nothing else touched.

mod failing;
mod history;
mod passing;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::model::{MODELS, Model, text};
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
        Self::at(model, &base, "60s").await
    }

    /// With the model's server at a place, and how long it may say nothing.
    pub(super) async fn at(model: Model, base: &str, silence: &str) -> Self {
        let root = Root::new();
        root.env("MODEL_KEY", "sk-its-key");
        root.save(
            "config.toml",
            &format!(
                "[llm]\nurl = \"{base}\"\nkey = {{ env = \"MODEL_KEY\" }}\nmodels = {{ \"asked\" = \"own\" }}\nsilence = \"{silence}\"\n"
            ),
        );
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let key = key(&api, "agent", &["memory:read", "memory:write"], None).await;
        // The table of meanings is read once, and no chat waits for that as long as it may take beside other tests.
        super::add(&api, "nobody", "s", &["anything"]).await;
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
        self.by(&self.key).json(body)
    }

    /// A chat, with another key.
    fn by(&self, key: &str) -> reqwest::RequestBuilder {
        let request = self.api.call(Method::POST, "/v1/chat/completions");
        request.bearer_auth(key)
    }

    /// The models.
    async fn models(&self) -> (u16, Value) {
        let request = self.api.call(Method::GET, "/v1/models");
        answer(request.bearer_auth(&self.key)).await
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
    let request = house.by(&house.key);
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
    // The answer had said no more than its question: what is quoted is the longer one, once, and told to have been said twice.
    let shown = text(&messages[1]);
    let quoted: Vec<_> = shown
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    assert_eq!(
        quoted,
        ["| say I note that your cello is from Cremona"],
        "{shown}"
    );
    assert!(shown.contains("role user, said once more\n"), "{shown}");
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
    let (status, models) = house.models().await;
    assert_eq!(
        (status, models),
        (200, serde_json::from_str(MODELS).unwrap())
    );
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
    let (status, answered, note) = told(house.by(&own).json(&ask)).await;
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
    let (status, answered, note) = told(house.by(&write).json(&ask)).await;
    assert!(
        status == 200 && note.starts_with("recalled=off; kept=yes"),
        "{note}"
    );
    assert!(!content(&answered).contains("Pip"));
}
