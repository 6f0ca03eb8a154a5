//! `/v1/documents`: what is kept in a person's memory, and found by its passages.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::audit::Told;
use super::given::Name;
use super::memory::words::OneLine;
use super::{Door, Problem, guarded};
use crate::identity::{Principal, Scope};
use crate::memory::{Document, DocumentKind, FolderState, MemoryError};

/// Most documents of one page.
const PAGE: u32 = 1000;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryRead, routes!(list)))
        .routes(guarded(Scope::MemoryRead, routes!(get)))
        .routes(guarded(Scope::MemoryWrite, whole(routes!(put, delete))))
}

/// With the limit of the guard for documents, and no lower one.
fn whole(routes: UtoipaMethodRouter<Door>) -> UtoipaMethodRouter<Door> {
    let (schemas, paths, methods) = routes;
    let methods = methods.layer(DefaultBodyLimit::max(super::limits::DOCUMENT));
    (schemas, paths, methods)
}

/// A document, without its text.
#[derive(Serialize, ToSchema)]
struct DocumentView {
    /// Its id.
    id: String,
    /// In whose memory it is.
    user_id: String,
    /// What its person calls it.
    #[schema(example = "notes.md")]
    name: String,
    /// `text/plain`, `text/markdown`, `text/html` or `application/pdf`.
    #[schema(example = "text/markdown")]
    kind: &'static str,
    /// Length of its text, in UTF-8.
    bytes: u64,
    /// Length of what came.
    size: u64,
    /// `upload`, or `folder`: it lies in the folder of `[memory] documents`, and changes with its file.
    #[schema(example = "upload")]
    origin: &'static str,
    /// How many passages of it can be found.
    passages: u64,
    /// Pages of a PDF of which not all could be read: pictures of pages, and what is broken. From 1, a thousand at most.
    #[schema(example = json!([]))]
    unread_pages: Vec<u32>,
    /// When it was first kept.
    created_at: DateTime<Utc>,
    /// When it was last replaced.
    updated_at: DateTime<Utc>,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            user_id: document.user,
            name: document.name,
            kind: document.kind.word(),
            bytes: document.bytes,
            size: document.size,
            origin: match document.in_folder {
                true => "folder",
                false => "upload",
            },
            passages: document.passages,
            unread_pages: document.unread,
            created_at: document.created_at,
            updated_at: document.updated_at,
        }
    }
}

/// Whose memory is meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// The user; without it the only one that the credentials reach, or the person itself.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
}

/// Keeps a document under a name, and its passages so that a search finds them; one that is there is replaced whole, and the
/// words of the old one are found by nothing afterwards. What comes is kept byte for byte: text and Markdown in UTF-8, 1 MiB at
/// most; HTML, in UTF-8 or in letters that it names itself, and PDF, 16 MiB at most, of which the text is read out (4 MiB at most). Where no text can be read out
/// nothing is changed. A person keeps at most 10,000 documents, and 1 GiB in them; an instance that nobody has claimed 16 MiB.
#[utoipa::path(put, path = "/v1/documents/{document}", operation_id = "documents.put", tag = "memory",
    params(("document" = inline(Name), Path, description = "The document's name: 1 to 255 characters in one line"), Whose),
    request_body(description = "The document; none: an empty text",
        content((Option<String> = "text/plain"), (Option<String> = "text/markdown"), (Option<String> = "text/html"),
            (Option<Vec<u8>> = "application/pdf"))),
    responses((status = 200, description = "It was replaced, or is the same", body = DocumentView),
        (status = 201, description = "It is new", body = DocumentView), (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem, description = "The person has as many documents, or bytes in them, as one may have; or the document of this name lies in the watched folder")))]
async fn put(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    whose: Result<Query<Whose>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let kind = kind(&headers)?;
    let put = door.memory.put(
        &principal,
        whose.user_id.as_deref(),
        &name,
        kind,
        body.into(),
    );
    let (document, new) = put.await?;
    let status = match new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let told = about(&document.id);
    let answer = (status, Json(DocumentView::from(document))).into_response();
    Ok(told.on(answer))
}

/// What comes; without a Content-Type, which only an empty one may be, it is plain.
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
            return Err(wrong("the text must be UTF-8; save it as UTF-8 first"));
        }
    }
    kind.ok_or_else(|| {
        wrong("Content-Type must be text/plain, text/markdown, text/html or application/pdf")
    })
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
    /// The user; without it the only one that the credentials reach, or the person itself.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
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
    /// How the folder of `[memory] documents` is doing; only in the owner's own memory, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<FolderView>,
}

