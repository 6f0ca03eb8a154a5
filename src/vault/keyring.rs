//! The operating system's keyring.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::text;

/// Longest time for the keyring: one that is locked asks on a screen that nobody may see.
const KEYRING: Duration = Duration::from_secs(30);

/// The value of an entry.
pub(super) async fn read(service: &str, user: &str) -> Result<SecretString, String> {
    let (service, user) = (service.to_owned(), user.to_owned());
    in_time(move || match entry(&service, &user)? {
        Some(secret) => text(&secret),
        None => Err(format!(
            "does not exist; make it: secret-tool store --label={service} service {service} username {user}"
        )),
    })
    .await
}

/// The value of an entry; `None` where there is no such entry, or no keyring at all.
pub(super) async fn find(service: &str, user: &str) -> Result<Option<SecretString>, String> {
    let (service, user) = (service.to_owned(), user.to_owned());
    in_time(move || {
        if keyring::Entry::store_status().is_err() {
            return Ok(None);
        }
        entry(&service, &user)?
            .map(|secret| text(&secret))
            .transpose()
    })
    .await
}

/// Keeps a value; `false`: there is no keyring.
pub(super) async fn keep(service: &str, user: &str, value: &SecretString) -> Result<bool, String> {
    let (service, user, value) = (service.to_owned(), user.to_owned(), value.clone());
    in_time(move || {
        if keyring::Entry::store_status().is_err() {
            return Ok(false);
        }
        keyring::Entry::new(&service, &user)
            .and_then(|entry| entry.set_password(value.expose_secret()))
            .map_err(|error| unreachable(&error))?;
        Ok(true)
    })
    .await
}

/// On a thread of its own: one of the runtime's would hold up the end of the process while a locked keyring waits for
/// somebody to unlock it.
async fn in_time<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (answer, asked) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more: then nobody needs it.
        let _ = answer.send(ask());
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

fn entry(service: &str, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    // The crate shows the first error only as "no default store"; asked this way it says why.
    if let Err(error) = keyring::Entry::store_status() {
        return Err(unreachable(error));
    }
    match keyring::Entry::new(service, user).and_then(|entry| entry.get_secret()) {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(keyring::Error::NoEntry) => Ok(None),
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
