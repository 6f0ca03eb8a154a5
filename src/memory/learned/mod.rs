//! Facts about a person, read by the model of `[llm]` out of what was said: later than the turn, each with the turns that say it.
//!
//! Owns: when and what is read, what is asked, what of an answer is kept. `prompt`, `answer`, `sieve` and `when` touch nothing.
//! Turns are kept whole whatever becomes of their reading, and nothing waits for it.

mod answer;
mod ask;
mod care;
mod evidence;
mod pace;
mod prompt;
mod sieve;
mod when;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Memory;
use super::embed::{Model, Written};
use super::entry::{indexed, terms};
use crate::ids;
use crate::store::{
    Confirmed, Entry, LEARNED, LearnedRow, NewFact, OUTDATED, REJECTED, ReadTurn, Reading,
    StoreError, Unread, UnreadSpace, UnreadTurn,
};
use ask::Trouble;
use pace::Failed;
use sieve::{Junk, Passed, Shown};

pub use care::{FactText, FactVersion, ReadingStatus};
pub(super) use pace::Pace;

/// How often the memory looks for turns to be read.
const LOOK: Duration = Duration::from_secs(5);
/// Turns that are read as soon as there are so many; fewer when nobody has said more for a while.
const TURNS: usize = 20;
/// For so long.
const QUIET: TimeDelta = TimeDelta::seconds(90);
/// Most characters of the turns of one question.
const CHARACTERS: usize = 12_000;
/// Turns of the same session before those that are read, for their sense.
const BEFORE: u32 = 3;
/// Known facts that the model is told of: those nearest to what is read, so that the question does not grow with the memory.
const KNOWN: usize = 12;
/// Terms by which they are found.
const TERMS: usize = 400;
/// Spaces that are looked through at once.
const SPACES: u32 = 64;
/// Most facts of one user.
const MOST: u32 = 10_000;