/// The watched folder.
#[derive(Serialize, ToSchema)]
struct FolderView {
    /// What is wrong with it, and the way out; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Files that could not be taken.
    files: Vec<FileView>,
}

/// A file that could not be taken.
#[derive(Serialize, ToSchema)]
struct FileView {
    /// Its path below the folder.
    name: String,
    /// Why, and the way out. A document of an earlier state of the file stays.
    problem: String,
}

impl From<FolderState> for FolderView {
    fn from(state: FolderState) -> Self {
        let file = |(name, problem)| FileView { name, problem };
        Self {
            problem: state.problem,
            files: state.files.into_iter().map(file).collect(),
        }
    }
}

/// Lists the documents of a user's memory by name, without their texts.
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
    let user = wanted.user_id.as_deref();
    let mut found = door
        .memory
        .list(&principal, user, wanted.after.as_deref(), limit + 1)?;
    let more = u32::try_from(found.len()).is_ok_and(|count| count > limit);
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let documents = found.into_iter().map(DocumentView::from).collect();
    let folder = door.memory.folder(&principal, user).map(FolderView::from);
    Ok(Json(DocumentPage {
        documents,
        next,
        folder,
    }))
}

/// How a document is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Shape {
    /// The user; without it the only one that the credentials reach, or the person itself.
    #[param(inline, value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// `text`: its text, as it is searched; positions of passages are bytes of that. Without it: what came.
    #[serde(rename = "as")]
    #[param(inline)]
    r#as: Option<TextShape>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TextShape {
    /// The text.
    Text,
}

/// Gives a document as it came, byte for byte, or its text: of HTML that is Markdown, of a PDF plain text with a form feed between
/// its pages.
#[utoipa::path(get, path = "/v1/documents/{document}", operation_id = "documents.get", tag = "memory",
    params(("document" = String, Path, description = "The document's name"), Shape),
    responses((status = 200, description = "The document",
            content((String = "text/plain"), (String = "text/markdown"), (String = "text/html"),
                (Vec<u8> = "application/pdf"))),
        (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    shape: Result<Query<Shape>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(shape) = shape.map_err(|error| Problem::bad_request(error.body_text()))?;
    let user = shape.user_id.as_deref();
    let (document, bytes) = door
        .memory
        .get(&principal, user, &name, shape.r#as.is_some())?;
    let kind = match (shape.r#as, document.kind) {
        (Some(_), DocumentKind::Html) => DocumentKind::Markdown,
        (Some(_), DocumentKind::Pdf) => DocumentKind::Plain,
        (_, kind) => kind,
    };
    let kind = match kind {
        DocumentKind::Pdf => kind.word().to_owned(),
        // A page says itself which letters it has.
        _ if std::str::from_utf8(&bytes).is_err() => kind.word().to_owned(),
        _ => format!("{}; charset=utf-8", kind.word()),
    };
    // Somebody else's page is not shown as one of ours.
    let guarded = [
        (CONTENT_DISPOSITION, "attachment"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    let answer = ([(CONTENT_TYPE, kind)], guarded, bytes).into_response();
    Ok(about(&document.id).on(answer))
}

/// Deletes a document, with its passages: its words are found by nothing afterwards, and are in no file of the store.
#[utoipa::path(delete, path = "/v1/documents/{document}", operation_id = "documents.delete", tag = "memory",
    params(("document" = String, Path, description = "The document's name"), Whose),
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It lies in the watched folder")))]
async fn delete(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let id = door
        .memory
        .delete(&principal, whose.user_id.as_deref(), &name)
        .await?;
    Ok(about(&id).on(StatusCode::NO_CONTENT.into_response()))
}

impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        let words = error.to_string();
        match error {
            MemoryError::Invalid(why) => Self::bad_request(why),
            MemoryError::TooLarge(_) => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Self::new(status, "too-large", "Too large", words)
            }
            MemoryError::Owned(_) => Self::conflict("came-another-way", words),
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
            MemoryError::Busy => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "busy", "Busy", words).retry_after(5)
            }
            MemoryError::NoRandom | MemoryError::Broken => {
                tracing::error!("{words}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "internal", "Something is wrong inside", words)
            }
            MemoryError::Store(error) => error.into(),
        }
    }
}
