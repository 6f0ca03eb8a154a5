//! kill -9 of the program at any moment of its renewals.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jarkeeper::session::StorageState;

use crate::support::Site;
use crate::support::process::{Root, all, eventually, opens, within};

/// What no reader may ever meet, whatever was killed when; gives the state, where there is one.
fn whole(root: &Root, site: &Site, name: &str, at: &str) -> Option<StorageState> {
    let path = root.file(name);
    let bytes = std::fs::read(&path).ok()?;
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600, "{at}");
    let state: StorageState =
        serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{at}: {name}: {e}"));
    assert!(opens(site, &state), "{at}: {name} is not logged in");
    Some(state)
}

fn submissions(site: &Site, user: &str) -> usize {
    site.submissions()
        .iter()
        .filter(|s| s.username == user)
        .count()
}

/// A recipe for one of the site's users, renewed each second.
fn busy_recipe(site: &Site, user: &str) -> String {
    site.set_account(user, Site::PASSWORD);
    let recipe = site
        .recipe("PASSWORD")
        .replace("\"demo\"", &format!("\"{user}\""));
    format!("{recipe}renewal = {{ cron = \"* * * * * *\" }}\n")
}

/// A linear congruential generator is random enough for moments.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below_ms: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % below_ms)
    }
}

#[test]
fn a_daemon_killed_at_random_moments_of_renewals_leaves_whole_live_states_and_no_browser() {
    let (batches, rounds) = if all() { (25, 8) } else { (4, 6) };
    let mut moments = Moments(u64::from(std::process::id()));
    let (mut kills, mut with_browser, mut held, mut submitted) = (0, 0, 0, 0);
    for batch in 0..batches {
        // Sessions that slide: each look by the cron gives a new end, and so a new file.
        let site = Site::with(|dials| {
            dials.sliding = true;
            dials.cookie_life = Some(600);
        });
        let root = Root::new();
        root.env("PASSWORD", Site::PASSWORD);
        let names = ["a", "b", "c"];
        names
            .iter()
            .for_each(|name| root.recipe(name, &busy_recipe(&site, name)));
        // The files of sessions that were ended on the server, until they are renewed.
        let mut dead: HashMap<&str, Vec<u8>> = HashMap::new();
        for round in 0..rounds {
            let at = format!("batch {batch}, round {round}");
            let there = names.map(|name| root.file(name).exists());
            if round % 3 == 2 {
                site.invalidate();
                for name in names {
                    dead.insert(name, std::fs::read(root.file(name)).unwrap_or_default());
                }
            }
            let mut daemon = root.daemon();
            within(moments.next(2_500), || None::<()>);
            with_browser += usize::from(!root.browsers().is_empty());
            daemon.kill();
            kills += 1;
            root.no_browser_within(Duration::from_secs(5));
            for (name, there) in names.into_iter().zip(there) {
                let bytes = std::fs::read(root.file(name)).ok();
                if bytes.is_none() || bytes.as_ref() != dead.get(name) {
                    whole(&root, &site, name, &at);
                }
                assert!(bytes.is_some() || !there, "{at}: {name} was there before");
                let lines = root.ledger(name, "submit");
                assert!(
                    submissions(&site, name) <= lines,
                    "{at}: a click before its line"
                );
                assert!(lines <= 3, "{at}: {lines} logins within an hour");
            }
        }
        let _daemon = root.daemon();
        for name in names {
            // Live again, or held by the ledger: then the site is left alone.
            let x = root.status(name, |x| {
                let class = x["last_error"]["class"].as_str();
                let spent = class == Some("budget") || !x["hold"].is_null();
                // One whose login was cut off after the click waits a quarter of an hour.
                let waits = x["last_error"]["submitted"] == true;
                spent || waits || whole_now(&root, &site, name)
            });
            held += usize::from(!whole_now(&root, &site, name));
            assert!(root.ledger(name, "submit") <= 3, "{x}");
            submitted += submissions(&site, name);
        }
        assert_eq!(root.unfinished(), Vec::<String>::new());
    }
    eprintln!(
        "{kills} kills, {with_browser} with a Chromium running, {submitted} submissions, {held} accounts held"
    );
    assert!(with_browser > 0 && submitted > 0);
}

