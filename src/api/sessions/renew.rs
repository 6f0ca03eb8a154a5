//! Having a session renewed or looked at now, and handing in what its login waits for.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Json;
use super::state::{LONGEST_WAIT, WAIT};
use super::{in_time, reached_one};
use crate::api::span::Span;
use crate::api::{Door, Problem, guarded};
use crate::codes::{self, Given};
use crate::failure::FailureClass;
use crate::identity::{Principal, Scope, Who};
use crate::renewal::{Cause, How, Report};

/// Longest wait of who is at this machine: a login may take fifteen minutes.
const LOCAL_WAIT: Duration = Duration::from_secs(1200);

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::SessionsRenew, routes!(renew)))
        .routes(guarded(Scope::SessionsRenew, routes!(check)))
        .routes(guarded(Scope::SessionsRenew, routes!(code)))
}

/// What came of a renewal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::api) struct RenewalView {
    /// The session.
    session: String,
    /// How it ended.
    how: How,
    /// The class of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<FailureClass>,
    /// The step of the login at which it failed, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// What was seen: see `/v1/sessions/{session}/artefacts/{artefacts}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    artefacts: Option<String>,
}

impl RenewalView {
    pub(in crate::api) fn of(report: &Report) -> Self {
        let folder = report.artefacts.as_ref().and_then(|path| path.file_name());
        Self {
            session: report.key.to_string(),
            how: report.how,
            class: report.failure.as_ref().map(|failure| failure.class),
            step: report.failure.as_ref().and_then(|failure| failure.step),
            took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            artefacts: folder.map(|id| id.to_string_lossy().into_owned()),
        }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renew {
    /// How long to wait for the end: 30 seconds where it is not given; more than 120 count as 120; 0: not at all.
    wait: Option<Span>,
}

/// A renewal that goes on.
#[derive(Serialize, ToSchema)]
struct Begun {
    /// The session.
    session: String,
}

/// Makes a session live, as far as the rules allow: a look where that is enough, else a login. Who may also hold and release
/// sessions (`sessions:write`) may try once more what a failure holds, but for a refused password; others may not.
#[utoipa::path(post, path = "/v1/sessions/{session}/renew", operation_id = "sessions.renew", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    request_body = Option<Renew>,
    responses(
        (status = 200, description = "The session lives.", body = RenewalView),
        (status = 202, description = "The renewal has begun and goes on; its end is in the session's history.", body = Begun,
            headers(("Location" = String, description = "The session."))),
        (status = 409, description = "The session is held, or a person must mend something.", body = Problem),
        (status = 502, description = "The renewal failed at the site.", body = Problem),
        (status = 503, description = "The renewal cannot be done now.", body = Problem),
        (status = 504, description = "The site did not answer in time.", body = Problem)))]
async fn renew(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    asked: Option<Json<Renew>>,
) -> Result<Response, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let wait = asked.and_then(|Json(asked)| asked.wait);
    let most = match principal.who {
        // A command at this machine waits for the whole of the longest login.
        Who::Local(_) => LOCAL_WAIT,
        _ => LONGEST_WAIT,
    };
    let wait = wait.map_or(WAIT, |Span(wait)| wait.min(most));
    let cause = match principal.may(Scope::SessionsWrite) {
        true => Cause::Command,
        false => Cause::Report,
    };
    if wait.is_zero() {
        // The queue goes on without us.
        drop(door.queue.submit(key, cause));
        return Ok(begun(session));
    }
    match door.queue.renewed(&key, cause, Instant::now() + wait).await {
        Ok(report) => Ok(Json(RenewalView::of(&report)).into_response()),
        Err(crate::renewal::Unmet::Pending) => Ok(begun(session)),
        Err(unmet) => Err(unmet.into()),
    }
}

fn begun(session: String) -> Response {
    let at = HeaderValue::from_str(&format!("/v1/sessions/{session}"));
    let mut response = (StatusCode::ACCEPTED, Json(Begun { session })).into_response();
    // Its name was checked: letters, digits, and what stands between them.
    if let Ok(at) = at {
        response.headers_mut().insert(LOCATION, at);
    }
    response
}

/// What a look at a session found.
#[derive(Serialize, ToSchema)]
struct Looked {
    /// Whether it is alive.
    alive: bool,
    /// What was seen, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
}

/// Looks at the site whether a session is alive, and never logs in.
#[utoipa::path(post, path = "/v1/sessions/{session}/check", operation_id = "sessions.check", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    responses(
        (status = 200, description = "What was found.", body = Looked),
        (status = 502, description = "The site does not tell.", body = Problem),
        (status = 503, description = "It cannot be looked at now.", body = Problem),
        (status = 504, description = "The site did not answer in time, or another process is at the session.", body = Problem)))]
async fn check(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
) -> Result<Json<Looked>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let seen = in_time(door.queue.renewer().check(&key)).await??.err();
    let alive = seen.is_none();
    Ok(Json(Looked { alive, seen }))
}

/// A code or a link that a site has sent: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HandedIn {
    /// The code.
    code: Option<String>,
    /// The whole link.
    link: Option<String>,
}

/// Hands a one-time code or a sign-in link to the login that waits for it (`waits_for_code` of the session says so).
#[utoipa::path(post, path = "/v1/sessions/{session}/code", operation_id = "sessions.code", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    request_body = HandedIn,
    responses(
        (status = 204, description = "The login has it."),
        (status = 400, description = "It is no code and no link that may be opened.", body = Problem),
        (status = 404, description = "There is no such session, or no login of it waits.", body = Problem)))]
async fn code(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    Json(handed): Json<HandedIn>,
) -> Result<StatusCode, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let is_link = handed.link.is_some();
    let text: SecretString = match (handed.code, handed.link) {
        (Some(text), None) | (None, Some(text)) if is_link == text.contains("://") => text.into(),
        (Some(_), None) => return Err(Problem::bad_request("a link is handed in as \"link\"")),
        (None, Some(_)) => return Err(Problem::bad_request("the link is no URL")),
        _ => return Err(Problem::bad_request("give one of \"code\" and \"link\"")),
    };
    let files = door.queue.renewer().files();
    match codes::hand_in(files, &key, &text).await? {
        Given::Taken => Ok(StatusCode::NO_CONTENT),
        Given::Refused(why) => Err(Problem::bad_request(why)),
        Given::NobodyWaits => {
            let detail = format!("no login of {key} waits for a code");
            let status = StatusCode::NOT_FOUND;
            Err(Problem::new(
                status,
                "nobody-waits",
                "Nobody waits for it",
                detail,
            ))
        }
    }
}
