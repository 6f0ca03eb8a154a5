//! A state in the shapes that other tools know.
//!
//! | format | read by | what it cannot hold |
//! |---|---|---|
//! | `storage-state` | Playwright | |
//! | `netscape` | curl, wget, yt-dlp, Python's `http.cookiejar` | tabs in a cookie, foreign partitions, web storage |
//! | `header` | anything that sends a `Cookie` header to one URL | web storage |
//! | `puppeteer` | `browser.setCookie(...)`, `page.setCookie(...)` | web storage |
//! | `selenium` | `driver.add_cookie(...)`, one by one | partitions, web storage |
//!
//! A partitioned cookie goes into `netscape` and `selenium` only where the cookie's own site is its partition and no
//! frame of another site lay between, because the readers would send it in every place; into `header` under the rule
//! of [`Jar`].

use std::fmt;
use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use utoipa::ToSchema;

use super::error::Damage;
use super::jar::{Jar, is_of_site};
use super::sanitise::Dropped;
use super::state::{Cookie, SameSite, StorageState};

/// The shapes that a state can be exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Playwright's JSON.
    StorageState,
    /// cookies.txt: seven columns between tabs.
    Netscape,
    /// The value of a `Cookie` header for one URL; for a session of HTTP authentication, the lines of its headers.
    Header,
    /// A JSON array for Puppeteer.
    Puppeteer,
    /// A JSON array for Selenium.
    Selenium,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::StorageState,
        Self::Netscape,
        Self::Header,
        Self::Puppeteer,
        Self::Selenium,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::StorageState => "storage-state",
            Self::Netscape => "netscape",
            Self::Header => "header",
            Self::Puppeteer => "puppeteer",
            Self::Selenium => "selenium",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(word: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.into_iter().find(|format| format.word() == word);
        found.ok_or_else(|| FormatError::Unknown(word.chars().take(40).collect()))
    }
}

/// Why a text cannot be written or read. Repeats no value of a cookie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No format has this word.
    #[error(
        "there is no format {0:?}; there are storage-state, netscape, header, puppeteer, selenium"
    )]
    Unknown(String),
    /// A header is for one URL.
    #[error("a Cookie header belongs to one URL: add --url")]
    UrlWanted,
    /// No cookie of the state goes there.
    #[error("no cookie of this session is sent to {0}")]
    Nothing(Url),
    /// Digest signs each request with what the server said before.
    #[error(
        "{0} takes HTTP Digest authentication, which no header fixed in advance can give; give its username and password to the client (they are in the state file, under jarkeeper.http)"
    )]
    Digest(String),
    /// The text is JSON in the wrong place.
    #[error("the JSON is damaged at {0}")]
    Json(Damage),
    /// The JSON is well formed, but one of its cookies or origins is not.
    #[error("{what} {number} {why}")]
    Entry {
        /// `cookie` or `origin`.
        what: &'static str,
        /// From 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A line of a cookies.txt.
    #[error("line {line} {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Neither of the shapes that can be read.
    #[error(
        "this is neither a storage state, nor a cookies.txt, nor a JSON array of cookies as Puppeteer and browser extensions write it"
    )]
    Shape,
    /// The text is well formed and holds nothing.
    #[error("there is neither a cookie nor web storage in it")]
    Empty,
}

/// A state in another shape, and what that shape had no place for.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The text, with a line end.
    pub text: String,
    /// What is missing in it. Names no value.
    pub left_out: Vec<Dropped>,
}

