//! The facade: what front ends of the original application read, answered from loads. Its routes stand below `/api/` and answer
//! in the envelope. A password of an instance is in none of them.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::contract::{Envelope, Refused, UsernameEnvelope, read};
use super::given::{Address, Deletion, Name, given};
use super::loads::{DeletedView, no_current};
use super::{Door, Problem, faced};
use crate::identity::{PersonId, Principal, Scope};
use crate::loads::{Avatar, Load, LoadChange, NewLoad, Standing};
use crate::registry::Status;

/// How long an answer of a registry is waited for, of which nothing is known yet: front ends ask every three seconds.
const WAIT: Duration = Duration::from_secs(2);

pub(super) fn routes() -> OpenApiRouter<Door> {
    let reads = |routes| faced(Scope::RegistryRead, routes);
    let writes = |routes| faced(Scope::RegistryWrite, routes);
    OpenApiRouter::new()
        .routes(reads(routes!(username)))
        .routes(writes(routes!(create)))
        .routes(reads(routes!(current)))
        .routes(writes(routes!(change)))
        .routes(writes(routes!(delete)))
        .routes(writes(routes!(delete_called_current)))
        .routes(reads(routes!(status)))
}

/// A load, with the fields that front ends know.
#[derive(Serialize, ToSchema)]
struct LoadDto {
    /// Its id.
    id: String,
    /// What its person calls it.
    name: String,
    /// What it is.
    description: Option<String>,
    /// The address that is registered with it. Empty where none is given.
    email: String,
    /// Its picture in Base64; null: it has none.
    avatar_data: Option<String>,
    /// Its id at the registry; null: it was never registered.
    instance_id: Option<String>,
    /// `online`, `offline` or `unregistered`.
    status: &'static str,
    /// Whether it is connected, as far as its registry has said.
    is_connected: bool,
    /// When its registry last heard from it.
    last_heartbeat: Option<DateTime<Utc>>,
    /// When its registry last knew its connection to stand.
    last_ws_check: Option<DateTime<Utc>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// How the current load stands at its registry.
#[derive(Serialize, ToSchema)]
struct UploadStatus {
    /// What the current load is called.
    upload_name: String,
    /// Its id at the registry; null: it was never registered.
    instance_id: Option<String>,
    /// `online`, `offline` or `unregistered`.
    status: &'static str,
    /// Whether it is connected, as far as its registry has said.
    is_connected: bool,
    /// When its registry last heard from it.
    last_heartbeat: Option<DateTime<Utc>>,
    /// When its registry last knew its connection to stand.
    last_ws_check: Option<DateTime<Utc>>,
    /// When that was so; null: the registry was never reached.
    as_of: Option<DateTime<Utc>>,
    /// Whether it may be otherwise by now.
    stale: bool,
}

/// The word for how a load stands. What is registered, and of which nothing is known yet, is offline.
fn word(standing: &Standing) -> &'static str {
    standing.status.unwrap_or(Status::Offline).word()
}

fn dto(
    door: &Door,
    person: &PersonId,
    load: Load,
    standing: &Standing,
) -> Result<LoadDto, Problem> {
    let avatar = match load.avatar_kind {
        Some(_) => door.loads.avatar(person, &load.id)?,
        None => None,
    };
    Ok(LoadDto {
        id: load.id,
        name: load.name,
        description: load.description,
        email: load.email.unwrap_or_default(),
        avatar_data: avatar.map(|avatar| STANDARD.encode(avatar.bytes)),
        instance_id: load.registration.map(|it| it.instance),
        status: word(standing),
        is_connected: standing.status == Some(Status::Online),
        last_heartbeat: standing.last_heartbeat,
        last_ws_check: standing.last_ws_check,
        created_at: load.created_at,
        updated_at: load.updated_at,
    })
}

/// What a front end tells of a new load. Whatever else it sends is left alone.
#[derive(Deserialize, ToSchema)]
struct SentLoad {
    /// What it is called.
    #[schema(value_type = Name)]
    name: String,
    #[serde(flatten)]
    sent: Sent,
}

/// What shall change of the current load; what is left out stays.
#[derive(Deserialize, ToSchema)]
struct SentChange {
    /// What it is called; null: as before.
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    #[serde(flatten)]
    sent: Sent,
}

/// What a front end tells of any load.
#[derive(Deserialize, ToSchema)]
struct Sent {
    /// What it is; null or empty: nothing is told.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    description: Option<Option<String>>,
    /// The address that is registered with it; null or empty: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Address>)]
    email: Option<Option<String>>,
    /// A picture in Base64, also as a `data:` URL; null or empty: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    avatar_data: Option<Option<String>>,
}

impl Sent {
    /// The picture; `Some(None)`: it shall have none.
    fn avatar(&self) -> Result<Option<Option<Avatar>>, Problem> {
        let Some(data) = &self.avatar_data else {
            return Ok(None);
        };
        let Some(data) = data.as_deref().filter(|data| !data.is_empty()) else {
            return Ok(Some(None));
        };
        let data = match data.strip_prefix("data:") {
            Some(rest) => rest.split_once(";base64,").map_or("", |(_, data)| data),
            None => data,
        };
        let bytes = STANDARD.decode(data);
        let bytes = bytes.map_err(|_| Problem::bad_request("avatar_data is not Base64"))?;
        let avatar = Avatar::read(bytes).map_err(Problem::bad_request)?;
        Ok(Some(Some(avatar)))
    }
}

fn current_of(door: &Door, person: &PersonId) -> Result<Load, Problem> {
    let load = door.loads.current(person)?;
    load.ok_or_else(|| no_current("POST /api/loads"))
}

