//! `POST /api/upload/register`: a new instance, or another password for one.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::audit::Told;
use super::super::contract::{Caller, Envelope, read, unauthenticated};
use super::{Door, Object, Problem, contracted, idempotency_key};
use crate::identity::Scope;
use crate::registry::{Registered, RegisteredBy, Registrant, RegistryError, Status, Upload};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(contracted(routes!(register)))
}

/// What shall be registered. What is not known here is left alone.
#[derive(Deserialize, ToSchema)]
struct RegisterBody {
    /// What people call it: 1 to 255 characters in one line.
    #[schema(example = "my-upload", min_length = 1, max_length = 255)]
    upload_name: String,
    /// Null for something new; an id that was given before for another password of it, with that instance's credentials.
    #[schema(max_length = 255)]
    instance_id: Option<String>,
    /// At most 10,000 characters.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// At most 255 characters; not verified.
    #[schema(max_length = 255)]
    email: Option<String>,
    /// `model_name`, `is_cot`, `document_count` and whatever else its maker tells: 16 KiB as JSON.
    #[schema(value_type = Option<TrainingTags>)]
    tags: Option<Object>,
}

/// What a maker tells of an upload; anything else may stand beside it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct TrainingTags {
    /// The model's name.
    #[schema(max_length = 255)]
    model_name: Option<String>,
    /// Whether it thinks aloud.
    is_cot: Option<bool>,
    /// How many documents it was trained on.
    #[schema(minimum = 0)]
    document_count: Option<u64>,
}

/// What was registered, with its password: the only time that it is shown.
#[derive(Serialize, ToSchema)]
struct UploadRegistered {
    /// Its id, which is never given to another one.
    instance_id: String,
    /// Keep it now: nobody can show it again.
    #[schema(example = "jp_mKxWk1…")]
    instance_password: String,
    /// What people call it.
    upload_name: String,
    /// `online` or `offline`.
    status: &'static str,
}

/// Registers an upload, or gives an instance another password.
///
/// Anybody may register, where `[registry] open_registration` does not say otherwise. With an id the caller must be that instance or its person; the password before stays good until the
/// new one is first used. An `Idempotency-Key` makes a repeated request name the same instance, with another password.
#[utoipa::path(post, path = "/api/upload/register", operation_id = "upload.register", tag = "upload",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 32, max_length = 255, pattern = "^[!-~]+$",
        description = "32 to 255 visible ASCII characters, new for each registration.")),
    request_body = RegisterBody,
    responses(
        (status = 200, body = Envelope<UploadRegistered>),
        (status = 409, description = "the idempotency key was used for something else, or its instance is in use"),
    ))]
async fn register(
    State(door): State<Door>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let retry = idempotency_key(&headers)?;
    let body: RegisterBody = read(&body)?;
    let id = body.instance_id.filter(|id| !id.is_empty());
    let upload = Upload {
        name: body.upload_name,
        description: body.description,
        email: body.email,
        tags: body.tags.unwrap_or_default(),
    };
    let registry = &door.registry;
    let by = match &caller {
        Caller::Nobody => None,
        Caller::Instance(own) => own.person.clone().map(|person| Registrant {
            person,
            ceiling: own.ceiling.clone(),
        }),
        Caller::Principal(principal) if principal.may(Scope::RegistryWrite) => {
            Some(Registrant::of(principal))
        }
        Caller::Principal(_) => return Err(Problem::insufficient_scope(Scope::RegistryWrite)),
    };
    let registered = match (id, &caller) {
        // It comes back, or does nothing.
        (None, Caller::Instance(own)) if own.status == Status::Unregistered => {
            Err(RegistryError::Refused(own.id.clone()))
        }
        (None, _) => {
            may_register(&door, by.as_ref())?;
            registry.register(upload, by.as_ref(), retry.as_ref()).await
        }
        (Some(_), Caller::Nobody) => return Err(unauthenticated()),
        (Some(id), Caller::Instance(own)) if own.id == id => {
            registry.rotate(&id, RegisteredBy::Password, upload).await
        }
        (Some(id), Caller::Instance(_)) => Err(RegistryError::Refused(id)),
        (Some(id), Caller::Principal(principal)) => {
            let by = Registrant::of(principal);
            let by = RegisteredBy::Person(&by);
            // The same as for whoever shows a wrong password.
            registry
                .rotate(&id, by, upload)
                .await
                .map_err(|error| match error {
                    RegistryError::Unknown(id) => RegistryError::Refused(id),
                    other => other,
                })
        }
    };
    Ok(answer(registered?))
}

/// Whether somebody may register something new: who is not known, only where registration is open.
fn may_register(door: &Door, by: Option<&Registrant>) -> Result<(), Problem> {
    if door.settings.borrow().config.registry.open_registration {
        return Ok(());
    }
    let is_known = match by {
        Some(by) => !door.identity.is_bare(&by.person)?,
        None => false,
    };
    match is_known {
        true => Ok(()),
        false => {
            let detail = "only people who are known here may register: show an API key or a token with registry:write, or have the owner set \
                          open_registration = true in [registry] of config.toml";
            let mut problem = unauthenticated();
            problem.detail = detail.to_owned();
            Err(problem)
        }
    }
}

fn answer(registered: Registered) -> Response {
    let instance = registered.instance;
    let told = Told {
        person: instance.person.as_ref().map(ToString::to_string),
        subject: Some(instance.id.clone()),
        detail: None,
    };
    let view: Json<Envelope<UploadRegistered>> = Envelope::of(UploadRegistered {
        instance_id: instance.id,
        instance_password: registered.password.expose_secret().to_owned(),
        upload_name: instance.name,
        status: instance.status.word(),
    });
    told.on(view.into_response())
}
