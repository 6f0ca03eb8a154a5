//! `/v1/keys`: API keys.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::span::Span;
use super::{Door, Json, Problem, guarded};
use crate::identity::{Key, MadeKey, NewKey, Principal, Reach, Scope, Scopes};

/// How long two values of a key are good, where nobody says.
const OVERLAP: TimeDelta = TimeDelta::hours(1);

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::Admin, routes!(list, create)))
        .routes(guarded(Scope::Admin, routes!(show, revoke)))
        .routes(guarded(Scope::Admin, routes!(rotate)))
}

/// A key; its value is known to nobody any more.
#[derive(Serialize, ToSchema)]
struct KeyView {
    id: String,
    /// What people call it.
    name: String,
    /// Whose it is.
    person: String,
    /// What it may do, as far as its person may.
    scopes: Vec<&'static str>,
    /// The sessions that it reaches, `SITE` or `SITE:ACCOUNT`; null: every one; empty: none.
    sessions: Option<Vec<String>>,
    /// The only user whose memory it reaches.
    memory_of: Option<String>,
    created_at: DateTime<Utc>,
    /// Null: not by itself.
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// How long the value before the last rotation is still good.
    old_value_until: Option<DateTime<Utc>>,
}

impl From<Key> for KeyView {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            name: key.name,
            person: key.person.to_string(),
            scopes: key.scopes.iter().map(Scope::word).collect(),
            sessions: key.reach.words(),
            memory_of: key.memory_of,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            old_value_until: key.old_until,
        }
    }
}

/// A key with its value, which is shown this once.
#[derive(Serialize, ToSchema)]
struct MadeKeyView {
    #[serde(flatten)]
    key: KeyView,
    /// Keep it now: nobody can show it again.
    #[schema(example = "jk_mKxWk1…")]
    value: String,
}

impl From<MadeKey> for MadeKeyView {
    fn from(made: MadeKey) -> Self {
        Self {
            value: made.value.expose_secret().to_owned(),
            key: made.key.into(),
        }
    }
}

/// What a new key shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKeyBody {
    /// 1 to 100 characters.
    #[schema(example = "nightly report", min_length = 1, max_length = 100)]
    name: String,
    /// At least one.
    #[schema(example = json!(["sessions:read"]), min_items = 1)]
    scopes: Vec<String>,
    /// `SITE` or `SITE:ACCOUNT` each; without it every session, with an empty list none.
    #[schema(example = json!(["wiki"]))]
    sessions: Option<Vec<String>>,
    /// The only user whose memory it shall reach.
    memory_of: Option<String>,
    /// How long it shall be good.
    expires_in: Option<Span>,
    /// When it shall end.
    expires_at: Option<DateTime<Utc>>,
}

impl NewKeyBody {
    fn read(self, now: DateTime<Utc>) -> Result<NewKey, Problem> {
        let words = self.scopes.iter().map(|word| word.parse::<Scope>());
        let scopes: Scopes = words
            .collect::<Result<_, _>>()
            .map_err(|e| Problem::bad_request(e.to_string()))?;
        let reach = Reach::of(self.sessions.as_deref()).map_err(Problem::bad_request)?;
        let expires_at = match (self.expires_in, self.expires_at) {
            (None, at) => at,
            (Some(span), None) => Some(now + delta(span)?),
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request(
                    "give expires_in or expires_at, not both",
                ));
            }
        };
        Ok(NewKey {
            name: self.name,
            scopes,
            reach,
            memory_of: self.memory_of,
            expires_at,
        })
    }
}

fn delta(span: Span) -> Result<TimeDelta, Problem> {
    let hundred_years = TimeDelta::days(36_500);
    let delta = TimeDelta::from_std(span.0).ok();
    delta
        .filter(|delta| *delta <= hundred_years)
        .ok_or_else(|| Problem::bad_request("this span is longer than a hundred years"))
}

/// Makes a key. It can allow no more than the credentials that ask for it.
#[utoipa::path(post, path = "/v1/keys", operation_id = "keys.create", tag = "keys", request_body = NewKeyBody,
    responses((status = 201, body = MadeKeyView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
async fn create(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Json(body): Json<NewKeyBody>,
) -> Result<(StatusCode, Extension<Told>, Json<MadeKeyView>), Problem> {
    let new = body.read((door.clock)())?;
    let made = door.identity.make_key(&principal, new).await?;
    let told = Told {
        subject: Some(made.key.id.clone()),
        ..Told::default()
    };
    Ok((StatusCode::CREATED, Extension(told), Json(made.into())))
}

/// Lists the person's keys, oldest first; the owner's credentials see everybody's.
#[utoipa::path(get, path = "/v1/keys", operation_id = "keys.list", tag = "keys",
    responses((status = 200, body = Vec<KeyView>), (status = 401, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<KeyView>>, Problem> {
    let keys = door.identity.keys(&principal)?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// Shows a key.
#[utoipa::path(get, path = "/v1/keys/{id}", operation_id = "keys.show", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = KeyView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(door.identity.key(&principal, &id)?.into()))
}

/// How a key is rotated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old value stays good beside the new one, up to 30 days; without it an hour.
    overlap: Option<Span>,
}

/// Gives a key a new value; the old one stays good for the overlap.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", operation_id = "keys.rotate", tag = "keys",
    params(("id" = String, Path, description = "The key's id")), request_body = Option<Rotation>,
    responses((status = 200, body = MadeKeyView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn rotate(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    body: Option<Json<Rotation>>,
) -> Result<Json<MadeKeyView>, Problem> {
    let overlap = match body.and_then(|Json(body)| body.overlap) {
        Some(span) => delta(span)?,
        None => OVERLAP,
    };
    let made = door.identity.rotate_key(&principal, &id, overlap).await?;
    Ok(Json(made.into()))
}

/// Revokes a key at once, with the value before a rotation.
#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "keys.revoke", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn revoke(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.identity.revoke_key(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
