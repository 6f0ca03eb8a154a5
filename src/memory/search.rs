//! Finding what was said.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::interaction::{one_line, user_of, work};
use super::item::{self, Item};
use super::rank::{Around, Ranked, rank};
use super::said::{Interaction, Role};
use super::tokens::{asked, name};
use super::{Memory, MemoryError};
use crate::identity::{PersonId, Principal};
use crate::store::{Entry, LEARNED, MemoryRead, NameKind, PASSAGE, Store, StoreError};

/// Most hits of one answer.
const MOST_HITS: usize = 200;
/// Longest question, bytes.
const QUERY: usize = 8 << 10;
/// Most different terms of a question that are looked for.
const TERMS: usize = 64;
/// Most neighbours on either side.
const CONTEXT: usize = 10;
/// How often somebody must have spoken before its name in a question means what it said, and not a word.
const SPOKE: u32 = 3;

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
    fn of(entry: &Entry) -> Self {
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
    /// How many interactions share a word with the question, by themselves or in their neighbours, and pass the filter.
    pub matched: usize,
    /// How many there are in this memory.
    pub kept: usize,
    /// Why there is no hit.
    pub reason: Option<&'static str>,
}

/// What may answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What it is.
    pub item: Item,
    /// How well it fits.
    pub score: Score,
    /// What stands before it in its session or document, in order.
    pub before: Vec<Item>,
    /// What stands behind it in its session or document, in order.
    pub behind: Vec<Item>,
}

/// How well something fits: `total = (lexical + session) * factor`. It compares hits of one answer, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// All in all.
    pub total: f32,
    /// Of its words and those around it.
    pub lexical: f32,
    /// Of its session.
    pub session: f32,
    /// Above 1: its speaker is named in the question; below: it only asks.
    pub factor: f32,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        let Self {
            session,
            role,
            app,
            kind,
            since,
            until,
            metadata,
        } = self;
        let names = session.is_none() && app.is_none() && metadata.is_none();
        names && role.is_none() && kind.is_none() && since.is_none() && until.is_none()
    }

    /// Whether the names in it are names.
    fn check(&self) -> Result<(), MemoryError> {
        for (what, name) in [("session", &self.session), ("app", &self.app)] {
            let checked = name.as_deref().map_or(Ok(()), |name| one_line(what, name));
            checked.map_err(MemoryError::Invalid)?;
        }
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

/// Reads the index of a memory, and the places among its entries of those that pass the filter, but for metadata.
pub(super) fn filtered(
    store: &Store,
    person: &PersonId,
    user: &str,
    terms: &[String],
    filter: &Filter,
) -> Result<Option<(MemoryRead, Vec<usize>)>, MemoryError> {
    filter.check()?;
    let names = [
        filter
            .session
            .as_deref()
            .map(|name| (NameKind::Session, name)),
        filter.app.as_deref().map(|name| (NameKind::App, name)),
    ];
    let asked: Vec<_> = names.iter().copied().flatten().collect();
    let Some(read) = store.read_memory(person.as_str(), user, terms, &asked)? else {
        return Ok(None);
    };
    let mut numbers = read.names.iter().copied();
    // A name that nothing has leaves nothing: no entry has this number.
    let mut number = |name: Option<_>| {
        name.map(|_: (NameKind, &str)| numbers.next().flatten().unwrap_or(u32::MAX))
    };
    let (session, app) = (number(names[0]), number(names[1]));
    let role = filter.role.map(Role::number);
    let (since, until) = (
        filter.since.map(|at| at.timestamp_millis()),
        filter.until.map(|at| at.timestamp_millis()),
    );
    let passes = |entry: &Entry| {
        session.is_none_or(|session| entry.session == session)
            && app.is_none_or(|app| entry.app == app)
            && filter.kind.is_none_or(|kind| Kind::of(entry) == kind)
            && role.is_none_or(|role| entry.kind == role)
            && since.is_none_or(|since| entry.at >= since)
            && until.is_none_or(|until| entry.at < until)
    };
    let entries = read.entries.iter().enumerate();
    let places = entries
        .filter(|(_, entry)| passes(entry))
        .map(|(at, _)| at)
        .collect();
    Ok(Some((read, places)))
}

impl Memory {
    /// Finds what of a user's memory may answer a question. No hit that shares a word with it is left out for a low score.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub async fn search(
        &self,
        by: &Principal,
        user: Option<&str>,
        query: Query,
    ) -> Result<Found, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.clone());
        let invalid = |why: String| Err(MemoryError::Invalid(why));
        if query.text.trim().is_empty() || query.text.len() > QUERY {
            return invalid(format!("query has 1 to {QUERY} bytes"));
        }
        if !(1..=MOST_HITS).contains(&query.most) {
            return invalid(format!("k is 1 to {MOST_HITS}"));
        }
        if query.context > CONTEXT {
            return invalid(format!("context is 0 to {CONTEXT}"));
        }
        let (store, now) = (self.store.clone(), (self.clock)());
        let place = self.searching.clone().acquire_owned().await;
        work(move || {
            let _place = place;
            find(&store, &person, &user, &query, now)
        })
        .await?
    }
}

