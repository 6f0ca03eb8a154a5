//! What a person's memory holds: documents and what was said, word for word.
//!
//! Owns: documents, interactions, what of them answers a question. Door: [`Memory`]. May touch: the store. The rules of
//! `tokens` and `rank` touch nothing: texts and the index come in, terms and an order go out.

mod care;
mod english;
mod entry;
mod interaction;
mod item;
mod learned;
mod mending;
mod rank;
mod said;
mod search;
mod take_out;
mod tokens;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use crate::identity::{PersonId, Principal};
use crate::ids;
use crate::llm::Llm;
use crate::store::{DocumentRow, Kept, NoRoom, Room, Store, StoreError};

pub use care::{Matched, Session, Stats, User};
pub use interaction::{BATCH, Part};
pub use item::{Item, Learned, Passage};
pub use learned::{FactText, FactVersion, ReadingStatus};
pub use mending::{Mend, Version};
pub use said::{Interaction, Role, Said};
pub use search::{Filter, Found, Hit, Kind, Query, Score};
pub use take_out::{TakeOut, Taken};

/// Most searches at once; further ones wait.
const SEARCHING: usize = 8;
/// Longest name of a document, in characters.
const NAME: usize = 255;
/// Largest text, bytes.
const TEXT: usize = 1 << 20;
/// Most documents of one person.
const MOST: u64 = 10_000;
/// Most bytes of all of them.
const BYTES: u64 = 1 << 30;
/// The same of a person who was only made for an instance: whoever registers one has no other claim to the disk.
const BARE_BYTES: u64 = 16 << 20;

/// Why nothing is kept or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MemoryError {
    /// It cannot be kept like this: why, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// Larger than a document may be.
    #[error("a document has at most {TEXT} bytes; split it")]
    TooLarge,
    /// As many as one person may have.
    #[error("a person has at most {MOST} documents; delete some first")]
    Full,
    /// Together the documents would be larger than they may be.
    #[error(
        "the documents of one person have at most {room} bytes together, and with this one they would have {would}; delete some first{}",
        if *room < BYTES { ", or have the instance claimed by somebody with an account" } else { "" }
    )]
    NoRoom {
        /// How many bytes they would have.
        would: u64,
        /// How many they may have.
        room: u64,
    },
    /// The credentials are for another user's memory.
    #[error("these credentials reach only the memory of another user")]
    Foreign,
    /// No document of this name in this memory.
    #[error("there is no document {0}")]
    Unknown(String),
    /// No interaction of this id, or not for this caller.
    #[error("there is no interaction {0}, or not for you")]
    UnknownInteraction(String),
    /// The interaction at this place has the idempotency key of another one.
    #[error(
        "interactions[{0}]: its idempotency_key came before with another text; nothing was kept. Give each text a key of its own"
    )]
    Conflict(usize),
    /// The user may not have so many entries.
    #[error(
        "this user's memory has {has} entries and may have {most}; delete some first, by a filter or one by one, or give entries an \
         expires_at"
    )]
    Crowded {
        /// How many it has.
        has: u32,
        /// How many it may have.
        most: u32,
    },
    /// The texts of the user would be larger than they may be.
    #[error(
        "{} would have {would} bytes together, and may have {room}; delete some first{}",
        if *bare { "all that this instance keeps" } else { "the texts of this user's memory" },
        if *bare { ", or have the instance claimed by somebody with an account" } else { "" }
    )]
    Heavy {
        /// How many bytes they would have.
        would: u64,
        /// How many they may have.
        room: u64,
        /// Whether that counts for all of a person who was only made for an instance.
        bare: bool,
    },
    /// Somebody changed the interaction in between.
    #[error(
        "the interaction was changed in between: its version is {0} now, and nothing was changed; read it again"
    )]
    Changed(u32),
    /// There is another number than was confirmed.
    #[error(
        "confirm is {said}, and {now} would be deleted now; nothing was deleted. Look again at what it is, and confirm {now}"
    )]
    Miscounted {
        /// What was confirmed.
        said: u64,
        /// How many there are.
        now: u64,
    },
    /// No fact of this id, or not for this caller.
    #[error("there is no fact {0}, or not for you")]
    UnknownFact(String),
    /// The fact does not hold any more.
    #[error(
        "the fact {id} is {state}, and only a current one is mended; look at it again, or state it anew with POST /v1/memory/facts"
    )]
    NotCurrent {
        /// Its id.
        id: String,
        /// What it is.
        state: String,
    },
    /// As many facts as one user may have.
    #[error("a user has at most {0} facts; delete some first")]
    TooManyFacts(u32),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NoRoom> for MemoryError {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Entries(has) => Self::Crowded {
                has,
                most: interaction::QUOTA.entries,
            },
            NoRoom::Bytes { would, room, bare } => Self::Heavy { would, room, bare },
        }
    }
}

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// `text/plain`.
    Plain,
    /// `text/markdown` (RFC 7763).
    Markdown,
}

