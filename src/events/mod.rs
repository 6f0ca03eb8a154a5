//! What happened, in order: kept for those who follow, now or later.
//!
//! Owns: the kinds of events, their numbers, how long they are kept. Door: [`Bus::publish`], [`Bus::page`] and
//! [`Bus::follow`]. May touch: the store. It buffers nothing for anybody: who follows is told that there is more, and reads
//! it from the store at a pace of its own. An event holds no secret: names, words and numbers.

mod renewals;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa::ToSchema;

use crate::failure::FailureClass;
use crate::ids::SessionKey;
use crate::renewal::{Cause, How};
use crate::store::{EventRow, EventSpan, Store, StoreError};

pub use renewals::record;

/// Most events that are kept.
const MOST: i64 = 50_000;
/// How long an event is kept.
const LIFE: TimeDelta = TimeDelta::days(30);
/// After how many new events old ones are looked for.
const PRUNE_EVERY: u64 = 256;
/// Most callers that follow at once.
const FOLLOWERS: usize = 256;
/// Most streams of one of them.
const STREAMS: usize = 16;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word on the wire; it never changes its meaning.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// A session was extended, or logged in anew.
    SessionRenewed = "session.renewed";
    /// A renewal failed.
    SessionFailed = "session.failed";
    /// A session waits for a person: one asked for it, or only one can mend it.
    SessionHeld = "session.held";
    /// A session waits for a person no more.
    SessionReleased = "session.released";
    /// A person brought a session.
    SessionImported = "session.imported";
    /// A person deleted a session.
    SessionDeleted = "session.deleted";
    /// A login waits for a one-time code.
    CodeWanted = "code.wanted";
    /// An account was leased.
    LeaseTaken = "lease.taken";
    /// A lease was given back, or came to its end.
    LeaseEnded = "lease.ended";
    /// Other settings are in force.
    SettingsChanged = "settings.changed";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A word that is no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.iter().find(|kind| kind.word() == word);
        found
            .copied()
            .ok_or_else(|| UnknownKind(word.chars().take(40).collect()))
    }
}

/// What else is told of an event. Whoever reads one must expect further members.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Facts {
    /// Why it was renewed: `schedule`, `startup`, `expiry`, `file_change`, `cron`, `command`, `report`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How: `extended` or `logged_in`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// The class of the failure behind it; `person` where one asked for a hold, `gave_up` after many tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How long it took, or, of a lease, how long it lasted. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// When the lease ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// How the lease ended: `returned` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Something that happened. An event is a message, so this is its shape on the wire too.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its number; a later event has a higher one.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[schema(value_type = String, example = "session.renewed")]
    pub kind: Kind,
    /// Of which session: `SITE`, `SITE:ACCOUNT`, or with `@A.B` behind it one of a combination.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "wiki:bob")]
    pub session: Option<SessionKey>,
    /// What else is told of it.
    #[serde(flatten)]
    pub facts: Facts,
}

impl Event {
    /// From a row; `None`: a newer version wrote it, and this one does not know what it means.
    pub(crate) fn read(row: EventRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            at: row.at,
            kind: row.kind.parse().ok()?,
            session: row.session.map(|key| key.parse()).transpose().ok()?,
            facts: serde_json::from_str(&row.facts).ok()?,
        })
    }
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many follow.
    #[error("too many callers follow events; close a stream, or come back later")]
    All,
    /// This caller follows too often.
    #[error("one caller has at most {STREAMS} streams of events; close one")]
    Own,
}

/// A place among those who follow.
pub struct Seat {
    bus: Bus,
    who: String,
    _place: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.bus.taken();
        match taken.get_mut(&self.who) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                taken.remove(&self.who);
            }
        }
    }
}

/// Where events are published and read. Clones share it.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    store: Store,
    clock: fn() -> DateTime<Utc>,
    /// The number of the newest event; `None`: the daemon is stopping.
    newest: watch::Sender<Option<i64>>,
    published: AtomicU64,
    seats: Arc<Semaphore>,
    /// How many seats each caller has.
    taken: Mutex<HashMap<String, usize>>,
}

