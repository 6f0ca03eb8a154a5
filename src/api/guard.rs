//! What stands before every handler: who calls, and whether this operation is theirs.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;

use super::{Door, Problem};
use crate::identity::{Principal, Proof, Scope};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Tcp(SocketAddr),
    /// Over the socket, from a process of this user.
    Socket {
        /// The user id that the kernel names.
        uid: u32,
    },
}

/// The values of `key` that stood in the query; it stands there no more.
#[derive(Clone, Default)]
pub(super) struct QueryKeys(Vec<SecretString>);

/// Takes `key` out of the URI, so that nothing behind this, no log, trace or error, can repeat it. The outermost layer.
pub(super) async fn cut_key(mut request: Request, next: Next) -> Response {
    let mut keys = QueryKeys::default();
    if let Some(query) = request.uri().query() {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        if pairs.iter().any(|(name, _)| name == "key") {
            let mut rest = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in &pairs {
                match &**name {
                    "key" => keys.0.push(SecretString::from(value.to_string())),
                    _ => drop(rest.append_pair(name, value)),
                }
            }
            *request.uri_mut() = with_query(request.uri(), &rest.finish());
        }
    }
    request.extensions_mut().insert(keys);
    next.run(request).await
}

fn with_query(uri: &Uri, query: &str) -> Uri {
    let path = match query {
        "" => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    // It was a URI, and a shorter query leaves it one.
    Uri::from_parts(parts).unwrap_or_default()
}

/// Finds out who calls, and puts a [`Principal`] beside the request, or the problem that an operation which wants one answers.
pub(super) async fn authenticate(
    State(door): State<Door>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = known(&door, &mut parts).await;
    let who = known
        .as_ref()
        .ok()
        .and_then(|known| Some(known.as_ref()?.who.clone()));
    parts.extensions.insert(known);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(who) = who {
        response.extensions_mut().insert(who);
    }
    response
}

/// Who calls; `Ok(None)`: nobody says.
type Known = Result<Option<Principal>, Problem>;

async fn known(door: &Door, request: &mut Parts) -> Known {
    let headers = &request.headers;
    let mut proofs = Vec::new();
    if let Some(QueryKeys(keys)) = request.extensions.get() {
        proofs.extend(keys.iter().cloned().map(Proof::Key));
    }
    for value in headers.get_all(X_API_KEY) {
        let value = value.to_str().unwrap_or_default();
        proofs.push(Proof::Key(value.into()));
    }
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.to_str().unwrap_or_default();
        let bearer = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = bearer.ok_or_else(|| {
            Problem::bad_request("the only scheme of Authorization here is Bearer")
        })?;
        proofs.push(Proof::Bearer(token.trim().into()));
    }
    match proofs.as_slice() {
        [] => match request.extensions.get() {
            Some(Peer::Socket { uid }) => Ok(Some(door.identity.local(*uid))),
            _ => Ok(None),
        },
        [proof] => {
            let principal = door.identity.authenticate(proof).await?;
            // What lasts longer than a request looks again whether it still holds.
            request.extensions.insert(proof.clone());
            Ok(Some(principal))
        }
        _ => Err(Problem::bad_request(
            "credentials were given more than once; give one of: the query parameter key, X-API-Key, Authorization",
        )),
    }
}

/// Lets only those through that may.
pub(super) async fn require(scope: Scope, mut request: Request, next: Next) -> Response {
    match request.extensions_mut().remove::<Known>() {
        Some(Ok(Some(principal))) if principal.may(scope) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Some(Ok(Some(_))) => {
            let detail =
                format!("this needs the scope {scope}, which these credentials do not have");
            let status = StatusCode::FORBIDDEN;
            Problem::new(status, "insufficient-scope", "Not allowed", detail)
                .challenge(format!(
                    r#"Bearer error="insufficient_scope", scope="{scope}""#
                ))
                .into_response()
        }
        Some(Ok(None)) | None => {
            let detail =
                "give an API key as X-API-Key, or an access token as Authorization: Bearer";
            let status = StatusCode::UNAUTHORIZED;
            Problem::new(status, "unauthenticated", "Not authenticated", detail)
                .challenge(r#"Bearer realm="jarkeeper""#.to_owned())
                .into_response()
        }
        Some(Err(problem)) => problem.into_response(),
    }
}
