//! `/v1/instances/{id}/claim`: whose an instance is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::guard::Desk;
use super::people::unreadable;
use super::{Door, Json, Peer, Problem, contract, guarded};
use crate::identity::{Principal, Scope, Who};
use crate::registry::{Registered, Registrant, RegistryError};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::RegistryWrite, routes!(claim)))
}

/// The proof that an instance is one's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClaimBody {
    /// The instance's password.
    #[schema(value_type = String, example = "jp_…")]
    instance_password: Zeroizing<String>,
}

/// An instance that is the person's now, with its new password, which is shown this once.
#[derive(Serialize, ToSchema)]
struct ClaimedView {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// Whose it is.
    person: String,
    /// `online`, `offline` or `unregistered`.
    #[schema(example = "offline")]
    status: &'static str,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
    /// Keep it now: nobody can show it again, and the one that was shown is good no more.
    #[schema(example = "jp_mKxWk1…")]
    instance_password: String,
}

impl From<Registered> for ClaimedView {
    fn from(claimed: Registered) -> Self {
        let instance = claimed.instance;
        Self {
            instance_password: claimed.password.expose_secret().to_owned(),
            id: instance.id,
            name: instance.name,
            person: instance
                .person
                .map(|one| one.to_string())
                .unwrap_or_default(),
            status: instance.status.word(),
            updated_at: instance.updated_at,
        }
    }
}

/// Makes an instance the person's whose credentials these are, by the proof of its password. Whatever it has kept so far
/// (documents, loads, other instances) comes with it.
///
/// The instance gets another password at once, since others may know the one before: that is good no more, its tokens end, and
/// its connection is closed. Tokens for the new one may no more than the credentials that claimed it. Other instances that come
/// along have no password until they are rotated. An instance that is another person's is refused as a wrong password is. One's
/// own can be claimed again, and gets another password too; where the answer was lost, `/v1/instances/{id}/rotate` gives one.
#[utoipa::path(post, path = "/v1/instances/{id}/claim", operation_id = "instances.claim", tag = "registry",
    params(("id" = String, Path, description = "The instance's id")), request_body = ClaimBody,
    responses((status = 200, body = ClaimedView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem, description = "There is no such instance with this password for this person")))]
async fn claim(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Extension(desk): Extension<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    body: Result<Json<ClaimBody>, JsonRejection>,
) -> Result<Json<ClaimedView>, Problem> {
    let Json(body) = body.map_err(unreadable)?;
    if matches!(principal.who, Who::Instance(_)) {
        let detail = "an instance cannot claim another one; a person does";
        let status = StatusCode::FORBIDDEN;
        return Err(Problem::new(status, "refused", "Not allowed", detail));
    }
    let password = SecretString::from(body.instance_password.as_str());
    let peer = peer.map(|Extension(peer)| peer);
    let nobody = || {
        let shown: String = id.chars().take(40).collect();
        Problem::not_found("instance", &shown)
    };
    // A wrong password and another person's instance are answered as whatever is not there.
    match contract::prove(&desk, peer.as_ref(), &id, &password).await {
        Ok(_) => {}
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => return Err(nobody()),
        Err(problem) => return Err(problem),
    }
    let by = Registrant::of(&principal);
    match door.registry.claim(&id, &password, &by).await {
        Ok(claimed) => {
            // Loads that came along have another person now.
            door.loads.look_again();
            // And documents another memory, in which they are found when this is answered.
            if let Err(error) = door.memory.split_waiting().await {
                tracing::warn!(
                    "documents that came with a claim are not found yet; the next start tries again: {error}"
                );
            }
            Ok(Json(claimed.into()))
        }
        Err(RegistryError::Refused(_)) => Err(nobody()),
        Err(error) => Err(error.into()),
    }
}
