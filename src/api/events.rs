//! `/v1/events`: what happens, as Server-Sent Events.

use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Door, Problem, guarded};
use crate::events::{Event, Full, Kind, Seat};
use crate::identity::{Principal, Proof, Reach, Scope};
use crate::ids::SessionKey;
use crate::store::StoreError;

/// Pause between two comments that keep the connection alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is seen to that the caller still may listen.
const LOOK: Duration = Duration::from_secs(2);
/// A reader that takes nothing for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(20);
/// Frames that are written ahead of a reader.
const AHEAD: usize = 16;
/// Events that are read from the store at once.
const PAGE: u32 = 100;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::SessionsRead, routes!(follow)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Go on behind the event with this number; 0: from the oldest that is kept. Left out: only what happens from now on. The
    /// header Last-Event-ID, which a client sends that comes back, goes before it.
    after: Option<i64>,
    /// Only of this session: `SITE` or `SITE:ACCOUNT`.
    session: Option<String>,
    /// Only of these kinds, with commas between.
    #[param(example = "session.renewed,session.failed")]
    kind: Option<String>,
}

/// Follows what happens to the sessions that the caller reaches.
///
/// Each event has its number as `id`, its kind as `event`, and a JSON object as `data`. A client that comes back with
/// `Last-Event-ID` misses nothing that is still kept; where events between are gone already, the first event is `gap`. Lines
/// that begin with a colon only keep the connection alive. The stream ends when the key or token ends.
#[utoipa::path(get, path = "/v1/events", operation_id = "events.follow", tag = "events",
    params(Wanted, ("Last-Event-ID" = Option<i64>, Header, description = "Go on behind the event with this number.")),
    responses(
        (status = 200, body = Event, content_type = "text/event-stream", description = "the schema is that of each `data`"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "no such session, or not for you"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "this caller follows too often already"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "too many follow already"),
    ))]
async fn follow(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    proof: Option<Extension<Proof>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let session = match &wanted.session {
        None => None,
        Some(text) => {
            let key = text.parse::<SessionKey>();
            let key = key.map_err(|_| Problem::not_found("session", text))?;
            if !principal.reaches(&key) || !door.queue.renewer().keys().contains(&key) {
                return Err(Problem::no_session(&key));
            }
            Some(key)
        }
    };
    let kinds = match &wanted.kind {
        None => Vec::new(),
        Some(words) => words
            .split(',')
            .map(|word| word.trim().parse())
            .collect::<Result<Vec<Kind>, _>>()
            .map_err(|unknown| Problem::bad_request(unknown.to_string()))?,
    };
    let last = match headers.get("last-event-id") {
        None => wanted.after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            let detail = "Last-Event-ID is not the number of an event";
            Some(id.ok_or_else(|| Problem::bad_request(detail))?)
        }
    };
    let seat = door.events.seat(&principal.who.to_string());
    let seat = seat.map_err(|full| {
        let status = match full {
            Full::All => StatusCode::SERVICE_UNAVAILABLE,
            Full::Own => StatusCode::TOO_MANY_REQUESTS,
        };
        let detail = full.to_string();
        Problem::new(status, "too-many-streams", "Too many streams", detail).retry_after(5)
    })?;
    let newest = door.events.follow();
    let (frames, body) = mpsc::channel(AHEAD);
    let stream = Stream {
        door,
        principal,
        proof: proof.map(|Extension(proof)| proof),
        session,
        kinds,
        frames,
        _seat: seat,
    };
    tokio::spawn(stream.run(newest, last));
    let body = futures::stream::unfold(body, |mut body| async {
        let frame: Bytes = body.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), body))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// One caller that follows.
struct Stream {
    door: Door,
    principal: Principal,
    /// What the caller showed; `None`: at the socket.
    proof: Option<Proof>,
    session: Option<SessionKey>,
    kinds: Vec<Kind>,
    frames: mpsc::Sender<Bytes>,
    _seat: Seat,
}

/// Why a stream ends.
enum End {
    /// Nobody reads, or not fast enough.
    Gone,
    /// The caller may not listen any more, or the daemon stops.
    Over,
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Stream {
    async fn run(self, mut newest: tokio::sync::watch::Receiver<Option<i64>>, last: Option<i64>) {
        let who = &self.principal.who;
        match self.tell(&mut newest, last).await {
            Ok(()) | Err(End::Over) => {}
            Err(End::Gone) => tracing::debug!(%who, "a reader of events is gone, or too slow"),
            Err(End::Store(error)) => tracing::error!("events cannot be read: {error}"),
        }
    }

    async fn tell(
        &self,
        newest: &mut tokio::sync::watch::Receiver<Option<i64>>,
        last: Option<i64>,
    ) -> Result<(), End> {
        newest.mark_unchanged();
        // So that the client sees at once that it is connected.
        self.send("retry: 2000\n: jarkeeper\n\n".to_owned()).await?;
        let mut after = self.begin(last).await?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut quiet_since = Instant::now();
        loop {
            loop {
                let (events, next) = self.door.events.page(after, self.session.as_ref(), PAGE)?;
                for event in events.iter().filter(|event| self.wants(event)) {
                    let data = serde_json::json!(event);
                    let (id, kind) = (event.id, event.kind);
                    self.send(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n"))
                        .await?;
                    quiet_since = Instant::now();
                }
                if next == after {
                    break;
                }
                after = next;
                self.may_listen().await?;
            }
            tokio::select! {
                changed = newest.changed() => {
                    if changed.is_err() || newest.borrow_and_update().is_none() {
                        return Err(End::Over);
                    }
                }
                _ = look.tick() => {
                    self.may_listen().await?;
                    if quiet_since.elapsed() >= HEARTBEAT {
                        self.send(":\n\n".to_owned()).await?;
                        quiet_since = Instant::now();
                    }
                }
                () = self.frames.closed() => return Err(End::Gone),
            }
        }
    }

    /// The number to begin behind; tells where what the caller asks for is gone already.
    async fn begin(&self, last: Option<i64>) -> Result<i64, End> {
        let span = self.door.events.span()?;
        let Some(last) = last else {
            return Ok(span.newest);
        };
        let oldest = span.oldest.unwrap_or(span.newest + 1);
        let lost = match last {
            // Of another store than this one: nothing is known of what was missed.
            _ if last > span.newest || last < 0 => true,
            0 => false,
            last => last + 1 < oldest,
        };
        if !lost {
            return Ok(last);
        }
        self.send(format!("event: gap\ndata: {{\"oldest\":{oldest}}}\n\n"))
            .await?;
        Ok(oldest - 1)
    }

    fn wants(&self, event: &Event) -> bool {
        let reached = match &event.session {
            Some(session) => self.principal.reaches(session),
            // What concerns all sessions is for those who reach all.
            None => self.principal.reach == Reach::All,
        };
        reached && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }

    async fn may_listen(&self) -> Result<(), End> {
        let Some(proof) = &self.proof else {
            return Ok(());
        };
        match self.door.identity.authenticate(proof).await {
            // What it may do may have been changed, too.
            Ok(principal)
                if principal.may(Scope::SessionsRead)
                    && principal.reach == self.principal.reach =>
            {
                Ok(())
            }
            _ => Err(End::Over),
        }
    }

    async fn send(&self, frame: String) -> Result<(), End> {
        match timeout(PATIENCE, self.frames.send(frame.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}
