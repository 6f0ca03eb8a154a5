//! `/v1/chat/completions` and `/v1/responses`: APIs as OpenAI's, in which the model remembers. Refusals have OpenAI's shape there.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::chat::{ChatRequest, Completion};
use super::problem::Passed;
use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::llm::{Api, Unanswered};
use crate::proxy::{Answered, Asked, Body as Answer, Done, Note, ProxyError, Use};

/// What the memory shall do, and did.
const MEMORY: HeaderName = HeaderName::from_static("jarkeeper-memory");
/// Which application asks.
const APP: HeaderName = HeaderName::from_static("jarkeeper-app");
/// In which session.
const SESSION: HeaderName = HeaderName::from_static("jarkeeper-session");
/// Paths at, and below, which clients of OpenAI's APIs ask.
const PATHS: [&str; 4] = [
    "/v1/chat/completions",
    "/v1/models",
    "/v1/responses",
    "/v1/conversations",
];
/// Largest refusal that is put into another shape, bytes.
const REFUSAL: usize = 64 << 10;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryWrite, prompt(routes!(complete))))
        .routes(guarded(Scope::MemoryWrite, prompt(routes!(respond))))
        .routes(guarded(Scope::MemoryRead, routes!(models)))
}

/// With the limit of the guard for prompts, and no lower one.
fn prompt(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, paths, methods) = routes;
    (
        schemas,
        paths,
        methods.layer(DefaultBodyLimit::max(super::limits::PROMPT)),
    )
}

/// A request as OpenAI's Responses API has it. Whatever else stands in it goes on to the model as it is.
#[derive(Serialize, Deserialize, ToSchema)]
struct ResponseRequest {
    /// What is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    /// The id of the answer that this goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<String>,
    /// Whether the answer comes as a stream of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Map<String, Value>,
}

/// A text of the person, or items, the oldest first: messages, calls of tools and their results, what the model's server keeps.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum Input {
    Text(String),
    #[schema(value_type = Vec<Object>)]
    Items(Vec<Map<String, Value>>),
}

/// An answer as OpenAI's Responses API has it.
#[derive(Serialize, ToSchema)]
struct ModelResponse {
    /// Its id at the model's server.
    id: String,
    /// `response`.
    object: String,
    /// What was answered.
    #[schema(value_type = Vec<Object>)]
    output: Vec<Value>,
}

/// Why not, as OpenAI's API says it.
#[derive(Serialize, ToSchema)]
struct ChatRefusal {
    error: ErrorView,
}

/// What happened.
#[derive(Serialize, ToSchema)]
struct ErrorView {
    /// What happened here, and the way out.
    message: String,
    /// What kind of error it is, in OpenAI's words.
    #[serde(rename = "type")]
    kind: String,
    /// What kind of problem it is, in ours; the model's server may have its own words.
    code: Option<String>,
    /// The HTTP status, where Jarkeeper itself refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

/// The models of the model's server, as it lists them.
#[derive(Serialize, ToSchema)]
struct Models {
    /// `list`.
    object: String,
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
}

/// Passes a chat on to the model of `[llm]`, with what is remembered of the person in a message before its newest question, and
/// keeps that question and the answer. Everything else goes both ways as it is, streams event by event.
///
/// The header `Jarkeeper-Memory` asks for less (`off`, `read`, `write`), `Jarkeeper-Session` names the session and `Jarkeeper-App`
/// the application; the answer's `Jarkeeper-Memory` says what was done. Whose memory it is: that of the credentials, else of
/// `user` in the request, else the caller's own. Recalling needs the scope memory:read too.
#[utoipa::path(post, path = "/v1/chat/completions", operation_id = "chat.completions", tag = "memory",
    request_body = ChatRequest,
    responses(
        (status = 200, body = Completion, description = "with stream: text/event-stream, whose events hold chat.completion.chunk"),
        (status = 400, body = ChatRefusal), (status = 401, body = ChatRefusal), (status = 403, body = ChatRefusal),
        (status = 408, body = ChatRefusal), (status = 413, body = ChatRefusal), (status = 415, body = ChatRefusal),
        (status = 422, body = ChatRefusal), (status = 429, body = ChatRefusal),
        (status = 502, body = ChatRefusal, description = "the model's server cannot be reached, or hung up"),
        (status = 503, body = ChatRefusal, description = "no model is set up"),
        (status = 504, body = ChatRefusal, description = "the model's server says nothing"),
    ))]
