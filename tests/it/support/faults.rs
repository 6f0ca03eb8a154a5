//! What goes wrong on the test site: faults of answers, and the URLs behind a page's nuisances.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt as _;
use futures::stream;

use super::dials::Fault;
use super::site::Shared;
use super::wire::Wire;

/// Lets a fault strike; `None`: the right answer follows, only slower.
pub(crate) async fn strike(fault: &Fault, wire: &Wire) -> Option<Response> {
    static HOP: AtomicU64 = AtomicU64::new(0);
    let answer = match fault {
        Fault::Status(status, retry_after) => {
            let status = StatusCode::from_u16(*status).unwrap();
            let mut answer = (status, Html("<h1>Out of order</h1>")).into_response();
            if let Some(after) = retry_after {
                let after = after.parse().unwrap();
                answer.headers_mut().insert(RETRY_AFTER, after);
            }
            answer
        }
        Fault::Slow => {
            wire.slow(true);
            return None;
        }
        Fault::Reset => {
            wire.cut();
            StatusCode::OK.into_response()
        }
        Fault::Silence => std::future::pending().await,
        Fault::EndlessRedirects => {
            let to = format!("/hop/{}", HOP.fetch_add(1, Ordering::Relaxed));
            (StatusCode::FOUND, [(LOCATION, to)]).into_response()
        }
        Fault::EndlessBody => endless().await,
    };
    Some(answer)
}

/// The URLs that the nuisances of the login page ask for.
pub(crate) fn nuisances() -> Router<Arc<Shared>> {
    Router::new()
        .route("/style.css", get(super::routes::style))
        .route("/endless", get(endless))
        .route("/events", get(events))
        .route("/never", get(std::future::pending::<Response>))
        .route("/pop-up", get(async || Html("<h1>You have won</h1>")))
        .route("/worker.js", get(worker))
}

/// A download that never ends, at some 10 MB a second.
async fn endless() -> Response {
    let chunk = Bytes::from_static(&[0; 65536]);
    let chunks = stream::repeat(chunk).then(async |chunk| {
        tokio::time::sleep(Duration::from_millis(6)).await;
        Ok::<_, Infallible>(chunk)
    });
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment; filename=endless.bin"),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// An event stream that says one word and stays open.
async fn events() -> Response {
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"data: hello\n\n"))]);
    let body = Body::from_stream(first.chain(stream::pending()));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// A service worker that answers everything by asking the site, and takes over at once.
async fn worker() -> Response {
    let script = "addEventListener('install', () => skipWaiting()); \
        addEventListener('activate', e => e.waitUntil(clients.claim())); \
        addEventListener('fetch', e => e.respondWith(fetch(e.request)))";
    ([(CONTENT_TYPE, "text/javascript")], script).into_response()
}
