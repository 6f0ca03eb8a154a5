//! Where a site account's credentials come from: the environment, a file, a command, the OS keyring, the recipe itself.
//!
//! Owns: reading secrets at the moment of use. Door: [`credentials`], [`describe`]. Every failure is
//! [`FailureClass::SecretMissing`], names the source and the way out, and never holds a value.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::failure::{Failure, FailureClass};
use crate::secret::{Credentials, Redactor};
use crate::sites::recipe::{Account, Source};

/// Longest time for a command: long enough to ask a password manager over a slow network.
const COMMAND: Duration = Duration::from_secs(30);
/// Longest time for the OS keyring: one that is locked asks on a screen that nobody may see.
const KEYRING: Duration = Duration::from_secs(30);
/// Longest secret, in bytes. Whatever is longer is not what was meant.
const LONGEST: u64 = 64 * 1024;
/// Longest line of a command's standard error in a message, in characters.
const SAID: usize = 200;

/// Reads an account's username, password and TOTP secret, each from its source. `env` gives environment variables.
///
/// # Errors
/// A source gives nothing: what it is, why, and the way out.
pub async fn credentials(
    account: &Account,
    root: &Path,
    env: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Result<Credentials, Failure> {
    let read = async |what: &str, source: &Source| {
        read(source, root, env, COMMAND).await.map_err(|why| {
            let whose = match &account.name {
                Some(name) => format!("the {what} of \"{name}\""),
                None => format!("the {what}"),
            };
            let message = format!("{whose} comes from {}, which {why}", describe(source));
            Failure::new(FailureClass::SecretMissing, message)
        })
    };
    let username = match &account.username {
        // A site that asks only for a password.
        Source::Literal(text) if text.expose_secret().is_empty() => String::new(),
        source => read("username", source).await?.expose_secret().to_owned(),
    };
    Ok(Credentials {
        username,
        password: read("password", &account.password).await?,
        totp: match &account.totp {
            Some(source) => Some(read("one-time code secret", source).await?),
            None => None,
        },
    })
}

/// The source in words, for messages. Never its value.
pub fn describe(source: &Source) -> String {
    match source {
        Source::Literal(_) => "the recipe itself".to_owned(),
        Source::Env(name) => format!("the environment variable {name}"),
        Source::File(path) => format!("the file {}", path.display()),
        // Arguments may hold a token; the program's name is enough to recognise it.
        Source::Command(argv) => match argv.first() {
            Some(program) => format!("the command {program}"),
            None => "an empty command".to_owned(),
        },
        Source::Keyring { service, user } => {
            format!("the keyring entry \"{service}\" of \"{user}\"")
        }
    }
}

/// The value of one source; otherwise why there is none and the way out, to follow the word "which".
async fn read(
    source: &Source,
    root: &Path,
    env: &(dyn Fn(&str) -> Option<String> + Send + Sync),
    deadline: Duration,
) -> Result<SecretString, String> {
    match source {
        Source::Literal(text) => Ok(text.clone()),
        Source::Env(name) => match env(name).map(Zeroizing::new) {
            Some(value) if !value.is_empty() => Ok(value.as_str().into()),
            Some(_) => Err("is empty; give it a value where jarkeeper is started".to_owned()),
            None => Err(
                "is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)"
                    .to_owned(),
            ),
        },
        Source::File(path) => {
            let path = root.join(path);
            match tokio::task::spawn_blocking(move || file(&path)).await {
                Ok(answer) => answer,
                Err(error) => Err(format!("could not be read: {error}")),
            }
        }
        Source::Command(argv) => command(argv, root, deadline).await,
        Source::Keyring { service, user } => {
            let (service, user) = (service.clone(), user.clone());
            let (answer, asked) = oneshot::channel();
            // A thread of its own: one of the runtime's would hold up the end of the process while a locked keyring waits
            // for somebody to unlock it.
            std::thread::spawn(move || {
                // Nobody waits any more: then nobody needs it.
                let _ = answer.send(keyring(&service, &user));
            });
            match tokio::time::timeout(KEYRING, asked).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err("could not be asked for".to_owned()),
                Err(_) => Err(format!(
                    "did not answer within {} s; unlock the keyring, for example by logging in to the desktop",
                    KEYRING.as_secs()
                )),
            }
        }
    }
}

/// Text without its last line end.
fn text(bytes: &[u8]) -> Result<SecretString, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| "gives something that is not UTF-8 text".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.is_empty() {
        true => Err("gives nothing; see that the secret is in it".to_owned()),
        false => Ok(text.into()),
    }
}

