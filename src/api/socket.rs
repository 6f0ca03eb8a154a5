//! `/api/ws/{id}`: where an instance connects, so that it is there and can be talked to.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::front::QueryPasswords;
use super::guard::Desk;
use super::{Door, Peer, Problem, contract, contracted};
use crate::identity::{Scope, Who};
use crate::registry::{self, Instance, RegistryError, Status};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(contracted(routes!(connect)))
}

/// Connects an instance: a WebSocket (RFC 6455), opened with the instance's password.
///
/// A newer socket of the same instance takes the place of the older one, which is closed with 4000. Messages are JSON objects
/// with a `type`. The daemon sends `chat` (`request_id`, `request`) and `chat_cancel` (`request_id`), and answers `heartbeat`
/// with `heartbeat_ack`; the instance answers a chat with `chat_response` (`request_id`, and `raw_sse`, `done` or `error`). What
/// sends nothing for 90 seconds, not even a ping, is closed, and so is what was opened with a password that is good no more
/// (4004). A frame has at most 1 MiB.
#[utoipa::path(get, path = "/api/ws/{id}", operation_id = "instances.connect", tag = "registry",
    params(
        ("id" = String, Path, description = "The instance's id."),
        ("password" = Option<String>, Query, description = "Its password. It is in no log."),
    ),
    responses(
        (status = 101, description = "from here on it is a WebSocket"),
        (status = 401, description = "there is no such instance with this password"),
        (status = 426, description = "no WebSocket was asked for"),
        (status = 503, description = "too many are connected"),
    ))]
async fn connect(
    State(door): State<Door>,
    Extension(desk): Extension<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    passwords: Option<Extension<QueryPasswords>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let key = asked(request.method(), request.headers())?;
    let upgrade = hyper::upgrade::on(&mut request);
    let mut passwords = passwords.map_or_else(Vec::new, |Extension(QueryPasswords(all))| all);
    let password = match (passwords.pop(), passwords.is_empty()) {
        (Some(password), true) => password,
        // The same as a wrong one.
        _ => SecretString::default(),
    };
    let peer = peer.as_deref();
    let instance = proven(&desk, peer, &id, &password).await?;
    let is_known = match &instance.person {
        Some(person) => !door.identity.is_bare(person)?,
        None => false,
    };
    let presence = door.registry.presence();
    let attached = match (is_known, peer) {
        (true, _) => presence.attach(&instance.id),
        (false, Some(Peer::Tcp(from))) if !from.ip().is_loopback() => {
            presence.attach_nobodys(&instance.id, Some(from.ip()))
        }
        (false, _) => presence.attach_nobodys(&instance.id, None),
    };
    let attached = attached.map_err(|full| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "busy", "Busy", full.to_string()).retry_after(5)
    })?;
    // It may have been unregistered, its password replaced or its person disabled while it was being looked at. From here on
    // whoever does that finds the line.
    let instance = proven(&desk, peer, &id, &password).await?;
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => registry::carry(TokioIo::new(stream), attached).await,
            Err(error) => tracing::debug!("an instance hung up in its handshake: {error}"),
        }
    });
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    let told = Told {
        person: instance.person.as_ref().map(ToString::to_string),
        ..Told::default()
    };
    answer.extensions_mut().insert(Who::Instance(instance.id));
    Ok(told.on(answer))
}

/// The instance behind an id and a password, where it is registered and its person may have it connected.
async fn proven(
    desk: &Desk,
    peer: Option<&Peer>,
    id: &str,
    password: &SecretString,
) -> Result<Instance, Problem> {
    let scope = Scope::RegistryWrite;
    let instance = contract::prove_for(desk, peer, id, password, scope).await?;
    match instance.status {
        Status::Unregistered => Err(RegistryError::Refused(instance.id).into()),
        Status::Online | Status::Offline => Ok(instance),
    }
}

/// What answers the key of a client that asks for a WebSocket (RFC 6455 section 4.2.1).
fn asked(method: &Method, headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let only = |name: &HeaderName| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let named = |name: &HeaderName, word: &str| {
        let all = headers.get_all(name).iter();
        let mut words = all.flat_map(|value| value.to_str().unwrap_or_default().split(','));
        words.any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let without_body =
        !headers.contains_key(TRANSFER_ENCODING) && only(&CONTENT_LENGTH).is_none_or(|l| l == "0");
    let upgraded = method == Method::GET
        && without_body
        && named(&CONNECTION, "upgrade")
        && only(&UPGRADE).is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let key = only(&SEC_WEBSOCKET_KEY);
    let key = key.filter(|key| BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16));
    match key {
        Some(key) if upgraded && only(&SEC_WEBSOCKET_VERSION) == Some("13") => {
            HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| no_socket())
        }
        _ => Err(no_socket()),
    }
}

fn no_socket() -> Problem {
    let status = StatusCode::UPGRADE_REQUIRED;
    let detail = "this address is for WebSockets of version 13; ask for one with GET, Connection: Upgrade, Upgrade: websocket and Sec-WebSocket-Key";
    Problem::new(status, "upgrade-required", "Not a WebSocket", detail)
}
