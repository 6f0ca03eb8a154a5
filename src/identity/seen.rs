//! Callers that have just been seen: who shows the same proof again is not looked up again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::Principal;

/// How long a caller counts as seen: as long another process, which may revoke a key in the same store, is not heard.
const SEEN: Duration = Duration::from_millis(500);
/// Most callers that are remembered.
const MOST: usize = 1024;

/// The callers, by the hash of their proof.
#[derive(Default)]
pub(super) struct SeenLately(RwLock<HashMap<[u8; 32], Seen>>);

struct Seen {
    principal: Principal,
    at: Instant,
    /// The store's count of changes before the caller was looked up.
    changes: u64,
}

impl SeenLately {
    /// Who showed this, where nothing has been changed since.
    pub(super) fn find(&self, hash: &[u8; 32], changes: u64) -> Option<Principal> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let seen = all.get(hash)?;
        (seen.changes == changes && seen.at.elapsed() < SEEN).then(|| seen.principal.clone())
    }

    pub(super) fn keep(&self, hash: [u8; 32], changes: u64, principal: Principal) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        let at = Instant::now();
        all.insert(
            hash,
            Seen {
                principal,
                at,
                changes,
            },
        );
    }
}
