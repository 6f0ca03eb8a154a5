//! The routes below `/api/`: those of clients that were there before this daemon. Who calls them, and the envelope in which
//! everything is answered there, refusals of the layers around included.

use axum::Json;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::Desk;
use super::{Door, Peer, Problem};
use crate::identity::{IdentityError, Principal, Scope, Scopes, holds_a_proof};
use crate::registry::{Instance, RegistryError, Status};

/// Longest message of an envelope, in characters: clients show it to people.
const MESSAGE: usize = 300;
/// Largest problem that is put into an envelope, bytes.
const PROBLEM: usize = 64 << 10;

/// What a success is answered in.
#[derive(Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    /// 0.
    #[schema(minimum = 0, maximum = 0)]
    code: u16,
    /// `success`.
    message: &'static str,
    /// What was asked for.
    data: T,
}

impl<T> Envelope<T> {
    /// A success with these data.
    pub(super) fn of(data: T) -> Json<Self> {
        Json(Self {
            code: 0,
            message: "success",
            data,
        })
    }
}

/// The name of the current load.
#[derive(Serialize, ToSchema)]
struct Username {
    /// What the current load is called; null: there is none.
    username: Option<String>,
}

/// The envelope that has its data twice: older readers look for the name at the top.
#[derive(Serialize, ToSchema)]
pub(super) struct UsernameEnvelope {
    #[serde(flatten)]
    username: Username,
    /// 0.
    #[schema(minimum = 0, maximum = 0)]
    code: u16,
    /// `success`.
    message: &'static str,
    /// The same name.
    data: Username,
}

impl UsernameEnvelope {
    /// A success with this name.
    pub(super) fn of(username: Option<String>) -> Json<Self> {
        let again = username.clone();
        Json(Self {
            username: Username { username },
            code: 0,
            message: "success",
            data: Username { username: again },
        })
    }
}

/// What a refusal is answered in.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    code: u16,
    /// What happened, in a few words without secrets.
    message: String,
    /// Null.
    #[schema(value_type = Option<Object>)]
    data: Option<()>,
}

/// Who calls an operation of the contract.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Nobody says.
    Nobody,
    /// An instance, which has shown its password. It may be unregistered.
    Instance(Box<Instance>),
    /// Somebody with a key or a token, or at the socket.
    Principal(Box<Principal>),
}

/// Who calls, or why that is not known: where an operation is open, the guard puts it beside the request.
#[derive(Clone)]
pub(super) struct Shown(pub(super) Result<Caller, Problem>);

impl FromRequestParts<Door> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        let shown = parts.extensions.remove();
        Ok(shown.unwrap_or(Self(Ok(Caller::Nobody))))
    }
}

impl FromRequestParts<Door> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        Shown::from_request_parts(parts, door).await?.0
    }
}

/// What an instance that is not registered may do: come back, and say once more that it is gone.
const UNREGISTERED_MAY: [&str; 2] = ["upload.register", "upload.unregister"];

impl Caller {
    /// An instance that has shown its password.
    ///
    /// # Errors
    /// It is not registered, and this is not what it may do nevertheless: the same as for a wrong password.
    pub(super) fn instance(instance: Instance, operation: &str) -> Result<Self, Problem> {
        let gone = instance.status == Status::Unregistered;
        if gone && !UNREGISTERED_MAY.contains(&operation) {
            return Err(RegistryError::Refused(instance.id).into());
        }
        Ok(Self::Instance(Box::new(instance)))
    }

    /// The instance with this id, where the caller is it, or is its person and may do this. `None`: there is none for it.
    ///
    /// # Errors
    /// The caller may not do this at all; the store cannot be read.
    pub(super) fn own(
        self,
        door: &Door,
        id: &str,
        scope: Scope,
    ) -> Result<Option<Instance>, Problem> {
        match self {
            Self::Nobody => Ok(None),
            Self::Instance(instance) => Ok(Some(*instance).filter(|own| own.id == id)),
            Self::Principal(principal) if !principal.may(scope) => {
                Err(Problem::insufficient_scope(scope))
            }
            Self::Principal(principal) => {
                let instance = door.registry.instance(id)?;
                Ok(instance.filter(|one| one.person.as_ref() == Some(&principal.person)))
            }
        }
    }

    /// The same, for what changes something: who is nobody is told to say who it is.
    pub(super) fn owned(self, door: &Door, id: &str) -> Result<Instance, Problem> {
        match self {
            Self::Nobody => Err(unauthenticated()),
            known => {
                let own = known.own(door, id, Scope::RegistryWrite)?;
                own.ok_or_else(|| RegistryError::Unknown(id.to_owned()).into())
            }
        }
    }
}

