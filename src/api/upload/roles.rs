//! `POST /api/roles`: a role that an instance tells. It is kept for the instance's own clients; no chat reads it yet.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::contract::{Caller, Envelope, read};
use super::{Door, Problem, contracted};
use crate::registry::Role;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(contracted(routes!(put)))
}

/// A role. It is kept for the instance's own clients; no chat reads it yet.
#[derive(Serialize, Deserialize, ToSchema)]
struct RoleBody {
    /// Its id, given by the instance; the same one replaces it.
    #[schema(min_length = 1, max_length = 255)]
    role_id: String,
    /// Whose it is.
    #[schema(min_length = 1, max_length = 255)]
    instance_id: String,
    /// What people call it.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// At most 10,000 characters.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// What a model shall be told: at most 50,000 characters.
    #[schema(max_length = 50_000)]
    system_prompt: Option<String>,
    /// Whether it may be chosen; it may where nobody says.
    is_active: Option<bool>,
    /// Address of a picture.
    #[schema(max_length = 50_000)]
    icon: Option<String>,
    /// Whether it looks into the first level of memory; it does where nobody says.
    enable_l0_retrieval: Option<bool>,
    /// Whether it looks into the second level of memory; it does where nobody says.
    enable_l1_retrieval: Option<bool>,
}

/// Keeps a role of an instance. Roles are kept for the instance's own clients, who read them at `/v1/instances/{id}/roles`; no
/// chat reads them yet.
#[utoipa::path(post, path = "/api/roles", operation_id = "upload.role", tag = "upload", request_body = RoleBody,
    responses((status = 200, body = Envelope<RoleBody>), (status = 404, description = "no such instance, or not yours")))]
async fn put(
    State(door): State<Door>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Envelope<RoleBody>>, Problem> {
    let body: RoleBody = read(&body)?;
    let own = caller.owned(&door, &body.instance_id)?;
    let role = Role {
        id: body.role_id,
        name: body.name,
        description: body.description,
        system_prompt: body.system_prompt,
        icon: body.icon,
        is_active: body.is_active.unwrap_or(true),
        enable_l0_retrieval: body.enable_l0_retrieval.unwrap_or(true),
        enable_l1_retrieval: body.enable_l1_retrieval.unwrap_or(true),
    };
    let role = door.registry.put_role(&own.id, role).await?;
    Ok(Envelope::of(RoleBody {
        role_id: role.id,
        instance_id: own.id,
        name: role.name,
        description: role.description,
        system_prompt: role.system_prompt,
        is_active: Some(role.is_active),
        icon: role.icon,
        enable_l0_retrieval: Some(role.enable_l0_retrieval),
        enable_l1_retrieval: Some(role.enable_l1_retrieval),
    }))
}
