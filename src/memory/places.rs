//! Places for whoever reads a whole memory: that takes a core for milliseconds.
//!
//! Nobody has all of them. A person has as many as there are cores, of twice as many; all who were only made for an instance share
//! half a machine. So whoever asks much waits for itself.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::MemoryError;
use crate::identity::PersonId;

/// Longest time for which somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose places they are; `None`: of all who were only made for an instance.
type Whose = Option<PersonId>;

/// All places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Of those who have one or wait for one.
    own: Mutex<HashMap<Whose, Weak<Semaphore>>>,
    cores: usize,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Places {
    /// As this machine has them.
    pub(super) fn here() -> Self {
        Self::of(std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    fn of(cores: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(2 * cores)),
            own: Mutex::default(),
            cores,
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `Busy`: there was none for too long.
    pub(super) async fn take(&self, whose: Whose) -> Result<Place, MemoryError> {
        let own = self.own(whose);
        let both = async {
            let own = own.acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place {
                _own: own,
                _all: all,
            })
        };
        let place = tokio::time::timeout(PATIENCE, both).await;
        // They are never closed.
        place.ok().flatten().ok_or(MemoryError::Busy)
    }

    fn own(&self, whose: Whose) -> Arc<Semaphore> {
        let count = match whose {
            Some(_) => self.cores,
            None => self.cores.div_ceil(2),
        };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = own.get(&whose).and_then(Weak::upgrade) {
            return found;
        }
        own.retain(|_, one| one.strong_count() > 0);
        let new = Arc::new(Semaphore::new(count));
        own.insert(whose, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Whose {
        Some(PersonId::kept(name.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_much_waits_for_itself_and_not_for_ever() {
        let places = Places::of(2);
        let ada = [
            places.take(person("ada")).await,
            places.take(person("ada")).await,
        ];
        assert!(ada.iter().all(Result::is_ok));
        assert!(matches!(
            places.take(person("ada")).await,
            Err(MemoryError::Busy)
        ));
        // Others are not in its way; all that nobody knows are one.
        let stranger = places.take(None).await.unwrap();
        assert!(matches!(places.take(None).await, Err(MemoryError::Busy)));
        let bob = places.take(person("bob")).await.unwrap();
        drop(stranger);
        places.take(None).await.unwrap();
        drop((ada, bob));
        // Whoever is not there any more is forgotten.
        drop(places.take(person("eve")).await.unwrap());
        let _last = places.take(person("ada")).await.unwrap();
        assert_eq!(places.own.lock().unwrap().len(), 1);
    }
}
