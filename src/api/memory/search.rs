//! `/v1/memory/search`: what of a memory answers a question.

use axum::Extension;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::given::time;
use super::super::{Door, Json, Problem, guarded};
use super::RoleWord;
use super::words::{OneLine, some_members};
use crate::identity::{Principal, Scope};
use crate::memory::{self, Filter, Found, Hit, Item, Kind, Role};

/// Hits, where it is not said how many.
const HITS: usize = 10;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(guarded(Scope::MemoryRead, routes!(search)))
}

/// Which interactions count. What is left out lets all through.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SearchFilters {
    /// Of this session.
    #[schema(value_type = Option<OneLine>)]
    pub(in crate::api) session: Option<String>,
    /// Of this role.
    role: Option<RoleWord>,
    /// Of this application or agent.
    #[schema(value_type = Option<OneLine>)]
    app: Option<String>,
    /// Of this kind.
    kind: Option<KindWord>,
    /// Said then or later.
    #[serde(default, deserialize_with = "time")]
    since: Option<DateTime<Utc>>,
    /// Said before.
    #[serde(default, deserialize_with = "time")]
    until: Option<DateTime<Utc>>,
    /// Whose metadata has each of these members with the same value; at least one.
    #[schema(schema_with = some_members)]
    metadata: Option<Map<String, Value>>,
}

impl From<SearchFilters> for Filter {
    fn from(filters: SearchFilters) -> Self {
        Self {
            session: filters.session,
            role: filters.role.map(Role::from),
            app: filters.app,
            appless: false,
            since: filters.since,
            until: filters.until,
            metadata: filters.metadata,
            kind: filters.kind.map(Kind::from),
        }
    }
}

/// A question to a memory.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// At most 8 KiB, and not only blanks.
    #[schema(
        min_length = 1,
        pattern = r"\S",
        example = "Which instrument does she play?"
    )]
    query: String,
    /// In whose memory; without it: the caller's own.
    #[schema(value_type = Option<OneLine>)]
    user_id: Option<String>,
    /// Most hits; 10 where it is not said.
    #[schema(minimum = 1, maximum = 200)]
    k: Option<usize>,
    /// Which interactions count.
    filters: Option<SearchFilters>,
    /// How many turns before and behind each hit come with it; none where it is not said.
    #[schema(minimum = 0, maximum = 10)]
    context: Option<usize>,
    /// The time of the question, from which "last week" counts; now, where it is not said.
    #[serde(default, deserialize_with = "time")]
    now: Option<DateTime<Utc>>,
}

/// How well something fits: `total = (lexical + dates + semantic) * factor`. It compares hits of one answer, and nothing else.
#[derive(Serialize, ToSchema)]
struct ScoreView {
    total: f32,
    /// Of its words, and of those around it in its session.
    lexical: f32,
    /// Of its time, where the query has one: it was said then, or speaks of then.
    dates: f32,
    /// Of its meaning, as far as it stands out from all others.
    semantic: f32,
    /// Above 1: the query names its speaker, it is of its time, or holds the kind of answer that is asked for; below 1: it only asks.
    factor: f32,
}

/// A kind of what can be found.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::api) enum KindWord {
    /// What was said.
    Interaction,
    /// A passage of a document.
    Document,
    /// What a model read out of what was said.
    Fact,
}

impl From<Kind> for KindWord {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Interaction => Self::Interaction,
            Kind::Document => Self::Document,
            Kind::Fact => Self::Fact,
        }
    }
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Interaction => Self::Interaction,
            KindWord::Document => Self::Document,
            KindWord::Fact => Self::Fact,
        }
    }
}

