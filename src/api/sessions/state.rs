//! A session itself, in the formats that tools read, as fresh as it is asked for.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    AGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::try_join_all;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reached;
use crate::api::limits::renewals;
use crate::api::span::Span;
use crate::api::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::ids::{SessionKey, SessionName};
use crate::renewal::{Freshness, Rendered, Unmet, Unread};
use crate::session::formats::Format;

/// How long a caller waits for a renewal that says nothing of it.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// Longest wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Most of what was left out that a header names, bytes.
const LONGEST_LIST: usize = 1_000;

const ALIVE: HeaderName = HeaderName::from_static("jarkeeper-alive");
const CAPTURED_AT: HeaderName = HeaderName::from_static("jarkeeper-captured-at");
const EXPIRES_AT: HeaderName = HeaderName::from_static("jarkeeper-expires-at");
const LEFT_OUT: HeaderName = HeaderName::from_static("jarkeeper-left-out");
const PROVEN_AT: HeaderName = HeaderName::from_static("jarkeeper-proven-at");
const STALE: HeaderName = HeaderName::from_static("jarkeeper-stale");

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::SessionsRead, routes!(get)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// The format; `storage-state` where it is not given.
    #[param(inline)]
    format: Option<Format>,
    /// Only what belongs to this URL. The format `header` is for one URL: the site's own, where none is given.
    #[param(value_type = Option<String>, format = Uri)]
    url: Option<Url>,
    /// The session must have been proven alive at most so long ago; otherwise it is renewed first, once for all who wait.
    /// A renewal needs the scope `sessions:renew` too.
    max_age: Option<Span>,
    /// How long to wait for that: 30 seconds where it is not given; more than 120 count as 120.
    wait: Option<Span>,
    /// `allow`: where `max_age` cannot be had, the session as it is, and why in the header `Jarkeeper-Stale`.
    #[param(inline)]
    stale: Option<Stale>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Stale {
    Allow,
}

/// Gives a session, in the format and as fresh as it is asked for.
#[utoipa::path(get, path = "/v1/sessions/{session}/state", operation_id = "sessions.state.get", tag = "sessions",
    params(("session" = String, Path, description = "`SITE`, `SITE:ACCOUNT` or `A.B`."), Asked),
    responses(
        (status = 200, description = "The session.",
            content((serde_json::Value = "application/json"), (String = "text/plain")),
            headers(
                ("ETag" = String, description = "A hash of the body."),
                ("Last-Modified" = String, description = "When the state was written."),
                ("Age" = u64, description = "Seconds since the session was proven alive at its site."),
                ("Jarkeeper-Alive" = String, description = "`true`, `false` or `unknown`: not looked at lately."),
                ("Jarkeeper-Captured-At" = String, description = "When the state was last renewed (RFC 3339)."),
                ("Jarkeeper-Proven-At" = String, description = "When the session was last seen alive (RFC 3339)."),
                ("Jarkeeper-Expires-At" = String, description = "When the session ends, as far as is known (RFC 3339)."),
                ("Jarkeeper-Left-Out" = String, description = "What the format has no place for."),
                ("Jarkeeper-Stale" = String, description = "Why the session is older than `max_age`: `held`, `pending`, or a failure class."))),
        (status = 304, description = "The session is what the caller has."),
        (status = 409, description = "There is no session yet, it is held, its renewal failed in a way that a person must mend, or the format cannot hold it.", body = Problem),
        (status = 502, description = "The renewal failed at the site.", body = Problem),
        (status = 503, description = "The renewal cannot be done now.", body = Problem),
        (status = 504, description = "The renewal did not end in time.", body = Problem)))]
async fn get(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(session): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = reached(&door, &principal, &session)?;
    let stale = match asked.max_age {
        Some(max_age) => {
            let unmet = renewed(&door, &principal, &name, max_age, asked.wait).await?;
            match (unmet, asked.stale) {
                (Some(unmet), None) => return Err(unmet.into()),
                (Some(unmet), Some(Stale::Allow)) => Some(unmet),
                (None, _) => None,
            }
        }
        None => None,
    };
    let format = asked.format.unwrap_or(Format::StorageState);
    let own = match (&name, format, &asked.url) {
        (SessionName::One(key), Format::Header, None) => {
            let settings = door.settings.borrow();
            settings
                .recipes
                .get(&key.site)
                .map(|recipe| recipe.url.clone())
        }
        (SessionName::Joined(_), Format::Header, None) => {
            let detail =
                "a Cookie header belongs to one URL, and a combination has several: give url";
            return Err(Problem::bad_request(detail));
        }
        _ => None,
    };
    let url = asked.url.as_ref().or(own.as_ref());
    let renewer = door.queue.renewer();
    let rendered = match renewer.rendered(&name, format, url).await {
        Ok(Some(rendered)) => rendered,
        Ok(None) => {
            return Err(stale.map_or_else(|| none_yet(&name), Problem::from));
        }
        Err(Unread::Failed(failure)) => return Err(failure.into()),
        Err(Unread::Format(error)) => {
            return Err(Problem::conflict("not-in-this-format", error.to_string()));
        }
    };
    let fresh = renewer.freshness(&name)?;
    Ok(answer(
        &rendered,
        format,
        &fresh,
        stale.as_ref(),
        &headers,
        (door.clock)(),
    ))
}

