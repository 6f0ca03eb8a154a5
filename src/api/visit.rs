//! The cookie by which a browser's visit is known.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use secrecy::{ExposeSecret, SecretString};

use super::Door;
use crate::identity::{IdentityError, Visit};

/// The cookie's name.
pub(super) const NAME: &str = "jarkeeper_visit";

/// The visit of the browser that sent these headers.
pub(super) fn of(door: &Door, headers: &HeaderMap) -> Result<Option<Visit>, IdentityError> {
    match cookie(headers, NAME) {
        Some(value) => door.identity.visit(&value),
        None => Ok(None),
    }
}

/// The value of a cookie; `None` where it is missing, or there twice.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<SecretString> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.into()),
        _ => None,
    }
}

/// Sets the cookie.
pub(super) fn begin(value: &SecretString, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let value = value.expose_secret();
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// Takes it away.
pub(super) fn end() -> String {
    format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether a form came from a page that this browser got from us.
pub(super) fn is_own_form(visit: &Visit, csrf: &SecretString) -> bool {
    let (own, sent) = (
        visit.csrf.expose_secret().as_bytes(),
        csrf.expose_secret().as_bytes(),
    );
    // Without an early end: how long it takes tells nothing.
    own.len() == sent.len() && own.iter().zip(sent).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
