use std::path::PathBuf;

use super::*;

fn env(name: &str) -> Option<String> {
    match name {
        "SET" => Some("from the environment".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn literal(text: &str) -> Source {
    Source::Literal(text.into())
}

fn shell(script: &str) -> Source {
    Source::Command(["sh", "-c", script].map(str::to_owned).to_vec())
}

fn account(password: Source) -> Account {
    Account {
        name: None,
        username: literal("admin"),
        password,
        totp: None,
        recovery_codes: None,
        code: None,
    }
}

async fn password(root: &Path, source: Source) -> Result<String, Failure> {
    let credentials = credentials(&account(source), reach(root)).await?;
    Ok(credentials.password.expose_secret().to_owned())
}

fn reach(root: &Path) -> Reach<'_> {
    Reach {
        root,
        env: &env,
        key: None,
    }
}

/// What is said where there is none.
async fn said(root: &Path, source: Source) -> String {
    let failure = password(root, source).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::SecretMissing);
    assert!(!failure.submitted);
    failure.message.replace(&root.display().to_string(), "ROOT")
}

fn root_with(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(name), bytes).unwrap();
    root
}

#[tokio::test]
async fn every_source_gives_its_value() {
    let root = root_with("secret", b"from a file \r\n");
    let read = async |source| password(root.path(), source).await.unwrap();
    assert_eq!(read(literal("here")).await, "here");
    assert_eq!(
        read(Source::Env("SET".into())).await,
        "from the environment"
    );
    assert_eq!(read(Source::File("secret".into())).await, "from a file ");
    let whole = root.path().join("secret");
    assert_eq!(read(Source::File(whole)).await, "from a file ");
    // It runs in the root, and only the last line end is cut.
    assert_eq!(
        read(shell("cat secret; echo; echo")).await,
        "from a file \r\n\n"
    );
    assert_eq!(read(shell("printf %s \"$0\" ")).await, "sh");
}

#[tokio::test]
async fn username_and_one_time_code_have_sources_too() {
    let root = tempfile::tempdir().unwrap();
    let account = Account {
        username: shell("echo bob"),
        totp: Some(Source::Env("SET".into())),
        ..account(literal("x"))
    };
    let read = credentials(&account, reach(root.path())).await.unwrap();
    assert_eq!(read.username, "bob");
    assert_eq!(read.totp.unwrap().expose_secret(), "from the environment");

    let account = Account {
        name: Some("bob".parse().unwrap()),
        totp: Some(Source::Env("UNSET".into())),
        ..account
    };
    let failure = credentials(&account, reach(root.path())).await.unwrap_err();
    assert!(failure.message.starts_with(
        "the one-time code secret of \"bob\" comes from the environment variable UNSET, which is not set"
    ));
}

#[tokio::test]
async fn a_site_may_ask_for_a_password_alone() {
    let account = Account {
        username: literal(""),
        ..account(literal("x"))
    };
    let read = credentials(&account, reach(Path::new("/"))).await.unwrap();
    assert_eq!(read.username, "");
}

