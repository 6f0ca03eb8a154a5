//! Everything of one user's memory, piece by piece, to be taken along.

use chrono::{DateTime, Utc};

use super::interaction::user_of;
use super::item::{Learned, learned};
use super::mending::Version;
use super::said::{Interaction, is_current, shown};
use super::{Memory, MemoryError};
use crate::identity::Principal;
use crate::store::{Store, StoreError, WholeDocument};

/// Turns, or facts, of one piece.
const PAGE: u32 = 50;

/// One thing that is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// A turn, with its idempotency key and what it said before.
    Interaction(Interaction, Option<String>, Vec<Version>),
    /// A document: its name, media type, when it was first kept and last replaced, and its text; where it is below the watched
    /// folder.
    Document {
        /// In whose memory it is.
        user: String,
        /// Its name.
        name: String,
        /// Media type.
        kind: String,
        /// When it was first kept.
        created_at: DateTime<Utc>,
        /// When it was last replaced.
        updated_at: DateTime<Utc>,
        /// Its text.
        text: String,
        /// What came in its place, where that is no text.
        original: Option<Vec<u8>>,
        /// Its path below the watched folder.
        origin: Option<String>,
    },
    /// A fact.
    Fact(Learned),
}

/// What is read next.
#[derive(Debug, Clone)]
enum Next {
    Interactions(Option<u32>),
    Documents(Option<String>),
    Facts(Option<u32>),
    Nothing,
}

/// A memory as it is taken along. It holds one piece at a time.
pub struct TakeOut {
    store: Store,
    clock: fn() -> DateTime<Utc>,
    person: String,
    user: String,
    space: Option<i64>,
    next: Next,
}

impl Memory {
    /// Everything of a user's memory, in pieces.
    ///
    /// # Errors
    /// `Foreign`; the store cannot be read.
    pub fn take_out(&self, by: &Principal, user: Option<&str>) -> Result<TakeOut, MemoryError> {
        let (user, person) = (user_of(by, user)?, by.person.to_string());
        let space = self.store.space_of(&person, &user)?;
        Ok(TakeOut {
            store: self.store.clone(),
            clock: self.clock,
            person,
            user,
            space,
            next: Next::Interactions(None),
        })
    }
}

impl TakeOut {
    /// The next piece: turns in the order in which they came, then documents by name, then facts. `None`: that was all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Vec<Taken>>, StoreError> {
        loop {
            let piece = match (self.next.clone(), self.space) {
                (Next::Interactions(after), Some(space)) => self.interactions(space, after)?,
                (Next::Interactions(_), None) => {
                    self.next = Next::Documents(None);
                    Vec::new()
                }
                (Next::Documents(after), _) => self.document(after)?,
                (Next::Facts(after), Some(space)) => self.facts(space, after)?,
                (Next::Facts(_), None) | (Next::Nothing, _) => return Ok(None),
            };
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    fn interactions(&mut self, space: i64, after: Option<u32>) -> Result<Vec<Taken>, StoreError> {
        let rows = self.store.interactions_whole(space, after, PAGE)?;
        self.next = match rows.last() {
            Some(last) => Next::Interactions(Some(last.row.place.doc)),
            None => Next::Documents(None),
        };
        let now = (self.clock)();
        let rows = rows
            .into_iter()
            .filter(|one| is_current(one.row.expires_at, now));
        let taken = rows.map(|one| {
            let old = one.old.into_iter().map(Version::from).collect();
            Taken::Interaction(shown(one.row), one.once, old)
        });
        Ok(taken.collect())
    }

    fn document(&mut self, after: Option<String>) -> Result<Vec<Taken>, StoreError> {
        let found = self
            .store
            .next_document(&self.person, &self.user, after.as_deref())?;
        let Some(WholeDocument {
            row,
            text,
            original,
        }) = found
        else {
            self.next = Next::Facts(None);
            return Ok(Vec::new());
        };
        self.next = Next::Documents(Some(row.name.clone()));
        Ok(vec![Taken::Document {
            user: self.user.clone(),
            name: row.name,
            kind: row.kind,
            created_at: row.created_at,
            updated_at: row.updated_at,
            text,
            original,
            origin: row.origin,
        }])
    }

    fn facts(&mut self, space: i64, after: Option<u32>) -> Result<Vec<Taken>, StoreError> {
        let docs = self.store.learned_behind(space, after, PAGE)?;
        self.next = match docs.last() {
            Some(last) => Next::Facts(Some(*last)),
            None => Next::Nothing,
        };
        let rows = self.store.learned_at(space, &docs)?;
        Ok(rows
            .into_iter()
            .map(|row| Taken::Fact(learned(row)))
            .collect())
    }
}
