//! Loads that are connected to their registries, and answer chats from a model's server.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::instance::{path, registered};
use crate::support::model::Model;
use crate::support::process::{Daemon, Root, eventually};
use crate::support::raw::port;
use crate::support::{Api, answer, tools, with};

use super::chat::{Events, said};
use super::socket::daemon;

fn question(text: &str, stream: bool) -> Value {
    json!({ "model": "any", "stream": stream, "messages": [{ "role": "user", "content": text }] })
}

/// Waits until a load's connection is like this.
async fn connection(api: &Api, load: &str, mut ready: impl FnMut(&Value) -> bool) -> Value {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let (status, load) = answer(api.own(Method::GET, &format!("/v1/loads/{load}"))).await;
        assert_eq!(status, 200, "{load}");
        if ready(&load["connection"]) {
            return load["connection"].clone();
        }
        assert!(tokio::time::Instant::now() < end, "{load}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A daemon whose model is this one.
fn with_model(model: &Model) -> (Root, Daemon, Api) {
    let root = Root::new();
    root.env("MODEL_KEY", "sk-its-key");
    let base = &model.base;
    root.save(
        "config.toml",
        &format!(
            "[llm]\nurl = \"{base}\"\nkey = {{ env = \"MODEL_KEY\" }}\nmodel = \"own-model\"\n"
        ),
    );
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}

#[tokio::test]
async fn a_load_of_this_daemon_answers_from_its_model() {
    let model = Model::start().await;
    let (root, mut daemon, api) = with_model(&model);
    let (id, password, load) = registered(&api, "a").await;
    let (status, shown) = answer(api.own(Method::GET, &format!("/v1/loads/{load}"))).await;
    assert_eq!(
        (status, &shown["connection"]),
        (200, &Value::Null),
        "{shown}"
    );
    let connect = format!("/v1/loads/{load}/connect");
    let (status, shown) = answer(api.own(Method::POST, &connect)).await;
    assert_eq!(status, 200, "{shown}");
    let condition = connection(&api, &load, |it| it["connected"] == true).await;
    assert!(
        condition["since"].is_string() && condition["last_error"].is_null(),
        "{condition}"
    );
    let chat = format!("/v1/instances/{id}/chat/completions");
    let ask = |text: &str, stream| with(api.own(Method::POST, &chat), &question(text, stream));
    let (status, whole) = answer(ask("say one two three", false)).await;
    assert_eq!((status, said(&whole)), (200, "one two three"), "{whole}");
    let (proof, body) = model.requests().pop().unwrap();
    assert_eq!(proof.as_deref(), Some("Bearer sk-its-key"));
    assert_eq!(
        (&body["model"], &body["stream"]),
        (&json!("own-model"), &json!(true))
    );
    let events = Events::of(ask("say one two", true)).await.rest().await;
    assert!(events.len() == 4 && events[3] == "[DONE]", "{events:?}");
    // The instance's own door.
    let own = with(
        api.call(Method::POST, &format!("/api/chat/{id}")),
        &question("say hi", false),
    );
    let own = own.header("authorization", format!("Bearer {id}:{password}"));
    assert_eq!(said(&answer(own).await.1), "hi");
    // Failures of the model name nothing of the inside.
    for text in [
        "status 500",
        "status 401",
        "json",
        "cut",
        "stop half",
        "cut half",
    ] {
        let (status, problem) = answer(ask(text, false)).await;
        assert_eq!(status, 502, "{text} {problem}");
        let problem = problem.to_string();
        let inside = ["sk-", "10.0.0.7", "127.0.0.1", &model.base];
        assert!(
            !inside.iter().any(|word| problem.contains(word)),
            "{problem}"
        );
    }
    let events = Events::of(ask("cut half of", true)).await.rest().await;
    assert!(
        events.len() == 3 && events[2].contains("\"error\""),
        "{events:?}"
    );
    // Twenty at once.
    let all = (0..20).map(|n| {
        let request = ask(&format!("say number {n}"), n % 2 == 0);
        async move { (n, request.send().await.unwrap().text().await.unwrap()) }
    });
    for (n, text) in futures::future::join_all(all).await {
        let word = match n % 2 {
            0 => format!("\"content\":\"{n}\""),
            _ => format!("number {n}\""),
        };
        assert!(text.contains(&word), "{n} {text}");
    }
    // Who hangs up does not keep the model at work.
    let mut events = Events::of(ask("forever", true)).await;
    events.next().await.unwrap();
    assert_eq!(model.open(), 1);
    drop(events);
    for _ in 0..400 {
        if model.open() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(model.open(), 0);
    // Not connected any more.
    let (status, shown) = answer(api.own(Method::DELETE, &connect)).await;
    assert_eq!(
        (status, &shown["connection"]),
        (200, &Value::Null),
        "{shown}"
    );
    for _ in 0..400 {
        if answer(ask("say hi", false)).await.0 == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(answer(ask("say hi", false)).await.0, 503);
    // It is remembered.
    assert_eq!(answer(api.own(Method::POST, &connect)).await.0, 200);
    connection(&api, &load, |it| it["connected"] == true).await;
    let (code, _) = daemon.stop();
    assert_eq!(code, 0);
    let log = format!("{:?}", daemon.log());
    assert!(!log.contains("sk-its-key") && !log.contains(&password));
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    connection(&api, &load, |it| it["connected"] == true).await;
}

#[tokio::test]
async fn what_is_not_registered_is_not_connected_and_without_a_model_it_says_so() {
    let (_root, _daemon, api) = daemon();
    let new = json!({ "name": "x" });
    let (_, load) = answer(with(api.own(Method::POST, "/v1/loads"), &new)).await;
    let connect = format!("/v1/loads/{}/connect", load["id"].as_str().unwrap());
    let (status, problem) = answer(api.own(Method::POST, &connect)).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:jarkeeper:problem:not-registered"))
    );
    let none = api.own(Method::POST, "/v1/loads/00000000000000000000/connect");
    assert_eq!(answer(none).await.0, 404);
    let (id, _, load) = registered(&api, "a").await;
    answer(api.own(Method::POST, &format!("/v1/loads/{load}/connect"))).await;
    connection(&api, &load, |it| it["connected"] == true).await;
    let chat = format!("/v1/instances/{id}/chat/completions");
    let (status, problem) = answer(with(api.own(Method::POST, &chat), &question("x", false))).await;
    assert_eq!(status, 502);
    assert!(
        problem["detail"].as_str().unwrap().contains("[llm] url"),
        "{problem}"
    );
    // Unregistered, it is not connected; registered again, it can be.
    let gone = api.own(Method::DELETE, &format!("/v1/registrations/{load}"));
    let (status, body) = answer(gone).await;
    assert!(matches!(status, 200 | 204), "{status} {body}");
    let (status, _) = answer(with(api.own(Method::POST, &chat), &question("x", false))).await;
    assert!(matches!(status, 404 | 503), "{status}");
    let again = with(
        api.own(Method::POST, "/v1/registrations"),
        &json!({ "load": load }),
    );
    assert_eq!(answer(again).await.0, 201);
    let connect = format!("/v1/loads/{load}/connect");
    assert_eq!(answer(api.own(Method::POST, &connect)).await.0, 200);
    connection(&api, &load, |it| it["connected"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_comes_back_to_a_foreign_registry_that_was_away() {
    let model = Model::start().await;
    let registry_root = Root::new();
    // What both do is logged with whatever their libraries say of it.
    registry_root.env("JARKEEPER_LOG__FILTER", "trace");
    let mut registry = registry_root.daemon();
    let there = Api::of(&registry_root, &registry);
    let root = Root::beside(&registry_root);
    root.env("JARKEEPER_LOG__FILTER", "trace");
    let config = format!(
        "[registry]\nurl = \"{}\"\n[llm]\nurl = \"{}\"\n",
        there.base, model.base
    );
    root.save("config.toml", &config);
    let daemon = root.daemon();
    let here = Api::of(&root, &daemon);
    let (id, password, load) = registered(&here, "far").await;
    let connect = format!("/v1/loads/{load}/connect");
    assert_eq!(answer(here.own(Method::POST, &connect)).await.0, 200);
    connection(&here, &load, |it| it["connected"] == true).await;
    let ask_by = |password: &str, api: &Api, text: &str, stream| {
        let request = api.call(Method::POST, &format!("/api/chat/{id}"));
        with(request, &question(text, stream))
            .header("authorization", format!("Bearer {id}:{password}"))
    };
    let (status, whole) = answer(ask_by(&password, &there, "say from afar", false)).await;
    assert_eq!((status, said(&whole)), (200, "from afar"), "{whole}");
    // Registered again, it is connected with what it was given, before the registry sees that elsewhere.
    let body = json!({ "load": load });
    let again = with(here.own(Method::POST, "/v1/registrations"), &body);
    let (status, again) = answer(again).await;
    assert_eq!(status, 201, "{again}");
    let password = again["instance_password"].as_str().unwrap().to_owned();
    let ask = |api: &Api, text: &str, stream| ask_by(&password, api, text, stream);
    assert_eq!(
        answer(here.own(Method::GET, "/v1/registrations")).await.0,
        200
    );
    connection(&here, &load, |it| {
        assert!(it["last_error"].is_null(), "{it}");
        it["connected"] == true
    })
    .await;
    // In the middle of an answer.
    let mut events = Events::of(ask(&there, "forever", true)).await;
    events.next().await.unwrap();
    let mut calm = Events::of(ask(&there, "forever", true)).await;
    calm.next().await.unwrap();
    registry.kill();
    let away = connection(&here, &load, |it| it["connected"] == false).await;
    assert!(away["last_error"].is_string(), "{away}");
    registry_root.env(
        "JARKEEPER_API__LISTEN",
        &format!("127.0.0.1:{}", port(&there)),
    );
    let registry = registry_root.daemon();
    let there = Api::of(&registry_root, &registry);
    connection(&here, &load, |it| it["connected"] == true).await;
    let (status, whole) = answer(ask(&there, "say again", false)).await;
    assert_eq!((status, said(&whole)), (200, "again"), "{whole}");
    // What was cut off does not keep the model at work.
    eventually("the model is idle", || (model.open() == 0).then_some(()));
    for daemon in [&daemon, &registry] {
        let log = format!("{:?}", daemon.log());
        assert!(
            !log.contains(&password) && !log.contains("password="),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_connects_and_openais_client_talks_to_it() {
    let Some(python) = std::env::var_os("JARKEEPER_CLIENTS_PYTHON") else {
        tools::say("JARKEEPER_CLIENTS_PYTHON=PYTHON names one with websockets and openai");
        return;
    };
    let (root, mut daemon, api) = daemon();
    let (id, password, _) = registered(&api, "a").await;
    let here = |name: &str| format!("{}/tests/it/registry/{name}", env!("CARGO_MANIFEST_DIR"));
    let address = format!("ws://127.0.0.1:{}{}", port(&api), path(&id, &password));
    let mut instance = Command::new(&python)
        .args([&here("instance.py"), &address])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(instance.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "connected");
    assert_eq!(lines.next().unwrap().unwrap(), "acknowledged");
    let key = crate::support::key(&root, "registry:write", &[], chrono::TimeDelta::hours(1)).await;
    for base in ["/api/chat/", "/v1/instances/"] {
        let talked = Command::new(&python)
            .args([&here("talk.py"), &format!("{}{base}{id}", api.base), &key])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&talked.stdout).into_owned();
        assert_eq!(
            said.trim(),
            "fine",
            "{}",
            String::from_utf8_lossy(&talked.stderr)
        );
    }
    let (code, _) = daemon.stop();
    assert_eq!(code, 0);
    let last = lines.next().map(|line| line.unwrap());
    // An async loop over a socket ends without an error where it was closed as it should be.
    assert!(last.is_none_or(|last| last == "closed 1001"));
    instance.wait().unwrap();
}
