//! `/v1/memory/context`: what a prompt is given of a memory.

use utoipa_axum::router::OpenApiRouter;

use super::Door;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
}
