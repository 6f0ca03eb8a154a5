//! Who is registered here, and who of them is connected.
//!
//! Owns: instances with their passwords (as slow hashes), their roles, presence, and the relay of chats to them. Door:
//! [`Registry`]. May touch: the store. It knows no HTTP: shapes and status codes are the doors'.

mod instance;
mod presence;
mod relay;
mod socket;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::identity::PersonId;
use crate::store::{Store, StoreError};

pub use instance::{
    Instance, InstanceChange, Page, Registered, RegisteredBy, Role, Search, Status, Upload,
};
pub use presence::{Attached, Connected, Far, Farewell, Full, Presence};
pub(crate) use relay::DONE;
pub use relay::{Chat, ChatError};
pub use socket::carry;

/// Why the registry does not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// What shall be kept is not of the right shape: what is wrong with it, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// There is no such instance with this password. The same for both.
    #[error("there is no instance {0} with this password")]
    Refused(String),
    /// Too many wrong passwords were shown for this id.
    #[error("too many wrong passwords were shown for this instance; it opens again at {until}")]
    Locked {
        /// When it opens.
        until: DateTime<Utc>,
    },
    /// Too many passwords wait to be looked at.
    #[error("too many passwords are being looked at; try again in a moment")]
    Busy,
    /// No such instance, or not of this person.
    #[error("there is no instance {0}")]
    Unknown(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The registry. Clones share it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    store: Store,
    clock: fn() -> DateTime<Utc>,
    presence: Presence,
}

impl Registry {
    /// On a store. Nobody is connected yet.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn open(store: Store, clock: fn() -> DateTime<Utc>) -> Result<Self, RegistryError> {
        store.nobody_connected().await?;
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            presence: Presence::new(clock),
        })))
    }

    /// Who is connected.
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Registers something new. `retry`: the idempotency key; the same one with the same upload names the same instance, with
    /// another password, until one of its passwords has been used.
    ///
    /// # Errors
    /// `Invalid`; `Conflict` for an idempotency key that was used for something else, or whose instance is in use.
    pub async fn register(
        &self,
        _upload: Upload,
        _person: Option<&PersonId>,
        _retry: Option<&SecretString>,
    ) -> Result<Registered, RegistryError> {
        Err(RegistryError::Busy)
    }

    /// Registers an id again and gives it another password; the one before is good until the new one is first used. Who asks
    /// has been proven before: `by`.
    ///
    /// # Errors
    /// `Invalid`; `Unknown`, also for another person's.
    pub async fn rotate(
        &self,
        id: &str,
        _by: RegisteredBy<'_>,
        _upload: Upload,
    ) -> Result<Registered, RegistryError> {
        Err(RegistryError::Unknown(id.to_owned()))
    }

    /// The instance behind an id and a password, also an unregistered one. Costs the same whether there is one or not.
    ///
    /// # Errors
    /// `Refused`, `Locked`, `Busy`.
    pub async fn prove(
        &self,
        id: &str,
        _password: &SecretString,
    ) -> Result<Instance, RegistryError> {
        Err(RegistryError::Refused(id.to_owned()))
    }

    /// One instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance(&self, _id: &str) -> Result<Option<Instance>, RegistryError> {
        Ok(None)
    }

    /// Changes some of an instance.
    ///
    /// # Errors
    /// `Invalid`; `Unknown`.
    pub async fn change(
        &self,
        id: &str,
        _change: InstanceChange,
    ) -> Result<Instance, RegistryError> {
        Err(RegistryError::Unknown(id.to_owned()))
    }

    /// Unregisters: its connection is closed and its tokens end; its id can come back with its password. Repeatable.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn unregister(&self, id: &str) -> Result<(), RegistryError> {
        Err(RegistryError::Unknown(id.to_owned()))
    }

    /// Makes an instance that belongs to nobody who is known a person's, by the proof of its password.
    ///
    /// # Errors
    /// `Refused`, also where it is another person's; `Locked`, `Busy`.
    pub async fn claim(
        &self,
        id: &str,
        _password: &SecretString,
        _person: &PersonId,
    ) -> Result<Instance, RegistryError> {
        Err(RegistryError::Refused(id.to_owned()))
    }

    /// A page of what matches, newest first, by keyset.
    ///
    /// # Errors
    /// `Invalid` for a search that cannot be asked; the store cannot be read.
    pub fn search(&self, _search: &Search) -> Result<Page, RegistryError> {
        Ok(Page::default())
    }

    /// How many are registered, and not unregistered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn count(&self) -> Result<u64, RegistryError> {
        Ok(0)
    }

    /// Keeps a role of an instance; the same id replaces it.
    ///
    /// # Errors
    /// `Invalid`; `Unknown`.
    pub async fn put_role(&self, instance: &str, _role: Role) -> Result<Role, RegistryError> {
        Err(RegistryError::Unknown(instance.to_owned()))
    }
}
