//! One state out of those of several sites.

use std::collections::HashMap;
use std::fmt;

use super::state::StorageState;
use crate::ids::SiteName;

/// Two sites that cannot share one browser context: each would take the other's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{first} and {second} both set {key}, so one context cannot hold both sessions: give the sites different host \
     names (another port is not enough)"
)]
pub struct Collision {
    /// What both have, with different values.
    pub key: Key,
    /// The site that had it first.
    pub first: SiteName,
    /// The site that has it too.
    pub second: SiteName,
}

/// What a browser context has only once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A cookie. Partitions do not count: older readers drop them.
    Cookie {
        /// Its name.
        name: String,
        /// Its domain.
        domain: String,
        /// Its path.
        path: String,
    },
    /// An item of an origin's localStorage.
    LocalStorage {
        /// The origin.
        origin: String,
        /// The item's key.
        name: String,
    },
    /// The IndexedDB databases of an origin.
    IndexedDb {
        /// The origin.
        origin: String,
    },
    /// The credentials of an origin's HTTP authentication.
    Http {
        /// The origin.
        origin: String,
    },
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie { name, domain, path } => {
                write!(
                    f,
                    "the cookie (name {name:?}, domain {domain:?}, path {path:?})"
                )
            }
            Self::LocalStorage { origin, name } => {
                write!(f, "the localStorage item {name:?} of {origin}")
            }
            Self::IndexedDb { origin } => write!(f, "IndexedDB of {origin}"),
            Self::Http { origin } => write!(f, "the HTTP authentication of {origin}"),
        }
    }
}

/// Joins the states of sites, in their order. What two sites have in common is kept once if it is the same.
///
/// # Errors
/// The first [`Collision`]: a cookie of one (name, domain, path), or stored data of one origin, with different values.
pub fn join(states: &[(SiteName, &StorageState)]) -> Result<StorageState, Collision> {
    let mut joined = StorageState::default();
    let mut owners: HashMap<Key, &SiteName> = HashMap::new();
    for (site, state) in states {
        let collision = |key: Key, owners: &HashMap<Key, &SiteName>| Collision {
            first: owners.get(&key).map_or(site, |first| *first).clone(),
            key,
            second: site.clone(),
        };
        for cookie in &state.cookies {
            let key = Key::Cookie {
                name: cookie.name.clone(),
                domain: cookie.domain.clone(),
                path: cookie.path.clone(),
            };
            match owners.get(&key) {
                // One site may have it in several partitions.
                Some(owner) if *owner != site => {
                    if !joined.cookies.contains(cookie) {
                        return Err(collision(key, &owners));
                    }
                }
                _ => {
                    owners.insert(key, site);
                    joined.cookies.push(cookie.clone());
                }
            }
        }
        for origin in &state.origins {
            let Some(twin) = joined
                .origins
                .iter_mut()
                .find(|o| o.origin == origin.origin)
            else {
                let local = |name: &String| Key::LocalStorage {
                    origin: origin.origin.clone(),
                    name: name.clone(),
                };
                owners.extend(origin.local_storage.iter().map(|e| (local(&e.name), site)));
                if origin.indexed_db.is_some() {
                    let origin = origin.origin.clone();
                    owners.insert(Key::IndexedDb { origin }, site);
                }
                joined.origins.push(origin.clone());
                continue;
            };
            for entry in &origin.local_storage {
                let key = Key::LocalStorage {
                    origin: origin.origin.clone(),
                    name: entry.name.clone(),
                };
                match twin.local_storage.iter().find(|e| e.name == entry.name) {
                    Some(same) if same.value == entry.value => {}
                    Some(_) => return Err(collision(key, &owners)),
                    None => {
                        owners.insert(key, site);
                        twin.local_storage.push(entry.clone());
                    }
                }
            }
            match (&twin.indexed_db, &origin.indexed_db) {
                (_, None) => {}
                (Some(a), Some(b)) if a == b => {}
                (Some(_), Some(_)) => {
                    let origin = origin.origin.clone();
                    return Err(collision(Key::IndexedDb { origin }, &owners));
                }
                (None, Some(databases)) => {
                    let origin = origin.origin.clone();
                    owners.insert(Key::IndexedDb { origin }, site);
                    twin.indexed_db = Some(databases.clone());
                }
            }
        }
        for one in state.http() {
            let twin = joined
                .http()
                .iter()
                .find(|known| known.origin == one.origin);
            let key = Key::Http {
                origin: one.origin.clone(),
            };
            match twin {
                Some(twin) if twin != one => return Err(collision(key, &owners)),
                _ => {
                    owners.insert(key, site);
                }
            }
        }
        // The joined state is as old as its oldest part, and has a user agent where all parts have the same.
        joined.jarkeeper = match (joined.jarkeeper, &state.jarkeeper) {
            (Some(mut all), Some(one)) => {
                all.captured_at = all.captured_at.min(one.captured_at);
                if all.user_agent != one.user_agent {
                    all.user_agent = None;
                }
                all.storage.extend(one.storage.iter().cloned());
                let new = one.http.iter().filter(|own| !all.http.contains(own));
                let new: Vec<_> = new.cloned().collect();
                all.http.extend(new);
                Some(all)
            }
            (all, one) => all.or_else(|| one.clone()),
        };
    }
    Ok(joined)
}
