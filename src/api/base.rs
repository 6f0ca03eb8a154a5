//! Where callers find us.

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;

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
        let host = match parts.extensions.get() {
            Some(Peer::Tcp(_)) => parts.headers.get(HOST),
            _ => None,
        };
        let host = host.and_then(|host| host.to_str().ok());
        let base = match host {
            Some(host) => Some(format!("http://{host}")),
            None => door.base.get().cloned(),
        };
        base.map(Self).ok_or_else(|| {
            let detail = "this needs an address that a browser reaches; set [api] listen";
            Problem::conflict("not-on-the-network", detail)
        })
    }
}