async fn complete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    pass(Api::Chat, &door, &principal, &headers, body).await
}

/// Passes a request of the Responses API on, as chats are: with what is remembered of the person in a message of its own before
/// the newest one of theirs, and both sides kept. An input that is a text alone becomes a list with that message.
///
/// `previous_response_id` and `conversation` go on as they are, and the session with them; an answer that was given to somebody
/// else is not gone on from. Answers are neither made in the background nor fetched, deleted or cancelled here.
#[utoipa::path(post, path = "/v1/responses", operation_id = "responses.create", tag = "memory",
    request_body = ResponseRequest,
    responses(
        (status = 200, description = "with stream: events, which are the model's own",
            content((ModelResponse = "application/json"), (String = "text/event-stream"))),
        (status = 400, body = ChatRefusal), (status = 401, body = ChatRefusal), (status = 403, body = ChatRefusal),
        (status = 404, body = ChatRefusal, description = "the model's server has no such API, model or answer, or the answer was not given to you"),
        (status = 408, body = ChatRefusal), (status = 413, body = ChatRefusal), (status = 415, body = ChatRefusal),
        (status = 422, body = ChatRefusal), (status = 429, body = ChatRefusal),
        (status = 502, body = ChatRefusal, description = "the model's server cannot be reached, or hung up"),
        (status = 503, body = ChatRefusal, description = "no model is set up"),
        (status = 504, body = ChatRefusal, description = "the model's server says nothing"),
    ))]
async fn respond(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    pass(Api::Responses, &door, &principal, &headers, body).await
}

async fn pass(
    api: Api,
    door: &Door,
    principal: &Principal,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let text = |name: HeaderName| -> Result<Option<String>, Problem> {
        let value = headers
            .get(&name)
            .map(|value| String::from_utf8(value.as_bytes().to_vec()));
        let wrong = |_| Problem::bad_request(format!("the header {name} is no text"));
        Ok(value
            .transpose()
            .map_err(wrong)?
            .filter(|text| !text.trim().is_empty()))
    };
    let usage = match text(MEMORY)?.as_deref() {
        None | Some("on") => Use::On,
        Some("off") => Use::Off,
        Some("read") => Use::Read,
        Some("write") => Use::Write,
        Some(_) => {
            let why = "the header Jarkeeper-Memory is on, off, read or write";
            return Err(Problem::bad_request(why));
        }
    };
    // The guard has read it, within its limit.
    let body = axum::body::to_bytes(body, usize::MAX).await;
    let body = body.map_err(|_| Problem::bad_request("the body did not come whole"))?;
    let body = String::from_utf8(body.into());
    let asked = Asked {
        api,
        body: body.map_err(|_| Problem::bad_request("the body is no UTF-8"))?,
        app: text(APP)?,
        session: text(SESSION)?,
        usage,
    };
    let (note, answered) = door.proxy.chat(principal, asked).await;
    let mut answer = match answered {
        Ok(answered) => passed(answered),
        Err(error) => Problem::from(error).into_response(),
    };
    if let Ok(note) = HeaderValue::from_str(&told(&note)) {
        answer.headers_mut().insert(MEMORY, note);
    }
    Ok(answer)
}

/// Lists the models, as the model's server does.
#[utoipa::path(get, path = "/v1/models", operation_id = "chat.models", tag = "memory",
    responses((status = 200, body = Models), (status = 400, body = ChatRefusal), (status = 401, body = ChatRefusal),
        (status = 403, body = ChatRefusal), (status = 429, body = ChatRefusal), (status = 502, body = ChatRefusal),
        (status = 503, body = ChatRefusal), (status = 504, body = ChatRefusal)))]
async fn models(State(door): State<Door>) -> Result<Response, Problem> {
    Ok(passed(door.proxy.models().await?))
}

