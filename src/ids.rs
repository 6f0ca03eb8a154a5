//! Names: sites, accounts, combinations, and the key of one session.
//!
//! Every name is checked when it is made, so that a name in hand is safe as part of a file name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a site or an account, in bytes.
const LONGEST: usize = 64;

/// A name that was refused, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} name {name:?} {why}")]
pub struct NameError {
    what: &'static str,
    name: String,
    why: &'static str,
}

fn check(what: &'static str, name: &str, underscore: bool) -> Result<(), NameError> {
    let refuse = |why| {
        // A hostile name may be megabytes long; the message shows its beginning.
        let name = name.chars().take(LONGEST + 1).collect();
        Err(NameError { what, name, why })
    };
    if name.is_empty() || name.len() > LONGEST {
        return refuse("must be 1 to 64 characters long");
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        return refuse("must begin with a to z or 0 to 9");
    }
    let allowed = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (underscore && c == '_')
    };
    if !name.chars().all(allowed) {
        return refuse(if underscore {
            "may hold only a to z, 0 to 9, '-' and '_'"
        } else {
            "may hold only a to z, 0 to 9 and '-'"
        });
    }
    Ok(())
}

/// Whether people see this character as what it is: no control, nothing of no width, nothing that turns the text around it.
pub fn is_seen(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !unseen
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, underscore: $underscore:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                check($what, name, $underscore)?;
                Ok(Self(name.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What we log in to: the stem of `sites/NAME.toml`. `[a-z0-9][a-z0-9_-]{0,63}`.
    SiteName, "site", underscore: true
}
name! {
    /// One further username at a site. `[a-z0-9][a-z0-9-]{0,63}`: no underscore, because readers of
    /// state files cut the name at the last one.
    AccountName, "account", underscore: false
}

/// A new id of something that is kept: 80 random bits, in lower-case hexadecimal.
///
/// # Errors
/// The system gives no random numbers.
pub fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Several sites whose sessions are delivered in one file, `A.B_state.json`.
///
/// Sites stand in the order in which they were asked for; [`Combination::sorted`] gives the order
/// that configured combinations have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Combination(Vec<SiteName>);

impl Combination {
    /// The sites in the order given. Errors with fewer than two, or with one named twice.
    pub fn new(sites: Vec<SiteName>) -> Result<Self, NameError> {
        let twice = (1..sites.len()).any(|i| sites[..i].contains(&sites[i]));
        if sites.len() < 2 || twice {
            let name = sites
                .iter()
                .map(SiteName::as_str)
                .collect::<Vec<_>>()
                .join(".");
            let why = "must join two or more different sites with '.'";
            return Err(NameError {
                what: "combination",
                name,
                why,
            });
        }
        Ok(Self(sites))
    }

    /// The same sites in ascending byte order.
    pub fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }

    /// The sites, in this combination's order.
    pub fn sites(&self) -> &[SiteName] {
        &self.0
    }
}

impl FromStr for Combination {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        let sites = name
            .split('.')
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(sites)
    }
}

impl TryFrom<String> for Combination {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

impl From<Combination> for String {
    fn from(combination: Combination) -> String {
        combination.to_string()
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, site) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(site.as_str())?;
        }
        Ok(())
    }
}

/// The key of one session: a site, one of its accounts (`None`: the recipe's first), and the
/// combination that it belongs to where that combination has sessions of its own.
///
/// Shape as text: `site`, `site:account`, `site@a.b`, `site:account@a.b`. It is a safe file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionKey {
    /// The site.
    pub site: SiteName,
    /// The account; `None` is the recipe's first.
    pub account: Option<AccountName>,
    /// The combination whose own session this is; `None` for the session that all share.
    pub within: Option<Combination>,
}

impl SessionKey {
    /// The session of a site's first account.
    pub fn of(site: SiteName) -> Self {
        Self {
            site,
            account: None,
            within: None,
        }
    }
}

impl FromStr for SessionKey {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (rest, within) = match text.split_once('@') {
            Some((rest, within)) => (rest, Some(within.parse()?)),
            None => (text, None),
        };
        let (site, account) = match rest.split_once(':') {
            Some((site, account)) => (site, Some(account.parse()?)),
            None => (rest, None),
        };
        Ok(Self {
            site: site.parse()?,
            account,
            within,
        })
    }
}

impl TryFrom<String> for SessionKey {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<SessionKey> for String {
    fn from(key: SessionKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.as_str())?;
        if let Some(account) = &self.account {
            write!(f, ":{account}")?;
        }
        if let Some(within) = &self.within {
            write!(f, "@{within}")?;
        }
        Ok(())
    }
}

/// What callers name: one session, or the joined one of a combination.
///
/// Shape as text: that of [`SessionKey`], or `a.b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SessionName {
    /// One session.
    One(SessionKey),
    /// The sessions of several sites in one.
    Joined(Combination),
}

impl From<SessionKey> for SessionName {
    fn from(key: SessionKey) -> Self {
        Self::One(key)
    }
}

impl From<Combination> for SessionName {
    fn from(combination: Combination) -> Self {
        Self::Joined(combination)
    }
}

impl FromStr for SessionName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.contains('.') && !text.contains('@') {
            true => text.parse().map(Self::Joined),
            false => text.parse().map(Self::One),
        }
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(key) => key.fmt(f),
            Self::Joined(combination) => combination.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        let long = "a".repeat(65);
        for name in [
            "", ".", "..", "../x", "a/b", "a.b", "a\0", "%2e%2e", "A", "é", "-a", "_a", &long,
        ] {
            assert!(name.parse::<SiteName>().is_err(), "{name:?}");
            assert!(name.parse::<AccountName>().is_err(), "{name:?}");
        }
        assert!("shopping_admin".parse::<SiteName>().is_ok());
        assert!("bob_2".parse::<AccountName>().is_err());
    }

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        for text in [
            "gitlab",
            "gitlab:bob",
            "gitlab@gitlab.shopping",
            "gitlab:bob@gitlab.reddit",
        ] {
            assert_eq!(text.parse::<SessionKey>().unwrap().to_string(), text);
        }
        assert!("gitlab@gitlab".parse::<SessionKey>().is_err());
    }

    #[test]
    fn a_name_with_a_dot_is_a_combination_unless_a_session_is_meant_for_one() {
        for (text, joined) in [
            ("gitlab", false),
            ("gitlab:bob@gitlab.reddit", false),
            ("gitlab.reddit", true),
        ] {
            let name: SessionName = text.parse().unwrap();
            assert_eq!(matches!(name, SessionName::Joined(_)), joined);
            assert_eq!(name.to_string(), text);
        }
        for text in ["", "a.a", "a.", "a.b:c", "../a", "a/b"] {
            assert!(text.parse::<SessionName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_combination_keeps_its_order_until_it_is_sorted() {
        let asked: Combination = "shopping.gitlab".parse().unwrap();
        assert_eq!(asked.to_string(), "shopping.gitlab");
        assert_eq!(asked.sorted().to_string(), "gitlab.shopping");
        assert!("gitlab.gitlab".parse::<Combination>().is_err());
    }
}
