//! Our own sealed file, `secrets.age` beside `config.toml`, and the key that seals whatever we keep for ourselves alone.
//!
//! The file holds a JSON object, name to value, encrypted as one. Its writers keep apart by a lock on its folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{COMMAND, Reach, describe, file, keyring, read_outside, text};
use crate::failure::{Failure, FailureClass};
use crate::seal::{Seal, Unopened};
use crate::session::files::{fetch, holds_sealed, put};

/// The file of secrets.
pub const SECRETS: &str = "secrets.age";
/// The file of the key, where no keyring holds it and `[seal]` names no other.
pub const KEY: &str = "seal.key";
/// The entry of the keyring that holds the key where `[seal]` names no other.
const ENTRY: (&str, &str) = ("jarkeeper", "seal");
/// Largest file of secrets, in bytes.
const LARGEST: usize = 16 << 20;
/// Longest wait for another process that is writing: it may be asking a keyring.
const LOCK: Duration = Duration::from_secs(60);

type Secrets = BTreeMap<String, Zeroizing<String>>;

/// The key that seals, where there is one.
///
/// # Errors
/// Its source gives none, or nothing that is a key.
pub async fn seal(reach: Reach<'_>) -> Result<Option<Seal>, Failure> {
    key(reach)
        .await
        .map_err(|why| Failure::new(FailureClass::SecretMissing, why))
}

/// The key that seals.
///
/// # Errors
/// There is none, or its source gives nothing that is one.
pub async fn must_seal(reach: Reach<'_>) -> Result<Seal, Failure> {
    let none = || Failure::new(FailureClass::SecretMissing, no_key(reach.root));
    seal(reach).await?.ok_or_else(none)
}

/// The key that seals, made where there is none; and where it is now, if it was made.
///
/// # Errors
/// Its source gives none, or a new one cannot be kept.
pub async fn seal_or_new(reach: Reach<'_>) -> Result<(Seal, Option<String>), Failure> {
    let _lock = lock(reach.root).await?;
    key_or_new(reach).await
}

/// Keeps a secret under a name, in place of what was there; says where the key is, if it was made for this.
///
/// # Errors
/// There is no key, it is another one, or the file is damaged or cannot be written; it is left as it is.
pub async fn set(
    name: &str,
    value: &SecretString,
    reach: Reach<'_>,
) -> Result<Option<String>, Failure> {
    let _lock = lock(reach.root).await?;
    let (seal, made) = key_or_new(reach).await?;
    let mut secrets = open(&seal, reach.root)
        .map_err(damaged)?
        .unwrap_or_default();
    let value = Zeroizing::new(value.expose_secret().to_owned());
    secrets.insert(name.to_owned(), value);
    write(&seal, &secrets, reach.root)?;
    Ok(made)
}

/// The names of the secrets that are kept.
///
/// # Errors
/// As [`set`].
pub async fn list(reach: Reach<'_>) -> Result<Vec<String>, Failure> {
    if !reach.root.join(SECRETS).exists() {
        return Ok(Vec::new());
    }
    let seal = must_seal(reach).await?;
    let secrets = open(&seal, reach.root).map_err(damaged)?;
    Ok(secrets.unwrap_or_default().into_keys().collect())
}

/// A name like this one under which nothing is kept yet, if anything can be kept: nothing is made or changed.
///
/// # Errors
/// As [`set`].
pub async fn free_name(like: &str, reach: Reach<'_>) -> Result<String, Failure> {
    let secrets = match seal(reach).await? {
        Some(seal) => open(&seal, reach.root).map_err(damaged)?,
        None => {
            may_make_key(reach.root)?;
            None
        }
    };
    let taken = secrets.unwrap_or_default();
    let numbered = (2..).map(|number| format!("{like}-{number}"));
    let mut names = std::iter::once(like.to_owned()).chain(numbered);
    let free = names.find(|name| !taken.contains_key(name));
    Ok(free.unwrap_or_else(|| like.to_owned()))
}

/// Removes a secret; `false`: there was none of this name.
///
/// # Errors
/// As [`set`].
pub async fn remove(name: &str, reach: Reach<'_>) -> Result<bool, Failure> {
    if !reach.root.join(SECRETS).exists() {
        return Ok(false);
    }
    let _lock = lock(reach.root).await?;
    let seal = must_seal(reach).await?;
    let mut secrets = open(&seal, reach.root)
        .map_err(damaged)?
        .unwrap_or_default();
    if secrets.remove(name).is_none() {
        return Ok(false);
    }
    write(&seal, &secrets, reach.root)?;
    Ok(true)
}

/// The value of a name; otherwise why there is none, to follow the word "which".
pub(super) async fn read(name: &str, reach: Reach<'_>) -> Result<SecretString, String> {
    if !reach.root.join(SECRETS).exists() {
        return Err(format!(
            "does not exist, for there is no {SECRETS} yet; make it: jarkeeper secret set {name}"
        ));
    }
    let unreadable = |why: String| format!("cannot be read: {why}");
    let seal = key(reach).await.map_err(unreadable)?;
    let seal = seal.ok_or_else(|| unreadable(no_key(reach.root)))?;
    let secrets = open(&seal, reach.root).map_err(unreadable)?;
    match secrets.unwrap_or_default().get(name) {
        Some(value) => text(value.as_bytes()),
        None => Err(format!(
            "is not in {SECRETS} (`jarkeeper secret list` shows what is); make it: jarkeeper secret set {name}"
        )),
    }
}

