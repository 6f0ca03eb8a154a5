//! Reading, overriding and checking settings.

use std::fmt;
use std::path::Path;

use chrono::TimeDelta;
use serde::de::{self, Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Config, Diagnostic};
use crate::document::{Document, Key, Node, Place, Value, duration};

/// What environment variables that are settings begin with.
const PREFIX: &str = "JARKEEPER_";
/// Sections and keys that variables are compared with, to notice one underscore where two were meant.
const SECTIONS: [&str; 5] = ["BROWSER", "LOGIN", "RENEWAL", "ARTEFACTS", "LOG"];

/// What stands above `config.toml`: environment variables `JARKEEPER_SECTION__KEY`, and above them flags
/// `--set section.key=value`.
#[derive(Clone, Default)]
pub struct Overrides {
    variables: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Overrides {
    /// From the process's environment (only `JARKEEPER_…` is kept) and the values of `--set`.
    pub fn new(
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut variables: Vec<_> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        Self {
            variables,
            flags: flags.into_iter().collect(),
        }
    }

    /// Path, value, and where it comes from, in the order in which they are laid over each other.
    fn settings(&self) -> Result<Vec<(Vec<String>, &str, String)>, Diagnostic> {
        let mut settings = Vec::new();
        for (name, value) in &self.variables {
            let rest = &name[PREFIX.len()..];
            if let Some((section, key)) = rest.split_once("__") {
                let path = vec![section.to_lowercase(), key.to_lowercase()];
                settings.push((path, value.as_str(), name.clone()));
            } else if let Some((section, key)) = rest.split_once('_')
                && SECTIONS.contains(&section)
            {
                return Err(Diagnostic::of(
                    Path::new(name),
                    "this variable sets nothing",
                    format!(
                        "two underscores stand between section and key: {PREFIX}{section}__{key}"
                    ),
                ));
            }
        }
        for flag in &self.flags {
            let parts = flag.split_once('=').and_then(|(path, value)| {
                let (section, key) = path.split_once('.')?;
                Some((vec![section.to_owned(), key.to_owned()], value))
            });
            let Some((path, value)) = parts else {
                return Err(Diagnostic::of(
                    Path::new(&format!("--set {flag}")),
                    "this flag has not the shape SECTION.KEY=VALUE",
                    "for example: --set browser.sandbox=false",
                ));
            };
            settings.push((path, value, format!("--set {flag}")));
        }
        Ok(settings)
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        write!(f, "Overrides({names:?}, {:?})", self.flags)
    }
}

/// Reads `config.toml` below `root` (absent: the defaults) and lays the overrides over it.
///
/// # Errors
/// The first thing that is wrong, with its place: an unknown key, a wrong type, a value out of its range, or a file that
/// cannot be read.
pub fn load(root: &Path, overrides: &Overrides) -> Result<Config, Diagnostic> {
    let path = root.join("config.toml");
    let mut document = match Document::read(&path)? {
        Some(document) => document,
        None => Document::parse(&path, "")?,
    };
    // The file is checked alone first: an override must not hide a mistake until the day it is taken away.
    document.shape::<Config>()?;
    for (path, value, from) in overrides.settings()? {
        let place = Place::Outside(from.into());
        lay(&mut document.root, &path, value, &place);
    }
    document.shape()
}

/// Puts a value at a path, in place of what is there.
fn lay(node: &mut Node, path: &[String], value: &str, place: &Place) {
    let Some((first, rest)) = path.split_first() else {
        *node = Node {
            place: place.clone(),
            value: Value::Loose(value.to_owned()),
        };
        return;
    };
    let Value::Table(entries) = &mut node.value else {
        return;
    };
    let index = match entries.iter().position(|(key, _)| key.name == *first) {
        Some(index) => index,
        None => {
            let key = Key {
                place: place.clone(),
                name: first.clone(),
            };
            let empty = Node {
                place: place.clone(),
                value: Value::Table(Vec::new()),
            };
            entries.push((key, empty));
            entries.len() - 1
        }
    };
    lay(&mut entries[index].1, rest, value, place);
}

/// Text with a length of time.
struct Length(String);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time in double quotes; \"90s\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                Ok(Length(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn length<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: i64,
    most: i64,
) -> Result<TimeDelta, D::Error> {
    let Length(text) = Length::deserialize(deserializer)?;
    duration(&text, least, most).map_err(de::Error::custom)
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(de::Error::custom(format!(
        "{number} is out of range; it may be {least} to {most}"
    )))
}

pub(super) fn idle<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
    length(deserializer, 0, 24 * 60 * 60)
}

pub(super) fn login_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    length(deserializer, 5, 15 * 60)
}

pub(super) fn probe_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    length(deserializer, 1, 5 * 60)
}

pub(super) fn contexts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    number(deserializer, 1, 32).map(|number| number as usize)
}

pub(super) fn memory_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(deserializer, 128, 65_536)
}

pub(super) fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    number(deserializer, 0, 1000).map(|number| number as usize)
}

pub(super) fn endpoint<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    // The address of a remote browser is as good as a password: it is not repeated.
    let url = Url::parse(&text)
        .map_err(|error| format!("this is not a URL ({error})"))
        .and_then(|url| match url.scheme() {
            "ws" | "wss" | "http" | "https" => Ok(url),
            other => Err(format!("\"{other}\" is not a scheme of a CDP endpoint")),
        });
    url.map(Some).map_err(|what| {
        de::Error::custom(format!(
            "{what}; write it like \"http://127.0.0.1:9222\" or \"ws://127.0.0.1:9222/devtools/browser/…\""
        ))
    })
}

pub(super) fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(de::Error::custom(format!(
            "this is not a log filter ({error}); write it like \"info\" or \"warn,jarkeeper::login=debug\""
        ))),
    }
}
