//! `/healthz`, `/readyz`: whether the daemon lives, and whether it can do its work. For anybody, and cheap.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, open};
use crate::telemetry::Check;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(open(routes!(alive)))
        .routes(open(routes!(ready)))
}

/// The daemon lives.
#[derive(Serialize, ToSchema)]
struct AliveView {
    /// `ok`.
    status: &'static str,
}

/// Whether the daemon can do its work.
#[derive(Serialize, ToSchema)]
struct ReadyView {
    /// Whether everything is in order.
    ready: bool,
    /// What was looked at.
    checks: Vec<CheckView>,
}

/// One thing that must be in order.
#[derive(Serialize, ToSchema)]
struct CheckView {
    /// `store`, `auth`, `settings` or `browser`.
    name: &'static str,
    /// Whether it is.
    ok: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self {
            name: check.name,
            ok: check.wrong.is_none(),
            reason: check.wrong,
        }
    }
}

/// Answers as long as the daemon lives.
#[utoipa::path(get, path = "/healthz", operation_id = "health.alive", tag = "health",
    responses((status = 200, body = AliveView)))]
async fn alive() -> Json<AliveView> {
    Json(AliveView { status: "ok" })
}

/// Says whether the store can be written, the folder of sessions and the settings are in order, and Chromium is available.
#[utoipa::path(get, path = "/readyz", operation_id = "health.ready", tag = "health",
    responses(
        (status = 200, body = ReadyView, description = "everything is in order"),
        (status = 503, body = ReadyView, description = "something is not"),
    ))]
async fn ready(State(door): State<Door>) -> (StatusCode, Json<ReadyView>) {
    let checks = door.health.look().await;
    let ready = checks.iter().all(|check| check.wrong.is_none());
    let checks = checks.into_iter().map(Into::into).collect();
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(ReadyView { ready, checks }))
}
