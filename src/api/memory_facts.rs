//! `/v1/memory/facts`: what a model read out of what was said, and what its person makes of it.

use axum::Extension;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::{NoBody, given_time, time};
use super::memory::words::OneLine;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::memory::{FactText, FactVersion, Learned, ReadingStatus};

/// Most facts of one page.
const PAGE: u32 = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryRead, routes!(list)))
        .routes(guarded(Scope::MemoryWrite, routes!(make)))
        .routes(guarded(Scope::MemoryRead, routes!(status)))
        .routes(guarded(Scope::MemoryWrite, routes!(read)))
        .routes(guarded(Scope::MemoryRead, routes!(get)))
        .routes(guarded(Scope::MemoryWrite, routes!(mend, delete)))
        .routes(guarded(Scope::MemoryWrite, routes!(reject)))
}

/// How a fact stands.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FactState {
    /// It holds, and is found.
    Current,
    /// Another one took its place.
    Replaced,
    /// Its person does not want it.
    Rejected,
    /// All that said it was changed; it becomes current again where that is read anew and still says it.
    Outdated,
}

impl FactState {
    const ALL: [Self; 4] = [
        Self::Current,
        Self::Replaced,
        Self::Rejected,
        Self::Outdated,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Replaced => "replaced",
            Self::Rejected => "rejected",
            Self::Outdated => "outdated",
        }
    }

    fn of(word: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        // Only these are ever kept.
        all.find(|state| state.word() == word)
            .unwrap_or(Self::Outdated)
    }
}

/// A fact about a person.
#[derive(Serialize, ToSchema)]
struct FactView {
    id: String,
    /// In whose memory it is.
    user_id: String,
    /// One sentence.
    #[schema(example = "The user has been learning the cello since May 2023.")]
    text: String,
    state: FactState,
    /// Since when it is so, where somebody said so.
    valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    valid_until: Option<DateTime<Utc>>,
    /// Since when it is so, or when the newest of its turns was said.
    occurred_at: DateTime<Utc>,
    /// The id of the fact that took its place.
    replaced_by: Option<String>,
    /// From 1; grows with each change.
    version: u32,
    /// The model that read it; null: a person stated or mended it.
    model: Option<String>,
    /// Ids of the interactions that say it.
    sources: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Learned> for FactView {
    fn from(one: Learned) -> Self {
        Self {
            id: one.id,
            user_id: one.user,
            text: one.text,
            state: FactState::of(&one.state),
            valid_from: one.valid_from,
            valid_until: one.valid_until,
            occurred_at: one.at,
            replaced_by: one.replaced_by,
            version: one.version,
            model: one.model,
            sources: one.sources,
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

/// What a fact said before it was mended.
#[derive(Serialize, ToSchema)]
struct FactVersionView {
    /// From 1.
    version: u32,
    text: String,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    /// The model that had read it; null: a person stated or mended it.
    model: Option<String>,
    /// When the next version took its place.
    replaced_at: DateTime<Utc>,
}

impl From<FactVersion> for FactVersionView {
    fn from(one: FactVersion) -> Self {
        Self {
            version: one.version,
            text: one.text,
            valid_from: one.valid_from,
            valid_until: one.valid_until,
            model: one.model,
            replaced_at: one.replaced_at,
        }
    }
}

/// A fact, and what it said before.
#[derive(Serialize, ToSchema)]
struct WholeFact {
    #[serde(flatten)]
    fact: FactView,
    /// The oldest first.
    history: Vec<FactVersionView>,
}

/// Facts.
#[derive(Serialize, ToSchema)]
struct FactPage {
    /// The newest first.
    facts: Vec<FactView>,
    /// What to give as `after` for the next page; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// Which facts are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of which user; without it: the caller's own.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// In this state; without it: in any.
    #[param(inline)]
    state: Option<FactState>,
    /// `next` of the page before.
    after: Option<u32>,
    /// Most facts; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lists facts, the newest first, in whatever state.
#[utoipa::path(get, path = "/v1/memory/facts", operation_id = "memory.facts.list", tag = "memory", params(Wanted),
    responses((status = 200, body = FactPage), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<FactPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is 1 to {PAGE}")));
    }
    let (user, state) = (wanted.user_id.as_deref(), wanted.state.map(FactState::word));
    let (found, next) = door
        .memory
        .facts(&principal, user, state, wanted.after, limit)?;
    let facts = found.into_iter().map(FactView::from).collect();
    Ok(Json(FactPage { facts, next }))
}

/// A fact that a person states.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewFact {
    /// In whose memory; without it: the caller's own.
    #[schema(value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// One sentence.
    #[schema(min_length = 1, max_length = 300)]
    text: String,
    /// Since when it is so.
    #[serde(default, deserialize_with = "time")]
    valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    #[serde(default, deserialize_with = "time")]
    valid_until: Option<DateTime<Utc>>,
    /// Ids of interactions of this user that say it. When the last of them goes, the fact goes.
    #[serde(default)]
    #[schema(max_items = 20)]
    sources: Vec<String>,
}

/// Keeps a fact that a person states; searches find it from then on. No model is asked.
#[utoipa::path(post, path = "/v1/memory/facts", operation_id = "memory.facts.add", tag = "memory", request_body = NewFact,
    responses((status = 200, body = FactView, description = "It was known; the sources are added"),
        (status = 201, body = FactView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem, description = "A source is not there"), (status = 409, body = Problem)))]
async fn make(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<NewFact>, JsonRejection>,
) -> Result<(StatusCode, Json<FactView>), Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let said = FactText {
        text: body.text,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        sources: body.sources,
    };
    let user = body.user_id.as_deref();
    let (fact, new) = door.memory.state_fact(&principal, user, said).await?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(fact.into())))
}

