//! `/v1/registrations`: loads get an id at a registry.

use axum::Extension;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::given::{Address, Name, Tags};
use super::loads::LoadView;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::loads::{Failed, Load, LoadError, Made, Standing, Wish};
use crate::registry::{Registrant, Status};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::RegistryWrite, routes!(register)))
        .routes(guarded(Scope::RegistryRead, routes!(list)))
        .routes(guarded(Scope::RegistryWrite, routes!(unregister)))
}

/// What shall be registered. What is left out is that of the load.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegistrationBody {
    /// What people will call it. Where you have no load yet, one of this name is made.
    #[schema(value_type = Option<Name>)]
    upload_name: Option<String>,
    /// The address that is registered with it.
    #[schema(value_type = Option<Address>)]
    email: Option<String>,
    /// What it is.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// Over the tags of the load. `model_name` comes from here, from the load, or from `[llm]`; `is_cot` is false where nobody says
    /// otherwise; `document_count` is always counted. Types are JSON's own: "yes" is not true, and "7" is not 7.
    #[serde(default)]
    #[schema(value_type = Option<Tags>)]
    tags: Option<Map<String, Value>>,
    /// The load's id; left out: the current one.
    load: Option<String>,
}

/// A load that was just registered.
#[derive(Serialize, ToSchema)]
struct RegisteredView {
    /// The load's id.
    load: String,
    /// Its id at the registry.
    instance_id: String,
    /// Its password there. Shown this once. At a foreign registry the load keeps it too, sealed.
    #[schema(example = "jp_…")]
    instance_password: String,
    /// What it was registered as.
    upload_name: String,
    /// As the registry counts it: `online` where it is connected already, else `offline`, as a registration connects nothing.
    #[schema(example = "offline")]
    status: &'static str,
    /// The registry's address; null: this daemon's own.
    registry: Option<String>,
    /// The tags that were registered.
    #[schema(value_type = Object)]
    tags: Map<String, Value>,
}

impl From<Made> for RegisteredView {
    fn from(made: Made) -> Self {
        Self {
            load: made.load.id,
            instance_id: made.instance,
            instance_password: made.password.expose_secret().to_owned(),
            upload_name: made.upload.name,
            status: made.status.word(),
            registry: made.load.registration.and_then(|it| it.registry),
            tags: made.upload.tags,
        }
    }
}

/// A load that is registered, and how it stands.
#[derive(Serialize, ToSchema)]
struct RegistrationView {
    /// The load.
    #[serde(flatten)]
    load: LoadView,
    /// What its registry says of it.
    remote: StandingView,
}

/// What a registry says of a load. It is answered at once with what is known, and asked anew behind that.
#[derive(Serialize, ToSchema)]
pub(super) struct StandingView {
    /// `online`, `offline` or `unregistered`; null: not known yet.
    pub(super) status: Option<&'static str>,
    /// When that was so.
    as_of: Option<DateTime<Utc>>,
    /// Whether it may be otherwise by now: it is old, not known yet, or the registry did not answer since.
    stale: bool,
    /// Why the registry could not be asked last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// When the registry last heard from it.
    last_heartbeat: Option<DateTime<Utc>>,
}

impl From<Standing> for StandingView {
    fn from(standing: Standing) -> Self {
        Self {
            status: standing.status.map(Status::word),
            as_of: standing.as_of,
            stale: standing.stale,
            why: standing.why,
            last_heartbeat: standing.last_heartbeat,
        }
    }
}

/// A registration that failed: a problem, with what clients of the registry look for.
#[derive(Serialize, ToSchema)]
struct RegistrationFailed {
    #[serde(flatten)]
    problem: Problem,
    /// 400, whatever the status is.
    code: u16,
    /// `Failed to register upload instance`.
    message: &'static str,
    /// A word that never changes its meaning: `no-load`, `invalid`, `no-model-name`, `registered-elsewhere`, `no-seal`, `unreachable`,
    /// `timeout`, `reply-lost`, `unavailable`, `redirect`, `not-accepted`, `refused` or `bad-answer`. `detail` says what to mend.
    reason: String,
}

/// Why there is no registration.
enum Refusal {
    Failed(Box<RegistrationFailed>),
    /// It is not the registration's fault.
    Problem(Box<Problem>),
}