#[tokio::test]
async fn a_source_that_gives_nothing_says_why_and_what_to_do() {
    let root = root_with("empty", b"\n");
    let path = root.path();
    std::fs::write(path.join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(path.join("long"), vec![b'x'; 70_000]).unwrap();
    let file = |name: &str| Source::File(PathBuf::from(name));
    let missing = ["no-such-program", "--token", "hunter2"].map(str::to_owned);
    let mut all = Vec::new();
    for source in [
        Source::Env("UNSET".into()),
        Source::Env("EMPTY".into()),
        file("none"),
        file("empty"),
        file("binary"),
        file("long"),
        file("."),
        Source::Command(missing.to_vec()),
        shell("exit 0"),
        shell("exit 3"),
        shell("echo >&2; echo 'wiki is not in the store' >&2; echo more >&2; exit 1"),
        shell("kill -9 $$"),
        shell("head -c 70000 /dev/zero"),
    ] {
        all.push(said(path, source).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r##"
    the password comes from the environment variable UNSET, which is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)
    the password comes from the environment variable EMPTY, which is empty; give it a value where jarkeeper is started
    the password comes from the file none, which does not exist; write the secret into ROOT/none and chmod 600 it
    the password comes from the file empty, which gives nothing; see that the secret is in it
    the password comes from the file binary, which gives something that is not UTF-8 text
    the password comes from the file long, which is longer than 64 KiB; name the file that holds the secret alone
    the password comes from the file ., which is not an ordinary file
    the password comes from the command no-such-program, which was not found; install it, or write its whole path
    the password comes from the command sh, which gives nothing; see that the secret is in it
    the password comes from the command sh, which failed (exit code 3; it said nothing); run it by hand as the user that runs jarkeeper
    the password comes from the command sh, which failed (exit code 1; it said: wiki is not in the store); run it by hand as the user that runs jarkeeper
    the password comes from the command sh, which failed (signal: 9 (SIGKILL); it said nothing); run it by hand as the user that runs jarkeeper
    the password comes from the command sh, which printed more than 64 KiB; let it print the secret alone
    "##);
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_does_not_hold_us_up() {
    let root = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(root.path().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let said = said(root.path(), Source::File("pipe".into())).await;
    assert!(said.ends_with("which is not an ordinary file"), "{said}");
}

#[tokio::test]
async fn a_command_that_fails_does_not_tell_what_it_printed() {
    let root = tempfile::tempdir().unwrap();
    let script = "echo hunter2; echo 'not good: hunter2' >&2; exit 1";
    let said = said(root.path(), shell(script)).await;
    assert!(said.contains("not good: [secret]"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_command_that_waits_for_somebody_is_ended() {
    let root = tempfile::tempdir().unwrap();
    let deadline = Duration::from_millis(50);
    let run = command::run(&["sleep", "1000"], root.path(), deadline);
    assert_eq!(
        run.await.err().unwrap().why,
        "did not finish within 0.05 s and was ended; see that it does not wait for an answer (a PIN, a touch)"
    );
}

#[tokio::test]
async fn nothing_of_a_command_stays_when_nobody_waits_for_it() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_owned();
    // The shell's own child is what would be left behind.
    let script = "sleep 1000 & echo $! > pid.new; mv pid.new pid; wait";
    let waiting = tokio::spawn(async move { said(&path, shell(script)).await });
    let pid = until(|| std::fs::read_to_string(root.path().join("pid")).ok()).await;
    waiting.abort();
    let stat = format!("/proc/{}/stat", pid.trim());
    // Gone, or dead and not yet taken note of by whoever inherits it.
    until(|| match std::fs::read_to_string(&stat) {
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    })
    .await;
}

/// Polls until there is something; at most half a minute.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), look).await;
    found.expect("it never came")
}

#[test]
fn a_source_in_words_holds_no_value() {
    let sources = [
        literal("hunter2"),
        Source::Env("WIKI_PASSWORD".into()),
        Source::File("secrets/wiki".into()),
        Source::Command(["vault", "--token", "hunter2"].map(str::to_owned).to_vec()),
        Source::Keyring {
            service: "wiki".into(),
            user: "admin".into(),
        },
    ];
    let words = sources.iter().map(describe).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(words, @r##"
    the recipe itself
    the environment variable WIKI_PASSWORD
    the file secrets/wiki
    the command vault
    the keyring entry "wiki" of "admin"
    "##);
}

/// Which part of a test runs in a process of its own, with a D-Bus session of its own.
const PART: &str = "JARKEEPER_TEST_PART";

/// Runs one test again below `wrapper`, with a home of its own.
fn again(test: &str, wrapper: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut argv: Vec<&std::ffi::OsStr> = wrapper.iter().map(|it| (*it).as_ref()).collect();
    argv.push(program.as_os_str());
    let output = std::process::Command::new(argv[0])
        .args(&argv[1..])
        .args(["--exact", test, "--nocapture"])
        .env(PART, "child")
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env_remove("XDG_DATA_HOME")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{} did not start ({error}); apt-get install dbus gnome-keyring",
                wrapper.join(" ")
            )
        });
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{out}\n{err}"
    );
}

fn entry(user: &str) -> Source {
    Source::Keyring {
        service: "wiki".into(),
        user: user.into(),
    }
}

#[tokio::test]
async fn a_secret_comes_from_a_real_keyring() {
    if std::env::var_os(PART).is_none() {
        let unlock = "command -v gnome-keyring-daemon || { echo 'apt-get install gnome-keyring' >&2; exit 1; }; \
            printf pw | gnome-keyring-daemon --unlock --components=secrets && exec \"$@\"";
        return again(
            "vault::tests::a_secret_comes_from_a_real_keyring",
            &["dbus-run-session", "--", "sh", "-c", unlock, "sh"],
        );
    }
    let root = Path::new("/");
    // A thread of its own, because the crate blocks on its own runtime.
    let kept = std::thread::spawn(|| {
        ::keyring::Entry::new("wiki", "admin").and_then(|it| it.set_password("s3cret"))
    });
    kept.join().unwrap().unwrap();
    assert_eq!(password(root, entry("admin")).await.unwrap(), "s3cret");
    insta::assert_snapshot!(said(root, entry("bob")).await, @r##"
    the password comes from the keyring entry "wiki" of "bob", which does not exist; make it: secret-tool store --label=wiki service wiki username bob
    "##);
}

#[tokio::test]
async fn a_machine_without_a_keyring_is_told() {
    if std::env::var_os(PART).is_none() {
        return again(
            "vault::tests::a_machine_without_a_keyring_is_told",
            &["env"],
        );
    }
    let root = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(said(root.path(), entry("admin")).await, @r##"
    the password comes from the keyring entry "wiki" of "admin", which cannot be read: Platform failure: zbus error: Failed to connect to address `unix:path=/nonexistent/bus`: No such file or directory (os error 2); jarkeeper must run in a session with D-Bus and an unlocked keyring, or take the secret from a file or a command
    "##);
}
