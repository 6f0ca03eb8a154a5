//! Loads: a person's workspaces, one of them the current one, and their registration.
//!
//! Owns: loads, the credentials that registries gave them (sealed where the registry is a foreign one). Door: [`Loads`]. May
//! touch: the store, the registry (this daemon's own, or the one of `[registry] url` over HTTP), the key that seals.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::memory::Memory;
use crate::registry::Registry;
use crate::renewal::Renewer;
use crate::store::Store;

/// The loads. Clones share them.
#[derive(Clone)]
pub struct Loads(Arc<Inner>);

#[expect(dead_code, reason = "the ground")]
struct Inner {
    store: Store,
    registry: Registry,
    memory: Memory,
    renewer: Renewer,
    clock: fn() -> DateTime<Utc>,
}

impl Loads {
    /// On a store. `renewer` knows the settings in force and the key that seals.
    pub fn new(
        store: Store,
        registry: Registry,
        memory: Memory,
        renewer: Renewer,
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            registry,
            memory,
            renewer,
            clock,
        }))
    }
}
