//! The storage state: cookies, and web storage per origin.
//!
//! Shape: Playwright's `storageState` JSON. What Playwright does not know stands under the top-level key
//! `jarkeeper`, which every version of it ignores.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::HttpCredentials;

/// The logged-in condition of one browser context.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct StorageState {
    /// Every cookie of the context.
    pub cookies: Vec<Cookie>,
    /// Web storage of every origin that has some.
    pub origins: Vec<Origin>,
    /// What Playwright has no place for; absent in files that came from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jarkeeper: Option<Extension>,
}

/// One cookie.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// Name; may be empty.
    pub name: String,
    /// Value: a secret, never shown by `Debug`.
    pub value: String,
    /// Host, or `.host` where subdomains get it too.
    pub domain: String,
    /// Path, beginning with `/`.
    #[serde(default = "root")]
    pub path: String,
    /// Unix seconds, -1 for a cookie that ends with the browser.
    #[serde(default = "session_end", deserialize_with = "expires")]
    pub expires: f64,
    /// Hidden from scripts.
    #[serde(default)]
    pub http_only: bool,
    /// Sent over secure connections only.
    #[serde(default)]
    pub secure: bool,
    /// When other sites' requests carry it.
    #[serde(default, deserialize_with = "same_site")]
    pub same_site: SameSite,
    /// The top-level site of a partitioned cookie (CHIPS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
    /// Companion of `partition_key`: whether the cookie was set below a frame of another site.
    #[serde(
        default,
        rename = "_crHasCrossSiteAncestor",
        skip_serializing_if = "Option::is_none"
    )]
    pub has_cross_site_ancestor: Option<bool>,
}

/// RFC 6265bis section 5.6.7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameSite {
    /// Never with another site's requests.
    Strict,
    /// With top-level navigations; also where the site said nothing.
    #[default]
    Lax,
    /// Always; needs `secure`.
    None,
}

/// Web storage of one origin.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Scheme, host and port, as `location.origin` gives it.
    pub origin: String,
    /// `localStorage`.
    #[serde(default)]
    pub local_storage: Vec<Entry>,
    /// IndexedDB databases in Playwright's shape; present only where the recipe asks for them.
    #[serde(default, rename = "indexedDB", skip_serializing_if = "Option::is_none")]
    pub indexed_db: Option<Vec<Value>>,
}

/// One item of web storage.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Key.
    pub name: String,
    /// Value: may be a token, never shown by `Debug`.
    pub value: String,
}

/// What Playwright's shape has no place for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Shape of this object; 1.
    pub version: u32,
    /// When the state was captured or last confirmed with new cookies.
    pub captured_at: DateTime<Utc>,
    /// The user agent that logged in; some sites bind a session to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// `sessionStorage` and, where it is not lifted into `origins`, IndexedDB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<OriginStorage>,
    /// What HTTP authentication sends instead of a cookie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpCredentials>,
}

/// Storage of one origin that Playwright does not load.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OriginStorage {
    /// As in [`Origin::origin`].
    pub origin: String,
    /// `sessionStorage` of the tab that logged in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_storage: Vec<Entry>,
    /// IndexedDB databases in Playwright's shape.
    #[serde(default, rename = "indexedDB", skip_serializing_if = "Vec::is_empty")]
    pub indexed_db: Vec<Value>,
}

fn root() -> String {
    "/".to_owned()
}

fn session_end() -> f64 {
    -1.0
}

fn expires<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or_else(session_end, whole_microseconds))
}

/// An end in the resolution that Chromium keeps. Without it, an end changes in its last bit when it is read back.
pub(super) fn whole_microseconds(seconds: f64) -> f64 {
    // Beyond this (the year 33658) a float has no such digits.
    if seconds.abs() < 1e12 {
        (seconds * 1e6).round() / 1e6
    } else {
        seconds
    }
}

fn same_site<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SameSite, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

// By hand, because a derived one takes `[]` too, and would make a damaged file a state without cookies.
impl<'de> Deserialize<'de> for StorageState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> serde::de::Visitor<'de> for Object {
    type Value = StorageState;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a storage state (an object)")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<StorageState, A::Error> {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default)]
            cookies: Vec<Cookie>,
            #[serde(default)]
            origins: Vec<Origin>,
            #[serde(default)]
            jarkeeper: Option<Extension>,
        }
        let fields = Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(StorageState {
            cookies: fields.cookies,
            origins: fields.origins,
            jarkeeper: fields.jarkeeper,
        })
    }
}

impl Cookie {
    /// What Chromium tells cookies apart by: partition, name, domain, path.
    pub(super) fn identity(&self) -> Identity {
        (
            self.partition_key.clone(),
            self.has_cross_site_ancestor,
            self.name.clone(),
            self.domain.clone(),
            self.path.clone(),
        )
    }

    /// The host of the domain, without the dot that stands for "and its subdomains".
    pub(super) fn host(&self) -> &str {
        self.domain.strip_prefix('.').unwrap_or(&self.domain)
    }

    /// Whether only the very host gets it.
    pub(super) fn host_only(&self) -> bool {
        !self.domain.starts_with('.')
    }
}

/// Partition key, its companion, name, domain, path.
pub(super) type Identity = (Option<String>, Option<bool>, String, String, String);

impl StorageState {
    /// What HTTP authentication sends, where the session has that.
    pub fn http(&self) -> &[HttpCredentials] {
        self.jarkeeper
            .as_ref()
            .map_or(&[], |extension| &extension.http)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?} {:?}", self.name, self.domain, self.path)
    }
}

impl fmt::Debug for StorageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StorageState({} cookies, {} origins)",
            self.cookies.len(),
            self.origins.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(extra: &str) -> Result<Cookie, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"name":"n","value":"canary","domain":"h","path":"/"{extra}}}"#
        ))
    }

    #[test]
    fn what_playwright_reads_is_read_and_what_it_refuses_is_refused() {
        for extra in [
            "",
            r#","expires":null"#,
            r#","sameSite":null"#,
            r#","size":4,"session":true,"priority":"Medium""#,
        ] {
            let cookie = cookie(extra).unwrap();
            assert_eq!((cookie.expires, cookie.same_site), (-1.0, SameSite::Lax));
        }
        assert!(serde_json::from_str::<StorageState>("[]").is_err());
        assert!(cookie(r#","sameSite":"lax""#).is_err());
        assert!(cookie(r#","partitionKey":{"topLevelSite":"https://a.test"}"#).is_err());
        assert_eq!(
            serde_json::from_str::<StorageState>("{}").unwrap(),
            StorageState::default()
        );
    }

    #[test]
    fn a_written_state_has_every_key_and_no_null() {
        let state = StorageState {
            cookies: vec![cookie("").unwrap()],
            origins: vec![Origin {
                origin: "https://h".into(),
                ..Origin::default()
            }],
            jarkeeper: None,
        };
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(
            json,
            r#"{"cookies":[{"name":"n","value":"canary","domain":"h","path":"/","expires":-1.0,"httpOnly":false,"secure":false,"sameSite":"Lax"}],"origins":[{"origin":"https://h","localStorage":[]}]}"#
        );
        assert_eq!(serde_json::from_str::<StorageState>(&json).unwrap(), state);
    }

    #[test]
    fn debug_shows_no_value() {
        let cookie = cookie("").unwrap();
        assert_eq!(format!("{cookie:?}"), r#""n" of "h" "/""#);
    }
}
