//! `/v1/profile`, `/v1/profiles`, `/v1/username`: what people tell of themselves, all that is kept about them, and its end.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::given;
use super::people::unreadable;
use super::{Door, Json, Problem, guarded};
use crate::identity::{PersonId, Principal, Reach, Scope, Scopes};
use crate::loads::LoadError;
use crate::profiles::{Profile, ProfileChange, ProfileError};
use crate::registry::{Farewell, Search};
use crate::store::Counts;

/// Most instances that stand in a profile; all of them are at `/v1/instances`.
const INSTANCES: u32 = 100;
/// Pieces of an export that are read ahead of a slow reader.
const AHEAD: usize = 2;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::Profile, routes!(show)))
        .routes(guarded(Scope::ProfileWrite, routes!(change, delete)))
        .routes(guarded(Scope::Profile, routes!(find)))
        .routes(guarded(Scope::Profile, routes!(username)))
        .routes(guarded(Scope::ProfileWrite, routes!(export)))
}

/// A person, as it is told of itself.
#[derive(Serialize, ToSchema)]
struct ProfileView {
    /// The person's id.
    id: String,
    /// `owner` (of this machine's daemon) or `member`.
    #[schema(example = "member")]
    role: &'static str,
    /// By which it is found; null: it has none.
    #[schema(example = "ada")]
    username: Option<String>,
    /// What people call it.
    name: Option<String>,
    /// With the scope `email`, where the provider has verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// What it tells of itself.
    description: Option<String>,
    /// Words that it gave itself.
    tags: Vec<String>,
    /// How much is kept of it.
    counts: CountsView,
    /// The newest hundred of its instances.
    instances: Vec<ProfileInstance>,
    /// When it was first known here.
    created_at: DateTime<Utc>,
    /// When credentials of it were last shown, to the minute.
    last_active_at: Option<DateTime<Utc>>,
}

/// A person, as far as everybody may know it.
#[derive(Serialize, ToSchema)]
// For the document: a whole profile is not of this shape too.
#[serde(deny_unknown_fields)]
struct PublicProfile {
    /// By which it is found.
    #[schema(example = "ada")]
    username: Option<String>,
    /// What people call it.
    name: Option<String>,
    /// What it tells of itself.
    description: Option<String>,
}

/// One's own profile whole, another one's as far as it is public.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum FoundProfile {
    Own(Box<ProfileView>),
    Public(PublicProfile),
}

/// How much is kept of a person.
#[derive(Serialize, ToSchema)]
struct CountsView {
    /// Texts in its own memory; not those of its applications' users.
    documents: u64,
    /// Workspaces.
    loads: u64,
    /// Instances that are registered.
    instances: u64,
    /// API keys that are not revoked.
    keys: u64,
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        Self {
            documents: counts.documents,
            loads: counts.loads,
            instances: counts.instances,
            keys: counts.keys,
        }
    }
}

/// An instance of a person.
#[derive(Serialize, ToSchema)]
struct ProfileInstance {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// `online`, `offline` or `unregistered`.
    #[schema(example = "online")]
    status: &'static str,
}

/// A whole profile, as far as the scopes show it.
fn whole(door: &Door, principal: &Principal, profile: Profile) -> Result<ProfileView, Problem> {
    let found = door.registry.search(&Search {
        person: Some(profile.person.clone()),
        limit: INSTANCES,
        ..Search::default()
    })?;
    let instances = found.instances.into_iter().map(|one| ProfileInstance {
        id: one.id,
        name: one.name,
        status: one.status.word(),
    });
    Ok(ProfileView {
        id: profile.person.to_string(),
        role: if profile.owner { "owner" } else { "member" },
        username: profile.username,
        name: profile.name,
        email: profile.email.filter(|_| principal.may(Scope::Email)),
        description: profile.description,
        tags: profile.tags,
        counts: profile.counts.into(),
        instances: instances.collect(),
        created_at: profile.created_at,
        last_active_at: profile.last_active_at,
    })
}

/// Shows the profile of the person whose credentials these are.
#[utoipa::path(get, path = "/v1/profile", operation_id = "profile.show", tag = "people",
    responses((status = 200, body = ProfileView)))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<ProfileView>, Problem> {
    let profile = door.profiles.show(&principal.person)?;
    whole(&door, &principal, profile).map(Json)
}

