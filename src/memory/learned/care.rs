//! What a person does with facts: looks at them, states, mends, rejects and deletes them, and sees how reading stands.

use chrono::{DateTime, Utc};

use super::super::embed::Written;
use super::super::entry::{indexed, terms};
use super::super::interaction::{QUOTA, new_id, user_of};
use super::super::item::{Learned, learned};
use super::super::moment::within;
use super::super::said::is_current;
use super::super::{Memory, MemoryError};
use super::sieve::{LONGEST, form, one_line};
use super::{KNOWN, MOST, entry};
use crate::identity::Principal;
use crate::store::{CURRENT, Confirmed, LearnedRow, Mended, MendedFact, NewFact, ReadTurn, Stated};

/// Most turns that a stated fact names.
const SOURCES: usize = 20;

/// A fact, as a person has it.
#[derive(Debug, Clone, Default)]
pub struct FactText {
    /// One sentence of at most 300 characters.
    pub text: String,
    /// Since when it is so.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub valid_until: Option<DateTime<Utc>>,
    /// Ids of the interactions that say it.
    pub sources: Vec<String>,
}

/// What a fact said before it was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactVersion {
    /// From 1.
    pub version: u32,
    /// As it was.
    pub text: String,
    /// As it was.
    pub valid_from: Option<DateTime<Utc>>,
    /// As it was.
    pub valid_until: Option<DateTime<Utc>>,
    /// The model that had read it; `None`: a person stated or mended it.
    pub model: Option<String>,
    /// When the next version took its place.
    pub replaced_at: DateTime<Utc>,
}

/// How reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingStatus {
    /// Why nothing is read; `None`: it is.
    pub off: Option<&'static str>,
    /// Turns of the user that are not read yet; 100,000 at most.
    pub behind: u32,
    /// Turns of the user that the model gave no answer to.
    pub passed_over: u32,
    /// Facts of the model about the user that were none.
    pub dropped: u32,
    /// The last failure, of whomever it was, as long as nothing was answered since: when, and what.
    pub last_failure: Option<(DateTime<Utc>, String)>,
    /// Until then the model is not asked.
    pub waits_until: Option<DateTime<Utc>>,
}

