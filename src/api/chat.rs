//! Chats with instances, in the shape of OpenAI's API.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::completion::{Broken, Whole, error_event, event};
use super::contract::{Caller, read, unauthenticated};
use super::{Door, Json, Problem, contracted, guarded, instances};
use crate::identity::{Principal, Scope};
use crate::registry::{Chat, ChatError, DONE, Instance, RegistryError, Status};

/// Pause between two comments that keep a silent stream alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::RegistryWrite, routes!(complete)))
        .routes(contracted(routes!(public)))
        .routes(contracted(routes!(public_complete)))
}

/// A chat completion as OpenAI's API has it. Whatever else stands in it goes on to the instance as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct ChatRequest {
    /// The messages so far, the oldest first: at least one.
    #[schema(value_type = Vec<Object>, min_items = 1)]
    messages: Vec<Map<String, Value>>,
    /// Whether the answer comes as a stream of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Map<String, Value>,
}

/// A chat completion as OpenAI's API has it.
#[derive(Serialize, ToSchema)]
pub(super) struct Completion {
    /// `chat.completion`.
    object: String,
    /// What was answered.
    #[schema(value_type = Vec<Object>)]
    choices: Vec<Value>,
}

/// Talks to an instance of the caller's own that is connected.
///
/// With `stream` the chunks come as events, as the instance sends them, and `[DONE]` is the last one; where the answer breaks
/// off, the last event holds `error` and no `[DONE]` comes.
#[utoipa::path(post, path = "/v1/instances/{id}/chat/completions", operation_id = "instances.chat", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    request_body = ChatRequest,
    responses(
        (status = 200, body = Completion, description = "with stream: text/event-stream, whose events hold chat.completion.chunk"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such instance, or not yours"),
        (status = 502, body = Problem, content_type = "application/problem+json", description = "the instance has failed, with its words"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "it is not connected, or has too many chats"),
        (status = 504, body = Problem, content_type = "application/problem+json", description = "it says nothing"),
    ))]
async fn complete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    Json(request): Json<ChatRequest>,
) -> Result<Response, Problem> {
    let instance = instances::own(&door, &principal, &id)?;
    talk(&door, &instance, request, false).await
}

/// Talks to an instance, as a stream where nothing else is asked for.
///
/// An instance's own person may, and the instance itself; with `[registry] public_chat` everybody.
#[utoipa::path(post, path = "/api/chat/{id}", operation_id = "instances.public_chat", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    request_body = ChatRequest,
    responses(
        (status = 200, body = Completion, description = "unless stream is false: text/event-stream, whose events hold chat.completion.chunk"),
        (status = 502, description = "the instance has failed, with its words"),
        (status = 503, description = "it is not connected, or has too many chats"),
        (status = 504, description = "it says nothing"),
    ))]
async fn public(
    State(door): State<Door>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let request = read(&body)?;
    let instance = reached(&door, caller, &id)?;
    talk(&door, &instance, request, true).await
}

/// The same, where clients of OpenAI's API find it below their base URL `/api/chat/{id}`.
#[utoipa::path(post, path = "/api/chat/{id}/chat/completions", operation_id = "instances.public_completion", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    request_body = ChatRequest,
    responses(
        (status = 200, body = Completion, description = "with stream: text/event-stream, whose events hold chat.completion.chunk"),
        (status = 502, description = "the instance has failed, with its words"),
        (status = 503, description = "it is not connected, or has too many chats"),
        (status = 504, description = "it says nothing"),
    ))]
async fn public_complete(
    State(door): State<Door>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let request = read(&body)?;
    let instance = reached(&door, caller, &id)?;
    talk(&door, &instance, request, false).await
}

/// The instance that this caller may talk to.
fn reached(door: &Door, caller: Caller, id: &str) -> Result<Instance, Problem> {
    let anybody = door.settings.borrow().config.registry.public_chat;
    if anybody {
        let instance = door.registry.instance(id)?;
        return instance.ok_or_else(|| RegistryError::Unknown(id.to_owned()).into());
    }
    if matches!(caller, Caller::Nobody) {
        return Err(unauthenticated());
    }
    let instance = caller.own(door, id, Scope::RegistryWrite)?;
    instance.ok_or_else(|| RegistryError::Unknown(id.to_owned()).into())
}

