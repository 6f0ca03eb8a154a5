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
use crate::sites::recipe::{Account, CodeSource, Source};

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
    let password = match &account.password {
        // A site that lets in with what it sends.
        Source::Literal(text) if text.expose_secret().is_empty() => text.clone(),
        source => read("password", source).await?,
    };
    Ok(Credentials {
        username,
        password,
        totp: match &account.totp {
            Some(source) => Some(read("one-time code secret", source).await?),
            None => None,
        },
        recovery_codes: match &account.recovery_codes {
            Some(source) => lines(&read("recovery codes", source).await?),
            None => Vec::new(),
        },
        mailbox: match account.code.as_ref().map(|codes| &codes.from) {
            Some(CodeSource::Imap(imap, _)) => {
                Some(read("mailbox's password", &imap.password).await?)
            }
            _ => None,
        },
    })
}

/// The lines of a secret that say something; one that begins with # is a note.
fn lines(text: &SecretString) -> Vec<SecretString> {
    let lines = text.expose_secret().lines().map(str::trim);
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.map(SecretString::from).collect()
}

/// What a command prints that gives a one-time code: it may block until one comes.
///
/// # Errors
/// Why there is none, to follow the word "which".
pub(crate) async fn printed(
    argv: &[String],
    root: &Path,
    deadline: Duration,
) -> Result<SecretString, String> {
    command(argv, root, deadline).await
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
mod tests;
