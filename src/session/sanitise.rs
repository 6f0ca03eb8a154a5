//! What a state must look like before it is shipped.
//!
//! One invalid cookie makes every Playwright refuse the whole file, and Chromium leaves out others in silence.
//! So each entry is held against the rules of both before it is written: repaired where the meaning is clear,
//! left out and named otherwise.

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use url::{Host, Url};

use super::state::{Cookie, Origin, SameSite, StorageState, whole_microseconds};

/// The longest that Chromium keeps a cookie (RFC 6265bis section 5.5), in days.
pub(super) const LONGEST_LIFE_DAYS: i64 = 400;
/// Largest name and value together, in bytes (RFC 6265bis section 5.6).
const LARGEST_PAIR: usize = 4096;
/// Largest path or domain, in bytes (RFC 6265bis section 5.6).
const LARGEST_ATTRIBUTE: usize = 1024;

/// One entry that was left out of a state. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// `cookie NAME of DOMAIN PATH`, or `origin ORIGIN`; cut to a readable length.
    pub what: String,
    /// Why no browser would have taken it.
    pub why: &'static str,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl StorageState {
    /// Makes the state one that Playwright 1.32 to 1.65 load whole, and tells what had to go.
    ///
    /// Repaired: letter case and leading dots of hosts, a missing path, `SameSite=None` without `secure` (becomes
    /// `Lax`), ends before -1 (become -1) and beyond 400 days, entries that stand twice (the last one stays).
    /// Left out: what has ended, what Chromium refuses.
    ///
    /// Source: RFC 6265bis sections 5.6 and 5.7; Playwright's checks of `addCookies`.
    pub fn sanitise(&mut self, now: DateTime<Utc>) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        let mut seen = HashMap::new();
        let mut kept: Vec<Cookie> = Vec::new();
        for mut cookie in std::mem::take(&mut self.cookies) {
            if let Err(why) = cookie.sanitise(now) {
                dropped.push(Dropped {
                    what: readable(format!("cookie {cookie:?}")),
                    why,
                });
                continue;
            }
            match seen.get(&cookie.identity()) {
                Some(&at) => kept[at] = cookie,
                None => {
                    seen.insert(cookie.identity(), kept.len());
                    kept.push(cookie);
                }
            }
        }
        self.cookies = kept;

        let mut origins: Vec<Origin> = Vec::new();
        for mut origin in std::mem::take(&mut self.origins) {
            let Some(canonical) = web_origin(&origin.origin) else {
                dropped.push(Dropped {
                    what: readable(format!("origin {:?}", origin.origin)),
                    why: "is not the origin of an http or https page",
                });
                continue;
            };
            origin.origin = canonical;
            match origins.iter_mut().find(|o| o.origin == origin.origin) {
                Some(twin) => {
                    twin.local_storage.append(&mut origin.local_storage);
                    if origin.indexed_db.is_some() {
                        twin.indexed_db = origin.indexed_db;
                    }
                }
                None => origins.push(origin),
            }
        }
        for origin in &mut origins {
            let mut last = HashMap::new();
            for (i, entry) in origin.local_storage.iter().enumerate() {
                last.insert(entry.name.clone(), i);
            }
            let mut i = 0;
            origin.local_storage.retain(|entry| {
                i += 1;
                last.get(&entry.name) == Some(&(i - 1))
            });
        }
        self.origins = origins;
        dropped
    }
}

/// The canonical origin of a web page; `None` for every other text.
fn web_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .then(|| url.origin().ascii_serialization())
}

/// A name out of a hostile page may be megabytes long.
fn readable(text: String) -> String {
    if text.chars().count() <= 200 {
        return text;
    }
    text.chars().take(199).chain(['…']).collect()
}

impl Cookie {
    /// Repairs what is clear; the error says why no browser would take the cookie.
    pub(super) fn sanitise(&mut self, now: DateTime<Utc>) -> Result<(), &'static str> {
        self.check_pair()?;
        self.mend_domain()?;
        if self.path.is_empty() {
            self.path = "/".to_owned();
        }
        if !self.path.starts_with('/') {
            return Err("its path does not begin with '/'");
        }
        if self.path.len() > LARGEST_ATTRIBUTE || self.domain.len() > LARGEST_ATTRIBUTE {
            return Err("its path or domain is longer than 1024 bytes");
        }
        if self.path.contains(|c: char| c == ';' || c.is_control()) {
            return Err("its path holds a control character or ';'");
        }