/// Asks the instance, and answers with what it says; `stream`: where the request does not say it.
pub(super) async fn talk(
    door: &Door,
    instance: &Instance,
    mut request: ChatRequest,
    stream: bool,
) -> Result<Response, Problem> {
    if request.messages.is_empty() {
        return Err(Problem::bad_request("messages holds at least one message"));
    }
    if instance.status == Status::Unregistered {
        return Err(ChatError::Offline.into());
    }
    let stream = request.stream.unwrap_or(stream);
    // Instances answer in pieces, always.
    request.stream = Some(true);
    let Ok(Value::Object(asked)) = serde_json::to_value(&request) else {
        return Err(Problem::bad_request("this is no request for a completion"));
    };
    let mut chat = door.registry.presence().chat(&instance.id, &asked)?;
    // The status says how it went, as far as that is known: nothing is answered before something has come.
    let first = chat.next().await.transpose()?;
    match stream {
        true => Ok(streamed(first, chat)),
        false => whole(first, chat).await,
    }
}

async fn whole(first: Option<String>, mut chat: Chat) -> Result<Response, Problem> {
    let mut whole = Whole::default();
    let mut next = first;
    while let Some(data) = next {
        whole.add(&data)?;
        next = chat.next().await.transpose()?;
    }
    Ok(Json(whole.finish()?).into_response())
}

/// What is still to be sent of a stream.
enum Rest {
    First(Option<String>, Chat),
    Further(Chat),
    Over,
}

fn streamed(first: Option<String>, chat: Chat) -> Response {
    let frames = futures::stream::unfold(Rest::First(first, chat), |rest| async {
        let (next, chat) = match rest {
            Rest::First(None, _) => {
                let problem = Problem::from(Broken::Empty);
                return Some((error_event(&problem), Rest::Over));
            }
            Rest::First(Some(data), chat) => (Some(Ok(data)), chat),
            // What has come and is not taken yet is kept.
            Rest::Further(mut chat) => match timeout(HEARTBEAT, chat.next()).await {
                Ok(next) => (next, chat),
                Err(_) => return Some((":\n\n".to_owned(), Rest::Further(chat))),
            },
            Rest::Over => return None,
        };
        Some(match next {
            Some(Ok(data)) => (event(&data), Rest::Further(chat)),
            Some(Err(error)) => (error_event(&error.into()), Rest::Over),
            None => (event(DONE), Rest::Over),
        })
    });
    let frames = frames.map(|frame| Ok::<_, Infallible>(Bytes::from(frame)));
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        let (status, word, title) = match error {
            ChatError::Offline => (503, "instance-offline", "Not connected"),
            ChatError::Busy => (503, "instance-busy", "Busy"),
            ChatError::TooLarge => (413, "too-large", "Too large"),
            ChatError::Silent => (504, "instance-silent", "No answer"),
            ChatError::Cut => (502, "instance-gone", "Cut off"),
            ChatError::Flooded => (502, "too-large", "Too large an answer"),
            ChatError::Refused(_) => (502, "instance-failed", "The instance has failed"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let problem = Self::new(status, word, title, error.to_string());
        match error {
            ChatError::Offline => problem.retry_after(5),
            ChatError::Busy => problem.retry_after(1),
            _ => problem,
        }
    }
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        let (word, detail) = match broken {
            Broken::Empty => ("instance-failed", "the instance has answered with nothing"),
            Broken::Shape => (
                "instance-failed",
                "the instance has answered with what is no chunk of a completion",
            ),
            Broken::Long => (
                "too-large",
                "the answer is longer than what is put together here; ask with stream",
            ),
            Broken::Failed => (
                "instance-failed",
                "the model behind the instance has failed",
            ),
        };
        Self::new(
            StatusCode::BAD_GATEWAY,
            word,
            "The instance has failed",
            detail,
        )
    }
}
