//! `/v1/memory`: what was said, and what of it answers a question.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::memory::{self, BATCH, Filter, Found, Hit, Interaction, Role, Said};

/// Most interactions of one page.
const PAGE: usize = 1000;
/// Hits, where it is not said how many.
const HITS: usize = 10;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryWrite, routes!(add)))
        .routes(guarded(Scope::MemoryRead, routes!(list)))
        .routes(guarded(Scope::MemoryRead, routes!(get)))
        .routes(guarded(Scope::MemoryWrite, routes!(delete)))
        .routes(guarded(Scope::MemoryRead, routes!(search)))
}

/// Who speaks, as a kind.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    User,
    Assistant,
    System,
    Tool,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Assistant => Self::Assistant,
            RoleWord::System => Self::System,
            RoleWord::Tool => Self::Tool,
        }
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Assistant => Self::Assistant,
            Role::System => Self::System,
            Role::Tool => Self::Tool,
        }
    }
}

/// What was said, to be kept word for word.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInteraction {
    /// At most 64 KiB.
    #[schema(min_length = 1, example = "I have been learning the cello since May")]
    text: String,
    /// Who speaks, as a kind.
    role: RoleWord,
    /// Who speaks, by name. Without it a `Name:` in front of the text counts.
    #[schema(min_length = 1, max_length = 255)]
    speaker: Option<String>,
    /// In which session. The turns of a session are read together, in the order in which they came.
    #[schema(min_length = 1, max_length = 255)]
    session: Option<String>,
    /// To which application or agent.
    #[schema(min_length = 1, max_length = 255)]
    app: Option<String>,
    /// What the application wants to know of it: at most 8 KiB of JSON.
    metadata: Option<Map<String, Value>>,
    /// When; now, where it is not said.
    occurred_at: Option<DateTime<Utc>>,
    /// When it goes away.
    expires_at: Option<DateTime<Utc>>,
    /// The same key with the same text is kept once for a user.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// Interactions to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInteractions {
    /// In which user's memory: whatever the application calls that user. Without it: the caller's own.
    #[schema(min_length = 1, max_length = 255)]
    user_id: Option<String>,
    /// In the order in which they were said.
    #[schema(min_items = 1, max_items = 1000)]
    interactions: Vec<NewInteraction>,
}

/// Where they are.
#[derive(Serialize, ToSchema)]
struct AddedInteractions {
    /// An id for each, in the same order.
    ids: Vec<String>,
    /// How many are new; the others were kept before, under the same idempotency key.
    added: usize,
}

/// Keeps what was said in a user's memory, all of it or nothing. When it is answered it is on the disk, and searches find it. No
/// language model reads it. At most 1,000 interactions and 1 MiB at once; a user has at most a million.
#[utoipa::path(post, path = "/v1/memory/interactions", operation_id = "memory.interactions.add", tag = "memory",
    request_body = NewInteractions,
    responses((status = 201, body = AddedInteractions), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "An idempotency key came before with another text, or the memory is full")))]
async fn add(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<NewInteractions>, JsonRejection>,
) -> Result<(StatusCode, Json<AddedInteractions>), Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    if body.interactions.len() > BATCH {
        return Err(Problem::bad_request(format!(
            "give 1 to {BATCH} interactions at once"
        )));
    }
    let said = body.interactions.into_iter().map(|one| Said {
        text: one.text,
        role: one.role.into(),
        speaker: one.speaker,
        session: one.session,
        app: one.app,
        metadata: one.metadata,
        occurred_at: one.occurred_at,
        expires_at: one.expires_at,
        once: one.idempotency_key,
    });
    let user = body.user_id.as_deref();
    let kept = door.memory.add(&principal, user, said.collect()).await?;
    let added = kept.iter().filter(|(_, new)| *new).count();
    let ids = kept.into_iter().map(|(id, _)| id).collect();
    Ok((StatusCode::CREATED, Json(AddedInteractions { ids, added })))
}

/// What was said.
#[derive(Serialize, ToSchema)]
struct InteractionView {
    id: String,
    /// In whose memory it is.
    user_id: String,
    /// Word for word.
    text: String,
    /// Who speaks, as a kind.
    role: RoleWord,
    /// Who speaks, by name.
    speaker: Option<String>,
    session: Option<String>,
    /// To which application or agent.
    app: Option<String>,
    metadata: Option<Map<String, Value>>,
    occurred_at: DateTime<Utc>,
    /// When it was kept.
    created_at: DateTime<Utc>,
    /// When it goes away; null: not by itself.
    expires_at: Option<DateTime<Utc>>,
}

impl From<Interaction> for InteractionView {
    fn from(one: Interaction) -> Self {
        Self {
            id: one.id,
            user_id: one.user,
            text: one.text,
            role: one.role.into(),
            speaker: one.speaker,
            session: one.session,
            app: one.app,
            metadata: one.metadata,
            occurred_at: one.occurred_at,
            created_at: one.created_at,
            expires_at: one.expires_at,
        }
    }
}

/// Which interactions are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of which user; without it: the caller's own.
    #[param(min_length = 1, max_length = 255)]
    user_id: Option<String>,
    /// Of this session.
    #[param(min_length = 1, max_length = 255)]
    session: Option<String>,
    /// Of this role.
    #[param(inline)]
    role: Option<RoleWord>,
    /// Of this application or agent.
    #[param(min_length = 1, max_length = 255)]
    app: Option<String>,
    /// Said then or later.
    since: Option<DateTime<Utc>>,
    /// Said before.
    until: Option<DateTime<Utc>>,
    /// Only those before this one: `next` of the page before.
    before: Option<u32>,
    /// Most interactions; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Interactions.
