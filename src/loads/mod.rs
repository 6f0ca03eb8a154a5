//! Loads: a person's workspaces, one of them the current one, and their registration.
//!
//! Owns: loads, the credentials that registries gave them (sealed where the registry is a foreign one). Door: [`Loads`]. May
//! touch: the store, the registry (this daemon's own, or the one of `[registry] url` over HTTP), the key that seals.
//!
//! Nothing that a registry does or fails to do takes away what a load has: credentials are replaced only by credentials.

mod answer;
mod answering;
mod avatar;
mod client;
mod connect;
mod failed;
mod line;
mod load;
mod register;
mod remote;
mod retry;
mod standing;
mod tags;
mod unregister;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::failure::Failure;
use crate::identity::PersonId;
use crate::memory::Memory;
use crate::registry::Registry;
use crate::renewal::Renewer;
use crate::seal::{Seal, Unopened};
use crate::store::{LoadRow, LoadUpdate, Store, StoreError};
use crate::vault::must_seal;

pub use avatar::Avatar;
pub use connect::Connection;
pub use failed::Failed;
pub use load::{Load, LoadChange, NewLoad, Registration};
pub use register::{Made, Wish};
pub use standing::Standing;
pub use unregister::Told;

/// How a load is deleted whose registry cannot be told, as the API names it; other doors put their own words in its place.
pub const WITHOUT_REGISTRY: &str = "without_registry=true";

/// Most loads of one person.
const MOST: u32 = 256;

/// Why something about a load cannot be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// It is not of the right shape: what is wrong with it, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// No such load, or not of this person.
    #[error("there is no load {0}")]
    Unknown(String),
    /// The person has no load yet.
    #[error("there is no current load; make one first")]
    NoCurrent,
    /// Another load of the person has this name.
    #[error("there is a load with the name {0:?} already; take another name")]
    Taken(String),
    /// There are too many.
    #[error("there are {MOST} loads, which is the most; delete one")]
    TooMany,
    /// It could not be registered; the load is as it was.
    #[error("{}", .0.detail)]
    NotRegistered(NotRegistered),
    /// The registry could not be told that it is to forget a load; nothing was changed.
    #[error("{}", .0.detail)]
    NotTold(NotRegistered),
    /// It has no id that could be connected: its name.
    #[error("the load {0:?} is not registered; register it first")]
    NotConnectable(String),
    /// Nobody who is known is behind it.
    #[error(
        "the model of this daemon answers only for people who are known here; claim the instance first"
    )]
    Nobodys,
    /// Credentials cannot be sealed or opened: why, and the way out.
    #[error("{0}")]
    Seal(String),
    /// The system gives no random numbers.
    #[error(
        "the system gives no random numbers; try again, and see what is wrong with this machine"
    )]
    NoRandom,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Seal(failure.message)
    }
}

/// Why a registration failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRegistered {
    /// What kind of reason.
    pub reason: Reason,
    /// What happened, and what to mend.
    pub detail: String,
}

/// What kinds of reasons there are for a registration to fail. The words never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no load, and no name for one.
    NoLoad,
    /// What should be registered is not of the right shape.
    Invalid,
    /// Nobody says which model it is.
    NoModelName,
    /// The load is registered, or may be, at another registry than the one of the settings.
    RegisteredElsewhere,
    /// The credentials could not be sealed, or those that are kept do not open.
    NoSeal,
    /// No connection to the registry.
    Unreachable,
    /// The registry did not answer in time.
    Timeout,
    /// The connection broke before the answer was whole.
    ReplyLost,
    /// The registry does not do its work now.
    Unavailable,
    /// The registry leads elsewhere, where no credentials are sent.
    Redirect,
    /// The registry does not know this id with this password.
    NotAccepted,
    /// The registry does not take what was sent.
    Refused,
    /// The registry answers something that is none.
    BadAnswer,
}

