//! What was said, word for word: kept, shown, deleted.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::documents::BARE_BYTES;
use super::embed::{Model, Written};
use super::entry::{indexed, terms};
use super::moment::within;
use super::query::{Filter, Kind};
use super::said::{Interaction, Said, is_current, shown};
use super::search::filtered;
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::ids;
pub use crate::store::KeptTurn as Kept;
use crate::store::{Added, Entry, InteractionRow, NewInteraction, Place, Quota, StoreError};

/// Most interactions that are added at once.
pub const BATCH: usize = 1000;
/// Longest text, bytes.
const TEXT: usize = 64 << 10;
/// Longest name of a user, session, speaker, application, and longest idempotency key, characters.
const NAME: usize = 255;
/// Largest metadata, bytes of JSON.
const METADATA: usize = 8 << 10;
/// How much one user may have.
pub(super) const QUOTA: Quota = Quota {
    entries: 1_000_000,
    bytes: 1 << 30,
    bare_bytes: BARE_BYTES,
    bare_entries: 20_000,
};
/// A part of what was said, by the numbers of interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those before this one, the newest first.
    Before(Option<u32>),
    /// Those behind this one, the oldest first.
    After(Option<u32>),
}

impl Memory {
    /// Keeps what was said in a user's memory, all of it or nothing, in this order. When it is answered it is on the disk and
    /// found. What became of each.
    ///
    /// # Errors
    /// `Invalid` says which and why; `Conflict`, `Crowded`, `Foreign`; the store cannot be written.
    pub async fn add(
        &self,
        by: &Principal,
        user: Option<&str>,
        all: Vec<Said>,
    ) -> Result<Vec<Kept>, MemoryError> {
        let user = user_of(by, user)?;
        if all.is_empty() || all.len() > BATCH {
            let why = format!("give 1 to {BATCH} interactions at once");
            return Err(MemoryError::Invalid(why));
        }
        let now = (self.clock)();
        let ids = all
            .iter()
            .map(|_| new_id())
            .collect::<Result<Vec<_>, _>>()?;
        let owner = user.clone();
        let model = self.embedder.quick().await;
        let quick = model.is_some();
        let new = work(move || {
            let new = all.into_iter().zip(ids).enumerate();
            new.map(|(at, (said, id))| {
                prepare(id, &owner, said, now, model.as_deref())
                    .map_err(|why| MemoryError::Invalid(format!("interactions[{at}]: {why}")))
            })
            .collect::<Result<Vec<_>, _>>()
        })
        .await??;
        let person = by.person.to_string();
        let written = Written::Of(person.clone(), user.clone());
        match self
            .store
            .add_interactions(person, user, new, QUOTA)
            .await?
        {
            Added::Ids(ids) => {
                self.embedder.written(written, quick);
                Ok(ids)
            }
            Added::Conflict(at) => Err(MemoryError::Conflict(at)),
            Added::Full(why) => Err(why.into()),
        }
    }

    /// What was said, in the order in which it came or the other way round.
    ///
    /// # Errors
    /// `Invalid`, `Foreign`; the store cannot be read.
    pub async fn interactions(
        &self,
        by: &Principal,
        user: Option<&str>,
        filter: Filter,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Interaction>, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.clone());
        let (store, now) = (self.store.clone(), (self.clock)());
        let only_turns = Filter {
            kind: None,
            ..filter.clone()
        };
        // Then the rows alone say it, in their order.
        if only_turns.is_empty() && filter.kind.is_none_or(|kind| kind == Kind::Interaction) {
            return work(move || {
                let Some(space) = store.space_of(person.as_str(), &user)? else {
                    return Ok(Vec::new());
                };
                let (newest_first, from) = match part {
                    Part::Before(before) => (true, before),
                    Part::After(after) => (false, after),
                };
                let limit = u32::try_from(limit).unwrap_or(u32::MAX);
                let rows = store.interactions_page(space, newest_first, from, now, limit)?;
                Ok(rows.into_iter().map(shown).collect())
            })
            .await?;
        }
        let place = self.place(&person).await?;
        work(move || {
            let _place = place;
            let Some((read, entries)) = filtered(&store, &person, &user, &[], &filter)? else {
                return Ok(Vec::new());
            };
            let here = entries.iter().filter_map(|at| read.entries.get(*at));
            let docs = here.map(|entry| entry.doc).filter(|doc| match part {
                Part::Before(before) => before.is_none_or(|before| *doc < before),
                Part::After(after) => after.is_none_or(|after| *doc > after),
            });
            let mut docs: Vec<u32> = docs.collect();
            if let Part::Before(_) = part {
                docs.reverse();
            }
            let mut found = Vec::new();
            // What is over, or has not the metadata, is known only by its row.
            for docs in docs.chunks(limit.max(1)) {
                let rows = store.interactions_at(read.space, docs)?;
                let rows = rows
                    .into_iter()
                    .filter(|row| is_current(row.expires_at, now));
                found.extend(rows.map(shown).filter(|one| filter.has_metadata(one)));
                if found.len() >= limit {
                    found.truncate(limit);
                    break;
                }
            }
            Ok(found)
        })
        .await?
    }

    /// One interaction.
    ///
    /// # Errors
    /// `UnknownInteraction`, also for what is in another's memory; the store cannot be read.
    pub fn interaction(&self, by: &Principal, id: &str) -> Result<Interaction, MemoryError> {
        self.row(by, id).map(shown)
    }

    /// Deletes an interaction; afterwards its words are nowhere in the store's files.
    ///
    /// # Errors
    /// `UnknownInteraction`, also for what is in another's memory; the store cannot be written.
    pub async fn forget(&self, by: &Principal, id: &str) -> Result<(), MemoryError> {
        let row = self.row(by, id)?;
        if self
            .store
            .delete_interactions(vec![row.place], terms)
            .await?
            == 0
        {
            return Err(unknown(id));
        }
        // What was deleted still stands in the log of the database until that is written back.
        self.store.write_back().await;
        Ok(())
    }

    /// Whether somebody may ask for a user's memory.
    ///
    /// # Errors
    /// `Invalid` for a name that is none; `Foreign`.
    pub fn reaches(&self, by: &Principal, user: Option<&str>) -> Result<(), MemoryError> {
        user_of(by, user).map(drop)
    }

    pub(super) fn row(&self, by: &Principal, id: &str) -> Result<InteractionRow, MemoryError> {
        let user = by.memory_of.as_deref();
        let found = self.store.interaction(by.person.as_str(), user, id)?;
        let now = (self.clock)();
        found
            .filter(|row| is_current(row.expires_at, now))
            .ok_or_else(|| unknown(id))
    }
}