async fn key(reach: Reach<'_>) -> Result<Option<Seal>, String> {
    let (value, from) = match reach.key {
        Some(source) => {
            let value = read_outside(source, reach, COMMAND).await;
            let from = describe(source);
            let value =
                value.map_err(|why| format!("the key of [seal] comes from {from}, which {why}"))?;
            (value, from)
        }
        None => {
            let path = reach.root.join(KEY);
            let (service, user) = ENTRY;
            if path.exists() {
                let from = format!("the file {}", path.display());
                let value = file::read(&path)
                    .map_err(|why| format!("the key comes from {from}, which {why}"))?;
                (value, from)
            } else {
                let from = format!("the keyring entry \"{service}\" of \"{user}\"");
                let found = keyring::find(service, user).await;
                match found.map_err(|why| format!("the key comes from {from}, which {why}"))? {
                    Some(value) => (value, from),
                    None => return Ok(None),
                }
            }
        }
    };
    match Seal::read(&value) {
        Some(seal) => Ok(Some(seal)),
        None => Err(format!(
            "the key comes from {from}, which holds no age identity, or several; it is one line that begins with AGE-SECRET-KEY-1, as `age-keygen` prints it"
        )),
    }
}

fn no_key(root: &Path) -> String {
    let (service, user) = ENTRY;
    format!(
        "there is no key: neither {} nor the keyring entry \"{service}\" of \"{user}\" is there; bring back the one that it was sealed with, or name its source as key in [seal] of config.toml (a keyring is only seen from the session that has it)",
        root.join(KEY).display()
    )
}

async fn key_or_new(reach: Reach<'_>) -> Result<(Seal, Option<String>), Failure> {
    if let Some(seal) = seal(reach).await? {
        return Ok((seal, None));
    }
    may_make_key(reach.root)?;
    let seal = Seal::new();
    let (service, user) = ENTRY;
    let kept = keyring::keep(service, user, &seal.text()).await;
    let place = match kept {
        Ok(true) => format!("the keyring entry \"{service}\" of \"{user}\""),
        Ok(false) => {
            let mut line = Zeroizing::new(seal.text().expose_secret().to_owned());
            line.push('\n');
            put(reach.root, KEY, line.as_bytes())?;
            format!("the file {}", reach.root.join(KEY).display())
        }
        Err(why) => {
            let message = format!("the new key belongs into the keyring, which {why}");
            return Err(Failure::new(FailureClass::SecretMissing, message));
        }
    };
    Ok((seal, Some(place)))
}

/// A new key beside one that is only out of reach would lock the old one out.
fn may_make_key(root: &Path) -> Result<(), Failure> {
    match root.join(SECRETS).exists() || holds_sealed(&root.join(".auth")) {
        true => Err(Failure::new(FailureClass::SecretMissing, no_key(root))),
        false => Ok(()),
    }
}

/// Every secret; `None` where there is no file.
fn open(seal: &Seal, root: &Path) -> Result<Option<Secrets>, String> {
    let path = root.join(SECRETS);
    let Some(bytes) = fetch(root, SECRETS, LARGEST).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let broken = || {
        format!(
            "{} is damaged; bring back a copy of it, or move it away and set its secrets again",
            path.display()
        )
    };
    let plain = seal.open(&bytes).map_err(|why| match why {
        Unopened::OtherKey => format!(
            "{} was sealed with another key; bring that one back (see [seal] in config.toml), or move the file away and set its secrets again",
            path.display()
        ),
        Unopened::Damaged => broken(),
    })?;
    serde_json::from_slice(&plain)
        .map(Some)
        .map_err(|_| broken())
}

fn write(seal: &Seal, secrets: &Secrets, root: &Path) -> Result<(), Failure> {
    let mut plain = Zeroizing::new(Vec::with_capacity(LARGEST.min(64 + 8 * weight(secrets))));
    let sealed = serde_json::to_writer(&mut *plain, secrets)
        .map_err(std::io::Error::other)
        .and_then(|()| seal.close(&plain));
    let sealed = sealed.map_err(|error| {
        Failure::new(
            FailureClass::Storage,
            format!("{SECRETS} cannot be sealed: {error}"),
        )
    })?;
    if sealed.len() > LARGEST {
        let message = format!("{SECRETS} would be larger than {} MiB", LARGEST >> 20);
        return Err(Failure::new(FailureClass::Storage, message));
    }
    Ok(put(root, SECRETS, &sealed)?)
}

/// About how many bytes of JSON these are, before escapes.
fn weight(secrets: &Secrets) -> usize {
    let each = secrets
        .iter()
        .map(|(name, value)| name.len() + value.len() + 8);
    each.sum()
}

fn damaged(why: String) -> Failure {
    Failure::new(FailureClass::Storage, why)
}

/// Keeps other writers of this folder's files out, until it is dropped.
async fn lock(root: &Path) -> Result<File, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            FailureClass::Storage,
            format!("locking {} failed: {error}", root.display()),
        )
    };
    let folder = File::open(root).map_err(failed)?;
    let until = Instant::now() + LOCK;
    loop {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(folder),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR)
                if Instant::now() < until =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!(
                    "another process has locked {} and did not finish in time",
                    root.display()
                );
                return Err(Failure::new(FailureClass::Storage, message));
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests;