/// Gives one fact, and what it said before.
#[utoipa::path(get, path = "/v1/memory/facts/{fact}", operation_id = "memory.facts.get", tag = "memory",
    params(("fact" = String, Path, description = "Its id")),
    responses((status = 200, body = WholeFact), (status = 404, body = Problem)))]
async fn get(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<WholeFact>, Problem> {
    let (fact, history) = door.memory.fact(&principal, &id)?;
    Ok(Json(WholeFact {
        fact: fact.into(),
        history: history.into_iter().map(FactVersionView::from).collect(),
    }))
}

/// What of a fact is changed. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FactChange {
    /// One sentence.
    #[schema(min_length = 1, max_length = 300)]
    text: Option<String>,
    /// Null: nobody knows.
    #[serde(default, deserialize_with = "given_time")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    valid_from: Option<Option<DateTime<Utc>>>,
    /// Null: it is still so.
    #[serde(default, deserialize_with = "given_time")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    valid_until: Option<Option<DateTime<Utc>>>,
}

/// Mends a current fact: gives it another text or other times. What it said before stays in its history.
#[utoipa::path(patch, path = "/v1/memory/facts/{fact}", operation_id = "memory.facts.mend", tag = "memory",
    params(("fact" = String, Path, description = "Its id")), request_body = FactChange,
    responses((status = 200, body = FactView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is not current")))]
async fn mend(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    body: Result<Json<FactChange>, JsonRejection>,
) -> Result<Json<FactView>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let change = |fact: FactText| FactText {
        text: body.text.unwrap_or(fact.text),
        valid_from: body.valid_from.unwrap_or(fact.valid_from),
        valid_until: body.valid_until.unwrap_or(fact.valid_until),
        sources: fact.sources,
    };
    let fact = door.memory.mend_fact(&principal, &id, change).await?;
    Ok(Json(fact.into()))
}

/// Rejects a fact: no search finds it any more, and it is not read out of the same interactions again.
#[utoipa::path(post, path = "/v1/memory/facts/{fact}/reject", operation_id = "memory.facts.reject", tag = "memory",
    params(("fact" = String, Path, description = "Its id")),
    responses((status = 200, body = FactView), (status = 404, body = Problem)))]
async fn reject(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    NoBody: NoBody,
) -> Result<Json<FactView>, Problem> {
    let fact = door.memory.reject_fact(&principal, &id).await?;
    Ok(Json(fact.into()))
}

/// Deletes a fact and its history. Afterwards no search finds its words, and they are in no file of the store. What was said stays.
#[utoipa::path(delete, path = "/v1/memory/facts/{fact}", operation_id = "memory.facts.delete", tag = "memory",
    params(("fact" = String, Path, description = "Its id")),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.memory.forget_fact(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose reading is meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Of which user; without it: the caller's own.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
}

/// The last failure.
#[derive(Serialize, ToSchema)]
struct FailureView {
    at: DateTime<Utc>,
    #[schema(example = "its model's server cannot be reached")]
    message: String,
}

/// How reading stands.
#[derive(Serialize, ToSchema)]
struct ReadingView {
    /// Whether facts are read out of what is said.
    on: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    off: Option<&'static str>,
    /// How many interactions of this user are not read yet; 100,000 at most.
    behind: u32,
    /// How many interactions of this user the model gave no answer to, tried often enough.
    passed_over: u32,
    /// How many facts about this user the model gave that are none: nothing says them.
    dropped: u32,
    /// What failed last, as long as nothing was answered since.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<FailureView>,
    /// Until then the model is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<DateTime<Utc>>,
}

impl From<ReadingStatus> for ReadingView {
    fn from(status: ReadingStatus) -> Self {
        Self {
            on: status.off.is_none(),
            off: status.off,
            behind: status.behind,
            passed_over: status.passed_over,
            dropped: status.dropped,
            last_failure: status
                .last_failure
                .map(|(at, message)| FailureView { at, message }),
            waits_until: status.waits_until,
        }
    }
}

/// Shows how far what was said has been read for facts.
#[utoipa::path(get, path = "/v1/memory/facts/status", operation_id = "memory.facts.status", tag = "memory", params(Whose),
    responses((status = 200, body = ReadingView), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn status(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<ReadingView>, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let user = whose.user_id.as_deref();
    Ok(Json(door.memory.reading(&principal, user)?.into()))
}

/// Has what was said read for facts now, without waiting until nothing more is said. It goes on behind the answer. A body is refused.
#[utoipa::path(post, path = "/v1/memory/facts/read", operation_id = "memory.facts.read", tag = "memory", params(Whose),
    responses((status = 202, body = ReadingView, description = "As it was before"), (status = 400, body = Problem),
        (status = 403, body = Problem)))]
async fn read(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    whose: Result<Query<Whose>, QueryRejection>,
    NoBody: NoBody,
) -> Result<(StatusCode, Json<ReadingView>), Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let user = whose.user_id.as_deref();
    let status = door.memory.read_now(&principal, user)?;
    Ok((StatusCode::ACCEPTED, Json(status.into())))
}
