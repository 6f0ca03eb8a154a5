//! The proxy under the clients that people have: OpenAI's own for Python and for Node, with chats and with the Responses API.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::proxy::House;
use crate::support::tools::say;

async fn run(mut command: Command, house: &House) -> Output {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", house.root.path())
        .env("OPENAI_API_KEY", &house.key)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support")
        .join(name)
}

async fn well(ended: &Output, house: &House) {
    let said = String::from_utf8_lossy(&ended.stdout);
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && said.trim() == "well",
        "{said}\n{error}"
    );
    // The key of the caller never went to the model, and no stream is left open.
    for (headers, body) in house.model.bodies() {
        assert!(!body.contains(&house.key) && !format!("{headers:?}").contains(&house.key));
    }
    house.nobody_reads().await;
}

#[tokio::test]
async fn openais_python_client_plain_streaming_tools_errors_cuts_and_a_hundred_at_once() {
    let Some(python) = std::env::var_os("JARKEEPER_CLIENTS_PYTHON") else {
        say("JARKEEPER_CLIENTS_PYTHON=PYTHON names one with openai");
        return;
    };
    for name in ["openai_check.py", "openai_responses_check.py"] {
        let house = House::new().await;
        let mut command = Command::new(&python);
        command
            .arg(script(name))
            .arg(format!("{}/v1", house.api.base));
        well(&run(command, &house).await, &house).await;
    }
}

#[tokio::test]
async fn openais_node_client_plain_streaming_tools_errors_cuts_and_a_hundred_at_once() {
    let Some(folder) = std::env::var_os("JARKEEPER_TEST_OPENAI_NODE") else {
        say("JARKEEPER_TEST_OPENAI_NODE=FOLDER names one with node_modules/openai");
        return;
    };
    for name in ["openai_check.mjs", "openai_responses_check.mjs"] {
        let house = House::new().await;
        let mut command = Command::new("node");
        command
            .arg(script(name))
            .arg(format!("{}/v1", house.api.base))
            .arg(&folder);
        well(&run(command, &house).await, &house).await;
    }
}