fn none_yet(name: &SessionName) -> Problem {
    let detail = format!(
        "{name} has no session yet; it comes with its first renewal: ask with max_age, or POST /v1/sessions/{name}/renew"
    );
    Problem::conflict("no-session-yet", detail)
}

/// Renews what is older than asked for. `Some`: it could not be had.
async fn renewed(
    door: &Door,
    principal: &Principal,
    name: &SessionName,
    Span(max_age): Span,
    wait: Option<Span>,
) -> Result<Option<Unmet>, Problem> {
    let max_age = TimeDelta::from_std(max_age).unwrap_or(TimeDelta::MAX);
    let until = Instant::now() + wait.map_or(WAIT, |Span(wait)| wait.min(LONGEST_WAIT));
    let renewer = door.queue.renewer();
    let keys = match name {
        SessionName::One(key) => vec![key.clone()],
        SessionName::Joined(combination) => renewer.parts(combination),
    };
    let asked = (door.clock)();
    let mut old: Vec<&SessionKey> = Vec::new();
    for key in &keys {
        if !renewer.is_fresh(key, max_age, asked)? {
            old.push(key);
        }
    }
    if old.is_empty() {
        return Ok(None);
    }
    if !principal.may(Scope::SessionsRenew) {
        return Err(Problem::insufficient_scope(Scope::SessionsRenew));
    }
    renewals(&door.queue, &principal.who, &old)?;
    let all = old.iter().map(|key| door.queue.proven(key, max_age, until));
    Ok(try_join_all(all).await.err())
}

fn answer(
    rendered: &Rendered,
    format: Format,
    fresh: &Freshness,
    stale: Option<&Unmet>,
    asked: &HeaderMap,
    now: DateTime<Utc>,
) -> Response {
    let known = is_known(rendered, asked);
    let mut response = Response::new(match known {
        true => Body::empty(),
        false => Body::from(rendered.bytes.clone()),
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        // Our own words; what is none is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(ETAG, &rendered.etag);
    let modified = rendered.modified.format("%a, %d %b %Y %H:%M:%S GMT");
    set(LAST_MODIFIED, &modified.to_string());
    let alive = match fresh.alive {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    };
    set(ALIVE, alive);
    for (name, at) in [
        (CAPTURED_AT, fresh.captured_at),
        (PROVEN_AT, fresh.proven_at),
        (EXPIRES_AT, fresh.expires_at),
    ] {
        if let Some(at) = at {
            set(name, &at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
    if let Some(unmet) = stale {
        set(STALE, unmet.word());
    }
    if !rendered.left_out.is_empty() {
        set(LEFT_OUT, &listed(rendered));
    }
    if let Some(at) = fresh.proven_at {
        let age = now.signed_duration_since(at).num_seconds();
        headers.insert(AGE, age.max(0).into());
    }
    if !known {
        let kind = match format {
            Format::StorageState | Format::Puppeteer | Format::Selenium => "application/json",
            Format::Netscape | Format::Header => "text/plain; charset=utf-8",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// What was left out, in one line. Cookies may have any name, and a header line may not.
fn listed(rendered: &Rendered) -> String {
    let all: Vec<_> = rendered.left_out.iter().map(ToString::to_string).collect();
    let plain = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    let text: String = all.join("; ").chars().map(plain).collect();
    match text.len() > LONGEST_LIST {
        true => format!("{}... ({} in all)", &text[..LONGEST_LIST], all.len()),
        false => text,
    }
}

/// Whether the caller has this very text already (RFC 9110 section 13.2.2).
fn is_known(rendered: &Rendered, asked: &HeaderMap) -> bool {
    let mut tags = asked.get_all(IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        let lists = tags.filter_map(|list| list.to_str().ok());
        return lists.flat_map(|list| list.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == rendered.etag
        });
    }
    let since = asked.get(IF_MODIFIED_SINCE).and_then(|at| at.to_str().ok());
    let since = since.and_then(|at| DateTime::parse_from_rfc2822(at).ok());
    since.is_some_and(|since| rendered.modified <= since)
}
