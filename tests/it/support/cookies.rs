//! The cookies of the test site.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

use super::dials::{CookieKind, Dials, ExtraCookie};

/// Name of the session cookie.
pub(crate) fn session_name(dials: &Dials) -> String {
    match dials.cookie {
        CookieKind::HostPrefix => format!("__Host-{}", named(dials, "sid")),
        CookieKind::Plain | CookieKind::Partitioned => named(dials, "sid"),
    }
}

/// The name of one of this site's cookies.
pub(crate) fn named(dials: &Dials, name: &str) -> String {
    format!("{}{name}", dials.cookie_prefix)
}

/// Sets the session cookie, and at the login (`first`) those beside it.
pub(crate) fn set(headers: &mut HeaderMap, dials: &Dials, id: &str, first: bool) {
    let kind = match dials.cookie {
        CookieKind::Plain => "SameSite=Lax",
        CookieKind::HostPrefix => "Secure; SameSite=Strict",
        CookieKind::Partitioned => "Secure; SameSite=None; Partitioned",
    };
    let life = dials
        .cookie_life
        .map(|seconds| format!("; Max-Age={seconds}"))
        .unwrap_or_default();
    let name = session_name(dials);
    add(
        headers,
        format!("{name}={id}; Path=/; HttpOnly; {kind}{life}"),
    );
    if first {
        for extra in &dials.extra_cookies {
            for line in lines(*extra) {
                add(headers, line);
            }
        }
    }
}

fn lines(extra: ExtraCookie) -> Vec<String> {
    let lines: &[&str] = match extra {
        ExtraCookie::Preference => &["theme=dark; Path=/; Max-Age=31536000"],
        ExtraCookie::Partitioned => {
            &["widget=1; Path=/; Secure; SameSite=None; Partitioned; Max-Age=3600"]
        }
        ExtraCookie::HostPrefix => &["__Host-extra=1; Path=/; Secure; Max-Age=3600"],
        ExtraCookie::OtherDomain => &["stolen=1; Path=/; Domain=other.test; Max-Age=3600"],
        ExtraCookie::PublicSuffix => &["wide=1; Path=/; Domain=com; Max-Age=3600"],
        ExtraCookie::Empty => &["empty=; Path=/; Max-Age=3600", "=nameless; Path=/"],
        ExtraCookie::Odd => &[
            "quoted=\"a, b\"; Path=/; Max-Age=3600",
            "accent=caf\u{e9}; Path=/; Max-Age=3600",
        ],
        // Set by the signed-in page's script.
        ExtraCookie::Many(_) => &[],
        ExtraCookie::Huge(bytes) => return vec![format!("vast={}; Path=/", "x".repeat(bytes))],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn add(headers: &mut HeaderMap, line: String) {
    let value = HeaderValue::from_maybe_shared(axum::body::Bytes::from(line)).unwrap();
    headers.append(SET_COOKIE, value);
}

/// The value of a request's cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).into_iter();
    let mut pairs = lines
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
        .flat_map(|line| line.split("; "));
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.to_owned())
}