/// Whose memory within its person's is meant: what is named, or the only one that the credentials reach, or the person's own.
///
/// # Errors
/// `Foreign`: the credentials are for another one; `Invalid`: it is no name.
pub(super) fn user_of(by: &Principal, named: Option<&str>) -> Result<String, MemoryError> {
    if let Some(named) = named {
        one_line("user_id", named).map_err(MemoryError::Invalid)?;
    }
    match (by.memory_of.as_deref(), named) {
        (Some(own), Some(named)) if own != named => Err(MemoryError::Foreign),
        (Some(own), _) => Ok(own.to_owned()),
        (None, Some(named)) => Ok(named.to_owned()),
        (None, None) => Ok(by.person.to_string()),
    }
}

/// Does what may take milliseconds where no other caller waits for it.
pub(crate) async fn work<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MemoryError> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|error| match error.is_panic() {
        // The panic hook has logged where.
        true => MemoryError::Broken,
        // The process ends.
        false => MemoryError::Store(StoreError::Closed),
    })
}

/// Whether it is a name: not empty, in one line, not too long.
pub(crate) fn one_line(what: &str, text: &str) -> Result<(), String> {
    let length = text.chars().take(NAME + 1).count();
    match text.trim().is_empty() || length > NAME || text.contains(char::is_control) {
        true => Err(format!(
            "{what} has 1 to {NAME} characters, in one line; leave it out where there is none"
        )),
        false => Ok(()),
    }
}

/// An id of something that is kept from now on.
///
/// # Errors
/// `NoRandom`.
pub(super) fn new_id() -> Result<String, MemoryError> {
    ids::random().map_err(|_| MemoryError::NoRandom)
}

/// Checks it and makes its row and what the index must know.
pub(super) fn prepare(
    id: String,
    user: &str,
    said: Said,
    now: DateTime<Utc>,
    model: Option<&Model>,
) -> Result<NewInteraction, String> {
    let text = said.text;
    if text.trim().is_empty() {
        return Err("text is empty".to_owned());
    }
    if text.len() > TEXT {
        return Err(format!(
            "text has at most {TEXT} bytes; split it, or keep it as a document"
        ));
    }
    if text.contains('\0') {
        return Err("text holds a zero character, so it is none".to_owned());
    }
    let names = [
        ("speaker", &said.speaker),
        ("session", &said.session),
        ("app", &said.app),
        ("idempotency_key", &said.once),
    ];
    for (what, name) in names {
        name.as_deref()
            .map_or(Ok(()), |name| one_line(what, name))?;
    }
    let metadata = said
        .metadata
        .map(|metadata| Value::Object(metadata).to_string());
    if metadata.as_ref().is_some_and(|json| json.len() > METADATA) {
        return Err(format!("metadata has at most {METADATA} bytes of JSON"));
    }
    within("occurred_at", said.occurred_at)?;
    within("expires_at", said.expires_at)?;
    if said.expires_at.is_some_and(|end| end <= now) {
        return Err("expires_at is over already".to_owned());
    }
    let occurred_at = said.occurred_at.unwrap_or(now);
    let entry = Entry {
        at: occurred_at.timestamp_millis(),
        kind: said.role.number(),
        question: text.trim_end().ends_with(['?', '？', '؟']),
        ..Entry::default()
    };
    let row = InteractionRow {
        id,
        user: user.to_owned(),
        place: Place::default(),
        role: said.role.word().to_owned(),
        speaker: said.speaker,
        session: said.session,
        app: said.app,
        text,
        metadata,
        occurred_at,
        created_at: now,
        expires_at: said.expires_at,
        version: 1,
        updated_at: None,
    };
    let indexed = indexed(&row.text, entry, model);
    Ok(NewInteraction {
        row,
        once: said.once,
        indexed,
    })
}

pub(super) fn unknown(id: &str) -> MemoryError {
    MemoryError::UnknownInteraction(id.chars().take(40).collect())
}
