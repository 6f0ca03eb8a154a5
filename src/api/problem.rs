//! What an error looks like on the wire: RFC 9457, with a stable `type`.

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::sessions::RenewalView;
use crate::failure::{Failure, FailureClass};
use crate::identity::{IdentityError, Scope};
use crate::ids::SessionKey;
use crate::session::FilesError;
use crate::store::StoreError;

/// What every `type` begins with; the word behind it never changes its meaning.
const TYPES: &str = "urn:jarkeeper:problem:";
/// What stands before the place and the cause in a refusal of a body or a query.
const SAID_BEFORE: [&str; 2] = [
    "Failed to deserialize the JSON body into the target type: ",
    "Failed to deserialize query string: ",
];
/// Longest plain text that becomes a `detail`, bytes.
const LONGEST_WORDS: usize = 4 * 1024;

/// An error, as RFC 9457 has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem this is: `urn:jarkeeper:problem:WORD`.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:jarkeeper:problem:[a-z0-9-]+$")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened here, and the way out.
    pub detail: String,
    /// The class of the failed renewal behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = classes)]
    pub class: Option<FailureClass>,
    /// The renewal that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RenewalView>)]
    pub(super) renewal: Option<Box<RenewalView>>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
    #[serde(skip)]
    challenge: Option<String>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, word: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPES}{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            class: None,
            renewal: None,
            retry_after_s: None,
            challenge: None,
        }
    }

    /// 400: the request is not one.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        let mut detail = detail.into();
        // What the libraries below us say first is what the title says.
        for begin in SAID_BEFORE {
            if let Some(rest) = detail.strip_prefix(begin) {
                detail = rest.to_owned();
            }
        }
        Self::new(
            status,
            "invalid-request",
            "The request is not valid",
            detail,
        )
    }

    /// 404, for what is not there and for what this caller may not know of: the same answer.
    pub fn not_found(what: &str, name: &str) -> Self {
        let word = format!("unknown-{}", what.replace(' ', "-"));
        let detail = format!("there is no {what} {name}, or not for you");
        Self::new(StatusCode::NOT_FOUND, &word, "Not found", detail)
    }

    /// 404 for a session.
    pub fn no_session(key: &SessionKey) -> Self {
        Self::not_found("session", &key.to_string())
    }

    /// 403: the caller is known, and may not (RFC 6750 section 3.1).
    pub fn insufficient_scope(scope: Scope) -> Self {
        let detail = format!("this needs the scope {scope}, which these credentials do not have");
        let status = StatusCode::FORBIDDEN;
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        Self::new(status, "insufficient-scope", "Not allowed", detail).challenge(challenge)
    }

    /// 409: it cannot be done in the present condition.
    pub fn conflict(word: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, word, "Not possible now", detail)
    }

    /// The same, with how long to wait.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// The same, where the challenge names the metadata of the resource at this path, and not the whole daemon's.
    pub(super) fn with_resource(mut self, path: &str) -> Self {
        const WHOLE: &str = "/.well-known/oauth-protected-resource\"";
        let own = format!("/.well-known/oauth-protected-resource{path}\"");
        self.challenge = self.challenge.map(|all| all.replace(WHOLE, &own));
        self
    }

    /// The same, with a challenge (RFC 9110 section 11.6.1).
    pub fn challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }
}

fn classes() -> Object {
    let words = FailureClass::ALL.map(FailureClass::word);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The class of the failed renewal behind it."))
        .enum_values(Some(words))
        .build()
}

/// Beside an answer that is another server's, and is passed on as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed;

/// Gives the refusals of the libraries below us, which are plain text, the shape of all others.
pub(super) async fn shape(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let passed = response.extensions().get::<Passed>().is_some();
    if !(status.is_client_error() || status.is_server_error()) || !plain || passed {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, LONGEST_WORDS).await;
    let said = said.map(|said| String::from_utf8_lossy(&said).into_owned());
    let (word, title, otherwise) = match status {
        StatusCode::NOT_FOUND => (
            "not-found",
            "Not found",
            "there is nothing at this path; /openapi.json lists what there is",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method-not-allowed",
            "Not this method",
            "the path is right and the method is not; Allow lists those that are",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "too-slow",
            "Too slow",
            "the request did not come whole in time",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "too-large",
            "Too large",
            "the body is larger than what is read",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "wrong-type",
            "Not this type",
            "the body must be application/json",
        ),
        status if status.is_client_error() => (
            "invalid-request",
            "The request is not valid",
            "the request is not one that is understood here",
        ),
        _ => (
            "fault",
            "A fault of Jarkeeper",
            "Jarkeeper's log says what went wrong",
        ),
    };
    let detail = said.ok().filter(|said| !said.trim().is_empty());
    let detail = detail.unwrap_or_else(|| otherwise.to_owned());
    let mut shaped = Problem::new(status, word, title, detail).into_response();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            shaped.headers_mut().append(name, value.clone());
        }
    }
    *shaped.extensions_mut() = parts.extensions;
    shaped
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry, challenge) = (self.retry_after_s, self.challenge.clone());
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read: whatever came next on this connection would be taken for it.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = retry {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What a caller is told of a fault that is ours: nothing of the inside.
fn inside(error: &dyn std::error::Error) -> Problem {
    tracing::error!("a request failed: {error}");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let detail = "Jarkeeper cannot read or write its own files; its log says why";
    Problem::new(status, "storage", "Storage failed", detail).retry_after(5)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        inside(&error)
    }
}

impl From<FilesError> for Problem {
    fn from(error: FilesError) -> Self {
        inside(&error)
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Invalid(why) => {
                let status = StatusCode::UNAUTHORIZED;
                Self::new(status, "invalid-token", "Not authenticated", why)
            }
            IdentityError::Malformed(why) => Self::bad_request(why),
            IdentityError::Refused(why) => {
                Self::new(StatusCode::FORBIDDEN, "refused", "Not allowed", why)
            }
            IdentityError::Unknown { what, name } => Self::not_found(what, &name),
            IdentityError::SignIn(error) if error.is_for_later() => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let title = "The OpenID provider does not answer";
                Self::new(status, "provider", title, error.to_string()).retry_after(30)
            }
            IdentityError::SignIn(error) => {
                let status = StatusCode::UNAUTHORIZED;
                Self::new(
                    status,
                    "invalid-token",
                    "Not authenticated",
                    error.to_string(),
                )
            }
            IdentityError::Store(error) => error.into(),
        }
    }
}

impl From<Failure> for Problem {
    /// A renewal that failed: the site's fault is a 502 or 504, what a person must mend is a 409.
    fn from(failure: Failure) -> Self {
        use FailureClass::*;
        if failure.class == Storage {
            let mut problem = inside(&failure);
            problem.class = Some(failure.class);
            return problem;
        }
        let status = match failure.class {
            SiteDown | NotProven | FormNotFound | FormChanged => StatusCode::BAD_GATEWAY,
            Timeout => StatusCode::GATEWAY_TIMEOUT,
            Throttled | Budget | BrowserLost | Storage | Cancelled => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::CONFLICT,
        };
        let word = format!("renewal-{}", failure.class.word().replace('_', "-"));
        let mut problem = Self::new(status, &word, "The session is not live", failure.message);
        problem.class = Some(failure.class);
        problem.retry_after_s = failure
            .retry_after
            .and_then(|wait| u32::try_from(wait.num_seconds()).ok());
        problem
    }
}
