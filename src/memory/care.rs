//! Care of what is kept: how much it is, whose it is, and how it goes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::entry::terms;
use super::interaction::{QUOTA, user_of, work};
use super::query::{Filter, Kind};
use super::said::shown;
use super::search::filtered;
use super::{BYTES, MOST, Memory, MemoryError};
use crate::identity::{PersonId, Principal};
use crate::store::{Contents, Entry, LEARNED, NameKind, PASSAGE, Place, Store, StoreError};

/// How many that are over are deleted at once.
const SWEPT: u32 = 500;
/// How often the memory looks for what is over.
const SWEEP: Duration = Duration::from_secs(30);
/// How many interactions are hidden at once: as many as a deletion by filter takes away at one moment.
const HIDDEN: usize = 20_000;

/// What a deletion takes away, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matched {
    /// How many there are.
    pub matched: u64,
    /// Whether they are deleted.
    pub deleted: bool,
    /// What they are, where a whole memory goes.
    pub contents: Contents,
}

/// How much is in a user's memory, and how much may be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Whose memory it is.
    pub user: String,
    /// Turns.
    pub interactions: u64,
    /// Passages of documents.
    pub passages: u64,
    /// Facts.
    pub facts: u64,
    /// Documents.
    pub documents: u64,
    /// Bytes of turns with their metadata, names and keys, 256 for each, and of the texts of facts, with what they said before.
    pub bytes: u64,
    /// Entries that the user may have: turns, passages and facts.
    pub most_entries: u32,
    /// Bytes that the texts may have.
    pub most_bytes: u64,
    /// Of a person who was only made for an instance: bytes of all that it keeps, and how many that may be.
    pub bare: Option<(u64, u64)>,
    /// Documents that the person may have, and bytes of all their texts.
    pub most_documents: (u64, u64),
    /// When the oldest turn was said.
    pub oldest: Option<DateTime<Utc>>,
    /// When the newest turn was said.
    pub newest: Option<DateTime<Utc>>,
}

/// A user in a person's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub user: String,
    /// Turns, passages and facts.
    pub entries: u32,
    /// Bytes of the texts of turns and facts.
    pub bytes: u64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Its number in its user's memory.
    pub number: u32,
    /// How many turns it has.
    pub turns: u32,
    /// When the first of them was said.
    pub first: DateTime<Utc>,
    /// When the last of them was said.
    pub last: DateTime<Utc>,
}