fn passed(answered: Answered) -> Response {
    let body = match answered.body {
        Answer::Whole(bytes) => Body::from(bytes),
        Answer::Stream(stream) => Body::from_stream(stream),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = answered.status;
    *answer.headers_mut() = answered.headers;
    answer.extensions_mut().insert(Passed);
    answer
}

/// What the memory did, as the header says it.
fn told(note: &Note) -> String {
    let mut told = match note.recall {
        Done::Yes => format!("recalled={}", note.recalled),
        Done::Off => "recalled=off".to_owned(),
        Done::Failed => "recalled=failed".to_owned(),
    };
    told += match note.keep {
        Done::Yes => "; kept=yes",
        Done::Off => "; kept=off",
        Done::Failed => "; kept=failed",
    };
    if let Some(session) = &note.session {
        let encoded = url::form_urlencoded::byte_serialize(session.as_bytes());
        told.push_str("; session=");
        told.extend(encoded);
    }
    told
}

impl From<ProxyError> for Problem {
    fn from(error: ProxyError) -> Self {
        let why =
            |status, word: &str, title: &str, detail: &str| Self::new(status, word, title, detail);
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            ProxyError::Invalid(why) => Self::bad_request(why),
            ProxyError::Memory(error) => error.into(),
            ProxyError::Unanswered(Unanswered::NotSetUp) => {
                let detail = "no model is set up here: set [llm] url to an API as OpenAI's";
                why(unavailable, "no-model", "No model", detail)
            }
            ProxyError::Unanswered(Unanswered::NoKey) => {
                let detail = "the key of the model's server ([llm] key) cannot be read; Jarkeeper's log says why";
                why(unavailable, "no-model-key", "No key", detail)
            }
            ProxyError::Unanswered(Unanswered::TimedOut) => {
                let detail = "the model's server took the request and says nothing ([llm] silence)";
                why(
                    StatusCode::GATEWAY_TIMEOUT,
                    "model-silent",
                    "The model says nothing",
                    detail,
                )
            }
            ProxyError::Unanswered(Unanswered::HungUp) => {
                let detail = "the model's server hung up before its answer was whole";
                why(
                    StatusCode::BAD_GATEWAY,
                    "model-hung-up",
                    "The model hung up",
                    detail,
                )
            }
            ProxyError::Unanswered(Unanswered::Unreachable | Unanswered::NoTls) => {
                let detail = "the model's server ([llm] url) cannot be reached";
                why(
                    StatusCode::BAD_GATEWAY,
                    "model-unreachable",
                    "No way to the model",
                    detail,
                )
            }
            ProxyError::KeyRefused(_) => {
                let detail = error.to_string();
                why(
                    StatusCode::BAD_GATEWAY,
                    "model-refuses-key",
                    "The model refuses our key",
                    &detail,
                )
            }
            ProxyError::Background => {
                let detail = error.to_string();
                let word = "no-background";
                why(StatusCode::BAD_REQUEST, word, "Not done here", &detail)
            }
            ProxyError::NotYours => {
                let detail = error.to_string();
                why(
                    StatusCode::NOT_FOUND,
                    "unknown-response",
                    "Not found",
                    &detail,
                )
            }
            ProxyError::Lacks(status, _) => {
                let detail = error.to_string();
                why(
                    status,
                    "model-lacks-it",
                    "The model has no such thing",
                    &detail,
                )
            }
            ProxyError::Elsewhere | ProxyError::TooLarge => {
                let detail = error.to_string();
                why(
                    StatusCode::BAD_GATEWAY,
                    "model-failed",
                    "The model failed",
                    &detail,
                )
            }
        }
    }
}

/// Gives our own refusals the shape of OpenAI's API where its clients ask. Stands around everything else.
pub(super) async fn shape(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let at = |base: &&str| match path.strip_prefix(base) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    let Some(path) = PATHS.into_iter().find(at) else {
        return next.run(request).await;
    };
    let answer = next.run(request).await;
    let kind = answer.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/problem+json") {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let problem = axum::body::to_bytes(body, REFUSAL)
        .await
        .unwrap_or_default();
    let problem: Value = serde_json::from_slice(&problem).unwrap_or_default();
    let word = |name: &str| problem.get(name).and_then(Value::as_str);
    let code = word("type").and_then(|kind| kind.rsplit(':').next());
    let message = match (path, code) {
        ("/v1/responses" | "/v1/conversations", Some("not-found" | "method-not-allowed")) => {
            "answers are made here with POST /v1/responses, and neither fetched, cancelled nor deleted; conversations are not made \
             here. Ask the model's server for that with a key of your own, or send the messages so far"
        }
        _ => word("detail").unwrap_or("it was refused"),
    };
    let kind = match parts.status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    let error = json!({ "error": { "message": message, "type": kind, "param": null, "code": code,
        "status": parts.status.as_u16() } });
    let mut shaped = (parts.status, Json(error)).into_response();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            shaped.headers_mut().append(name, value.clone());
        }
    }
    *shaped.extensions_mut() = parts.extensions;
    shaped
}
