//! One queue for every cause. A session is never renewed twice at once: who asks while it is waiting or running joins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::share::Shares;
use super::{Cause, News, Renewer, Report};
use crate::ids::SessionKey;

/// Clones share the queue.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    renewer: Renewer,
    state: Mutex<State>,
    shares: Shares,
}

#[derive(Default)]
struct State {
    running: HashMap<SessionKey, Job>,
    tasks: JoinSet<()>,
    closed: bool,
}

#[derive(Default)]
struct Job {
    waiting: Vec<oneshot::Sender<Report>>,
    /// A file changed while it ran on the old one: it runs once more.
    again: bool,
}

impl Queue {
    /// An empty queue.
    pub fn new(renewer: Renewer) -> Self {
        Self(Arc::new(Inner {
            renewer,
            state: Mutex::default(),
            shares: Shares::default(),
        }))
    }

    /// What the queue works with.
    pub fn renewer(&self) -> &Renewer {
        &self.0.renewer
    }

    pub(super) fn shares(&self) -> &Shares {
        &self.0.shares
    }

    /// Asks for a renewal; the report comes when it is done. A closed queue never answers.
    pub fn submit(&self, key: SessionKey, cause: Cause) -> oneshot::Receiver<Report> {
        let (tell, told) = oneshot::channel();
        self.with(|state| {
            if state.closed {
                return;
            }
            if let Some(job) = state.running.get_mut(&key) {
                job.waiting.push(tell);
                job.again |= cause == Cause::FileChange;
                return;
            }
            state.running.insert(
                key.clone(),
                Job {
                    waiting: vec![tell],
                    again: false,
                },
            );
            let queue = self.clone();
            // Reaps what has ended, so that the set does not grow.
            while state.tasks.try_join_next().is_some() {}
            state
                .tasks
                .spawn(async move { queue.run(key, cause).await });
        });
        told
    }

    async fn run(&self, key: SessionKey, cause: Cause) {
        let mut cause = cause;
        // A renewal that panics must not leave its session locked for ever.
        let mut place = Place(self, Some(&key));
        loop {
            let report = self.0.renewer.renew(&key, cause).await;
            let waiting = self.with(|state| {
                let again = state
                    .running
                    .get_mut(&key)
                    .is_some_and(|job| std::mem::take(&mut job.again));
                match again && !state.closed {
                    true => None,
                    false => Some(
                        state
                            .running
                            .remove(&key)
                            .map(|job| job.waiting)
                            .unwrap_or_default(),
                    ),
                }
            });
            match waiting {
                None => cause = Cause::FileChange,
                Some(waiting) => {
                    // Given up above; what stands there from now on is somebody else's.
                    place.1 = None;
                    for tell in waiting {
                        // Nobody listens any more: fine.
                        let _ = tell.send(report.clone());
                    }
                    return;
                }
            }
        }
    }

    /// Whether this session is being renewed.
    pub fn is_running(&self, key: &SessionKey) -> bool {
        self.with(|state| state.running.contains_key(key))
    }

    /// How many sessions are being renewed, or wait for a place.
    pub fn len(&self) -> usize {
        self.with(|state| state.running.len())
    }

    /// Whether nothing is being renewed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes nothing new, lets what runs end within `patience`, and cancels the rest: a state file is written whole or
    /// not at all, and a submission is in the ledger before it is made.
    pub async fn close(&self, patience: std::time::Duration) {
        let mut tasks = self.with(|state| {
            state.closed = true;
            std::mem::take(&mut state.tasks)
        });
        let ended = tokio::time::timeout(patience, async {
            while tasks.join_next().await.is_some() {}
        })
        .await;
        if ended.is_err() {
            tracing::warn!(
                cancelled = tasks.len(),
                "renewals did not end in time and are cancelled"
            );
            tasks.shutdown().await;
        }
        self.0.renewer.tell(News::Over);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(
            &mut self
                .0
                .state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

/// The place of one session among those that run; given up when dropped.
struct Place<'a>(&'a Queue, Option<&'a SessionKey>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Whoever waits for it is told by the closed channel.
        if let Some(key) = self.1 {
            drop(self.0.with(|state| state.running.remove(key)));
        }
    }
}
