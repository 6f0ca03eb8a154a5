//! A Chromium that dies, hangs or is missing, and what is left of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;

use super::{logged_in, no_zombies};
use crate::support::Site;
use crate::support::dials::Fault;
use crate::support::process::{Process, Root, eventually, within};

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_killed_browser_costs_one_try_and_leaves_nothing() {
    let site = Site::with(|dials| dials.fault = Some(Fault::Silence));
    let root = Root::of(&site);
    let daemon = root.daemon();
    eventually("a browser at the site", || {
        site.requests()
            .iter()
            .any(|seen| seen.browser)
            .then_some(())
    });
    root.browser().signal(Signal::KILL);
    let told = daemon.hears("renewal failed");
    assert_eq!(told["class"], "browser_lost", "{told}");
    // By the back-off, with nobody asking.
    site.turn(|dials| dials.fault = None);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
    no_zombies(&daemon);
    assert_eq!(root.browser_folders(), 1, "that of the present Chromium");
}

#[test]
fn a_browser_killed_between_the_click_and_the_answer_counts_as_a_login_and_is_not_repeated_at_once()
{
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    root.browser().signal(Signal::KILL);
    let told = daemon.hears("renewal failed");
    assert_eq!(told["class"], "browser_lost", "{told}");
    site.turn(|dials| dials.hold_submissions = false);
    let (submit, unclear) = (root.ledger("x", "submit"), root.ledger("x", "unclear"));
    assert_eq!((submit, unclear), (1, 1));
    let x = root.status("x", |x| !x["next_renewal_at"].is_null());
    let next: DateTime<Utc> = x["next_renewal_at"].as_str().unwrap().parse().unwrap();
    assert!(next - Utc::now() > TimeDelta::minutes(10), "{x}");
    // A person need not wait.
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 2);
    no_zombies(&daemon);
}

#[test]
fn a_killed_renderer_costs_one_try() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    root.save("config.toml", "[login]\ntimeout = \"15s\"\n");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    let mut renderers = root.browsers();
    renderers.retain(|process| process.kind() == Some("renderer"));
    assert!(!renderers.is_empty(), "{:?}", root.browsers());
    renderers
        .iter()
        .for_each(|renderer| renderer.signal(Signal::KILL));
    let told = daemon.hears("renewal failed");
    let class = told["class"].as_str().unwrap();
    assert!(matches!(class, "browser_lost" | "timeout"), "{told}");
    // The browser itself is still good.
    site.turn(|dials| dials.hold_submissions = false);
    root.recipe("y", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "y");
    assert_eq!(site.submissions().len(), 2);
    no_zombies(&daemon);
}

#[test]
fn a_browser_that_hangs_is_ended_by_its_deadline() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    root.save("config.toml", "[login]\ntimeout = \"6s\"\n");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    let hung = root.browsers();
    hung.iter().for_each(|process| process.signal(Signal::STOP));
    let told = daemon.hears("renewal failed");
    assert_eq!(told["class"], "browser_lost", "{told}");
    // Its own deadline, and 5 s to see that it is no slow page; some more, because this machine is shared.
    assert!(told["duration_ms"].as_u64().unwrap() < 15_000, "{told}");
    let left = within(Duration::from_secs(5), || {
        let now = Process::all();
        let left = |p: &&Process| {
            now.iter()
                .any(|n| n.pid == p.pid && n.arguments == p.arguments)
        };
        (!hung.iter().any(|p| left(&p))).then_some(())
    });
    assert!(
        left.is_some(),
        "stopped processes are left: {:?}",
        root.browsers()
    );
    no_zombies(&daemon);
    site.turn(|dials| dials.hold_submissions = false);
    root.recipe("y", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "y");
}

