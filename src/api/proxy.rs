//! `/v1/chat/completions`: an API as OpenAI's, in which the model remembers.

use utoipa_axum::router::OpenApiRouter;

use super::Door;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
}
