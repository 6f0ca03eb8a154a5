//! `/v1/memory/status`: what says which texts mean the same, and how far it has come.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::memory::MemoryError;
use crate::memory::embed::Standing;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::MemoryRead, routes!(status)))
}

/// What says which texts mean the same, and how far it has come.
#[derive(Serialize, ToSchema)]
struct MemoryStatus {
    /// As `[memory] embedder` has it: `none`, `table`, `dir` or `http`.
    #[schema(example = "table")]
    embedder: &'static str,
    /// The model that is in force; without one words alone are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// How many numbers a vector of it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<usize>,
    /// SHA-256 over what it is made of. Vectors of another fingerprint count for nothing, and are made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// What can be found in the caller's memories: turns, passages of documents, facts.
    entries: u64,
    /// Of these, how many the model has come to.
    embedded: u64,
    /// Whether entries are being embedded just now, of anybody.
    running: bool,
    /// What went wrong last, until it goes right again.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Standing> for MemoryStatus {
    fn from(standing: Standing) -> Self {
        let (mut model, mut dimension, mut fingerprint) = (None, None, None);
        if let Some((name, numbers, sum)) = standing.model {
            (model, dimension, fingerprint) = (Some(name), Some(numbers), Some(sum));
        }
        Self {
            embedder: standing.embedder,
            model,
            dimension,
            fingerprint,
            entries: standing.done.entries,
            embedded: standing.done.embedded,
            running: standing.running,
            last_error: standing.error,
        }
    }
}

/// Says which embedder is in force and how far it has come with the caller's memories. While it has not come to all, searches find
/// the rest by words.
#[utoipa::path(get, path = "/v1/memory/status", operation_id = "memory.status", tag = "memory",
    responses((status = 200, body = MemoryStatus), (status = 403, body = Problem)))]
async fn status(
    State(door): State<Door>,
    Extension(by): Extension<Principal>,
) -> Result<Json<MemoryStatus>, Problem> {
    let standing = door.memory.embedder().standing(by.person.as_str()).await;
    Ok(Json(standing.map_err(MemoryError::from)?.into()))
}
