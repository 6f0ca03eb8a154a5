//! `/v1/webhooks`: who is told of events.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Json, Problem, guarded};
use crate::events::{Event, Kind};
use crate::identity::{Principal, Scope};
use crate::webhooks::{Delivery, Tried, Webhook, WebhookError};

/// Most deliveries that are listed.
const LISTED: u32 = 100;

pub(super) fn routes() -> OpenApiRouter<Door> {
    let one = |routes| guarded(Scope::Admin, routes);
    OpenApiRouter::new()
        .routes(one(routes!(list, make)))
        .routes(one(routes!(delete)))
        .routes(one(routes!(test)))
        .routes(one(routes!(deliveries)))
}

/// What a new webhook shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct New {
    /// Where deliveries go: `https`, or, where it is asked for at the socket, `http` to this machine itself. An address in a private network is refused.
    #[schema(example = "http://127.0.0.1:9000/jarkeeper")]
    url: String,
    /// Only events of these kinds; left out: every kind.
    #[schema(example = json!(["session.renewed", "session.failed"]))]
    kinds: Option<Vec<String>>,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
struct WebhookView {
    /// Its id.
    id: String,
    /// Where deliveries go.
    url: String,
    /// Only events of these kinds; absent: every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<&'static str>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When the first try failed that no success has followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<DateTime<Utc>>,
    /// Since when nothing is sent any more; a test that goes through lets it begin anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<DateTime<Utc>>,
    /// Why nothing is sent any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_why: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let (disabled_at, disabled_why) = webhook.disabled.unzip();
        let words = |kinds: Vec<Kind>| kinds.into_iter().map(Kind::word).collect();
        Self {
            id: webhook.id,
            url: webhook.url,
            kinds: webhook.kinds.map(words),
            created_at: webhook.created_at,
            failing_since: webhook.failing_since,
            disabled_at,
            disabled_why,
        }
    }
}

/// A webhook that was just made.
#[derive(Serialize, ToSchema)]
struct MadeView {
    #[serde(flatten)]
    webhook: WebhookView,
    /// What deliveries are signed with, as the Standard Webhooks specification has it. Shown this once.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
struct TriedView {
    /// Whether it was taken: the answer's status was 2xx.
    taken: bool,
    /// The status of the answer, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How long it took. Milliseconds.
    took_ms: u64,
}

impl From<Tried> for TriedView {
    fn from(tried: Tried) -> Self {
        Self {
            taken: tried.error.is_none(),
            status: tried.status,
            error: tried.error,
            took_ms: u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// One event for a webhook.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    /// The header `webhook-id`, the same at each try.
    id: String,
    /// What is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    /// How often it was tried.
    tries: u32,
    /// When it is tried next; absent: no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<DateTime<Utc>>,
    /// When it was taken; absent: not yet, or never.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<DateTime<Utc>>,
    /// The status of the newest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why the newest try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            event: delivery.event,
            tries: delivery.tries,
            next_at: delivery.next_at,
            delivered_at: delivery.delivered_at,
            status: delivery.status,
            error: delivery.error,
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Url(why) => Self::bad_request(why),
            WebhookError::TooMany => Self::conflict("too-many-webhooks", error.to_string()),
            WebhookError::Unknown(id) => Self::not_found("webhook", &id),
            WebhookError::Seal(why) => Self::conflict("no-seal", why),
            WebhookError::Store(error) => error.into(),
        }
    }
}

/// Lists the webhooks.
#[utoipa::path(get, path = "/v1/webhooks", operation_id = "webhooks.list", tag = "webhooks",
    responses((status = 200, body = Vec<WebhookView>)))]
async fn list(State(door): State<Door>) -> Result<Json<Vec<WebhookView>>, Problem> {
    let webhooks = door.webhooks.list()?;
    Ok(Json(webhooks.into_iter().map(Into::into).collect()))
}

/// Has events sent to a URL from now on.
///
/// Each is a POST of a JSON object with `type`, `timestamp` and `data`, signed as the Standard Webhooks specification says
/// (`webhook-id`, `webhook-timestamp`, `webhook-signature`). A delivery is taken when the answer is 2xx within 10 s; it is
/// tried for a day, and may come twice, each time under the same id.
#[utoipa::path(post, path = "/v1/webhooks", operation_id = "webhooks.create", tag = "webhooks",
    request_body = New,
    responses(
        (status = 201, body = MadeView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "too many, or the secret cannot be sealed"),
    ))]
async fn make(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Json(new): Json<New>,
) -> Result<(StatusCode, Json<MadeView>), Problem> {
    let kinds = match &new.kinds {
        None => None,
        Some(words) if words.is_empty() => {
            let detail =
                "kinds is empty, so nothing would ever be sent; leave it out for every kind";
            return Err(Problem::bad_request(detail));
        }
        Some(words) => {
            let kinds = words.iter().map(|word| word.parse::<Kind>());
            let kinds = kinds.collect::<Result<Vec<_>, _>>();
            Some(kinds.map_err(|unknown| Problem::bad_request(unknown.to_string()))?)
        }
    };
    let made = door
        .webhooks
        .make(&principal.who, &new.url, kinds.as_deref());
    let (webhook, secret) = made.await?;
    let made = MadeView {
        webhook: webhook.into(),
        secret: secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Removes a webhook; what it was still to be told is not sent.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", operation_id = "webhooks.delete", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 204),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn delete(State(door): State<Door>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    door.webhooks.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends an event of type `webhook.test` now, once. Where it is taken, a disabled webhook begins anew.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", operation_id = "webhooks.test", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 200, body = TriedView, description = "it was sent, or it was tried: see `taken`"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "its secret cannot be opened"),
    ))]
async fn test(
    State(door): State<Door>,
    Path(id): Path<String>,
) -> Result<Json<TriedView>, Problem> {
    Ok(Json(door.webhooks.test(&id).await?.into()))
}

/// Lists the newest deliveries of a webhook, at most 100, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", operation_id = "webhooks.deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 200, body = Vec<DeliveryView>),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
async fn deliveries(
    State(door): State<Door>,
    Path(id): Path<String>,
) -> Result<Json<Vec<DeliveryView>>, Problem> {
    let deliveries = door.webhooks.deliveries(&id, LISTED)?;
    Ok(Json(deliveries.into_iter().map(Into::into).collect()))
}
