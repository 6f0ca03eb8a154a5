//! What happened to a session, and what failed logins left to look at.

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reached_one;
use crate::api::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::renewal::Entry;

/// Entries in one answer, where the caller does not say.
const PAGE: usize = 20;
/// Most entries in one answer.
const LONGEST_PAGE: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::SessionsRead, routes!(list)))
        .routes(guarded(Scope::SessionsRead, routes!(artefacts)))
        .routes(guarded(Scope::SessionsRead, routes!(artefact)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// How many; 20 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Only what happened before this: `next` of the answer before.
    before: Option<DateTime<Utc>>,
}

/// Part of a session's history.
#[derive(Serialize, ToSchema)]
struct Renewals {
    /// The newest first.
    renewals: Vec<Entry>,
    /// The `before` of the next part; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<DateTime<Utc>>,
}

/// Lists what happened to a session, the newest first: the last 100 renewals, deaths and failures. That a live session was
/// seen alive is not among them.
#[utoipa::path(get, path = "/v1/sessions/{session}/renewals", operation_id = "sessions.renewals", tag = "sessions",
    params(("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`."), Asked),
    responses((status = 200, description = "A part of the history.", body = Renewals)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Renewals>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        let detail = format!("limit is a number from 1 to {LONGEST_PAGE}");
        return Err(Problem::bad_request(detail));
    }
    let kept = door.queue.renewer().known(&key)?;
    let newest = kept.record.history.iter().rev();
    let mut older = newest.filter(|entry| asked.before.is_none_or(|before| entry.at < before));
    let renewals: Vec<Entry> = older.by_ref().take(limit).cloned().collect();
    let next = older.next().and(renewals.last()).map(|last| last.at);
    Ok(Json(Renewals { renewals, next }))
}

/// One file of what a failed login left.
#[derive(Serialize, ToSchema)]
struct Artefact {
    /// Its name.
    #[schema(example = "page.png")]
    name: String,
    /// Its size.
    bytes: u64,
}

/// Lists what a failed login left to look at. Passwords and codes are blotted out.
#[utoipa::path(get, path = "/v1/sessions/{session}/artefacts/{id}", operation_id = "sessions.artefacts.list", tag = "sessions",
    params(
        ("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`."),
        ("id" = String, Path, description = "`artefacts` of an entry of the history.")),
    responses((status = 200, description = "The files.", body = Vec<Artefact>)))]
async fn artefacts(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Vec<Artefact>>, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let files = door.queue.renewer().files().artefacts(&key, &id)?;
    let files = files.ok_or_else(|| none("artefacts", &id))?;
    let view = |(name, bytes)| Artefact { name, bytes };
    Ok(Json(files.into_iter().map(view).collect()))
}

/// Gives one file of what a failed login left. A page comes as text, to be saved: it does not run here.
#[utoipa::path(get, path = "/v1/sessions/{session}/artefacts/{id}/{file}", operation_id = "sessions.artefacts.get", tag = "sessions",
    params(
        ("session" = String, Path, description = "`SITE` or `SITE:ACCOUNT`."),
        ("id" = String, Path, description = "`artefacts` of an entry of the history."),
        ("file" = String, Path, description = "The name of a file of it.")),
    responses((status = 200, description = "The file.", content((Vec<u8> = "image/png"), (String = "text/plain")))))]
async fn artefact(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path((session, id, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let key = reached_one(&door, &principal, &session)?;
    let files = door.queue.renewer().files().clone();
    let (wanted, name) = (id.clone(), file.clone());
    let read = tokio::task::spawn_blocking(move || files.artefact(&key, &wanted, &name)).await;
    // What is no plain file of ours is as good as none.
    let bytes = read.ok().and_then(Result::ok).flatten();
    let bytes = bytes.ok_or_else(|| none("artefact", &format!("{id}/{file}")))?;
    let kind = match file.rsplit_once('.') {
        Some((_, "png")) => "image/png",
        _ => "text/plain; charset=utf-8",
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if file.ends_with(".html") {
        let saved = HeaderValue::from_static("attachment");
        headers.insert(CONTENT_DISPOSITION, saved);
    }
    let sandbox = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// 404, with the beginning of a name that may be long.
fn none(what: &str, name: &str) -> Problem {
    let name: String = name.chars().take(80).collect();
    Problem::not_found(what, &name)
}
