//! Sign-ins that have begun: each ends once, in the browser that began it, within ten minutes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{Nonce, PkceCodeVerifier};

/// How long a sign-in may take.
pub(super) const LIFE: TimeDelta = TimeDelta::minutes(10);
/// Most at once: whoever reaches the port can begin one. The oldest gives way.
const MOST: usize = 4096;

/// A sign-in that waits for the provider's answer.
pub(super) struct Begun {
    /// The hash of the cookie of the browser that began it.
    pub(super) browser: [u8; 32],
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) return_to: String,
    pub(super) at: DateTime<Utc>,
}

/// By the hash of `state`. They live as long as the process: after a restart one begins again.
#[derive(Default)]
pub(super) struct Underway(Mutex<HashMap<[u8; 32], Begun>>);

impl Underway {
    pub(super) fn put(&self, state: [u8; 32], begun: Begun) {
        let mut all = self.all();
        let now = begun.at;
        all.retain(|_, one| now - one.at < LIFE);
        if all.len() >= MOST {
            let oldest = all
                .iter()
                .min_by_key(|(_, one)| one.at)
                .map(|(state, _)| *state);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(state, begun);
    }

    /// Whatever comes of it, it is taken away.
    pub(super) fn take(&self, state: &[u8; 32]) -> Option<Begun> {
        self.all().remove(state)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