impl Bus {
    /// On a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(store: Store, clock: fn() -> DateTime<Utc>) -> Result<Self, StoreError> {
        let newest = store.event_span()?.newest;
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            newest: watch::Sender::new(Some(newest)),
            published: AtomicU64::new(0),
            seats: Arc::new(Semaphore::new(FOLLOWERS)),
            taken: Mutex::default(),
        })))
    }

    /// Keeps an event, and tells those who follow. One that cannot be kept is logged and lost: what it tells of has
    /// happened all the same.
    pub async fn publish(&self, kind: Kind, session: Option<&SessionKey>, facts: Facts) {
        let inner = &*self.0;
        let now = (inner.clock)();
        let row = EventRow {
            id: 0,
            at: now,
            kind: kind.word().to_owned(),
            session: session.map(ToString::to_string),
            facts: serde_json::json!(facts).to_string(),
        };
        match inner.store.insert_event(row).await {
            Ok(id) => inner.newest.send_modify(|newest| {
                if let Some(newest) = newest {
                    *newest = id.max(*newest);
                }
            }),
            Err(error) => tracing::error!(%kind, "an event is lost: {error}"),
        }
        if inner
            .published
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(PRUNE_EVERY)
            && let Err(error) = inner.store.prune_events(now - LIFE, MOST).await
        {
            tracing::warn!("old events could not be removed: {error}");
        }
    }

    /// The events behind a number, oldest first, at most `limit`, and the number to go on from.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn page(
        &self,
        after: i64,
        session: Option<&SessionKey>,
        limit: u32,
    ) -> Result<(Vec<Event>, i64), StoreError> {
        let session = session.map(ToString::to_string);
        let rows = self
            .0
            .store
            .events_after(after, session.as_deref(), limit)?;
        let next = rows.last().map_or(after, |row| row.id);
        Ok((rows.into_iter().filter_map(Event::read).collect(), next))
    }

    /// Which events there are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn span(&self) -> Result<EventSpan, StoreError> {
        self.0.store.event_span()
    }

    /// The number of the newest event, as it grows; `None` from when the daemon stops.
    pub fn follow(&self) -> watch::Receiver<Option<i64>> {
        self.0.newest.subscribe()
    }

    /// A seat among those who follow, as long as it is kept.
    ///
    /// # Errors
    /// All are taken, or this caller has as many as one may have.
    pub fn seat(&self, who: &str) -> Result<Seat, Full> {
        let mut taken = self.taken();
        let own = taken.get(who).copied().unwrap_or_default();
        if own >= STREAMS {
            return Err(Full::Own);
        }
        let place = Arc::clone(&self.0.seats).try_acquire_owned();
        let place = place.map_err(|_| Full::All)?;
        taken.insert(who.to_owned(), own + 1);
        Ok(Seat {
            bus: self.clone(),
            who: who.to_owned(),
            _place: place,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        let taken = self.0.taken.lock();
        taken.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        FOLLOWERS - self.0.seats.available_permits()
    }

    /// Tells those who follow that nothing more comes.
    pub fn close(&self) {
        self.0.newest.send_replace(None);
    }
}

/// The word that stands for a value in JSON.
fn word(value: impl Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    value.as_str().map(str::to_owned)
}

/// The facts of a renewal.
fn renewal(cause: Cause, how: How, class: Option<FailureClass>, duration_ms: u64) -> Facts {
    Facts {
        cause: word(cause),
        how: matches!(how, How::Extended | How::LoggedIn)
            .then(|| word(how))
            .flatten(),
        class: class.map(|class| class.word().to_owned()),
        duration_ms: Some(duration_ms),
        ..Facts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_numbered_in_order_and_old_ones_go_by_count_and_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let bus = Bus::new(store.clone(), Utc::now).unwrap();
        let key: SessionKey = "wiki:bob".parse().unwrap();
        let mut newest = bus.follow();
        for _ in 0..5 {
            bus.publish(Kind::SessionRenewed, Some(&key), Facts::default())
                .await;
            bus.publish(Kind::SettingsChanged, None, Facts::default())
                .await;
        }
        assert_eq!(*newest.borrow_and_update(), Some(10));
        let ids = |(events, next): (Vec<Event>, i64)| {
            (
                events.iter().map(|event| event.id).collect::<Vec<_>>(),
                next,
            )
        };
        assert_eq!(ids(bus.page(7, None, 2).unwrap()), (vec![8, 9], 9));
        assert_eq!(ids(bus.page(3, Some(&key), 9).unwrap()), (vec![5, 7, 9], 9));
        assert_eq!(ids(bus.page(10, None, 9).unwrap()), (vec![], 10));
        store
            .prune_events(Utc::now() - TimeDelta::hours(1), 4)
            .await
            .unwrap();
        assert_eq!(bus.span().unwrap().oldest, Some(7));
        let later = Utc::now() + TimeDelta::hours(1);
        store.prune_events(later, 4).await.unwrap();
        // Numbers are never given twice, not even after a restart.
        let again = Bus::new(store, Utc::now).unwrap();
        assert_eq!(again.span().unwrap().oldest, None);
        again
            .publish(Kind::SettingsChanged, None, Facts::default())
            .await;
        assert_eq!(ids(again.page(0, None, 9).unwrap()), (vec![11], 11));
        bus.close();
        assert_eq!(*newest.borrow_and_update(), None);
    }

    #[tokio::test]
    async fn one_caller_leaves_seats_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let bus = Bus::new(store, Utc::now).unwrap();
        let mut own: Vec<_> = (0..STREAMS).map(|_| bus.seat("key:a").unwrap()).collect();
        assert_eq!(bus.seat("key:a").err(), Some(Full::Own));
        let other = bus.seat("key:b").unwrap();
        assert_eq!(bus.followers(), STREAMS + 1);
        own.pop();
        assert!(bus.seat("key:a").is_ok());
        drop((own, other));
        assert_eq!((bus.followers(), bus.taken().len()), (0, 0));
    }

    #[test]
    fn an_event_reads_back_and_says_no_more_than_it_knows() {
        let facts = renewal(Cause::Cron, How::LoggedIn, None, 812);
        let event = Event {
            id: 3,
            at: DateTime::UNIX_EPOCH,
            kind: Kind::SessionRenewed,
            session: Some("wiki".parse().unwrap()),
            facts,
        };
        let shown = serde_json::to_string(&event).unwrap();
        insta::assert_snapshot!(shown, @r#"{"id":3,"at":"1970-01-01T00:00:00Z","kind":"session.renewed","session":"wiki","cause":"cron","how":"logged_in","duration_ms":812}"#);
        let row = EventRow {
            id: 3,
            at: DateTime::UNIX_EPOCH,
            kind: "session.renewed".to_owned(),
            session: Some("wiki".to_owned()),
            facts: serde_json::json!(event.facts).to_string(),
        };
        assert_eq!(Event::read(row.clone()), Some(event));
        let newer = EventRow {
            kind: "session.danced".to_owned(),
            ..row
        };
        assert_eq!(Event::read(newer), None);
    }
}
