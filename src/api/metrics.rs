//! `/metrics`, and the counting and tracing of requests.

use axum::Extension;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, guarded};
use crate::identity::{Principal, Reach, Scope, Who};
use crate::renewal::view;
use crate::telemetry::{self, Now};

const TRACEPARENT: &str = "traceparent";

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::Read, routes!(metrics)))
}

/// Numbers of the daemon, for Prometheus. They cover every site, so a key that reaches only some does not get them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics.read", tag = "health",
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text", description = "OpenMetrics 1.0"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ))]
async fn metrics(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    if principal.reach != Reach::All {
        let status = StatusCode::FORBIDDEN;
        let detail = "the numbers cover every site, and these credentials reach only some";
        return Err(Problem::new(status, "refused", "Not allowed", detail));
    }
    let text = door.metrics.text(&now(&door)?).map_err(|_| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(status, "fault", "A fault of Jarkeeper", "no text came out")
    })?;
    Ok(([(CONTENT_TYPE, telemetry::CONTENT_TYPE)], text))
}

fn now(door: &Door) -> Result<Now, Problem> {
    let (renewer, now) = (door.queue.renewer(), (door.clock)());
    let views: Vec<_> = renewer
        .keys()
        .iter()
        .filter_map(|key| {
            let kept = renewer.kept(key).ok()?;
            renewer.with_plan(key, &kept, |plan| view(now, &kept.record, plan))
        })
        .collect();
    let waiting = door.store.waiting_deliveries()?;
    let oldest = waiting.iter().map(|(_, next_at, _)| *next_at).min();
    Ok(Now {
        sessions: renewer.keys().len(),
        alive: views.iter().filter(|view| view.alive == Some(true)).count(),
        held: views.iter().filter(|view| view.hold.is_some()).count(),
        queue: door.queue.len(),
        leases: door.pool.running(),
        newest_event: door.events.span()?.newest,
        followers: door.events.followers(),
        deliveries: waiting.iter().map(|(_, _, waiting)| waiting).sum(),
        delivery_lag: oldest.map_or_else(Default::default, |at| {
            (now - at).to_std().unwrap_or_default()
        }),
    })
}

/// Counts and traces every answer, by the template of its route and never by its path.
pub(super) async fn observe(State(door): State<Door>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let parent = request.headers().get(TRACEPARENT).cloned();
    let response = next.run(request).await;
    let answered = telemetry::Request {
        method,
        route,
        status: response.status().as_u16(),
        took: began.elapsed(),
    };
    if door.traces.is_on() {
        let who = response.extensions().get::<Who>().map(ToString::to_string);
        let parent = parent.as_ref().map(HeaderValue::to_str);
        let parent = parent.and_then(Result::ok);
        door.traces.request(&answered, who.as_deref(), parent);
    }
    door.metrics.answered(answered);
    response
}

/// A caller may send any word as a method; only those that are known become labels.
fn word(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let word = known.into_iter().find(|word| *word == method.as_str());
    word.unwrap_or("other")
}
