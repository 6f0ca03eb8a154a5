//! Vectors that are not there yet: of entries that a slow model has still to read, and of all when the model is another one.
//!
//! There is no queue: what has no vector is what is to be done, whatever happened before. So a stop in the middle loses nothing,
//! and nothing waits for ever.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Embedder, Model, Unmeant, Written};
use crate::store::{StoreError, Unembedded, Vector};

/// Entries that are embedded at once.
const BATCH: usize = 64;
/// How many memories are looked through at once.
const SPACES: u32 = 200;
/// How often all is looked through, whether or not anything was written.
const LOOK: Duration = Duration::from_secs(30);
/// How long after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(3);
/// Writes that come one after the other are taken together.
const TOGETHER: Duration = Duration::from_millis(50);
/// Blocks of other models that go at once.
const FORGOTTEN: u32 = 500;

/// Why a pass ends early.
enum Stop {
    /// Another model is in force.
    Other,
    Store(StoreError),
    Model(Unmeant),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Embedder {
    /// Gives every entry its vector, again and again; and removes those of models that are no longer asked.
    pub async fn fill(self) {
        let mut walked = None;
        loop {
            let wait = match self.pass(&mut walked).await {
                Ok(()) => LOOK,
                Err(()) => AFTER_FAILURE,
            };
            tokio::select! {
                () = self.0.wake.notified() => tokio::time::sleep(TOGETHER).await,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Through all memories, where it is time or the model is another one; otherwise through those that something was written to.
    /// `walked`: when and with which model it last went through all.
    async fn pass(&self, walked: &mut Option<(Weak<Model>, Instant)>) -> Result<(), ()> {
        let store = self.0.store.clone();
        let first = reading(move || store.memory_spaces(0, 1)).await;
        if first.map_err(drop)?.is_empty() {
            // Nothing is kept yet: a model is not opened for that.
            return Ok(());
        }
        let model = match self.model().await {
            Ok(Some(model)) => model,
            // What was there stays: with the same model again nothing is to be done.
            Ok(None) => return Ok(()),
            Err(_) => return Err(()),
        };
        let own = Arc::downgrade(&model);
        let last = walked
            .take()
            .filter(|(of, at)| of.ptr_eq(&own) && at.elapsed() < LOOK);
        let written = std::mem::take(
            &mut *self
                .0
                .written
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let done = match last {
            Some(_) => self.there(&model, written).await,
            None => self.everywhere(&model).await,
        };
        if done.is_ok() {
            *walked = last.or_else(|| Some((own, Instant::now())));
        }
        let error = match &done {
            Ok(()) => None,
            Err(Stop::Other) => None,
            Err(Stop::Store(error)) => Some(error.to_string()),
            Err(Stop::Model(why)) => {
                self.mistrust(why);
                Some(why.to_string())
            }
        };
        if let Some(error) = &error {
            tracing::warn!("entries of memories have no vector yet: {error}");
        }
        {
            let mut progress = self
                .0
                .progress
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            progress.running = false;
            progress.error = error;
        }
        match done {
            Ok(()) => Ok(()),
            Err(Stop::Other) => {
                self.0.wake.notify_one();
                Ok(())
            }
            Err(_) => Err(()),
        }
    }

    async fn there(&self, model: &Arc<Model>, written: BTreeSet<Written>) -> Result<(), Stop> {
        for place in written {
            let space = match place {
                Written::Space(space) => Some(space),
                Written::Of(person, user) => {
                    let store = self.0.store.clone();
                    reading(move || store.space_of(&person, &user)).await?
                }
            };
            if let Some(space) = space {
                self.space(model, space).await?;
            }
        }
        Ok(())
    }

    async fn everywhere(&self, model: &Arc<Model>) -> Result<(), Stop> {
        let mut after = 0;
        loop {
            let store = self.0.store.clone();
            let spaces = reading(move || store.memory_spaces(after, SPACES)).await?;
            let Some(last) = spaces.last() else { break };
            after = *last;
            for space in spaces {
                self.space(model, space).await?;
            }
        }
        // Only now: until all is there, what the old model said is nobody's, but the way back to it costs nothing.
        while self.forget_others(model).await? {}
        Ok(())
    }

    /// Removes some of what other models said; whether there was any. While it does no other one is opened: one that has just
    /// got its number would lose it.
    async fn forget_others(&self, model: &Arc<Model>) -> Result<bool, Stop> {
        let _none = self.0.opening.lock().await;
        match self.in_force(&self.config()) {
            Some(Ok(Some(now))) if Arc::ptr_eq(&now, model) => {
                let store = &self.0.store;
                Ok(store.forget_other_models(model.id, FORGOTTEN).await?)
            }
            _ => Err(Stop::Other),
        }
    }

    async fn space(&self, model: &Arc<Model>, space: i64) -> Result<(), Stop> {
        let mut before = u32::MAX;
        loop {
            let (store, id) = (self.0.store.clone(), model.id);
            let missing = reading(move || store.unembedded(space, id, before, BATCH)).await?;
            let Some(oldest) = missing.last() else {
                return Ok(());
            };
            before = oldest.doc;
            self.0
                .progress
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .running = true;
            let texts = missing
                .iter()
                .map(|one| super::spoken(&one.text).to_owned())
                .collect();
            let vectors = match model.kept(texts).await {
                Ok(vectors) => vectors,
                Err(Unmeant::Refused(_)) => {
                    one_by_one(model, &missing).await.map_err(Stop::Model)?
                }
                Err(why) => return Err(Stop::Model(why)),
            };
            let all = missing.into_iter().zip(vectors).collect();
            if !self.0.store.put_vectors(space, model.id, all).await? {
                // Another process on this store removed it. Opened anew, it gets another number.
                self.close(model);
                return Err(Stop::Other);
            }
            self.still(model).await?;
        }
    }

    /// Whether it is still the model that is in force.
    async fn still(&self, model: &Arc<Model>) -> Result<(), Stop> {
        match self.model().await {
            Ok(Some(now)) if Arc::ptr_eq(&now, model) => Ok(()),
            _ => Err(Stop::Other),
        }
    }
}

/// Where a server refuses some of the texts: what it refuses alone means nothing to it, and is not asked again.
async fn one_by_one(model: &Model, missing: &[Unembedded]) -> Result<Vec<Vector>, Unmeant> {
    // A server that refuses everything has something else against it.
    if let Err(Unmeant::Refused(status)) = model.kept(vec!["a word".to_owned()]).await {
        let why = format!(
            "the server of the embedder refuses every text (status {status}); does it have the model?"
        );
        return Err(Unmeant::Broken(why));
    }
    let mut vectors = Vec::with_capacity(missing.len());
    for one in missing {
        let text = super::spoken(&one.text).to_owned();
        vectors.push(match model.kept(vec![text]).await {
            Ok(mut vectors) if !vectors.is_empty() => vectors.remove(0),
            Ok(_) | Err(Unmeant::Refused(_)) => Vector::nothing(model.id, model.dimension),
            Err(why) => return Err(why),
        });
    }
    Ok(vectors)
}

async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| StoreError::Closed)?
}
