//! `/v1/leases`: an account of a site for oneself, for a time.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Json, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::ids::{AccountName, SiteName, is_seen};
use crate::pool::{LONGEST, Lease, Past, PoolError, SHORTEST, TTL, Wish};
use crate::renewal::Condition;

/// Longest wait for a free account.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Longest purpose, in characters.
const LONGEST_PURPOSE: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Door> {
    let one = |routes| guarded(Scope::SessionsLease, routes);
    OpenApiRouter::new()
        .routes(one(routes!(take)))
        .routes(one(routes!(list)))
        .routes(one(routes!(show, give_back)))
        .routes(one(routes!(extend)))
}

/// What account is wanted, for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// How long the lease lasts: `10m` unless given, `10s` to `24h`.
    #[schema(example = "10m")]
    ttl: Option<String>,
    /// Only this account; empty: the site's first, which has no name. Left out: any that is free.
    #[schema(example = "bob")]
    account: Option<String>,
    /// How long to wait for a free account: not at all unless given, at most `120s`.
    #[schema(example = "1s")]
    wait: Option<String>,
    /// What for: told to whoever lists leases. At most 200 characters.
    purpose: Option<String>,
}

/// How long a lease lasts from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Longer {
    /// `10s` to `24h`; a shorter time than what is left is taken too. `10m` unless given.
    #[schema(example = "10m")]
    ttl: Option<String>,
}

/// A lease: the account is reserved, among those who lease, until it ends.
#[derive(Serialize, ToSchema)]
struct LeaseView {
    /// Its id.
    id: String,
    /// The session of the account: `SITE` for the first account, `SITE:ACCOUNT` for further ones.
    #[schema(example = "wiki:bob")]
    session: String,
    /// The site.
    site: String,
    /// The account; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Whose it is: `key:ID`, `token:ID` or `local:UID`.
    #[schema(example = "key:5f1c0e7a9b3d2c4e6f80")]
    holder: String,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// When it was taken.
    taken_at: DateTime<Utc>,
    /// From this moment on the account is free for others.
    expires_at: DateTime<Utc>,
    /// When it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
    /// How it ended: `returned` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
}

impl From<Lease> for LeaseView {
    fn from(lease: Lease) -> Self {
        Self {
            id: lease.id,
            site: lease.session.site.to_string(),
            account: lease.session.account.as_ref().map(ToString::to_string),
            session: lease.session.to_string(),
            holder: lease.holder,
            purpose: lease.purpose,
            taken_at: lease.taken_at,
            expires_at: lease.expires_at,
            ended_at: None,
            ended: None,
        }
    }
}

impl From<Past> for LeaseView {
    fn from(past: Past) -> Self {
        let (ended_at, ended) = past.ended.unzip();
        Self {
            ended_at,
            ended,
            ..past.lease.into()
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::NoSite(site) => Self::not_found("site", site.as_str()),
            PoolError::NoAccount(session) => Self::no_session(&session),
            PoolError::NoneFree { site, next_end } => {
                let left = (next_end - Utc::now()).num_milliseconds();
                let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1000).max(1);
                let detail = format!(
                    "every account of {site} that you reach is leased; the next lease ends at {}, and wait lets a request wait for it",
                    next_end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
                );
                Self::conflict("none-free", detail).retry_after(seconds)
            }
            PoolError::Unknown(id) => Self::not_found("lease", &id),
            PoolError::Ended(id) => {
                let detail = format!(
                    "the lease {id} has ended, and the account may be somebody else's by now; take another one"
                );
                Self::conflict("lease-ended", detail)
            }
            PoolError::Store(error) => error.into(),
            PoolError::NoRandom => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "storage", "Storage failed", error.to_string())
            }
        }
    }
}

/// The condition of a session, with the lease on it.
pub(super) fn shown(door: &Door, condition: Condition) -> Condition {
    let key = condition.key.parse().ok();
    let leased_until = key.and_then(|key| door.pool.leased_until(&key));
    Condition {
        leased_until,
        ..condition
    }
}

/// A span of time in a body.
fn span(name: &str, text: &str) -> Result<Duration, Problem> {
    humantime::parse_duration(text)
        .map_err(|_| Problem::bad_request(format!("{name} is no span of time like 30s, 10m or 2h")))
}

