//! Who is registered here, and who of them is connected.
//!
//! Owns: instances with their passwords (as slow hashes), their roles, presence, and the relay of chats to them. Door:
//! [`Registry`]. May touch: the store. It knows no HTTP: shapes and status codes are the doors'.

mod attempts;
mod budget;
pub(crate) mod check;
mod far;
mod instance;
mod letter;
mod password;
mod patient;
mod pieces;
mod presence;
mod proofs;
mod prove;
mod relay;
mod revoke;
mod rows;
mod socket;
mod strangers;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::identity::PersonId;
use crate::store::{
    ClaimRow, Claimed, InstanceSearch, NewInstance, RetriedRow, SecretRow, Store, StoreError,
};
use password::{COST, For, Hash, Hasher};
use proofs::Proofs;

pub use far::{Attached, Far};
pub use instance::{
    Instance, InstanceChange, Page, Registered, RegisteredBy, Registrant, Role, Search, Status,
    Upload,
};
pub use letter::{Post, Sending};
pub(crate) use patient::Patient;
pub(crate) use pieces::DONE;
pub use presence::{Connected, Farewell, Full, Presence};
pub use relay::{Chat, ChatError};
pub use socket::carry;

/// Longest id that is looked up, bytes: none that was given out here is longer than 20.
const LONGEST_ID: usize = 255;
/// Most of one page.
const PAGE: u32 = 100;
/// Most roles of one instance, and most bytes of them together.
const ROLES: u32 = 100;
const ROLE_BYTES: u32 = 1 << 20;
/// Into how many parts ids fall, in each of which one password is looked at after the other: as many guesses at once as one
/// likes are no more than ten in a row.
const ALONE: usize = 64;
/// What is registered.
const REGISTERED: [Status; 2] = [Status::Online, Status::Offline];

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
        /// How long that is from now.
        wait: std::time::Duration,
    },
    /// There are as many instances that are nobody's as there may be.
    #[error(
        "this registry keeps no more instances that nobody has claimed: sign in and register as somebody, or ask its owner to make room"
    )]
    Full,
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
    hasher: Hasher,
    proofs: Mutex<Proofs>,
    alone: [tokio::sync::Mutex<()>; ALONE],
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
            hasher: Hasher::default(),
            proofs: Mutex::new(Proofs::new()?),
            alone: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        })))
    }

    /// Who is connected.
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Registers something new, in the name of somebody or of nobody who is known. `retry`: the idempotency key; the same one of the same person with the same upload names the
    /// same instance, with another password, until one of its passwords has been used; then it is good for nothing until a day after that was registered.
    ///
    /// # Errors
    /// `Invalid`; `Busy`; `Full`; `Conflict` for an idempotency key that was used for something else, or whose instance is in use.
    pub async fn register(
        &self,
        upload: Upload,
        by: Option<&Registrant>,
        retry: Option<&SecretString>,
    ) -> Result<Registered, RegistryError> {
        let upload = check::upload(upload)?;
        let person = by.map(|by| &by.person);
        let ceiling = by.and_then(ceiling);
        let retry = retry.map(|key| (retry_key(person, key), print(&upload)));
        if let Some(before) = self.before(retry.as_ref())? {
            return self.again(before, ceiling).await;
        }
        let (password, secret) = self.fresh().await?;
        let new = NewInstance {
            id: crate::ids::random().map_err(|_| RegistryError::Busy)?,
            person: person.map(ToString::to_string),
            said: rows::said(&upload),
            secret,
            ceiling: ceiling.clone(),
            retry,
            most: strangers::MOST,
        };
        let inserted = self.0.store.insert_instance(new, (self.0.clock)()).await;
        match inserted {
            Ok(Some(row)) => Ok(Registered {
                instance: rows::instance(row),
                password,
            }),
            Ok(None) => Err(RegistryError::Full),
            // The same request came twice at once, and the other one was faster.
            Err(error) if error.is_taken() => match self.before(retry.as_ref())? {
                Some(before) => self.again(before, ceiling).await,
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// What was registered with this idempotency key before; an error where it was something else.
    fn before(
        &self,
        retry: Option<&([u8; 32], [u8; 32])>,
    ) -> Result<Option<RetriedRow>, RegistryError> {
        let Some((key, print)) = retry else {
            return Ok(None);
        };
        let before = self.0.store.instance_by_retry(key, (self.0.clock)())?;
        match before {
            Some(before) if before.print.as_ref().is_some_and(|kept| kept != print) => {
                let why = "this idempotency key was used for something else; take another one";
                Err(RegistryError::Conflict(why.to_owned()))
            }
            before => Ok(before),
        }
    }

    /// Gives what was registered before another password: the answer with the first one may have been lost.
    async fn again(
        &self,
        before: RetriedRow,
        ceiling: Option<String>,
    ) -> Result<Registered, RegistryError> {
        let (password, hash) = self.another(before.salt, &before.cost).await?;
        let row = self
            .0
            .store
            .retry_instance(before.id.clone(), hash.to_vec(), ceiling);
        let row = row.await?.ok_or_else(|| {
            let why = "what was registered with this idempotency key is in use; take another key";
            RegistryError::Conflict(why.to_owned())
        })?;
        Ok(Registered {
            instance: rows::instance(row),
            password,
        })
    }

    /// Registers an id again and gives it another password; the one before is good until the new one is first used. Who asks
    /// has been proven before: `by`.
    ///
    /// # Errors
    /// `Invalid`; `Busy`; `Unknown`, also for another person's.
    pub async fn rotate(
        &self,
        id: &str,
        by: RegisteredBy<'_>,
        upload: Upload,
    ) -> Result<Registered, RegistryError> {
        let upload = check::upload(upload)?;
        let unknown = || RegistryError::Unknown(id.to_owned());
        let by = match by {
            RegisteredBy::Password => None,
            RegisteredBy::Person(by) => Some(by),
        };
        // Before anything is spent on it; the statement that changes it looks once more.
        let found = self.instance(id)?.ok_or_else(unknown)?;
        if by.is_some_and(|by| found.person.as_ref() != Some(&by.person)) {
            return Err(unknown());
        }
        let secret = self.0.store.instance_secret(id)?.ok_or_else(unknown)?;
        let (password, hash) = self.another(secret.salt, &secret.cost).await?;
        let rotated = self.0.store.rotate_instance(
            id.to_owned(),
            by.map(|by| (by.person.to_string(), ceiling(by))),
            rows::said(&upload),
            hash.to_vec(),
            (self.0.clock)(),
        );
        let row = rotated.await?.ok_or_else(unknown)?;
        // It was proven: others' guesses do not keep it from using what it was just given.
        self.pardon(id);
        Ok(Registered {
            instance: rows::instance(row),
            password,
        })
    }

    /// A first password.
    async fn fresh(&self) -> Result<(SecretString, SecretRow), RegistryError> {
        let (salt, cost) = (password::salt()?.to_vec(), COST.to_string());
        let (password, hash) = self.another(salt.clone(), &cost).await?;
        let secret = SecretRow {
            salt,
            cost,
            hash: hash.to_vec(),
            next_hash: None,
            retriable: false,
        };
        Ok((password, secret))
    }

    /// Another password with this salt.
    async fn another(
        &self,
        salt: Vec<u8>,
        cost: &str,
    ) -> Result<(SecretString, Hash), RegistryError> {
        let turn = self.0.hasher.turn(For::New)?;
        let (password, cost) = (password::fresh()?, password::Cost::kept(cost));
        let hash = self.0.hasher.hash(&turn, password.clone(), salt, cost);
        let hash = hash.await?;
        Ok((password, hash))
    }

    /// One instance, also an unregistered one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn instance(&self, id: &str) -> Result<Option<Instance>, RegistryError> {
        if id.len() > LONGEST_ID {
            return Ok(None);
        }
        Ok(self.0.store.instance(id)?.map(rows::instance))
    }

    /// Changes some of an instance.
    ///
    /// # Errors
    /// `Invalid`; `Unknown`, also where it is not registered at present.
    pub async fn change(
        &self,
        id: &str,
        change: InstanceChange,
    ) -> Result<Instance, RegistryError> {
        check::change(&change)?;
        let unknown = || RegistryError::Unknown(id.to_owned());
        let update = rows::update(change)?;
        let now = (self.0.clock)();
        let updated = self
            .0
            .store
            .update_instance(id.to_owned(), update, rows::words, now);
        updated.await?.map(rows::instance).ok_or_else(unknown)
    }

    /// Unregisters: its connection is closed, its tokens end, and what it told of itself is forgotten, but for its name; its id
    /// can come back with its password. Repeatable.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn unregister(&self, id: &str) -> Result<(), RegistryError> {
        let now = (self.0.clock)();
        let words = rows::words;
        let done = self.0.store.unregister_instance(id.to_owned(), words, now);
        if !done.await? {
            return Err(RegistryError::Unknown(id.to_owned()));
        }
        self.0.presence.dismiss(id, Farewell::Unregistered);
        Ok(())
    }

    /// Makes an instance that belongs to nobody who is known a person's, by the proof of its password, and gives it another
    /// one: whoever else knows the one before must not come in as the person. What else was of the same nobody comes along
    /// without a password, until its person rotates it. One's own again gets another password too.
    ///
    /// # Errors
    /// `Refused`, also where it is another person's; `Locked`, `Busy`.
    pub async fn claim(
        &self,
        id: &str,
        password: &SecretString,
        by: &Registrant,
    ) -> Result<Registered, RegistryError> {
        let refused = || RegistryError::Refused(id.to_owned());
        self.prove(id, password).await?;
        let (password, secret) = self.fresh().await?;
        let claim = ClaimRow {
            person: by.person.to_string(),
            secret,
            ceiling: ceiling(by),
        };
        let now = (self.0.clock)();
        let claimed = self.0.store.claim_instance(id.to_owned(), claim, now);
        let Claimed::Now { along } = claimed.await? else {
            return Err(refused());
        };
        for id in along.iter().map(String::as_str).chain([id]) {
            self.forget(id);
            // Whoever it talks for has changed: it comes again.
            self.presence().dismiss(id, Farewell::Moved);
        }
        let instance = self.instance(id)?.ok_or_else(refused)?;
        Ok(Registered { instance, password })
    }

    /// A page of what matches, newest first, by keyset.
    ///
    /// # Errors
    /// `Invalid` for a search that cannot be asked; the store cannot be read.
    pub fn search(&self, search: &Search) -> Result<Page, RegistryError> {
        if !(1..=PAGE).contains(&search.limit) {
            return Err(RegistryError::Invalid(format!("limit is 1 to {PAGE}")));
        }
        let mut words = Vec::new();
        if let Some(name) = &search.name {
            words = words::named(name);
            if words.is_empty() {
                // Nothing has a word that begins so.
                return Ok(Page::default());
            }
        }
        if let Some((tag, value)) = &search.tag {
            words.push(words::tag(tag, value.as_deref()));
        }
        let wanted = InstanceSearch {
            person: search.person.as_ref().map(ToString::to_string),
            statuses: search.statuses.iter().map(|status| status.word()).collect(),
            words,
            below: search.after,
            skip: search.skip,
            limit: search.limit,
        };
        let total = match search.total {
            false => 0,
            true => self.0.store.count_instances(&wanted)?,
        };
        if search.total && search.skip > 0 && search.skip >= total {
            return Ok(Page {
                total,
                ..Page::default()
            });
        }
        let rows = self.0.store.instances(&wanted)?;
        let full = u32::try_from(rows.len()).is_ok_and(|found| found == search.limit);
        let next = rows.last().filter(|_| full).map(|row| row.seq);
        Ok(Page {
            instances: rows.into_iter().map(rows::instance).collect(),
            next,
            total,
        })
    }

    /// How many are registered, and not unregistered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn count(&self) -> Result<u64, RegistryError> {
        self.count_of(None)
    }

    /// The same of one person's, or of all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn count_of(&self, person: Option<&PersonId>) -> Result<u64, RegistryError> {
        Ok(self.0.store.count_instances(&InstanceSearch {
            person: person.map(ToString::to_string),
            statuses: REGISTERED.map(Status::word).to_vec(),
            ..InstanceSearch::default()
        })?)
    }

    /// The roles of an instance, by id. They are kept for the instance's own clients; no chat reads them yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn roles(&self, instance: &str) -> Result<Vec<Role>, RegistryError> {
        let rows = self.0.store.roles(instance)?;
        Ok(rows.into_iter().map(rows::kept_role).collect())
    }

    /// Keeps a role of an instance; the same id replaces it. It may have a hundred, of a mebibyte together.
    ///
    /// # Errors
    /// `Invalid`; `Unknown`.
    pub async fn put_role(&self, instance: &str, role: Role) -> Result<Role, RegistryError> {
        check::role(&role)?;
        let (row, now) = (rows::role(&role), (self.0.clock)());
        let most = (ROLES, ROLE_BYTES);
        let put = self.0.store.put_role(instance.to_owned(), row, most, now);
        match put.await? {
            Some(true) => Ok(role),
            Some(false) => Err(RegistryError::Invalid(format!(
                "an instance has at most {ROLES} roles of {ROLE_BYTES} bytes together"
            ))),
            None => Err(RegistryError::Unknown(instance.to_owned())),
        }
    }
}

/// A ceiling as it is kept.
fn ceiling(by: &Registrant) -> Option<String> {
    by.ceiling.as_ref().map(ToString::to_string)
}

/// What is kept of an idempotency key: each person has its own.
fn retry_key(person: Option<&PersonId>, key: &SecretString) -> [u8; 32] {
    let person = person.map_or("", PersonId::as_str);
    let mut hash = Sha256::new();
    hash.update(format!("{}:{person}", person.len()));
    hash.update(key.expose_secret());
    hash.finalize().into()
}

/// What is kept of what was registered with it.
fn print(upload: &Upload) -> [u8; 32] {
    let text = serde_json::json!([upload.name, upload.description, upload.email, upload.tags]);
    Sha256::digest(text.to_string()).into()
}
