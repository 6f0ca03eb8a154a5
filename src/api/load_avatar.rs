//! `/v1/loads/{id}/avatar`: pictures of loads.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::loads::LoadView;
use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::loads::{Avatar, LoadChange};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::RegistryRead, routes!(avatar)))
        .routes(guarded(Scope::RegistryWrite, routes!(put_avatar)))
        .routes(guarded(Scope::RegistryWrite, routes!(delete_avatar)))
}

/// Gives the picture of a load.
#[utoipa::path(get, path = "/v1/loads/{id}/avatar", operation_id = "loads.avatar.show", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    responses(
        (status = 200, description = "The picture", content(
            (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp"))),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "there is no such load, or it has none"),
    ))]
async fn avatar(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let avatar = door.loads.avatar(&principal.person, &id)?;
    let avatar = avatar.ok_or_else(|| Problem::not_found("avatar", &id))?;
    let mut answer = avatar.bytes.into_response();
    let kind = HeaderValue::from_str(&avatar.kind);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(answer)
}

/// Gives a load a picture, in place of the one that it had: PNG, JPEG, GIF or WebP, at most 512 KiB. What it is, its first
/// bytes say.
#[utoipa::path(put, path = "/v1/loads/{id}/avatar", operation_id = "loads.avatar.put", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    request_body(description = "The picture", content(
        (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp"))),
    responses(
        (status = 200, body = LoadView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn put_avatar(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<LoadView>, Problem> {
    let avatar = Avatar::read(bytes.into()).map_err(Problem::bad_request)?;
    let change = LoadChange {
        avatar: Some(Some(avatar)),
        ..LoadChange::default()
    };
    let changed = door.loads.change(&principal.person, &id, change).await?;
    Ok(Json(changed.into()))
}

/// Takes the picture of a load away.
#[utoipa::path(delete, path = "/v1/loads/{id}/avatar", operation_id = "loads.avatar.delete", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    responses(
        (status = 204),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn delete_avatar(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let change = LoadChange {
        avatar: Some(None),
        ..LoadChange::default()
    };
    door.loads.change(&principal.person, &id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