/// Writes a state in a format; with a URL, only what belongs to it.
///
/// # Errors
/// `UrlWanted` for a header without a URL, `Nothing` where no cookie goes to the URL.
pub fn export(
    state: &StorageState,
    format: Format,
    url: Option<&Url>,
    now: DateTime<Utc>,
) -> Result<Exported, FormatError> {
    let mut state = state.clone();
    let mut left_out = state.sanitise(now);
    if format == Format::Header {
        let url = url.ok_or(FormatError::UrlWanted)?;
        let cookies = Jar::new(&state, now).header(url);
        let text = match (authorization(&state, url)?, cookies) {
            (None, None) => return Err(FormatError::Nothing(url.clone())),
            (None, Some(cookies)) => cookies + "\n",
            (Some(own), None) => own,
            (Some(own), Some(cookies)) => format!("{own}Cookie: {cookies}\n"),
        };
        return Ok(Exported { text, left_out });
    }
    if let Some(url) = url {
        let origin = url.origin().ascii_serialization();
        if let Some(extension) = &mut state.jarkeeper {
            extension.http.retain(|own| own.origin == origin);
        }
        state.origins.retain(|o| o.origin == origin);
        state.cookies.retain(|cookie| {
            let alone = StorageState {
                cookies: vec![cookie.clone()],
                ..StorageState::default()
            };
            Jar::new(&alone, now).header(url).is_some()
        });
        if state.cookies.is_empty() && state.origins.is_empty() && state.http().is_empty() {
            return Err(FormatError::Nothing(url.clone()));
        }
    }
    if format != Format::StorageState {
        left_out.extend(state.http().iter().map(|own| Dropped {
            what: format!("HTTP authentication of {}", own.origin),
            why: "is no cookie; the formats header and storage-state have it",
        }));
    }
    let mut text = match format {
        Format::StorageState | Format::Header => pretty(&json!(state)),
        Format::Puppeteer => pretty(&Value::from_iter(state.cookies.iter().map(puppeteer))),
        Format::Netscape | Format::Selenium => {
            state.cookies.retain(|cookie| {
                let why = if !everywhere(cookie) {
                    "is partitioned, and its readers would send it elsewhere too"
                } else if format == Format::Netscape && has_tab(cookie) {
                    "holds a tab, which ends a column"
                } else {
                    return true;
                };
                let what = format!("cookie {cookie:?}");
                left_out.push(Dropped { what, why });
                false
            });
            match format {
                Format::Netscape => netscape(&state.cookies),
                _ => pretty(&Value::from_iter(state.cookies.iter().map(selenium))),
            }
        }
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(Exported { text, left_out })
}

/// The line of HTTP authentication for a URL, where the session has one.
fn authorization(state: &StorageState, url: &Url) -> Result<Option<String>, FormatError> {
    let Some(own) = state.http().iter().find(|own| own.are_for(url)) else {
        return Ok(None);
    };
    match own.authorization(None, "GET", url, 1, 0) {
        Some(value) => Ok(Some(format!("Authorization: {}\n", value.expose_secret()))),
        None => Err(FormatError::Digest(own.origin.clone())),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Whether a reader that knows no partitions sends the cookie where the browser would.
fn everywhere(cookie: &Cookie) -> bool {
    cookie.partition_key.as_deref().is_none_or(|site| {
        let page = Url::parse(&format!("https://{}/", cookie.host()));
        cookie.has_cross_site_ancestor == Some(false)
            && page.is_ok_and(|page| is_of_site(&page, site))
    })
}

fn has_tab(cookie: &Cookie) -> bool {
    [&cookie.name, &cookie.value, &cookie.path]
        .iter()
        .any(|text| text.contains('\t'))
}

/// Columns: domain, whether subdomains get it, path, whether secure, end (0: with the session), name, value.
///
/// Source: curl's documentation of the file format, and its convention for HttpOnly.
fn netscape(cookies: &[Cookie]) -> String {
    // Python and yt-dlp refuse a file without this very line.
    let mut text = String::from("# Netscape HTTP Cookie File\n\n");
    let yes = |yes| if yes { "TRUE" } else { "FALSE" };
    for cookie in cookies {
        // curl knows an IPv6 host without its brackets.
        let domain = match bare_v6(&cookie.domain) {
            Some(address) => address.to_string(),
            None => cookie.domain.clone(),
        };
        // Into a string this cannot fail.
        let _ = writeln!(
            text,
            "{}{domain}\t{}\t{}\t{}\t{}\t{}\t{}",
            if cookie.http_only { "#HttpOnly_" } else { "" },
            yes(!cookie.host_only()),
            cookie.path,
            yes(cookie.secure),
            cookie.expires.max(0.0) as i64,
            cookie.name,
            cookie.value,
        );
    }
    text
}

fn bare_v6(domain: &str) -> Option<Ipv6Addr> {
    domain.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn same_site_word(same_site: SameSite) -> &'static str {
    match same_site {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    }
}

/// What both drivers call by the same names.
fn common(cookie: &Cookie) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("name".into(), cookie.name.clone().into());
    map.insert("value".into(), cookie.value.clone().into());
    map.insert("domain".into(), cookie.domain.clone().into());
    map.insert("path".into(), cookie.path.clone().into());
    map.insert("httpOnly".into(), cookie.http_only.into());
    map.insert("secure".into(), cookie.secure.into());
    map.insert("sameSite".into(), same_site_word(cookie.same_site).into());
    map
}

/// Source: Puppeteer's `CookieData`; a session's cookie has the end -1.
fn puppeteer(cookie: &Cookie) -> Value {
    let mut map = common(cookie);
    map.insert("expires".into(), json!(cookie.expires));
    if let Some(site) = &cookie.partition_key {
        let between = cookie.has_cross_site_ancestor.unwrap_or(true);
        let key = json!({"sourceOrigin": site, "hasCrossSiteAncestor": between});
        map.insert("partitionKey".into(), key);
    }
    map.into()
}

/// Source: WebDriver section 14 (serialised cookie): `expiry` is an integer, and absent for a session's cookie.
fn selenium(cookie: &Cookie) -> Value {
    let mut map = common(cookie);
    if cookie.expires >= 0.0 {
        map.insert("expiry".into(), json!(cookie.expires as i64));
    }
    map.into()
}
