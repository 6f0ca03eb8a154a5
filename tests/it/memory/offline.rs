//! Where there is no network nothing is fetched and nothing is waited for, and every channel takes part.

use std::process::Command;

use serde_json::{Value, json};

use super::embedding::toy;
use crate::support::process::{Daemon, Root, eventually};

/// What starts a program where there is no network at all, not even loopback.
const OFFLINE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--net"];

/// Every file below the root, but for the daemon's own and the folder that the tests themselves need.
fn files(root: &Root) -> Vec<String> {
    let out = Command::new("find")
        .arg(root.path())
        .args(["-type", "f", "-not", "-path", "*/.auth/*"])
        .args(["-not", "-path", "*/tmp/*"])
        .output()
        .unwrap();
    let mut all: Vec<_> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    all.sort();
    all
}

fn found(root: &Root, query: &str) -> Value {
    let ended = root.run(&["memory", "search", query, "--user", "ada", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.json()
}

#[test]
fn complaints_10_and_20_without_a_network_nothing_is_fetched_and_no_channel_is_lost() {
    let tried = Command::new(OFFLINE[0])
        .args(&OFFLINE[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: no network namespace can be made here");
        return;
    }
    let root = Root::new();
    root.env("JARKEEPER_API__LISTEN", "none");
    toy(&root.path().join("models/toy"), 6);
    root.save("config.toml", "");
    let before = files(&root);
    let daemon = Daemon::spawn(root.after(&OFFLINE, &["serve"]));
    daemon.hears("jarkeeper keeps sessions fresh");
    let said = [
        "I adopted a kitten last week",
        "The invoice is due on Monday",
    ];
    for text in said {
        let ended = root.run(&["memory", "add", text, "--user", "ada"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    // By the table that is built in, and by one in a folder; a question that shares a word, and one that shares none.
    for (embedder, queries) in [
        ("table", ["The kitten?", "What pets does she have?"]),
        ("dir", ["The kitten?", "Which animal?"]),
    ] {
        if embedder == "dir" {
            let dir = "[memory]\nembedder = { dir = \"models/toy\" }\n";
            root.save("config.toml", dir);
        }
        let standing = eventually("everything has its meaning", || {
            let status = root.run(&["model", "status", "--json"]).json();
            let standing = &status["daemon"];
            let is = standing["embedder"] == embedder
                && standing["embedded"] == 2
                && standing["running"] == false;
            is.then(|| standing.clone())
        });
        assert!(standing["last_error"].is_null(), "{standing}");
        for query in queries {
            let found = found(&root, query);
            assert_eq!(found["hits"][0]["text"], said[0], "{found}");
            assert_eq!(found["signals"], json!(["lexical", "semantic"]), "{found}");
            assert!(found.get("warnings").is_none(), "{found}");
        }
    }
    assert_eq!(files(&root), before, "nothing came from anywhere");
    let alarms: Vec<_> = daemon
        .log()
        .into_iter()
        .filter(|line| line["level"] == "WARN" || line["level"] == "ERROR")
        .collect();
    assert!(alarms.is_empty(), "nobody missed anything: {alarms:#?}");
    // A server that cannot be reached is told in each answer, and words go on.
    let server = "[memory]\nembedder = { url = \"https://models.example/v1\", model = \"m\" }\n";
    root.save("config.toml", server);
    let answer = eventually("the answer says what is missing", || {
        let found = found(&root, "kitten");
        found["warnings"].is_array().then_some(found)
    });
    assert_eq!(answer["signals"], json!(["lexical"]), "{answer}");
    assert_eq!(answer["hits"][0]["text"], said[0], "{answer}");
    // The one command that goes to the network ends and says what to do without one.
    let known = root.run(&["model", "status", "--json"]).json();
    let name = known["known"][0]["name"].as_str().unwrap().to_owned();
    let pulled: crate::support::process::Ended = root
        .after(&OFFLINE, &["model", "pull", &name])
        .output()
        .unwrap()
        .into();
    assert_eq!(pulled.code, Some(1), "{pulled:?}");
    assert!(pulled.err.contains("jarkeeper model import"), "{pulled:?}");
}
