//! Memory in the shape that Google's Agent Development Kit calls (`BaseMemoryService`).

use std::collections::{BTreeMap, HashMap};

use axum::Extension;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::{Door, Json, Problem, guarded};
use super::words::OneLine;
use crate::identity::{Principal, Scope};
use crate::memory::context::short;
use crate::memory::{BATCH, Filter, Item, Query, Role, Said, check_name};

/// Memories of one answer: the kit has no number of its own.
const HITS: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(guarded(Scope::MemoryRead, routes!(search)))
        .routes(guarded(Scope::MemoryWrite, routes!(add_session)))
}

/// What else stands in an object, and is not read. With it an array is no object.
type Rest = BTreeMap<String, IgnoredAny>;

/// `search_memory` of the kit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdkSearch {
    /// Only what was said to this application; exactly this name.
    #[schema(value_type = OneLine)]
    app_name: String,
    /// In whose memory.
    #[schema(value_type = OneLine)]
    user_id: String,
    /// Of one above 8 KiB both ends are looked for. Empty: nothing is found.
    #[schema(example = "Which instrument does she play?")]
    query: String,
}

/// A part of a content; those without a text are left out.
#[derive(Serialize, Deserialize, ToSchema)]
struct AdkPart {
    #[serde(default)]
    #[schema(pattern = r"^[^\x00]*$")]
    text: Option<String>,
    /// Whether the model only thought it: then it is not kept.
    #[serde(default, skip_serializing)]
    thought: Option<bool>,
    #[serde(flatten, skip_serializing)]
    #[schema(ignore)]
    _rest: Rest,
}

/// What was said, in parts.
#[derive(Serialize, Deserialize, ToSchema)]
struct AdkContent {
    /// `user` or `model`.
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    parts: Option<Vec<AdkPart>>,
    #[serde(flatten, skip_serializing)]
    #[schema(ignore)]
    _rest: Rest,
}

/// A memory, as the kit has it.
#[derive(Serialize, ToSchema)]
struct AdkMemory {
    content: AdkContent,
    /// Who said it.
    author: String,
    /// When it was said.
    timestamp: DateTime<Utc>,
    /// The interaction's id.
    id: String,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct AdkMemories {
    /// The best first; empty: nothing fits.
    memories: Vec<AdkMemory>,
}

impl From<Item> for AdkMemory {
    fn from(item: Item) -> Self {
        let (role, author) = match &item {
            Item::Interaction(one) => {
                let role = match one.role {
                    Role::User => "user",
                    _ => "model",
                };
                (role, one.speaker.clone().unwrap_or_else(|| role.to_owned()))
            }
            Item::Passage(one) => ("user", one.name.clone()),
            Item::Fact(_) => ("model", "memory".to_owned()),
        };
        let part = AdkPart {
            text: Some(item.text().to_owned()),
            thought: None,
            _rest: Rest::new(),
        };
        Self {
            content: AdkContent {
                role: Some(role.to_owned()),
                parts: Some(vec![part]),
                _rest: Rest::new(),
            },
            author,
            timestamp: item.at(),
            id: item.id().to_owned(),
        }
    }
}

/// Finds what of a user's memory may answer a question, as `BaseMemoryService.search_memory` wants it: what was said to this
/// application, and to no other; and the user's documents and facts, which are of none.
#[utoipa::path(post, path = "/v1/memory/adk/search", operation_id = "memory.adk.search", tag = "memory",
    request_body = AdkSearch,
    responses((status = 200, body = AdkMemories), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn search(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<AdkSearch>, JsonRejection>,
) -> Result<Json<AdkMemories>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    check_name("app_name", &body.app_name).map_err(Problem::bad_request)?;
    let user = Some(body.user_id.as_str());
    // The kit asks with whatever was said last, a pasted text or a picture too, and tells nobody of a refusal.
    let (question, _) = short(body.query);
    if question.trim().is_empty() {
        door.memory.reaches(&principal, user)?;
        let memories = Vec::new();
        return Ok(Json(AdkMemories { memories }));
    }
    let query = Query {
        text: question,
        most: HITS,
        filter: Filter {
            app: Some(body.app_name),
            appless: true,
            ..Filter::default()
        },
        ..Query::default()
    };
    let found = door.memory.search(&principal, user, query).await?;
    let memories = found.hits.into_iter().map(|hit| hit.item.into());
    Ok(Json(AdkMemories {
        memories: memories.collect(),
    }))
}

/// A time, as seconds since 1970 or in words.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "no time; give seconds since 1970, or write it as 2025-05-31T12:00:00Z"
)]
enum AdkTime {
    /// Seconds since 1970.
    Seconds(f64),
    /// RFC 3339.
    Words(DateTime<Utc>),
}

/// The first and the last second of the years 1 to 9999.
const YEARS: (f64, f64) = (-62_135_596_800.0, 253_402_300_799.0);

