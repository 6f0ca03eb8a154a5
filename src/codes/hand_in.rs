//! Where a code or a link is handed in while a login waits, in whatever process: HTTP on a Unix socket that only this user
//! reaches. Both ends.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use url::Url;
use zeroize::Zeroizing;

use super::Told;
use crate::ids::SessionKey;
use crate::session::{Counter, Files, FilesError};

/// The longest body that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// Longest wait for the other end.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest code, in characters.
const LONGEST_CODE: usize = 64;

/// Whether a link may be opened.
pub(super) type Accepts = Arc<dyn Fn(&Url) -> bool + Send + Sync>;

#[derive(Clone)]
struct Waiting {
    /// `SITE` or `SITE:ACCOUNT`.
    session: Arc<str>,
    accepts: Accepts,
    tell: mpsc::Sender<Told>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handed {
    code: Option<String>,
    link: Option<String>,
}

/// What became of a code or a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Given {
    /// The login has it.
    Taken,
    /// No login of this account waits for one.
    NobodyWaits,
    /// It is none: why.
    Refused(String),
}

/// What is handed in, to be sent.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Sent<'a> {
    Code(&'a str),
    Link(&'a str),
}

/// Hands a code, or a link where there is `://` in it, to the login that waits for it.
///
/// # Errors
/// The sockets cannot be looked at.
pub async fn hand_in(
    files: &Files,
    key: &SessionKey,
    text: &SecretString,
) -> Result<Given, FilesError> {
    let Some(way) = files.waits_for_code(key)? else {
        return Ok(Given::NobodyWaits);
    };
    let text = text.expose_secret().trim();
    let sent = match text.contains("://") {
        true => Sent::Link(text),
        false => Sent::Code(text),
    };
    let body = Zeroizing::new(serde_json::to_vec(&sent).unwrap_or_default());
    let client = reqwest::Client::builder()
        .unix_socket(way.path())
        .no_proxy()
        .build();
    let account = SessionKey {
        within: None,
        ..key.clone()
    };
    let url = format!("http://localhost/v1/sessions/{account}/code");
    // What answers no more has just stopped waiting.
    let answer = async {
        let request = client.ok()?.post(url);
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = request.body(body.to_vec()).timeout(ANSWER).send().await;
        let answer = answer.ok()?;
        let (status, body) = (answer.status(), answer.bytes().await.ok()?);
        Some((status, body))
    };
    Ok(match answer.await {
        Some((StatusCode::NO_CONTENT, _)) => Given::Taken,
        None | Some((StatusCode::NOT_FOUND, _)) => Given::NobodyWaits,
        Some((_, body)) => {
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = problem["detail"].as_str().unwrap_or("it was not taken");
            Given::Refused(detail.to_owned())
        }
    })
}

/// Serves the counter until something good was handed in.
///
/// # Errors
/// The socket cannot be served.
pub(super) async fn taken(
    counter: &Counter,
    session: &str,
    accepts: Accepts,
) -> std::io::Result<Told> {
    let (tell, mut told) = mpsc::channel(1);
    let waiting = Waiting {
        session: session.into(),
        accepts,
        tell,
    };
    let nobody = async || {
        problem(
            StatusCode::NOT_FOUND,
            "there is nothing at this path; POST /v1/sessions/{SITE}/code",
        )
    };
    let router = Router::new()
        .route("/v1/sessions/{session}/code", post(take))
        .fallback(nobody)
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(waiting);
    let listener = UnixListener::from_std(counter.listener()?)?;
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => match ended {
            Ok(()) => Err(std::io::Error::other("the counter was closed")),
            Err(error) => Err(error),
        },
        // Its answer is written by a task of its own, which the end of serving does not end.
        told = told.recv() => told.ok_or_else(|| std::io::Error::other("the counter was closed")),
    }
}

async fn take(
    State(waiting): State<Waiting>,
    Path(session): Path<String>,
    body: Bytes,
) -> Response<Body> {
    if *session != *waiting.session {
        let detail = format!("no login of {session} waits for a code here");
        return problem(StatusCode::NOT_FOUND, &detail);
    }
    // The reader's own words would repeat what was sent.
    let Ok(handed) = serde_json::from_slice::<Handed>(&body) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the body must be {\"code\": \"…\"} or {\"link\": \"https://…\"}",
        );
    };
    let told = match read(handed, &waiting.accepts) {
        Ok(told) => told,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    match waiting.tell.try_send(told) {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(_) => problem(StatusCode::NOT_FOUND, "the login does not wait any more"),
    }
}

fn read(handed: Handed, accepts: &Accepts) -> Result<Told, String> {
    match (handed.code, handed.link) {
        (Some(code), None) => super::spelled(&code).map(Told::Code),
        (None, Some(link)) => {
            let link = SecretString::from(link);
            super::link_of(&link, |url| accepts(url)).map(Told::Link)
        }
        _ => Err("give one of \"code\" and \"link\"".to_owned()),
    }
}

/// A code as a person gives it, if it can be one.
pub(super) fn spelled(code: &str) -> Result<SecretString, String> {
    let code = code.trim();
    let plain = code.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    match plain && (1..=LONGEST_CODE).contains(&code.len()) {
        true => Ok(code.into()),
        false => Err(format!(
            "a code has 1 to {LONGEST_CODE} letters, digits and dashes, and this is none"
        )),
    }
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = axum::response::IntoResponse::into_response((status, Json(body)));
    let kind = axum::http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