/// What shall change; what is left out stays, and null takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProfilePatch {
    /// 1 to 64 characters: letters and digits of one script, with `.`, `-` or `_` between them. Nobody has one that looks the
    /// same.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "ada", max_length = 256)]
    username: Option<Option<String>>,
    /// What people call it: 1 to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<Option<String>>,
    /// What it tells of itself: up to 2000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    /// Words, up to 32.
    #[schema(max_items = 32)]
    tags: Option<Vec<String>>,
}

/// Changes the profile of the person whose credentials these are.
#[utoipa::path(patch, path = "/v1/profile", operation_id = "profile.change", tag = "people", request_body = ProfilePatch,
    responses((status = 200, body = ProfileView), (status = 400, body = Problem),
        (status = 409, body = Problem, description = "Somebody has this username, or one that looks like it")))]
async fn change(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    patch: Result<Json<ProfilePatch>, JsonRejection>,
) -> Result<Json<ProfileView>, Problem> {
    let Json(patch) = patch.map_err(unreadable)?;
    if door.identity.is_bare(&principal.person)? {
        let detail = "nobody who is known is behind this instance, so it has no profile to change; claim the instance first";
        let status = StatusCode::FORBIDDEN;
        return Err(Problem::new(status, "refused", "Not allowed", detail));
    }
    let change = ProfileChange {
        username: patch.username,
        name: patch.name,
        description: patch.description,
        tags: patch.tags,
    };
    let profile = door.profiles.change(&principal.person, change).await?;
    whole(&door, &principal, profile).map(Json)
}

/// Finds a person by its username: oneself whole, another one only where the directory is public, and then only what is.
#[utoipa::path(get, path = "/v1/profiles/{username}", operation_id = "profile.find", tag = "people",
    params(("username" = String, Path, description = "The username, in any of its spellings")),
    responses((status = 200, body = FoundProfile), (status = 404, body = Problem)))]
async fn find(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(username): Path<String>,
) -> Result<Json<FoundProfile>, Problem> {
    let found = door.profiles.find(&username)?;
    let public = door.settings.borrow().config.registry.public_directory;
    match found {
        Some(profile) if profile.person == principal.person => {
            let own = whole(&door, &principal, profile)?;
            Ok(Json(FoundProfile::Own(Box::new(own))))
        }
        Some(profile) if public => Ok(Json(FoundProfile::Public(PublicProfile {
            username: profile.username,
            name: profile.name,
            description: profile.description,
        }))),
        _ => {
            let shown: String = username.chars().take(64).collect();
            Err(Problem::not_found("profile", &shown))
        }
    }
}

/// A username.
#[derive(Serialize, ToSchema)]
struct UsernameView {
    /// Null: the person has none.
    username: Option<String>,
}

/// Tells the username of the person whose credentials these are.
#[utoipa::path(get, path = "/v1/username", operation_id = "profile.username", tag = "people",
    responses((status = 200, body = UsernameView)))]
async fn username(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<UsernameView>, Problem> {
    let username = door.profiles.username(&principal.person)?;
    Ok(Json(UsernameView { username }))
}

/// Gives everything that is kept about the person as one JSON document: profile, accounts at providers, loads, instances,
/// roles, documents, keys, grants, visits, and its lines of the audit log. No password, no key, no token and no hash of one is
/// in it. A document that ends before its closing brace is not whole.
#[utoipa::path(get, path = "/v1/profile/export", operation_id = "profile.export", tag = "people",
    responses((status = 200, description = "All of it", body = Object), (status = 403, body = Problem)))]
async fn export(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    all_of_it(&principal)?;
    // What the person does not have any more must not begin as an export of nothing.
    door.profiles.show(&principal.person)?;
    let mut export = door.profiles.export(&principal.person);
    let (pieces, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(AHEAD);
    tokio::spawn(async move {
        loop {
            let piece = match export.next_piece() {
                Ok(Some(piece)) => Ok(Bytes::from(piece)),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!("an export broke off: {error}");
                    Err(std::io::Error::other("the store cannot be read"))
                }
            };
            let broken = piece.is_err();
            if pieces.send(piece).await.is_err() || broken {
                break;
            }
        }
    });
    let body = futures::stream::unfold(body, |mut body| async {
        let piece = body.recv().await?;
        Some((piece, body))
    });
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"jarkeeper-export.json\"",
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// How a person says that everything shall be deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Confirmed {
    /// The person's username, or its id where it has none.
    confirm: String,
    /// Whether everything goes also where a foreign registry cannot be told that a load is gone: there the instance stays.
    #[serde(default)]
    without_registry: bool,
}