impl Memory {
    /// Deletes the interactions that pass a filter; without `confirm` it only counts them. All of them are out of reach at one
    /// moment (up to 20,000), and deleted in small steps then.
    ///
    /// # Errors
    /// `Invalid` for a filter that lets everything through; `Miscounted`: there are not as many as was confirmed, and nothing was
    /// deleted; `Foreign`; the store cannot be written.
    pub async fn forget_by(
        &self,
        by: &Principal,
        user: Option<&str>,
        filter: Filter,
        confirm: Option<u64>,
    ) -> Result<Matched, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.clone());
        let only_interactions = filter.kind.is_none_or(|kind| kind == Kind::Interaction);
        let named = Filter {
            kind: None,
            ..filter.clone()
        };
        if named.is_empty() || !only_interactions {
            let why = "filters must name what goes: session, role, app, since, until or metadata, and interactions are all that it deletes. \
                       An empty filter never means everything: for all of a user there is DELETE /v1/memory?user_id=";
            return Err(MemoryError::Invalid(why.to_owned()));
        }
        let filter = Filter {
            kind: Some(Kind::Interaction),
            ..filter
        };
        // Again where one of them was changed between the look and the deletion: it may not pass any more.
        loop {
            let found = self.seen(&person, &user, &filter).await?;
            let (space, docs) = found.unwrap_or_default();
            let matched = docs.len() as u64;
            let answer = Matched {
                matched,
                deleted: self.confirmed(matched, confirm)?,
                contents: Contents {
                    interactions: matched,
                    ..Contents::default()
                },
            };
            if !answer.deleted || docs.is_empty() {
                return Ok(answer);
            }
            let mut pieces = docs.chunks(HIDDEN);
            let first = pieces.next().unwrap_or_default();
            if !self.store.end_interactions(space, first.to_vec()).await? {
                continue;
            }
            let mut hidden = first.to_vec();
            for piece in pieces {
                if self.store.end_interactions(space, piece.to_vec()).await? {
                    hidden.extend_from_slice(piece);
                    continue;
                }
                // What the first piece hid is on its way: one that was changed stays, and the others go.
                for one in piece {
                    if self.store.end_interactions(space, vec![*one]).await? {
                        hidden.push(*one);
                    }
                }
            }
            for some in hidden.chunks(SWEPT as usize) {
                let places = some.iter().map(|(doc, _)| Place { space, doc: *doc });
                self.store
                    .delete_interactions(places.collect(), terms)
                    .await?;
            }
            self.store.write_back().await;
            let matched = hidden.len() as u64;
            return Ok(Matched {
                matched,
                contents: Contents {
                    interactions: matched,
                    ..Contents::default()
                },
                ..answer
            });
        }
    }

    /// The interactions that pass a filter, each with its version; before them the number of their space.
    async fn seen(
        &self,
        person: &PersonId,
        user: &str,
        filter: &Filter,
    ) -> Result<Option<(i64, Vec<(u32, u32)>)>, MemoryError> {
        let (store, now) = (self.store.clone(), (self.clock)());
        let (person, user, filter) = (person.clone(), user.to_owned(), filter.clone());
        let place = self.place(&person).await?;
        work(move || {
            let _place = place;
            filter.check()?;
            let Some(space) = store.space_of(person.as_str(), &user)? else {
                return Ok(None);
            };
            // Before the index: what is changed after it has another version then.
            let versions = store.later_versions(space)?;
            let Some((read, places)) = filtered(&store, &person, &user, &[], &filter)? else {
                return Ok(None);
            };
            let over: HashSet<u32> = store.over_in(read.space, now)?.into_iter().collect();
            let places = places.into_iter().filter_map(|at| read.entries.get(at));
            let docs = places
                .map(|entry| entry.doc)
                .filter(|doc| !over.contains(doc));
            let mut docs: Vec<u32> = docs.collect();
            if filter.metadata.is_some() {
                let mut fitting = Vec::new();
                for docs in docs.chunks(500) {
                    let rows = store.interactions_at(read.space, docs)?.into_iter();
                    let rows = rows.map(shown).filter(|one| filter.has_metadata(one));
                    fitting.extend(rows.map(|one| one.number));
                }
                docs = fitting;
            }
            let version = |doc: u32| versions.get(&doc).copied().unwrap_or(1);
            let docs = docs.into_iter().map(|doc| (doc, version(doc)));
            Ok(Some((read.space, docs.collect())))
        })
        .await?
    }

    /// Deletes everything of a user: turns, facts, documents; without `confirm` it only counts them. What others have stays as it
    /// is; documents of the watched folder, too: they go with their files.
    ///
    /// # Errors
    /// `Miscounted`: there are not as many as was confirmed, and nothing was deleted; `Foreign`; the store cannot be written.
    pub async fn forget_user(
        &self,
        by: &Principal,
        user: &str,
        confirm: Option<u64>,
    ) -> Result<Matched, MemoryError> {
        let user = user_of(by, Some(user))?;
        let person = by.person.to_string();
        let has_folder = self.has_folder();
        let store = self.store.clone();
        let (owner, whose) = (person.clone(), user.clone());
        let counted = work(move || store.contents(&owner, &whose, has_folder));
        let (mut contents, _) = counted.await??;
        let mut deleted = self.confirmed(contents.total(), confirm)?;
        if deleted {
            let expected = contents.total();
            let deletion = self.store.delete_memory(person, user, expected, has_folder);
            (contents, deleted) = deletion.await?;
            if !deleted {
                // Something came in between.
                self.confirmed(contents.total(), confirm)?;
            }
            self.store.write_back().await;
            if deleted && contents.of_folder > 0 {
                // What stays is found by passages of its own again.
                self.split_waiting().await?;
            }
        }
        Ok(Matched {
            matched: contents.total(),
            deleted,
            contents,
        })
    }

    /// Whether what was counted is to be deleted.
    fn confirmed(&self, now: u64, confirm: Option<u64>) -> Result<bool, MemoryError> {
        match confirm {
            None => Ok(false),
            Some(said) if said == now => Ok(true),
            Some(said) => Err(MemoryError::Miscounted { said, now }),
        }
    }

    /// How much is in a user's memory, and how much may be.
    ///
    /// # Errors
    /// `Foreign`; the store cannot be read.
    pub async fn stats(&self, by: &Principal, user: Option<&str>) -> Result<Stats, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.clone());
        let (store, now) = (self.store.clone(), (self.clock)());
        let place = self.place(&person).await?;
        work(move || {
            let _place = place;
            // Those of the folder count as documents here.
            let (contents, held) = store.contents(person.as_str(), &user, false)?;
            let space = store.spaces(person.as_str(), Some(&user), None, 1)?.pop();
            let mut stats = Stats {
                documents: contents.documents,
                bytes: space.map_or(0, |space| space.bytes),
                most_entries: QUOTA.entries,
                most_bytes: QUOTA.bytes,
                bare: held.map(|held| (held, QUOTA.bare_bytes)),
                most_documents: (MOST, BYTES),
                ..Stats::default()
            };
            if let Some((over, entries)) = entries(&store, person.as_str(), &user, now)? {
                let mut times = Vec::new();
                for entry in entries.iter().filter(|entry| !over.contains(&entry.doc)) {
                    match entry.kind {
                        PASSAGE => stats.passages += 1,
                        LEARNED => stats.facts += 1,
                        _ => {
                            stats.interactions += 1;
                            times.push(entry.at);
                        }
                    }
                }
                let time =
                    |at: Option<&i64>| at.and_then(|at| DateTime::from_timestamp_millis(*at));
                (stats.oldest, stats.newest) = (time(times.iter().min()), time(times.iter().max()));
            }
            stats.user = user;
            Ok(stats)
        })
        .await?
    }

    /// Whose memories there are within the person's, by name, behind `after`. Who reaches one alone sees that one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn users(
        &self,
        by: &Principal,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<User>, MemoryError> {
        let only = by.memory_of.as_deref();
        let rows = self.store.spaces(by.person.as_str(), only, after, limit)?;
        let rows = rows.into_iter().map(|row| User {
            user: row.user,
            entries: row.entries,
            bytes: row.bytes,
        });
        Ok(rows.collect())
    }

    /// The sessions of a user that began before the one of this number, the newest first. `app`: only with turns to this
    /// application.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub async fn sessions(
        &self,
        by: &Principal,
        user: Option<&str>,
        app: Option<String>,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<Session>, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.clone());
        let (store, now) = (self.store.clone(), (self.clock)());
        let place = self.place(&person).await?;
        work(move || {
            let _place = place;
            let filter = Filter {
                app,
                kind: Some(Kind::Interaction),
                ..Filter::default()
            };
            let Some((read, places)) = filtered(&store, &person, &user, &[], &filter)? else {
                return Ok(Vec::new());
            };
            let over: HashSet<u32> = store.over_in(read.space, now)?.into_iter().collect();
            let mut sessions: HashMap<u32, (u32, i64, i64)> = HashMap::new();
            for entry in places.into_iter().filter_map(|at| read.entries.get(at)) {
                let earlier = before.is_none_or(|before| entry.session < before);
                if entry.session == 0 || !earlier || over.contains(&entry.doc) {
                    continue;
                }
                let first = (0, entry.at, entry.at);
                let session = sessions.entry(entry.session).or_insert(first);
                session.0 += 1;
                session.1 = session.1.min(entry.at);
                session.2 = session.2.max(entry.at);
            }
            let mut numbers: Vec<u32> = sessions.keys().copied().collect();
            numbers.sort_unstable_by(|a, b| b.cmp(a));
            numbers.truncate(limit);
            let names = store.names(read.space, NameKind::Session)?;
            let mut names: HashMap<u32, String> = names.into_iter().collect();
            let time = |at| DateTime::from_timestamp_millis(at).unwrap_or_default();
            let all = numbers.into_iter().filter_map(|number| {
                let (turns, first, last) = *sessions.get(&number)?;
                Some(Session {
                    name: names.remove(&number)?,
                    number,
                    turns,
                    first: time(first),
                    last: time(last),
                })
            });
            Ok(all.collect())
        })
        .await?
    }

    /// Deletes what is over, and what is left of memories that are under deletion, again and again. Until then it is found by
    /// nothing.
    pub async fn sweep(self) {
        let mut clock = tokio::time::interval(SWEEP);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            if let Err(error) = self.sweep_once().await {
                tracing::warn!("what is over in memories was not deleted: {error}");
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), MemoryError> {
        let mut any = self.store.finish_leaving().await?;
        loop {
            let (store, now) = (self.store.clone(), (self.clock)());
            let over = work(move || store.interactions_over(now, SWEPT)).await??;
            if over.is_empty() {
                break;
            }
            let all = over.into_iter().map(|row| row.place).collect();
            any |= self.store.delete_interactions(all, terms).await? > 0;
        }
        if any || self.store.owes_write_back() {
            self.store.write_back().await;
        }
        Ok(())
    }
}

/// Every entry of a user's memory, and the numbers of those that are over.
#[expect(clippy::type_complexity, reason = "two lists of one moment")]
fn entries(
    store: &Store,
    person: &str,
    user: &str,
    now: DateTime<Utc>,
) -> Result<Option<(HashSet<u32>, Arc<Vec<Entry>>)>, StoreError> {
    let Some(read) = store.read_memory(person, user, &[], &[], None)? else {
        return Ok(None);
    };
    let over = store.over_in(read.space, now)?.into_iter().collect();
    Ok(Some((over, read.entries)))
}
