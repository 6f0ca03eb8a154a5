//! A state's cookies for plain HTTP: which to send, and what an answer does to them.
//!
//! Matching and parsing are those of the `cookie_store` crate. It keeps one cookie for a (host, path, name), where
//! Chromium keeps the host's own one, the domain's one, and one for each partition; so each of these kinds has a
//! store of its own here. It takes secure cookies from insecure answers, and cookies for whole top-level domains;
//! those are refused before they reach it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use cookie_store::{CookieDomain, CookieExpiration, CookieStore, RawCookie};
use url::{Host, Url};

use super::cookie_date::cookie_date;
use super::state::{Cookie, Identity, SameSite, StorageState};

/// The cookies of one state, for plain HTTP requests such as a top-level navigation makes.
///
/// A partitioned cookie is sent only where the request's own site is its partition and it was not set below a frame
/// of another site: only then would Chromium send it with a page that is opened by its address. `SameSite` plays no
/// part, because such a navigation is not another site's request. Ports play none either. Loopback counts as secure,
/// `*.localhost` included.
///
/// Source: RFC 6265 sections 5.3 and 5.4; RFC 6265bis section 5.7 for secure cookies; CHIPS for partitions.
pub struct Jar {
    state: StorageState,
    stores: BTreeMap<Kind, CookieStore>,
    touched: BTreeSet<(Kind, String, String, String)>,
    now: DateTime<Utc>,
}

/// What `cookie_store` does not tell apart: whether subdomains get the cookie, and its partition (top-level site,
/// and whether a frame of another site lay between).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    host_only: bool,
    partition: Option<(String, bool)>,
}

impl Kind {
    fn of(cookie: &Cookie) -> Self {
        let between = cookie.has_cross_site_ancestor.unwrap_or(true);
        Self {
            host_only: cookie.host_only(),
            partition: cookie.partition_key.clone().map(|site| (site, between)),
        }
    }

    /// Whether a page of this URL, opened by its address, gets cookies of this kind.
    fn goes_to(&self, url: &Url) -> bool {
        match &self.partition {
            None => true,
            Some((site, between)) => !between && is_of_site(url, site),
        }
    }
}

/// Whether the URL belongs to a site (`https://registrable.domain`). As Chromium has named the site, it need not be
/// known here how long public suffixes are.
pub(super) fn is_of_site(url: &Url, site: &str) -> bool {
    let Ok(site) = Url::parse(site) else {
        return false;
    };
    let (Some(host), Some(domain)) = (url.host_str(), site.host_str()) else {
        return false;
    };
    let below = matches!(site.host(), Some(Host::Domain(_)))
        && host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'));
    url.scheme() == site.scheme() && (host == domain || below)
}

/// Whether Chromium trusts this URL with secure cookies.
fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The URL with the scheme that says what Chromium thinks of it: `cookie_store` does not know `*.localhost`.
fn as_trusted(url: &Url) -> Url {
    let mut seen = url.clone();
    if url.scheme() == "http" && is_secure(url) {
        // Between http and https this cannot fail.
        seen.set_scheme("https").ok();
    }
    seen
}

impl Jar {
    /// The cookies of this state that have not ended.
    pub fn new(state: &StorageState, now: DateTime<Utc>) -> Self {
        let mut jar = Self {
            state: state.clone(),
            stores: BTreeMap::new(),
            touched: BTreeSet::new(),
            now,
        };
        for cookie in &state.cookies {
            let mut usable = cookie.clone();
            let Ok(url) = Url::parse(&format!("https://{}/", cookie.host())) else {
                continue;
            };
            if usable.sanitise(now).is_err() {
                continue;
            }
            // Without its end: whether it has ended was decided by `now`, and the store has a clock of its own.
            let mut raw = RawCookie::build((usable.name.clone(), usable.value.clone()))
                .path(usable.path.clone())
                .secure(usable.secure)
                .http_only(usable.http_only);
            if !usable.host_only() {
                raw = raw.domain(usable.host().to_owned());
            }
            let store = jar.stores.entry(Kind::of(&usable)).or_default();
            store.insert_raw(&raw.build(), &url).ok();
        }
        jar
    }

