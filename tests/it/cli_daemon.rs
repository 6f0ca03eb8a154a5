//! Commands beside a running daemon: it does the work, and its audit log knows.

use reqwest::Method;
use serde_json::Value;

use crate::support::process::Root;
use crate::support::{Api, Site, answer};

/// What was done at the socket, oldest first.
async fn done(api: &Api) -> Vec<(String, u64)> {
    let (_, log) = answer(api.own(Method::GET, "/v1/audit?limit=100")).await;
    let lines = log["lines"].as_array().unwrap().iter().rev();
    let one = |line: &Value| {
        let action = line["action"].as_str().unwrap().to_owned();
        (action, line["result"].as_u64().unwrap())
    };
    lines
        .map(one)
        .filter(|(action, _)| action != "audit.list")
        .collect()
}

#[tokio::test]
async fn a_command_has_the_daemon_do_it_and_says_what_it_always_said() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    daemon.hears("session renewed");
    let api = Api::of(&root, &daemon);

    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert!(login.out.starts_with("x: alive, "), "{login:?}");
    let check = root.run(&["check", "x"]);
    assert_eq!((check.code, check.out.as_str()), (Some(0), "x: alive\n"));
    let hold = root.run(&["hold", "x", "--why", "maintenance"]);
    assert_eq!(hold.out, "x is left alone until: jarkeeper release x\n");
    // As without a daemon: why, and the exit code of what was not done.
    site.invalidate();
    let held = root.run(&["login", "x"]);
    assert_eq!((held.code, held.out.as_str()), (Some(25), ""), "{held:?}");
    assert!(held.err.contains("x: held by"), "{held:?}");
    assert!(held.err.contains("maintenance"), "{held:?}");
    let release = root.run(&["release", "x"]);
    assert_eq!(release.code, Some(0), "{release:?}");
    let again = root.run(&["login", "x", "--json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.json()[0]["ok"], true, "{again:?}");
    let code = root.run(&["code", "x"]);
    assert_eq!(code.code, Some(5), "{code:?}");

    let done = done(&api).await;
    let expected = [
        ("sessions.renew", 200),
        ("sessions.check", 200),
        ("sessions.hold", 200),
        ("sessions.renew", 409),
        ("sessions.release", 200),
        ("sessions.renew", 200),
    ];
    let expected: Vec<_> = expected
        .map(|(action, result)| (action.to_owned(), result))
        .into();
    assert_eq!(done, expected);
}

#[tokio::test]
async fn a_failed_login_of_the_daemon_has_its_class_for_the_command() {
    let site = Site::start();
    let root = Root::of(&site);
    root.env("WRONG", "not the password");
    root.recipe("x", &site.recipe("WRONG"));
    let daemon = root.daemon();
    daemon.hears("renewal failed");
    assert_eq!(root.run(&["release", "x"]).code, Some(0));
    let failed = root.run(&["login", "x", "--json"]);
    assert_eq!(failed.code, Some(10), "{failed:?}");
    let told = &failed.json()[0];
    assert_eq!(told["class"], "wrong_credentials", "{failed:?}");
    // What was seen is where the command says.
    let artefacts = told["artefacts"].as_str().map(std::path::Path::new);
    assert!(
        artefacts.is_none_or(|path| root.path().join(path).is_dir()),
        "{told}"
    );
}
