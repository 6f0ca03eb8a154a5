//! The daemon's door: HTTP.
//!
//! Owns: wire shapes, status codes, the scope that each operation asks for. Door: [`router`], [`serve`]. A handler extracts,
//! calls one function of a room, and shapes the answer; wire types stand beside their handlers. May touch: sockets. Never:
//! SQL, Chromium, files.

mod events;
mod guard;
mod health;
mod leases;
mod metrics;
mod problem;
mod serve;
mod sites;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use utoipa::OpenApi;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::events::Bus;
use crate::identity::{Identity, Scope};
use crate::pool::Pool;
use crate::renewal::Queue;
use crate::store::Store;
use crate::telemetry::{Health, Metrics, Traces};
use crate::watch::Settings;
use crate::webhooks::Webhooks;

pub use guard::Peer;
pub use problem::Problem;
pub use serve::{Served, serve};

/// The rooms that handlers use.
#[derive(Clone)]
pub struct Door {
    /// Renewals, and behind them the sessions.
    pub queue: Queue,
    /// Who calls.
    pub identity: Identity,
    /// The audit log.
    pub store: Store,
    /// What happens.
    pub events: Bus,
    /// Who has which account for itself.
    pub pool: Pool,
    /// Who is told of events.
    pub webhooks: Webhooks,
    /// Whether everything is in order.
    pub health: Health,
    /// Numbers.
    pub metrics: Metrics,
    /// Spans.
    pub traces: Traces,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

#[derive(OpenApi)]
#[openapi(info(title = "Jarkeeper"))]
struct Document;

/// Mounts operations that a caller needs a scope for. There is no other way, but [`open`].
fn guarded(scope: Scope, routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        operation.security = Some(vec![
            SecurityRequirement::new("oauth2", [scope.word()]),
            SecurityRequirement::new("apiKey", [] as [&str; 0]),
        ]);
    }
    let guard = from_fn(move |request: Request, next: Next| guard::require(scope, request, next));
    (schemas, paths, methods.route_layer(guard))
}

/// Mounts operations that anybody may call who reaches the port.
fn open(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        operation.security = Some(Vec::new());
    }
    (schemas, paths, methods)
}

fn operations(
    paths: &mut utoipa::openapi::path::Paths,
) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    paths.paths.values_mut().flat_map(|item| {
        [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
            &mut item.head,
        ]
        .into_iter()
        .flatten()
    })
}

/// Every operation, and the document that describes them.
pub fn router(door: Door) -> (Router, utoipa::openapi::OpenApi) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(events::routes())
        .merge(health::routes())
        .merge(leases::routes())
        .merge(metrics::routes())
        .merge(sites::routes())
        .merge(webhooks::routes())
        .split_for_parts();
    let router = router
        .layer(from_fn_with_state(door.clone(), guard::authenticate))
        .layer(from_fn_with_state(door.clone(), metrics::observe))
        .layer(from_fn(guard::cut_key))
        .with_state(door);
    (router, document)
}
