//! A secret of every backend gets in, and is nowhere else: in no log, file, message, argument or answer, and at no other
//! origin.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustix::process::Signal;

use crate::patterns::mailbox::Mailbox;
use crate::support::process::{Daemon, Process, Root, eventually};
use crate::support::{Site, run};

/// Which part of a test runs in a process of its own, with a D-Bus session of its own.
const PART: &str = "JARKEEPER_TEST_PART";

/// The backends; each has a site, a user and a secret of its own.
const BACKENDS: [&str; 9] = [
    "env",
    "file",
    "command",
    "keyring",
    "pass",
    "op",
    "bitwarden",
    "vault",
    "sealed",
];
/// One more, whose login fails and leaves artefacts.
const REFUSED: &str = "refused";

fn canary(backend: &str) -> String {
    format!("Canary7f3a{backend}Q9zL")
}

/// What the secret looks like wherever it may turn up; it has no character that is written otherwise in URL, HTML, JSON.
fn spellings(backend: &str) -> [String; 3] {
    let plain = canary(backend);
    // Base64 at any offset: two characters in, one or two out, are the same wherever it begins.
    let coded = STANDARD_NO_PAD.encode(&plain);
    let reversed = plain.chars().rev().collect();
    [plain, coded, reversed]
}

fn finds(text: &[u8]) -> Option<String> {
    let all = BACKENDS.iter().chain([&REFUSED]);
    let mut needles = all.flat_map(|backend| spellings(backend));
    needles.find(|needle| {
        text.windows(needle.len())
            .any(|part| part == needle.as_bytes())
    })
}

fn clean(what: &str, text: &[u8]) {
    let found = finds(text);
    assert_eq!(found, None, "{what}: {}", String::from_utf8_lossy(text));
}

/// Reads the arguments of every process below us as often as it can, until it is told to stop.
struct Watch {
    over: Arc<AtomicBool>,
    seen: std::thread::JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Watch {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !until.load(Ordering::Acquire) {
                let entries = std::fs::read_dir("/proc").unwrap().flatten();
                for entry in entries {
                    let number = entry.file_name().to_string_lossy().parse::<u32>();
                    if number.is_ok() {
                        let line = std::fs::read(entry.path().join("cmdline"));
                        seen.insert(line.unwrap_or_default());
                    }
                }
            }
            seen
        });
        Self { over, seen }
    }

    fn stop(self) -> BTreeSet<Vec<u8>> {
        self.over.store(true, Ordering::Release);
        self.seen.join().unwrap()
    }
}

fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Puts each secret where its backend keeps it, and gives the sources.
fn plant(root: &Root, vault: &str) -> Vec<(&'static str, String)> {
    let at = |name: &str| root.path().join(name);
    root.env("CANARY", &canary("env"));
    std::fs::write(at("secret"), canary("file")).unwrap();
    std::fs::set_permissions(at("secret"), PermissionsExt::from_mode(0o600)).unwrap();
    let bin = at("bin");
    std::fs::create_dir(&bin).unwrap();
    program(&bin, "give", &format!("printf {}", canary("command")));
    program(&bin, "op", &format!("printf {}", canary("op")));
    let item = format!("{{\"login\":{{\"password\":\"{}\"}}}}", canary("bitwarden"));
    program(&bin, "bw", &format!("printf '%s' '{item}'"));
    let path = std::env::var("PATH").unwrap_or_default();
    root.env("PATH", &format!("{}:{path}", bin.display()));
    // The crate blocks on a runtime of its own.
    let kept = std::thread::spawn(|| {
        keyring::Entry::new("canary", "bird").and_then(|it| it.set_password(&canary("keyring")))
    });
    kept.join().unwrap().unwrap();
    root.env("GNUPGHOME", &at("gnupg").display().to_string());
    root.env("PASSWORD_STORE_DIR", &at("store").display().to_string());
    std::fs::create_dir(at("gnupg")).unwrap();
    std::fs::set_permissions(at("gnupg"), PermissionsExt::from_mode(0o700)).unwrap();
    feed(
        root,
        &["sh", "-ec", "gpg --batch --quiet --passphrase '' --quick-generate-key throw@away.example default default never
            pass init throw@away.example; pass insert -m bird"],
        &canary("pass"),
    );
    root.env("VAULT_ADDR", vault);
    root.env("VAULT_TOKEN", "hvs.T0ken");
    feed(
        root,
        &[
            env!("CARGO_BIN_EXE_jarkeeper"),
            "--verbose",
            "secret",
            "set",
            "bird",
        ],
        &canary("sealed"),
    );
    root.env("WRONG", &canary(REFUSED));
    [
        ("env", "{ env = 'CANARY' }"),
        ("file", "{ file = 'secret' }"),
        ("command", "{ command = ['give'] }"),
        ("keyring", "{ keyring = 'canary', user = 'bird' }"),
        ("pass", "{ pass = 'bird' }"),
        ("op", "{ op = 'op://nest/bird/password' }"),
        ("bitwarden", "{ bitwarden = 'bird' }"),
        (
            "vault",
            "{ vault = 'secret/data/bird', field = 'password' }",
        ),
        ("sealed", "{ sealed = 'bird' }"),
        (REFUSED, "{ env = 'WRONG' }"),
    ]
    .map(|(name, source)| (name, source.to_owned()))
    .to_vec()
}

/// Runs a command with this on its standard input; neither it nor what it prints may hold a secret.
fn feed(root: &Root, words: &[&str], input: &str) {
    let like = root.command(&[]);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .current_dir(root.path());
    command.envs(
        like.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "apt-get install pass gnupg: {}",
        String::from_utf8_lossy(&said)
    );
    clean("what planted it", &said);
}

/// A Vault as its API is documented: KV 2 with one secret.
fn vault() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let answer = axum::Json(serde_json::json!({
                "data": { "data": { "password": canary("vault") }, "metadata": { "version": 1 } }
            }));
            let router = axum::Router::new().fallback(async move || answer.clone());
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    address
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn a_secret_of_any_backend_is_nowhere_but_at_its_site() {
    if std::env::var_os(PART).is_none() {
        return again();
    }
    let site = Site::start();
    let root = Root::new();
    for name in ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"] {
        root.env(name, &std::env::var(name).unwrap());
    }
    root.env("RUST_LOG", "trace");
    root.env("RUST_BACKTRACE", "full");
    let sources = plant(&root, &vault());
    for (name, source) in &sources {
        site.set_account(&format!("{name}-user"), &canary(name));
        let url = site.login_url();
        root.recipe(
            name,
            &format!("url = \"{url}\"\nusername = \"{name}-user\"\npassword = {source}\n"),
        );
    }
    site.set_account(&format!("{REFUSED}-user"), "something else");

    let watch = Watch::start();
    let loud = ["--verbose", "--set", "log.filter=trace"];
    let run = |arguments: &[&str]| {
        let ended = root.run(&[&loud[..], arguments].concat());
        clean(
            &format!("{arguments:?}"),
            format!("{}{}", ended.out, ended.err).as_bytes(),
        );
        ended
    };
    let doctor = run(&["doctor"]);
    assert!(!doctor.out.contains("MISSING  site"), "{doctor:?}");
    let login = run(&["login", "--all", "--json"]);
    assert!(
        login.err.contains("TRACE") || login.err.contains("DEBUG"),
        "it was not loud"
    );
    for report in login.json().as_array().unwrap() {
        let expected = report["key"] != REFUSED;
        assert_eq!(report["ok"], expected, "{report}");
    }
    run(&["status"]);
    run(&["status", "--json"]);
    run(&["check", "env", "--json"]);
    run(&["export", "pass"]);
    run(&["hold", "vault"]);
    run(&["release", "vault"]);
    run(&["login", "refused"]);
    run(&["sites", "check", "--json"]);
    // Each was submitted once, by its own user, and so was read as it is.
    let submitted = site.submissions();
    for backend in BACKENDS {
        let user = format!("{backend}-user");
        let own = submitted
            .iter()
            .filter(|it| format!("{it:?}").contains(&user));
        assert_eq!(own.count(), 1, "{backend}");
        assert_eq!(site.leaks(&canary(backend)), 0, "{backend}");
    }
    // A daemon that dies in the middle of its work.
    site.invalidate();
    run(&["check", "env"]);
    let mut daemon = Daemon::spawn(root.command(&[&loud[..], &["serve"]].concat()));
    daemon.hears("jarkeeper keeps sessions fresh");
    daemon.hears("session renewed");
    daemon.signal(Signal::ABORT);
    assert!(daemon.ended(std::time::Duration::from_secs(30)).is_some());
    clean("the daemon's log", format!("{:?}", daemon.log()).as_bytes());

    let arguments = watch.stop();
    assert!(
        arguments
            .iter()
            .any(|it| it.windows(4).any(|part| part == b"pass"))
    );
    for line in arguments {
        clean("arguments of a process", &line);
    }
    let mut left = Vec::new();
    for name in [
        ".auth",
        "tmp",
        "sites",
        "secrets.age",
        "store",
        "config.toml",
    ] {
        match root.path().join(name) {
            path if path.is_dir() => files(&path, &mut left),
            path => left.push(path),
        }
    }
    assert!(
        left.iter().any(|path| path.ends_with("failure.txt")),
        "{left:?}"
    );
    for path in left {
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert_eq!(finds(&bytes), None, "{}", path.display());
    }
    let cores = std::fs::read_dir(root.path()).unwrap().flatten();
    assert!(
        !cores
            .into_iter()
            .any(|it| it.file_name().to_string_lossy().starts_with("core"))
    );
    let gpg = Process::all();
    for process in gpg
        .iter()
        .filter(|it| it.arguments.iter().any(|word| word.contains("gnupg")))
    {
        process.signal(Signal::TERM);
    }
    eventually("the end of GPG's agent", || {
        let left = root.processes();
        (!left.iter().any(|it| it.arguments[0].contains("gpg-agent"))).then_some(())
    });
}