        if !self.expires.is_finite() || self.expires < 0.0 {
            self.expires = -1.0;
        } else if self.expires <= now.timestamp_millis() as f64 / 1000.0 {
            return Err("has ended");
        } else {
            let cap = now + TimeDelta::days(LONGEST_LIFE_DAYS);
            self.expires = whole_microseconds(self.expires.min(cap.timestamp() as f64));
        }

        if self.same_site == SameSite::None && !self.secure {
            self.same_site = SameSite::Lax;
        }
        match &self.partition_key {
            None => self.has_cross_site_ancestor = None,
            Some(site) => {
                if web_origin(site).is_none() {
                    return Err("its partition key is not a site");
                }
                if !self.secure {
                    return Err("is partitioned but not secure");
                }
                // What Playwright takes it for where it is absent.
                self.has_cross_site_ancestor.get_or_insert(true);
            }
        }
        self.check_prefix()
    }

    fn check_pair(&self) -> Result<(), &'static str> {
        let control = |text: &str| text.contains(|c: char| c != '\t' && c.is_ascii_control());
        let edged = |text: &str| text.trim_matches([' ', '\t']).len() != text.len();
        if self.name.is_empty() && self.value.is_empty() {
            return Err("has neither name nor value");
        }
        if control(&self.name) || control(&self.value) {
            return Err("holds a control character");
        }
        if self.name.contains([';', '=']) || self.value.contains(';') {
            return Err("holds a separator (';' or '=')");
        }
        if edged(&self.name) || edged(&self.value) {
            return Err("begins or ends with white space");
        }
        if self.name.len() + self.value.len() > LARGEST_PAIR {
            return Err("is larger than 4096 bytes");
        }
        Ok(())
    }

    fn mend_domain(&mut self) -> Result<(), &'static str> {
        let (dot, bare) = match self.domain.strip_prefix('.') {
            Some(bare) => (true, bare),
            None => (false, self.domain.as_str()),
        };
        let Ok(host) = Host::parse(bare) else {
            return Err("its domain is not a host name");
        };
        self.domain = match &host {
            Host::Domain(name) if dot => format!(".{name}"),
            // An address has no subdomains.
            _ => host.to_string(),
        };
        Ok(())
    }

    /// The promises that a name can make (RFC 6265bis section 4.1.3).
    fn check_prefix(&self) -> Result<(), &'static str> {
        let begins = |prefix: &str| {
            let claim = if self.name.is_empty() {
                &self.value
            } else {
                &self.name
            };
            claim
                .get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        let (host, secure, http) = (begins("__Host-"), begins("__Secure-"), begins("__Http-"));
        if self.name.is_empty() && (host || secure || http) {
            return Err("has no name, and a value that looks like a reserved name");
        }
        if (host || secure || http) && !self.secure {
            return Err("its name promises 'secure', which it is not");
        }
        if host && (self.path != "/" || self.domain.starts_with('.')) {
            return Err("its name promises one host and the path '/', which it does not keep");
        }
        if (http || begins("__Host-Http-")) && !self.http_only {
            return Err("its name promises 'HttpOnly', which it is not");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state::Entry;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn cookie(change: impl FnOnce(&mut Cookie)) -> Cookie {
        let mut cookie = Cookie {
            name: "sid".into(),
            value: "v".into(),
            domain: "site.test".into(),
            path: "/".into(),
            expires: -1.0,
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
            partition_key: None,
            has_cross_site_ancestor: None,
        };
        change(&mut cookie);
        cookie
    }

    fn sanitised(change: impl FnOnce(&mut Cookie)) -> Result<Cookie, Dropped> {
        let mut state = StorageState {
            cookies: vec![cookie(change)],
            ..StorageState::default()
        };
        let mut dropped = state.sanitise(now());
        state.cookies.pop().ok_or_else(|| dropped.remove(0))
    }

    #[test]
    fn what_a_browser_would_refuse_is_left_out_and_named_without_its_value() {
        type Change = fn(&mut Cookie);
        let cases: [(&str, Change); 17] = [
            ("control in name", |c| c.name = "a\u{1}b".into()),
            ("control in value", |c| c.value = "canary\n".into()),
            ("separator", |c| c.value = "canary;x".into()),
            ("equals in name", |c| c.name = "a=b".into()),
            ("space at the end", |c| c.value = "canary ".into()),
            ("nothing", |c| {
                c.name.clear();
                c.value.clear();
            }),
            ("too large", |c| c.value = "canary".repeat(1000)),
            ("no host", |c| c.domain = "a b".into()),
            ("empty domain", |c| c.domain = String::new()),
            ("port in domain", |c| c.domain = "site.test:80".into()),
            ("relative path", |c| c.path = "x".into()),
            ("ended", |c| c.expires = 0.0),
            ("just ended", |c| c.expires = now().timestamp() as f64),
            ("prefix", |c| c.name = "__Host-sid".into()),
            ("prefix with domain", |c| {
                c.name = "__host-sid".into();
                c.secure = true;
                c.domain = ".site.test".into();
            }),
            ("partition not secure", |c| {
                c.partition_key = Some("https://top.test".into());
            }),
            ("partition no site", |c| {
                c.partition_key = Some("top".into());
                c.secure = true;
            }),
        ];
        for (case, change) in cases {
            let dropped = sanitised(change).expect_err(case);
            assert!(!dropped.to_string().contains("canary"), "{dropped}");
        }
    }

    #[test]
    fn what_is_clear_is_repaired() {
        let with = |change: fn(&mut Cookie)| sanitised(change).unwrap();
        assert_eq!(with(|c| c.path.clear()).path, "/");
        assert_eq!(with(|c| c.expires = -2.0).expires, -1.0);
        assert_eq!(with(|c| c.expires = f64::NAN).expires, -1.0);
        let cap = (now().timestamp() + 400 * 86_400) as f64;
        assert_eq!(with(|c| c.expires = 1e14).expires, cap);
        assert_eq!(
            with(|c| c.same_site = SameSite::None).same_site,
            SameSite::Lax
        );
        assert_eq!(
            with(|c| c.domain = ".SITE.test".into()).domain,
            ".site.test"
        );
        assert_eq!(with(|c| c.domain = ".127.0.0.1".into()).domain, "127.0.0.1");
        assert_eq!(with(|c| c.domain = "[::1]".into()).domain, "[::1]");
        let lone = with(|c| c.has_cross_site_ancestor = Some(true));
        assert_eq!(lone.has_cross_site_ancestor, None);
        let partitioned = with(|c| {
            c.secure = true;
            c.partition_key = Some("https://top.test".into());
        });
        assert_eq!(partitioned.has_cross_site_ancestor, Some(true));
    }

    #[test]
    fn a_cookie_that_stands_twice_is_kept_once_with_its_last_value() {
        let mut state = StorageState {
            cookies: vec![
                cookie(|c| c.value = "old".into()),
                cookie(|c| c.domain = ".site.test".into()),
                cookie(|c| c.value = "new".into()),
            ],
            ..StorageState::default()
        };
        assert!(state.sanitise(now()).is_empty());
        let values: Vec<_> = state.cookies.iter().map(|c| c.value.as_str()).collect();
        assert_eq!(values, ["new", "v"]);
    }

    #[test]
    fn origins_are_those_of_web_pages_and_stand_once() {
        let origin = |origin: &str, value: &str| Origin {
            origin: origin.into(),
            local_storage: vec![Entry {
                name: "k".into(),
                value: value.into(),
            }],
            indexed_db: None,
        };
        let mut state = StorageState {
            origins: vec![
                origin("null", "1"),
                origin("file:///x", "1"),
                origin("https://SITE.test:443/", "1"),
                origin("https://site.test", "2"),
            ],
            ..StorageState::default()
        };
        assert_eq!(state.sanitise(now()).len(), 2);
        assert_eq!(state.origins.len(), 1);
        assert_eq!(state.origins[0].origin, "https://site.test");
        assert_eq!(state.origins[0].local_storage.len(), 1);
        assert_eq!(state.origins[0].local_storage[0].value, "2");
    }
}
