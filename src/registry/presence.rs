//! Who is connected.
//!
//! A connection is a line of messages in both directions, whatever carries it: a WebSocket ([`carry`](super::socket::carry)),
//! or this process itself for the daemon's own loads. An instance has one line; a newer one takes its place.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound as _, SubsecRound as _, TimeDelta, Utc};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::budget::{Budget, Weighed};
use super::far::{Attached, Far};
use super::letter::{Letter, Post};
use super::relay::{ALL_AHEAD, Sink};
use crate::store::{PresenceRow, Store};

/// Most instances that are connected at once.
const CONNECTED: usize = 4096;
/// Most of those that are nobody's who is known: anybody makes such ones, and they shall not keep the others out.
const NOBODYS: usize = CONNECTED / 2;
/// Most of those from one address.
const NOBODYS_FROM_ONE: usize = 64;
/// Messages that wait to be sent to one instance.
const AHEAD: usize = 64;
/// Their bytes.
const POSTED: usize = 4 << 20;
/// The same of all instances.
const ALL_POSTED: usize = 64 << 20;

/// Why a line is closed from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The daemon stops.
    Stopping,
    /// The instance has connected anew.
    Replaced,
    /// It is not registered any more.
    Unregistered,
    /// It is another person's now, or its person is not kept any more.
    Moved,
    /// Nothing came from it for too long.
    Silent,
    /// The password that it was opened with is good no more.
    Rotated,
}

impl Farewell {
    /// The code of the WebSocket's close frame (RFC 6455 section 7.4), and the word in it.
    pub fn code(self) -> (u16, &'static str) {
        match self {
            Self::Stopping => (1001, "stopping"),
            Self::Replaced => (4000, "replaced"),
            Self::Unregistered => (4001, "unregistered"),
            Self::Moved => (4002, "moved"),
            Self::Silent => (4003, "silent"),
            Self::Rotated => (4004, "rotated"),
        }
    }
}

/// Why a line is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// So many are connected already.
    #[error("too many instances are connected")]
    Connected,
    /// The daemon stops.
    #[error("the daemon stops")]
    Stopping,
}

/// How it stands with an instance that is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// Since when.
    pub since: DateTime<Utc>,
    /// When the last message came, to the millisecond.
    pub heard_at: DateTime<Utc>,
}

/// Who is connected. Clones share it.
#[derive(Clone)]
pub struct Presence(pub(super) Arc<Shared>);

pub(super) struct Shared {
    clock: fn() -> DateTime<Utc>,
    table: Mutex<Table>,
    /// Tells [`Presence::keep`] that something is to be written down.
    changed: Notify,
    /// How many lines there are.
    lines: watch::Sender<usize>,
    /// Bytes of answers that callers have not taken yet.
    pub(super) waiting: Budget,
    /// Bytes of messages that instances have not taken yet.
    pub(super) posted: Budget,
}

#[derive(Default)]
pub(super) struct Table {
    lines: HashMap<String, Line>,
    last: u64,
    stopping: bool,
    /// Whose condition in the store is old.
    changed: HashSet<String>,
    /// When those were last heard that have gone, until that is written down.
    gone: HashMap<String, DateTime<Utc>>,
}

/// What opened a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    ByPassword,
    /// A password of one that is nobody's who is known, from this address; `None`: from this machine.
    ByNobody(Option<IpAddr>),
    /// It leads to a load of this daemon.
    Within,
}

/// One instance's line, as this side has it.
pub(super) struct Line {
    serial: u64,
    connected: Connected,
    noted: DateTime<Utc>,
    opened: Opened,
    post: mpsc::Sender<Letter>,
    posted: Budget,
    end: Option<oneshot::Sender<Farewell>>,
    /// The chats under way, by their request ids.
    pub(super) chats: HashMap<String, Sink>,
}

impl Line {
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Puts a message among those that wait to be sent to all instances; `None`: too much waits.
    pub(super) fn send(&self, message: String, all: &Budget) -> Option<Letter> {
        let letter = Letter::new(Weighed::new(message, &self.posted, all)?);
        self.post.try_send(letter.clone()).ok()?;
        Some(letter)
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self::new(Utc::now)
    }
}