/// Tells what the current load is called.
#[utoipa::path(get, path = "/api/kernel2/username", operation_id = "facade.username", tag = "upload",
    responses((status = 200, body = UsernameEnvelope)))]
async fn username(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<UsernameEnvelope>, Problem> {
    let load = door.loads.current(&principal.person)?;
    Ok(UsernameEnvelope::of(load.map(|load| load.name)))
}

/// Makes a load, and makes it the current one: front ends know only one, the newest.
#[utoipa::path(post, path = "/api/loads", operation_id = "facade.loads.create", tag = "upload",
    request_body = SentLoad,
    responses((status = 200, body = Envelope<LoadDto>), (status = 400, body = Refused), (status = 409, body = Refused)))]
async fn create(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Bytes,
) -> Result<Json<Envelope<LoadDto>>, Problem> {
    let SentLoad { name, sent } = read(&body)?;
    let avatar = sent.avatar()?.flatten();
    let new = NewLoad {
        name,
        description: sent.description.flatten(),
        email: sent.email.flatten(),
        tags: Default::default(),
        avatar,
    };
    let person = &principal.person;
    let load = door.loads.create(person, new).await?;
    let load = door.loads.switch(person, &load.id).await?;
    let standing = door.loads.standing(person, &load)?;
    Ok(Envelope::of(dto(&door, person, load, &standing)?))
}

/// Shows the current load, at once, with what is known of its registration.
#[utoipa::path(get, path = "/api/loads/current", operation_id = "facade.loads.current", tag = "upload",
    responses((status = 200, body = Envelope<LoadDto>), (status = 404, body = Refused)))]
async fn current(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Envelope<LoadDto>>, Problem> {
    let person = &principal.person;
    let load = current_of(&door, person)?;
    let standing = door.loads.standing_within(person, &load, WAIT).await?;
    Ok(Envelope::of(dto(&door, person, load, &standing)?))
}

/// Changes the current load.
#[utoipa::path(put, path = "/api/loads/current", operation_id = "facade.loads.change", tag = "upload",
    request_body = SentChange,
    responses((status = 200, body = Envelope<LoadDto>), (status = 400, body = Refused), (status = 404, body = Refused),
        (status = 409, body = Refused)))]
async fn change(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Bytes,
) -> Result<Json<Envelope<LoadDto>>, Problem> {
    let SentChange { name, sent } = read(&body)?;
    let person = &principal.person;
    let change = LoadChange {
        avatar: sent.avatar()?,
        name,
        description: sent.description,
        email: sent.email,
        tags: None,
    };
    let load = current_of(&door, person)?;
    let load = door.loads.change(person, &load.id, change).await?;
    let standing = door.loads.standing(person, &load)?;
    Ok(Envelope::of(dto(&door, person, load, &standing)?))
}

/// Deletes the load of this name, whatever stands in it. It is unregistered first.
#[utoipa::path(delete, path = "/api/loads/{name}", operation_id = "facade.loads.delete", tag = "upload",
    params(("name" = String, Path, description = "The load's name, percent-encoded."), Deletion),
    responses((status = 200, body = Envelope<DeletedView>), (status = 400, body = Refused), (status = 404, body = Refused),
        (status = 502, body = Refused, description = "the registry could not be told; nothing was changed")))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    deletion: Result<Query<Deletion>, QueryRejection>,
) -> Result<Json<Envelope<DeletedView>>, Problem> {
    delete_named(&door, &principal.person, &name, deletion).await
}

/// Deletes the load whose name is `current`, as one of any other name. The current load is deleted by its own name.
#[utoipa::path(delete, path = "/api/loads/current", operation_id = "facade.loads.delete_called_current", tag = "upload",
    params(Deletion),
    responses((status = 200, body = Envelope<DeletedView>), (status = 400, body = Refused), (status = 404, body = Refused),
        (status = 502, body = Refused, description = "the registry could not be told; nothing was changed")))]
async fn delete_called_current(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    deletion: Result<Query<Deletion>, QueryRejection>,
) -> Result<Json<Envelope<DeletedView>>, Problem> {
    delete_named(&door, &principal.person, "current", deletion).await
}

async fn delete_named(
    door: &Door,
    person: &PersonId,
    name: &str,
    deletion: Result<Query<Deletion>, QueryRejection>,
) -> Result<Json<Envelope<DeletedView>>, Problem> {
    let Query(deletion) = deletion.map_err(|error| Problem::bad_request(error.body_text()))?;
    let id = door.loads.named(person, name)?.id;
    let told = door
        .loads
        .delete(person, &id, deletion.without_registry)
        .await?;
    Ok(Envelope::of(DeletedView::of(id, told)))
}

/// Tells how the current load stands at its registry. What is known is told at once; the registry is asked behind that.
#[utoipa::path(get, path = "/api/upload/status", operation_id = "facade.status", tag = "upload",
    responses((status = 200, body = Envelope<UploadStatus>), (status = 404, body = Refused)))]
async fn status(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Envelope<UploadStatus>>, Problem> {
    let person = &principal.person;
    let load = current_of(&door, person)?;
    let standing = door.loads.standing_within(person, &load, WAIT).await?;
    Ok(Envelope::of(UploadStatus {
        upload_name: load.name,
        instance_id: load.registration.map(|it| it.instance),
        status: word(&standing),
        is_connected: standing.status == Some(Status::Online),
        last_heartbeat: standing.last_heartbeat,
        last_ws_check: standing.last_ws_check,
        as_of: standing.as_of,
        stale: standing.stale,
    }))
}