fn file(path: &Path) -> Result<SecretString, String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "does not exist; write the secret into {} and chmod 600 it",
            path.display()
        ),
        std::io::ErrorKind::PermissionDenied => {
            "may not be read; let the user that runs jarkeeper own it (chown)".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    // Without O_NONBLOCK a FIFO would hold us until somebody writes.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err("is not an ordinary file".to_owned());
    }
    if meta.mode() & 0o077 != 0 {
        let mode = format!("{:04o}", meta.mode() & 0o7777);
        tracing::warn!(path = %path.display(), mode, "others on this machine can read this secret; chmod 600 it");
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "is longer than {} KiB; name the file that holds the secret alone",
            LONGEST / 1024
        ));
    }
    text(&bytes)
}

/// Ends every process of a command that was not waited for, whatever way we leave.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already: then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn command(argv: &[String], root: &Path, deadline: Duration) -> Result<SecretString, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("names no program".to_owned());
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "was not found; install it, or write its whole path".to_owned()
            }
            _ => format!("did not start: {error}"),
        })?;
    let pid = child.id().and_then(|pid| Pid::from_raw(pid as i32));
    let mut group = Group(pid);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let finished = async {
        let (out, err) = tokio::join!(drain(stdout), drain(stderr));
        (child.wait().await, out, err)
    };
    let Ok((status, out, err)) = tokio::time::timeout(deadline, finished).await else {
        return Err(format!(
            "did not finish within {} s and was ended; see that it does not wait for an answer (a PIN, a touch)",
            deadline.as_secs_f32()
        ));
    };
    // Waited for: its number may belong to another process from now on.
    group.0 = None;
    let status = status.map_err(|error| format!("was lost: {error}"))?;
    if out.len() as u64 > LONGEST {
        return Err(format!(
            "printed more than {} KiB; let it print the secret alone",
            LONGEST / 1024
        ));
    }
    if !status.success() {
        // What it printed before it failed may be the secret, and its complaint may repeat that.
        let mut redactor = Redactor::default();
        for line in String::from_utf8_lossy(&out).lines() {
            redactor.add(line);
        }
        let err = Zeroizing::new(redactor.blot(&String::from_utf8_lossy(&err)));
        let line = err.lines().find(|line| !line.trim().is_empty());
        let said = match line {
            Some(line) => {
                let line: String = line
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(SAID)
                    .collect();
                format!("it said: {line}")
            }
            None => "it said nothing".to_owned(),
        };
        let how = match status.code() {
            Some(code) => format!("exit code {code}"),
            None => status.to_string(),
        };
        return Err(format!(
            "failed ({how}; {said}); run it by hand as the user that runs jarkeeper"
        ));
    }
    text(&out)
}

/// Everything that comes, of which the beginning is kept. A command that prints too much is not held up.
async fn drain(from: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::new());
    if let Some(from) = from {
        let mut from = from.take(16 * LONGEST);
        let mut part = Zeroizing::new([0u8; 4096]);
        while let Ok(length @ 1..) = from.read(part.as_mut_slice()).await {
            if kept.len() as u64 <= LONGEST {
                kept.extend_from_slice(&part[..length]);
            }
        }
    }
    kept
}

fn keyring(service: &str, user: &str) -> Result<SecretString, String> {
    // The crate shows the first error only as "no default store"; asked this way it says why.
    if let Err(error) = keyring::Entry::store_status() {
        return Err(unreachable(error));
    }
    let secret = keyring::Entry::new(service, user).and_then(|entry| entry.get_secret());
    match secret {
        Ok(secret) => text(&Zeroizing::new(secret)),
        Err(keyring::Error::NoEntry) => Err(format!(
            "does not exist; make it: secret-tool store --label={service} service {service} username {user}"
        )),
        Err(keyring::Error::Ambiguous(_)) => {
            Err("exists several times; keep one of them".to_owned())
        }
        Err(error) => Err(unreachable(&error)),
    }
}

fn unreachable(error: &keyring::Error) -> String {
    format!(
        "cannot be read: {}; jarkeeper must run in a session with D-Bus and an unlocked keyring, or take the secret from a file or a command",
        error.to_string().trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests {
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
        }
    }

    async fn password(root: &Path, source: Source) -> Result<String, Failure> {
        let credentials = credentials(&account(source), root, &env).await?;
        Ok(credentials.password.expose_secret().to_owned())
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
        let read = credentials(&account, root.path(), &env).await.unwrap();
        assert_eq!(read.username, "bob");
        assert_eq!(read.totp.unwrap().expose_secret(), "from the environment");

        let account = Account {
            name: Some("bob".parse().unwrap()),
            totp: Some(Source::Env("UNSET".into())),
            ..account
        };
        let failure = credentials(&account, root.path(), &env).await.unwrap_err();
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
        let read = credentials(&account, Path::new("/"), &env).await.unwrap();
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
        let argv = ["sleep", "1000"].map(str::to_owned);
        let deadline = Duration::from_millis(50);
        let why = command(&argv, root.path(), deadline).await.unwrap_err();
        assert_eq!(
            why,
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
            keyring::Entry::new("wiki", "admin").and_then(|it| it.set_password("s3cret"))
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
}
