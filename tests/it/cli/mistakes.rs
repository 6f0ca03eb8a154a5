//! What goes wrong, as the commands tell it.

use std::process::Command;

use insta::assert_snapshot;

use super::keys;
use crate::support::Site;
use crate::support::process::{Ended, Root};

/// Everything below the root, but for the folder that the tests themselves need.
fn everything(root: &Root) -> Vec<String> {
    let out = Command::new("find")
        .arg(root.path())
        .args(["-not", "-path", "*/tmp/*"])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn a_wrong_password_is_tried_once_and_the_message_says_what_lifts_the_hold() {
    let site = Site::with(|dials| dials.lock_after = Some(3));
    let root = Root::of(&site);
    root.env("PASSWORD", "mistyped");
    let first = root.run(&["login", "x"]);
    assert_eq!(first.code, Some(10));
    assert_snapshot!(first.said(&root), @r#"
    jarkeeper: x: failed: wrong_credentials: the site refused the username or the password: "Wrong username or password."
    jarkeeper: x: what was seen is in ROOT/.auth/.jarkeeper/artefacts/x/N
    "#);
    for _ in 0..3 {
        let held = root.run(&["login", "x"]);
        assert_eq!(held.code, Some(10));
        assert!(
            held.err
                .starts_with("jarkeeper: x: held: wrong_credentials since "),
            "{held:?}"
        );
        assert!(
            held.err.ends_with(
                "a changed recipe or secret lifts this, and so does `jarkeeper release`\n"
            ),
            "{held:?}"
        );
    }
    assert_eq!(site.submissions().len(), 1);
    assert_eq!(root.run(&["release", "x"]).code, Some(0));
    assert_eq!(root.run(&["login", "x"]).code, Some(10));
    assert_eq!(root.run(&["login", "x"]).code, Some(10));
    assert_eq!(site.submissions().len(), 2);
    root.env("PASSWORD", Site::PASSWORD);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
}

#[test]
fn what_a_new_user_gets_wrong_is_named_with_the_way_out() {
    let site = Site::start();
    let root = Root::of(&site);
    let told = |arguments: &[&str]| {
        let ended = root.run(arguments);
        format!("{} {}", ended.code.unwrap(), ended.said(&root))
    };
    assert_snapshot!(told(&["login", "y"]), @"2 jarkeeper: there is no site y; there are x");
    root.recipe("shopping", &site.recipe("PASSWORD"));
    assert_snapshot!(told(&["check", "shoping"]), @"2 jarkeeper: there is no site shoping; did you mean shopping?");
    assert_snapshot!(told(&["login", "x:second"]), @"2 jarkeeper: there is no site x:second; there are shopping, x");

    root.recipe(
        "typo",
        &site.recipe("PASSWORD").replace("password", "pasword"),
    );
    assert_snapshot!(told(&["login", "typo"]), @r#"3 jarkeeper: ROOT/sites/typo.toml:3:1: unknown key "pasword"; did you mean "password"?"#);
    assert_snapshot!(told(&["sites", "check"]), @r#"3 ROOT/sites/typo.toml:3:1: unknown key "pasword"; did you mean "password"?"#);
    assert!(
        told(&["login", "x"]).starts_with("0 x: logged in"),
        "another recipe's mistake stops nobody"
    );
    assert!(told(&["login", "--all"]).starts_with("3 "));
    std::fs::remove_file(root.path().join("sites/typo.toml")).unwrap();
    assert_snapshot!(told(&["sites", "check"]), @"0 2 recipes, no mistake");

    root.recipe("bare", &site.recipe("NOWHERE_SET"));
    assert_snapshot!(told(&["login", "bare"]), @"22 jarkeeper: bare: failed: secret_missing: the password comes from the environment variable NOWHERE_SET, which is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)");
    let missing = "browser.executable=/nowhere";
    assert_snapshot!(told(&["--set", missing, "login", "shopping"]), @"19 jarkeeper: shopping: failed: browser_lost: no Chromium was found (browser.executable is /nowhere); install it (Debian: apt-get install chromium-headless-shell) or name it in config.toml: browser.executable");
    if rustix::process::geteuid().is_root() {
        assert_snapshot!(told(&["--set", "browser.sandbox=true", "login", "shopping"]), @"19 jarkeeper: shopping: failed: browser_lost: Chromium cannot use its sandbox as root: run jarkeeper as an ordinary user, or accept the risk with browser.sandbox = false in config.toml (or --set browser.sandbox=false)");
    }
    assert_snapshot!(told(&["--set", "browser.sandbx=1", "status"]), @r#"3 jarkeeper: --set browser.sandbx: unknown key "sandbx"; did you mean "sandbox"?"#);
    assert_snapshot!(told(&["--set", "browser.contexts=99", "status"]), @"3 jarkeeper: --set browser.contexts: 99 is out of range; it may be 1 to 32");

    let ended: Ended = Command::new(env!("CARGO_BIN_EXE_jarkeeper"))
        .args(["--root", "/nowhere/at/all", "status"])
        .output()
        .unwrap()
        .into();
    assert_eq!(ended.code, Some(2));
    assert_snapshot!(ended.said(&root), @"jarkeeper: --root /nowhere/at/all is not a folder; it is the one that holds config.toml and sites/");
    let ended: Ended = root
        .command(&["demo"])
        .env_remove("DEMO_PASSWORD")
        .output()
        .unwrap()
        .into();
    assert_eq!(ended.code, Some(2));
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn a_site_that_is_down_is_called_that_and_harms_nothing() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    let before = std::fs::read(root.file("x")).unwrap();
    let url = site.login_url();
    drop(site);
    let check = root.run(&["check", "x"]);
    assert_eq!(check.code, Some(16), "{check:?}");
    let login = root.run(&["login", "x"]);
    assert_eq!(login.code, Some(16));
    assert!(login.err.contains("site_down"), "{login:?}");
    let port = url.trim_start_matches("http://").split('/').next().unwrap();
    assert!(login.err.contains(port), "{login:?}");
    assert_eq!(std::fs::read(root.file("x")).unwrap(), before);
    assert_eq!(root.run(&["export", "x"]).code, Some(0));
}

#[test]
fn an_empty_folder_gets_hints() {
    let root = Root::new();
    assert_snapshot!(root.run(&["login", "wiki"]).said(&root), @"jarkeeper: there is no site wiki; there is no recipe yet; write sites/wiki.toml");
    assert_snapshot!(root.run(&["sites", "check"]).said(&root), @"0 recipes, no mistake");
    let doctor = root.run(&["--set", "browser.executable=/nowhere", "doctor"]);
    assert_eq!(doctor.code, Some(1));
    let said = doctor.said(&root);
    assert!(
        said.contains(
            "MISSING  Chromium: no Chromium was found (browser.executable is /nowhere); install it"
        ),
        "{said}"
    );
    assert!(
        said.contains("ok       .auth: ROOT/.auth is ours alone"),
        "{said}"
    );
    assert!(
        said.contains(
            "MISSING  recipes: there is none in ROOT/sites; three lines are enough, see the README"
        ),
        "{said}"
    );
    let doctor = root.run(&["doctor", "--json"]).json();
    for finding in doctor.as_array().unwrap() {
        assert_eq!(keys(finding), ["found", "ok", "way_out", "what"]);
    }
}

#[test]
fn names_that_point_elsewhere_are_refused_and_nothing_is_made() {
    let site = Site::start();
    let root = Root::of(&site);
    let before = everything(&root);
    let long = "a".repeat(5_000);
    let hostile = [
        "../x",
        "..",
        ".",
        "/etc/passwd",
        "x/../y",
        "x\\y",
        "x y",
        "X",
        "x.y",
        "x\ny",
        "%2e%2e",
        "~",
        "x;ls",
        "$(id)",
        "x:",
        ":x",
        "x:..",
        "x:../y",
        "x:a:b",
        "x:a/b",
        "x_state",
        "é",
        "\u{202e}x",
        "",
        " ",
        "_",
        "x*",
        long.as_str(),
    ];
    for name in hostile {
        let verbs: [&[&str]; 7] = [
            &["login", name],
            &["check", name],
            &["export", name],
            &["import", name, "sites/x.toml"],
            &["hold", name],
            &["release", name],
            &["auto-login", "--auth_folder", "out", "--site_list", name],
        ];
        for verb in verbs {
            let ended = root.run(verb);
            assert_eq!(ended.code, Some(2), "{verb:?}: {ended:?}");
            assert!(!ended.err.contains("panicked"), "{verb:?}: {ended:?}");
        }
    }
    assert_eq!(everything(&root), before);
    assert_eq!(site.requests().len(), 0);
}
