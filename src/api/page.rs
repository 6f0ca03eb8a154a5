//! What our few pages have in common.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use url::Url;

/// How pages look; dark where the person likes that.
const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:34rem;margin:12vh auto 2rem;padding:0 1.25rem}\
h1{font-size:1.5rem;line-height:1.25}\
label{display:flex;gap:.6rem;align-items:baseline;padding:.35rem 0}\
code,.code{font:1em ui-monospace,monospace;overflow-wrap:anywhere}\
.code{font-size:1.4rem;letter-spacing:.1em}\
.row{display:flex;gap:.75rem;margin-top:1.25rem}\
.button,button{font:inherit;padding:.5rem 1.1rem;border:1px solid;border-radius:.4rem;background:none;color:inherit;\
text-decoration:none;cursor:pointer}\
.main{background:#1a5fb4;border-color:#1a5fb4;color:#fff}\
input[type=text]{font:inherit;padding:.5rem;width:12rem}\
pre{padding:.75rem;border:1px solid;border-radius:.4rem;overflow:auto}\
.quiet{opacity:.75;font-size:.9rem}";

/// The style's hash, by which a browser knows that it is ours (CSP Level 3 section 8.2).
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A page. Nothing on it runs, nobody frames it, and its forms come back to us.
pub(super) fn page(status: StatusCode, title: &str, body: Markup) -> Response {
    framed(status, title, None, None, body)
}

/// A page whose form's answer may lead to another place. A browser asks the policy of the page about that too.
pub(super) fn page_to(title: &str, elsewhere: &str, body: Markup) -> Response {
    framed(StatusCode::OK, title, None, Some(elsewhere), body)
}

/// A page that goes on by itself, from our own site: so that a browser which another site sent here shows its strict cookie.
pub(super) fn onward(path: &str) -> Response {
    let body = html! { p { a class="button" href=(path) { "Go on" } } };
    framed(StatusCode::OK, "One moment", Some(path), None, body)
}

fn framed(
    status: StatusCode,
    title: &str,
    onward: Option<&str>,
    elsewhere: Option<&str>,
    body: Markup,
) -> Response {
    let style = STYLE_HASH.as_str();
    let targets = match elsewhere.and_then(source) {
        Some(source) => format!("'self' {source}"),
        None => "'self'".to_owned(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    );
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                @if let Some(path) = onward { meta http-equiv="refresh" content=(format!("0;url={path}")); }
                title { (title) " – Jarkeeper" }
                style { (PreEscaped(STYLE)) }
            }
            body { h1 { (title) } (body) }
        }
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, policy.as_str()),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, markup).into_response()
}

/// Where a URI leads, as a policy names it: an origin, or the scheme of a program's own.
fn source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let origin = url.origin();
    match origin.is_tuple() {
        true => Some(origin.ascii_serialization()),
        false => Some(format!("{}:", url.scheme())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_where_a_form_may_lead_and_no_more() {
        let to = |uri: &str| source(uri).unwrap();
        assert_eq!(to("http://127.0.0.1:7/cb?x=1"), "http://127.0.0.1:7");
        assert_eq!(to("https://app.example/cb"), "https://app.example");
        assert_eq!(to("com.example.app:/cb"), "com.example.app:");
        let page = page_to("T", "https://app.example/cb", html! {});
        let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://app.example;"));
    }
}
