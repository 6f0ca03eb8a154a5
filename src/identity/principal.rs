//! The caller, once it is known.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::scope::{Scope, Scopes};
use crate::ids::{AccountName, SessionKey, SiteName};

/// What a caller shows over the network. Prints nothing.
#[derive(Debug, Clone)]
pub enum Proof {
    /// An API key, as `key` in the query or in `X-API-Key`.
    Key(SecretString),
    /// What stood behind `Authorization: Bearer`: an API key, an access token, or an id_token.
    Bearer(SecretString),
}

/// A person's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// The owner of this machine's daemon.
    pub fn owner() -> Self {
        Self(super::OWNER.to_owned())
    }

    pub(crate) fn kept(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// By what a caller is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// An API key, by its id.
    Key(String),
    /// An access token's grant, by its id.
    Token(String),
    /// A registered instance, by its id: it has shown its password for a short-lived token.
    Instance(String),
    /// A process of this user id, at the socket or on standard input.
    Local(u32),
    /// A person, by an id_token of the provider.
    Person(PersonId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Instance(id) => write!(f, "instance:{id}"),
            Self::Local(uid) => write!(f, "local:{uid}"),
        }
    }
}

/// Who calls, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// By what it is known.
    pub who: Who,
    /// Whose it is.
    pub person: PersonId,
    /// What it may do.
    pub scopes: Scopes,
    /// With which sessions.
    pub reach: Reach,
    /// The only user whose memory it reaches; `None`: the person's own.
    pub memory_of: Option<String>,
    /// When its proof ends; `None`: not by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Principal {
    /// Whether it may do this at all.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }

    /// Whether it may do this with that session. Where it may not, the session does not exist for it.
    pub fn reaches(&self, key: &SessionKey) -> bool {
        self.reach.covers(&key.site, key.account.as_ref())
    }
}

/// The sessions that a principal reaches.
///
/// Shape as text: JSON list of `SITE` (every account) or `SITE:ACCOUNT`; an empty list reaches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every session, those of sites added later too.
    All,
    /// These only.
    Only(Vec<(SiteName, Option<AccountName>)>),
}

impl Reach {
    /// Whether an account of a site is reached.
    pub fn covers(&self, site: &SiteName, account: Option<&AccountName>) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().any(|(one, only)| {
                one == site && only.as_ref().is_none_or(|only| Some(only) == account)
            }),
        }
    }

    /// Whether everything that it reaches, `limit` reaches too.
    pub fn is_within(&self, limit: &Self) -> bool {
        match (self, limit) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(list), limit) => {
                list.iter().all(|(site, account)| match (account, limit) {
                    (Some(account), limit) => limit.covers(site, Some(account)),
                    (None, Self::Only(limit)) => limit.contains(&(site.clone(), None)),
                    (None, Self::All) => true,
                })
            }
        }
    }

    /// What both reach.
    pub fn within(&self, limit: &Self) -> Self {
        let (own, limit) = match (self, limit) {
            (_, Self::All) => return self.clone(),
            (Self::All, Self::Only(_)) => return limit.clone(),
            (Self::Only(own), Self::Only(limit)) => (own, limit),
        };
        let mut both: Vec<(SiteName, Option<AccountName>)> = Vec::new();
        for (site, account) in own {
            for (other, only) in limit.iter().filter(|(other, _)| other == site) {
                let narrow = match (account, only) {
                    (Some(a), Some(b)) if a != b => continue,
                    (account, only) => account.as_ref().or(only.as_ref()),
                };
                let one = (other.clone(), narrow.cloned());
                if !both.contains(&one) {
                    both.push(one);
                }
            }
        }
        Self::Only(both)
    }

    /// The list, as it is kept; `None` for all.
    pub fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Only(list) => Some(
                list.iter()
                    .map(|(site, account)| match account {
                        Some(account) => format!("{site}:{account}"),
                        None => site.to_string(),
                    })
                    .collect(),
            ),
        }
    }

    /// From the words of [`Reach::words`].
    ///
    /// # Errors
    /// A word that is no session, or one with a combination.
    pub fn of(words: Option<&[String]>) -> Result<Self, String> {
        let Some(words) = words else {
            return Ok(Self::All);
        };
        let one = |word: &String| {
            let key: SessionKey = word
                .parse()
                .map_err(|e: crate::ids::NameError| e.to_string())?;
            match key.within {
                None => Ok((key.site, key.account)),
                Some(_) => Err(format!("{word} is not SITE or SITE:ACCOUNT")),
            }
        };
        words
            .iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self::Only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(words: &[&str]) -> Reach {
        let words: Vec<_> = words.iter().map(|w| (*w).to_owned()).collect();
        Reach::of(Some(&words)).unwrap()
    }

    #[test]
    fn a_reach_covers_what_it_names_and_an_empty_one_nothing() {
        let covers = |reach: &Reach, key: &str| {
            let key: SessionKey = key.parse().unwrap();
            reach.covers(&key.site, key.account.as_ref())
        };
        assert!(covers(&reach(&["a"]), "a") && covers(&reach(&["a"]), "a:x"));
        assert!(covers(&reach(&["a:x"]), "a:x") && !covers(&reach(&["a:x"]), "a"));
        assert!(!covers(&reach(&["a"]), "ab") && !covers(&reach(&[]), "a"));
        assert!(Reach::of(Some(&["a@a.b".to_owned()])).is_err());
    }

    #[test]
    fn a_reach_is_within_another_only_when_all_of_it_is() {
        assert!(reach(&["a:x", "b"]).is_within(&reach(&["a", "b"])));
        assert!(!reach(&["a"]).is_within(&reach(&["a:x"])));
        assert!(!Reach::All.is_within(&reach(&["a"])));
        assert!(reach(&[]).is_within(&reach(&[])));
    }

    #[test]
    fn what_both_reach_is_within_both() {
        let both = |a: &[&str], b: &[&str]| reach(a).within(&reach(b)).words().unwrap().join(" ");
        assert_eq!(both(&["a", "b:x", "c"], &["a:y", "b", "d"]), "a:y b:x");
        assert_eq!(both(&["a:x"], &["a:y"]), "");
        assert_eq!(both(&["a", "a:x"], &["a:x"]), "a:x");
        assert_eq!(Reach::All.within(&reach(&["a"])), reach(&["a"]));
        assert_eq!(reach(&["a"]).within(&Reach::All), reach(&["a"]));
        assert_eq!(both(&["a"], &[]), "");
    }
}
