//! The commands, as a new user meets them: what they say, what they exit with, and what they leave alone.

mod forms;
mod mistakes;

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::Site;
use crate::support::process::{Ended, Root, eventually, opens};

fn curl(arguments: &[&str], url: &str) -> String {
    let out = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}"])
        .args(arguments)
        .arg(url)
        .output()
        .expect("the tests need curl");
    String::from_utf8(out.stdout).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn three_lines_and_one_command_are_a_session() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_snapshot!(root.run(&["status"]).said(&root), @r"
    ACCOUNT  ALIVE  EXPIRES  NEXT RENEWAL  LAST RESULT
    x        ?      -        now           -
    ");
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(5));
    assert_snapshot!(check.said(&root), @"jarkeeper: x: not alive: there is no session yet; `jarkeeper login x` makes one");
    let export = root.run(&["export", "x"]);
    assert_eq!(export.code, Some(5));
    assert_snapshot!(export.said(&root), @"jarkeeper: x has no session yet; `jarkeeper login x` makes one");

    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0));
    assert_snapshot!(login.said(&root), @"x: logged in, ROOT/.auth/x_state.json (N s)");
    assert!(opens(&site, &root.state("x").unwrap()));
    let again = root.run(&["login", "--all"]);
    assert_eq!(again.code, Some(0));
    assert_snapshot!(again.said(&root), @"x: alive, ROOT/.auth/x_state.json (N s)");
    let check = root.run(&["check", "x"]);
    assert_eq!((check.code, check.out.as_str()), (Some(0), "x: alive\n"));
    assert_eq!(site.submissions().len(), 1);

    site.invalidate();
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(5), "{check:?}");
    let status = root.run(&["status"]).out;
    assert!(
        status.lines().nth(1).unwrap().starts_with("x        no "),
        "{status}"
    );
}

#[test]
fn scripts_read_json_whose_shape_stays() {
    let site = Site::start();
    let root = Root::of(&site);
    let login = root.run(&["--json", "login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    let login = &login.json()[0];
    let shape = [
        "artefacts",
        "class",
        "duration_ms",
        "file",
        "how",
        "key",
        "message",
        "ok",
        "step",
    ];
    assert_eq!(keys(login), shape);
    assert_eq!(
        (&login["key"], &login["ok"], &login["how"]),
        (&"x".into(), &true.into(), &"logged_in".into())
    );
    assert_eq!(login["file"], root.file("x").to_str().unwrap());

    let status = root.run(&["status", "--json"]).json();
    let shape = [
        "account",
        "alive",
        "captured_at",
        "expires_at",
        "file",
        "hold",
        "key",
        "last_error",
        "last_result",
        "next_renewal_at",
        "proven_at",
        "site",
        "waits_for_code",
    ];
    assert_eq!(keys(&status[0]), shape);
    assert_eq!(status[0]["alive"], true);
    assert_eq!(status[0]["last_result"], "logged_in");

    let check = root.run(&["check", "x", "--json"]);
    assert_eq!(
        check.json(),
        serde_json::json!({ "key": "x", "alive": true, "seen": null })
    );
    site.invalidate();
    let check = root.run(&["check", "x", "--json"]);
    assert_eq!(check.code, Some(5));
    assert_eq!(check.json()["alive"], false);
    assert!(check.json()["seen"].is_string());

    site.set_password("another");
    let refused = root.run(&["login", "x", "--json"]);
    assert_eq!(refused.code, Some(10));
    let refused = &refused.json()[0];
    assert_eq!(
        (&refused["ok"], &refused["how"]),
        (&false.into(), &"failed".into())
    );
    assert_eq!(refused["class"], "wrong_credentials");
    let seen = std::fs::read_dir(refused["artefacts"].as_str().unwrap())
        .unwrap()
        .flatten();
    let mut seen: Vec<_> = seen.map(|e| e.file_name().into_string().unwrap()).collect();
    seen.sort();
    assert_eq!(
        seen,
        ["console.txt", "failure.txt", "page.html", "page.png"]
    );
    let status = root.run(&["status", "--json"]).json();
    assert_eq!(keys(&status[0]["hold"]), ["class", "since", "why"]);
    assert_eq!(status[0]["last_error"]["class"], "wrong_credentials");
}

#[test]
fn a_held_session_is_left_alone_until_it_is_released() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_snapshot!(root.run(&["hold", "x", "--why", "the site is being moved"]).said(&root), @"x is left alone until: jarkeeper release x");
    assert_snapshot!(root.run(&["status"]).said(&root), @r"
    ACCOUNT  ALIVE          EXPIRES  NEXT RENEWAL  LAST RESULT
    x        held (person)  -        -             parked

    x is held: the site is being moved
    When that is mended: jarkeeper release x
    ");
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(25));
    assert!(
        login
            .err
            .starts_with("jarkeeper: x: held by a person since "),
        "{login:?}"
    );
    assert!(
        login
            .err
            .contains("the site is being moved; `jarkeeper release` lets it go on"),
        "{login:?}"
    );
    assert_eq!(site.submissions().len(), 0);
    assert_eq!(site.requests().len(), 0);
    assert_snapshot!(root.run(&["release", "x"]).said(&root), @"x is released; the daemon goes on with it, or: jarkeeper login x");
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
}

#[test]
fn twenty_commands_beside_the_daemon_on_a_dead_session_make_one_login() {
    let site = Site::start();
    let root = Root::of(&site);
    let _daemon = root.daemon();
    eventually("the first session", || {
        root.state("x").filter(|state| opens(&site, state))
    });
    site.invalidate();
    let commands: Vec<_> = (0..20)
        .map(|_| {
            let mut command = root.command(&["login", "x", "--json"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut made = 0;
    for command in commands {
        let ended: Ended = command.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        made += usize::from(ended.json()[0]["how"] == "logged_in");
    }
    // Who joins the daemon's renewal is told of the login too; the site counts how many there were.
    assert!(made >= 1, "{made}");
    assert_eq!(site.submissions().len(), 2);
    assert!(opens(&site, &root.state("x").unwrap()));
    for verb in [
        &["check", "x"][..],
        &["export", "x"],
        &["status"],
        &["doctor"],
        &["sites", "check"],
    ] {
        assert_eq!(root.run(verb).code, Some(0), "{verb:?}");
    }
}

#[test]
fn completions_know_the_verbs_in_every_shell() {
    let root = Root::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = root.run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{shell}");
        assert!(
            ended.out.contains("auto-login") && ended.out.contains("release"),
            "{shell}"
        );
    }
    // A reader that has seen enough is no error.
    let mut child = root
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_demo_is_a_site_like_any_other() {
    let root = Root::new();
    root.env("DEMO_PASSWORD", "pear & 7");
    let mut demo = root
        .command(&["demo", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(demo.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let url = line
        .split_whitespace()
        .find_map(|word| word.strip_suffix(';'))
        .unwrap();
    root.recipe(
        "notes",
        &format!(
            "url = \"{url}\"\nusername = \"demo\"\npassword = {{ env = \"DEMO_PASSWORD\" }}\n"
        ),
    );
    let login = root.run(&["login", "notes"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(root.run(&["check", "notes"]).code, Some(0));
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(demo.wait().unwrap().success());
}
