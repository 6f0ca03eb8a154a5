//! Finding what is remembered.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::asked::{Asked, unnamed};
use super::dates::day;
use super::embed::Meant;
use super::interaction::{user_of, work};
use super::item::{self, Item};
use super::moment::within;
use super::query::{Filter, Found, Hit, Kind, Query, Score};
use super::rank::{Around, Parts, Question, Ranked, rank};
use super::said::Role;
use super::{Memory, MemoryError};
use crate::identity::{PersonId, Principal};
use crate::store::{Entry, MemoryRead, NameKind, Store, StoreError, Vector};

/// Most hits of one answer.
const MOST_HITS: usize = 200;
/// Longest question, bytes.
pub(super) const QUERY: usize = 8 << 10;
/// Entries whose rows are looked at for one answer, the best first: for their metadata, and for what was said again and again.
const LOOKED_AT: usize = 5000;
/// Most of them that are read at once.
const AT_ONCE: usize = 500;
/// Most neighbours on either side.
const CONTEXT: usize = 10;

/// Reads the index of a memory, and the places among its entries of those that pass the filter, but for metadata.
pub(super) fn filtered(
    store: &Store,
    person: &PersonId,
    user: &str,
    terms: &[String],
    filter: &Filter,
) -> Result<Option<(MemoryRead, Vec<usize>)>, MemoryError> {
    near(store, person, user, terms, None, filter)
}

/// The same, and how near each entry is to a meaning.
fn near(
    store: &Store,
    person: &PersonId,
    user: &str,
    terms: &[String],
    meaning: Option<&Vector>,
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
    let Some(read) = store.read_memory(person.as_str(), user, terms, &asked, meaning)? else {
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
            && (app.is_none_or(|app| entry.app == app)
                || filter.appless && Kind::of(entry) != Kind::Interaction)
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
        self.search_by(by, user, query, Parts::ALL).await
    }

    /// The same by parts of the rules, for whoever measures what each adds.
    ///
    /// # Errors
    /// As [`Memory::search`].
    #[doc(hidden)]
    pub async fn search_by(
        &self,
        by: &Principal,
        user: Option<&str>,
        query: Query,
        parts: Parts,
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
        within("now", query.now).map_err(MemoryError::Invalid)?;
        let (store, now) = (self.store.clone(), (self.clock)());
        let speakers = store.speakers(person.as_str(), &user)?;
        let meant = match parts.semantic {
            true => self.embedder.meant(&unnamed(&query.text, &speakers)).await,
            false => Meant::default(),
        };
        let place = self.place(&person).await?;
        work(move || {
            let _place = place;
            let finder = Finder {
                store: &store,
                query: &query,
                parts,
                now,
                meant,
            };
            finder.find(&person, &user, &speakers)
        })
        .await?
    }
}

/// One search.
struct Finder<'a> {
    store: &'a Store,
    query: &'a Query,
    parts: Parts,
    now: DateTime<Utc>,
    meant: Meant,
}

