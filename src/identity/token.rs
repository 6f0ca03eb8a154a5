//! Access tokens and refresh tokens: opaque, 256 bits, kept as a hash.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::client::{Client, GrantType};
use super::kept::scopes;
use super::key::{fresh, hash};
use super::principal::{PersonId, Principal, Reach, Who};
use super::refusal::{Refusal, RefusalCode};
use super::scope::Scopes;
use super::{Identity, IdentityError};
use crate::store::{FoundToken, GrantRow, Taken, TokenKind, TokenRow};

/// How long an access token is good.
const ACCESS: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token waits to be used.
const REFRESH: TimeDelta = TimeDelta::days(30);

/// How long a family lasts after the person's consent, however often it is refreshed.
const FAMILY: TimeDelta = TimeDelta::days(90);

/// Tokens that were just issued: the only time that anybody sees them.
#[derive(Debug)]
pub struct Issued {
    /// Opens the API.
    pub access: SecretString,
    /// For how long.
    pub expires_in: TimeDelta,
    /// Gets the next ones, once; only for clients that registered for it.
    pub refresh: Option<SecretString>,
    /// What was allowed.
    pub scopes: Scopes,
}

/// A token that is in force, as RFC 7662 tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Introspected {
    /// Whether it is a refresh token.
    pub refresh: bool,
    /// What it allows today.
    pub scopes: Scopes,
    /// Whose it is.
    pub person: PersonId,
    /// Whom it was issued to.
    pub client: String,
    /// For which resource, where one was named.
    pub audience: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Identity {
    /// The first tokens of a grant.
    pub(super) async fn issue(
        &self,
        client: &Client,
        grant: &GrantRow,
        audience: Option<&str>,
    ) -> Result<Issued, Refusal> {
        self.issue_for(client, grant, audience, scopes(&grant.scopes))
            .await
    }

    async fn issue_for(
        &self,
        client: &Client,
        grant: &GrantRow,
        audience: Option<&str>,
        narrowed: Scopes,
    ) -> Result<Issued, Refusal> {
        for_resource(grant, audience)?;
        let now = (self.clock)();
        let end = grant.created_at + FAMILY;
        if grant.revoked_at.is_some() || end <= now {
            let why = "what was allowed has ended; ask the person again";
            return Err(Refusal::of(RefusalCode::InvalidGrant, why));
        }
        let row = |hash, kind, life, scopes: String| TokenRow {
            hash,
            kind,
            grant: grant.id.clone(),
            scopes,
            created_at: now,
            expires_at: end.min(now + life),
            used_at: None,
            redirect: None,
            challenge: None,
        };
        let (access, access_hash) = fresh("ja_")?;
        let mut rows = vec![row(
            access_hash,
            TokenKind::Access,
            ACCESS,
            narrowed.to_string(),
        )];
        let mut refresh = None;
        if client.may_use(GrantType::Refresh).is_ok() {
            let (value, hash) = fresh("jr_")?;
            let whole = grant.scopes.clone();
            rows.push(row(hash, TokenKind::Refresh, REFRESH, whole));
            refresh = Some(value);
        }
        self.store.insert_tokens(rows).await?;
        Ok(Issued {
            access,
            expires_in: ACCESS.min(end - now),
            refresh,
            scopes: narrowed,
        })
    }

    /// New tokens for a refresh token, which is used up. One that was used before was copied: its whole family ends.
    ///
    /// # Errors
    /// `invalid_grant` for a token that is unknown, of another client, used, ended or revoked; `invalid_scope` for more than
    /// was allowed; `invalid_target` for another resource.
    pub async fn refresh(
        &self,
        client: &Client,
        token: &SecretString,
        asked: Option<&str>,
        audience: Option<&str>,
    ) -> Result<Issued, Refusal> {
        client.may_use(GrantType::Refresh)?;
        let invalid = |why: &str| Refusal::of(RefusalCode::InvalidGrant, why);
        let now = (self.clock)();
        let hash = hash(token);
        // A question that is wrong in itself uses nothing up.
        let unused = self.unused(TokenKind::Refresh, &hash, client)?;
        if let Some(found) = &unused {
            for_resource(&found.grant, audience)?;
        }
        let narrowed = match (asked, unused) {
            (Some(words), Some(found)) => {
                let refuse = |why: String| Refusal::of(RefusalCode::InvalidScope, why);
                let asked: Scopes = words.parse().map_err(|e| refuse(format!("{e}")))?;
                let allowed = scopes(&found.grant.scopes);
                if asked.is_empty() || !asked.are_within(&allowed) {
                    return Err(refuse("more is asked for than was allowed".to_owned()));
                }
                Some(asked)
            }
            _ => None,
        };
        let taken = self
            .store
            .take_token(TokenKind::Refresh, hash, client.id.clone(), now);
        let found = match taken.await? {
            Taken::Now(found) => found,
            Taken::Before { grant } => {
                tracing::warn!(
                    grant,
                    "a refresh token came a second time: its family is revoked"
                );
                return Err(invalid("this refresh token was used; ask the person again"));
            }
            Taken::Unknown => return Err(invalid("this refresh token is not known")),
        };
        let person = PersonId::kept(found.grant.person.clone());
        if !is_in_force(&found, now) || self.limits(&person).is_err() {
            return Err(invalid(
                "this refresh token has ended; ask the person again",
            ));
        }
        let narrowed = narrowed.unwrap_or_else(|| scopes(&found.grant.scopes));
        self.issue_for(client, &found.grant, audience, narrowed)
            .await
    }

    /// A token of this client that can still be used up.
    pub(super) fn unused(
        &self,
        kind: TokenKind,
        hash: &[u8; 32],
        client: &Client,
    ) -> Result<Option<FoundToken>, Refusal> {
        let found = self.store.token(hash)?;
        Ok(found.filter(|found| {
            found.token.kind == kind
                && found.token.used_at.is_none()
                && found.grant.client == client.id
        }))
    }

    pub(super) fn by_token(&self, token: &SecretString) -> Result<Principal, IdentityError> {
        let unknown = IdentityError::Invalid("this access token is not known");
        let found = self.store.token(&hash(token))?;
        let found = found.filter(|found| found.token.kind == TokenKind::Access);
        let found = found.ok_or(unknown)?;
        if found.grant.revoked_at.is_some() {
            return Err(IdentityError::Invalid("this access token was revoked"));
        }
        if found.token.expires_at <= (self.clock)() {
            return Err(IdentityError::Invalid("this access token has expired"));
        }
        Ok(Principal {
            who: Who::Token(found.grant.id),
            person: PersonId::kept(found.grant.person),
            scopes: scopes(&found.token.scopes),
            reach: Reach::All,
            memory_of: None,
            expires_at: Some(found.token.expires_at),
        })
    }

    /// What a token of this client allows today; `None`: it is not in force, or another client's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn introspect(
        &self,
        client: &Client,
        token: &SecretString,
    ) -> Result<Option<Introspected>, IdentityError> {
        let found = self.store.token(&hash(token))?.filter(|found| {
            found.token.kind != TokenKind::Code
                && found.grant.client == client.id
                && is_in_force(found, (self.clock)())
        });
        let Some(found) = found else {
            return Ok(None);
        };
        let person = PersonId::kept(found.grant.person);
        let limit = match self.limits(&person) {
            Ok((limit, _)) => limit,
            Err(IdentityError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        Ok(Some(Introspected {
            refresh: found.token.kind == TokenKind::Refresh,
            scopes: scopes(&found.token.scopes).within(&limit),
            person,
            client: found.grant.client,
            audience: found.grant.audience,
            created_at: found.token.created_at,
            expires_at: found.token.expires_at,
        }))
    }

    /// Ends a token of this client: an access token alone, a refresh token with its whole family. What is none, or another
    /// client's, is left alone, and nobody is told (RFC 7009 section 2.2).
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn revoke_token(
        &self,
        client: &Client,
        token: &SecretString,
    ) -> Result<(), IdentityError> {
        let found = self.store.token(&hash(token))?;
        let own = |found: &FoundToken| found.grant.client == client.id;
        let Some(found) = found.filter(own) else {
            return Ok(());
        };
        match found.token.kind {
            TokenKind::Access => self.store.delete_token(found.token.hash).await?,
            TokenKind::Code | TokenKind::Refresh => {
                self.store
                    .revoke_grant(found.grant.id, (self.clock)())
                    .await?;
            }
        }
        Ok(())
    }
}

/// Whether this was allowed for the resource that is named.
pub(super) fn for_resource(grant: &GrantRow, audience: Option<&str>) -> Result<(), Refusal> {
    match (audience, &grant.audience) {
        (Some(named), Some(allowed)) if named != allowed => {
            let why = "this was allowed for another resource";
            Err(Refusal::of(RefusalCode::InvalidTarget, why))
        }
        _ => Ok(()),
    }
}

fn is_in_force(found: &FoundToken, now: DateTime<Utc>) -> bool {
    found.token.expires_at > now
        && found.token.used_at.is_none()
        && found.grant.revoked_at.is_none()
}
