//! `/v1/memory/context`: what a prompt is given of a memory.

use axum::Extension;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::zoned;
use super::memory::search::{KindWord, SearchFilters};
use super::memory::words::OneLine;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::llm::Message;
use crate::memory::context::{Ask, Citation, Context, Template};

/// How much is taken, where it is not said.
const TAKEN: usize = 12;
/// Tokens of a block, where it is not said.
const TOKENS: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::MemoryRead, routes!(context)))
}

/// A prompt that shall be given what is remembered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Prompt {
    /// The messages so far as chat completions have them, the oldest first. The newest of the user is what is asked with; what
    /// stands in any of them is not said again.
    #[schema(value_type = Vec<Object>, min_items = 1, example = json!([{ "role": "user", "content": "Which instrument do I play?" }]))]
    messages: Vec<Map<String, Value>>,
    /// In whose memory; without it: the caller's own.
    #[schema(value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// Only what was said in this session.
    #[schema(value_type = Option<OneLine>)]
    session: Option<String>,
    /// Most tokens of the block, tags included; 1,000 where it is not said. They are estimated, rather too high: a letter of
    /// ASCII counts 0.3, a digit or sign 1, another letter 0.7, a sign of Chinese, Japanese or India 1.3.
    #[schema(minimum = 300, maximum = 100_000)]
    max_tokens: Option<usize>,
    /// Most that is taken; 12 where it is not said.
    #[schema(minimum = 1, maximum = 50)]
    k: Option<usize>,
    /// What stands around the block: a text in which `{memories}` stands exactly once, and `{date}` at most once.
    #[schema(
        min_length = 10,
        max_length = 8192,
        pattern = r"\{memories\}",
        example = "What I told you before:\n{memories}"
    )]
    template: Option<String>,
    /// Which interactions count.
    filters: Option<SearchFilters>,
    /// The time of the question, from which "last week" counts, and in whose zone days are told; now, in the zone of the
    /// daemon's machine, where it is not said.
    #[serde(default, deserialize_with = "zoned")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    now: Option<DateTime<FixedOffset>>,
}

/// Whence a quotation is.
#[derive(Serialize, ToSchema)]
struct CitationView {
    /// Its number in the block.
    #[schema(minimum = 1)]
    n: usize,
    kind: KindWord,
    /// The id under which it can be fetched; of a passage the document's.
    id: String,
    /// The document's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    /// When it was said, written or noted.
    occurred_at: DateTime<Utc>,
}

impl From<Citation> for CitationView {
    fn from(one: Citation) -> Self {
        Self {
            n: one.n,
            kind: one.kind.into(),
            id: one.id,
            document: one.document,
            occurred_at: one.occurred_at,
        }
    }
}

/// A message of the role `user`, to be put before the newest one of the user.
#[derive(Serialize, ToSchema)]
struct MessageView {
    /// `user`.
    role: &'static str,
    content: String,
}

/// What a prompt is given.
#[derive(Serialize, ToSchema)]
struct ContextAnswer {
    /// What is remembered, quoted between two tags that none of it can write; null: nothing is relevant.
    block: Option<String>,
    /// The block as a message; null: there is none.
    message: Option<MessageView>,
    /// What stands in the block, by its number there.
    citations: Vec<CitationView>,
    /// How many tokens the block has, as they are estimated.
    tokens: usize,
    /// What took part in finding it.
    #[schema(example = json!(["lexical"]))]
    signals: Vec<&'static str>,
    /// What should have taken part and could not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Why there is no block.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Context> for ContextAnswer {
    fn from(context: Context) -> Self {
        let message = context.block.clone().map(|content| MessageView {
            role: "user",
            content,
        });
        Self {
            block: context.block,
            message,
            citations: context
                .citations
                .into_iter()
                .map(CitationView::from)
                .collect(),
            tokens: context.tokens,
            signals: context.signals,
            warnings: context.warnings,
            reason: context.reason,
        }
    }
}

/// Gives what a prompt needs of a user's memory: one block, dated, each thing once, in the order in which it happened, with
/// citations, within a budget of tokens. Nothing in it can close it or speak as somebody else. It belongs into a message of the
/// role `user`, before the newest one of the user, and never into one of the system.
#[utoipa::path(post, path = "/v1/memory/context", operation_id = "memory.context", tag = "memory", request_body = Prompt,
    responses((status = 200, body = ContextAnswer), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn context(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<Prompt>, JsonRejection>,
) -> Result<Json<ContextAnswer>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    if body.messages.is_empty() {
        return Err(Problem::bad_request(
            "messages is empty; give at least the user's",
        ));
    }
    let mut filters = body.filters.unwrap_or_default();
    if body.session.is_some() {
        if filters.session.is_some() {
            let why = "session is given twice; give it beside messages, or in filters";
            return Err(Problem::bad_request(why));
        }
        filters.session = body.session;
    }
    let messages = body.messages.into_iter().map(Value::from);
    let ask = Ask {
        messages: messages.map(|one| Message::of(&one)).collect(),
        most: body.k.unwrap_or(TAKEN),
        max_tokens: body.max_tokens.unwrap_or(TOKENS),
        now: body.now,
        filter: filters.into(),
        template: body.template.map(Template::new).transpose()?,
        ..Ask::default()
    };
    let user = body.user_id.as_deref();
    let context = door.memory.context(&principal, user, ask).await?;
    Ok(Json(context.into()))
}
