//! The accounts of a site as a pool, of which callers take one each for themselves.
//!
//! Owns: leases, as agents mean the word: who has which account until when. Door: [`Pool::take`], [`Pool::extend`],
//! [`Pool::give_back`]. May touch: the store; it looks at the conditions of sessions.
//!
//! A lease is a reservation among those who lease. It hides nothing: who may read sessions reads a leased one as before. And
//! it stops nothing: renewals go on, for a session that nobody may renew would die in its holder's hands. It is not the file
//! lock of a renewal ([`crate::session::Lease`]), which lives as long as the work and is the kernel's.
//!
//! [`Table`] is the rule, and is asked with `now`. Changes are made one after the other, in the table and in the store; an
//! answer comes when both have it, so a lease survives a restart. A change that has begun is made to its end even where the
//! caller goes away; a lease that nobody was told of lasts as long as any whose holder died.

mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::events::{Bus, Facts, Kind};
use crate::identity::{Principal, Scope};
use crate::ids::{AccountName, SessionKey, SiteName};
use crate::renewal::{Renewer, view};
use crate::store::{LeaseRow, Store, StoreError};

pub use table::{Candidate, Lease, Table};

/// How long a lease lasts where the caller does not say.
pub const TTL: TimeDelta = TimeDelta::minutes(10);
/// The shortest lease.
pub const SHORTEST: TimeDelta = TimeDelta::seconds(10);
/// The longest lease.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);
/// How long a lease that has ended is remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(1);
/// How often those who wait look again though nothing was given back: accounts may have been added.
const LOOK: Duration = Duration::from_secs(5);
/// Longest sleep of the loop that ends leases, in case the clock moves.
const NAP: Duration = Duration::from_secs(30);

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No such site, or no account of it that the caller reaches.
    #[error("there is no site {0}")]
    NoSite(SiteName),
    /// No such account, or not for this caller.
    #[error("there is no session {0}")]
    NoAccount(SessionKey),
    /// Every account is leased.
    #[error("every account of {site} is leased")]
    NoneFree {
        /// The site.
        site: SiteName,
        /// When the next comes free by itself.
        next_end: DateTime<Utc>,
    },
    /// No such lease, or not this caller's.
    #[error("there is no lease {0}")]
    Unknown(String),
    /// It cannot be extended any more.
    #[error("the lease {0} has ended")]
    Ended(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// What a caller wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of which site.
    pub site: SiteName,
    /// Only this account; `Some(None)`: the first, which has no name. `None`: any.
    pub account: Option<Option<AccountName>>,
    /// For how long.
    pub ttl: TimeDelta,
    /// How long to wait for a free account.
    pub wait: Duration,
    /// What for, in the caller's words.
    pub purpose: Option<String>,
}

/// A lease as it was, with how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The lease.
    pub lease: Lease,
    /// When, and by what: `returned` or `expired`; `None`: it runs.
    pub ended: Option<(DateTime<Utc>, String)>,
}

/// The accounts, and who has which. Clones share it.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    store: Store,
    renewer: Renewer,
    bus: Bus,
    clock: fn() -> DateTime<Utc>,
    table: Mutex<Table>,
    /// Whose turn it is to change something: so the store sees changes in the order of the table.
    turn: tokio::sync::Mutex<()>,
    /// Grows when an account may have come free.
    freed: watch::Sender<u64>,
}