fn whole_now(root: &Root, site: &Site, name: &str) -> bool {
    root.state(name).is_some_and(|state| opens(site, &state))
}

/// A Chromium apart, so that a tracer need not follow it.
struct Apart {
    child: Child,
    _dir: tempfile::TempDir,
    address: String,
}

impl Apart {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        let executable = jarkeeper::browser::launch::find(None, &path).unwrap();
        let child = Command::new(executable)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--remote-debugging-port=0",
                "--disable-gpu",
            ])
            .arg(format!("--user-data-dir={}", dir.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = eventually("Chromium's port", || {
            let text = std::fs::read_to_string(dir.path().join("DevToolsActivePort")).ok()?;
            let (port, path) = text.split_once('\n')?;
            Some(format!("ws://127.0.0.1:{port}{}", path.trim()))
        });
        Self {
            child,
            _dir: dir,
            address,
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_login_killed_at_each_of_its_system_calls_is_made_good_by_the_next_within_the_budget() {
    const CALLS: [&str; 7] = [
        "openat2", "openat", "write", "fsync", "renameat", "linkat", "unlinkat",
    ];
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed (`apt-get install strace`)");
        return;
    }
    let browser = Apart::start();
    let site = Site::start();
    let step = if all() { 1 } else { 6 };
    let (mut points, mut cut, mut twice) = (HashMap::new(), 0, 0);
    for call in CALLS {
        // Counters are a thread's own in strace, so that not every point is met; a run that ends is the last.
        // The loader opens many files before the program begins.
        let step = if call == "openat" { step * 4 } else { step };
        for when in (1..).step_by(step) {
            let at = format!("{call} {when}");
            let user = format!("{call}-{when}");
            site.set_account(&user, Site::PASSWORD);
            let root = Root::new();
            root.env("PASSWORD", Site::PASSWORD);
            let recipe = site
                .recipe("PASSWORD")
                .replace("\"demo\"", &format!("\"{user}\""));
            root.recipe("x", &recipe);
            root.save(
                "config.toml",
                &format!("[browser]\ncdp_url = \"{}\"\n", browser.address),
            );
            // Every other time there is a session already, which the site has ended; without one, nothing is linked.
            let renewal = call == "linkat" || when / step % 2 == 1;
            if renewal {
                assert_eq!(root.run(&["login", "x"]).code, Some(0), "{at}");
                site.invalidate();
            }
            let (old, earlier) = (std::fs::read(root.file("x")).ok(), usize::from(renewal));
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let trace = format!("trace={call}");
            let tracer = [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &trace,
                "-e",
                &inject,
            ];
            let out = root.after(&tracer, &["login", "x"]).output().unwrap();
            let killed = out.status.signal() == Some(9);
            if !killed && !out.status.success() {
                let said = String::from_utf8_lossy(&out.stderr);
                if points.is_empty() && said.to_lowercase().contains("ptrace") {
                    eprintln!("skipped: strace may not trace here: {said}");
                    return;
                }
                panic!("{at}: {:?} {said}", out.status);
            }
            let now = std::fs::read(root.file("x")).ok();
            assert!(
                now.is_some() || old.is_none(),
                "{at}: the old state is gone"
            );
            if now != old {
                whole(&root, &site, "x", &at);
            }
            let (clicks, lines) = (submissions(&site, &user), root.ledger("x", "submit"));
            assert!(
                clicks <= lines && lines <= earlier + 1,
                "{at}: {clicks} {lines}"
            );
            cut += usize::from(killed && lines == earlier + 1);
            let next = root.run(&["login", "x"]);
            assert_eq!(next.code, Some(0), "{at}: {next:?}");
            assert!(whole(&root, &site, "x", &at).is_some(), "{at}");
            let clicks = submissions(&site, &user);
            assert!(clicks <= earlier + 2, "{at}: {clicks}");
            twice += usize::from(clicks == earlier + 2);
            assert_eq!(root.unfinished(), Vec::<String>::new(), "{at}");
            if !killed {
                break;
            }
            *points.entry(call).or_insert(0) += 1;
        }
    }
    eprintln!("{points:?}; {cut} with a submission in the ledger, {twice} submitted twice");
    assert_eq!(points.len(), CALLS.len(), "{points:?}");
}
