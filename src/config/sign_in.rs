//! `[sign_in]`: who signs in, and where.

use serde::de::{self, Deserialize, Deserializer};
use url::Url;

use crate::source::Source;

/// `[sign_in]`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInConfig {
    /// The OpenID provider, as it calls itself: `https`, or `http` on this machine.
    #[serde(deserialize_with = "issuer")]
    pub issuer: String,
    /// What we are called there; `None`: nobody signs in with it.
    pub client_id: Option<String>,
    /// Where the secret that goes with it comes from; `None`: there is none.
    #[serde(deserialize_with = "super::registry::source")]
    pub client_secret: Option<Source>,
    /// Who may sign in beside the owner.
    #[serde(deserialize_with = "allow")]
    pub allow: Vec<Allowed>,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            issuer: "https://accounts.google.com".to_owned(),
            client_id: None,
            client_secret: None,
            allow: Vec::new(),
        }
    }
}

/// Who may sign in. Shape: lower case, ASCII letters at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// One address.
    Address(String),
    /// Every address of this domain, and of none below it.
    Domain(String),
}

fn issuer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = |url: &Url| {
        let here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        bare && url.password().is_none()
            && (url.scheme() == "https" || (url.scheme() == "http" && here))
    };
    match Url::parse(&text) {
        Ok(url) if plain(&url) => Ok(text),
        _ => Err(de::Error::custom(
            "this is not the address of an OpenID provider; write it as the provider does, like \"https://accounts.google.com\"; http is for providers on this machine",
        )),
    }
}

fn allow<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Allowed>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    let one = |word: &String| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '*';
        let (local, domain) = word.rsplit_once('@')?;
        if word.contains(odd) || local.contains('@') || domain.is_empty() {
            return None;
        }
        let word = word.to_ascii_lowercase();
        Some(match local {
            "" => Allowed::Domain(domain.to_ascii_lowercase()),
            _ => Allowed::Address(word),
        })
    };
    let all = words.iter().map(|word| {
        one(word).ok_or_else(|| {
            de::Error::custom(format!(
                "\"{word}\" is no address and no domain; write \"ada@example.org\", or \"@example.org\" for everybody there"
            ))
        })
    });
    all.collect()
}
