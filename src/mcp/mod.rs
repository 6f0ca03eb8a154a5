//! The door for language models: the Model Context Protocol.
//!
//! Owns: the tools, what a model is told about them, and what of a session it may see. Door: [`http`], which the HTTP door
//! mounts behind its own authentication, [`listen`] at a socket, and [`serve`] for one client at a pipe. A tool takes its arguments, calls the same
//! function of a room as the HTTP handler beside it, and shapes the answer. Never: SQL, Chromium.
//!
//! A tool that its caller may not use is not there for it. Cookie values are in an answer only for who has the scope
//! `sessions:reveal`: what a model has read, a page that it reads next may make it tell.

mod audit;
mod failed;
mod leases;
mod memory;
mod memory_shapes;
mod pipe;
mod reading;
mod registering;
mod server;
mod sessions;

use std::sync::Arc;

use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::identity::Principal;
use crate::loads::Loads;
use crate::memory::Memory;
use crate::pool::Pool;
use crate::renewal::Queue;
use crate::store::Store;

pub use pipe::{Listening, listen, serve};
pub use server::Server;

/// The rooms that tools use.
#[derive(Clone)]
pub struct Rooms {
    /// Renewals, and behind them the sessions.
    pub queue: Queue,
    /// Who has which account; `None` where no daemon runs, which alone gives them away.
    pub pool: Option<Pool>,
    /// People's loads, and their registration; `None` where no daemon runs, which alone registers.
    pub loads: Option<Loads>,
    /// What people's memories hold.
    pub memory: Memory,
    /// The audit log.
    pub store: Store,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

/// Who calls, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// An IP address, `socket`, or `pipe`.
    pub from: String,
}

/// How a server knows who calls.
#[derive(Clone)]
enum Knows {
    /// The HTTP door has put the [`Caller`] beside each request.
    Beside,
    /// One client from the beginning to the end.
    Only(Arc<Caller>),
}

impl Knows {
    fn caller(&self, context: &RequestContext<RoleServer>) -> Option<Arc<Caller>> {
        match self {
            Self::Only(caller) => Some(Arc::clone(caller)),
            Self::Beside => {
                let parts = context.extensions.get::<Parts>()?;
                parts.extensions.get::<Caller>().cloned().map(Arc::new)
            }
        }
    }
}

/// Streamable HTTP, without sessions: each request is answered by itself for the principal beside it, so that nothing is
/// there that another caller could take over.
///
/// Which `Host` is ours the door has asked before: it knows the public one. For no web page: pages of ours call it no more than
/// others.
pub fn http(rooms: Rooms) -> StreamableHttpService<Server, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .enforce_origin_validation()
        .with_max_request_body_bytes(LONGEST);
    let server = Server::new(rooms, Knows::Beside);
    StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
}

/// Longest request, bytes: a code and some names.
const LONGEST: usize = 256 * 1024;
