//! `/v1/instances`: the caller's own instances.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::given::{MOST, USUAL};
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::registry::{
    Instance, InstanceChange, Registered, RegisteredBy, Registrant, RegistryError, Role, Search,
    Status, Upload,
};

/// Longest text that is looked for, in characters.
const LOOKED_FOR: usize = 255;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::RegistryRead, routes!(list)))
        .routes(guarded(Scope::RegistryRead, routes!(show)))
        .routes(guarded(Scope::RegistryWrite, routes!(change, unregister)))
        .routes(guarded(Scope::RegistryWrite, routes!(rotate)))
        .routes(guarded(Scope::RegistryRead, routes!(roles)))
}

/// Something registered.
#[derive(Serialize, ToSchema)]
pub(super) struct InstanceView {
    /// Its id, which is never given to another one.
    #[schema(example = "5f1c0e7a9b3d2c4e6f80")]
    id: String,
    /// What people call it.
    name: String,
    /// What it is.
    description: Option<String>,
    /// Whose it is, as they said; not verified.
    email: Option<String>,
    /// `model_name`, `is_cot`, `document_count` and whatever else its maker told.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    tags: Map<String, Value>,
    /// What it can do, as its maker told.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    capabilities: Option<Map<String, Value>>,
    /// `online`, `offline` or `unregistered`.
    status: &'static str,
    /// When it was first registered.
    registered_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
    /// When it was last heard, to the minute; null: never.
    heard_at: Option<DateTime<Utc>>,
    /// When its password was last shown, to the minute.
    used_at: Option<DateTime<Utc>>,
}

impl From<Instance> for InstanceView {
    fn from(instance: Instance) -> Self {
        Self {
            id: instance.id,
            name: instance.name,
            description: instance.description,
            email: instance.email,
            tags: instance.tags,
            capabilities: instance.capabilities,
            status: instance.status.word(),
            registered_at: instance.registered_at,
            updated_at: instance.updated_at,
            heard_at: instance.heard_at,
            used_at: instance.used_at,
        }
    }
}

/// Which are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only with words in the name that begin like those of this text. Of a long word the first 12 letters count.
    #[param(max_length = 255)]
    name: Option<String>,
    /// Only with this tag: `NAME`, or `NAME=VALUE`.
    #[param(example = "model_name=m", max_length = 255)]
    tag: Option<String>,
    /// Only of this status: `online`, `offline` or `unregistered`; without it all that are not unregistered.
    #[param(inline)]
    status: Option<Status>,
    /// `next` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// How many of one page; 20 where it is not said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Instances.
#[derive(Serialize, ToSchema)]
struct InstancePage {
    /// Newest first.
    instances: Vec<InstanceView>,
    /// What to give as `cursor` for those behind these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Wanted {
    fn search(self, principal: &Principal) -> Result<Search, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is 1 to {MOST}")));
        }
        for text in [&self.name, &self.tag].into_iter().flatten() {
            if text.chars().count() > LOOKED_FOR {
                let detail = format!("what is looked for has at most {LOOKED_FOR} characters");
                return Err(Problem::bad_request(detail));
            }
        }
        let sound = |text: &String| text.len() <= 18 && !text.starts_with(['0', '+']);
        let after = match self.cursor.map(|text| (sound(&text), text.parse::<i64>())) {
            None => None,
            Some((true, Ok(after))) if after > 0 => Some(after),
            Some(_) => return Err(Problem::bad_request("cursor is the next of a page")),
        };
        let tag = self.tag.map(|tag| match tag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (tag, None),
        });
        Ok(Search {
            person: Some(principal.person.clone()),
            name: self.name,
            tag,
            statuses: match self.status {
                None => vec![Status::Online, Status::Offline],
                Some(status) => vec![status],
            },
            after,
            skip: 0,
            limit,
            total: false,
        })
    }
}

/// The caller's own instance with this id.
pub(super) fn own(door: &Door, principal: &Principal, id: &str) -> Result<Instance, Problem> {
    let instance = door.registry.instance(id)?;
    let own = instance.filter(|one| one.person.as_ref() == Some(&principal.person));
    own.ok_or_else(|| RegistryError::Unknown(id.to_owned()).into())
}

