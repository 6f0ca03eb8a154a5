//! What is done to a session by hand: bringing one, holding, releasing, deleting.

use axum::Extension;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::super::Json;
use super::{condition, in_time, reached_one};
use crate::api::{Door, Problem, guarded};
use crate::failure::{Failure, FailureClass};
use crate::identity::{Principal, Scope};
use crate::ids::is_seen;
use crate::renewal::Condition;
use crate::session::files::LARGEST_STATE;
use crate::session::import;

/// Longest reason of a hold, characters: it stands in the session's record, which is written often.
const LONGEST_REASON: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::SessionsWrite, routes!(hold)))
        .routes(guarded(Scope::SessionsWrite, routes!(release)))
        .routes(guarded(Scope::SessionsWrite, routes!(delete)))
        .routes(large(guarded(Scope::SessionsWrite, routes!(bring))))
}

fn large((schemas, paths, methods): UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    (
        schemas,
        paths,
        methods.layer(DefaultBodyLimit::max(LARGEST_STATE)),
    )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Hold {
    /// Why, for those who wonder later; at most 1000 characters.
    #[schema(max_length = 1000, example = "the password is being changed")]
    why: String,
}

/// Leaves a session alone until it is released.
#[utoipa::path(post, path = "/v1/sessions/{session}/hold", operation_id = "sessions.hold", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    request_body = Hold,
    responses(
        (status = 200, description = "It is held.", body = Condition),
        (status = 504, description = "A renewal of the session did not end in time.", body = Problem)))]
async fn hold(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    Json(asked): Json<Hold>,
) -> Result<Json<Condition>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    if asked.why.chars().count() > LONGEST_REASON {
        let detail = format!("why may have {LONGEST_REASON} characters");
        return Err(Problem::bad_request(detail));
    }
    if !asked.why.chars().all(is_seen) {
        let detail = "why is one line, without control characters and such as nobody sees";
        return Err(Problem::bad_request(detail));
    }
    in_time(door.queue.renewer().hold(&key, &asked.why)).await??;
    condition(&door, &key.into())
}

/// Lets a held session go on: a refused password may be submitted once more.
#[utoipa::path(post, path = "/v1/sessions/{session}/release", operation_id = "sessions.release", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    responses(
        (status = 200, description = "It is released.", body = Condition),
        (status = 504, description = "A renewal of the session did not end in time.", body = Problem)))]
async fn release(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
) -> Result<Json<Condition>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    in_time(door.queue.renewer().release(&key)).await??;
    condition(&door, &key.into())
}

/// Deletes a session: its state, the generation before, the files of the combinations that it went into, and what is known of
/// its life. The site's own logout is not called. Within half a minute the session is made again, unless it is held.
#[utoipa::path(delete, path = "/v1/sessions/{session}", operation_id = "sessions.delete", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 504, description = "A renewal of the session did not end in time.", body = Problem)))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    in_time(door.queue.renewer().forget(&key)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a session from a person's own browser: a storage state or a list of cookies as JSON, or a cookies.txt as text. It
/// replaces the present one once it has been seen to be logged in.
#[utoipa::path(put, path = "/v1/sessions/{session}/state", operation_id = "sessions.state.put", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`.")),
    request_body(description = "A storage state, a list of cookies, or a cookies.txt; at most 64 MiB.",
        content((serde_json::Value = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "It is in force.", body = Condition),
        (status = 400, description = "It cannot be read.", body = Problem),
        (status = 413, description = "It is too large.", body = Problem),
        (status = 415, description = "It is neither JSON nor text.", body = Problem),
        (status = 422, description = "It is not logged in; nothing was changed.", body = Problem),
        (status = 502, description = "The site does not tell.", body = Problem),
        (status = 503, description = "It cannot be looked at now.", body = Problem),
        (status = 504, description = "The site did not answer in time, or another process is at the session.", body = Problem)))]
async fn bring(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Json<Condition>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !matches!(kind, Some("application/json" | "text/plain")) {
        let detail = "send JSON as application/json, or a cookies.txt as text/plain";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(
            status,
            "unsupported-media-type",
            "Not this content type",
            detail,
        ));
    }
    let text = std::str::from_utf8(&body)
        .map_err(|_| Problem::bad_request("the session is not in UTF-8"))?;
    let state = import(text).map_err(|error| Problem::bad_request(error.to_string()))?;
    let taken = in_time(door.queue.renewer().import(&key, state)).await?;
    taken.map_err(not_live)?;
    condition(&door, &key.into())
}

/// What a renewal would have to answer for, the caller has brought.
fn not_live(failure: Failure) -> Problem {
    if failure.class != FailureClass::NotProven {
        return failure.into();
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let title = "The session is not live";
    let mut problem = Problem::new(status, "not-logged-in", title, failure.message);
    problem.class = Some(failure.class);
    problem
}
