//! Where a site account's credentials come from: see [`Source`].
//!
//! Owns: reading secrets at the moment of use, and the sealed file of our own. Door: [`credentials`], [`value`],
//! [`describe`], [`must_seal`], [`sealed`]. Every failure is [`FailureClass::SecretMissing`], names the source and the way out,
//! and never holds a value.

mod command;
mod file;
mod hashicorp;
mod keyring;
mod managers;
pub mod sealed;

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::failure::{Failure, FailureClass};
use crate::secret::Credentials;
use crate::sites::recipe::{Account, CodeSource, Source};
pub use sealed::{must_seal, seal, seal_or_new};

/// Longest time for a command: long enough to ask a password manager over a slow network.
const COMMAND: Duration = Duration::from_secs(30);
/// Longest secret, in bytes. Whatever is longer is not what was meant.
const LONGEST: u64 = 64 * 1024;

/// Gives environment variables.
type Env<'a> = dyn Fn(&str) -> Option<String> + Send + Sync + 'a;

/// What sources are read with.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// The folder of `config.toml`: relative paths begin there, commands run there, `secrets.age` is in it.
    pub root: &'a Path,
    /// Gives environment variables.
    pub env: &'a Env<'a>,
    /// The key of `[seal]`; `None`: where keys are by default.
    pub key: Option<&'a Source>,
}

/// Reads an account's username, password and TOTP secret, each from its source.
///
/// # Errors
/// A source gives nothing: what it is, why, and the way out.
pub async fn credentials(account: &Account, reach: Reach<'_>) -> Result<Credentials, Failure> {
    let read = async |what: &str, source: &Source| {
        let whose = match &account.name {
            Some(name) => format!("the {what} of \"{name}\""),
            None => format!("the {what}"),
        };
        value(&whose, source, reach).await
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
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let out = command::run(&argv, root, deadline).await;
    text(&out.map_err(|broken| broken.why)?)
}

/// Reads one value. `what` names it in messages: `the password`.
///
/// # Errors
/// The source gives nothing: what it is, why, and the way out.
pub async fn value(what: &str, source: &Source, reach: Reach<'_>) -> Result<SecretString, Failure> {
    read(source, reach, COMMAND).await.map_err(|why| {
        let message = format!("{what} comes from {}, which {why}", describe(source));
        Failure::new(FailureClass::SecretMissing, message)
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
        Source::Pass { entry, field: None } => format!("the pass entry \"{entry}\""),
        Source::Pass {
            entry,
            field: Some(field),
        } => format!("the field \"{field}\" of the pass entry \"{entry}\""),
        Source::OnePassword(reference) => format!("1Password's {reference}"),
        Source::Bitwarden { item, .. } => format!("the Bitwarden item \"{item}\""),
        Source::HashiCorp { path, .. } => format!("the Vault secret \"{path}\""),
        Source::Sealed(name) => format!("the sealed secret \"{name}\""),
    }
}

/// The value of one source; otherwise why there is none and the way out, to follow the word "which".
async fn read(
    source: &Source,
    reach: Reach<'_>,
    deadline: Duration,
) -> Result<SecretString, String> {
    match source {
        Source::Sealed(name) => sealed::read(name, reach).await,
        other => read_outside(other, reach, deadline).await,
    }
}

/// The same, of every source but our own sealed file.
async fn read_outside(
    source: &Source,
    reach: Reach<'_>,
    deadline: Duration,
) -> Result<SecretString, String> {
    let Reach { root, env, .. } = reach;
    match source {
        Source::Literal(text) => Ok(text.clone()),
        Source::Env(name) => match env(name).map(SecretString::from) {
            Some(value) if !value.expose_secret().is_empty() => Ok(value),
            Some(_) => Err("is empty; give it a value where jarkeeper is started".to_owned()),
            None => Err(
                "is not set; set it where jarkeeper is started (in a systemd unit: Environment= or EnvironmentFile=)"
                    .to_owned(),
            ),
        },
        Source::File(path) => {
            let path = root.join(path);
            match tokio::task::spawn_blocking(move || file::read(&path)).await {
                Ok(answer) => answer,
                Err(error) => Err(format!("could not be read: {error}")),
            }
        }
        Source::Command(argv) => printed(argv, root, deadline).await,
        Source::Keyring { service, user } => keyring::read(service, user).await,
        Source::Pass { entry, field } => {
            managers::pass(entry, field.as_deref(), root, deadline).await
        }
        Source::OnePassword(reference) => managers::one_password(reference, root, deadline).await,
        Source::Bitwarden { item, field } => {
            managers::bitwarden(item, *field, root, deadline).await
        }
        Source::HashiCorp { path, field } => hashicorp::read(path, field, env).await,
        Source::Sealed(_) => Err("cannot hold the key that opens it".to_owned()),
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

#[cfg(test)]
mod tests;