/// 401, where there is no proof at all.
pub(super) fn unauthenticated() -> Problem {
    let detail = "give an API key as X-API-Key, an access token as Authorization: Bearer, or an instance's id and password as Authorization: Bearer ID:PASSWORD";
    let status = StatusCode::UNAUTHORIZED;
    Problem::new(status, "unauthenticated", "Not authenticated", detail)
        .challenge(r#"Bearer realm="jarkeeper""#.to_owned())
}

/// The id and the password that stand in `Authorization: Bearer ID:PASSWORD`, which is no token of RFC 6750: those hold no colon.
pub(super) fn bearer(request: &Request) -> Option<(String, SecretString)> {
    let mut all = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return None;
    };
    // A password of a foreign client may hold other bytes than ASCII; it is a wrong one, as any other.
    let value = String::from_utf8_lossy(value.as_bytes());
    let (scheme, token) = value.split_once(' ')?;
    let (id, password) = token.trim().split_once(':')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| (id.to_owned(), password.into()))
}

/// The instance behind an id and a password, whose person may come. What is not known already is counted for the address
/// before anything is spent on it.
///
/// # Errors
/// There is none, or its person may not come any more: the same for both. The address or the id has shown too many wrong ones;
/// too many are looked at.
pub(super) async fn prove(
    desk: &Desk,
    peer: Option<&Peer>,
    id: &str,
    password: &SecretString,
) -> Result<Instance, Problem> {
    let instance = proven(desk, peer, id, password).await?;
    limits(desk, &instance)?;
    Ok(instance)
}

/// The same, for something that its person must be allowed to do.
///
/// # Errors
/// As above, and where the person may not do this.
pub(super) async fn prove_for(
    desk: &Desk,
    peer: Option<&Peer>,
    id: &str,
    password: &SecretString,
    scope: Scope,
) -> Result<Instance, Problem> {
    let instance = proven(desk, peer, id, password).await?;
    match limits(desk, &instance)? {
        Some(may) if !may.allow(scope) => Err(Problem::insufficient_scope(scope)),
        _ => Ok(instance),
    }
}

/// What an instance's person may; `None`: it is nobody's who is known. Who was only made for it may nothing by itself, and that
/// does not keep the instance from what is its own.
fn limits(desk: &Desk, instance: &Instance) -> Result<Option<Scopes>, Problem> {
    let Some(person) = &instance.person else {
        return Ok(None);
    };
    match desk.door.identity.limits(person) {
        Ok((may, _)) => Ok((!desk.door.identity.is_bare(person)?).then_some(may)),
        Err(IdentityError::Invalid(_)) => Err(RegistryError::Refused(instance.id.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

async fn proven(
    desk: &Desk,
    peer: Option<&Peer>,
    id: &str,
    password: &SecretString,
) -> Result<Instance, Problem> {
    let registry = &desk.door.registry;
    if let Some(known) = registry.remembers(id, password) {
        return Ok(known?);
    }
    let guess = desk.limits.guess(peer)?;
    match registry.prove(id, password).await {
        Ok(instance) => {
            guess.take_back();
            Ok(instance)
        }
        Err(error) => {
            if !matches!(error, RegistryError::Refused(_)) {
                // Nobody looked at it.
                guess.take_back();
            }
            Err(error.into())
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Invalid(what) => Self::bad_request(what),
            RegistryError::Refused(_) => {
                let detail = "there is no instance with this id and this password";
                let status = StatusCode::UNAUTHORIZED;
                Self::new(status, "invalid-credentials", "Not authenticated", detail)
                    .challenge(r#"Bearer realm="jarkeeper", error="invalid_token""#.to_owned())
            }
            RegistryError::Locked { wait, .. } => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let title = "Too many requests";
                Self::new(status, "locked", title, error.to_string())
                    .retry_after(wait.as_secs() + 1)
            }
            RegistryError::Busy => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "busy", "Busy", error.to_string()).retry_after(1)
            }
            RegistryError::Full => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "full", "Full", error.to_string())
            }
            RegistryError::Unknown(id) => Self::not_found("instance", &shown(&id)),
            RegistryError::Conflict(why) => Self::conflict("idempotency", why),
            RegistryError::Store(error) => error.into(),
        }
    }
}

/// An id as it is repeated; somebody may have put a password in its place.
fn shown(id: &str) -> String {
    match holds_a_proof(id) {
        true => "(blotted out)".to_owned(),
        false => id.chars().take(40).collect(),
    }
}

