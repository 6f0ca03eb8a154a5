//! `jarkeeper memory`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{daemon, finds, search};
use crate::support::answer;
use crate::support::process::Root;

/// Runs the command line with something on its standard input; its output.
fn piped(root: &Root, arguments: &[&str], input: &str) -> (bool, String, String) {
    use std::io::Write as _;
    let mut command = root.command(arguments);
    let pipe = std::process::Stdio::piped;
    command.stdin(pipe()).stdout(pipe()).stderr(pipe());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let out = child.wait_with_output().unwrap();
    let _ = writer.join();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.success(), text(out.stdout), text(out.stderr))
}

#[tokio::test]
async fn the_command_line_keeps_finds_mends_takes_out_and_brings_back() {
    let (root, _daemon, api) = daemon();
    let run = |arguments: &[&str]| {
        let mut all = vec!["memory"];
        all.extend(arguments);
        let ended = root.run(&all);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let said = run(&[
        "add",
        "I keep bees",
        "--user",
        "ada",
        "--session",
        "s",
        "--at",
        "2024-05-01T08:00:00Z",
        "--key",
        "k1",
    ]);
    let id = said.split(':').next().unwrap().to_owned();
    assert!(said.contains(": kept"), "{said}");
    assert!(run(&["add", "I keep bees", "--user", "ada", "--key", "k1"]).contains("kept before"));
    run(&[
        "add",
        "and wasps\u{1b}[31m",
        "--user",
        "ada",
        "--role",
        "assistant",
    ]);
    assert!(run(&["search", "bees", "--user", "ada"]).contains("I keep bees"));
    run(&["edit", &id, "--text", "I keep hornets", "--version", "1"]);
    let history = run(&["history", &id]);
    assert!(
        history.contains("I keep bees") && history.contains("2 until now: I keep hornets"),
        "{history}"
    );
    let listed = run(&["list", "--user", "ada", "--oldest", "--limit", "1"]);
    assert!(
        listed.contains("I keep hornets") && listed.contains("--from 0"),
        "{listed}"
    );
    // A terminal obeys nothing that somebody said.
    assert!(!run(&["list", "--user", "ada"]).contains('\u{1b}'));
    assert!(run(&["stats", "--user", "ada"]).starts_with("ada: 2 interactions"));
    assert!(
        run(&["users"]).contains("ada") && run(&["sessions", "--user", "ada"]).contains(" s\n")
    );
    let put = api
        .own(Method::PUT, "/v1/documents/notes.md")
        .header("content-type", "text/markdown")
        .body("# Bees\n");
    assert_eq!(answer(put).await.0, 201);
    let page = "<h1>Bees</h1><p>They dance.</p>";
    let put = api
        .own(Method::PUT, "/v1/documents/page.html")
        .header("content-type", "text/html")
        .body(page);
    assert_eq!(answer(put).await.0, 201);
    let export = run(&["export", "--user", "ada"]);
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.last().unwrap(), &json!({ "type": "end", "lines": 2 }));
    assert_eq!(
        (
            &lines[0]["idempotency_key"],
            &lines[0]["versions"][0]["text"]
        ),
        (&json!("k1"), &json!("I keep bees"))
    );
    let own = run(&["export"]);
    assert!(
        own.contains("\"type\":\"document\"") && own.contains("# Bees"),
        "{own}"
    );
    // A document comes back byte for byte, and is found by its text.
    let (ok, out, err) = piped(&root, &["memory", "import", "-", "--user", "dora"], &own);
    assert!(ok && out.contains("2 documents, 0 left out"), "{out} {err}");
    let got = api.own(Method::GET, "/v1/documents/page.html?user_id=dora");
    assert_eq!(got.send().await.unwrap().bytes().await.unwrap(), page);
    assert_eq!(finds(&api, "dora", "dance").await.len(), 1);
    // Into another memory, twice: the second time nothing is new. Times, keys and roles stay.
    for told in ["2 new, 0 were", "0 new, 2 were"] {
        let (whole, out, err) = piped(&root, &["memory", "import", "-", "--user", "eve"], &export);
        assert!(out.contains(told), "{out} {err}");
        // What it said before it was changed has no way back, and is told once.
        assert_eq!(
            whole,
            !err.contains("said before they were changed"),
            "{err}"
        );
        assert_eq!(whole, told.starts_with('0'), "{err}");
    }
    let again = run(&["export", "--user", "eve"]);
    let first: Value = serde_json::from_str(again.lines().next().unwrap()).unwrap();
    for name in ["text", "role", "session", "occurred_at", "idempotency_key"] {
        assert_eq!(first[name], lines[0][name], "{name}");
    }
    let (_, _, err) = piped(
        &root,
        &["memory", "import", "-"],
        &export.replace("{\"type\":\"end\"", "{\"type\":\"x\""),
    );
    assert!(err.contains("not whole"), "{err}");
    let mem0 = json!({ "results": [{ "id": "m", "memory": "likes tea", "user_id": "zoe", "created_at": "2023-07-01T05:00:00-07:00" }] });
    let (ok, out, err) = piped(
        &root,
        &["memory", "import", "-"],
        &serde_json::to_string_pretty(&mem0).unwrap(),
    );
    assert!(ok && out.contains("1 new"), "{out} {err}");
    let found = search(&api, json!({ "user_id": "zoe", "query": "tea" })).await;
    assert_eq!(found["hits"][0]["occurred_at"], "2023-07-01T12:00:00Z");
    let (ok, _, err) = piped(
        &root,
        &["memory", "import", "-"],
        "{\"text\":\"a\"}\nnonsense\n",
    );
    assert!(!ok && err.contains(":2: this is no JSON"), "{err}");
    // Deleted only after it was counted.
    let counted = run(&["delete", "--user", "ada", "--session", "s"]);
    assert!(counted.contains("add --confirm 1"), "{counted}");
    assert!(
        run(&[
            "delete",
            "--user",
            "ada",
            "--session",
            "s",
            "--confirm",
            "1"
        ])
        .contains("1: deleted")
    );
    let whole = run(&["delete", "--everything", "--user", "eve"]);
    assert!(whole.contains("--confirm 2"), "{whole}");
    run(&["delete", "--everything", "--user", "eve", "--confirm", "2"]);
    let bare = root.run(&["memory", "delete"]);
    assert_eq!(
        (bare.code, bare.err.contains("name what goes")),
        (Some(2), true),
        "{bare:?}"
    );
    let none = root.run(&["memory", "get", &id]);
    assert_eq!(none.code, Some(5), "{none:?}");
    assert_eq!(finds(&api, "ada", "wasps").await.len(), 1);
}