impl Presence {
    /// Nobody is connected.
    pub fn new(clock: fn() -> DateTime<Utc>) -> Self {
        Self(Arc::new(Shared {
            clock,
            table: Mutex::default(),
            changed: Notify::new(),
            lines: watch::Sender::new(0),
            waiting: Budget::new(ALL_AHEAD),
            posted: Budget::new(ALL_POSTED),
        }))
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        let table = self.0.table.lock();
        table.unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects an instance that was proven by its password; the line that it had before is closed.
    ///
    /// # Errors
    /// So many are connected already, or the daemon stops.
    pub fn attach(&self, id: &str) -> Result<Attached, Full> {
        self.attach_as(id, Opened::ByPassword)
    }

    /// The same of one that is nobody's who is known. `from`: its address, where that is not this machine's.
    ///
    /// # Errors
    /// As above, and where so many of such ones are connected, in all or from this address.
    pub fn attach_nobodys(&self, id: &str, from: Option<IpAddr>) -> Result<Attached, Full> {
        self.attach_as(id, Opened::ByNobody(from))
    }

    /// The same of a load of this daemon, which needs no password. However many others are connected, there is place for it.
    ///
    /// # Errors
    /// The daemon stops.
    pub fn attach_within(&self, id: &str) -> Result<Attached, Full> {
        self.attach_as(id, Opened::Within)
    }

    fn attach_as(&self, id: &str, opened: Opened) -> Result<Attached, Full> {
        let now = self.now();
        let (post, posted) = Post::new(AHEAD);
        let (end, ended) = oneshot::channel();
        let mut table = self.table();
        match table.stopping {
            true => return Err(Full::Stopping),
            false if !table.lines.contains_key(id) && !table.has_place(opened) => {
                return Err(Full::Connected);
            }
            false => {}
        }
        table.last += 1;
        let serial = table.last;
        let connected = Connected {
            since: now,
            heard_at: now,
        };
        let line = Line {
            serial,
            connected,
            noted: now,
            opened,
            post,
            posted: Budget::new(POSTED),
            end: Some(end),
            chats: HashMap::new(),
        };
        // What was under way on the line before ends with it.
        if let Some(before) = table.lines.insert(id.to_owned(), line) {
            before.close(Farewell::Replaced);
        }
        table.changed.insert(id.to_owned());
        drop(table);
        self.0.lines.send_modify(|lines| *lines += 1);
        self.0.changed.notify_one();
        Ok(Attached {
            post: posted,
            end: ended,
            far: Far {
                presence: self.clone(),
                id: id.to_owned(),
                serial,
            },
        })
    }

    /// Now, as exactly as the store keeps it: what was told does not go back once it is written down.
    fn now(&self) -> DateTime<Utc> {
        (self.0.clock)().trunc_subsecs(3)
    }

    /// How it stands with an instance; `None`: it is not connected.
    pub fn connected(&self, id: &str) -> Option<Connected> {
        self.table().lines.get(id).map(|line| line.connected)
    }

    /// When an instance was last heard, where that is known better than the store does.
    pub fn heard_at(&self, id: &str) -> Option<DateTime<Utc>> {
        let table = self.table();
        let line = table.lines.get(id).map(|line| line.connected.heard_at);
        line.or_else(|| table.gone.get(id).copied())
    }

    /// Closes an instance's line, where it has one.
    pub fn dismiss(&self, id: &str, why: Farewell) {
        let line = self.table().part(id);
        if let Some(line) = line {
            line.close(why);
            self.0.changed.notify_one();
        }
    }

    /// Closes an instance's line, where it was opened by a password.
    pub fn dismiss_proven(&self, id: &str, why: Farewell) {
        let line = {
            let mut table = self.table();
            match table.lines.get(id) {
                Some(line) if line.opened != Opened::Within => table.part(id),
                _ => None,
            }
        };
        if let Some(line) = line {
            line.close(why);
            self.0.changed.notify_one();
        }
    }

    /// Closes every line, takes no new one, and waits until all have ended.
    pub async fn close(&self) {
        let lines = {
            let mut table = self.table();
            table.stopping = true;
            let ids: Vec<_> = table.lines.keys().cloned().collect();
            let lines = ids.iter().filter_map(|id| table.part(id));
            lines.collect::<Vec<_>>()
        };
        for line in lines {
            line.close(Farewell::Stopping);
        }
        self.0.changed.notify_one();
        // It ends only with this.
        let _ = self.0.lines.subscribe().wait_for(|lines| *lines == 0).await;
    }

    /// Writes down who is connected, and when each was heard, until it is dropped.
    pub async fn keep(self, store: Store) {
        loop {
            self.0.changed.notified().await;
            self.write(&store).await;
        }
    }

    /// Writes down what has changed.
    pub async fn write(&self, store: &Store) {
        let changed = std::mem::take(&mut self.table().changed);
        if changed.is_empty() {
            return;
        }
        let mut written = HashMap::new();
        let row = |id: String| {
            let table = self.table();
            let connected = table.lines.get(&id).map(|line| line.connected);
            // Whoever was told the exact time while it was connected shall not see an earlier one later.
            let gone = table.gone.get(&id).copied();
            if let Some(at) = gone {
                written.insert(id.clone(), at);
            }
            PresenceRow {
                id,
                online: connected.is_some(),
                heard_at: connected.map_or(gone, |connected| Some(minute(connected.heard_at))),
            }
        };
        let rows = changed.into_iter().map(row).collect();
        if let Err(error) = store.keep_presence(rows).await {
            // What callers are told comes from memory; what is kept is written again at the next change.
            tracing::warn!("who is connected was not written down: {error}");
            return;
        }
        let gone = &mut self.table().gone;
        gone.retain(|id, at| written.get(id) != Some(at));
    }

    /// Something came on a line.
    pub(super) fn heard(&self, id: &str, serial: u64) {
        let now = self.now();
        let mut table = self.table();
        let Some(line) = table.line(id, Some(serial)) else {
            return;
        };
        line.connected.heard_at = now;
        if minute(now) == minute(line.noted) {
            return;
        }
        line.noted = now;
        drop(table);
        self.note(id);
    }

    /// A line has no carrier any more.
    pub(super) fn left(&self, id: &str, serial: u64) {
        {
            let mut table = self.table();
            if table.line(id, Some(serial)).is_some() {
                table.part(id);
            }
        }
        self.0.changed.notify_one();
        self.0.lines.send_modify(|lines| *lines -= 1);
    }

    fn note(&self, id: &str) {
        self.table().changed.insert(id.to_owned());
        self.0.changed.notify_one();
    }
}

impl Line {
    /// Chats that are under way end with it: their sinks are dropped.
    fn close(self, why: Farewell) {
        if let Some(end) = self.end {
            // Its carrier has gone by itself: fine.
            let _ = end.send(why);
        }
    }
}

impl Table {
    /// Whether one more may be connected.
    fn has_place(&self, opened: Opened) -> bool {
        let place = self.lines.len() < CONNECTED;
        let Opened::ByNobody(from) = opened else {
            return place || opened == Opened::Within;
        };
        let nobodys = || {
            let all = self.lines.values().map(|line| line.opened);
            all.filter(|one| matches!(one, Opened::ByNobody(_)))
        };
        let same = || nobodys().filter(|one| *one == opened).count();
        place && nobodys().count() < NOBODYS && (from.is_none() || same() < NOBODYS_FROM_ONE)
    }