impl DocumentKind {
    /// Its media type.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "text/plain",
            Self::Markdown => "text/markdown",
        }
    }

    /// From a media type; `None`: no document has it.
    pub fn of(word: &str) -> Option<Self> {
        let all = [Self::Plain, Self::Markdown];
        all.into_iter()
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

/// A document, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// What its person calls it: 1 to 255 characters in one line.
    pub name: String,
    /// What kind of text it is.
    pub kind: DocumentKind,
    /// Length of the text, bytes.
    pub bytes: u64,
    /// When it was first kept.
    pub created_at: DateTime<Utc>,
    /// When its text was last replaced.
    pub updated_at: DateTime<Utc>,
}

/// Memories. Clones share them.
#[derive(Clone)]
pub struct Memory {
    store: Store,
    /// The model's server, and with it the settings.
    llm: Llm,
    clock: fn() -> DateTime<Utc>,
    /// Places for searches: each reads the whole index of a memory.
    searching: Arc<Semaphore>,
    /// How fast facts are read.
    pace: Arc<learned::Pace>,
}

impl Memory {
    /// On a store.
    pub fn new(store: Store, llm: Llm, clock: fn() -> DateTime<Utc>) -> Self {
        Self {
            store,
            llm,
            clock,
            searching: Arc::new(Semaphore::new(SEARCHING)),
            pace: Arc::default(),
        }
    }

    /// How many documents are in a person's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_count(&self, person: &PersonId) -> Result<u64, StoreError> {
        self.store.document_count(person.as_str())
    }

    /// Keeps a text under a name; one that is there is replaced. Whether it is new.
    ///
    /// # Errors
    /// `Invalid` for a name that is none; `TooLarge`, `Full`, `NoRoom`, `Foreign`; the store cannot be written.
    pub async fn put(
        &self,
        by: &Principal,
        name: &str,
        kind: DocumentKind,
        text: String,
    ) -> Result<(Document, bool), MemoryError> {
        let person = whose(by)?.to_string();
        let length = name.chars().count();
        if name.trim().is_empty() || length > NAME || name.contains(char::is_control) {
            let why = format!("the name of a document has 1 to {NAME} characters, in one line");
            return Err(MemoryError::Invalid(why));
        }
        if text.len() > TEXT {
            return Err(MemoryError::TooLarge);
        }
        if text.contains('\0') {
            let why = "this is no text: it holds a zero character";
            return Err(MemoryError::Invalid(why.to_owned()));
        }
        let now = (self.clock)();
        let no_luck = |_| MemoryError::Invalid("the system gives no random numbers".to_owned());
        let row = DocumentRow {
            id: ids::random().map_err(no_luck)?,
            name: name.to_owned(),
            kind: kind.word().to_owned(),
            bytes: 0,
            created_at: now,
            updated_at: now,
        };
        let most = Room {
            documents: MOST,
            bytes: BYTES,
            bare_bytes: BARE_BYTES,
        };
        match self.store.put_document(person, row, text, most).await? {
            Kept::Yes { row, new } => Ok((read(row), new)),
            Kept::Full => Err(MemoryError::Full),
            Kept::NoRoom { would, room } => Err(MemoryError::NoRoom { would, room }),
        }
    }

    /// Documents by name, those behind `after`.
    ///
    /// # Errors
    /// `Foreign`; the store cannot be read.
    pub fn list(
        &self,
        by: &Principal,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, MemoryError> {
        let rows = self.store.documents(whose(by)?.as_str(), after, limit)?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// A document and its text.
    ///
    /// # Errors
    /// `Unknown`, `Foreign`; the store cannot be read.
    pub fn get(&self, by: &Principal, name: &str) -> Result<(Document, String), MemoryError> {
        let found = self.store.document(whose(by)?.as_str(), name)?;
        let (row, text) = found.ok_or_else(|| unknown(name))?;
        Ok((read(row), text))
    }

    /// Deletes a document; its id.
    ///
    /// # Errors
    /// `Unknown`, `Foreign`; the store cannot be written.
    pub async fn delete(&self, by: &Principal, name: &str) -> Result<String, MemoryError> {
        let person = whose(by)?.to_string();
        let deleted = self.store.delete_document(person, name.to_owned()).await?;
        deleted.ok_or_else(|| unknown(name))
    }
}

/// Whose memory a principal reaches: its person's. A key for one user's memory reaches that where it is its person's, and
/// otherwise none: to name a user takes away, and never adds.
fn whose(by: &Principal) -> Result<&PersonId, MemoryError> {
    match by.memory_of.as_deref() {
        Some(user) if user != by.person.as_str() => Err(MemoryError::Foreign),
        _ => Ok(&by.person),
    }
}

fn unknown(name: &str) -> MemoryError {
    MemoryError::Unknown(name.chars().take(NAME).collect())
}

fn read(row: DocumentRow) -> Document {
    Document {
        id: row.id,
        name: row.name,
        // Only the two are ever kept.
        kind: DocumentKind::of(&row.kind).unwrap_or(DocumentKind::Plain),
        bytes: row.bytes,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
