//! The door for language models: the Model Context Protocol.
//!
//! Owns: the tools, what a model is told about them, and what of a session it may see. Door: [`http`], which the HTTP door
//! mounts behind its own authentication, [`listen`] at a socket, and [`serve`] for one client at a pipe. A tool takes its arguments, calls the same
//! function of a room as the HTTP handler beside it, and shapes the answer. Never: SQL, Chromium.
//!
//! A tool that its caller may not use is not there for it. Cookie values are in an answer only for who has the scope
//! `sessions:reveal`: what a model has read, a page that it reads next may make it tell.

mod failed;
mod pipe;
mod reading;
mod server;
mod sessions;

use std::sync::Arc;

use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::identity::Principal;
use crate::renewal::Queue;

pub use pipe::{Listening, listen, serve};
pub use server::Server;

/// The rooms that tools use.
#[derive(Clone)]
pub struct Rooms {
    /// Renewals, and behind them the sessions.
    pub queue: Queue,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

/// How a server knows who calls.
#[derive(Clone)]
enum Caller {
    /// The HTTP door has put the principal beside each request.
    Beside,
    /// One client from the beginning to the end.
    Only(Arc<Principal>),
}

impl Caller {
    fn of(&self, context: &RequestContext<RoleServer>) -> Option<Arc<Principal>> {
        match self {
            Self::Only(principal) => Some(Arc::clone(principal)),
            Self::Beside => {
                let parts = context.extensions.get::<Parts>()?;
                parts.extensions.get::<Principal>().cloned().map(Arc::new)
            }
        }
    }
}

/// Streamable HTTP, without sessions: each request is answered by itself for the principal beside it, so that nothing is
/// there that another caller could take over.
///
/// Only for a `Host` that is this machine's loopback, and for no web page: pages of ours call it no more than others.
pub fn http(rooms: Rooms) -> StreamableHttpService<Server, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .enforce_origin_validation()
        .with_max_request_body_bytes(LONGEST);
    let server = Server::new(rooms, Caller::Beside);
    StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
}

/// Longest request, bytes: a code and some names.
const LONGEST: usize = 256 * 1024;
