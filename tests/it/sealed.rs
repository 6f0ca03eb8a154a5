//! States that are kept sealed: nobody but Jarkeeper reads them, and nothing of them is anywhere in plain.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use jarkeeper::seal::Seal;
use jarkeeper::session::StorageState;
use secrecy::ExposeSecret;

use crate::support::Site;
use crate::support::process::{Ended, Root, opens, redacted};

fn key(root: &Root, seal: &Seal) {
    root.save("seal.key", seal.text().expose_secret());
}

fn recipe(root: &Root, name: &str, site: &Site, more: &str) {
    root.recipe(name, &format!("{}{more}\n", site.recipe("PASSWORD")));
}

/// A root with the site as `x` and a key.
fn root(site: &Site, more: &str) -> Root {
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    root.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    key(&root, &Seal::new());
    recipe(&root, "x", site, more);
    root
}

fn login(root: &Root, name: &str) -> Ended {
    let ended = root.run(&["login", name]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

fn export(root: &Root) -> StorageState {
    let ended = root.run(&["export", "x"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Files below `.auth` that hold this text, as it is or as Base64.
fn hold(root: &Root, text: &str) -> Vec<PathBuf> {
    use base64::Engine;
    assert!(text.len() > 7, "{text}");
    let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(text);
    let mut all = files(&root.auth());
    all.retain(|path| {
        let bytes = std::fs::read(path).unwrap();
        [text, &coded].iter().any(|needle| {
            bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
        })
    });
    all
}

fn names(root: &Root) -> String {
    let auth = root.auth();
    let all = files(&auth);
    let states = all.iter().filter(|path| {
        let text = path.to_string_lossy();
        text.contains("_state") || text.contains("/sessions/") || text.contains("/aside/")
    });
    let names: Vec<_> = states
        .map(|path| path.strip_prefix(&auth).unwrap().display().to_string())
        .collect();
    names.join("\n")
}

#[test]
fn no_cookie_of_a_sealed_session_is_below_auth() {
    let site = Site::start();
    let root = root(&site, "sealed = true");
    assert_snapshot!(login(&root, "x").said(&root), @r##"
    x: logged in, ROOT/.auth/x_state.json.age (N s)
    "##);
    let first = export(&root);
    assert!(opens(&site, &first));
    // A second session, so that there is a generation before.
    site.invalidate();
    assert_eq!(root.run(&["check", "x"]).code, Some(5));
    login(&root, "x");
    let second = export(&root);
    assert!(opens(&site, &second) && !opens(&site, &first));
    for cookie in first.cookies.iter().chain(&second.cookies) {
        if cookie.value.len() > 7 {
            assert_eq!(hold(&root, &cookie.value), Vec::<PathBuf>::new());
        }
    }
    assert!(second.cookies.iter().any(|it| it.value.len() > 7));
    assert_snapshot!(names(&root), @r##"
    .jarkeeper/previous/x_state.json.age
    x_state.json.age
    "##);
    assert_eq!(root.run(&["check", "x"]).code, Some(0));
    let status = root.run(&["status", "--json"]).json();
    assert!(
        status[0]["file"]
            .as_str()
            .unwrap()
            .ends_with("x_state.json.age")
    );
    // WebArena's file would be plain.
    let legacy = root.run(&["auto-login", "--auth_folder", "out", "--site_list", "x"]);
    assert_ne!(legacy.code, Some(0));
    assert_snapshot!(legacy.said(&root), @r##"
    jarkeeper: x_state.json was not written: x is kept sealed, and this file would be plain; `jarkeeper export x` prints its session
    "##);
    assert!(!root.path().join("out").exists());
    // A state that a person brings is sealed too.
    root.save("mine.json", &serde_json::to_string(&second).unwrap());
    let import = root.run(&[
        "import",
        "x",
        root.path().join("mine.json").to_str().unwrap(),
    ]);
    assert_eq!(import.code, Some(0), "{import:?}");
    assert_snapshot!(names(&root), @r##"
    .jarkeeper/previous/x_state.json.age
    x_state.json.age
    "##);
}

#[test]
fn sealing_is_switched_on_and_off_without_a_login_and_leaves_nothing_behind() {
    let other = Site::with(|dials| dials.cookie_prefix = "other");
    let site = Site::start();
    let root = root(&site, "");
    recipe(&root, "y", &other, "combine = ['x']");
    login(&root, "x");
    login(&root, "y");
    site.invalidate();
    root.run(&["check", "x"]);
    login(&root, "x");
    // A damaged file was set aside once.
    let text = std::fs::read_to_string(root.file("x")).unwrap();
    std::fs::write(root.file("x"), &text[..text.len() / 2]).unwrap();
    login(&root, "x");
    assert_snapshot!(names(&root).replace(char::is_numeric, "0"), @r##"
    .jarkeeper/aside/x_state.json.00000000T000000000Z
    .jarkeeper/previous/x.y_state.json
    .jarkeeper/previous/x_state.json
    x.y_state.json
    x_state.json
    y_state.json
    "##);

    recipe(&root, "x", &site, "sealed = true");
    recipe(&root, "y", &other, "");
    let submissions = site.submissions().len();
    login(&root, "x");
    assert_eq!(site.submissions().len(), submissions);
    assert_snapshot!(names(&root), @r##"
    .jarkeeper/previous/x_state.json.age
    x_state.json.age
    y_state.json
    "##);
    let sealed = export(&root);
    let session = sealed.cookies.iter().find(|it| it.http_only).unwrap();
    assert_eq!(hold(&root, &session.value), Vec::<PathBuf>::new());
    assert!(opens(&site, &export(&root)));

    recipe(&root, "x", &site, "");
    login(&root, "x");
    assert_eq!(site.submissions().len(), submissions);
    assert_snapshot!(names(&root), @r##"
    .jarkeeper/previous/x_state.json
    x_state.json
    y_state.json
    "##);
    assert!(opens(&site, &root.state("x").unwrap()));
}

#[test]
fn another_key_is_told_and_nothing_is_overwritten() {
    let site = Site::start();
    let root = root(&site, "sealed = true");
    login(&root, "x");
    let file = root.auth().join("x_state.json.age");
    let sealed = std::fs::read(&file).unwrap();
    let good = std::fs::read(root.path().join("seal.key")).unwrap();
    let submissions = site.submissions().len();
    let mut all = Vec::new();
    let mut tried = |root: &Root| {
        for verb in ["login", "check", "export"] {
            let ended = root.run(&[verb, "x"]);
            assert_ne!(ended.code, Some(0), "{ended:?}");
            all.push(format!("{verb}: {}", ended.said(root)));
        }
        assert_eq!(std::fs::read(&file).unwrap(), sealed);
        assert!(!root.file("x").exists());
    };
    key(&root, &Seal::new());
    tried(&root);
    std::fs::remove_file(root.path().join("seal.key")).unwrap();
    tried(&root);
    // Nor is it made plain.
    recipe(&root, "x", &site, "");
    let ended = root.run(&["login", "x"]);
    all.push(format!("unsealed: {}", ended.said(&root)));
    assert_eq!(std::fs::read(&file).unwrap(), sealed);
    assert!(!root.path().join("seal.key").exists());
    assert_snapshot!(redacted(&all.concat(), &root), @r##"
    login: jarkeeper: x: failed: storage: ROOT/.auth/x_state.json.age was sealed with another key: bring that one back (see [seal] in config.toml), or delete the file
    check: jarkeeper: storage: ROOT/.auth/x_state.json.age was sealed with another key: bring that one back (see [seal] in config.toml), or delete the file
    export: jarkeeper: storage: ROOT/.auth/x_state.json.age was sealed with another key: bring that one back (see [seal] in config.toml), or delete the file
    login: jarkeeper: x: failed: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    check: jarkeeper: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    export: jarkeeper: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    unsealed: jarkeeper: x: failed: secret_missing: there is no key: neither ROOT/seal.key nor the keyring entry "jarkeeper" of "seal" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)
    "##);
    assert_eq!(site.submissions().len(), submissions);

    recipe(&root, "x", &site, "sealed = true");
    std::fs::write(root.path().join("seal.key"), good).unwrap();
    assert!(opens(&site, &export(&root)));
    // A damaged one is passed over for the generation before it, as plain ones are.
    site.invalidate();
    root.run(&["check", "x"]);
    login(&root, "x");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(!opens(&site, &export(&root)));
}

#[test]
fn a_combination_with_a_sealed_site_is_refused() {
    let (site, other) = (Site::start(), Site::start());
    let root = root(&site, "sealed = true");
    recipe(&root, "y", &other, "combine = ['x']");
    let check = root.run(&["sites", "check"]);
    assert_eq!(check.code, Some(3));
    assert_snapshot!(check.said(&root), @r##"
    ROOT/sites/y.toml:4:12: "x" is kept sealed, and a combination's file is plain: it would give the session away; remove the combination, or sealed = true from sites/x.toml
    "##);
    recipe(&root, "y", &other, "");
    recipe(&root, "x", &site, "sealed = true\ncombine = ['y']");
    assert_snapshot!(root.run(&["sites", "check"]).said(&root), @r##"
    ROOT/sites/x.toml:5:12: a combination's file is plain: it would give the sealed session away; remove the combination, or sealed = true
    "##);
}

#[test]
fn the_daemon_keeps_a_sealed_session_fresh_and_makes_the_key_that_it_needs() {
    let site = Site::start();
    let root = root(&site, "sealed = true");
    std::fs::remove_file(root.path().join("seal.key")).unwrap();
    let mut daemon = root.daemon();
    daemon.hears("a key was made and is in the file");
    root.status("x", |status| status["alive"] == true);
    assert!(root.path().join("seal.key").exists());
    let state = export(&root);
    assert!(opens(&site, &state));
    site.invalidate();
    assert_eq!(root.run(&["check", "x"]).code, Some(5));
    daemon.signal(rustix::process::Signal::HUP);
    root.status("x", |status| status["alive"] == true);
    assert!(opens(&site, &export(&root)));
    assert_eq!(daemon.stop().0, 0);
    assert!(!root.file("x").exists());
}
