//! Care of what is kept: how much, whose, in which sessions; deleted by a filter, or all of a user.

use axum::Extension;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::{Door, Json, Problem, guarded};
use super::PAGE;
use super::search::SearchFilters;
use super::words::OneLine;
use crate::identity::{Principal, Scope};
use crate::memory::{Matched, Session, Stats, User};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryWrite, routes!(delete_by_filter)))
        .routes(guarded(Scope::MemoryWrite, routes!(delete_user)))
        .routes(guarded(Scope::MemoryRead, routes!(stats)))
        .routes(guarded(Scope::MemoryRead, routes!(users)))
        .routes(guarded(Scope::MemoryRead, routes!(sessions)))
}

/// Which interactions go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Deletion {
    /// Of which user; without it: the caller's own.
    #[schema(value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// At least one besides `kind`, which can be `interaction` alone: an empty filter never means everything.
    filters: SearchFilters,
    /// As many as were counted before. Without it they are only counted.
    confirm: Option<u64>,
}

/// What goes, or would.
#[derive(Serialize, ToSchema)]
struct DeletionView {
    /// How many there are: what to give as `confirm`.
    matched: u64,
    /// Whether they are deleted; false: they were only counted.
    deleted: bool,
}

/// Deletes the interactions that pass the filters, with their history and the facts that they alone support. Without `confirm` it only
/// counts them; with a `confirm` that is not their number nothing is deleted. Afterwards no search finds them, and they are in no file
/// of the store.
#[utoipa::path(post, path = "/v1/memory/interactions/delete", operation_id = "memory.interactions.delete_matching",
    tag = "memory", request_body = Deletion,
    responses((status = 200, body = DeletionView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "Another number passes the filters by now; nothing was deleted")))]
async fn delete_by_filter(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<Deletion>, JsonRejection>,
) -> Result<Json<DeletionView>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let user = body.user_id.as_deref();
    let filter = body.filters.into();
    let done = door
        .memory
        .forget_by(&principal, user, filter, body.confirm);
    let Matched {
        matched, deleted, ..
    } = done.await?;
    Ok(Json(DeletionView { matched, deleted }))
}

/// Whose memory goes as a whole.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whole {
    /// Whose; it must be named.
    #[param(inline, value_type = OneLine)]
    user_id: String,
    /// As many as were counted before. Without it they are only counted.
    confirm: Option<u64>,
}

/// What goes with a whole memory, or would.
#[derive(Serialize, ToSchema)]
struct WholeView {
    /// How many there are: what to give as `confirm`.
    matched: u64,
    /// Interactions among them.
    interactions: u64,
    /// Facts among them.
    facts: u64,
    /// Documents among them.
    documents: u64,
    /// Documents of the watched folder, which do not count and stay: they go when their files are deleted.
    #[serde(skip_serializing_if = "is_zero")]
    stay: u64,
    /// Whether they are deleted; false: they were only counted.
    deleted: bool,
}

/// Deletes everything of one user: interactions with their history, facts, documents. Without `confirm` it only counts; with a
/// `confirm` that is not the number nothing is deleted. It is out of everybody's reach at once; the memories of others stay as they are,
/// and so do documents of the watched folder, which go with their files.
#[utoipa::path(delete, path = "/v1/memory", operation_id = "memory.delete", tag = "memory", params(Whole),
    responses((status = 200, body = WholeView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "There is another number by now; nothing was deleted")))]
async fn delete_user(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    whole: Result<Query<Whole>, QueryRejection>,
) -> Result<Json<WholeView>, Problem> {
    let Query(whole) = whole.map_err(|error| {
        let why = error.body_text();
        Problem::bad_request(format!("{why}; say whose memory goes: user_id=NAME"))
    })?;
    let done = door
        .memory
        .forget_user(&principal, &whole.user_id, whole.confirm);
    let Matched {
        matched,
        deleted,
        contents,
    } = done.await?;
    Ok(Json(WholeView {
        matched,
        interactions: contents.interactions,
        facts: contents.facts,
        documents: contents.documents,
        stay: contents.of_folder,
        deleted,
    }))
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Of which user.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Of which user; without it: the caller's own.
    #[param(inline, value_type = Option<OneLine>)]
    pub(super) user_id: Option<String>,
}

/// How much there is of a thing, and how much may be.
#[derive(Serialize, ToSchema)]
struct Share {
    used: u64,
    limit: u64,
}

/// How much is kept of a user.
#[derive(Serialize, ToSchema)]
struct StatsView {
    user_id: String,
    interactions: u64,
    /// Passages of documents, which are what a search finds.
    passages: u64,
    facts: u64,
    documents: u64,
    /// Interactions, passages and facts together.
    entries: Share,
    /// Bytes of interactions: their texts, metadata, names and keys, and 256 for each, with what they said before they were changed; and of
    /// the texts of facts.
    bytes: Share,
    /// Bytes of all that an instance keeps which nobody has claimed: its limit counts, and not that of `bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unclaimed: Option<Share>,
    /// Documents that one person may have.
    documents_limit: u64,
    /// Bytes that all documents of one person may have.
    documents_bytes_limit: u64,
    /// When the oldest interaction was said; null: there is none.
    oldest: Option<DateTime<Utc>>,
    /// When the newest interaction was said.
    newest: Option<DateTime<Utc>>,
}