/// Deletes the person and everything that is kept about it: profile, accounts at providers, memory, loads, instances, keys,
/// grants, visits. All or nothing, and nobody can bring it back. Loads at a foreign registry are unregistered there first.
///
/// In the audit log the lines stay, with the person's id, which leads to nobody any more. Of the owner of this machine's daemon
/// the place stays, empty; of the owner's only credentials with every scope and every session can delete it.
#[utoipa::path(delete, path = "/v1/profile", operation_id = "profile.delete", tag = "people", params(Confirmed),
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 502, body = Problem, description = "A foreign registry could not be told; nothing was deleted")))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    confirmed: Result<Query<Confirmed>, axum::extract::rejection::QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(deletion) = confirmed.map_err(|error| Problem::bad_request(error.body_text()))?;
    all_of_it(&principal)?;
    let person = &principal.person;
    if *person == PersonId::owner() {
        everything_of_the_owner(&principal)?;
    }
    if !door.profiles.is_confirmed(person, &deletion.confirm)? {
        return Err(Problem::bad_request(
            "confirm must be your username, or your id where you have none: everything that is kept about you is deleted",
        ));
    }
    erase(&door, person, deletion.without_registry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a person with everything that is kept about it. `without_registry`: foreign registries are not told.
///
/// # Errors
/// A foreign registry could not be told, and nothing was deleted; the person is not there any more.
pub(super) async fn erase(
    door: &Door,
    person: &PersonId,
    without_registry: bool,
) -> Result<(), Problem> {
    if !without_registry {
        door.loads
            .leave_registries(person)
            .await
            .map_err(not_told)?;
    }
    for instance in door.profiles.delete(person).await? {
        let farewell = Farewell::Moved;
        door.registry.presence().dismiss(&instance, farewell);
    }
    door.loads.look_again();
    Ok(())
}

/// Whether credentials may delete everything of the owner: with the owner's keys and grants all of the daemon's doors go.
fn everything_of_the_owner(principal: &Principal) -> Result<(), Problem> {
    let whole = Scopes::all().are_within(&principal.scopes) && principal.reach == Reach::All;
    match whole {
        true => Ok(()),
        false => {
            let detail = "only credentials with every scope and every session delete everything of the owner; `jarkeeper profile delete` on this machine does";
            let status = StatusCode::FORBIDDEN;
            Err(Problem::new(status, "refused", "Not allowed", detail))
        }
    }
}

fn not_told(error: LoadError) -> Problem {
    match error {
        LoadError::NotTold(why) => {
            let status = StatusCode::BAD_GATEWAY;
            let title = "The registry was not told";
            let detail = format!(
                "{}; nothing was deleted. With without_registry=true everything is, and there the instances stay",
                why.detail
            );
            Problem::new(status, "registry-not-told", title, detail)
        }
        other => other.into(),
    }
}

/// Whether credentials are for everything of their person: those for another user's memory are not.
fn all_of_it(principal: &Principal) -> Result<(), Problem> {
    match principal.memory_of.as_deref() {
        Some(user) if user != principal.person.as_str() => {
            let detail = "this concerns everything of a person, and these credentials reach only the memory of another user";
            let status = StatusCode::FORBIDDEN;
            Err(Problem::new(status, "refused", "Not allowed", detail))
        }
        _ => Ok(()),
    }
}

impl From<ProfileError> for Problem {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Invalid(why) => Self::bad_request(why),
            error @ ProfileError::Taken => Self::conflict("username-taken", error.to_string()),
            error @ ProfileError::Gone => {
                let status = StatusCode::UNAUTHORIZED;
                Self::new(
                    status,
                    "invalid-token",
                    "Not authenticated",
                    error.to_string(),
                )
            }
            ProfileError::Store(error) => error.into(),
        }
    }
}
