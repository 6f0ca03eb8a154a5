//! The daemon's door: HTTP.
//!
//! Owns: wire shapes, status codes, the scope that each operation asks for. Door: [`router`], [`serve()`]. A handler extracts,
//! calls one function of a room, and shapes the answer; wire types stand beside their handlers. May touch: sockets. Never:
//! SQL, Chromium, files.

mod audit;
mod base;
mod chat;
mod claim;
mod completion;
mod contract;
mod docs;
mod document;
mod documents;
mod events;
mod facade;
mod framing;
mod front;
mod gate;
mod given;
mod grants;
mod guard;
mod guesses;
mod health;
mod instances;
mod json;
mod keys;
mod leases;
mod limits;
mod load_avatar;
mod load_connect;
mod loads;
mod mcp;
mod me;
mod memory;
mod memory_context;
mod memory_facts;
mod metrics;
mod oauth;
mod page;
mod people;
mod places;
mod problem;
mod profile;
mod proxy;
mod registrations;
mod serve;
mod sessions;
mod sign_in;
mod sites;
mod socket;
mod span;
mod ticket;
mod tls;
mod upload;
mod visit;
mod webhooks;
mod wire;

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::events::Bus;
use crate::identity::oidc::Endpoints;
use crate::identity::{Identity, Scope};
use crate::loads::Loads;
use crate::memory::Memory;
use crate::pool::Pool;
use crate::profiles::Profiles;
use crate::proxy::Proxy;
use crate::registry::Registry;
use crate::renewal::Queue;
use crate::store::Store;
use crate::telemetry::{Health, Metrics, Traces};
use crate::watch::Settings;
use crate::webhooks::Webhooks;

use guard::{Desk, Rules, stand, stand_contract};
use json::Json;

pub use guard::Peer;
pub use mcp::tools;
pub use problem::Problem;
pub use serve::{ServeError, Served, serve};

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
    /// Who is registered here, and who is connected.
    pub registry: Registry,
    /// People's workspaces, and their registration.
    pub loads: Loads,
    /// What people tell of themselves.
    pub profiles: Profiles,
    /// What people's memories hold.
    pub memory: Memory,
    /// Chats on their way to the model.
    pub proxy: Proxy,
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
    /// Where browsers reach us, like `http://127.0.0.1:8376`; empty as long as that is nowhere.
    pub base: Arc<OnceLock<String>>,
}

/// Mounts operations that a caller needs a scope for. There is no other way, but [`open`].
fn guarded(scope: Scope, routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        operation.security = Some(vec![
            SecurityRequirement::new("oauth2", [scope.word()]),
            SecurityRequirement::new("apiKey", [] as [&str; 0]),
        ]);
        document::describe(operation, true);
    }
    let rules = Rules::of(&paths, Some(scope));
    let guard = from_fn(move |request: Request, next: Next| stand(rules.clone(), request, next));
    (schemas, paths, methods.route_layer(guard))
}

/// Mounts operations that a caller needs to be known for, whatever it may.
fn known(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        let none: [&str; 0] = [];
        operation.security = Some(vec![
            SecurityRequirement::new("oauth2", none),
            SecurityRequirement::new("apiKey", none),
        ]);
        document::describe(operation, true);
    }
    let rules = Rules::of(&paths, Some(Scope::Profile)).whatever_scope();
    let guard = from_fn(move |request: Request, next: Next| stand(rules.clone(), request, next));
    (schemas, paths, methods.route_layer(guard))
}

/// Mounts operations that anybody may call who reaches the port.
fn open(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        operation.security = Some(Vec::new());
        document::describe(operation, false);
    }
    let rules = Rules::of(&paths, None);
    let guard = from_fn(move |request: Request, next: Next| stand(rules.clone(), request, next));
    (schemas, paths, methods.route_layer(guard))
}

/// Mounts operations below `/api/` that a caller needs a scope for, as with [`guarded`]: what they refuse is put into an envelope.
fn faced(scope: Scope, routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        operation.security = Some(vec![
            SecurityRequirement::new("oauth2", [scope.word()]),
            SecurityRequirement::new("apiKey", [] as [&str; 0]),
        ]);
        document::describe_contract(operation);
    }
    let rules = Rules::of(&paths, Some(scope));
    let guard = from_fn(move |request: Request, next: Next| stand(rules.clone(), request, next));
    (schemas, paths, methods.route_layer(guard))
}

/// Mounts operations of the contract with clients that were there before: who calls is told to them as
/// [`Caller`](contract::Caller), and what they refuse is put into an envelope.
fn contracted(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, mut paths, methods) = routes;
    for operation in operations(&mut paths) {
        // Each decides by itself, and an instance's id and password are no scheme that a document can name.
        operation.security = Some(Vec::new());
        document::describe_contract(operation);
    }
    let rules = Rules::of(&paths, None);
    let guard =
        from_fn(move |request: Request, next: Next| stand_contract(rules.clone(), request, next));
    (schemas, paths, methods.route_layer(guard))
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
    let (router, mut document) = OpenApiRouter::with_openapi(document::blank())
        .merge(document::routes())
        .merge(audit::routes())
        .merge(chat::routes())
        .merge(claim::routes())
        .merge(documents::routes())
        .merge(events::routes())
        .merge(facade::routes())
        .merge(grants::routes())
        .merge(health::routes())
        .merge(instances::routes())
        .merge(keys::routes())
        .merge(leases::routes())
        .merge(load_connect::routes())
        .merge(load_avatar::routes())
        .merge(loads::routes())
        .merge(me::routes())
        .merge(memory::routes())
        .merge(memory_context::routes())
        .merge(memory_facts::routes())
        .merge(metrics::routes())
        .merge(oauth::routes())
        .merge(people::routes())
        .merge(profile::routes())
        .merge(proxy::routes())
        .merge(registrations::routes())
        .merge(sessions::routes())
        .merge(sign_in::routes())
        .merge(sites::routes())
        .merge(socket::routes())
        .merge(ticket::routes())
        .merge(upload::routes())
        .merge(webhooks::routes())
        .split_for_parts();
    let built = document::Built(Arc::new(document.clone()));
    document::complete(&mut document, &Endpoints::google());
    let desk = Desk::new(door.clone());
    let router = router
        .merge(docs::routes())
        .merge(mcp::routes(&door))
        .layer(Extension(built))
        .layer(from_fn_with_state(Arc::clone(&desk), guard::authenticate))
        .layer(map_response(problem::shape))
        .layer(from_fn_with_state(door.clone(), metrics::observe))
        .layer(from_fn_with_state(desk, front::front))
        .with_state(door);
    // What is around a router's routes does not change where they lead; so this one stands around the router.
    let router = Router::new()
        .fallback_service(router)
        .layer(from_fn(proxy::shape))
        .layer(from_fn(contract::envelope));
    (router, document)
}
