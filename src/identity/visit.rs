//! Visits: the browsers in which a person has signed in, and tickets that begin one.

use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::key::{fresh, hash};
use super::{Identity, IdentityError, PersonId, Principal, Who};
use crate::store::VisitKind;

/// How long a browser stays signed in.
const VISIT: TimeDelta = TimeDelta::hours(12);
/// How long a ticket is good.
const TICKET: TimeDelta = TimeDelta::minutes(5);

/// A browser in which a person has signed in.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who it is.
    pub person: PersonId,
    /// What every form of this browser must send back: no other site can know it.
    pub csrf: SecretString,
}

impl Identity {
    /// Begins a visit; the value of its cookie.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn begin_visit(&self, person: &PersonId) -> Result<SecretString, IdentityError> {
        self.one(VisitKind::Visit, person, VISIT).await
    }

    /// The visit of a browser that shows this cookie; `None`: it has to sign in.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn visit(&self, cookie: &SecretString) -> Result<Option<Visit>, IdentityError> {
        let person = self.store.visitor(&hash(cookie), (self.clock)())?;
        Ok(person.map(|person| Visit {
            person: PersonId::kept(person),
            csrf: csrf(cookie),
        }))
    }

    /// Ends a visit.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_visit(&self, cookie: &SecretString) -> Result<(), IdentityError> {
        let ended = self
            .store
            .take_visit(VisitKind::Visit, hash(cookie), (self.clock)());
        Ok(ended.await.map(drop)?)
    }

    /// A ticket that begins a visit, once, for a person who is known otherwise: at the socket; and how long it is good.
    ///
    /// # Errors
    /// `Refused` where the principal may less than its person, who may all of that when signed in in a browser, or ends by
    /// itself, which the visit would outlive.
    pub async fn ticket(&self, by: &Principal) -> Result<(SecretString, TimeDelta), IdentityError> {
        let (scopes, reach) = self.limits(&by.person)?;
        let all = scopes.are_within(&by.scopes) && reach.is_within(&by.reach);
        if !all || by.memory_of.is_some() {
            let message = "a browser would be let in to more than these credentials allow";
            return Err(IdentityError::Refused(message.to_owned()));
        }
        if by.expires_at.is_some() && !matches!(by.who, Who::Local(_)) {
            let message = "a browser would be let in for longer than these credentials last";
            return Err(IdentityError::Refused(message.to_owned()));
        }
        Ok((
            self.one(VisitKind::Ticket, &by.person, TICKET).await?,
            TICKET,
        ))
    }

    /// Who may begin a visit with this ticket; it is used up.
    ///
    /// # Errors
    /// `Invalid` where it is none, was used, or is older than five minutes.
    pub async fn redeem(&self, ticket: &SecretString) -> Result<PersonId, IdentityError> {
        let taken = self
            .store
            .take_visit(VisitKind::Ticket, hash(ticket), (self.clock)());
        let person = taken.await?.map(PersonId::kept);
        person.ok_or(IdentityError::Invalid(
            "this link was used, or is older than five minutes",
        ))
    }

    async fn one(
        &self,
        kind: VisitKind,
        person: &PersonId,
        life: TimeDelta,
    ) -> Result<SecretString, IdentityError> {
        let (value, hash) = fresh("")?;
        let now = (self.clock)();
        self.store
            .insert_visit(kind, hash, person.to_string(), now, now + life)
            .await?;
        Ok(value)
    }
}

/// Follows from the cookie, so that nothing more is kept.
fn csrf(cookie: &SecretString) -> SecretString {
    let key = Hmac::<Sha256>::new_from_slice(cookie.expose_secret().as_bytes());
    // HMAC takes a key of any length.
    let tag = key.map(|mut mac| {
        mac.update(b"csrf");
        mac.finalize().into_bytes()
    });
    let hex: String = tag
        .iter()
        .flatten()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex.into()
}
