//! Where callers find us.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::gate::Gate;
use super::{Door, Peer, Problem};

/// The beginning of every address of ours, as the caller of this request knows us: `http://127.0.0.1:8376`. At the socket,
/// where callers have no address, the one over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base(pub(super) String);

impl Base {
    /// Whether browsers come over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromRequestParts<Door> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let base = match (parts.extensions.get(), parts.extensions.get::<Arc<Gate>>()) {
            (Some(Peer::Tcp(_)), Some(gate)) => Some(gate.base(&parts.headers)),
            _ => door.base.get().cloned(),
        };
        base.map(Self).ok_or_else(|| {
            let detail = "this needs an address that a browser reaches; set [api] listen";
            Problem::conflict("not-on-the-network", detail)
        })
    }
}