impl PartialSchema for AdkTime {
    fn schema() -> RefOr<Schema> {
        let seconds = ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some("Seconds since 1970."))
            .minimum(Some(YEARS.0))
            .maximum(Some(YEARS.1));
        let words = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339."));
        let either = OneOfBuilder::new()
            .item(seconds)
            .item(words)
            .description(Some("A time, as seconds since 1970 or in words."));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for AdkTime {}

/// An event of a session. What else it has is not read.
#[derive(Deserialize, ToSchema)]
struct AdkEvent {
    /// By which it is kept once; without one its author, time and text tell it from others.
    #[serde(default)]
    id: Option<String>,
    /// `user`, or the agent's name: of whatever has a text.
    #[serde(default)]
    #[schema(value_type = Option<OneLine>)]
    author: Option<String>,
    /// When it happened; now, where it is not said.
    #[serde(default)]
    timestamp: Option<AdkTime>,
    /// One without any text is left out, once it is known to be an event.
    #[serde(default)]
    content: Option<AdkContent>,
    /// Whether it is a piece of an answer that still comes: then it is left out.
    #[serde(default)]
    partial: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _rest: Rest,
}

/// A session of the kit. What else it has is not read.
#[derive(Deserialize, ToSchema)]
struct AdkSession {
    /// The application.
    #[schema(value_type = OneLine)]
    app_name: String,
    /// In whose memory.
    #[schema(value_type = OneLine)]
    user_id: String,
    /// The session.
    #[schema(value_type = OneLine)]
    id: String,
    /// In the order in which they happened.
    events: Vec<AdkEvent>,
    #[serde(flatten)]
    #[schema(ignore)]
    _rest: Rest,
}

/// What became of a session.
#[derive(Serialize, ToSchema)]
struct AdkAdded {
    /// Events that are kept now and were not before.
    added: usize,
    /// Events that were kept before.
    known: usize,
    /// Events without a text of their own.
    left_out: usize,
}

/// Keeps the events of a session word for word, as `BaseMemoryService.add_session_to_memory` wants it. A session may come again as it
/// grows: each event is kept once, by its id, or without one by what it says. At most 1 MiB at once.
#[utoipa::path(post, path = "/v1/memory/adk/sessions", operation_id = "memory.adk.add_session", tag = "memory",
    request_body = AdkSession,
    responses((status = 201, body = AdkAdded), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem, description = "An event came before with another text, or the memory is full")))]
async fn add_session(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<AdkSession>, JsonRejection>,
) -> Result<(StatusCode, Json<AdkAdded>), Problem> {
    let Json(session) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    for (what, name) in [
        ("app_name", &session.app_name),
        ("user_id", &session.user_id),
        ("id", &session.id),
    ] {
        // Also where there is nothing to keep.
        check_name(what, name).map_err(Problem::bad_request)?;
    }
    let all = session.events.len();
    let (mut said, mut seen) = (Vec::new(), HashMap::new());
    for (at, event) in session.events.into_iter().enumerate() {
        let turn = turn(&session.app_name, &session.id, event, &mut seen);
        let turn = turn.map_err(|why| Problem::bad_request(format!("events[{at}]: {why}")))?;
        said.extend(turn);
    }
    let mut done = AdkAdded {
        added: 0,
        known: 0,
        left_out: all - said.len(),
    };
    // More than fit at once are kept piece by piece: whoever sends it again keeps nothing twice.
    while !said.is_empty() {
        let rest = said.split_off(said.len().min(BATCH));
        let some = std::mem::replace(&mut said, rest);
        let kept = door
            .memory
            .add(&principal, Some(&session.user_id), some)
            .await?;
        let new = kept.iter().filter(|one| one.new).count();
        done.added += new;
        done.known += kept.len() - new;
    }
    Ok((StatusCode::CREATED, Json(done)))
}

/// An event, as it is kept; `None`: it says nothing. `seen`: how often each without an id came before in this session.
fn turn(
    app: &str,
    session: &str,
    event: AdkEvent,
    seen: &mut HashMap<[u8; 32], u32>,
) -> Result<Option<Said>, String> {
    // What is no event is refused, whatever it says.
    let occurred_at = event.timestamp.as_ref().map(time).transpose()?;
    if let Some(author) = &event.author {
        check_name("author", author)?;
    }
    if event.partial == Some(true) {
        return Ok(None);
    }
    let parts = event.content.and_then(|content| content.parts);
    let parts = parts.into_iter().flatten();
    let texts = parts.filter(|part| part.thought != Some(true));
    let text: Vec<String> = texts.filter_map(|part| part.text).collect();
    let text = text.join("\n");
    if text.trim().is_empty() {
        return Ok(None);
    }
    let author = event.author.unwrap_or_default();
    check_name("author", &author)?;
    let key = match event.id.filter(|id| !id.is_empty()) {
        // Each of them may be as long as a name, and all together as one key.
        Some(id) => hash(&[app, session, &id]),
        None => {
            let at = occurred_at.map_or_else(String::new, |at| at.timestamp_millis().to_string());
            // The two parts more keep it apart from whatever has an id.
            let said = hash(&[app, session, &author, &at, &text]);
            let again = seen.entry(said).or_default();
            *again += 1;
            hash(&[app, session, &author, &at, &text, &again.to_string()])
        }
    };
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_user = author == "user";
    Ok(Some(Said {
        text,
        role: if is_user { Role::User } else { Role::Assistant },
        speaker: (!is_user).then_some(author),
        session: Some(session.to_owned()),
        app: Some(app.to_owned()),
        metadata: None,
        occurred_at,
        expires_at: None,
        once: Some(format!("adk:{key}")),
    }))
}

fn time(said: &AdkTime) -> Result<DateTime<Utc>, String> {
    let seconds = match said {
        AdkTime::Words(at) => return Ok(*at),
        AdkTime::Seconds(seconds) => seconds,
    };
    let is_one = (YEARS.0..=YEARS.1).contains(seconds);
    let millis = is_one.then_some((seconds * 1000.0) as i64);
    let at = millis.and_then(DateTime::from_timestamp_millis);
    at.ok_or_else(|| {
        "timestamp is no time between the years 1 and 9999: give seconds since 1970".to_owned()
    })
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}
