//! `/v1/memory/facts`: what a model read out of what was said.

use utoipa_axum::router::OpenApiRouter;

use super::Door;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
}
