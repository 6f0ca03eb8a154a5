//! `[registry]` and `[llm]`: where instances are registered, and who answers when one is talked to.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::de::{self, Deserialize, Deserializer};
use url::Url;

use crate::source::{RawSource, Source};

/// `[registry]`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where loads are registered; `None`: with this daemon itself. `https`, or `http` on this machine; without a path.
    #[serde(deserialize_with = "origin")]
    pub url: Option<Url>,
    /// Whether anybody may list and count what is registered here.
    pub public_directory: bool,
    /// Whether anybody may talk to what is connected here.
    pub public_chat: bool,
    /// Whether somebody who is not known may register here.
    pub open_registration: bool,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            url: None,
            public_directory: false,
            public_chat: false,
            open_registration: true,
        }
    }
}

/// `[llm]`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// Base of an OpenAI-compatible API, like `http://127.0.0.1:11434/v1`; `None`: there is none. `https`, or `http` on this
    /// machine.
    #[serde(deserialize_with = "base")]
    pub url: Option<Url>,
    /// Where its API key comes from; `None`: it wants none.
    #[serde(deserialize_with = "source")]
    pub key: Option<Source>,
    /// The model that is asked, whatever the caller names; `None`: what the caller names.
    pub model: Option<String>,
    /// What some of the names that callers name mean here; it comes before `model`.
    pub models: BTreeMap<String, String>,
    /// How long the server may say nothing. 1 s to 1 h.
    #[serde(deserialize_with = "super::load::silence")]
    pub silence: TimeDelta,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            url: None,
            key: None,
            model: None,
            models: BTreeMap::new(),
            // What clients of this API wait by themselves.
            silence: TimeDelta::minutes(10),
        }
    }
}

impl LlmConfig {
    /// The model that is asked where a caller names this one; `None`: just that.
    pub fn model_for(&self, asked: Option<&str>) -> Option<&str> {
        let named = asked.and_then(|asked| self.models.get(asked));
        named.or(self.model.as_ref()).map(String::as_str)
    }
}

/// Of a registry: a scheme, a host and a port.
fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let url = text.map(|text| {
        let url = checked(&text, "passwords are sent to it")?;
        match url.path() {
            "" | "/" => Ok(url),
            _ => {
                Err("a registry has no path: only scheme, host and port may stand in it".to_owned())
            }
        }
    });
    url.transpose().map_err(|what| {
        de::Error::custom(format!(
            "{what}; write it like \"https://registry.example.org\" or \"http://127.0.0.1:8470\""
        ))
    })
}

/// Of an API, which may have a path.
pub(super) fn base<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let url = text.map(|text| checked(&text, "what people say is sent to it"));
    url.transpose().map_err(|what| {
        de::Error::custom(format!(
            "{what}; write it like \"https://api.example.org/v1\" or \"http://127.0.0.1:11434/v1\""
        ))
    })
}

/// A URL where `what` may be sent to.
fn checked(text: &str, what: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("this is not a URL ({error})"))?;
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let bare = url.query().is_none() && url.fragment().is_none();
    let named = !url.username().is_empty() || url.password().is_some();
    match url.scheme() {
        _ if named => Err("no user and no password may stand in it".to_owned()),
        _ if !bare => Err("no query and no fragment may stand in it".to_owned()),
        "https" => Ok(url),
        "http" if here => Ok(url),
        "http" => Err(format!("off this machine it must be https: {what}")),
        other => Err(format!("\"{other}\" is not its scheme")),
    }
}

pub(super) fn source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Source>, D::Error> {
    let Some(raw) = Option::<RawSource>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let source = raw.check();
    source
        .map(Some)
        .map_err(|(message, help)| de::Error::custom(format!("{message}; {help}")))
}
