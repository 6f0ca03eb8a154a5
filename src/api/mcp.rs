//! `/mcp`: where the tools for language models are mounted.

use axum::Router;
use axum::middleware::from_fn;

use super::{Door, guard};
use crate::mcp;

pub(super) fn routes(door: &Door) -> Router<Door> {
    Router::new()
        .route_service("/mcp", mcp::http(tools(door)))
        .route_layer(from_fn(guard::stand_known))
}

/// The rooms that tools use.
pub fn tools(door: &Door) -> mcp::Rooms {
    mcp::Rooms {
        queue: door.queue.clone(),
        pool: Some(door.pool.clone()),
        loads: Some(door.loads.clone()),
        memory: door.memory.clone(),
        store: door.store.clone(),
        clock: door.clock,
    }
}
