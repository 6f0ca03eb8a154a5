//! The pages on loopback: unchanged, but no script runs and nothing else is loaded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use url::Url;

/// Styles and pictures that stand in the page itself are all that is left of a site.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'";

/// The titles that the pages had on their sites, by file name.
pub(crate) fn titles(folder: &Path) -> HashMap<String, String> {
    let index = std::fs::read(folder.join("index.json")).unwrap_or_default();
    let index: Vec<serde_json::Value> = serde_json::from_slice(&index).unwrap_or_default();
    let text = |entry: &serde_json::Value, name: &str| Some(entry[name].as_str()?.to_owned());
    let named = index
        .iter()
        .filter_map(|entry| Some((text(entry, "html")?, text(entry, "title")?)));
    named.collect()
}

struct Site {
    folder: PathBuf,
    names: Vec<String>,
    titles: HashMap<String, String>,
}

/// Starts to serve the pages, each by its number; the URL that the numbers are relative to.
pub(crate) async fn serve(
    folder: PathBuf,
    names: Vec<String>,
    titles: HashMap<String, String>,
) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let router = Router::new()
        .route("/{number}", axum::routing::get(page))
        .with_state(Arc::new(Site {
            folder,
            names,
            titles,
        }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}/")).expect("an address makes a URL")
}

async fn page(State(site): State<Arc<Site>>, UrlPath(number): UrlPath<usize>) -> Response {
    let name = site.names.get(number);
    let file = name.and_then(|name| Some((name, std::fs::read(site.folder.join(name)).ok()?)));
    let Some((name, body)) = file else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The pages are fragments: what their sites wrote into the head is in the index.
    let title = site.titles.get(name).map(|title| {
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        format!("<!doctype html><title>{title}</title>").into_bytes()
    });
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, [title.unwrap_or_default(), body].concat()).into_response()
}
