//! What people allowed, as they look at it and take it back.

use chrono::{DateTime, Utc};

use super::kept::scopes;
use super::key::only;
use super::{Identity, IdentityError, PersonId, Principal, Scopes};

/// What a person allowed a client, as long as something of it is good.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The client's id.
    pub client: String,
    /// What the client calls itself: nobody has checked it.
    pub client_name: String,
    /// Who allowed it.
    pub person: PersonId,
    /// What was allowed.
    pub scopes: Scopes,
    /// For which resource, where one was named.
    pub audience: Option<String>,
    /// When it was allowed.
    pub created_at: DateTime<Utc>,
    /// When the client last got a code or a token for it.
    pub last_issued_at: Option<DateTime<Utc>>,
}

impl Identity {
    /// What the person of a principal allowed and what is still good of it, oldest first; the owner's principal sees
    /// everybody's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn grants(&self, by: &Principal) -> Result<Vec<Grant>, IdentityError> {
        let rows = self.store.live_grants(only(by), (self.clock)())?;
        let grants = rows.into_iter().map(|row| Grant {
            id: row.grant.id,
            client: row.grant.client,
            client_name: row.name,
            person: PersonId::kept(row.grant.person),
            scopes: scopes(&row.grant.scopes),
            audience: row.grant.audience,
            created_at: row.grant.created_at,
            last_issued_at: row.last_issued_at,
        });
        Ok(grants.collect())
    }

    /// Takes back what was allowed: every token that came of it ends at once.
    ///
    /// # Errors
    /// `Unknown` where there is none, or it is somebody else's.
    pub async fn revoke_grant(&self, by: &Principal, id: &str) -> Result<(), IdentityError> {
        let person = only(by).map(str::to_owned);
        let revoked = self
            .store
            .revoke_grant_of(id.to_owned(), person, (self.clock)());
        match revoked.await? {
            true => Ok(()),
            false => Err(IdentityError::Unknown {
                what: "grant",
                name: id.chars().take(40).collect(),
            }),
        }
    }
}