/// Runs the test again in a D-Bus session with an unlocked keyring and a home of its own.
fn again() {
    let unlock = "command -v gnome-keyring-daemon || { echo 'apt-get install gnome-keyring' >&2; exit 1; }; \
        printf pw | gnome-keyring-daemon --unlock --components=secrets && exec \"$@\"";
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", unlock, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "canary::a_secret_of_any_backend_is_nowhere_but_at_its_site",
            "--nocapture",
        ])
        .env(PART, "child")
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env_remove("XDG_DATA_HOME")
        .output()
        .expect("apt-get install dbus gnome-keyring");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{out}\n{err}"
    );
}

/// A filter that asks for the very place where the mail library logs what it sends.
const NOSY: &str = "log.filter=trace,async_imap=trace,async_imap::imap_stream=trace";

#[test]
fn the_secret_of_a_mailbox_is_in_no_log_even_where_its_library_is_asked_for_it() {
    run(async {
        let Some(mailbox) = Mailbox::start().await else {
            return;
        };
        let site = Site::start();
        let root = Root::new();
        root.env("PASSWORD", Site::PASSWORD);
        root.env("MAILBOX", mailbox.password());
        let three = format!(
            "url = \"{}\"\nusername = \"{}\"\npassword = {{ env = \"PASSWORD\" }}\n",
            site.login_url(),
            Site::USER
        );
        root.recipe("x", &format!("{three}{}", mailbox.line()));
        let login = root.run(&["--verbose", "--set", NOSY, "login", "x"]);
        assert_eq!(login.code, Some(0), "{login:?}");
        assert!(login.err.contains("TRACE"), "it was not loud");
        let text = format!("{}{}", login.out, login.err);
        for secret in [mailbox.password(), Site::PASSWORD] {
            assert!(!text.contains(secret), "{text}");
            let coded = STANDARD_NO_PAD.encode(secret);
            assert!(!text.contains(&coded), "{text}");
        }
    });
}