fn ttl(text: Option<&str>) -> Result<TimeDelta, Problem> {
    let Some(text) = text else {
        return Ok(TTL);
    };
    let ttl = TimeDelta::from_std(span("ttl", text)?).unwrap_or(TimeDelta::MAX);
    match (SHORTEST..=LONGEST).contains(&ttl) {
        true => Ok(ttl),
        false => Err(Problem::bad_request("ttl must be 10s to 24h")),
    }
}

/// Takes a free account of a site for the caller alone.
///
/// It is a reservation among those who lease: reading the session needs none, and renewals go on as before. Of the free
/// accounts one that is alive and not held is preferred, then the one that was longest not leased.
#[utoipa::path(post, path = "/v1/sites/{site}/leases", operation_id = "leases.take", tag = "leases",
    params(("site" = String, Path, description = "The site's name.")),
    request_body = Wanted,
    responses(
        (status = 201, body = LeaseView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such site or account, or not for you"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "none is free; Retry-After says when the next lease ends", headers(("Retry-After" = u64))),
    ))]
async fn take(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(site): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<(StatusCode, Json<LeaseView>), Problem> {
    let Ok(site) = site.parse::<SiteName>() else {
        return Err(Problem::not_found("site", &site));
    };
    let account = match wanted.account.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(name) => {
            let name = name.parse::<AccountName>();
            Some(Some(name.map_err(|e| Problem::bad_request(e.to_string()))?))
        }
    };
    let wait = span("wait", wanted.wait.as_deref().unwrap_or("0s"))?;
    if wait > LONGEST_WAIT {
        return Err(Problem::bad_request("wait must be 120s or less"));
    }
    let long = |purpose: &String| purpose.chars().count() > LONGEST_PURPOSE;
    if wanted.purpose.as_ref().is_some_and(long) {
        let detail = format!("purpose must have at most {LONGEST_PURPOSE} characters");
        return Err(Problem::bad_request(detail));
    }
    let unseen = |purpose: &String| !purpose.chars().all(is_seen);
    if wanted.purpose.as_ref().is_some_and(unseen) {
        let detail = "purpose is one line, without control characters and such as nobody sees";
        return Err(Problem::bad_request(detail));
    }
    let wish = Wish {
        site,
        account,
        ttl: ttl(wanted.ttl.as_deref())?,
        wait,
        purpose: wanted.purpose,
    };
    let lease = door.pool.take(&principal, &wish).await?;
    Ok((StatusCode::CREATED, Json(lease.into())))
}

/// Lists the caller's leases that run; with the scope `admin`, everybody's.
#[utoipa::path(get, path = "/v1/leases", operation_id = "leases.list", tag = "leases",
    responses((status = 200, body = Vec<LeaseView>)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Json<Vec<LeaseView>> {
    let leases = door.pool.list(&principal);
    Json(leases.into_iter().map(Into::into).collect())
}

/// Shows one lease, also for a day after its end.
#[utoipa::path(get, path = "/v1/leases/{id}", operation_id = "leases.show", tag = "leases",
    params(("id" = String, Path, description = "The lease's id.")),
    responses(
        (status = 200, body = LeaseView),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such lease, or not yours"),
    ))]
async fn show(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<LeaseView>, Problem> {
    Ok(Json(door.pool.get(&principal, &id)?.into()))
}

/// Has a lease last longer: it ends `ttl` from now.
#[utoipa::path(post, path = "/v1/leases/{id}/extend", operation_id = "leases.extend", tag = "leases",
    params(("id" = String, Path, description = "The lease's id.")),
    request_body = Longer,
    responses(
        (status = 200, body = LeaseView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such lease, or not yours"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it has ended"),
    ))]
async fn extend(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    Json(longer): Json<Longer>,
) -> Result<Json<LeaseView>, Problem> {
    let ttl = ttl(longer.ttl.as_deref())?;
    Ok(Json(door.pool.extend(&principal, &id, ttl).await?.into()))
}

/// Gives the account back. May be repeated.
#[utoipa::path(delete, path = "/v1/leases/{id}", operation_id = "leases.return", tag = "leases",
    params(("id" = String, Path, description = "The lease's id.")),
    responses(
        (status = 204, description = "the account is free"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such lease, or not yours"),
    ))]
async fn give_back(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    door.pool.give_back(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
