//! The cookie by which a browser's visit is known.
//!
//! Cookies know no ports (RFC 6265 section 8.5): whatever listens on this machine, and gets a browser to come, is shown the
//! cookie. So a visit is short, `Strict`, and ends with every answer that takes the browser to another listener here.

use axum::http::header::{COOKIE, HeaderName, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};

use super::{Door, page};
use crate::identity::{IdentityError, Visit};

/// The cookie's name.
pub(super) const NAME: &str = "jarkeeper_visit";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

/// What a browser without a visit gets that wanted to see this path: the way to sign in and back. Where another site sent
/// it, it may have a visit and not show it, so it first comes again from here.
pub(super) fn wanted(parts: &Parts, path: &str) -> Response {
    let from = parts.headers.get(SEC_FETCH_SITE);
    let elsewhere = |site: &HeaderValue| site == "cross-site" || site == "same-site";
    if from.is_some_and(elsewhere) {
        return page::onward(path);
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", path)
        .finish();
    see(&format!("/sign-in?{query}"))
}

/// Sends a browser on.
pub(super) fn see(place: &str) -> Response {
    match HeaderValue::from_str(place) {
        Ok(place) => (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Sets or takes away a cookie with an answer.
pub(super) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