    /// Takes an instance's line away, where it has one.
    fn part(&mut self, id: &str) -> Option<Line> {
        let line = self.lines.remove(id)?;
        let heard_at = line.connected.heard_at;
        self.changed.insert(id.to_owned());
        self.gone.insert(id.to_owned(), heard_at);
        Some(line)
    }

    /// An instance's line; `serial`: only if it is still this one.
    pub(super) fn line(&mut self, id: &str, serial: Option<u64>) -> Option<&mut Line> {
        let line = self.lines.get_mut(id)?;
        (serial.is_none() || serial == Some(line.serial)).then_some(line)
    }
}

fn minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_instance_is_connected_as_long_as_its_line_and_a_newer_one_takes_its_place() {
        let presence = Presence::default();
        assert!(presence.connected("a").is_none());
        let first = presence.attach("a").unwrap();
        assert!(presence.connected("a").is_some());
        let second = presence.attach("a").unwrap();
        assert_eq!(first.end.await, Ok(Farewell::Replaced));
        // The old one's end is not the new one's.
        drop(first.far);
        assert!(presence.connected("a").is_some());
        drop(second.far);
        assert!(presence.connected("a").is_none());
    }

    #[tokio::test]
    async fn a_password_that_is_good_no_more_ends_what_it_opened_and_nothing_else() {
        let presence = Presence::default();
        let proven = presence.attach("a").unwrap();
        let mut own = presence.attach_within("b").unwrap();
        for id in ["a", "b", "c"] {
            presence.dismiss_proven(id, Farewell::Rotated);
        }
        assert_eq!(proven.end.await, Ok(Farewell::Rotated));
        assert!(presence.connected("b").is_some() && own.end.try_recv().is_err());
        presence.dismiss("b", Farewell::Moved);
        assert_eq!(own.end.await, Ok(Farewell::Moved));
    }

    #[tokio::test]
    async fn strangers_leave_place_for_others_and_everybody_for_the_daemons_own() {
        let presence = Presence::default();
        let from = |number: usize| Some(IpAddr::from((number as u128).to_be_bytes()));
        let connect = |number: usize, from| presence.attach_nobodys(&format!("n{number}"), from);
        let mut lines = Vec::new();
        for number in 0..NOBODYS_FROM_ONE {
            lines.push(connect(number, from(7)).unwrap());
        }
        assert_eq!(connect(64, from(7)).unwrap_err(), Full::Connected);
        // One of them anew is none more.
        lines.push(connect(0, from(7)).unwrap());
        for number in NOBODYS_FROM_ONE..NOBODYS {
            lines.push(connect(number, from(number)).unwrap());
        }
        assert_eq!(connect(5000, None).unwrap_err(), Full::Connected);
        for number in NOBODYS..CONNECTED {
            lines.push(presence.attach(&format!("k{number}")).unwrap());
        }
        assert_eq!(presence.attach("k").unwrap_err(), Full::Connected);
        assert!(presence.attach_within("own").is_ok());
    }

    #[tokio::test]
    async fn a_stop_closes_every_line_and_takes_no_new_one() {
        let presence = Presence::default();
        let line = presence.attach("a").unwrap();
        let close = tokio::spawn({
            let presence = presence.clone();
            async move { presence.close().await }
        });
        assert_eq!(line.end.await, Ok(Farewell::Stopping));
        assert!(!close.is_finished());
        drop(line.far);
        close.await.unwrap();
        assert_eq!(presence.attach("a").unwrap_err(), Full::Stopping);
    }
}