impl Memory {
    /// Reads facts out of what was said, again and again, as long as `[memory] facts` and `[llm]` are set.
    pub async fn learn(self) {
        loop {
            self.pace.wait(LOOK).await;
            while self.why_off().is_none() && self.pace.may_ask((self.clock)()) {
                match self.read_round().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!("what was said could not be read for facts: {error}");
                        break;
                    }
                }
            }
        }
    }

    /// Why nothing is read; `None`: it is.
    fn why_off(&self) -> Option<&'static str> {
        let settings = self.llm.settings();
        let (memory, llm) = (&settings.config.memory, &settings.config.llm);
        match (memory.facts, &llm.url, &llm.model) {
            (false, _, _) => Some("facts = true is not set in [memory] of config.toml"),
            (true, None, _) => Some("no model is set up: url is not set in [llm] of config.toml"),
            (true, _, None) => Some("no model is named: model is not set in [llm] of config.toml"),
            (true, Some(_), Some(_)) => None,
        }
    }

    /// One question at most for each memory; whether anything was read.
    async fn read_round(&self) -> Result<bool, StoreError> {
        let (mut after, mut any) = (0, false);
        loop {
            let spaces = self.store.unread_spaces(after, SPACES)?;
            let Some(last) = spaces.last() else {
                return Ok(any);
            };
            after = last.space;
            for space in &spaces {
                if self.why_off().is_some() || !self.pace.may_ask((self.clock)()) {
                    return Ok(false);
                }
                any |= self.read_space(space).await?;
            }
        }
    }

    /// Reads the next turns of a memory, where it is time; whether it did.
    async fn read_space(&self, space: &UnreadSpace) -> Result<bool, StoreError> {
        let (at, now) = (space.space, (self.clock)());
        let Some(most) = self.pace.turns(at, TURNS, now) else {
            return Ok(false);
        };
        let mut unread = self.store.unread(at, now, most)?;
        let Some(last) = unread.turns.last() else {
            self.store.nothing_unread(at).await?;
            self.pace.caught_up(at);
            return Ok(false);
        };
        let quiet = now - last.created_at >= QUIET;
        let cut = cut(&mut unread.turns);
        let full = cut || unread.turns.len() >= most;
        if !(quiet || full || unread.again || self.pace.is_hurried(at)) {
            return Ok(false);
        }
        let reading = match self.read(space, &unread, most < TURNS, now).await? {
            Ok(reading) => {
                self.pace.answered(at);
                reading
            }
            Err(trouble) => {
                let retry = trouble.to_string();
                match self.pace.failed(at, &trouble, now) {
                    Failed::Later => {
                        tracing::debug!("what was said is read for facts later: {retry}");
                        return Ok(false);
                    }
                    Failed::Never => {
                        let turns = unread.turns.len();
                        tracing::warn!(
                            turns,
                            "some of what was said is not read for facts, tried often enough: {retry}"
                        );
                        Reading {
                            passed_over: true,
                            ..nothing(at, &unread)
                        }
                    }
                }
            }
        };
        let (turns, known, dropped) = (
            reading.turns.len(),
            reading.confirmed.len(),
            reading.dropped,
        );
        let new = reading.new.iter().map(|one| &one.indexed);
        let confirmed = reading.confirmed.iter().map(|one| &one.indexed);
        let quick = new.chain(confirmed).all(|one| one.vector.is_some());
        let learned = self
            .store
            .keep_reading(reading, MOST, terms, (self.clock)())
            .await?;
        self.embedder.written(Written::Space(at), quick);
        tracing::info!(
            turns,
            learned,
            known,
            dropped,
            "what was said was read for facts"
        );
        Ok(true)
    }

    /// Asks the model about turns, and sorts its answer. `bare`: without the turns before them, which may be why it did not
    /// answer.
    async fn read(
        &self,
        space: &UnreadSpace,
        unread: &Unread,
        bare: bool,
        now: DateTime<Utc>,
    ) -> Result<Result<Reading, Trouble>, StoreError> {
        let (turns, before) = match bare {
            true => (unread.turns.clone(), 0),
            false => self.with_before(space.space, unread, now)?,
        };
        let docs: Vec<u32> = turns.iter().map(|turn| turn.doc).collect();
        let mut known = match unread.again {
            true => self.store.learned_from(space.space, &docs, OUTDATED)?,
            false => Vec::new(),
        };
        known.extend(
            self.store
                .learned_near(space.space, &words(&unread.turns), KNOWN)?,
        );
        let mut rejected = Vec::new();
        for (place, doc) in docs.iter().enumerate() {
            let facts = self.store.learned_from(space.space, &[*doc], REJECTED)?;
            rejected.extend(facts.into_iter().map(|fact| (place, fact.text)));
        }
        let asked = self
            .ask(prompt::RULES, &prompt::question(&turns, &known))
            .await;
        let (model, proposed) = match asked {
            Ok(answer) => answer,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let shown = Shown {
            turns: &turns,
            before,
            known: &known,
            rejected: &rejected,
        };
        let (passed, junk) = sieve::sift(&proposed, &shown);
        log_junk(&junk);
        let mut reading = nothing(space.space, unread);
        reading.dropped = u32::try_from(junk.len()).unwrap_or(u32::MAX);
        let quick = self.embedder.quick().await;
        let quick = quick.as_deref();
        for fact in passed {
            match fact.known {
                Some(place) => {
                    reading
                        .confirmed
                        .push(confirmed(fact, &turns, &known[place], quick))
                }
                None => match new_fact(fact, &turns, &known, &model, quick) {
                    Some(fact) => reading.new.push(fact),
                    // The next look tries again.
                    None => {
                        return Ok(Err(Trouble::Down(
                            "the system gives no random numbers".to_owned(),
                        )));
                    }
                },
            }
        }
        Ok(Ok(reading))
    }

    /// The turns with those before them in their sessions, and how many those are.
    fn with_before(
        &self,
        space: i64,
        unread: &Unread,
        now: DateTime<Utc>,
    ) -> Result<(Vec<UnreadTurn>, usize), StoreError> {
        let mut sessions = BTreeSet::new();
        let read: BTreeSet<u32> = unread.turns.iter().map(|turn| turn.doc).collect();
        let mut before = BTreeMap::new();
        for turn in &unread.turns {
            // Those that are read again may lie anywhere.
            if sessions.insert(&turn.session) || unread.again {
                let turns = self.store.turns_before(space, turn, now, BEFORE)?;
                before.extend(turns.into_iter().map(|turn| (turn.doc, turn)));
            }
        }
        before.retain(|doc, _| !read.contains(doc));
        let count = before.len();
        let turns = before.into_values().chain(unread.turns.iter().cloned());
        Ok((turns.collect(), count))
    }
}

