//! The daemon as a process: signals, locks, files that change or vanish under it, and a Chromium that fails it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::Site;
use crate::support::dials::{Fault, FaultOn};
use crate::support::process::{Daemon, Process, Root, all, eventually, opens, within};

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

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
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
fn a_recipe_that_is_saved_takes_effect_without_a_restart_and_a_deleted_one_is_dropped() {
    let site = Site::start();
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    let daemon = root.daemon();
    root.recipe("x", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "x");
    root.recipe("y", &site.recipe("PASSWORD"));
    logged_in(&root, &site, "y");
    std::fs::remove_file(root.path().join("sites/y.toml")).unwrap();
    eventually("y is no longer kept", || {
        let last = daemon
            .log()
            .into_iter()
            .rev()
            .find(|l| l["message"] == "new settings are in force")?;
        (last["sites"] == 1).then_some(())
    });
    assert!(
        root.file("y").exists(),
        "what was captured is not deleted with its recipe"
    );
    assert_eq!(site.submissions().len(), 2);
}

#[test]
fn a_refused_password_is_held_and_a_mended_one_lifts_the_hold() {
    let site = Site::with(|dials| dials.lock_after = Some(3));
    let root = Root::new();
    let recipe = site.recipe("X").replace("env = \"X\"", "file = \"secret\"");
    let secret = |text: &str| {
        std::fs::write(root.path().join("secret"), text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(root.path().join("secret"), mode).unwrap();
    };
    secret("not this one\n");
    root.recipe("x", &recipe);
    let mut daemon = root.daemon();
    let held = root.status("x", |x| !x["hold"].is_null());
    assert_eq!(held["hold"]["class"], "wrong_credentials", "{held}");
    for _ in 0..2 {
        daemon.signal(Signal::HUP);
        daemon.kill();
        daemon = root.daemon();
    }
    root.recipe("x", &format!("{recipe}# a comment changes nothing\n"));
    daemon.signal(Signal::HUP);
    daemon.hears("files are read again");
    assert_eq!(site.submissions().len(), 1);

    secret(&format!("{}\n", Site::PASSWORD));
    daemon.signal(Signal::HUP);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 2);
    let log = format!("{:?}", daemon.log());
    assert!(!log.contains("not this one") && !log.contains(Site::PASSWORD));
}

#[test]
fn a_session_released_by_a_command_is_taken_up_by_the_running_daemon() {
    let site = Site::start();
    let root = Root::of(&site);
    assert_eq!(root.run(&["hold", "x", "--why", "holidays"]).code, Some(0));
    let _daemon = root.daemon();
    let held = root.status("x", |_| true);
    assert_eq!(held["hold"]["class"], "person");
    assert_eq!(root.run(&["release", "x"]).code, Some(0));
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
}

#[test]
fn broken_files_saved_during_a_renewal_do_not_disturb_it() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    let good = site.recipe("PASSWORD");
    root.save("config.toml", "[browser]\ncontexts = 2\n");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });
    for (n, (recipe, config)) in [
        ("url = 1\n", "[browser]\ncontexts = 0\n"),
        (
            "url = \"http://a.test/\"\npasword = \"x\"\n",
            "[browser]\ncontext = 2\n",
        ),
        ("[[[", "[[["),
        ("", "x\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = daemon.log().len();
        root.recipe("x", &format!("# {n}\n{recipe}"));
        root.save("config.toml", &format!("# {n}\n{config}"));
        daemon.signal(Signal::HUP);
        for file in ["sites/x.toml:", "config.toml:"] {
            let told = daemon
                .find(before, |line| line.to_string().contains(file))
                .unwrap_or_else(|| panic!("{file} {n}: {:#?}", daemon.log()));
            assert_eq!(told["level"], "WARN", "{told}");
        }
    }
    site.turn(|dials| dials.hold_submissions = false);
    logged_in(&root, &site, "x");
    assert_eq!(site.submissions().len(), 1);
    assert_eq!(
        root.run(&["login", "x"]).code,
        Some(3),
        "a command says what is wrong"
    );

    root.save("config.toml", "[browser]\ncontexts = 1\n");
    root.recipe("x", &good);
    root.recipe("y", &good);
    logged_in(&root, &site, "y");
}

