//! The small authorization server: how a client gets a token of a person (RFC 6749, with OAuth 2.1's strictness).
//!
//! A person is always asked, also about a client that was allowed the same before: the id of a public client proves nothing,
//! and any program on this machine could come with it and a loopback address (RFC 8252 section 8.6).

mod authorize;
mod consent;
mod device;
mod fields;
mod metadata;
mod register;
mod token;

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, PRAGMA, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use zeroize::Zeroizing;

use super::base::Base;
use super::guard::Desk;
use super::{Door, Peer, Problem, contract};
use crate::identity::{Client, Refusal, RefusalCode};
use crate::registry::Status;
use fields::Fields;

/// Largest body, in bytes.
const LARGEST: usize = 16 << 10;
/// What every password of an instance begins with.
const PASSWORD: &str = "jp_";

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .merge(metadata::routes())
        .merge(register::routes())
        .merge(authorize::routes())
        .merge(token::routes())
        .merge(device::routes())
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// Why a client does not get what it asks for (RFC 6749 section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OAuthError {
    /// The word of the rule.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What is wrong, and the way out.
    error_description: String,
}

/// A refusal on its way to a client.
pub(in crate::api) enum Answer {
    /// In OAuth's words.
    Refusal(Refusal),
    /// Of what stands before it: too many tries, too much to do.
    Problem(Problem),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (code, why) = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Refusal(Refusal::Identity(error)) => {
                return Problem::from(error).into_response();
            }
            Self::Refusal(Refusal::Rule { code, why }) => (code, why),
        };
        let status = match code {
            RefusalCode::InvalidClient => StatusCode::UNAUTHORIZED,
            RefusalCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let error = OAuthError {
            error: code.word(),
            error_description: why,
        };
        let mut response = (status, Json(error)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static(r#"Basic realm="jarkeeper""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        unkept(response)
    }
}

/// An answer that nobody keeps (RFC 6749 section 5.1).
fn unkept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Id and secret, as a client shows them (RFC 6749 section 2.3).
struct Shown {
    id: String,
    secret: Option<SecretString>,
}

impl Shown {
    fn of(headers: &HeaderMap, fields: &Fields) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::of(RefusalCode::InvalidClient, why);
        let said = fields.one("client_id")?;
        let secret = fields.one("client_secret")?;
        let mut headers = headers.get_all(AUTHORIZATION).iter();
        let (header, second) = (headers.next(), headers.next());
        let Some(header) = header else {
            let id = said.ok_or_else(|| refuse("client_id is missing"))?;
            return Ok(Self {
                id: id.to_owned(),
                secret: secret.map(SecretString::from),
            });
        };
        let (id, password) = basic(header)
            .ok_or_else(|| refuse("Authorization must be Basic, with id and secret"))?;
        if secret.is_some() || second.is_some() || said.is_some_and(|said| said != id) {
            let why = "the client shows who it is in two ways";
            return Err(Refusal::of(RefusalCode::InvalidRequest, why));
        }
        Ok(Self {
            id,
            secret: Some(password),
        })
    }
}

/// The client that asks, and has proved it where it has a secret.
fn client(door: &Door, headers: &HeaderMap, fields: &Fields) -> Result<Client, Refusal> {
    let shown = Shown::of(headers, fields)?;
    door.identity.prove_client(&shown.id, shown.secret.as_ref())
}

/// Who asks about a token, or ends it.
enum Asker {
    Client(Client),
    /// An instance, by its id.
    Instance(String),
}

/// What the proof of an instance's password needs: the daemon's desk, which counts wrong ones by their address.
struct Hearing {
    desk: Arc<Desk>,
    peer: Option<Peer>,
}

impl FromRequestParts<Door> for Hearing {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Answer> {
        let desk = parts.extensions.get::<Arc<Desk>>().cloned();
        // It stands beside every operation.
        let none = || Answer::Problem(Problem::bad_request("nobody says how this came in"));
        Ok(Self {
            desk: desk.ok_or_else(none)?,
            peer: parts.extensions.get().copied(),
        })
    }
}

impl Hearing {
    /// A client or an instance, which are told apart by their secrets.
    async fn asker(&self, headers: &HeaderMap, fields: &Fields) -> Result<Asker, Answer> {
        let shown = Shown::of(headers, fields)?;
        let is_password = |secret: &SecretString| secret.expose_secret().starts_with(PASSWORD);
        if shown.secret.as_ref().is_some_and(is_password) {
            return Ok(Asker::Instance(self.instance(shown).await?));
        }
        let identity = &self.desk.door.identity;
        let client = identity.prove_client(&shown.id, shown.secret.as_ref());
        Ok(Asker::Client(client?))
    }

    /// The instance that asks, and has proved it by its password.
    async fn instance(&self, shown: Shown) -> Result<String, Answer> {
        let wrong = || {
            let why = "this instance is not known, or its password is wrong";
            Refusal::of(RefusalCode::InvalidClient, why)
        };
        let password = shown.secret.ok_or_else(wrong)?;
        let proven = contract::prove(&self.desk, self.peer.as_ref(), &shown.id, &password);
        match proven.await {
            Ok(instance) if instance.status != Status::Unregistered => Ok(instance.id),
            Ok(_) => Err(wrong().into()),
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => Err(wrong().into()),
            Err(problem) => Err(Answer::Problem(problem)),
        }
    }
}

/// Id and secret, each encoded as a form first (RFC 6749 section 2.3.1).
fn basic(header: &HeaderValue) -> Option<(String, SecretString)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let plain = |text: &str| {
        let text = text.replace('&', "%26").replace('=', "%3D");
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned())
    };
    Some((plain(id)?, plain(secret).unwrap_or_default().into()))
}

/// The resource that a client names; `None` where it names none.
///
/// # Errors
/// `invalid_target` where it is not ours (RFC 8707 section 2).
fn audience(base: &Base, fields: &Fields) -> Result<Option<String>, Refusal> {
    let mut found = None;
    for resource in fields.all("resource") {
        let given = resource.strip_suffix('/').unwrap_or(resource);
        let path = aliases(base).find_map(|own| given.strip_prefix(&*own).map(str::to_owned));
        if !matches!(path.as_deref(), Some("" | "/mcp")) || found.is_some() {
            let why = format!("the resources here are {0} and {0}/mcp", base.0);
            return Err(Refusal::of(RefusalCode::InvalidTarget, why));
        }
        found = Some(given.to_owned());
    }
    Ok(found)
}

/// The names under which the caller could know us as well: on this machine `localhost` and its number are one.
fn aliases(base: &Base) -> impl Iterator<Item = String> {
    let number = base.0.replacen("//localhost", "//127.0.0.1", 1);
    let name = base.0.replacen("//127.0.0.1", "//localhost", 1);
    [base.0.clone(), number, name].into_iter()
}
