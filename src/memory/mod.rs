//! What a person's memory holds: documents, word for word.
//!
//! Owns: documents. Door: [`Memory`]. May touch: the store.

use chrono::{DateTime, Utc};

use crate::identity::PersonId;
use crate::store::{Store, StoreError};

/// Memories. Clones share them.
#[derive(Clone)]
pub struct Memory {
    store: Store,
    #[expect(dead_code, reason = "the ground")]
    clock: fn() -> DateTime<Utc>,
}

impl Memory {
    /// On a store.
    pub fn new(store: Store, clock: fn() -> DateTime<Utc>) -> Self {
        Self { store, clock }
    }

    /// How many documents are in a person's memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn document_count(&self, person: &PersonId) -> Result<u64, StoreError> {
        self.store.document_count(person.as_str())
    }
}
