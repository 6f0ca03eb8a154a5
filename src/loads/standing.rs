//! How a load stands at its registry: what is known is told at once, and asked anew behind the caller's back.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout};

use super::client::Look;
use super::{Load, LoadError, Loads};
use crate::identity::PersonId;
use crate::registry::{Registrant, Status};
use crate::store::LoadRow;

/// How old an answer is that is not asked anew: front ends ask every three seconds.
const FRESH: Duration = Duration::from_secs(2);
/// Questions that one registry is asked at once.
const AT_ONCE: usize = 4;
/// How many it is asked in a second, however many loads are looked at: registries stop an address that asks more.
const A_SECOND: usize = 8;
/// How old an answer may be before it counts as stale.
const STALE: TimeDelta = TimeDelta::seconds(15);
/// Most answers that are kept.
const MOST: usize = 4096;

/// How a load stands at its registry, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `None`: not known yet.
    pub status: Option<Status>,
    /// When that was so.
    pub as_of: Option<DateTime<Utc>>,
    /// Whether it may be otherwise by now: it is old, or the registry did not answer since.
    pub stale: bool,
    /// Why the registry could not be asked last time.
    pub why: Option<String>,
    /// When the registry last heard from it.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// When the registry last looked at its connection.
    pub last_ws_check: Option<DateTime<Utc>>,
}

/// What was seen of one load.
#[derive(Clone)]
pub(super) struct Seen {
    registry: String,
    instance: String,
    /// How old an answer is that is not asked anew: the more loads are looked at, the older.
    fresh: Duration,
    look: Option<(Look, DateTime<Utc>)>,
    why: Option<String>,
    asked: Option<Instant>,
    running: bool,
    done: Arc<Notify>,
}

impl Loads {
    /// How a load stands. Never waits; where what is known is old, it is asked for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn standing(&self, person: &PersonId, load: &Load) -> Result<Standing, LoadError> {
        let now = (self.0.clock)();
        let Some(registration) = load
            .registration
            .as_ref()
            .filter(|it| it.registered_at.is_some())
        else {
            return Ok(Standing::of(Some((Status::Unregistered, now)), None));
        };
        if registration.registry.is_none() {
            // Our own registry is a look-up away.
            let look = Look::within(&self.0.registry, person, &registration.instance, now);
            let mut standing = Standing::of(Some((look.status, now)), None);
            standing.last_heartbeat = look.last_heartbeat;
            standing.last_ws_check = look.last_ws_check;
            return Ok(standing);
        }
        let seen = self.seen(&load.id, &registration.instance);
        let old = |asked: Instant| asked.elapsed() >= seen.fresh;
        let old = seen.asked.is_none_or(old);
        if old && !seen.running {
            let row = self.row(person, &load.id)?;
            self.ask(person.clone(), row);
        }
        let known = seen.look.map(|(look, at)| (look.status, at));
        let mut standing = Standing::of(known, seen.why);
        if let Some((look, at)) = seen.look {
            let later = TimeDelta::from_std(seen.fresh.saturating_sub(FRESH));
            let stale = STALE + later.unwrap_or_default();
            standing.stale = now - at > stale || standing.why.is_some();
            standing.last_heartbeat = look.last_heartbeat;
            standing.last_ws_check = look.last_ws_check;
        }
        Ok(standing)
    }

    /// The same; where nothing is known, or only something stale, an answer of the registry is waited for, but not longer than
    /// this.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing_within(
        &self,
        person: &PersonId,
        load: &Load,
        wait: Duration,
    ) -> Result<Standing, LoadError> {
        let standing = self.standing(person, load)?;
        let seen = match &load.registration {
            Some(registration) if standing.stale => self.seen(&load.id, &registration.instance),
            _ => return Ok(standing),
        };
        let done = seen.done.notified();
        tokio::pin!(done);
        done.as_mut().enable();
        // It may have ended before we listened.
        if self.seen(&load.id, &seen.instance).running {
            // Where it takes longer, what is known is told.
            let _ = timeout(wait, done).await;
        }
        self.standing(person, load)
    }

    /// What was seen of a load; nothing, where its id has become another one since.
    fn seen(&self, load: &str, instance: &str) -> Seen {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get(load).filter(|seen| seen.instance == instance);
        known.cloned().unwrap_or_else(|| Seen {
            registry: String::new(),
            instance: instance.to_owned(),
            fresh: FRESH,
            look: None,
            why: None,
            asked: None,
            running: false,
            done: Arc::default(),
        })
    }

    /// The places of those who ask a registry.
    fn places(&self, registry: &str) -> Arc<Semaphore> {
        let places = self.0.looks.lock();
        let mut places = places.unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(AT_ONCE));
        Arc::clone(places.entry(registry.to_owned()).or_insert_with(new))
    }

    /// Forgets what was seen of a load.
    pub(super) fn forget(&self, load: &str) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(load);
    }

    /// Asks the registry, unless that is under way.
    fn ask(&self, person: PersonId, row: LoadRow) {
        let (Some(registry), Some(instance)) = (row.registry.clone(), row.instance.clone()) else {
            return;
        };
        let mut begun = self.seen(&row.id, &instance);
        {
            let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen
                .get(&row.id)
                .is_some_and(|it| it.running && it.instance == instance)
            {
                return;
            }
            if seen.len() >= MOST {
                seen.retain(|_, seen| seen.running);
            }
            let beside = seen.values().filter(|it| it.registry == registry).count();
            begun.fresh = FRESH.max(Duration::from_secs_f64(beside as f64 / A_SECOND as f64));
            begun.registry.clone_from(&registry);
            begun.running = true;
            begun.asked = Some(Instant::now());
            seen.insert(row.id.clone(), begun.clone());
        }
        let loads = self.clone();
        let places = self.places(&registry);
        tokio::spawn(async move {
            // It closes only with the daemon.
            let _place = places.acquire().await;
            let client = loads.client(&registry, &Registrant::nothing_of(&person));
            let looked = match (client, loads.password(&row).await) {
                (Ok(client), Ok(password)) => client
                    .look(&instance, password.as_ref())
                    .await
                    .map_err(|broken| broken.why.detail),
                (Err(broken), _) => Err(broken.why.detail),
                (_, Err(error)) => Err(error.to_string()),
            };
            let mut seen = loads.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
            // A registration meanwhile has made it another one, of which nothing is known yet.
            if let Some(seen) = seen
                .get_mut(&row.id)
                .filter(|seen| Arc::ptr_eq(&seen.done, &begun.done))
            {
                seen.running = false;
                match looked {
                    Ok(look) => {
                        seen.look = Some((look, (loads.0.clock)()));
                        seen.why = None;
                    }
                    Err(why) => seen.why = Some(why),
                }
            }
            begun.done.notify_waiters();
        });
    }
}

impl Standing {
    fn of(known: Option<(Status, DateTime<Utc>)>, why: Option<String>) -> Self {
        let (status, as_of) = known.unzip();
        Self {
            status,
            as_of,
            stale: status.is_none(),
            why,
            last_heartbeat: None,
            last_ws_check: None,
        }
    }
}