    /// The value of the `Cookie` header for a GET of this URL; `None` where no cookie goes there.
    ///
    /// Longer paths come first, then the order of the state.
    pub fn header(&self, url: &Url) -> Option<String> {
        let seen = as_trusted(url);
        let order: HashMap<Identity, usize> = self
            .state
            .cookies
            .iter()
            .enumerate()
            .map(|(i, cookie)| (cookie.identity(), i))
            .collect();
        let mut found = Vec::new();
        for (kind, store) in &self.stores {
            if !kind.goes_to(url) {
                continue;
            }
            for cookie in store.matches(&seen) {
                let place = order.get(&identity(kind, cookie)).copied();
                found.push((
                    std::cmp::Reverse(cookie.path.len()),
                    place.unwrap_or(usize::MAX),
                    cookie.name(),
                    cookie.value(),
                ));
            }
        }
        found.sort();
        let pairs: Vec<_> = found
            .into_iter()
            .map(|(_, _, name, value)| match name {
                "" => value.to_owned(),
                name => format!("{name}={value}"),
            })
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes the `Set-Cookie` headers of an answer from this URL, as a browser does; what it would refuse is ignored.
    pub fn take<V: AsRef<[u8]>>(&mut self, url: &Url, headers: impl IntoIterator<Item = V>) {
        for header in headers {
            let Ok(text) = std::str::from_utf8(header.as_ref()) else {
                continue;
            };
            self.take_one(url, text);
        }
    }

    /// `None`: refused.
    fn take_one(&mut self, url: &Url, header: &str) -> Option<()> {
        let seen = as_trusted(url);
        let mut cookie = cookie_store::Cookie::parse(header, &seen)
            .ok()?
            .into_owned();
        if cookie.max_age().is_none()
            && let Some(end) = expires(header)
        {
            // The crate takes a date that it cannot read for none, and a removal for a change.
            let left = (end - self.now).num_seconds().max(0);
            cookie.expires = CookieExpiration::from(left as u64);
        }
        if let CookieDomain::Suffix(domain) = &cookie.domain {
            if url.host_str() == Some(domain) && (!domain.contains('.') || is_address(url)) {
                // An address and a top-level name have no subdomains: the host gets it as its own.
                cookie.domain = CookieDomain::host_only(url).ok()?;
            } else if !domain.contains('.') {
                return None;
            }
        }
        let kind = Kind {
            host_only: matches!(cookie.domain, CookieDomain::HostOnly(_)),
            partition: match cookie.partitioned() {
                Some(true) => Some((self.own_site(url)?, false)),
                _ => None,
            },
        };
        if !is_secure(url) && (cookie.secure() == Some(true) || self.shadows_secure(&cookie, url)) {
            return None;
        }
        if !cookie.is_expired() {
            shaped(&kind, &cookie).sanitise(self.now).ok()?;
        }
        let touched = (
            kind.clone(),
            String::from(&cookie.domain),
            cookie.path.to_string(),
            cookie.name().to_owned(),
        );
        let store = self.stores.entry(kind).or_default();
        store.insert(cookie, &seen).ok()?;
        self.touched.insert(touched);
        Some(())
    }

    /// Whether an insecure answer would put a cookie before a secure one of the same name.
    fn shadows_secure(&self, new: &cookie_store::Cookie<'_>, url: &Url) -> bool {
        self.stores
            .values()
            .flat_map(CookieStore::iter_unexpired)
            .any(|old| {
                old.secure() == Some(true) && old.name() == new.name() && old.domain.matches(url)
            })
    }

    /// The site of this URL, where a partition of the state names it or the host is a site by itself.
    ///
    /// Otherwise the list of public suffixes would be needed; such a cookie waits for the next visit of a browser.
    fn own_site(&self, url: &Url) -> Option<String> {
        let known = self
            .stores
            .keys()
            .filter_map(|kind| kind.partition.as_ref())
            .find(|(site, _)| is_of_site(url, site));
        if let Some((site, _)) = known {
            return Some(site.clone());
        }
        let host = url.host_str()?;
        (is_address(url) || !host.contains('.')).then(|| format!("{}://{host}", url.scheme()))
    }

    /// The state with what the answers changed, and whether they changed anything.
    ///
    /// A cookie that was set again has the attributes that it was set with, as in a browser.
    pub fn into_state(mut self) -> (StorageState, bool) {
        let before = self.state.cookies.clone();
        for (kind, domain, path, name) in &self.touched {
            let stored = self
                .stores
                .get(kind)
                .and_then(|store| store.get_any(domain, path, name));
            let Some(stored) = stored else {
                continue;
            };
            let mut cookie = shaped(kind, stored);
            let identity = cookie.identity();
            let cookies = &mut self.state.cookies;
            let place = cookies.iter().position(|old| old.identity() == identity);
            let alive = !stored.is_expired() && cookie.sanitise(self.now).is_ok();
            match (place, alive) {
                (Some(i), true) => cookies[i] = cookie,
                (None, true) => cookies.push(cookie),
                (Some(i), false) => {
                    cookies.remove(i);
                }
                (None, false) => {}
            }
        }
        let changed = self.state.cookies != before;
        if let Some(extension) = self.state.jarkeeper.as_mut().filter(|_| changed) {
            extension.captured_at = self.now;
        }
        (self.state, changed)
    }
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jar({:?}, {} touched)", self.state, self.touched.len())
    }
}

