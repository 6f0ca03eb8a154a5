//! `secret set`, `secret list` and `secret remove`: the sealed file beside `config.toml`.

use std::io::Read;
use std::path::Path;

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::terminal::Terminal;
use super::{Stop, complain, say, say_json};
use crate::app;
use crate::source::sealed_name;
use crate::vault::{Reach, sealed};
use crate::watch::Settings;

/// Longest secret, in bytes.
const LONGEST: usize = 64 * 1024;

#[derive(Subcommand)]
pub(super) enum SecretVerb {
    /// Keeps a secret under a name; its value is asked for, or read from standard input
    Set {
        /// As recipes name it: password = { sealed = "NAME" }
        name: String,
    },
    /// Shows the names
    List,
    /// Removes a secret
    Remove {
        /// The name
        name: String,
    },
}

pub(super) async fn run(
    root: &Path,
    settings: &Settings,
    verb: SecretVerb,
    json: bool,
) -> Result<(), Stop> {
    let environment = app::environment();
    let reach = Reach {
        root,
        env: environment.as_ref(),
        key: settings.config.seal.key.as_ref(),
    };
    match verb {
        SecretVerb::Set { name } => {
            sealed_name(&name)
                .map_err(|why| Stop::Told(2, format!("\"{name}\" is no name: {why}")))?;
            let value = match Terminal::open() {
                Some(person) => person.secret(&format!("value of {name} (it is not shown):"))?,
                None => piped()?,
            };
            if value.expose_secret().is_empty() {
                let message = "the value is empty; nothing was changed";
                return Err(Stop::Told(2, message.to_owned()));
            }
            tell_of_key(sealed::set(&name, &value, reach).await?);
            say(&format!(
                "{name} is kept in {}",
                root.join(sealed::SECRETS).display()
            ))
        }
        SecretVerb::List => {
            let names = sealed::list(reach).await?;
            match json {
                true => say_json(&names),
                false => names.iter().try_for_each(|name| say(name)),
            }
        }
        SecretVerb::Remove { name } => match sealed::remove(&name, reach).await? {
            true => say(&format!("{name} is removed")),
            false => Err(Stop::Told(
                2,
                format!(
                    "there is no secret {name:?} in {}; `jarkeeper secret list` shows what there is",
                    sealed::SECRETS
                ),
            )),
        },
    }
}

/// Says where a new key is, if one was made.
pub(super) fn tell_of_key(made: Option<String>) {
    if let Some(place) = made {
        complain(&format!(
            "a key was made and is in {place}; without it nothing that is sealed opens again, so keep a copy"
        ));
    }
}

fn too_long() -> Stop {
    Stop::Told(
        2,
        format!("the value is longer than {} KiB", LONGEST / 1024),
    )
}

/// All of standard input, without its last line end.
fn piped() -> Result<SecretString, Stop> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    std::io::stdin()
        .lock()
        .take(LONGEST as u64 + 2)
        .read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Stop::Told(2, "the value is not UTF-8 text".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() > LONGEST {
        true => Err(too_long()),
        false => Ok(text.into()),
    }
}
