//! The pages on loopback: unchanged, but no script runs and nothing else is loaded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::StatusCode;
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

/// Starts to serve the folder; the URL that the names are relative to.
pub(crate) async fn serve(folder: PathBuf, titles: HashMap<String, String>) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let router = Router::new()
        .route("/{name}", axum::routing::get(page))
        .with_state(Arc::new((folder, titles)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}/")).expect("an address makes a URL")
}

async fn page(
    State(site): State<Arc<(PathBuf, HashMap<String, String>)>>,
    UrlPath(name): UrlPath<String>,
) -> Response {
    let (folder, titles) = site.as_ref();
    let Ok(body) = std::fs::read(folder.join(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The pages are fragments: what their sites wrote into the head is in the index.
    let title = titles.get(&name).map(|title| {
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        format!("<!doctype html><title>{title}</title>").into_bytes()
    });
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, [title.unwrap_or_default(), body].concat()).into_response()
}
