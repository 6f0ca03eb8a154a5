//! A client in Python, with `requests`, which sends what section 1 of the contract says.

use std::process::Command;

use super::House;
use crate::support::process::Root;
use crate::support::tools::say;

#[tokio::test]
async fn a_client_in_python_lives_through_everything() {
    let Some(python) = std::env::var_os("JARKEEPER_CLIENTS_PYTHON") else {
        say("JARKEEPER_CLIENTS_PYTHON=PYTHON names one with requests");
        return;
    };
    for public in [false, true] {
        let root = Root::new();
        root.save(
            "config.toml",
            &format!("[registry]\npublic_directory = {public}\n"),
        );
        let house = House::on(root);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/registry/client.py");
        let mut command = Command::new(&python);
        command
            .arg(script)
            .arg(format!("{}/", house.api.base))
            .arg(public.to_string());
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
    }
}