impl Reason {
    /// Its word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoLoad => "no-load",
            Self::Invalid => "invalid",
            Self::NoModelName => "no-model-name",
            Self::RegisteredElsewhere => "registered-elsewhere",
            Self::NoSeal => "no-seal",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::ReplyLost => "reply-lost",
            Self::Unavailable => "unavailable",
            Self::Redirect => "redirect",
            Self::NotAccepted => "not-accepted",
            Self::Refused => "refused",
            Self::BadAnswer => "bad-answer",
        }
    }
}

/// The loads. Clones share them.
#[derive(Clone)]
pub struct Loads(Arc<Inner>);

struct Inner {
    store: Store,
    registry: Registry,
    memory: Memory,
    renewer: Renewer,
    clock: fn() -> DateTime<Utc>,
    /// Which registrations are being worked on: one after the other for each load.
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    seen: Mutex<HashMap<String, standing::Seen>>,
    /// Who asks which registry. There are as many as there ever stood in the settings.
    looks: Mutex<HashMap<String, Arc<tokio::sync::Semaphore>>>,
    links: connect::Links,
}

impl Loads {
    /// On a store. `renewer` knows the settings in force and the key that seals.
    pub fn new(
        store: Store,
        registry: Registry,
        memory: Memory,
        renewer: Renewer,
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            registry,
            memory,
            renewer,
            clock,
            turns: Mutex::default(),
            seen: Mutex::default(),
            looks: Mutex::default(),
            links: connect::Links::default(),
        }))
    }

    /// Makes a load; the first of a person is the current one.
    ///
    /// # Errors
    /// `Invalid`, `Taken`, `TooMany`.
    pub async fn create(&self, person: &PersonId, new: NewLoad) -> Result<Load, LoadError> {
        let new = new.checked().map_err(LoadError::Invalid)?;
        let row = self.insert(person, fresh_id()?, new, None).await?;
        Ok(self.load(row))
    }

    /// Keeps a load that was checked. `retry`: what is about to be sent to register it.
    async fn insert(
        &self,
        person: &PersonId,
        id: String,
        new: NewLoad,
        retry: Option<Vec<u8>>,
    ) -> Result<LoadRow, LoadError> {
        let now = (self.0.clock)();
        let (kind, picture) = new.avatar.map(|avatar| (avatar.kind, avatar.bytes)).unzip();
        let row = LoadRow {
            id,
            person: person.to_string(),
            name: new.name,
            description: new.description,
            email: new.email,
            tags: serde_json::Value::Object(new.tags).to_string(),
            avatar_kind: kind,
            is_current: false,
            created_at: now,
            updated_at: now,
            registry: None,
            instance: None,
            sealed: None,
            registered_at: None,
            retry,
            connect: false,
        };
        let (id, name) = (row.id.clone(), row.name.clone());
        match self.0.store.insert_load(row, picture, MOST).await {
            Ok(true) => self.row(person, &id),
            Ok(false) => Err(LoadError::TooMany),
            Err(error) if error.is_taken() => Err(LoadError::Taken(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// A person's loads, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn list(&self, person: &PersonId) -> Result<Vec<Load>, LoadError> {
        let rows = self.0.store.loads(person.as_str())?;
        Ok(rows.into_iter().map(|row| self.load(row)).collect())
    }

    /// One load.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn show(&self, person: &PersonId, id: &str) -> Result<Load, LoadError> {
        Ok(self.load(self.row(person, id)?))
    }

    fn row(&self, person: &PersonId, id: &str) -> Result<LoadRow, LoadError> {
        let row = self.0.store.load(person.as_str(), id)?;
        row.ok_or_else(|| LoadError::Unknown(id.to_owned()))
    }

    /// The load of this name.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn named(&self, person: &PersonId, name: &str) -> Result<Load, LoadError> {
        let row = self.0.store.load_named(person.as_str(), name)?;
        let row = row.ok_or_else(|| LoadError::Unknown(name.to_owned()))?;
        Ok(self.load(row))
    }

    /// The current load; `None`: the person has none at all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn current(&self, person: &PersonId) -> Result<Option<Load>, LoadError> {
        let row = self.0.store.current_load(person.as_str())?;
        Ok(row.map(|row| self.load(row)))
    }

    /// Makes a load the current one.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn switch(&self, person: &PersonId, id: &str) -> Result<Load, LoadError> {
        let switched = self.0.store.switch_load(person.to_string(), id.to_owned());
        match switched.await? {
            true => self.show(person, id),
            false => Err(LoadError::Unknown(id.to_owned())),
        }
    }

    /// Changes a load here; what is registered changes with the next registration.
    ///
    /// # Errors
    /// `Unknown`, `Invalid`, `Taken`.
    pub async fn change(
        &self,
        person: &PersonId,
        id: &str,
        change: LoadChange,
    ) -> Result<Load, LoadError> {
        let change = change.checked().map_err(LoadError::Invalid)?;
        let picture = |avatar: Option<Avatar>| avatar.map(|avatar| (avatar.kind, avatar.bytes));
        let update = LoadUpdate {
            name: change.name.clone(),
            description: change.description,
            email: change.email,
            tags: change
                .tags
                .map(|tags| serde_json::Value::Object(tags).to_string()),
            avatar: change.avatar.map(picture),
        };
        let now = (self.0.clock)();
        let changed = self
            .0
            .store
            .update_load(person.to_string(), id.to_owned(), update, now)
            .await;
        match changed {
            Ok(true) => self.show(person, id),
            Ok(false) => Err(LoadError::Unknown(id.to_owned())),
            Err(error) if error.is_taken() => {
                Err(LoadError::Taken(change.name.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The picture of a load; `None`: it has none.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn avatar(&self, person: &PersonId, id: &str) -> Result<Option<Avatar>, LoadError> {
        self.row(person, id)?;
        let found = self.0.store.avatar(person.as_str(), id)?;
        Ok(found.map(|(kind, bytes)| Avatar { kind, bytes }))
    }

    /// Waits until nobody else works on the registration of this load (or, where there is none, on this person's first).
    async fn turn(&self, of: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(of).and_then(Weak::upgrade);
            let turn = known.unwrap_or_default();
            turns.insert(of.to_owned(), Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }

    /// Does work that goes on to its end also where nobody waits for it any more: between what a registry answers and what is
    /// written down nothing may be dropped.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LoadError>> + Send + 'static,
    ) -> Result<T, LoadError> {
        let done = tokio::spawn(work).await;
        // It panicked, which was logged, or the daemon stops.
        done.unwrap_or(Err(LoadError::Store(StoreError::Closed)))
    }

    /// The password of a load at a foreign registry; `None`: none is kept.
    async fn password(&self, row: &LoadRow) -> Result<Option<SecretString>, LoadError> {
        let Some(sealed) = &row.sealed else {
            return Ok(None);
        };
        let plain = opened(&self.seal().await?, sealed)?;
        let text = std::str::from_utf8(&plain);
        let text = text.map_err(|_| damaged("the password"))?;
        Ok(Some(SecretString::from(text)))
    }

    /// The key that sealed what is kept.
    async fn seal(&self) -> Result<Seal, LoadError> {
        let renewer = &self.0.renewer;
        let settings = renewer.settings();
        Ok(must_seal(renewer.reach(&settings)).await?)
    }

    /// The key that seals, made where there is none.
    async fn seal_or_new(&self) -> Result<Seal, LoadError> {
        let renewer = &self.0.renewer;
        Ok(renewer.seal_or_new(&renewer.settings()).await?)
    }
}

fn fresh_id() -> Result<String, LoadError> {
    crate::ids::random().map_err(|_| LoadError::NoRandom)
}

/// Of something that is kept of a load.
fn damaged(what: &str) -> LoadError {
    LoadError::Seal(format!(
        "{what} that is kept of this load is damaged: bring back a backup, or delete the load with {WITHOUT_REGISTRY} and make it anew"
    ))
}

fn opened(seal: &Seal, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, LoadError> {
    seal.open(sealed).map_err(|why| {
        let why = match why {
            Unopened::OtherKey => "were sealed with another key",
            Unopened::Damaged => "are damaged",
        };
        LoadError::Seal(format!(
            "the credentials of this load {why}: bring back the key (see [seal] in config.toml), or delete the load with \
             {WITHOUT_REGISTRY} and make it anew"
        ))
    })
}
