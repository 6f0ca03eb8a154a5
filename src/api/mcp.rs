//! `/mcp`: where the tools for language models are mounted.

use axum::Router;
use axum::middleware::from_fn;

use super::{Door, guard};
use crate::mcp;

pub(super) fn routes(door: &Door) -> Router<Door> {
    let rooms = mcp::Rooms {
        queue: door.queue.clone(),
        store: door.store.clone(),
        clock: door.clock,
    };
    Router::new()
        .route_service("/mcp", mcp::http(rooms))
        .route_layer(from_fn(guard::stand_known))
}