#[test]
fn a_folder_that_is_not_ours_alone_is_refused_with_the_way_out() {
    let root = Root::new();
    let refused = |told: &[&str]| {
        let ended = root.run(&["serve"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for text in told {
            assert!(ended.err.contains(text), "{ended:?}");
        }
    };
    let auth = root.auth();
    std::fs::create_dir(&auth).unwrap();
    std::fs::set_permissions(&auth, std::fs::Permissions::from_mode(0o755)).unwrap();
    refused(&[".auth is open to other users", "`chmod 700 "]);
    std::fs::set_permissions(&auth, std::fs::Permissions::from_mode(0o700)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&auth, Some(65534), None).unwrap();
        refused(&[".auth belongs to user 65534", "`chown 0 "]);
    }
    std::fs::remove_dir(&auth).unwrap();
    std::fs::create_dir(root.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &auth).unwrap();
    refused(&[".auth is a symbolic link"]);
    assert_eq!(
        std::fs::read_dir(root.path().join("elsewhere"))
            .unwrap()
            .count(),
        0
    );
    std::fs::remove_file(&auth).unwrap();
    std::fs::write(&auth, "").unwrap();
    refused(&[".auth is not a folder"]);
}

#[test]
fn a_deleted_folder_raises_the_alarm_and_is_taken_up_again_once_a_person_makes_it() {
    let site = Site::start();
    let root = Root::of(&site);
    let daemon = root.daemon();
    logged_in(&root, &site, "x");
    std::fs::remove_dir_all(root.auth()).unwrap();
    let alarm = daemon.hears("mkdir -m 700");
    assert_eq!(alarm["level"], "ERROR", "{alarm}");
    daemon.signal(Signal::HUP);
    daemon.hears("files are read again");
    assert!(
        !root.auth().exists(),
        "it was made again behind a person's back"
    );

    std::fs::DirBuilder::new().create(root.auth()).unwrap();
    std::fs::set_permissions(root.auth(), std::fs::Permissions::from_mode(0o700)).unwrap();
    daemon.hears("is back");
    logged_in(&root, &site, "x");
    assert_eq!(root.file("x").metadata().unwrap().mode() & 0o777, 0o600);
    let second = root.run(&["serve"]);
    assert_eq!(
        second.code,
        Some(4),
        "the new folder is locked too: {second:?}"
    );
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

fn no_zombies(daemon: &Daemon) {
    let none = within(Duration::from_secs(5), || {
        daemon.zombies().is_empty().then_some(())
    });
    assert!(none.is_some(), "{:?}", daemon.zombies());
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

#[test]
fn other_users_see_no_secret_and_no_port_is_open() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    // Without the API's own port there is none.
    root.env("JARKEEPER_API__LISTEN", "none");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });

    let inodes = listening();
    let mut processes = root.processes();
    processes.retain(|p| p.state != 'Z');
    assert!(processes.len() > 2, "{processes:?}");
    for process in &processes {
        let line = process.arguments.join(" ");
        assert!(!line.contains(Site::PASSWORD), "{line}");
        assert!(!line.contains("remote-debugging-port"), "{line}");
        let fds = std::fs::read_dir(format!("/proc/{}/fd", process.pid));
        for fd in fds.into_iter().flatten().flatten() {
            let target = std::fs::read_link(fd.path()).unwrap_or_default();
            let target = target.to_string_lossy().into_owned();
            let open = inodes
                .iter()
                .find(|inode| target == format!("socket:[{inode}]"));
            assert!(open.is_none(), "a port is open in {line}");
        }
        if process.pid != daemon.pid() {
            let environ =
                std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            assert!(
                !String::from_utf8_lossy(&environ).contains(Site::PASSWORD),
                "{line}"
            );
        }
    }
    site.turn(|dials| dials.hold_submissions = false);
    logged_in(&root, &site, "x");

    if !is_root() {
        eprintln!("skipped in part: only root can become another user");
        return;
    }
    // The folder itself lets others in, so that what they meet is `.auth`.
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = |command: &str| {
        let out = Command::new("setpriv")
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "sh",
                "-c",
                command,
            ])
            .output()
            .unwrap();
        assert!(!out.status.success(), "{command}: {out:?}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("denied"),
            "{command}: {out:?}"
        );
    };
    nobody(&format!("ls {}", root.auth().display()));
    nobody(&format!("cat {}", root.file("x").display()));
    for process in root.processes() {
        nobody(&format!("cat /proc/{}/environ", process.pid));
    }
    for folder in std::fs::read_dir(root.path().join("tmp"))
        .unwrap()
        .flatten()
    {
        nobody(&format!("ls {}", folder.path().display()));
    }
}