/// Leaves as many turns as fit into one question, one at least; whether some were left out.
fn cut(turns: &mut Vec<UnreadTurn>) -> bool {
    let mut characters = 0;
    let fit = turns.iter().take_while(|turn| {
        characters += prompt::shown(&turn.text).chars().count();
        characters <= CHARACTERS
    });
    let fit = fit.count().max(1);
    let cut = fit < turns.len();
    turns.truncate(fit);
    cut
}

/// The terms of turns.
fn words(turns: &[UnreadTurn]) -> BTreeSet<String> {
    let all = turns
        .iter()
        .flat_map(|turn| terms(&turn.text, turn.occurred_at.timestamp_millis()));
    all.map(|(term, _)| term).take(TERMS).collect()
}

fn read_turn(turn: &UnreadTurn) -> ReadTurn {
    ReadTurn {
        doc: turn.doc,
        version: turn.version,
    }
}

/// That turns were read, and nothing came of it.
fn nothing(space: i64, unread: &Unread) -> Reading {
    Reading {
        space,
        turns: unread.turns.iter().map(read_turn).collect(),
        again: unread.again,
        ..Reading::default()
    }
}

/// What the index keeps of a fact whose time is this.
fn entry(at: DateTime<Utc>) -> Entry {
    Entry {
        at: at.timestamp_millis(),
        kind: LEARNED,
        ..Entry::default()
    }
}

fn confirmed(
    fact: Passed,
    turns: &[UnreadTurn],
    known: &LearnedRow,
    quick: Option<&Model>,
) -> Confirmed {
    let at = known.valid_from.unwrap_or(fact.said);
    Confirmed {
        id: known.id.clone(),
        sources: fact
            .sources
            .iter()
            .map(|at| read_turn(&turns[*at]))
            .collect(),
        // The text stays as it is known.
        indexed: indexed(&known.text, entry(at), quick),
    }
}

fn new_fact(
    fact: Passed,
    turns: &[UnreadTurn],
    known: &[LearnedRow],
    model: &str,
    quick: Option<&Model>,
) -> Option<NewFact> {
    let indexed = indexed(&fact.text, entry(fact.since.unwrap_or(fact.said)), quick);
    Some(NewFact {
        id: ids::random().ok()?,
        text: fact.text,
        valid_from: fact.since,
        valid_until: fact.until,
        model: Some(model.to_owned()),
        sources: fact
            .sources
            .iter()
            .map(|at| read_turn(&turns[*at]))
            .collect(),
        replaces: fact
            .replaces
            .iter()
            .map(|at| known[*at].id.clone())
            .collect(),
        indexed,
    })
}

/// Why, and how often: never what.
fn log_junk(junk: &[Junk]) {
    let mut counts: BTreeMap<Junk, usize> = BTreeMap::new();
    for why in junk {
        *counts.entry(*why).or_default() += 1;
    }
    if !counts.is_empty() {
        tracing::debug!(?counts, "the model gave facts that are none");
    }
}