#[derive(Serialize, ToSchema)]
struct InteractionPage {
    /// The newest first.
    interactions: Vec<InteractionView>,
    /// What to give as `before` for those before these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// Lists what was said, the newest first.
#[utoipa::path(get, path = "/v1/memory/interactions", operation_id = "memory.interactions.list", tag = "memory",
    params(Wanted),
    responses((status = 200, body = InteractionPage), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<InteractionPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is 1 to {PAGE}")));
    }
    let filter = Filter {
        session: wanted.session,
        role: wanted.role.map(Role::from),
        app: wanted.app,
        since: wanted.since,
        until: wanted.until,
        metadata: None,
    };
    let user = wanted.user_id.as_deref();
    // One more than is shown tells whether there is more.
    let found = door
        .memory
        .interactions(&principal, user, filter, wanted.before, limit + 1);
    let mut found = found.await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.number);
    let interactions = found.into_iter().map(InteractionView::from).collect();
    Ok(Json(InteractionPage { interactions, next }))
}

/// Gives one interaction.
#[utoipa::path(get, path = "/v1/memory/interactions/{interaction}", operation_id = "memory.interactions.get", tag = "memory",
    params(("interaction" = String, Path, description = "Its id")),
    responses((status = 200, body = InteractionView), (status = 404, body = Problem)))]
async fn get(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<InteractionView>, Problem> {
    Ok(Json(door.memory.interaction(&principal, &id)?.into()))
}

/// Deletes an interaction. Afterwards no search finds its words, and they are in no file of the store.
#[utoipa::path(delete, path = "/v1/memory/interactions/{interaction}", operation_id = "memory.interactions.delete",
    tag = "memory", params(("interaction" = String, Path, description = "Its id")),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.memory.forget(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which interactions count. What is left out lets all through.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SearchFilters {
    /// Of this session.
    #[schema(min_length = 1, max_length = 255)]
    session: Option<String>,
    /// Of this role.
    role: Option<RoleWord>,
    /// Of this application or agent.
    #[schema(min_length = 1, max_length = 255)]
    app: Option<String>,
    /// Said then or later.
    since: Option<DateTime<Utc>>,
    /// Said before.
    until: Option<DateTime<Utc>>,
    /// Whose metadata has each of these members with the same value; at least one.
    metadata: Option<Map<String, Value>>,
}

/// A question to a memory.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// At most 8 KiB.
    #[schema(min_length = 1, example = "Which instrument does she play?")]
    query: String,
    /// In whose memory; without it: the caller's own.
    #[schema(min_length = 1, max_length = 255)]
    user_id: Option<String>,
    /// Most hits; 10 where it is not said.
    #[schema(minimum = 1, maximum = 200)]
    k: Option<usize>,
    /// Which interactions count.
    filters: Option<SearchFilters>,
    /// How many turns before and behind each hit come with it; none where it is not said.
    #[schema(minimum = 0, maximum = 10)]
    context: Option<usize>,
}

/// How well something fits: `total = (lexical + session) * factor`. It compares hits of one answer, and nothing else.
#[derive(Serialize, ToSchema)]
struct ScoreView {
    total: f32,
    /// Of its words, and of those around it in its session.
    lexical: f32,
    /// Of its session as a whole.
    session: f32,
    /// Above 1: the question names its speaker; below 1: it only asks.
    factor: f32,
}

/// An interaction that may answer.
#[derive(Serialize, ToSchema)]
struct HitView {
    #[serde(flatten)]
    interaction: InteractionView,
    score: ScoreView,
    /// What was said before it in its session, in order; where `context` asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<InteractionView>,
    /// What was said behind it in its session, in order; where `context` asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    behind: Vec<InteractionView>,
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        let views = |all: Vec<Interaction>| all.into_iter().map(InteractionView::from).collect();
        Self {
            interaction: hit.interaction.into(),
            score: ScoreView {
                total: hit.score.total,
                lexical: hit.score.lexical,
                session: hit.score.session,
                factor: hit.score.factor,
            },
            before: views(hit.before),
            behind: views(hit.behind),
        }
    }
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct SearchAnswer {
    /// The best first. Whatever shares a word with the query is among them, as far as `k` goes.
    hits: Vec<HitView>,
    /// What took part.
    #[schema(example = json!(["lexical"]))]
    signals: [&'static str; 1],
    /// How many interactions share a word with the query, by themselves or in their neighbours, and pass the filters.
    matched: usize,
    /// How many there are in this memory.
    kept: usize,
    /// Why there is no hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Found> for SearchAnswer {
    fn from(found: Found) -> Self {
        Self {
            hits: found.hits.into_iter().map(HitView::from).collect(),
            signals: ["lexical"],
            matched: found.matched,
            kept: found.kept,
            reason: found.reason,
        }
    }
}

/// Finds what of a user's memory may answer a question.
#[utoipa::path(post, path = "/v1/memory/search", operation_id = "memory.search", tag = "memory", request_body = Search,
    responses((status = 200, body = SearchAnswer), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn search(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<Search>, JsonRejection>,
) -> Result<Json<SearchAnswer>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let filters = body.filters.unwrap_or_default();
    let query = memory::Query {
        text: body.query,
        most: body.k.unwrap_or(HITS),
        context: body.context.unwrap_or(0),
        filter: Filter {
            session: filters.session,
            role: filters.role.map(Role::from),
            app: filters.app,
            since: filters.since,
            until: filters.until,
            metadata: filters.metadata,
        },
    };
    let user = body.user_id.as_deref();
    let found = door.memory.search(&principal, user, query).await?;
    Ok(Json(found.into()))
}
