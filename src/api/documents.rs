//! `/v1/documents`: texts in a person's memory.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audit::Told;
use super::given::Name;
use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::memory::{Document, DocumentKind, MemoryError};

/// Most documents of one page.
const PAGE: u32 = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryRead, routes!(list)))
        .routes(guarded(Scope::MemoryRead, routes!(get)))
        .routes(guarded(Scope::MemoryWrite, routes!(put, delete)))
}

/// A document, without its text.
#[derive(Serialize, ToSchema)]
struct DocumentView {
    /// Its id.
    id: String,
    /// What its person calls it.
    #[schema(example = "notes.md")]
    name: String,
    /// `text/plain` or `text/markdown`.
    #[schema(example = "text/markdown")]
    kind: &'static str,
    /// Length of the text, in UTF-8.
    bytes: u64,
    /// When it was first kept.
    created_at: DateTime<Utc>,
    /// When its text was last replaced.
    updated_at: DateTime<Utc>,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            name: document.name,
            kind: document.kind.word(),
            bytes: document.bytes,
            created_at: document.created_at,
            updated_at: document.updated_at,
        }
    }
}

/// Keeps a text under a name, word for word; one that is there is replaced. UTF-8, 1 MiB at most. A
/// person keeps at most 10,000 documents, and 1 GiB in them; an instance that nobody has claimed 16 MiB.
#[utoipa::path(put, path = "/v1/documents/{document}", operation_id = "documents.put", tag = "memory",
    params(("document" = inline(Name), Path, description = "The document's name: 1 to 255 characters in one line")),
    request_body(description = "The text; none: an empty one",
        content((Option<String> = "text/plain"), (Option<String> = "text/markdown"))),
    responses((status = 200, description = "It was replaced", body = DocumentView),
        (status = 201, description = "It is new", body = DocumentView), (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem, description = "The person has as many documents, or bytes in them, as one may have")))]
async fn put(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = kind(&headers)?;
    let text = String::from_utf8(body.into())
        .map_err(|_| Problem::bad_request("the text is not UTF-8; save it as UTF-8 first"))?;
    let (document, new) = door.memory.put(&principal, &name, kind, text).await?;
    let status = match new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let told = about(&document.id);
    let answer = (status, Json(DocumentView::from(document))).into_response();
    Ok(told.on(answer))
}

/// What kind of text comes; without a Content-Type, which only an empty one may be, it is plain.
fn kind(headers: &HeaderMap) -> Result<DocumentKind, Problem> {
    let Some(said) = headers.get(CONTENT_TYPE) else {
        return Ok(DocumentKind::Plain);
    };
    let wrong = |detail: &str| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Problem::new(status, "wrong-type", "Not this type", detail)
    };
    let mut parts = said.to_str().unwrap_or_default().split(';');
    let kind = DocumentKind::of(parts.next().unwrap_or_default().trim());
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"');
        let same = ["utf-8", "us-ascii"]
            .iter()
            .any(|one| value.eq_ignore_ascii_case(one));
        if name.trim().eq_ignore_ascii_case("charset") && !same {
            return Err(wrong("the text must be UTF-8"));
        }
    }
    kind.ok_or_else(|| wrong("Content-Type must be text/plain or text/markdown"))
}

/// A document's name is a text of its person, which does not belong into the audit log: there it is known by its id.
fn about(id: &str) -> Told {
    Told {
        subject: Some(id.to_owned()),
        ..Told::default()
    }
}

/// Which documents are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those whose names come after this one: `next` of the page before.
    after: Option<String>,
    /// Most documents; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Documents.
#[derive(Serialize, ToSchema)]
struct DocumentPage {
    /// By name.
    documents: Vec<DocumentView>,
    /// What to give as `after` for those behind these; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists the documents of the person's memory by name, without their texts.
#[utoipa::path(get, path = "/v1/documents", operation_id = "documents.list", tag = "memory", params(Wanted),
    responses((status = 200, body = DocumentPage), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<DocumentPage>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is 1 to {PAGE}")));
    }
    // One more than is shown tells whether there is more.
    let mut found = door
        .memory
        .list(&principal, wanted.after.as_deref(), limit + 1)?;
    let more = u32::try_from(found.len()).is_ok_and(|count| count > limit);
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let documents = found.into_iter().map(DocumentView::from).collect();
    Ok(Json(DocumentPage { documents, next }))
}

/// Gives the text of a document.
#[utoipa::path(get, path = "/v1/documents/{document}", operation_id = "documents.get", tag = "memory",
    params(("document" = String, Path, description = "The document's name")),
    responses((status = 200, description = "The text",
            content((String = "text/plain"), (String = "text/markdown"))),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (document, text) = door.memory.get(&principal, &name)?;
    let kind = format!("{}; charset=utf-8", document.kind.word());
    let answer = ([(CONTENT_TYPE, kind)], text).into_response();
    Ok(about(&document.id).on(answer))
}

/// Deletes a document.
#[utoipa::path(delete, path = "/v1/documents/{document}", operation_id = "documents.delete", tag = "memory",
    params(("document" = String, Path, description = "The document's name")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let id = door.memory.delete(&principal, &name).await?;
    Ok(about(&id).on(StatusCode::NO_CONTENT.into_response()))
}

impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        let words = error.to_string();
        match error {
            MemoryError::Invalid(why) => Self::bad_request(why),
            MemoryError::TooLarge => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Self::new(status, "too-large", "Too large", words)
            }
            MemoryError::Full => Self::conflict("too-many-documents", words),
            MemoryError::NoRoom { .. } => Self::conflict("memory-full", words),
            MemoryError::Foreign => {
                Self::new(StatusCode::FORBIDDEN, "refused", "Not allowed", words)
            }
            MemoryError::Unknown(name) => Self::not_found("document", &name),
            MemoryError::UnknownInteraction(id) => Self::not_found("interaction", &id),
            MemoryError::UnknownFact(id) => Self::not_found("fact", &id),
            MemoryError::NotCurrent { .. } => Self::conflict("not-current", words),
            MemoryError::TooManyFacts(_) => Self::conflict("memory-full", words),
            MemoryError::Conflict(_) => Self::conflict("key-of-another", words),
            MemoryError::Crowded { .. } | MemoryError::Heavy { .. } => {
                Self::conflict("memory-full", words)
            }
            MemoryError::Changed(_) => Self::conflict("version-changed", words),
            MemoryError::Miscounted { .. } => Self::conflict("count-changed", words),
            MemoryError::Store(error) => error.into(),
        }
    }
}
