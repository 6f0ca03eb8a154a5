//! `jarkeeper mcp`: with a daemon beside it, and alone.

use serde_json::{Value, json};

use super::{agent, failed, gave, tools};
use crate::support::Site;
use crate::support::process::{Root, opens};

fn command(root: &Root) -> Value {
    let command = root.command(&["mcp"]);
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    let env = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))));
    json!({ "command": words, "env": env.collect::<serde_json::Map<_, _>>() })
}

#[tokio::test]
async fn a_daemon_does_the_work_of_the_pipe_where_one_runs() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let calls = [
        ("list_sites", json!({})),
        ("renew_session", json!({ "session": "x" })),
        ("get_session", json!({ "session": "x" })),
    ];
    for mode in ["auto", "legacy"] {
        let mut how = command(&root);
        how["mode"] = json!(mode);
        let Some(seen) = agent(how, &calls).await else {
            return;
        };
        assert!(tools(&seen).contains("renew_session"));
        assert_eq!(gave(&seen, 0)["sessions"][0]["session"], "x");
        assert!(gave(&seen, 1)["how"].is_string());
        // Whoever is at the pipe is the owner, and the model behind it gets no value all the same.
        let session = gave(&seen, 2);
        assert_eq!(session["file"], json!(root.file("x")));
        assert_eq!(session["content"], Value::Null);
    }
    // Chromium is the daemon's: the pipe has started nothing.
    assert_eq!(site.submissions().len(), 1);
}

#[tokio::test]
async fn without_a_daemon_the_command_logs_in_by_itself() {
    let site = Site::start();
    let root = Root::of(&site);
    let calls = [
        ("get_session", json!({ "session": "x" })),
        ("renew_session", json!({ "session": "x" })),
        ("get_session", json!({ "session": "x", "max_age_s": 3600 })),
    ];
    let Some(seen) = agent(command(&root), &calls).await else {
        return;
    };
    // Leases are a daemon's.
    assert!(!tools(&seen).contains("lease_account"));
    assert!(failed(&seen, 0).starts_with("no_session: "));
    assert_eq!(gave(&seen, 1)["how"], "logged_in");
    assert_eq!(gave(&seen, 2)["alive"], true);
    assert!(opens(&site, &root.state("x").unwrap()));
    assert_eq!(site.submissions().len(), 1);
    assert!(root.browsers().is_empty());
}