/// Where a passage stands.
#[derive(Serialize, ToSchema)]
struct PlaceView {
    /// The document's id.
    id: String,
    /// The document's name.
    name: String,
    /// Where the passage begins in the document's text, bytes of UTF-8.
    begin: u32,
    /// Where it ends.
    end: u32,
    /// The headings above it, outermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    heading: Option<String>,
    /// Its page, from 1, where the document has pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

/// What a fact is founded on.
#[derive(Serialize, ToSchema)]
struct GroundsView {
    /// Ids of the interactions that it was read out of.
    sources: Vec<String>,
    /// Since when it is so, where that is known.
    valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    valid_until: Option<DateTime<Utc>>,
    /// From 1; grows with each change.
    version: u32,
}

/// What can be found.
#[derive(Serialize, ToSchema)]
struct ItemView {
    /// What it is.
    kind: KindWord,
    /// Of an interaction or a fact its own id; of a passage its document's.
    id: String,
    /// In whose memory it is.
    user_id: String,
    /// Word for word.
    text: String,
    /// When it was said; of a document when it was last replaced; of a fact since when it is so, or when the newest
    /// of its turns was said.
    occurred_at: DateTime<Utc>,
    /// Who speaks, as a kind; of an interaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<RoleWord>,
    /// Who speaks, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// To which application or agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
    /// When it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime<Utc>>,
    /// When it goes away; absent: not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// Where it stands, of a passage.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<PlaceView>,
    /// What it is founded on, of a fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<GroundsView>,
}

impl ItemView {
    /// With what all kinds have.
    fn bare(kind: KindWord, item: &Item, user: &str) -> Self {
        Self {
            kind,
            id: item.id().to_owned(),
            user_id: user.to_owned(),
            text: item.text().to_owned(),
            occurred_at: item.at(),
            role: None,
            speaker: None,
            session: None,
            app: None,
            metadata: None,
            created_at: None,
            expires_at: None,
            document: None,
            fact: None,
        }
    }
}

impl From<Item> for ItemView {
    fn from(item: Item) -> Self {
        match &item {
            Item::Interaction(one) => Self {
                role: Some(one.role.into()),
                speaker: one.speaker.clone(),
                session: one.session.clone(),
                app: one.app.clone(),
                metadata: one.metadata.clone(),
                created_at: Some(one.created_at),
                expires_at: one.expires_at,
                ..Self::bare(KindWord::Interaction, &item, &one.user)
            },
            Item::Passage(one) => Self {
                document: Some(PlaceView {
                    id: one.document.clone(),
                    name: one.name.clone(),
                    begin: one.begin,
                    end: one.end,
                    heading: one.heading.clone(),
                    page: one.page,
                }),
                ..Self::bare(KindWord::Document, &item, &one.user)
            },
            Item::Fact(one) => Self {
                fact: Some(GroundsView {
                    sources: one.sources.clone(),
                    valid_from: one.valid_from,
                    valid_until: one.valid_until,
                    version: one.version,
                }),
                created_at: Some(one.created_at),
                ..Self::bare(KindWord::Fact, &item, &one.user)
            },
        }
    }
}

/// What may answer.
#[derive(Serialize, ToSchema)]
struct HitView {
    #[serde(flatten)]
    item: ItemView,
    score: ScoreView,
    /// How many others fit, say the same word for word, and are left out for that.
    #[serde(skip_serializing_if = "is_zero")]
    repeated: usize,
    /// What stands before it in its session or document, in order; where `context` asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<ItemView>,
    /// What stands behind it in its session or document, in order; where `context` asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    behind: Vec<ItemView>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        let views = |all: Vec<Item>| all.into_iter().map(ItemView::from).collect();
        Self {
            item: hit.item.into(),
            score: ScoreView {
                total: hit.score.total,
                lexical: hit.score.lexical,
                dates: hit.score.dates,
                semantic: hit.score.semantic,
                factor: hit.score.factor,
            },
            repeated: hit.repeated,
            before: views(hit.before),
            behind: views(hit.behind),
        }
    }
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct SearchAnswer {
    /// The best first. Whatever shares a word with the query is among them, as far as `k` goes.
    hits: Vec<HitView>,
    /// What took part: `lexical`; `dates`, where the query has a time; `semantic`, or `semantic:partial` where a part of the memory
    /// is not embedded yet.
    #[schema(example = json!(["lexical", "dates"]))]
    signals: Vec<&'static str>,
    /// What should have taken part and could not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// How many entries share a word with the query, by themselves or in their neighbours, are of its time or near in meaning, and
    /// pass the filters. Of metadata the best 5,000 are looked at: where there are more, a warning says so.
    matched: usize,
    /// How many there are in this memory.
    kept: usize,
    /// Why there is no hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Found> for SearchAnswer {
    fn from(found: Found) -> Self {
        Self {
            hits: found.hits.into_iter().map(HitView::from).collect(),
            signals: found.signals,
            warnings: found.warnings,
            matched: found.matched,
            kept: found.kept,
            reason: found.reason,
        }
    }
}

/// Finds what of a user's memory may answer a question.
#[utoipa::path(post, path = "/v1/memory/search", operation_id = "memory.search", tag = "memory", request_body = Search,
    responses((status = 200, body = SearchAnswer), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn search(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    body: Result<Json<Search>, JsonRejection>,
) -> Result<Json<SearchAnswer>, Problem> {
    let Json(body) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let filters = body.filters.unwrap_or_default();
    let query = memory::Query {
        text: body.query,
        most: body.k.unwrap_or(HITS),
        context: body.context.unwrap_or(0),
        now: body.now,
        filter: filters.into(),
    };
    let user = body.user_id.as_deref();
    let found = door.memory.search(&principal, user, query).await?;
    Ok(Json(found.into()))
}