impl Finder<'_> {
    fn find(
        &self,
        person: &PersonId,
        user: &str,
        speakers: &[(String, u32, u32)],
    ) -> Result<Found, MemoryError> {
        let (query, parts) = (self.query, self.parts);
        let today = day(query.now.unwrap_or(self.now).timestamp_millis());
        let mut asked = Asked::of(&query.text, today, parts);
        let named = match parts.names {
            true => asked.name(speakers),
            false => Vec::new(),
        };
        let found = near(
            self.store,
            person,
            user,
            &asked.terms(),
            self.meant.vector.as_ref(),
            &query.filter,
        )?;
        let mut found_here = Found {
            signals: vec!["lexical"],
            warnings: self.meant.warning.iter().cloned().collect(),
            ..Found::default()
        };
        if !asked.times.is_empty() {
            found_here.signals.push("dates");
        }
        let because = |found: Found, reason| {
            Ok(Found {
                reason: Some(reason),
                ..found
            })
        };
        let Some((mut read, places)) = found else {
            return because(found_here, "nothing is kept for this user yet");
        };
        let over: HashSet<u32> = self
            .store
            .over_in(read.space, self.now)?
            .into_iter()
            .collect();
        let there = |entry: &Entry| !over.contains(&entry.doc);
        found_here.kept = read.entries.iter().filter(|one| there(one)).count();
        let means = read.similar.iter().any(Option::is_some);
        match (means, read.waiting) {
            (false, _) => {}
            (true, 0) => found_here.signals.push("semantic"),
            (true, waiting) => {
                found_here.signals.push("semantic:partial");
                let kept = found_here.kept;
                found_here.warnings.push(format!("{waiting} of {kept} have no vector of this model yet: they are found by their words"));
            }
        }
        if asked.is_empty() && !means {
            return because(found_here, "the query has no word to look for");
        }
        if places.is_empty() {
            return because(found_here, "the filter lets nothing of this user through");
        }
        let around = Around::of(&read.entries, parts.neighbours);
        let at = asked.places(std::mem::take(&mut read.postings));
        let question = Question {
            words: &at.words,
            named: &named,
            times: &asked.times,
            spoken: &at.spoken,
            cue: at
                .cue
                .as_ref()
                .map(|(places, factor)| (places.as_slice(), *factor)),
            similar: &read.similar,
            usual: self.meant.usual,
            deep: self.meant.deep,
        };
        let mut ranked = rank(&read.entries, &question, &around, parts);
        if places.len() < read.entries.len() {
            let mut pass = vec![false; read.entries.len()];
            places.into_iter().for_each(|at| pass[at] = true);
            ranked.retain(|one| pass[one.at]);
        }
        let any = !ranked.is_empty();
        ranked.retain(|one| there(&read.entries[one.at]));
        found_here.matched = ranked.len();
        if ranked.is_empty() {
            let reason = match any {
                true => "what shares a word with the query is over",
                false => "nothing that passes shares a word with the query",
            };
            return because(found_here, reason);
        }
        let further = first(&mut ranked, LOOKED_AT);
        let passed;
        (found_here.hits, passed) = self.hits(&read, &around, &ranked)?;
        if query.filter.metadata.is_some() {
            // Only their rows tell it.
            found_here.matched = passed;
        }
        let all = LOOKED_AT + further;
        if further > 0 && found_here.hits.len() < query.most {
            found_here.warnings.push(format!("only the best {LOOKED_AT} of {all} that fit were looked at for their metadata and for what is said again and again; a narrower filter or question reaches the others"));
        } else if further > 0 && query.filter.metadata.is_some() {
            found_here.warnings.push(format!("matched is of the best {LOOKED_AT} of {all} that fit: the metadata of the others were not looked at"));
        }
        if found_here.hits.is_empty() {
            return because(
                found_here,
                "what shares a word with the query has other metadata",
            );
        }
        Ok(found_here)
    }

    /// The best that are there and have the metadata; what was said several times stands there once. How many have the metadata,
    /// where some are asked for. `ranked`: the best first.
    fn hits(
        &self,
        read: &MemoryRead,
        around: &Around,
        ranked: &[Ranked],
    ) -> Result<(Vec<Hit>, usize), StoreError> {
        let most = self.query.most;
        let (mut hits, mut passed) = (Vec::<Hit>::new(), 0);
        let mut said: HashMap<(u8, u32, String), usize> = HashMap::new();
        // Mostly the first ones are all that is needed; further ones come in larger parts.
        let (mut left, mut count) = (ranked, most);
        while !left.is_empty() {
            let (now, later) = left.split_at(count.min(left.len()));
            (left, count) = (later, (2 * count).min(AT_ONCE));
            let mut items = self
                .fetch(read, now.iter().map(|one| one.at))?
                .into_iter()
                .peekable();
            for one in now {
                let entry = &read.entries[one.at];
                let Some(item) = items.next_if(|item| item.number() == entry.doc) else {
                    continue;
                };
                if !self.query.filter.has_metadata_of(&item) {
                    continue;
                }
                passed += 1;
                if hits.len() == most {
                    continue;
                }
                let text = item.text().trim().to_owned();
                let key = (entry.kind, entry.speaker, text);
                if let Some(first) = said.get(&key) {
                    hits[*first].repeated += 1;
                    continue;
                }
                said.insert(key, hits.len());
                hits.push(self.hit(read, around, one, item)?);
                if hits.len() == most && self.query.filter.metadata.is_none() {
                    return Ok((hits, passed));
                }
            }
        }
        Ok((hits, passed))
    }

    fn hit(
        &self,
        read: &MemoryRead,
        around: &Around,
        one: &Ranked,
        item: Item,
    ) -> Result<Hit, StoreError> {
        let mut before: Vec<_> = around.before(one.at, self.query.context).collect();
        before.reverse();
        let behind: Vec<_> = around.behind(one.at, self.query.context).collect();
        Ok(Hit {
            item,
            score: Score {
                total: one.score,
                lexical: one.words,
                dates: one.dates,
                semantic: one.semantic,
                factor: one.factor,
            },
            repeated: 0,
            before: self.fetch(read, before)?,
            behind: self.fetch(read, behind)?,
        })
    }

    /// What stands at these places among the entries, without what is not there any more or is over.
    fn fetch(
        &self,
        read: &MemoryRead,
        places: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Item>, StoreError> {
        let entries = places.into_iter().filter_map(|at| read.entries.get(at));
        item::fetch(self.store, read.space, entries, self.now)
    }
}

/// Leaves so many of the best, in order; how many others there were. Of two that fit as well the newer one comes first.
fn first(ranked: &mut Vec<Ranked>, count: usize) -> usize {
    let order = |a: &Ranked, b: &Ranked| b.score.total_cmp(&a.score).then(b.at.cmp(&a.at));
    let further = ranked.len().saturating_sub(count);
    if further > 0 {
        ranked.select_nth_unstable_by(count, order);
        ranked.truncate(count);
    }
    ranked.sort_unstable_by(order);
    further
}
