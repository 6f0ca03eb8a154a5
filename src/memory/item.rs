//! Whatever can be found: a turn, a passage of a document, a fact.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::said::{Interaction, is_current, shown};
use crate::store::{Entry, LEARNED, LearnedRow, PASSAGE, PassageRow, Store, StoreError};

/// What a search finds.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// What was said.
    Interaction(Interaction),
    /// A part of a document.
    Passage(Passage),
    /// What a model read out of what was said.
    Fact(Learned),
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The document's id.
    pub document: String,
    /// The document's name.
    pub name: String,
    /// In whose memory it is.
    pub user: String,
    /// The part, word for word.
    pub text: String,
    /// Where it begins in the document's text, bytes.
    pub begin: u32,
    /// Where it ends, bytes.
    pub end: u32,
    /// The headings above it, outermost first, joined by ` > `.
    pub heading: Option<String>,
    /// Its page, from 1, where the document has pages.
    pub page: Option<u32>,
    /// When the document was last replaced.
    pub updated_at: DateTime<Utc>,
    /// Its number in its user's memory.
    pub number: u32,
}

/// A fact about a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Its id.
    pub id: String,
    /// In whose memory it is.
    pub user: String,
    /// One sentence.
    pub text: String,
    /// Since when it is so, where that is known.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub valid_until: Option<DateTime<Utc>>,
    /// Since when it is so, or when the newest of its turns was said.
    pub at: DateTime<Utc>,
    /// `current`, `replaced`, `rejected` or `outdated`.
    pub state: String,
    /// The id of the fact that took its place.
    pub replaced_by: Option<String>,
    /// From 1.
    pub version: u32,
    /// The model that read it; `None`: a person stated or mended it.
    pub model: Option<String>,
    /// Ids of the turns that it was read out of.
    pub sources: Vec<String>,
    /// When it was read.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Its number in its user's memory.
    pub number: u32,
}

impl Item {
    /// The id under which it can be fetched: of an interaction or a fact its own, of a passage its document's.
    pub fn id(&self) -> &str {
        match self {
            Self::Interaction(one) => &one.id,
            Self::Passage(one) => &one.document,
            Self::Fact(one) => &one.id,
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Self::Interaction(one) => &one.text,
            Self::Passage(one) => &one.text,
            Self::Fact(one) => &one.text,
        }
    }

    /// Its number in its user's memory.
    pub(super) fn number(&self) -> u32 {
        match self {
            Self::Interaction(one) => one.number,
            Self::Passage(one) => one.number,
            Self::Fact(one) => one.number,
        }
    }

    /// When it was said; of a document when it was last replaced; of a fact since when it is so, or when the newest of
    /// its turns was said.
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Interaction(one) => one.occurred_at,
            Self::Passage(one) => one.updated_at,
            Self::Fact(one) => one.at,
        }
    }
}

/// What these entries are, in their order; what is not there any more, or is over, is left out.
pub(super) fn fetch<'a>(
    store: &Store,
    space: i64,
    entries: impl IntoIterator<Item = &'a Entry>,
    now: DateTime<Utc>,
) -> Result<Vec<Item>, StoreError> {
    let (mut order, mut turns, mut passages, mut facts) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for entry in entries {
        order.push(entry.doc);
        match entry.kind {
            PASSAGE => passages.push(entry.doc),
            LEARNED => facts.push(entry.doc),
            _ => turns.push(entry.doc),
        }
    }
    let mut found = HashMap::with_capacity(order.len());
    let mut add = |item: Item| drop(found.insert(item.number(), item));
    if !turns.is_empty() {
        let rows = store.interactions_at(space, &turns)?.into_iter();
        let rows = rows.filter(|row| is_current(row.expires_at, now));
        rows.for_each(|row| add(Item::Interaction(shown(row))));
    }
    if !passages.is_empty() {
        let rows = store.passages_at(space, &passages)?.into_iter();
        rows.for_each(|row| add(Item::Passage(passage(row))));
    }
    if !facts.is_empty() {
        let rows = store.learned_at(space, &facts)?.into_iter();
        // With the last of its turns it goes too.
        let rows = rows.filter(|row| is_current(row.expires_at, now));
        rows.for_each(|row| add(Item::Fact(learned(row))));
    }
    Ok(order
        .into_iter()
        .filter_map(|doc| found.remove(&doc))
        .collect())
}

fn passage(row: PassageRow) -> Passage {
    Passage {
        document: row.document,
        name: row.name,
        user: row.user,
        text: row.text,
        begin: row.begin,
        end: row.end,
        heading: row.heading,
        page: row.page,
        updated_at: row.updated_at,
        number: row.doc,
    }
}

pub(super) fn learned(row: LearnedRow) -> Learned {
    Learned {
        id: row.id,
        user: row.user,
        text: row.text,
        valid_from: row.valid_from,
        valid_until: row.valid_until,
        at: row.at,
        state: row.state,
        replaced_by: row.replaced_by,
        version: row.version,
        model: row.model,
        sources: row.sources,
        created_at: row.created_at,
        updated_at: row.updated_at,
        number: row.doc,
    }
}
