//! The tools for language models, as the protocol's own Python SDK finds them.

mod http;
mod oauth;
mod stdio;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::Utc;
use jarkeeper::identity::{Identity, NewKey, Reach};
use jarkeeper::session::Files;
use jarkeeper::store::Store;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::process::Root;
use crate::support::tools::say;

/// A key with these scopes for these sessions, made beside the daemon on its store.
async fn key(root: &Root, scopes: &str, sessions: Option<&[&str]>) -> String {
    let path = Files::open(&root.auth()).unwrap().store_path().unwrap();
    let identity = Identity::new(Store::open(&path).unwrap(), Utc::now);
    let identity = identity.await.unwrap();
    let words = sessions.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
    let new = NewKey {
        name: "test".to_owned(),
        scopes: scopes.parse().unwrap(),
        reach: Reach::of(words.as_deref()).unwrap(),
        memory_of: None,
        expires_at: None,
    };
    let made = identity.make_key(&identity.local(0), new).await.unwrap();
    made.value.expose_secret().to_owned()
}

/// Connects as `how` says and makes the calls; `None`, and one line on stderr, where no Python with the SDK is named.
async fn agent(mut how: Value, calls: &[(&str, Value)]) -> Option<Value> {
    let Some(python) = std::env::var_os("JARKEEPER_TEST_MCP_PYTHON") else {
        say("JARKEEPER_TEST_MCP_PYTHON=PYTHON names one with mcp");
        return None;
    };
    let call = |(tool, arguments): &(&str, Value)| json!({ "tool": tool, "arguments": arguments });
    how["calls"] = calls.iter().map(call).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mcp/client.py");
    let ended = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python);
        command.arg(script);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(how.to_string().as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    let ended = ended.await.unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    Some(serde_json::from_slice(&ended.stdout).unwrap())
}

/// The names of the tools that an agent sees.
fn tools(seen: &Value) -> BTreeSet<&str> {
    let tools = seen["tools"].as_object().unwrap();
    tools.keys().map(String::as_str).collect()
}

/// What the nth call gave, which must have gone well.
fn gave(seen: &Value, n: usize) -> &Value {
    let result = &seen["results"][n];
    assert_eq!(result["failed"], false, "{result}");
    &result["data"]
}

/// What the nth call said, which must have failed.
fn failed(seen: &Value, n: usize) -> &str {
    let result = &seen["results"][n];
    assert_eq!(result["failed"], true, "{result}");
    result["text"].as_str().unwrap()
}