/// Inodes of the TCP sockets of this machine that take connections, from proc_net_tcp(5).
fn listening() -> Vec<String> {
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if fields.get(3) == Some(&"0A") {
                inodes.push(fields[9].to_owned());
            }
        }
    }
    inodes
}

/// What starts a program as an ordinary user, with as few rights as a service gets.
const NOBODY: [&str; 8] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
];

/// A daemon of an ordinary user; its Chromium has its sandbox.
fn daemon_of_nobody(root: &Root) -> Daemon {
    let program = root.path().join("jarkeeper");
    // Not by ourselves: while a writer's descriptor lives on in some child of this process, the file is busy.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_jarkeeper"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let owned = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(root.path())
        .status();
    assert!(owned.unwrap().success());
    let mut command = Command::new(NOBODY[0]);
    command
        .args(&NOBODY[1..])
        .arg(program)
        .arg("--root")
        .arg(root.path())
        .arg("serve")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TMPDIR", root.path().join("tmp"))
        .env("PASSWORD", Site::PASSWORD);
    let daemon = Daemon::spawn(command);
    daemon.hears("jarkeeper keeps sessions fresh");
    daemon
}

#[test]
fn the_daemon_of_an_ordinary_user_hides_its_environment_from_that_user_too() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let root = Root::new();
    let daemon = daemon_of_nobody(&root);
    let out = Command::new(NOBODY[0])
        .args(&NOBODY[1..])
        .args(["cat", &format!("/proc/{}/environ", daemon.pid())])
        .output()
        .unwrap();
    assert!(!out.status.success() && out.stdout.is_empty(), "{out:?}");
}

#[test]
fn with_its_sandbox_chromium_logs_in_and_leaves_nothing_either() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let unshare = ["unshare", "--user", "--pid", "--net", "--fork", "true"];
    let allowed = Command::new(NOBODY[0])
        .args(&NOBODY[1..])
        .args(unshare)
        .output()
        .unwrap();
    if !allowed.status.success() {
        eprintln!("skipped: ordinary users have no user namespaces here, and so no sandbox");
        return;
    }
    let site = Site::start();
    let root = Root::new();
    root.recipe("a", &site.recipe("PASSWORD"));
    // Killed: the browser, the daemon; and stopped.
    for (round, name) in ["a", "b", "c"].into_iter().enumerate() {
        let mut daemon = daemon_of_nobody(&root);
        root.recipe(name, &site.recipe("PASSWORD"));
        logged_in(&root, &site, name);
        let chromium = Process::below(daemon.pid());
        assert!(
            chromium.iter().any(|p| p.kind() == Some("zygote")),
            "{chromium:?}"
        );
        let unsafe_one = chromium
            .iter()
            .find(|p| p.arguments.iter().any(|a| a == "--no-sandbox"));
        assert!(unsafe_one.is_none(), "{unsafe_one:?}");
        match round {
            0 => {
                root.browser().signal(Signal::KILL);
                no_zombies(&daemon);
                assert_eq!(daemon.stop().0, 0);
            }
            1 => daemon.kill(),
            _ => assert_eq!(daemon.stop().0, 0),
        }
        let gone = within(Duration::from_secs(5), || {
            let now = Process::all();
            let left = |p: &&Process| {
                now.iter()
                    .any(|n| n.pid == p.pid && n.arguments == p.arguments && n.state != 'Z')
            };
            (!chromium.iter().any(|p| left(&p))).then_some(())
        });
        assert!(gone.is_some(), "round {round}: {:?}", root.browsers());
    }
    assert_eq!(site.submissions().len(), 3);
    assert_eq!(root.browser_folders(), 0);
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
