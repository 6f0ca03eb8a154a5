//! `/docs`: a page that lists the operations and calls them.
//!
//! It holds nothing of anybody: its script reads `/openapi.json`, and a key that is typed into it goes into a header of the
//! calls and nowhere else.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::Door;

const SCRIPT: &str = include_str!("docs.js");
const STYLE: &str = include_str!("docs.css");

pub(super) fn routes() -> Router<Door> {
    Router::new().route("/docs", get(show))
}

async fn show() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY.as_str())], page()).into_response()
}

/// Its own script and style, calls of its own origin, and nothing else (CSP Level 3).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
});

fn page() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Jarkeeper: what can be called" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 id="title" { "Jarkeeper" }
                    pre id="about" {}
                    label for="key" { "API key or access token" }
                    input id="key" type="password" autocomplete="off" spellcheck="false" placeholder="jk_…";
                    p class="hint" { "It is sent in a header with what you call here, and forgotten with this page." }
                }
                main id="operations" { p { "Reading " a href="/openapi.json" { "/openapi.json" } " …" } }
                noscript { p { "This page needs scripts; the document itself is at " a href="/openapi.json" { "/openapi.json" } "." } }
                script type="module" { (PreEscaped(SCRIPT)) }
            }
        }
    }
}