#[test]
fn a_browser_killed_while_idle_leaves_no_zombie_and_an_idle_one_goes_away() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    logged_in(&root, &site, "x");
    root.browser().signal(Signal::KILL);
    root.no_browser_within(Duration::from_secs(5));
    no_zombies(&daemon);
    root.save("config.toml", "[browser]\nidle = \"1s\"\n");
    root.recipe("y", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "y");
    daemon.hears("Chromium was idle");
    root.no_browser_within(Duration::from_secs(5));
    no_zombies(&daemon);
    eventually("their folders are gone", || {
        (root.browser_folders() == 0).then_some(())
    });
}

#[test]
fn a_stopped_browser_that_a_killed_daemon_left_is_ended_by_the_next_start() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    let mut daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    let stopped = root.browsers();
    stopped
        .iter()
        .for_each(|process| process.signal(Signal::STOP));
    daemon.kill();
    // Most kernels wake them now, as a group without a parent; what they do not wake is for the next start.
    let mut next = root.daemon();
    let gone = within(Duration::from_secs(5), || {
        let now = root.browsers();
        let left = |p: &&Process| now.iter().any(|n| n.pid == p.pid);
        (!stopped.iter().any(|p| left(&p))).then_some(())
    });
    assert!(gone.is_some(), "{:?}", root.browsers());
    assert_eq!(next.stop().0, 0);
    assert_eq!(root.browser_folders(), 0);
    // The click without an answer counts; one more is allowed, and no third.
    assert!(site.submissions().len() <= 2);
}

#[test]
fn what_the_command_of_a_secret_leaves_behind_does_not_stay_a_zombie() {
    let site = Site::start();
    let root = Root::new();
    std::fs::write(root.path().join("secret"), Site::PASSWORD).unwrap();
    let command = "(sleep 0.5 >/dev/null 2>&1 & touch left) ; cat secret";
    let recipe = site.recipe("X").replace(
        "{ env = \"X\" }",
        &format!("{{ command = [\"sh\", \"-c\", \"{command}\"] }}"),
    );
    root.recipe("x", &recipe);
    let daemon = root.daemon();
    logged_in(&root, &site, "x");
    assert!(root.path().join("left").exists());
    let gone = within(Duration::from_secs(20), || {
        let left = Process::below(daemon.pid());
        (!left
            .iter()
            .any(|p| p.state == 'Z' || p.arguments.iter().any(|a| a == "sleep")))
        .then_some(())
    });
    assert!(gone.is_some(), "{:?}", Process::below(daemon.pid()));
}

#[test]
fn without_a_working_chromium_the_old_state_is_still_served_and_the_log_says_what_to_do() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["login", "x"]).code, Some(0));
    let exits = root.path().join("exits");
    executable(
        &exits,
        "#!/bin/sh\necho libnss3.so is missing >&2\nexit 1\n",
    );
    let silent = root.path().join("silent");
    executable(&silent, "#!/bin/sh\nexec sleep 1000\n");
    let missing = root.path().join("nowhere");
    for (n, (executable, told)) in [
        (missing, "apt-get install chromium-headless-shell"),
        (
            exits,
            "it ended with code 1; it printed: libnss3.so is missing",
        ),
        (silent, "it did not answer"),
    ]
    .into_iter()
    .enumerate()
    {
        // Another account, which has no session yet.
        root.recipe(&format!("y{n}"), &site.recipe("PASSWORD"));
        root.save(
            "config.toml",
            &format!("[browser]\nexecutable = {executable:?}\n"),
        );
        let mut daemon = root.daemon();
        let failed = daemon.hears(told);
        assert_eq!(failed["class"], "browser_lost", "{failed}");
        let export = root.run(&["export", "x"]);
        assert_eq!(export.code, Some(0), "{export:?}");
        assert!(
            export.json()["cookies"]
                .as_array()
                .unwrap()
                .iter()
                .any(|c| c["name"] == "sid")
        );
        assert_eq!(root.run(&["check", "x"]).code, Some(0));
        assert_eq!(daemon.stop().0, 0);
        root.no_browser_within(Duration::from_secs(5));
        assert_eq!(root.browser_folders(), 0);
        std::fs::remove_file(root.path().join(format!("sites/y{n}.toml"))).unwrap();
    }
    assert_eq!(site.submissions().len(), 1);
}
