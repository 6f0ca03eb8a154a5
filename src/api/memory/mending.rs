//! What was said, mended, and its history.

use axum::Extension;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::given::{given, given_time};
use super::super::{Door, Json, Problem, guarded};
use super::interactions::InteractionView;
use super::words::OneLine;
use crate::identity::{Principal, Scope};
use crate::memory::{Mend, Version};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryWrite, routes!(mend)))
        .routes(guarded(Scope::MemoryRead, routes!(history)))
}

/// What changes of an interaction: what is left out stays as it is, and null takes a thing away (RFC 7396).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InteractionChange {
    /// At most 64 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$", example = "I have been learning the cello since June")]
    text: Option<Option<String>>,
    /// Who speaks, by name. Null: nobody is named.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OneLine>)]
    speaker: Option<Option<String>>,
    /// In which session. Null: in none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OneLine>)]
    session: Option<Option<String>>,
    /// To which application or agent. Null: to none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OneLine>)]
    app: Option<Option<String>>,
    /// Its members take the place of those that are there; one that is null takes that away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Option<Map<String, Value>>>,
    /// When it was said.
    #[serde(default, deserialize_with = "given_time")]
    #[schema(value_type = Option<DateTime<Utc>>, nullable = false)]
    occurred_at: Option<Option<DateTime<Utc>>>,
    /// When it goes away. Null: not by itself.
    #[serde(default, deserialize_with = "given_time")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<Option<DateTime<Utc>>>,
    /// Change it only where this is its version, so that no change of somebody else is lost.
    #[schema(minimum = 1)]
    version: Option<u32>,
}

/// Changes an interaction. What it said before stays in its history until it is deleted, and is found by no search; the new text is
/// found at once.
#[utoipa::path(patch, path = "/v1/memory/interactions/{interaction}", operation_id = "memory.interactions.change",
    tag = "memory", params(("interaction" = String, Path, description = "Its id")), request_body = InteractionChange,
    responses((status = 200, body = InteractionView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It has another version by now, or the memory is full")))]
async fn mend(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    body: Result<Json<InteractionChange>, JsonRejection>,
) -> Result<Json<InteractionView>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let there = |what: &str| Problem::bad_request(format!("{what} cannot be null; leave it out"));
    let text = body.text.map(|text| text.ok_or_else(|| there("text")));
    let at = body
        .occurred_at
        .map(|at| at.ok_or_else(|| there("occurred_at")));
    let mend = Mend {
        text: text.transpose()?,
        speaker: body.speaker,
        session: body.session,
        app: body.app,
        metadata: body.metadata,
        occurred_at: at.transpose()?,
        expires_at: body.expires_at,
        version: body.version,
    };
    Ok(Json(door.memory.mend(&principal, &id, mend).await?.into()))
}

/// What an interaction says, or said before.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionView {
    /// From 1.
    version: u32,
    text: String,
    metadata: Option<Map<String, Value>>,
    /// When it was said, as was thought then.
    occurred_at: DateTime<Utc>,
    /// When it was replaced; null: it is what is there now.
    replaced_at: Option<DateTime<Utc>>,
}

impl From<Version> for VersionView {
    fn from(one: Version) -> Self {
        Self {
            version: one.version,
            text: one.text,
            metadata: one.metadata,
            occurred_at: one.occurred_at,
            replaced_at: one.replaced_at,
        }
    }
}

/// What an interaction said and says.
#[derive(Serialize, ToSchema)]
struct History {
    /// The oldest first; the last is what is there now.
    versions: Vec<VersionView>,
}

/// Gives what an interaction said before it was changed, and what it says now.
#[utoipa::path(get, path = "/v1/memory/interactions/{interaction}/history", operation_id = "memory.interactions.history",
    tag = "memory", params(("interaction" = String, Path, description = "Its id")),
    responses((status = 200, body = History), (status = 404, body = Problem)))]
async fn history(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<History>, Problem> {
    let versions = door.memory.history(&principal, &id)?;
    let versions = versions.into_iter().map(VersionView::from).collect();
    Ok(Json(History { versions }))
}
