//! Profiles: what people tell of themselves, all that is kept about them, and its end.
//!
//! Owns: usernames and what stands beside them; export and deletion. Door: [`Profiles`]. May touch: the store.

use chrono::{DateTime, Utc};

use crate::store::Store;

/// The profiles. Clones share them.
#[derive(Clone)]
#[expect(dead_code, reason = "the ground")]
pub struct Profiles {
    store: Store,
    clock: fn() -> DateTime<Utc>,
}

impl Profiles {
    /// On a store.
    pub fn new(store: Store, clock: fn() -> DateTime<Utc>) -> Self {
        Self { store, clock }
    }
}