fn find(
    store: &Store,
    person: &PersonId,
    user: &str,
    query: &Query,
    now: DateTime<Utc>,
) -> Result<Found, MemoryError> {
    let mut terms: Vec<String> = asked(&query.text)
        .into_iter()
        .map(|token| token.term)
        .collect();
    terms.truncate(TERMS);
    let Some((mut read, places)) = filtered(store, person, user, &terms, &query.filter)? else {
        return Ok(empty("nothing is kept for this user yet", 0));
    };
    let kept = read.entries.len();
    if terms.is_empty() {
        return Ok(empty("the query has no word to look for", kept));
    }
    if places.is_empty() {
        return Ok(empty(
            "the filter lets no interaction of this user through",
            kept,
        ));
    }
    let named = named(&mut read, &terms);
    let around = Around::of(&read.entries);
    let postings = std::mem::take(&mut read.postings);
    let mut ranked = rank(&read.entries, &postings, &named, &around);
    if places.len() < kept {
        let pass: HashSet<usize> = places.into_iter().collect();
        ranked.retain(|one| pass.contains(&one.at));
    }
    let mut found = Found {
        matched: ranked.len(),
        kept,
        ..Found::default()
    };
    if ranked.is_empty() {
        return Ok(empty(
            "no interaction that passes shares a word with the query",
            kept,
        ));
    }
    while found.hits.len() < query.most && !ranked.is_empty() {
        for one in best(&mut ranked, query.most) {
            if found.hits.len() < query.most
                && let Some(hit) = hit(store, &read, &around, &one, query, now)?
            {
                found.hits.push(hit);
            }
        }
    }
    if found.hits.is_empty() {
        found.reason = Some("what shares a word with the query has other metadata, or is over");
    }
    Ok(found)
}

fn empty(reason: &'static str, kept: usize) -> Found {
    Found {
        reason: Some(reason),
        kept,
        ..Found::default()
    }
}

/// Numbers of the speakers whom the question names: by their first name, or by all of it. Their names are no words of the
/// question any more, where it has others: it is about what they said, not about who is spoken of.
fn named(read: &mut MemoryRead, terms: &[String]) -> Vec<u32> {
    let in_question = |word: &String| terms.contains(word);
    let (mut numbers, mut names) = (Vec::new(), HashSet::new());
    for (speaker, number, spoke) in &read.speakers {
        let words = name(speaker);
        let first = words.first().is_some_and(in_question);
        if *spoke >= SPOKE && first {
            numbers.push(*number);
            names.extend(words.into_iter().filter(in_question));
        }
    }
    if terms.iter().any(|term| !names.contains(term)) {
        let postings = read.postings.iter_mut().zip(terms);
        for (postings, _) in postings.filter(|(_, term)| names.contains(*term)) {
            postings.clear();
        }
    }
    numbers
}

/// Takes the best out, in order; of two that fit as well the newer one first.
fn best(ranked: &mut Vec<Ranked>, count: usize) -> Vec<Ranked> {
    let order = |a: &Ranked, b: &Ranked| b.score.total_cmp(&a.score).then(b.at.cmp(&a.at));
    if count < ranked.len() {
        ranked.select_nth_unstable_by(count, order);
    }
    let mut best: Vec<_> = ranked.drain(..count.min(ranked.len())).collect();
    best.sort_unstable_by(order);
    best
}

/// The hit with its texts; `None`: it is not there any more, or its metadata is not as it is wanted.
fn hit(
    store: &Store,
    read: &MemoryRead,
    around: &Around,
    one: &Ranked,
    query: &Query,
    now: DateTime<Utc>,
) -> Result<Option<Hit>, StoreError> {
    let fetch = |places: Vec<usize>| -> Result<Vec<Item>, StoreError> {
        let entries = places.into_iter().filter_map(|at| read.entries.get(at));
        item::fetch(store, read.space, entries, now)
    };
    let Some(item) = fetch(vec![one.at])?.pop() else {
        return Ok(None);
    };
    if !query.filter.has_metadata_of(&item) {
        return Ok(None);
    }
    let mut before: Vec<_> = around.before(one.at, query.context).collect();
    before.reverse();
    let behind = around.behind(one.at, query.context).collect();
    Ok(Some(Hit {
        item,
        score: Score {
            total: one.score,
            lexical: one.words,
            session: one.session,
            factor: one.factor,
        },
        before: fetch(before)?,
        behind: fetch(behind)?,
    }))
}
