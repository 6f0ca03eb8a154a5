//! What the document says is what the daemon does: schemathesis tries every operation, as somebody known and as nobody.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::key;
use crate::support::model::Model;
use crate::support::process::Root;
use crate::support::tools::say;
use crate::support::{Api, Site};

/// What may take away the credentials that it is tried with, or what they may.
const DISARMING: [&str; 5] = [
    "keys.revoke",
    "keys.rotate",
    "people.change",
    "people.delete",
    "people.unlink",
];

/// Runs schemathesis with all its checks; `false`, and one line on stderr, where none is named.
async fn tried(api: &Api, key: Option<&str>, disarming: bool) -> bool {
    let Some(program) = std::env::var_os("JARKEEPER_TEST_SCHEMATHESIS") else {
        say("JARKEEPER_TEST_SCHEMATHESIS=PROGRAM names schemathesis");
        return false;
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/api");
    let settings = own.join(match key {
        Some(_) => "schemathesis.toml",
        None => "schemathesis_nobody.toml",
    });
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(settings)
        .arg("run")
        .arg(format!("{}/openapi.json", api.base))
        .args(["--max-examples", "5", "--seed", "1"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--continue-on-failure",
        ])
        .args(["--no-color", "--generation-database", "none"])
        .args(DISARMING.iter().flat_map(|operation| match disarming {
            true => ["--include-operation-id", operation],
            false => ["--exclude-operation-id", operation],
        }))
        .env("JARKEEPER_KEY", key.unwrap_or_default())
        .env("SCHEMATHESIS_HOOKS", own.join("schemathesis_hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(dir.path());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ended = ended.await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let end = said.lines().rev().take(400).collect::<Vec<_>>();
    let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(ended.status.success(), "{end}");
    true
}

#[tokio::test]
async fn nothing_is_answered_that_the_document_does_not_say() {
    let site = Site::start();
    let root = Root::of(&site);
    // A model that has an answer for everything that is a request, so that chats have one too.
    let model = Model::scripted(|body| {
        let is_object = |message: &Value| message.is_object();
        let messages = body["messages"].as_array();
        let asks = messages.is_some_and(|all| !all.is_empty() && all.iter().all(is_object));
        if !asks || !(body["stream"].is_boolean() || body["stream"].is_null()) {
            let error = json!({ "message": "no", "type": "invalid_request_error", "code": null });
            return (400, json!({ "error": error }));
        }
        let message = json!({ "role": "assistant", "content": "yes" });
        let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
        let answer = json!({ "id": "c1", "object": "chat.completion", "created": 5, "model": "m", "choices": [choice] });
        (200, answer)
    })
    .await;
    root.save("config.toml", &format!("[llm]\nurl = \"{}\"\n", model.base));
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);
    let key = key(
        &root,
        "read write profile:write email admin sessions:reveal",
    )
    .await;
    if !tried(&api, Some(&key), false).await {
        return;
    }
    tried(&api, None, false).await;
    tried(&api, Some(&key), true).await;
    // Nothing of that was a fault of the daemon's.
    let faults = daemon.log();
    let faults: Vec<_> = faults
        .iter()
        .filter(|line| line["level"] == "ERROR")
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}
