//! What a search is asked, and what it answers.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::MemoryError;
use super::interaction::one_line;
use super::item::Item;
use super::moment::within;
use super::said::{Interaction, Role};
use crate::store::{Entry, LEARNED, PASSAGE};

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The question.
    pub text: String,
    /// Most hits.
    pub most: usize,
    /// Turns before and behind each hit that come with it.
    pub context: usize,
    /// The time of the question; `None`: now.
    pub now: Option<DateTime<Utc>>,
    /// Which alone count.
    pub filter: Filter,
}

/// Which interactions count. What is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this session.
    pub session: Option<String>,
    /// Of this role.
    pub role: Option<Role>,
    /// Of this application or agent.
    pub app: Option<String>,
    /// With `app`: documents and facts pass too, which are of no application.
    pub appless: bool,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// That were said then or later.
    pub since: Option<DateTime<Utc>>,
    /// That were said before.
    pub until: Option<DateTime<Utc>>,
    /// Whose metadata has each of these members with the same value.
    pub metadata: Option<Map<String, Value>>,
}

/// A kind of what can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A turn.
    Interaction,
    /// A passage of a document.
    Document,
    /// A fact.
    Fact,
}

impl Kind {
    /// Of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        match entry.kind {
            PASSAGE => Self::Document,
            LEARNED => Self::Fact,
            _ => Self::Interaction,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The best first.
    pub hits: Vec<Hit>,
    /// How many entries share a word with the question, by themselves or in their neighbours, are of its time or near in
    /// meaning, and pass the filter.
    pub matched: usize,
    /// How many there are in this memory.
    pub kept: usize,
    /// Why there is no hit.
    pub reason: Option<&'static str>,
    /// What took part: `lexical`; `dates`, where the question has a time; `semantic`, or `semantic:partial` where some entries
    /// have no vector yet.
    pub signals: Vec<&'static str>,
    /// What should have taken part and could not, and why.
    pub warnings: Vec<String>,
}

/// What may answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What it is.
    pub item: Item,
    /// How well it fits.
    pub score: Score,
    /// How many others fit, say the same word for word and in the same role, and are left out for that.
    pub repeated: usize,
    /// What stands before it in its session or document, in order.
    pub before: Vec<Item>,
    /// What stands behind it in its session or document, in order.
    pub behind: Vec<Item>,
}

/// How well something fits: `total = (lexical + dates + semantic) * factor`. It compares hits of one answer, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// All in all.
    pub total: f32,
    /// Of its words and those around it.
    pub lexical: f32,
    /// Of its time, where the question has one: it was said then, or speaks of then.
    pub dates: f32,
    /// Of its meaning and that of its neighbours, as far as it stands out.
    pub semantic: f32,
    /// Above 1: its speaker is named in the question, it is of its time, or holds the kind of answer that is asked for; below:
    /// it only asks.
    pub factor: f32,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        let Self {
            session,
            role,
            app,
            appless: _,
            kind,
            since,
            until,
            metadata,
        } = self;
        let names = session.is_none() && app.is_none() && metadata.is_none();
        names && role.is_none() && kind.is_none() && since.is_none() && until.is_none()
    }

    /// Whether the names in it are names, and the times are times.
    pub(super) fn check(&self) -> Result<(), MemoryError> {
        for (what, name) in [("session", &self.session), ("app", &self.app)] {
            let checked = name.as_deref().map_or(Ok(()), |name| one_line(what, name));
            checked.map_err(MemoryError::Invalid)?;
        }
        within("since", self.since).map_err(MemoryError::Invalid)?;
        within("until", self.until).map_err(MemoryError::Invalid)?;
        if self.metadata.as_ref().is_some_and(Map::is_empty) {
            let why = "metadata is empty; leave it out where it does not matter".to_owned();
            return Err(MemoryError::Invalid(why));
        }
        Ok(())
    }

    /// The same of whatever can be found: only interactions have any.
    pub(super) fn has_metadata_of(&self, item: &Item) -> bool {
        match item {
            Item::Interaction(one) => self.has_metadata(one),
            Item::Passage(_) | Item::Fact(_) => self.metadata.is_none(),
        }
    }

    /// Whether the metadata of an interaction is as it is wanted.
    pub(super) fn has_metadata(&self, one: &Interaction) -> bool {
        self.metadata.as_ref().is_none_or(|wanted| {
            let own = one.metadata.as_ref();
            let has = |(name, value): (&String, &Value)| own?.get(name).map(|own| own == value);
            wanted.iter().all(|one| has(one) == Some(true))
        })
    }
}
