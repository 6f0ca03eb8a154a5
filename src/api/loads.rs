//! `/v1/loads`: a person's workspaces.

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::{Address, Deletion, Name, Tags, given};
use super::load_connect::ConnectionView;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::loads::{Load, LoadChange, LoadError, NewLoad, Told};

pub(super) fn routes() -> OpenApiRouter<Door> {
    let reads = |routes| guarded(Scope::RegistryRead, routes);
    let writes = |routes| guarded(Scope::RegistryWrite, routes);
    OpenApiRouter::new()
        .routes(reads(routes!(list)))
        .routes(writes(routes!(create)))
        .routes(reads(routes!(current)))
        .routes(writes(routes!(switch)))
        .routes(reads(routes!(show)))
        .routes(writes(routes!(change)))
        .routes(writes(routes!(delete)))
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Invalid(why) => Self::bad_request(why),
            LoadError::Unknown(id) => Self::not_found("load", &id),
            LoadError::NoCurrent => no_current("POST /v1/loads"),
            LoadError::Taken(_) => Self::conflict("load-name-taken", error.to_string()),
            LoadError::TooMany => Self::conflict("too-many-loads", error.to_string()),
            LoadError::NotRegistered(why) => not_registered(why.detail),
            LoadError::NotTold(why) => {
                let status = StatusCode::BAD_GATEWAY;
                let detail = format!("{}; nothing was changed", why.detail);
                Self::new(
                    status,
                    "registry-not-told",
                    "The registry was not told",
                    detail,
                )
            }
            LoadError::NotConnectable(_) => Self::conflict("not-registered", error.to_string()),
            LoadError::Nobodys => {
                let status = StatusCode::FORBIDDEN;
                Self::new(status, "refused", "Not allowed", error.to_string())
            }
            LoadError::Seal(why) => Self::conflict("no-seal", why),
            LoadError::NoRandom => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let title = "No random numbers";
                Self::new(status, "no-random-numbers", title, error.to_string()).retry_after(5)
            }
            LoadError::Store(error) => error.into(),
        }
    }
}

/// 404, where the person has no load at all; `way`: how one is made.
pub(super) fn no_current(way: &str) -> Problem {
    let detail = format!("there is no current load; make one first: {way}");
    Problem::new(StatusCode::NOT_FOUND, "unknown-load", "Not found", detail)
}

/// 400, where nothing was registered.
fn not_registered(detail: String) -> Problem {
    let title = "The upload was not registered";
    Problem::new(
        StatusCode::BAD_REQUEST,
        "registration-failed",
        title,
        detail,
    )
}

/// A load.
#[derive(Serialize, ToSchema)]
pub(super) struct LoadView {
    /// Its id.
    pub(super) id: String,
    /// What its person calls it; no other load of the same person has this name.
    name: String,
    /// What it is.
    description: Option<String>,
    /// The address that is registered with it; not verified.
    email: Option<String>,
    /// What is registered with it: `model_name`, `is_cot` and whatever else.
    #[schema(value_type = Object)]
    tags: Map<String, Value>,
    /// Media type of its picture, which is at `/v1/loads/{id}/avatar`; null: it has none.
    avatar: Option<String>,
    /// Whether it is the current one.
    is_current: bool,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
    /// Its id at the registry; null: it was never registered.
    instance_id: Option<String>,
    /// The registry's address; null: this daemon's own, or none.
    registry: Option<String>,
    /// When it was last registered; null: it is not at present. With an `instance_id`: that comes back when it is registered again.
    registered_at: Option<DateTime<Utc>>,
    /// How it stands with its connection; null: it shall have none.
    connection: Option<ConnectionView>,
}

impl From<Load> for LoadView {
    fn from(load: Load) -> Self {
        let registration = load.registration;
        let registered_at = registration.as_ref().and_then(|it| it.registered_at);
        let (instance_id, registry) = registration.map(|it| (it.instance, it.registry)).unzip();
        Self {
            id: load.id,
            name: load.name,
            description: load.description,
            email: load.email,
            tags: load.tags,
            avatar: load.avatar_kind,
            is_current: load.is_current,
            created_at: load.created_at,
            updated_at: load.updated_at,
            instance_id,
            registry: registry.flatten(),
            registered_at,
            connection: load.connection.map(ConnectionView::from),
        }
    }
}

/// What a new load shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoadBody {
    /// What you call it. No other load of yours has this name.
    #[schema(value_type = Name)]
    name: String,
    /// What it is.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// The address that is registered with it.
    #[schema(value_type = Option<Address>)]
    email: Option<String>,
    /// What is registered with it.
    #[serde(default)]
    #[schema(value_type = Tags)]
    tags: Map<String, Value>,
}

