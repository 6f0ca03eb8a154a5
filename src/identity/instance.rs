//! Instances as callers: short-lived tokens for what has shown its password (RFC 6749 section 4.4).
//!
//! The password is the registry's to prove; here begins what follows from it.

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use super::kept::scopes;
use super::key::{fresh, hash};
use super::person::bare_member;
use super::principal::{PersonId, Principal, Reach, Who};
use super::refusal::{Refusal, RefusalCode};
use super::scope::{Scope, Scopes};
use super::token::{Introspected, Issued};
use super::{Identity, IdentityError};
use crate::store::{InstanceTokenRow, Placed};

/// What every token of an instance begins with.
const PREFIX: &str = "ji_";
/// How long one is good.
const LIFE: TimeDelta = TimeDelta::minutes(15);
/// What an instance may at most do: with its person's profile, memory and registrations, and with no session.
/// Each password has a ceiling of its own below that.
const INSTANCES: [Scope; 5] = [
    Scope::Profile,
    Scope::MemoryRead,
    Scope::MemoryWrite,
    Scope::RegistryRead,
    Scope::RegistryWrite,
];

/// The same of one behind which is nobody who is known: it registers nothing, and so has no load that the owner's model answers.
/// It may take out and delete what is kept of it, where it asks for that by name: nobody else could.
const STRANGERS: [Scope; 5] = [
    Scope::Profile,
    Scope::ProfileWrite,
    Scope::MemoryRead,
    Scope::MemoryWrite,
    Scope::RegistryRead,
];

/// Whether a proof has the shape of a token of an instance.
pub(super) fn looks_like_one(proof: &SecretString) -> bool {
    proof.expose_secret().starts_with(PREFIX)
}

impl Principal {
    /// What tokens for a password that this caller is given can at most have: what an instance may, no more than the caller
    /// itself, and of the memory nothing where the caller reaches only that of another user.
    pub fn ceiling(&self) -> Scopes {
        let own = self
            .memory_of
            .as_deref()
            .is_none_or(|user| user == self.person.as_str());
        let most = INSTANCES.into_iter();
        let most =
            most.filter(|scope| own || !matches!(scope, Scope::MemoryRead | Scope::MemoryWrite));
        Scopes::from_iter(most).within(&self.scopes)
    }
}

impl Identity {
    /// Whether a person was only made for an instance: a member without an account at a provider who never signed in.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_bare(&self, person: &PersonId) -> Result<bool, IdentityError> {
        Ok(self.store.is_bare(person.as_str())?)
    }

    /// A token for an instance that has just shown its password. An instance that is nobody's gets a person of its own first,
    /// whom no account knows, until somebody who is known claims the instance. It has no more than whoever gave it the
    /// password allowed, and less where nobody who is known is behind it.
    ///
    /// # Errors
    /// `invalid_scope` for a word that is none or more than an instance may; `invalid_client` where it is not registered any
    /// more, or its person may not come.
    pub async fn exchange_instance(
        &self,
        instance: &str,
        asked: Option<&str>,
    ) -> Result<Issued, Refusal> {
        let refuse = |why: String| Refusal::of(RefusalCode::InvalidScope, why);
        let most = Scopes::from_iter(INSTANCES.into_iter().chain(STRANGERS));
        let asked = match asked {
            None => Scopes::from_iter(INSTANCES),
            Some(words) => words.parse().map_err(|e| refuse(format!("{e}")))?,
        };
        if asked.is_empty() || !asked.are_within(&most) {
            return Err(refuse(format!("an instance may ask only for: {most}")));
        }
        let gone = || {
            let why =
                "this instance is not registered any more, or the person behind it may not come";
            Refusal::of(RefusalCode::InvalidClient, why)
        };
        let now = (self.clock)();
        let new = bare_member(now, &STRANGERS)?;
        let behind = self.store.behind_instance(instance.to_owned(), new).await?;
        let behind = behind.ok_or_else(gone)?;
        let strangers = Scopes::from_iter(STRANGERS);
        let ceiling = match behind.ceiling {
            Some(words) if !behind.is_bare => scopes(&words),
            Some(words) => scopes(&words).within(&strangers),
            None => strangers,
        };
        let person = PersonId::kept(behind.person);
        let (limit, _) = match self.limits(&person) {
            Ok(limits) => limits,
            Err(IdentityError::Invalid(_)) => return Err(gone()),
            Err(other) => return Err(other.into()),
        };
        let scopes = asked.within(&limit).within(&ceiling);
        if scopes.is_empty() {
            let why = "neither who registered it nor the person behind it may any of this";
            return Err(refuse(why.to_owned()));
        }
        let (access, hash) = fresh(PREFIX)?;
        let placed = self.store.insert_instance_token(InstanceTokenRow {
            hash,
            instance: instance.to_owned(),
            person: person.to_string(),
            scopes: scopes.to_string(),
            created_at: now,
            expires_at: now + LIFE,
        });
        match placed.await? {
            Placed::Yes => Ok(Issued {
                access,
                expires_in: LIFE,
                refresh: None,
                scopes,
            }),
            Placed::No => Err(gone()),
        }
    }

    pub(super) fn by_instance_token(
        &self,
        token: &SecretString,
    ) -> Result<Principal, IdentityError> {
        let found = self.store.instance_token(&hash(token))?;
        let unknown = IdentityError::Invalid("this access token is not known, or was revoked");
        let found = found.ok_or(unknown)?;
        if found.expires_at <= (self.clock)() {
            return Err(IdentityError::Invalid("this access token has expired"));
        }
        Ok(Principal {
            who: Who::Instance(found.instance),
            scopes: scopes(&found.scopes),
            reach: Reach::Only(Vec::new()),
            memory_of: Some(found.person.clone()),
            person: PersonId::kept(found.person),
            expires_at: Some(found.expires_at),
        })
    }

    /// What a token of this instance allows today; `None`: it is not in force, or another one's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn introspect_instance(
        &self,
        instance: &str,
        token: &SecretString,
    ) -> Result<Option<Introspected>, IdentityError> {
        let found = self.store.instance_token(&hash(token))?;
        let now = (self.clock)();
        let Some(found) = found.filter(|one| one.instance == instance && one.expires_at > now)
        else {
            return Ok(None);
        };
        let person = PersonId::kept(found.person);
        let limit = match self.limits(&person) {
            Ok((limit, _)) => limit,
            Err(IdentityError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        Ok(Some(Introspected {
            refresh: false,
            scopes: scopes(&found.scopes).within(&limit),
            person,
            client: found.instance,
            audience: None,
            created_at: found.created_at,
            expires_at: found.expires_at,
        }))
    }

    /// Ends a token of this instance. What is none, or another one's, is left alone (RFC 7009 section 2.2).
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_instance_token(
        &self,
        instance: &str,
        token: &SecretString,
    ) -> Result<(), IdentityError> {
        let deleted = self
            .store
            .delete_instance_token(hash(token), instance.to_owned());
        Ok(deleted.await?)
    }
}