/// Gives what is answered below `/api/` its envelope where it is a problem. Stands around everything else. A client whose
/// base ends in a slash asks for `//api/…`, which is the same.
pub(super) async fn envelope(mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("//api/") {
        *request.uri_mut() = without_slash(request.uri());
    }
    let path = request.uri().path();
    let ours = path == "/api" || path.starts_with("/api/");
    let answer = next.run(request).await;
    let status = answer.status();
    match ours && (status.is_client_error() || status.is_server_error()) {
        true => enclosed(answer).await,
        false => answer,
    }
}

fn without_slash(uri: &Uri) -> Uri {
    let mut parts = uri.clone().into_parts();
    let path = parts.path_and_query.take();
    parts.path_and_query = path.and_then(|path| path.as_str().get(1..)?.parse().ok());
    // It was a URI, and without its first slash it is one.
    Uri::from_parts(parts).unwrap_or_default()
}

/// What is read of a problem.
#[derive(Deserialize)]
struct Said {
    detail: String,
}

async fn enclosed(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let status = match parts.status {
        // The contract knows one status for what is not of the right shape.
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    let body = axum::body::to_bytes(body, PROBLEM)
        .await
        .unwrap_or_default();
    let said = serde_json::from_slice::<Said>(&body).map(|said| said.detail);
    let said = said.unwrap_or_else(|_| status.canonical_reason().unwrap_or("refused").to_owned());
    let message = match holds_a_proof(&said) {
        true => status.canonical_reason().unwrap_or("refused").to_owned(),
        false => said.chars().take(MESSAGE).collect(),
    };
    let refused = Refused {
        code: status.as_u16(),
        message,
        data: None,
    };
    let mut answer = (status, Json(refused)).into_response();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    *answer.extensions_mut() = parts.extensions;
    answer
}

/// A body that is an object of JSON. What is wrong with it is told by its place: a value may be a secret.
///
/// # Errors
/// It is no JSON, or not of this shape.
pub(super) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().starts_with(b"[") {
        // Fields would be taken from it by their places.
        return Err(Problem::bad_request("this body is no object of JSON"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a value of this body is not of the right type",
            _ => "this body is no JSON",
        };
        let (line, column) = (error.line(), error.column());
        Problem::bad_request(format!("{what} (line {line}, column {column})"))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_bearer_is_split_at_its_first_colon() {
        let of = |value: &str| {
            let request = Request::builder().header("authorization", value);
            let found = bearer(&request.body(Body::empty()).unwrap());
            found.map(|(id, password)| (id, password.expose_secret().to_owned()))
        };
        let pair = |id: &str, password: &str| Some((id.to_owned(), password.to_owned()));
        assert_eq!(of("Bearer a:b:c"), pair("a", "b:c"));
        assert_eq!(of("bearer None:None"), pair("None", "None"));
        assert_eq!(of("Bearer :"), pair("", ""));
        for none in ["Bearer abc", "Basic YTpi", "Bearer", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn one_slash_too_many_is_taken_away_and_the_query_stays() {
        let of = |uri: &str| without_slash(&uri.parse().unwrap()).to_string();
        assert_eq!(
            of("//api/upload/list?page_no=1"),
            "/api/upload/list?page_no=1"
        );
    }

    #[tokio::test]
    async fn a_problem_becomes_an_envelope_that_keeps_its_headers() {
        let problem = Problem::bad_request("no").retry_after(3).into_response();
        let answer = enclosed(problem).await;
        assert_eq!(
            (answer.status(), &answer.headers()["retry-after"]),
            (StatusCode::BAD_REQUEST, &"3".parse().unwrap())
        );
        let body = axum::body::to_bytes(answer.into_body(), 1000)
            .await
            .unwrap();
        assert_eq!(body, r#"{"code":400,"message":"no","data":null}"#);
        let secret = format!("there is no jp_{}", "A".repeat(43));
        let answer = enclosed(Problem::bad_request(secret).into_response()).await;
        let body = axum::body::to_bytes(answer.into_body(), 1000)
            .await
            .unwrap();
        assert_eq!(body, r#"{"code":400,"message":"Bad Request","data":null}"#);
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_without_its_values() {
        #[derive(Debug, Deserialize)]
        struct One {
            #[expect(dead_code, reason = "only read")]
            a: u8,
        }
        let problem = read::<One>(br#"{"a": "secret"}"#).unwrap_err();
        assert!(!problem.detail.contains("secret"), "{}", problem.detail);
        assert!(read::<One>(b"{").is_err() && read::<One>(b"[]").is_err());
        assert!(read::<One>(b" [1]").is_err() && read::<One>(b" {\"a\": 1}").is_ok());
    }
}
