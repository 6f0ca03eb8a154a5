//! `/v1/memory/export`: everything of a user's memory, a line a thing.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::{Door, Problem, guarded};
use super::care::Whose;
use super::interactions::InteractionView;
use super::mending::VersionView;
use crate::identity::{Principal, Scope};
use crate::memory::{Learned, Taken};

/// Pieces that are read ahead of a slow reader.
const AHEAD: usize = 2;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::MemoryRead, routes!(export)))
}

/// A line of an export.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ExportLine {
    /// What was said.
    Interaction {
        #[serde(flatten)]
        one: InteractionView,
        idempotency_key: Option<String>,
        /// What it said before, the oldest first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        versions: Vec<VersionView>,
    },
    /// A document.
    Document {
        /// In whose memory it is.
        user_id: String,
        name: String,
        /// Its media type.
        kind: String,
        /// Its text, word for word, as searches know it.
        text: String,
        /// What came, in Base64, where that is not the text itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        original: Option<String>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        /// Its path below the watched folder.
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
    },
    /// What a model read out of what was said.
    Fact {
        id: String,
        user_id: String,
        text: String,
        valid_from: Option<DateTime<Utc>>,
        valid_until: Option<DateTime<Utc>>,
        /// `current`, `replaced`, `rejected` or `outdated`.
        state: String,
        version: u32,
        /// Ids of the interactions that it was read out of.
        sources: Vec<String>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    },
    /// The last line: without it the export is not whole.
    End {
        /// How many lines stand before it.
        lines: u64,
    },
}

impl From<Taken> for ExportLine {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Interaction(one, idempotency_key, old) => Self::Interaction {
                one: one.into(),
                idempotency_key,
                versions: old.into_iter().map(VersionView::from).collect(),
            },
            Taken::Document {
                user,
                name,
                kind,
                created_at,
                updated_at,
                text,
                original,
                origin,
            } => Self::Document {
                user_id: user,
                name,
                kind,
                text,
                original: original.map(|bytes| STANDARD.encode(bytes)),
                created_at,
                updated_at,
                origin,
            },
            Taken::Fact(one) => fact(one),
        }
    }
}

fn fact(one: Learned) -> ExportLine {
    ExportLine::Fact {
        id: one.id,
        user_id: one.user,
        text: one.text,
        valid_from: one.valid_from,
        valid_until: one.valid_until,
        state: one.state,
        version: one.version,
        sources: one.sources,
        created_at: one.created_at,
        updated_at: one.updated_at,
    }
}

/// Gives everything of a user's memory as JSON Lines: interactions with their history in the order in which they came, then documents,
/// then facts, then a line of type `end`, without which it is not whole. `jarkeeper memory import` takes it back, but for what was said
/// before it was changed, facts that were replaced or outdated, and documents of the watched folder; a fact that a model read comes back as
/// one that was stated, and what comes back was kept when it came back.
#[utoipa::path(get, path = "/v1/memory/export", operation_id = "memory.export", tag = "memory", params(Whose),
    responses((status = 200, description = "A line a thing", content((ExportLine = "application/x-ndjson"))),
        (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn export(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let mut all = door.memory.take_out(&principal, whose.user_id.as_deref())?;
    let (pieces, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(AHEAD);
    tokio::spawn(async move {
        let mut lines = 0_u64;
        let broken = |error: &dyn std::error::Error| {
            tracing::error!("an export broke off: {error}");
            std::io::Error::other("the store cannot be read")
        };
        loop {
            // A piece may be large: nobody else waits for it.
            let read = tokio::task::spawn_blocking(move || (all.next_piece(), all)).await;
            let taken = match read {
                Ok((Ok(Some(taken)), rest)) => {
                    all = rest;
                    taken
                }
                Ok((Ok(None), _)) => break,
                Ok((Err(error), _)) => {
                    // Who reads may have gone away.
                    let _ = pieces.send(Err(broken(&error))).await;
                    return;
                }
                Err(error) => {
                    let _ = pieces.send(Err(broken(&error))).await;
                    return;
                }
            };
            let mut piece = Vec::new();
            for one in taken {
                lines += 1;
                if let Err(error) = write(&mut piece, &one.into()) {
                    let _ = pieces.send(Err(broken(&error))).await;
                    return;
                }
            }
            if pieces.send(Ok(piece.into())).await.is_err() {
                return;
            }
        }
        let mut end = Vec::new();
        if write(&mut end, &ExportLine::End { lines }).is_ok() {
            let _ = pieces.send(Ok(end.into())).await;
        }
    });
    let body = futures::stream::unfold(body, |mut body| async {
        let piece = body.recv().await?;
        Some((piece, body))
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"jarkeeper-memory.jsonl\"",
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn write(into: &mut Vec<u8>, line: &ExportLine) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *into, line)?;
    into.push(b'\n');
    Ok(())
}