/// What shall change of a load; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What you call it.
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    /// What it is; null or empty: nothing is told.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    description: Option<Option<String>>,
    /// The address that is registered with it; null or empty: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Address>)]
    email: Option<Option<String>>,
    /// What is registered with it; replaces all tags.
    #[schema(value_type = Option<Tags>)]
    tags: Option<Map<String, Value>>,
}

/// Which load shall be the current one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// The load's id.
    id: String,
}

/// A load that is gone.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedView {
    /// The id that it had.
    id: String,
    /// Whether its registry was told; null: there was nothing to tell.
    registry_told: Option<bool>,
    /// What is left to be done, where it was not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<&'static str>,
}

impl DeletedView {
    pub(super) fn of(id: String, told: Told) -> Self {
        const LEFT: &str = "the registry was not told: there the instance stays registered";
        Self {
            id,
            registry_told: match told {
                Told::Yes => Some(true),
                Told::No => Some(false),
                Told::Nothing => None,
            },
            left: (told == Told::No).then_some(LEFT),
        }
    }
}

/// Lists your loads, oldest first.
#[utoipa::path(get, path = "/v1/loads", operation_id = "loads.list", tag = "registry",
    responses((status = 200, body = Vec<LoadView>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<LoadView>>, Problem> {
    let loads = door.loads.list(&principal.person)?;
    Ok(Json(loads.into_iter().map(LoadView::from).collect()))
}

/// Makes a load. Your first one becomes the current one.
#[utoipa::path(post, path = "/v1/loads", operation_id = "loads.create", tag = "registry",
    request_body = LoadBody,
    responses(
        (status = 201, body = LoadView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "you have one of this name, or too many"),
    ))]
async fn create(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Json(new): Json<LoadBody>,
) -> Result<(StatusCode, Json<LoadView>), Problem> {
    let new = NewLoad {
        name: new.name,
        description: new.description,
        email: new.email,
        tags: new.tags,
        avatar: None,
    };
    let load = door.loads.create(&principal.person, new).await?;
    Ok((StatusCode::CREATED, Json(load.into())))
}

/// Shows the current load.
#[utoipa::path(get, path = "/v1/loads/current", operation_id = "loads.current", tag = "registry",
    responses(
        (status = 200, body = LoadView),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "you have none yet"),
    ))]
async fn current(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<LoadView>, Problem> {
    let load = door.loads.current(&principal.person)?;
    Ok(Json(load.ok_or(LoadError::NoCurrent)?.into()))
}

/// Makes a load the current one.
#[utoipa::path(put, path = "/v1/loads/current", operation_id = "loads.switch", tag = "registry",
    request_body = Switch,
    responses(
        (status = 200, body = LoadView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn switch(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Json(Switch { id }): Json<Switch>,
) -> Result<Json<LoadView>, Problem> {
    Ok(Json(
        door.loads.switch(&principal.person, &id).await?.into(),
    ))
}

/// Shows a load.
#[utoipa::path(get, path = "/v1/loads/{id}", operation_id = "loads.show", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    responses(
        (status = 200, body = LoadView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<LoadView>, Problem> {
    Ok(Json(door.loads.show(&principal.person, &id)?.into()))
}

/// Changes a load here. What is registered changes when it is registered again.
#[utoipa::path(patch, path = "/v1/loads/{id}", operation_id = "loads.change", tag = "registry",
    params(("id" = String, Path, description = "The load's id.")),
    request_body = Change,
    responses(
        (status = 200, body = LoadView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "another load of yours has this name"),
    ))]
async fn change(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<LoadView>, Problem> {
    let change = LoadChange {
        name: change.name,
        description: change.description,
        email: change.email,
        tags: change.tags,
        avatar: None,
    };
    let changed = door.loads.change(&principal.person, &id, change).await?;
    Ok(Json(changed.into()))
}

/// Deletes a load with all that it holds. It is unregistered first.
///
/// Where its registry cannot be told, nothing is changed. Where it was the current one, the newest of the others becomes that.
#[utoipa::path(delete, path = "/v1/loads/{id}", operation_id = "loads.delete", tag = "registry",
    params(("id" = String, Path, description = "The load's id."), Deletion),
    responses(
        (status = 200, body = DeletedView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 502, body = Problem, content_type = "application/problem+json", description = "the registry could not be told; `without_registry=true` deletes it all the same"),
    ))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    deletion: Result<Query<Deletion>, QueryRejection>,
) -> Result<Json<DeletedView>, Problem> {
    let Query(deletion) = deletion.map_err(|error| Problem::bad_request(error.body_text()))?;
    let told = door
        .loads
        .delete(&principal.person, &id, deletion.without_registry)
        .await?;
    Ok(Json(DeletedView::of(id, told)))
}