impl Pool {
    /// With the leases that are kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(
        store: Store,
        renewer: Renewer,
        bus: Bus,
        clock: fn() -> DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut table = Table::default();
        for row in store.leases()? {
            let runs = row.ended.is_none();
            let Some(lease) = read(row) else { continue };
            table.remember(lease.session.clone(), lease.taken_at);
            // At no time, so that those which ended meanwhile are there to be ended by the loop.
            if runs && !table.put(lease, DateTime::<Utc>::MIN_UTC) {
                tracing::error!("the store has two leases of one account");
            }
        }
        Ok(Self(Arc::new(Inner {
            store,
            renewer,
            bus,
            clock,
            table: Mutex::new(table),
            turn: tokio::sync::Mutex::default(),
            freed: watch::Sender::new(0),
        })))
    }

    /// Takes a free account of a site; waits for one as long as the caller wishes.
    ///
    /// # Errors
    /// `NoneFree` says when to come again.
    pub async fn take(&self, by: &Principal, wish: &Wish) -> Result<Lease, PoolError> {
        let deadline = Instant::now() + wish.wait;
        let mut freed = self.0.freed.subscribe();
        loop {
            freed.mark_unchanged();
            let next_end = match self.try_take(by, wish).await {
                Err(PoolError::NoneFree { next_end, .. }) if Instant::now() < deadline => next_end,
                other => return other,
            };
            let until_end = (next_end - self.now()).to_std().unwrap_or_default();
            let again = Instant::now() + until_end.min(LOOK);
            tokio::select! {
                _ = freed.changed() => {}
                () = tokio::time::sleep_until(again.min(deadline)) => {}
            }
        }
    }

    async fn try_take(&self, by: &Principal, wish: &Wish) -> Result<Lease, PoolError> {
        let sessions = self.reached(by, wish)?;
        let (pool, by, wish) = (self.clone(), by.clone(), wish.clone());
        to_the_end(async move { pool.take_one_of(sessions, &by, &wish).await }).await
    }

    async fn take_one_of(
        &self,
        sessions: Vec<SessionKey>,
        by: &Principal,
        wish: &Wish,
    ) -> Result<Lease, PoolError> {
        let inner = &*self.0;
        let turn = inner.turn.lock().await;
        let now = self.now();
        self.expire(now).await?;
        let free: Vec<_> = {
            let table = self.table();
            if let Some(next_end) = table.next_end(&sessions, now) {
                let site = wish.site.clone();
                return Err(PoolError::NoneFree { site, next_end });
            }
            let free = sessions.into_iter();
            free.filter(|session| table.lease_on(session, now).is_none())
                .collect()
        };
        let candidates: Vec<_> = free
            .into_iter()
            .map(|session| self.candidate(session, now))
            .collect();
        let id = crate::ids::random().map_err(|_| PoolError::NoRandom)?;
        let lease = {
            let mut table = self.table();
            let chosen = table.choose(&candidates, now).cloned();
            // One was free, and it is our turn.
            let session = chosen.ok_or_else(|| PoolError::NoSite(wish.site.clone()))?;
            let lease = Lease {
                id,
                session,
                holder: by.who.to_string(),
                purpose: wish.purpose.clone(),
                taken_at: now,
                expires_at: now + wish.ttl,
            };
            if !table.put(lease.clone(), now) {
                return Err(PoolError::NoSite(wish.site.clone()));
            }
            lease
        };
        let kept = inner.store.insert_lease(row(&lease), now - REMEMBERED);
        if let Err(error) = kept.await {
            self.table().take_out(&lease.id);
            return Err(error.into());
        }
        drop(turn);
        let facts = Facts {
            lease: Some(lease.id.clone()),
            expires_at: Some(lease.expires_at),
            ..Facts::default()
        };
        let session = Some(&lease.session);
        inner.bus.publish(Kind::LeaseTaken, session, facts).await;
        Ok(lease)
    }

    /// The accounts that this caller could get.
    fn reached(&self, by: &Principal, wish: &Wish) -> Result<Vec<SessionKey>, PoolError> {
        let settings = self.0.renewer.settings();
        let no_site = || PoolError::NoSite(wish.site.clone());
        let recipe = settings.recipes.get(&wish.site).ok_or_else(no_site)?;
        let keys = recipe.accounts.iter().map(|account| SessionKey {
            site: wish.site.clone(),
            account: account.name.clone(),
            within: None,
        });
        let reached: Vec<_> = keys.filter(|key| by.reaches(key)).collect();
        match &wish.account {
            _ if reached.is_empty() => Err(no_site()),
            None => Ok(reached),
            Some(account) => {
                let wanted = SessionKey {
                    site: wish.site.clone(),
                    account: account.clone(),
                    within: None,
                };
                match reached.contains(&wanted) {
                    true => Ok(vec![wanted]),
                    false => Err(PoolError::NoAccount(wanted)),
                }
            }
        }
    }

    fn candidate(&self, session: SessionKey, now: DateTime<Utc>) -> Candidate {
        // A record that cannot be read says nothing for the account.
        let kept = self.0.renewer.kept(&session).unwrap_or_default();
        let view = self
            .0
            .renewer
            .with_plan(&session, &kept, |plan| view(now, &kept.record, plan));
        Candidate {
            alive: view.as_ref().and_then(|view| view.alive),
            held: view.is_some_and(|view| view.hold.is_some()),
            session,
        }
    }

    /// Moves the end of a lease: from now on it lasts `ttl`.
    ///
    /// # Errors
    /// `Ended` where it has come to its end, `Unknown` where it is not this caller's.
    pub async fn extend(
        &self,
        by: &Principal,
        id: &str,
        ttl: TimeDelta,
    ) -> Result<Lease, PoolError> {
        let (pool, by, id) = (self.clone(), by.clone(), id.to_owned());
        to_the_end(async move {
            let _turn = pool.0.turn.lock().await;
            if pool.get(&by, &id)?.ended.is_some() {
                return Err(PoolError::Ended(id));
            }
            let now = pool.now();
            // In the store first: where that fails, the lease must not last longer than a restart would have it.
            pool.0.store.extend_lease(id.clone(), now + ttl).await?;
            let extended = pool.table().extend(&id, now + ttl, now);
            extended.ok_or(PoolError::Ended(id))
        })
        .await
    }

    /// Gives an account back. Again: nothing happens.
    ///
    /// # Errors
    /// `Unknown` where the lease is not this caller's.
    pub async fn give_back(&self, by: &Principal, id: &str) -> Result<(), PoolError> {
        let (pool, by, id) = (self.clone(), by.clone(), id.to_owned());
        to_the_end(async move {
            let turn = pool.0.turn.lock().await;
            if pool.get(&by, &id)?.ended.is_some() {
                return Ok(());
            }
            let now = pool.now();
            let ended = vec![(id.clone(), now)];
            pool.0.store.end_leases(ended, RETURNED).await?;
            let lease = pool.table().take_out(&id);
            drop(turn);
            pool.wake();
            if let Some(lease) = lease {
                pool.tell_end(&lease, now, RETURNED).await;
            }
            Ok(())
        })
        .await
    }

    /// One lease of this caller, also for a day after its end; who has the scope `admin` sees any. None of a session that the
    /// caller does not reach, be it since the lease was taken.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn get(&self, by: &Principal, id: &str) -> Result<Past, PoolError> {
        let now = self.now();
        let running = self.table().lease(id, now).cloned();
        let past = match running {
            Some(lease) => Some(Past { lease, ended: None }),
            None => self.0.store.lease(id)?.and_then(|row| {
                let ended = row.ended.clone();
                let lease = read(row)?;
                // Its end was not written down yet.
                let ended = ended.or(Some((lease.expires_at, EXPIRED.to_owned())));
                Some(Past { lease, ended })
            }),
        };
        past.filter(|past| sees(by, &past.lease))
            .ok_or_else(|| PoolError::Unknown(id.to_owned()))
    }

    /// The leases of this caller that run, the oldest first; who has the scope `admin` sees all that it
    /// reaches.
    pub fn list(&self, by: &Principal) -> Vec<Lease> {
        let now = self.now();
        let mut leases: Vec<_> = self.table().running(now).cloned().collect();
        leases.retain(|lease| sees(by, lease));
        leases.sort_by(|a, b| (a.taken_at, &a.id).cmp(&(b.taken_at, &b.id)));
        leases
    }

    /// Until when a session is leased, by whomever; `None`: it is not.
    pub fn leased_until(&self, session: &SessionKey) -> Option<DateTime<Utc>> {
        let now = self.now();
        let table = self.table();
        table.lease_on(session, now).map(|lease| lease.expires_at)
    }

    /// How many leases run.
    pub fn running(&self) -> usize {
        self.table().running(self.now()).count()
    }

    /// Ends leases at their end, for ever. A lease is over without it; this tells those who wait and those who follow.
    pub async fn run(self) {
        let mut freed = self.0.freed.subscribe();
        loop {
            freed.mark_unchanged();
            let now = self.now();
            {
                let _turn = self.0.turn.lock().await;
                if let Err(error) = self.expire(now).await {
                    tracing::error!("ended leases could not be written down: {error}");
                }
            }
            let next = self.table().next_expiry();
            let nap = next.map_or(NAP, |at| (at - now).to_std().unwrap_or_default());
            // A failed write must not spin.
            let nap = nap.clamp(Duration::from_millis(50), NAP);
            tokio::select! {
                _ = freed.changed() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Takes those out that have come to their end; whoever calls has the turn.
    async fn expire(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let over = self.table().over(now);
        if over.is_empty() {
            return Ok(());
        }
        let ended = over
            .iter()
            .map(|lease| (lease.id.clone(), lease.expires_at));
        self.0.store.end_leases(ended.collect(), EXPIRED).await?;
        for lease in &over {
            self.table().take_out(&lease.id);
        }
        self.wake();
        for lease in &over {
            self.tell_end(lease, lease.expires_at, EXPIRED).await;
        }
        Ok(())
    }

    async fn tell_end(&self, lease: &Lease, at: DateTime<Utc>, how: &str) {
        let lasted = (at - lease.taken_at).num_milliseconds();
        let facts = Facts {
            lease: Some(lease.id.clone()),
            duration_ms: u64::try_from(lasted).ok(),
            ended: Some(how.to_owned()),
            ..Facts::default()
        };
        let session = Some(&lease.session);
        self.0.bus.publish(Kind::LeaseEnded, session, facts).await;
    }

    fn wake(&self) {
        self.0
            .freed
            .send_modify(|times| *times = times.wrapping_add(1));
    }

    /// The time, to what the store keeps of it.
    fn now(&self) -> DateTime<Utc> {
        (self.0.clock)().trunc_subsecs(3)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const RETURNED: &str = "returned";
const EXPIRED: &str = "expired";

fn sees(by: &Principal, lease: &Lease) -> bool {
    by.reaches(&lease.session) && (by.may(Scope::Admin) || lease.holder == by.who.to_string())
}

/// Makes a change to its end, whether or not the caller still waits for it.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, PoolError>> + Send + 'static,
) -> Result<T, PoolError> {
    // It ends early only when the runtime does.
    tokio::spawn(change)
        .await
        .unwrap_or(Err(PoolError::Store(StoreError::Closed)))
}

fn row(lease: &Lease) -> LeaseRow {
    LeaseRow {
        id: lease.id.clone(),
        session: lease.session.to_string(),
        holder: lease.holder.clone(),
        purpose: lease.purpose.clone(),
        taken_at: lease.taken_at,
        expires_at: lease.expires_at,
        ended: None,
    }
}

fn read(row: LeaseRow) -> Option<Lease> {
    Some(Lease {
        id: row.id,
        session: row.session.parse().ok()?,
        holder: row.holder,
        purpose: row.purpose,
        taken_at: row.taken_at,
        expires_at: row.expires_at,
    })
}
