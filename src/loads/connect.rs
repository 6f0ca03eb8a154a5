//! Keeping loads connected to their registries, so that they are there and can be talked to.
//!
//! A load of this daemon's own registry is connected within the process; one of a foreign registry over a WebSocket. What is
//! wanted stands in the store; [`Loads::keep_connected`] sees to it, again and again, also where a registry is away for days.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::line::Left;
use super::{Load, LoadError, Loads};
use crate::identity::PersonId;
use crate::store::LoadRow;

/// How often it is looked what shall be connected, where nobody says that something has changed.
const LOOK: Duration = Duration::from_secs(5);
/// Pause before the second try; each further one is twice as long.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);
/// A connection that lasted so long was a good one: the next pause is a short one.
const GOOD: Duration = Duration::from_secs(30);

/// How it stands with the connection of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Since when it is connected; `None`: it is not.
    pub since: Option<DateTime<Utc>>,
    /// Why the last try failed, or the last connection ended.
    pub last_error: Option<String>,
}

/// The connections of loads.
#[derive(Default)]
pub(super) struct Links {
    all: Mutex<HashMap<String, Link>>,
    changed: Notify,
}

struct Link {
    /// With what it is connected: with anything else it is another one.
    to: Target,
    condition: Arc<Mutex<Connection>>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a load connects, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// A person that was only made for an instance gives its loads to whoever claims it.
    person: String,
    registry: String,
    instance: String,
    sealed: Option<Vec<u8>>,
    registered_at: Option<DateTime<Utc>>,
}

impl Target {
    fn of(row: &LoadRow) -> Option<Self> {
        Some(Self {
            person: row.person.clone(),
            registry: row.registry.clone()?,
            instance: row.instance.clone()?,
            sealed: row.sealed.clone(),
            registered_at: row.registered_at,
        })
    }
}

impl Loads {
    /// Has a load connected from now on, or not any more.
    ///
    /// # Errors
    /// `Unknown`; `NotConnectable` for one that is not registered; `Nobodys`.
    pub async fn connect(
        &self,
        person: &PersonId,
        id: &str,
        connect: bool,
    ) -> Result<Load, LoadError> {
        let row = self.row(person, id)?;
        if connect && row.registered_at.is_none() {
            return Err(LoadError::NotConnectable(row.name));
        }
        let store = &self.0.store;
        if connect && !store.may_answer(person.as_str())? {
            return Err(LoadError::Nobodys);
        }
        let changed = store.connect_load(person.to_string(), id.to_owned(), connect);
        if !changed.await? {
            return Err(LoadError::Unknown(id.to_owned()));
        }
        if !connect {
            self.links().remove(id);
        }
        self.look_again();
        self.show(person, id)
    }

    /// A load, with how it stands with its connection.
    pub(super) fn load(&self, row: LoadRow) -> Load {
        let connection = row.connect.then(|| {
            let link = self
                .links()
                .get(&row.id)
                .map(|link| Arc::clone(&link.condition));
            link.map_or_else(Connection::default, |condition| lock(&condition).clone())
        });
        Load {
            connection,
            ..row.into()
        }
    }

    /// Connects what shall be connected, and what breaks again, until it is dropped.
    pub async fn keep_connected(self) {
        // When it ends, so do the connections.
        let _ends = Ends(self.clone());
        loop {
            match self.0.store.loads_to_connect() {
                Ok(rows) => self.follow(rows),
                Err(error) => tracing::warn!("which loads to connect cannot be read: {error}"),
            }
            // Whether it was told or has waited long enough.
            let _ = timeout(LOOK, self.0.links.changed.notified()).await;
        }
    }

    /// Looks at once which loads shall be connected: something about their people has changed.
    pub fn look_again(&self) {
        self.0.links.changed.notify_one();
    }

    fn links(&self) -> std::sync::MutexGuard<'_, HashMap<String, Link>> {
        lock(&self.0.links.all)
    }

    fn follow(&self, rows: Vec<LoadRow>) {
        let wanted: HashMap<String, (Target, LoadRow)> = rows
            .into_iter()
            .filter_map(|row| Some((row.id.clone(), (Target::of(&row)?, row))))
            .collect();
        let mut links = self.links();
        links.retain(|id, link| wanted.get(id).is_some_and(|(to, _)| *to == link.to));
        for (id, (to, row)) in wanted {
            links.entry(id).or_insert_with(|| {
                let condition = Arc::<Mutex<Connection>>::default();
                let task = tokio::spawn(self.clone().hold(row, Arc::clone(&condition)));
                Link {
                    to,
                    condition,
                    task,
                }
            });
        }
    }

    /// Keeps one load connected.
    async fn hold(self, row: LoadRow, condition: Arc<Mutex<Connection>>) {
        let mut pause = SHORTEST;
        loop {
            let began = Instant::now();
            let tell = |waits: Option<Left>| {
                *lock(&condition) = Connection {
                    since: waits.is_none().then(|| (self.0.clock)()),
                    last_error: waits.map(|left| left.to_string()),
                };
            };
            let left = self.line(&row, tell).await;
            *lock(&condition) = Connection {
                since: None,
                last_error: Some(left.to_string()),
            };
            tracing::debug!(load = row.id, "a load is not connected: {left}");
            pause = match left {
                // To come back at once would only throw the other one out.
                Left::Replaced | Left::Refused => LONGEST,
                _ if began.elapsed() >= GOOD => SHORTEST,
                _ => pause,
            };
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

/// Half to one and a half times as long: those that lost the same registry do not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.5))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ends(Loads);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.links().clear();
    }
}
