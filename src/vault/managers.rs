//! Password managers by their own command lines: `pass`, 1Password's `op`, Bitwarden's `bw`.
//!
//! Arguments name what is wanted and hold no secret. Sessions and tokens reach these programs by the environment that
//! jarkeeper was started with.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::command::{Broken, run};
use super::text;
use crate::source::BitwardenField;

/// The first line of an entry, or what follows `FIELD:` on a later one.
pub(super) async fn pass(
    entry: &str,
    field: Option<&str>,
    root: &Path,
    deadline: Duration,
) -> Result<SecretString, String> {
    let out = run(&["pass", "show", entry], root, deadline)
        .await
        .map_err(|broken| {
            explained(
                broken,
                &[
                    (
                        &["not in the password store"],
                        "does not exist; `pass ls` shows what does, and `pass insert` makes it",
                    ),
                    (
                        &["No secret key"],
                        "was encrypted for another GPG key: the user that runs jarkeeper has none that opens it; import the key, or `pass init` with one that is there",
                    ),
                    (
                        &["decryption failed", "pinentry", "Inappropriate ioctl"],
                        "cannot be decrypted: GPG's agent does not have the passphrase and nobody was asked; unlock the key first, or let the agent keep it (default-cache-ttl, gpg-preset-passphrase)",
                    ),
                ],
            )
        })?;
    let Some(field) = field else {
        let line = out.split(|byte| *byte == b'\n').next();
        return text(line.unwrap_or_default());
    };
    let mut lines = out.split(|byte| *byte == b'\n').skip(1);
    let value = lines.find_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case(field)
            .then_some(value.trim())
    });
    match value {
        Some(value) => text(value.as_bytes()),
        None => Err(format!(
            "has no line that begins with \"{field}:\"; add it with `pass edit`"
        )),
    }
}

/// What a secret reference stands for.
pub(super) async fn one_password(
    reference: &str,
    root: &Path,
    deadline: Duration,
) -> Result<SecretString, String> {
    let argv = ["op", "read", "--no-newline", reference];
    let out = run(&argv, root, deadline).await.map_err(|broken| {
        explained(
            broken,
            &[
                (
                    &["signed in", "signin", "No accounts", "no account", "session expired"],
                    "cannot be read: `op` is not signed in; give OP_SERVICE_ACCOUNT_TOKEN to jarkeeper's environment, or sign in with `op signin`",
                ),
                (
                    &["isn't an item", "isn't a vault", "isn't a field", "could not find", "not found"],
                    "does not exist; copy the reference from 1Password (Copy Secret Reference)",
                ),
            ],
        )
    })?;
    text(&out)
}

/// A part of a login.
pub(super) async fn bitwarden(
    item: &str,
    field: BitwardenField,
    root: &Path,
    deadline: Duration,
) -> Result<SecretString, String> {
    #[derive(serde::Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        login: Option<HashMap<Cow<'a, str>, &'a RawValue>>,
    }
    // `get totp` would give the present code, not what codes are made of; the item gives all three.
    let argv = ["bw", "--nointeraction", "get", "item", item];
    let out = run(&argv, root, deadline).await.map_err(|broken| {
        explained(
            broken,
            &[
                (
                    &["not logged in"],
                    "cannot be read: `bw` is not logged in; `bw login` as the user that runs jarkeeper",
                ),
                (
                    &["locked"],
                    "cannot be read: Bitwarden is locked; give BW_SESSION (what `bw unlock --raw` prints) to jarkeeper's environment",
                ),
                (
                    &["More than one result"],
                    "exists several times; write the item's id (`bw list items --search NAME`)",
                ),
                (
                    &["Not found"],
                    "does not exist; `bw list items` shows what does, after a `bw sync`",
                ),
            ],
        )
    })?;
    let item: Item<'_> = serde_json::from_slice(&out)
        .map_err(|_| "gives something that is no Bitwarden item; see `bw get item`".to_owned())?;
    let value = item.login.as_ref().and_then(|it| it.get(field.word()));
    // What JSON escapes is unescaped into a copy of its own, which is wiped too.
    let value: Option<Zeroizing<String>> = value
        .and_then(|raw| serde_json::from_str::<Option<String>>(raw.get()).ok())
        .flatten()
        .map(Zeroizing::new);
    match value {
        Some(value) if !value.is_empty() => text(value.as_bytes()),
        _ => Err(format!(
            "has no {}; add it to the item, and `bw sync`",
            field.word()
        )),
    }
}

/// What a manager's complaint means, where it is one that people meet; otherwise as any program's.
fn explained(broken: Broken, known: &[(&[&str], &str)]) -> String {
    let said = Zeroizing::new(broken.said.to_lowercase());
    let means = known
        .iter()
        .find(|(words, _)| words.iter().any(|word| said.contains(&word.to_lowercase())));
    match means {
        Some((_, meaning)) => (*meaning).to_owned(),
        None => broken.why,
    }
}
