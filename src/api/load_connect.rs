//! `/v1/loads/{id}/connect`: whether a load is connected to its registry, and so can be talked to.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::loads::LoadView;
use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::loads::Connection;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::RegistryWrite, routes!(connect, disconnect)))
}

/// How it stands with the connection of a load.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionView {
    /// Whether it is connected now.
    connected: bool,
    /// Since when; null: it is not.
    since: Option<DateTime<Utc>>,
    /// Why the last try failed, or the last connection ended; null: nothing did.
    last_error: Option<String>,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        Self {
            connected: connection.since.is_some(),
            since: connection.since,
            last_error: connection.last_error,
        }
    }
}

/// Connects a load to its registry from now on, also when the daemon starts again.
///
/// Whoever talks to it is answered by the model's server of `[llm]`. It is not waited for: `connection` says how it stands.
#[utoipa::path(post, path = "/v1/loads/{id}/connect", operation_id = "loads.connect", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    responses(
        (status = 200, body = LoadView),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "nobody who is known is behind it"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it is not registered"),
    ))]
async fn connect(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<LoadView>, Problem> {
    let load = door.loads.connect(&principal.person, &id, true).await?;
    Ok(Json(load.into()))
}

/// Ends the connection of a load, and its chats with it. Repeatable.
#[utoipa::path(delete, path = "/v1/loads/{id}/connect", operation_id = "loads.disconnect", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    responses(
        (status = 200, body = LoadView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn disconnect(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<LoadView>, Problem> {
    let load = door.loads.connect(&principal.person, &id, false).await?;
    Ok(Json(load.into()))
}
