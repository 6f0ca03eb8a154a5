//! Who calls, and what they may.
//!
//! Owns: people, API keys, tokens, clients; every proof, as a hash. Door: [`Identity::authenticate`], and [`Scopes`] and
//! [`Reach`] of the [`Principal`] that comes out; [`Identity::begin_sign_in`] and [`Identity::finish_sign_in`]. May touch:
//! the store, the OpenID provider. It knows no request and no answer of our own door.

mod active;
mod client;
mod device;
mod grant;
mod grants;
mod instance;
mod kept;
mod key;
pub mod oidc;
mod person;
mod principal;
mod redirect;
mod refusal;
mod scope;
mod token;
mod visit;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::store::{Store, StoreError};

pub use client::{Client, GrantType, MadeClient, NewClient};
pub use device::{DeviceAsk, MadeDevice};
pub use grant::{Ask, Asked, goes_to_this_machine};
pub use grants::Grant;
pub use key::{Key, MadeKey, NewKey, holds_a_proof};
pub use person::{Person, PersonChange};
pub use principal::{PersonId, Principal, Proof, Reach, Who};
pub use refusal::{Refusal, RefusalCode};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::{Introspected, Issued};
pub use visit::Visit;

/// Why a caller is not known, or may not do what it asks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// No key or token like this, or not any more.
    #[error("{0}")]
    Invalid(&'static str),
    /// No such thing can be made.
    #[error("{0}")]
    Malformed(String),
    /// The request contradicts itself or the rules.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing, or not for this caller.
    #[error("there is no {what} {name}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        name: String,
    },
    /// A sign-in with the provider, or an id_token of it, that leads to nobody.
    #[error(transparent)]
    SignIn(#[from] oidc::SignInError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// People and their proofs. Clones share them.
#[derive(Clone)]
pub struct Identity {
    store: Store,
    clock: fn() -> DateTime<Utc>,
    provider: Option<Arc<oidc::Provider>>,
    active: active::Active,
}

impl Identity {
    /// On a store; makes the owner where nobody is in it.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn new(store: Store, clock: fn() -> DateTime<Utc>) -> Result<Self, IdentityError> {
        store.make_owner(OWNER, clock()).await?;
        Ok(Self {
            store,
            clock,
            provider: None,
            active: active::Active::default(),
        })
    }

    /// The same, and people may sign in with an OpenID provider.
    pub fn with_provider(self, provider: oidc::Provider) -> Self {
        let provider = Some(Arc::new(provider));
        Self { provider, ..self }
    }

    /// The caller behind a proof that came over the network: an API key, an access token (of a client or an instance), or an
    /// id_token of the provider.
    ///
    /// # Errors
    /// `Invalid` where it is none, or has ended.
    pub async fn authenticate(&self, proof: &Proof) -> Result<Principal, IdentityError> {
        let principal = match proof {
            Proof::Key(key) => self.by_key(key),
            Proof::Bearer(token) if key::looks_like_one(token) => self.by_key(token),
            Proof::Bearer(token) if instance::looks_like_one(token) => {
                self.by_instance_token(token)
            }
            Proof::Bearer(token) if oidc::looks_like_one(token) => self.by_id_token(token).await,
            Proof::Bearer(token) => self.by_token(token),
        }?;
        let principal = self.limited(principal)?;
        let now = (self.clock)();
        self.active.note(&self.store, &principal.person, now);
        Ok(principal)
    }

    /// The owner at this machine: who reaches the socket has the same user id as the daemon.
    pub fn local(&self, uid: u32) -> Principal {
        let person = PersonId::owner();
        self.active.note(&self.store, &person, (self.clock)());
        Principal {
            who: Who::Local(uid),
            person,
            scopes: Scopes::all(),
            reach: Reach::All,
            memory_of: None,
            expires_at: None,
        }
    }
}

/// The id of the person who owns this machine's daemon.
const OWNER: &str = "owner";