/// Lists the caller's instances, newest first.
#[utoipa::path(get, path = "/v1/instances", operation_id = "instances.list", tag = "registry", params(Wanted),
    responses((status = 200, body = InstancePage), (status = 400, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<InstancePage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let page = door.registry.search(&wanted.search(&principal)?)?;
    Ok(Json(InstancePage {
        instances: page.instances.into_iter().map(Into::into).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// Shows one of the caller's instances.
#[utoipa::path(get, path = "/v1/instances/{id}", operation_id = "instances.show", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    responses((status = 200, body = InstanceView), (status = 404, body = Problem)))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<InstanceView>, Problem> {
    Ok(Json(own(&door, &principal, &id)?.into()))
}

/// What shall change; null and what is left out stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// 1 to 255 characters in one line.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// At most 10,000 characters.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// At most 255 characters; empty: none.
    #[schema(max_length = 255)]
    email: Option<String>,
    /// Replaces all of them; 16 KiB as JSON.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    tags: Option<Map<String, Value>>,
    /// Replaces all of them; 16 KiB as JSON.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    capabilities: Option<Map<String, Value>>,
}

/// Changes some of an instance.
#[utoipa::path(patch, path = "/v1/instances/{id}", operation_id = "instances.change", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")), request_body = ChangeBody,
    responses((status = 200, body = InstanceView), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn change(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    Json(body): Json<ChangeBody>,
) -> Result<Json<InstanceView>, Problem> {
    let own = own(&door, &principal, &id)?;
    let change = InstanceChange {
        name: body.name,
        description: body.description,
        email: body.email,
        tags: body.tags,
        capabilities: body.capabilities,
    };
    Ok(Json(door.registry.change(&own.id, change).await?.into()))
}

/// Unregisters an instance, closes its connection and forgets what it told of itself, but for its name. Its id can come back with
/// its password. Repeatable.
#[utoipa::path(delete, path = "/v1/instances/{id}", operation_id = "instances.unregister", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    responses((status = 204), (status = 404, body = Problem)))]
async fn unregister(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let own = own(&door, &principal, &id)?;
    door.registry.unregister(&own.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A role that an instance has told. It is kept for the instance's own clients; no chat reads it yet.
#[derive(Serialize, ToSchema)]
struct RoleView {
    /// Its id, given by the instance.
    id: String,
    /// What people call it.
    name: String,
    /// What it is.
    description: Option<String>,
    /// What a model shall be told.
    system_prompt: Option<String>,
    /// Address of a picture.
    icon: Option<String>,
    /// Whether it may be chosen.
    is_active: bool,
    /// Whether it looks into the first level of memory.
    enable_l0_retrieval: bool,
    /// Whether it looks into the second level of memory.
    enable_l1_retrieval: bool,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            id: role.id,
            name: role.name,
            description: role.description,
            system_prompt: role.system_prompt,
            icon: role.icon,
            is_active: role.is_active,
            enable_l0_retrieval: role.enable_l0_retrieval,
            enable_l1_retrieval: role.enable_l1_retrieval,
        }
    }
}

/// Lists the roles of one of the caller's instances, by id; there are at most a hundred.
///
/// They are kept for the instance's own clients; no chat reads them yet.
#[utoipa::path(get, path = "/v1/instances/{id}/roles", operation_id = "instances.roles", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")),
    responses((status = 200, body = Vec<RoleView>), (status = 404, body = Problem)))]
async fn roles(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Vec<RoleView>>, Problem> {
    let own = own(&door, &principal, &id)?;
    let roles = door.registry.roles(&own.id)?;
    Ok(Json(roles.into_iter().map(RoleView::from).collect()))
}

/// An instance with its new password, which is shown this once.
#[derive(Serialize, ToSchema)]
struct RotatedView {
    #[serde(flatten)]
    instance: InstanceView,
    /// Keep it now: nobody can show it again.
    #[schema(example = "jp_mKxWk1…")]
    password: String,
}

/// How an instance gets another password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InstanceRotation {
    /// Whether the one before is known to others: it is good no more at once, the instance's tokens end, and what was connected
    /// by it is closed. Otherwise it stays good until the new one is first used.
    #[serde(default)]
    #[schema(default = false)]
    revoke: bool,
}

/// Gives an instance another password; the one before stays good until the new one is first used, unless it is revoked. Tokens for
/// the new one may no more than the credentials that asked for it. One that is not registered any more is registered again.
#[utoipa::path(post, path = "/v1/instances/{id}/rotate", operation_id = "instances.rotate", tag = "registry",
    params(("id" = String, Path, description = "The instance's id.")), request_body = Option<InstanceRotation>,
    responses((status = 200, body = RotatedView), (status = 404, body = Problem)))]
async fn rotate(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    body: Option<Json<InstanceRotation>>,
) -> Result<Json<RotatedView>, Problem> {
    let own = own(&door, &principal, &id)?;
    let rotation = body.map(|Json(body)| body).unwrap_or_default();
    let by = Registrant::of(&principal);
    if rotation.revoke {
        let revoked = door.registry.revoke(&own.id, &by).await?;
        return Ok(Json(revoked.into()));
    }
    let upload = Upload {
        name: own.name,
        description: own.description,
        email: own.email,
        tags: own.tags,
    };
    let by = RegisteredBy::Person(&by);
    let rotated = door.registry.rotate(&own.id, by, upload).await?;
    Ok(Json(rotated.into()))
}

impl From<Registered> for RotatedView {
    fn from(registered: Registered) -> Self {
        Self {
            instance: registered.instance.into(),
            password: registered.password.expose_secret().to_owned(),
        }
    }
}