/// The last `Expires` of a `Set-Cookie` header, where it is a date.
fn expires(header: &str) -> Option<DateTime<Utc>> {
    header
        .split(';')
        .skip(1)
        .filter_map(|attribute| attribute.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("expires"))
        .filter_map(|(_, date)| cookie_date(date))
        .last()
}

fn is_address(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
}

fn identity(kind: &Kind, cookie: &cookie_store::Cookie<'_>) -> Identity {
    shaped(kind, cookie).identity()
}

/// A stored cookie in the shape of a state.
fn shaped(kind: &Kind, cookie: &cookie_store::Cookie<'_>) -> Cookie {
    let host = String::from(&cookie.domain);
    let same_site = match cookie.same_site() {
        Some(same_site) if same_site.is_strict() => SameSite::Strict,
        Some(same_site) if same_site.is_none() => SameSite::None,
        _ => SameSite::Lax,
    };
    Cookie {
        name: cookie.name().to_owned(),
        value: cookie.value().to_owned(),
        domain: if kind.host_only {
            host
        } else {
            format!(".{host}")
        },
        path: cookie.path.to_string(),
        expires: match &cookie.expires {
            CookieExpiration::AtUtc(at) => at.unix_timestamp() as f64,
            CookieExpiration::SessionEnd => -1.0,
        },
        http_only: cookie.http_only().unwrap_or(false),
        secure: cookie.secure().unwrap_or(false),
        same_site,
        partition_key: kind.partition.as_ref().map(|(site, _)| site.clone()),
        has_cross_site_ancestor: kind.partition.as_ref().map(|(_, between)| *between),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn now() -> DateTime<Utc> {
        Utc::now()
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn state(cookies: serde_json::Value) -> StorageState {
        serde_json::from_value(serde_json::json!({ "cookies": cookies })).unwrap()
    }

    fn jar(cookies: serde_json::Value) -> Jar {
        Jar::new(&state(cookies), now())
    }

    #[test]
    fn a_cookie_goes_where_chromium_sends_it() {
        let jar = jar(serde_json::json!([
            {"name": "host", "value": "1", "domain": "site.test"},
            {"name": "domain", "value": "2", "domain": ".site.test"},
            {"name": "deep", "value": "3", "domain": "site.test", "path": "/a/b"},
            {"name": "secure", "value": "4", "domain": "site.test", "secure": true},
            {"name": "ended", "value": "5", "domain": "site.test", "expires": 1000.0},
            {"name": "", "value": "nameless", "domain": "app.test"},
            {"name": "v4", "value": "6", "domain": "127.0.0.1", "secure": true, "httpOnly": true},
            {"name": "v6", "value": "7", "domain": "[::1]"},
            {"name": "local", "value": "8", "domain": "x.localhost", "secure": true},
            {"name": "quoted", "value": "\"9 a, b\"", "domain": "q.test"},
        ]));
        for (at, want) in [
            ("http://site.test/", Some("host=1; domain=2")),
            ("http://site.test:8080/x", Some("host=1; domain=2")),
            (
                "https://site.test/a/b/c",
                Some("deep=3; host=1; domain=2; secure=4"),
            ),
            ("https://site.test/a/bc", Some("host=1; domain=2; secure=4")),
            ("https://sub.site.test/", Some("domain=2")),
            ("https://othersite.test/", None),
            ("http://app.test/", Some("nameless")),
            ("http://127.0.0.1:9/", Some("v4=6")),
            ("http://localhost/", None),
            ("http://[::1]:9/", Some("v6=7")),
            ("http://x.localhost:9/", Some("local=8")),
            ("http://q.test/", Some("quoted=\"9 a, b\"")),
        ] {
            assert_eq!(jar.header(&url(at)).as_deref(), want, "{at}");
        }
    }

    #[test]
    fn cookies_that_differ_only_in_kind_are_kept_apart() {
        let mut jar = jar(serde_json::json!([
            {"name": "sid", "value": "host", "domain": "site.test"},
            {"name": "sid", "value": "domain", "domain": ".site.test"},
            {"name": "sid", "value": "own", "domain": "site.test", "secure": true,
             "partitionKey": "https://site.test", "_crHasCrossSiteAncestor": false},
            {"name": "sid", "value": "framed", "domain": "site.test", "secure": true,
             "partitionKey": "https://site.test"},
            {"name": "sid", "value": "foreign", "domain": "site.test", "secure": true,
             "partitionKey": "https://top.test", "_crHasCrossSiteAncestor": false},
        ]));
        let at = url("https://site.test/");
        assert_eq!(jar.header(&at).unwrap(), "sid=host; sid=domain; sid=own");
        jar.take(&at, ["sid=new; Path=/; Secure; Partitioned"]);
        let (state, changed) = jar.into_state();
        assert!(changed);
        let values: Vec<_> = state.cookies.iter().map(|c| c.value.as_str()).collect();
        assert_eq!(values, ["host", "domain", "new", "framed", "foreign"]);
    }

    #[test]
    fn an_answer_sets_changes_and_removes_cookies_with_all_their_attributes() {
        let mut jar = jar(serde_json::json!([
            {"name": "sid", "value": "old", "domain": "127.0.0.1", "httpOnly": true},
            {"name": "gone", "value": "x", "domain": "127.0.0.1"},
            {"name": "gone2", "value": "x", "domain": "127.0.0.1"},
            {"name": "stays", "value": "x", "domain": "127.0.0.1", "sameSite": "Strict", "expires": 4e9},
        ]));
        let at = url("http://127.0.0.1:8080/app/page");
        jar.take(
            &at,
            [
                "sid=new; Path=/; HttpOnly; Secure; SameSite=None; Max-Age=3600",
                "gone=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "gone2=deleted; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 UTC",
                "fresh=1",
                "never=; Max-Age=0",
            ],
        );
        assert_eq!(jar.header(&at).unwrap(), "fresh=1; sid=new; stays=x");
        let (state, changed) = jar.into_state();
        assert!(changed);
        let [sid, stays, fresh] = &state.cookies[..] else {
            panic!("{:?}", state.cookies);
        };
        assert_eq!((sid.value.as_str(), sid.path.as_str()), ("new", "/"));
        assert!(sid.http_only && sid.secure && sid.same_site == SameSite::None);
        let hour = (now() + TimeDelta::hours(1)).timestamp() as f64;
        assert!((sid.expires - hour).abs() < 60.0);
        assert_eq!((stays.same_site, stays.expires), (SameSite::Strict, 4e9));
        assert_eq!((fresh.path.as_str(), fresh.expires), ("/app", -1.0));
    }

    #[test]
    fn what_a_browser_refuses_changes_nothing() {
        let mut jar = jar(serde_json::json!([
            {"name": "sid", "value": "v", "domain": "site.test", "secure": true},
            {"name": "same", "value": "v", "domain": "site.test"},
        ]));
        jar.take(
            &url("http://site.test/"),
            [
                &b"sid=shadow; Path=/"[..],
                b"s=v; Secure",
                b"d=v; Domain=test",
                b"d=v; Domain=other.test",
                b"__Host-x=v; Path=/",
                b"c=a\x01b",
                b"c=\xff",
                b"p=v; Partitioned; Secure",
                b"nothing",
                b"same=v; Path=/",
            ],
        );
        let before = jar.state.clone();
        let (after, changed) = jar.into_state();
        assert!(!changed, "{:?}", after.cookies);
        assert_eq!(before, after);
    }

    #[test]
    fn a_domain_attribute_of_an_address_makes_the_cookie_the_hosts_own() {
        for (at, domain) in [
            ("http://127.0.0.1:1/", "127.0.0.1"),
            ("http://localhost/", "localhost"),
        ] {
            let mut jar =
                jar(serde_json::json!([{"name": "sid", "value": "old", "domain": domain}]));
            jar.take(&url(at), [format!("sid=new; Domain={domain}; Path=/")]);
            let (state, _) = jar.into_state();
            assert_eq!(state.cookies.len(), 1);
            assert_eq!(
                (
                    state.cookies[0].value.as_str(),
                    state.cookies[0].domain.as_str()
                ),
                ("new", domain)
            );
        }
    }
}
