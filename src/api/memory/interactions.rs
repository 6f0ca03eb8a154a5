//! What was said: kept, listed, fetched, deleted.

use axum::Extension;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::given::time;
use super::super::{Door, Json, Problem, guarded};
use super::words::{OneLine, Text};
use super::{PAGE, RoleWord};
use crate::identity::{Principal, Scope};
use crate::memory::{BATCH, Filter, Interaction, Kept, Kind, Part, Role, Said};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryWrite, routes!(add)))
        .routes(guarded(Scope::MemoryRead, routes!(list)))
        .routes(guarded(Scope::MemoryRead, routes!(get)))
        .routes(guarded(Scope::MemoryWrite, routes!(delete)))
}

/// What was said, to be kept word for word.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInteraction {
    /// At most 64 KiB.
    #[schema(value_type = Text)]
    text: String,
    /// Who speaks, as a kind.
    role: RoleWord,
    /// Who speaks, by name. It is never read out of the text.
    #[schema(value_type = Option<OneLine>)]
    speaker: Option<String>,
    /// In which session. The turns of a session are read together, in the order in which they came.
    #[schema(value_type = Option<OneLine>)]
    session: Option<String>,
    /// To which application or agent.
    #[schema(value_type = Option<OneLine>)]
    app: Option<String>,
    /// What the application wants to know of it: at most 8 KiB of JSON.
    metadata: Option<Map<String, Value>>,
    /// When; now, where it is not said.
    #[serde(default, deserialize_with = "time")]
    occurred_at: Option<DateTime<Utc>>,
    /// When it goes away.
    #[serde(default, deserialize_with = "time")]
    expires_at: Option<DateTime<Utc>>,
    /// The same key with the same text is kept once for a user, as it came first.
    #[schema(value_type = Option<OneLine>)]
    idempotency_key: Option<String>,
}

/// Interactions to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInteractions {
    /// In which user's memory: whatever the application calls that user. Without it: the caller's own.
    #[schema(value_type = Option<OneLine>)]
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
    /// Those others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known: Vec<KnownInteraction>,
}

/// An interaction that was kept before.
#[derive(Serialize, ToSchema)]
struct KnownInteraction {
    /// Its place among those that came, from 0.
    at: usize,
    /// What of it came otherwise now. It stays as it is; PATCH changes it.
    #[schema(example = json!(["session", "occurred_at"]))]
    unlike: Vec<&'static str>,
}

/// Keeps what was said in a user's memory, all of it or nothing. When it is answered it is on the disk, and searches find it. No
/// language model reads it. At most 1,000 interactions and 1 MiB at once; a user has at most a million entries and 1 GiB of texts, names
/// and keys (each interaction counts 256 bytes more), and an instance that nobody has claimed 20,000 entries and 16 MiB in all.
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
    let added = kept.iter().filter(|one| one.new).count();
    let (mut ids, mut known) = (Vec::with_capacity(kept.len()), Vec::new());
    for (at, Kept { id, new, unlike }) in kept.into_iter().enumerate() {
        ids.push(id);
        known.extend((!new).then_some(KnownInteraction { at, unlike }));
    }
    let added = AddedInteractions { ids, added, known };
    Ok((StatusCode::CREATED, Json(added)))
}

/// What was said.
#[derive(Serialize, ToSchema)]
pub(super) struct InteractionView {
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
    /// From 1; each change makes the next one.
    version: u32,
    /// When it was last changed; null: it is as it came.
    updated_at: Option<DateTime<Utc>>,
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
            version: one.version,
            updated_at: one.updated_at,
        }
    }
}

/// Which interactions come first, as they were kept.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OrderWord {
    #[default]
    Newest,
    Oldest,
}

/// Which interactions are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of which user; without it: the caller's own.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// Of this session.
    #[param(inline, value_type = Option<OneLine>)]
    session: Option<String>,
    /// Of this role.
    #[param(inline)]
    role: Option<RoleWord>,
    /// Of this application or agent.
    #[param(inline, value_type = Option<OneLine>)]
    app: Option<String>,
    /// Said then or later.
    #[serde(default, deserialize_with = "time")]
    since: Option<DateTime<Utc>>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    until: Option<DateTime<Utc>>,
    /// Whose metadata has each member of this JSON object with the same value.
    #[param(min_length = 2, example = json!("{\"order\": 7}"))]
    metadata: Option<String>,
    /// Which come first; `newest` where it is not said.
    #[param(inline)]
    order: Option<OrderWord>,
    /// Only those before this one: `next` of the page before, where the newest come first.
    before: Option<u32>,
    /// Only those behind this one: `next` of the page before, where the oldest come first.
    after: Option<u32>,
    /// Most interactions; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Interactions.
#[derive(Serialize, ToSchema)]
struct InteractionPage {
    /// In the order that was asked for.
    interactions: Vec<InteractionView>,
    /// What to give as `before`, or as `after` where the oldest come first, for those that follow; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// Lists what was said, in the order in which it was kept, the newest first or the oldest.
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
    let part = match (
        wanted.order.unwrap_or_default(),
        wanted.before,
        wanted.after,
    ) {
        (OrderWord::Newest, before, None) => Part::Before(before),
        (OrderWord::Oldest, None, after) => Part::After(after),
        (OrderWord::Newest, ..) => {
            return Err(Problem::bad_request(
                "after goes with order=oldest; give before",
            ));
        }
        (OrderWord::Oldest, ..) => {
            return Err(Problem::bad_request(
                "before goes with order=newest; give after",
            ));
        }
    };
    let metadata = wanted.metadata.as_deref().map(serde_json::from_str);
    let metadata = metadata.transpose().map_err(|_| {
        Problem::bad_request("metadata is a JSON object, as in metadata={\"order\":7}, URL-encoded")
    })?;
    let filter = Filter {
        appless: false,
        session: wanted.session,
        role: wanted.role.map(Role::from),
        app: wanted.app,
        since: wanted.since,
        until: wanted.until,
        metadata,
        kind: Some(Kind::Interaction),
    };
    let user = wanted.user_id.as_deref();
    // One more than is shown tells whether there is more.
    let found = door
        .memory
        .interactions(&principal, user, filter, part, limit + 1);
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
