//! `/v1/me`: who calls.

use axum::extract::State;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, known};
use crate::identity::{Principal, Scope, Who};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(known(routes!(show)))
}

/// The caller, as the daemon knows it.
#[derive(Serialize, ToSchema)]
struct Me {
    /// As the audit log names it.
    #[schema(example = "key:0f4c1e5ad0e9f2a1b3c4")]
    principal: String,
    /// `key`, `token` (an access token of a client), `instance` (one of an instance), `person` (an id_token) or `local` (the
    /// socket).
    kind: &'static str,
    /// Whose it is.
    person: MyPerson,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// The sessions that it reaches, `SITE` or `SITE:ACCOUNT`; null: every one.
    sessions: Option<Vec<String>>,
    /// The only user whose memory it reaches.
    memory_of: Option<String>,
    /// When the credentials end; null: not by themselves.
    expires_at: Option<DateTime<Utc>>,
}

/// A person, as far as the scopes show it.
#[derive(Serialize, ToSchema)]
struct MyPerson {
    id: String,
    /// Whether it owns this machine's daemon.
    owner: bool,
    /// With the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// With the scope `email`, where the provider has verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// Tells who calls, and what the credentials allow. Any credentials may ask.
#[utoipa::path(get, path = "/v1/me", operation_id = "me.show", tag = "people",
    responses((status = 200, body = Me), (status = 401, body = Problem)))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Me>, Problem> {
    let person = door.identity.person(principal.person.as_str())?;
    let kind = match principal.who {
        Who::Key(_) => "key",
        Who::Token(_) => "token",
        Who::Person(_) => "person",
        Who::Instance(_) => "instance",
        Who::Local(_) => "local",
    };
    Ok(Json(Me {
        principal: principal.who.to_string(),
        kind,
        person: MyPerson {
            id: person.id.to_string(),
            owner: person.owner,
            name: person.name.filter(|_| principal.may(Scope::Profile)),
            email: person.email.filter(|_| principal.may(Scope::Email)),
        },
        scopes: principal.scopes.iter().map(Scope::word).collect(),
        sessions: principal.reach.words(),
        memory_of: principal.memory_of,
        expires_at: principal.expires_at,
    }))
}
