//! The daemon as a process: signals, locks, files that change or vanish under it, and a Chromium that fails it.

mod browser;
mod files;
mod rights;

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::Site;
use crate::support::dials::{Fault, FaultOn};
use crate::support::process::{Daemon, Root, all, eventually, opens, within};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until the state file of `x` is there and opens the site.
fn logged_in(root: &Root, site: &Site, key: &str) {
    eventually("a state that opens the site", || {
        root.state(key).filter(|state| opens(site, state))
    });
}

fn submissions(site: &Site, user: &str) -> usize {
    let all = site.submissions();
    all.iter().filter(|s| s.username == user).count()
}

fn no_zombies(daemon: &Daemon) {
    let none = within(Duration::from_secs(5), || {
        daemon.zombies().is_empty().then_some(())
    });
    assert!(none.is_some(), "{:?}", daemon.zombies());
}

#[test]
fn of_two_daemons_started_at_once_one_leads_and_the_other_names_it() {
    let root = Root::new();
    let rounds = if all() { 100 } else { 20 };
    for round in 0..rounds {
        // Also: the lock of the leader killed in the round before is free at once.
        let mut pair = [root.start(), root.start()];
        let loser = eventually("one of the two ends", || {
            pair.iter_mut()
                .position(|daemon| daemon.ended(Duration::ZERO).is_some())
        });
        let code = pair[loser].ended(Duration::ZERO).unwrap().code();
        let (leader, other) = (&pair[1 - loser], &pair[loser]);
        leader.hears("jarkeeper keeps sessions fresh");
        let said = other.hears("is locked by");
        let named = format!("is locked by process {}", leader.pid());
        assert!(
            said["message"].as_str().unwrap().contains(&named),
            "round {round}: {said}"
        );
        assert_eq!(code, Some(4), "round {round}");
        let leader = &mut pair[1 - loser];
        assert!(leader.ended(Duration::ZERO).is_none(), "round {round}");
        leader.kill();
    }
}

#[test]
fn a_daemon_told_to_stop_ends_cleanly_in_the_middle_of_renewals() {
    let site = Site::start();
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    let rounds = if all() { 30 } else { 6 };
    for round in 0..rounds {
        let names = [format!("a{round}"), format!("b{round}")];
        for name in &names {
            site.set_account(name, Site::PASSWORD);
            let recipe = site
                .recipe("PASSWORD")
                .replace("\"demo\"", &format!("\"{name}\""));
            root.recipe(name, &recipe);
        }
        let mut daemon = root.daemon();
        let moment = round % 6;
        site.turn(|dials| dials.hold_submissions = moment == 3);
        match moment {
            0 => {}
            1 => drop(root.browser()),
            2 => {
                root.browser();
                within(Duration::from_millis(150), || None::<()>);
            }
            3 | 4 => {
                eventually("a submission", || {
                    (submissions(&site, &names[0]) + submissions(&site, &names[1]) > 0)
                        .then_some(())
                });
            }
            _ => {
                names.iter().for_each(|name| logged_in(&root, &site, name));
            }
        }
        let (code, took) = daemon.stop();
        site.turn(|dials| dials.hold_submissions = false);
        assert_eq!(code, 0, "round {round}: {:#?}", daemon.log());
        assert!(took < Duration::from_secs(10), "round {round}: {took:?}");
        assert!(
            root.processes().is_empty(),
            "round {round}: {:?}",
            root.processes()
        );
        assert_eq!(root.browser_folders(), 0, "round {round}");
        assert_eq!(root.unfinished(), Vec::<String>::new(), "round {round}");
        for name in &names {
            if let Some(state) = root.state(name) {
                assert!(opens(&site, &state), "round {round}");
            }
            let submitted = root.ledger(name, "submit");
            assert!(submissions(&site, name) <= submitted, "round {round}");
            assert!(submitted <= 1, "round {round}");
            std::fs::remove_file(root.path().join(format!("sites/{name}.toml"))).unwrap();
        }
    }
}

#[test]
fn a_service_manager_hears_ready_and_stopping() {
    let root = Root::new();
    let path = root.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    root.env("NOTIFY_SOCKET", path.to_str().unwrap());
    let mut daemon = root.start();
    let hear = || {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let heard = hear();
    assert!(heard.contains("READY=1"), "{heard}");
    daemon.signal(Signal::HUP);
    let reloading = hear();
    assert!(
        reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="),
        "{reloading}"
    );
    assert!(hear().contains("READY=1"));
    assert_eq!(daemon.stop().0, 0);
    assert!(hear().contains("STOPPING=1"));
}

#[test]
fn the_systemd_unit_is_one_that_systemd_understands() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scripts/jarkeeper.service"
    ))
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("jarkeeper.service");
    std::fs::write(&unit, text.replace("/usr/local/bin/jarkeeper", "/bin/true")).unwrap();
    let Ok(out) = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
    else {
        eprintln!("skipped: systemd-analyze is not installed (`apt-get install systemd`)");
        return;
    };
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let about_it: Vec<_> = said
        .lines()
        .filter(|line| line.contains("jarkeeper.service"))
        .collect();
    assert!(about_it.is_empty(), "{about_it:?}");
}

#[test]
fn a_site_that_is_down_is_tried_again_by_back_off_and_comes_back_by_itself() {
    let site = Site::with(|dials| {
        dials.fault = Some(Fault::Status(503, None));
        dials.fault_on = FaultOn::Everything;
    });
    let root = Root::of(&site);
    let daemon = root.daemon();
    let told = daemon.hears("renewal failed");
    assert_eq!(told["class"], "site_down", "{told}");
    let error = root.status("x", |x| !x["last_error"].is_null());
    assert_eq!(error["last_error"]["class"], "site_down");
    assert_eq!(error["alive"], Value::Null, "{error}");
    site.turn(|dials| dials.fault = None);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
}
