//! `/api/upload/{id}`: one instance.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::contract::{Caller, Envelope, Shown, read};
use super::{Door, Object, Problem, contracted};
use crate::identity::Scope;
use crate::registry::{Instance, InstanceChange, Status};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(contracted(routes!(show, update, unregister)))
}

/// An instance, as it sees itself.
#[derive(Serialize, ToSchema)]
struct Detail {
    /// What people call it.
    upload_name: String,
    /// Its id.
    instance_id: String,
    /// What it is.
    description: Option<String>,
    /// Whose it is, as they said; not verified.
    email: Option<String>,
    /// `model_name`, `is_cot`, `document_count` and whatever else its maker told.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    tags: Object,
    /// What it can do, as its maker told.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    capabilities: Option<Object>,
    /// `online` or `offline`.
    status: &'static str,
    /// Whether it is connected.
    is_connected: bool,
    /// When it was last heard; to the minute after a crash of this daemon.
    last_heartbeat: Option<DateTime<Utc>>,
    /// When its connection was last known to stand.
    last_ws_check: Option<DateTime<Utc>>,
    /// When it was first registered.
    registered_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl Detail {
    fn of(door: &Door, instance: Instance) -> Self {
        let presence = door.registry.presence();
        let connected = presence.connected(&instance.id);
        let heard_at = presence.heard_at(&instance.id).or(instance.heard_at);
        let status = match connected {
            Some(_) => Status::Online,
            None => Status::Offline,
        };
        Self {
            upload_name: instance.name,
            instance_id: instance.id,
            description: instance.description,
            email: instance.email,
            tags: instance.tags,
            capabilities: instance.capabilities,
            status: status.word(),
            is_connected: connected.is_some(),
            last_heartbeat: heard_at,
            last_ws_check: match connected {
                Some(_) => Some((door.clock)()),
                None => heard_at,
            },
            registered_at: instance.registered_at,
            updated_at: instance.updated_at,
        }
    }
}

/// Shows an instance to itself and to its person.
///
/// For everybody else, and for what is not there, `data` is null: nobody learns by this which ids there are.
#[utoipa::path(get, path = "/api/upload/{id}", operation_id = "upload.show", tag = "upload",
    params(("id" = String, Path, description = "The instance's id.")),
    responses((status = 200, body = Envelope<Option<Detail>>)))]
async fn show(
    State(door): State<Door>,
    Shown(caller): Shown,
    Path(id): Path<String>,
) -> Result<Json<Envelope<Option<Detail>>>, Problem> {
    let own = match caller {
        Ok(caller) => caller.own(&door, &id, Scope::RegistryRead)?,
        // A client that polls with what is not good any more is told so again and again.
        Err(problem) if problem.status == 401 => None,
        Err(problem) => return Err(problem),
    };
    let registered = own.filter(|own| own.status != Status::Unregistered);
    let detail = registered.map(|instance| Detail::of(&door, instance));
    Ok(Envelope::of(detail))
}

/// What shall change; null and what is left out stay.
#[derive(Deserialize, ToSchema)]
struct UpdateBody {
    /// 1 to 255 characters in one line.
    #[schema(min_length = 1, max_length = 255)]
    upload_name: Option<String>,
    /// At most 10,000 characters.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// At most 255 characters; empty: none.
    #[schema(max_length = 255)]
    email: Option<String>,
    /// What it can do: 16 KiB as JSON; replaces what was there.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    capabilities: Option<Object>,
}

/// An instance after a change.
#[derive(Serialize, ToSchema)]
struct Updated {
    /// The instance.
    #[serde(flatten)]
    detail: Detail,
    /// The names of what was given.
    updated_fields: Vec<&'static str>,
}

/// Changes some of an instance.
#[utoipa::path(put, path = "/api/upload/{id}", operation_id = "upload.update", tag = "upload",
    params(("id" = String, Path, description = "The instance's id.")), request_body = UpdateBody,
    responses((status = 200, body = Envelope<Updated>)))]
async fn update(
    State(door): State<Door>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Envelope<Updated>>, Problem> {
    let own = caller.owned(&door, &id)?;
    let body: UpdateBody = read(&body)?;
    let given = [
        ("upload_name", body.upload_name.is_some()),
        ("description", body.description.is_some()),
        ("email", body.email.is_some()),
        ("capabilities", body.capabilities.is_some()),
    ];
    let change = InstanceChange {
        name: body.upload_name,
        description: body.description,
        email: body.email,
        tags: None,
        capabilities: body.capabilities,
    };
    let instance = door.registry.change(&own.id, change).await?;
    Ok(Envelope::of(Updated {
        detail: Detail::of(&door, instance),
        updated_fields: given
            .into_iter()
            .filter_map(|(name, given)| given.then_some(name))
            .collect(),
    }))
}

/// What is not registered any more.
#[derive(Serialize, ToSchema)]
struct Unregistered {
    /// Its id, which can come back.
    instance_id: String,
    /// `unregistered`.
    status: &'static str,
}

/// Unregisters an instance, closes its connection and forgets what it told of itself, but for its name. Its id can come back with
/// its password. Repeatable.
#[utoipa::path(delete, path = "/api/upload/{id}", operation_id = "upload.unregister", tag = "upload",
    params(("id" = String, Path, description = "The instance's id.")),
    responses((status = 200, body = Envelope<Unregistered>)))]
async fn unregister(
    State(door): State<Door>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Envelope<Unregistered>>, Problem> {
    let own = caller.owned(&door, &id)?;
    door.registry.unregister(&own.id).await?;
    Ok(Envelope::of(Unregistered {
        instance_id: own.id,
        status: Status::Unregistered.word(),
    }))
}
