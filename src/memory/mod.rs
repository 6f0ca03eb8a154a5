//! What a person's memory holds: documents and what was said, word for word.
//!
//! Owns: documents, interactions, what of them answers a question. Door: [`Memory`]. May touch: the store; the folder of documents;
//! a process of its own for documents that others made. The rules of `tokens`, `dates`, `cues` and `rank` touch nothing: texts and
//! the index come in, terms and an order go out.

mod asked;
mod care;
pub mod context;
mod cues;
mod dates;
mod documents;
pub mod embed;
mod english;
mod entry;
mod interaction;
mod item;
mod languages;
mod learned;
mod mending;
mod moment;
mod places;
mod query;
mod rank;
mod replies;
mod said;
mod search;
mod stops;
mod take_out;
mod tokens;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::identity::PersonId;
use crate::llm::Llm;
use crate::store::{NoRoom, Store, StoreError};

pub use care::{Matched, Session, Stats, User};
use documents::{BYTES, MOST};
use embed::Embedder;
pub use interaction::{BATCH, Kept, Part};
use places::{Place, Places};

pub use documents::{Document, DocumentKind, FolderState, extract_here};
pub(crate) use interaction::{one_line as check_name, work};
pub use item::{Item, Learned, Passage};
pub use learned::{FactText, FactVersion, ReadingStatus};
pub use mending::{Mend, Version};
pub use moment::moment;
pub use query::{Filter, Found, Hit, Kind, Query, Score};
pub use rank::Parts;
pub use said::{Interaction, Role, Said};
pub use take_out::{TakeOut, Taken};

/// Why nothing is kept or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MemoryError {
    /// It cannot be kept like this: why, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// Larger than a document may be.
    #[error("{0}")]
    TooLarge(String),
    /// As many as one person may have.
    #[error("a person has at most {MOST} documents; delete some first")]
    Full,
    /// A document of this name is there that came another way.
    #[error("{0}")]
    Owned(String),
    /// Together the documents would be larger than they may be.
    #[error(
        "{} at most {room} bytes together, and with this one they would have {would}; delete some first{}",
        if *room < BYTES { "documents, turns and facts of this instance have" } else { "the documents of one person have" },
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
        "{} has {has} entries and may have {most}; delete some first, by a filter or one by one, or give entries an expires_at{}",
        if *bare { "all that this instance keeps" } else { "this user's memory" },
        if *bare { ", or have the instance claimed by somebody with an account" } else { "" }
    )]
    Crowded {
        /// How many it has.
        has: u32,
        /// How many it may have.
        most: u32,
        /// Whether that counts for all of a person who was only made for an instance.
        bare: bool,
    },
    /// What is kept of the user would be larger than it may be.
    #[error(
        "{} would have {would} bytes together, and may have {room}; delete some first{}",
        if *bare { "all that this instance keeps" } else { "what is kept in this user's memory" },
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
    /// So many look through memories that there was no place for too long.
    #[error("too many look through memories at this moment; try again in some seconds")]
    Busy,
    /// The system gives no random numbers.
    #[error(
        "the system gives no random numbers; try again, and see what is wrong with this machine"
    )]
    NoRandom,
    /// Work on it broke off: a fault of ours.
    #[error("this broke off by a fault of Jarkeeper's; its log says where")]
    Broken,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NoRoom> for MemoryError {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Entries { has, most, bare } => Self::Crowded { has, most, bare },
            NoRoom::Bytes { would, room, bare } => Self::Heavy { would, room, bare },
        }
    }
}

/// Memories. Clones share them.
#[derive(Clone)]
pub struct Memory {
    store: Store,
    /// The model's server, and with it the settings.
    llm: Llm,
    embedder: Embedder,
    clock: fn() -> DateTime<Utc>,
    /// For searches, and whatever else reads the whole index of a memory.
    places: Arc<Places>,
    /// What documents share.
    documents: Arc<documents::Shared>,
    /// How fast facts are read.
    pace: Arc<learned::Pace>,
}

impl Memory {
    /// On a store.
    pub fn new(store: Store, llm: Llm, clock: fn() -> DateTime<Utc>) -> Self {
        let embedder = Embedder::new(store.clone(), llm.clone());
        Self {
            store,
            llm,
            embedder,
            clock,
            places: Arc::new(Places::here()),
            documents: Arc::default(),
            pace: Arc::default(),
        }
    }

    /// Makes the index of memories anew whose terms were made by older rules; before anybody searches.
    /// The daemon alone does: it is the only one of its store.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn bring_up(&self) -> Result<(), StoreError> {
        while let Some((memory, entries)) = self.store.memory_of_other_rules()? {
            // Before, not behind: whoever waits for the start sees for what.
            tracing::info!(
                memory,
                entries,
                "the index of a memory is made anew: its rules have changed"
            );
            self.store.remake_memory(memory, entry::remade).await?;
        }
        Ok(())
    }

    /// A place among those who read a whole index.
    ///
    /// # Errors
    /// `Busy`; the store cannot be read.
    async fn place(&self, person: &PersonId) -> Result<Place, MemoryError> {
        let is_bare = self.store.is_bare(person.as_str())?;
        self.places.take((!is_bare).then(|| person.clone())).await
    }

    /// What says which texts mean the same.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// How many documents are in a person's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_count(&self, person: &PersonId) -> Result<u64, StoreError> {
        self.store.document_count(person.as_str())
    }
}