impl Refusal {
    fn failed(status: StatusCode, failed: Failed) -> Self {
        let word = failed.kind.rsplit(':').next().unwrap_or_default();
        let title = "The upload was not registered";
        Self::Failed(Box::new(RegistrationFailed {
            problem: Problem::new(status, word, title, failed.detail),
            code: failed.code,
            message: failed.message,
            reason: failed.reason,
        }))
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        let status = match &error {
            LoadError::Unknown(_) | LoadError::NoCurrent => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        match Failed::of(&error) {
            Some(failed) => Self::failed(status, failed),
            None => Self::Problem(Box::new(error.into())),
        }
    }
}

impl From<JsonRejection> for Refusal {
    /// A body that is no registration is an invalid one; one that is too large, or of another type, has its own status.
    fn from(rejection: JsonRejection) -> Self {
        let status = match rejection.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::failed(status, Failed::invalid(rejection.body_text()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Failed(failed) => {
                // The headers of a problem, and more in its body.
                let (mut parts, _) = failed.problem.clone().into_response().into_parts();
                parts.headers.remove(axum::http::header::CONTENT_LENGTH);
                let detail = Some(failed.reason.clone());
                let (_, body) = Json(*failed).into_response().into_parts();
                let told = Told {
                    detail,
                    ..Told::default()
                };
                told.on(Response::from_parts(parts, body))
            }
        }
    }
}

/// Registers a load at the registry of this daemon, or at that of `[registry] url`.
///
/// One that has an id already comes back under it with another password; the one before is good until the new one is first used.
/// Where it fails, the load is as it was, and to ask again is safe: what the first try may have made is found again.
#[utoipa::path(post, path = "/v1/registrations", operation_id = "registrations.create", tag = "registry",
    request_body = RegistrationBody,
    responses(
        (status = 201, body = RegisteredView),
        (status = 400, body = RegistrationFailed, content_type = "application/problem+json", description = "it was not registered: `reason` says why, `detail` what to mend"),
        (status = 404, body = RegistrationFailed, content_type = "application/problem+json", description = "there is no such load"),
    ))]
async fn register(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Json<RegistrationBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(wanted) = wanted?;
    let wish = Wish {
        load: wanted.load,
        name: wanted.upload_name,
        email: wanted.email,
        description: wanted.description,
        tags: wanted.tags.unwrap_or_default(),
    };
    let made = door
        .loads
        .register(&Registrant::of(&principal), wish)
        .await?;
    let told = Told {
        subject: Some(made.instance.clone()),
        ..Told::default()
    };
    let answer = (StatusCode::CREATED, Json(RegisteredView::from(made)));
    Ok(told.on(answer.into_response()))
}

/// Lists those of your loads that are registered, each with what its registry says of it. Answered at once, from what is known.
#[utoipa::path(get, path = "/v1/registrations", operation_id = "registrations.list", tag = "registry",
    responses((status = 200, body = Vec<RegistrationView>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<RegistrationView>>, Problem> {
    let person = &principal.person;
    let is_registered = |load: &Load| {
        let registration = load.registration.as_ref();
        registration.is_some_and(|it| it.registered_at.is_some())
    };
    let loads = door.loads.list(person)?.into_iter().filter(is_registered);
    let views = loads.map(|load| {
        let remote = door.loads.standing(person, &load)?.into();
        let load = load.into();
        Ok(RegistrationView { load, remote })
    });
    views
        .collect::<Result<_, LoadError>>()
        .map(Json)
        .map_err(Problem::from)
}

/// Unregisters a load. Its id and its password stay with it, and to register it again brings the id back. Doing it twice does
/// no harm.
#[utoipa::path(delete, path = "/v1/registrations/{load}", operation_id = "registrations.delete", tag = "registry",
    params(("load" = String, Path, description = "The load's id.")),
    responses(
        (status = 200, body = LoadView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 502, body = Problem, content_type = "application/problem+json", description = "the registry could not be told; nothing was changed"),
    ))]
async fn unregister(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(load): Path<String>,
) -> Result<Json<LoadView>, Problem> {
    let load = door.loads.unregister(&principal.person, &load).await?;
    Ok(Json(load.into()))
}