impl Memory {
    /// Facts of a user, the newest first; `state`: only those in it; `before`: only those with a lower number. With them the
    /// number before which the next ones are; `None`: there are none.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub fn facts(
        &self,
        by: &Principal,
        user: Option<&str>,
        state: Option<&str>,
        before: Option<u32>,
        limit: u32,
    ) -> Result<(Vec<Learned>, Option<u32>), MemoryError> {
        let user = user_of(by, user)?;
        let person = by.person.as_str();
        // One more than is shown tells whether there is more.
        let more = limit.saturating_add(1);
        let mut rows = self.store.learned_of(person, &user, state, before, more)?;
        let next = match u32::try_from(rows.len()).is_ok_and(|count| count == more) {
            true => {
                rows.pop();
                rows.last().map(|last| last.doc)
            }
            false => None,
        };
        let now = (self.clock)();
        rows.retain(|row| is_current(row.expires_at, now));
        Ok((rows.into_iter().map(learned).collect(), next))
    }

    /// A fact, and what it said before, the oldest first.
    ///
    /// # Errors
    /// `UnknownFact`, also for what is in another's memory; the store cannot be read.
    pub fn fact(
        &self,
        by: &Principal,
        id: &str,
    ) -> Result<(Learned, Vec<FactVersion>), MemoryError> {
        let row = self.fact_row(by, id)?;
        let versions = self.store.learned_versions(&row.id)?.into_iter();
        let versions = versions.map(|row| FactVersion {
            version: row.version,
            text: row.text,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            model: row.model,
            replaced_at: row.replaced_at,
        });
        Ok((learned(row), versions.collect()))
    }

    /// Keeps a fact that a person states; searches find it from now on. One that says the same is kept once, with the further
    /// sources. Whether it is new.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; `UnknownInteraction` for a source that is not in this memory; `TooManyFacts`; the store cannot be
    /// written.
    pub async fn state_fact(
        &self,
        by: &Principal,
        user: Option<&str>,
        said: FactText,
    ) -> Result<(Learned, bool), MemoryError> {
        let user = user_of(by, user)?;
        let text = checked(&said)?;
        if said.sources.len() > SOURCES {
            let why = format!("sources has at most {SOURCES} ids");
            return Err(MemoryError::Invalid(why));
        }
        let now = (self.clock)();
        let (mut sources, mut newest) = (Vec::new(), None);
        for id in &said.sources {
            let row = self
                .store
                .interaction(by.person.as_str(), Some(&user), id)?;
            let row = row.filter(|row| is_current(row.expires_at, now));
            let row = row.ok_or_else(|| MemoryError::UnknownInteraction(short(id)))?;
            newest = newest.max(Some(row.occurred_at));
            sources.push(ReadTurn {
                doc: row.place.doc,
                version: row.version,
            });
        }
        let at = said.valid_from.or(newest).unwrap_or(now);
        let model = self.embedder.quick().await;
        let indexed = indexed(&text, entry(at), model.as_deref());
        if let Some(space) = self.store.space_of(by.person.as_str(), &user)? {
            let words = indexed.terms.iter().map(|(term, _)| term.clone()).collect();
            let near = self.store.learned_near(space, &words, KNOWN)?;
            if let Some(same) = near
                .into_iter()
                .find(|fact| form(&fact.text) == form(&text))
            {
                let id = same.id;
                let known = Confirmed {
                    id: id.clone(),
                    sources,
                    indexed,
                };
                self.store.confirm_fact(space, known, now).await?;
                return Ok((learned(self.fact_row(by, &id)?), false));
            }
        }
        let id = new_id()?;
        let fact = NewFact {
            id: id.clone(),
            text,
            valid_from: said.valid_from,
            valid_until: said.valid_until,
            model: None,
            sources,
            replaces: Vec::new(),
            indexed,
        };
        let person = by.person.to_string();
        let written = Written::Of(person.clone(), user.clone());
        let quick = fact.indexed.vector.is_some();
        match self
            .store
            .state_fact(person, user, fact, MOST, QUOTA, now)
            .await?
        {
            Stated::New => {
                self.embedder.written(written, quick);
                Ok((learned(self.fact_row(by, &id)?), true))
            }
            Stated::Full => Err(MemoryError::TooManyFacts(MOST)),
            Stated::NoRoom(why) => Err(why.into()),
        }
    }

    /// Gives a fact another text or other times; what it said stays in its history. `change` gets it as it is.
    ///
    /// # Errors
    /// `UnknownFact`, also for what is in another's memory; `NotCurrent`; `Invalid`; the store cannot be written.
    pub async fn mend_fact(
        &self,
        by: &Principal,
        id: &str,
        change: impl FnOnce(FactText) -> FactText,
    ) -> Result<Learned, MemoryError> {
        let row = self.fact_row(by, id)?;
        let not_current = |state: &str| MemoryError::NotCurrent {
            id: short(id),
            state: state.to_owned(),
        };
        if row.state != CURRENT {
            return Err(not_current(&row.state));
        }
        let said = change(FactText {
            text: row.text,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            sources: Vec::new(),
        });
        let text = checked(&said)?;
        let now = (self.clock)();
        let at = said.valid_from.or(row.said_at).unwrap_or(row.created_at);
        let model = self.embedder.quick().await;
        let mended = Mended {
            indexed: indexed(&text, entry(at), model.as_deref()),
            text,
            valid_from: said.valid_from,
            valid_until: said.valid_until,
            version: row.version,
        };
        let written = Written::Of(by.person.to_string(), row.user);
        let quick = mended.indexed.vector.is_some();
        let done = self.store.mend_fact(row.id, mended, terms, QUOTA, now);
        match done.await? {
            MendedFact::Yes => {
                self.embedder.written(written, quick);
                Ok(learned(self.fact_row(by, id)?))
            }
            MendedFact::No => Err(not_current("changed by somebody else meanwhile")),
            MendedFact::NoRoom(why) => Err(why.into()),
        }
    }

    /// Rejects a fact: no search finds it, and it is not read out of the same turns again.
    ///
    /// # Errors
    /// `UnknownFact`, also for what is in another's memory; the store cannot be written.
    pub async fn reject_fact(&self, by: &Principal, id: &str) -> Result<Learned, MemoryError> {
        let row = self.fact_row(by, id)?;
        match self
            .store
            .reject_fact(row.id, terms, (self.clock)())
            .await?
        {
            true => Ok(learned(self.fact_row(by, id)?)),
            false => Err(unknown(id)),
        }
    }

    /// Deletes a fact and what it said before; afterwards its words are nowhere in the store's files.
    ///
    /// # Errors
    /// `UnknownFact`, also for what is in another's memory; the store cannot be written.
    pub async fn forget_fact(&self, by: &Principal, id: &str) -> Result<(), MemoryError> {
        let row = self.fact_row(by, id)?;
        if !self.store.delete_fact(row.id, terms).await? {
            return Err(unknown(id));
        }
        self.store.write_back().await;
        Ok(())
    }

    /// How reading stands for a user.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub fn reading(
        &self,
        by: &Principal,
        user: Option<&str>,
    ) -> Result<ReadingStatus, MemoryError> {
        let user = user_of(by, user)?;
        let state = self.store.reading_state(by.person.as_str(), &user)?;
        let (last_failure, waits_until) = self.pace.trouble();
        let now = (self.clock)();
        Ok(ReadingStatus {
            off: self.why_off(),
            behind: state.behind,
            passed_over: state.passed_over,
            dropped: state.dropped,
            last_failure,
            waits_until: waits_until.filter(|until| *until > now),
        })
    }

    /// Has what a user said read now, without waiting until nothing more is said; how it stands before.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub fn read_now(
        &self,
        by: &Principal,
        user: Option<&str>,
    ) -> Result<ReadingStatus, MemoryError> {
        let status = self.reading(by, user)?;
        let user = user_of(by, user)?;
        if status.off.is_none()
            && status.behind > 0
            && let Some(space) = self.store.space_of(by.person.as_str(), &user)?
        {
            self.pace.hurry(space);
        }
        Ok(status)
    }

    fn fact_row(&self, by: &Principal, id: &str) -> Result<LearnedRow, MemoryError> {
        let user = by.memory_of.as_deref();
        let found = self.store.learned(by.person.as_str(), user, id)?;
        let now = (self.clock)();
        found
            .filter(|row| is_current(row.expires_at, now))
            .ok_or_else(|| unknown(id))
    }
}

/// The text in one line, if it is a fact.
fn checked(said: &FactText) -> Result<String, MemoryError> {
    let invalid = |why: String| Err(MemoryError::Invalid(why));
    let text = one_line(&said.text);
    if form(&text).is_empty() || text.chars().count() > LONGEST {
        return invalid(format!(
            "text is one sentence of 1 to {LONGEST} characters; what is longer is kept as an interaction or a document"
        ));
    }
    within("valid_from", said.valid_from).map_err(MemoryError::Invalid)?;
    within("valid_until", said.valid_until).map_err(MemoryError::Invalid)?;
    if let (Some(from), Some(until)) = (said.valid_from, said.valid_until)
        && from >= until
    {
        return invalid("valid_until must be after valid_from".to_owned());
    }
    Ok(text)
}

fn unknown(id: &str) -> MemoryError {
    MemoryError::UnknownFact(short(id))
}

fn short(id: &str) -> String {
    id.chars().take(40).collect()
}