impl From<Stats> for StatsView {
    fn from(stats: Stats) -> Self {
        Self {
            entries: Share {
                used: stats.interactions + stats.passages + stats.facts,
                limit: stats.most_entries.into(),
            },
            bytes: Share {
                used: stats.bytes,
                limit: stats.most_bytes,
            },
            unclaimed: stats.bare.map(|(used, limit)| Share { used, limit }),
            user_id: stats.user,
            interactions: stats.interactions,
            passages: stats.passages,
            facts: stats.facts,
            documents: stats.documents,
            documents_limit: stats.most_documents.0,
            documents_bytes_limit: stats.most_documents.1,
            oldest: stats.oldest,
            newest: stats.newest,
        }
    }
}

/// Tells how much is kept of a user, and how much may be.
#[utoipa::path(get, path = "/v1/memory/stats", operation_id = "memory.stats", tag = "memory", params(Whose),
    responses((status = 200, body = StatsView), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn stats(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<StatsView>, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let stats = door.memory.stats(&principal, whose.user_id.as_deref());
    Ok(Json(stats.await?.into()))
}

/// Which users are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedUsers {
    /// Only those whose names come after this one: `next` of the page before.
    after: Option<String>,
    /// Most users; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A user in the person's memory.
#[derive(Serialize, ToSchema)]
struct UserView {
    user_id: String,
    /// Interactions, passages and facts.
    entries: u32,
    /// Bytes of interactions and facts.
    bytes: u64,
}

impl From<User> for UserView {
    fn from(one: User) -> Self {
        Self {
            user_id: one.user,
            entries: one.entries,
            bytes: one.bytes,
        }
    }
}

/// Users.
#[derive(Serialize, ToSchema)]
struct UserPage {
    /// By name.
    users: Vec<UserView>,
    /// What to give as `after` for those behind these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists whose memories there are within the person's, by name. Credentials for one user's memory see that one.
#[utoipa::path(get, path = "/v1/memory/users", operation_id = "memory.users.list", tag = "memory", params(WantedUsers),
    responses((status = 200, body = UserPage), (status = 400, body = Problem)))]
async fn users(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<WantedUsers>, QueryRejection>,
) -> Result<Json<UserPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit(wanted.limit)?;
    // One more than is shown tells whether there is more.
    let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let found = door
        .memory
        .users(&principal, wanted.after.as_deref(), most)?;
    let (found, more) = page(found, limit);
    let next = found.last().filter(|_| more).map(|last| last.user.clone());
    let users = found.into_iter().map(UserView::from).collect();
    Ok(Json(UserPage { users, next }))
}

/// Which sessions are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedSessions {
    /// Of which user; without it: the caller's own.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// Only with turns to this application or agent.
    #[param(inline, value_type = Option<OneLine>)]
    app: Option<String>,
    /// Only those that began before this one: `next` of the page before.
    before: Option<u32>,
    /// Most sessions; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A session.
#[derive(Serialize, ToSchema)]
struct SessionView {
    /// Its name, for the filter `session`.
    session: String,
    /// How many interactions it has.
    interactions: u32,
    /// When the first of them was said.
    first_at: DateTime<Utc>,
    /// When the last of them was said.
    last_at: DateTime<Utc>,
}

impl From<Session> for SessionView {
    fn from(one: Session) -> Self {
        Self {
            session: one.name,
            interactions: one.turns,
            first_at: one.first,
            last_at: one.last,
        }
    }
}

/// Sessions.
#[derive(Serialize, ToSchema)]
struct SessionPage {
    /// Those that were kept last first.
    sessions: Vec<SessionView>,
    /// What to give as `before` for those before these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// Lists the sessions of a user's memory, those that began last first.
#[utoipa::path(get, path = "/v1/memory/sessions", operation_id = "memory.sessions.list", tag = "memory",
    params(WantedSessions),
    responses((status = 200, body = SessionPage), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn sessions(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<WantedSessions>, QueryRejection>,
) -> Result<Json<SessionPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit(wanted.limit)?;
    let user = wanted.user_id.as_deref();
    let found = door
        .memory
        .sessions(&principal, user, wanted.app, wanted.before, limit + 1);
    let (found, more) = page(found.await?, limit);
    let next = found.last().filter(|_| more).map(|last| last.number);
    let sessions = found.into_iter().map(SessionView::from).collect();
    Ok(Json(SessionPage { sessions, next }))
}

fn limit(said: Option<usize>) -> Result<usize, Problem> {
    let limit = said.unwrap_or(100);
    match (1..=PAGE).contains(&limit) {
        true => Ok(limit),
        false => Err(Problem::bad_request(format!("limit is 1 to {PAGE}"))),
    }
}

/// Takes the one away that is too many; whether there was one.
fn page<T>(mut found: Vec<T>, limit: usize) -> (Vec<T>, bool) {
    let more = found.len() > limit;
    found.truncate(limit);
    (found, more)
}
