//! When people were last here: known to the minute, and written once a minute at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::PersonId;
use crate::store::Store;

/// How exactly it is known.
const NOTED: TimeDelta = TimeDelta::minutes(1);
/// Most people that are remembered between two notes; beyond that everybody is noted again.
const MOST: usize = 10_000;

/// Who was noted when. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Active(Arc<Mutex<HashMap<String, DateTime<Utc>>>>);

impl Active {
    /// Notes that a person is here now.
    pub(super) fn note(&self, store: &Store, person: &PersonId, now: DateTime<Utc>) {
        let due = {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // A clock that was set back must not silence this.
            let fresh = |at: &DateTime<Utc>| (now - *at).abs() < NOTED;
            let due = !noted.get(person.as_str()).is_some_and(fresh);
            if due {
                if noted.len() >= MOST {
                    noted.clear();
                }
                noted.insert(person.to_string(), now);
            }
            due
        };
        if due {
            store.note_activity(person.to_string(), now, NOTED);
        }
    }
}
