//! `/v1/grants`: what people allowed clients.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, guarded};
use crate::identity::{Grant, Principal, Scope};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::Admin, routes!(list)))
        .routes(guarded(Scope::Admin, routes!(revoke)))
}

/// What a person allowed a client.
#[derive(Serialize, ToSchema)]
struct GrantView {
    id: String,
    /// The client's id.
    client_id: String,
    /// What the client calls itself; nobody has checked it.
    client_name: String,
    /// Who allowed it.
    person: String,
    /// What was allowed, as far as the person may.
    scopes: Vec<&'static str>,
    /// For which resource, where one was named.
    resource: Option<String>,
    /// When it was allowed; it ends by itself 90 days later.
    created_at: DateTime<Utc>,
    /// When the client last got a code or a token for it.
    last_issued_at: Option<DateTime<Utc>>,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            client_id: grant.client,
            client_name: grant.client_name,
            person: grant.person.to_string(),
            scopes: grant.scopes.iter().map(Scope::word).collect(),
            resource: grant.audience,
            created_at: grant.created_at,
            last_issued_at: grant.last_issued_at,
        }
    }
}

/// Lists what the person allowed clients and what is still good of it, oldest first; the owner's credentials see everybody's.
#[utoipa::path(get, path = "/v1/grants", operation_id = "grants.list", tag = "sign-in",
    responses((status = 200, body = Vec<GrantView>), (status = 401, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<GrantView>>, Problem> {
    let grants = door.identity.grants(&principal)?;
    Ok(Json(grants.into_iter().map(GrantView::from).collect()))
}

/// Takes back what was allowed: every code and token of it ends at once.
#[utoipa::path(delete, path = "/v1/grants/{id}", operation_id = "grants.revoke", tag = "sign-in",
    params(("id" = String, Path, description = "The grant's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn revoke(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.identity.revoke_grant(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
