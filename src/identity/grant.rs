//! What a person allows a client: asked for, allowed, fetched with a code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::client::{Client, GrantType};
use super::key::{fresh, hash, id};
use super::principal::PersonId;
use super::redirect;
use super::refusal::{Refusal, RefusalCode};
use super::scope::Scopes;
use super::token::{Issued, for_resource};
use super::{Identity, IdentityError};
use crate::store::{GrantRow, Taken, TokenKind, TokenRow};

/// How long a code is good: a browser brings it at once.
const CODE: TimeDelta = TimeDelta::seconds(60);

/// The parameters of an authorization request, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Must be `code`.
    pub response_type: Option<&'a str>,
    /// Scopes between spaces.
    pub scope: Option<&'a str>,
    /// S256 of a verifier.
    pub challenge: Option<&'a str>,
    /// Must be `S256`.
    pub challenge_method: Option<&'a str>,
}

/// A request of a client that a person can be asked about.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scopes: Scopes,
    redirect: String,
    challenge: String,
}

impl Ask {
    /// Checks what a client asks for, after its redirect URI was found to be its own ([`Client::goes_to`]).
    ///
    /// # Errors
    /// What the client is to be told at its redirect URI. PKCE is asked of every client, and only S256 (RFC 7636, RFC 9700
    /// section 2.1.1).
    pub fn of(client: Client, redirect: &str, asked: Asked<'_>) -> Result<Self, Refusal> {
        let invalid = |why: &str| Err(Refusal::of(RefusalCode::InvalidRequest, why));
        match asked.response_type {
            Some("code") => {}
            Some(_) => {
                let why = "the only response_type here is code";
                return Err(Refusal::of(RefusalCode::UnsupportedResponseType, why));
            }
            None => return invalid("response_type is missing; it must be code"),
        }
        client.may_use(GrantType::Code)?;
        let challenge = match (asked.challenge, asked.challenge_method) {
            (None, _) => return invalid("code_challenge is missing; every client needs PKCE"),
            (Some(challenge), Some("S256")) => challenge,
            (Some(_), _) => return invalid("code_challenge_method must be S256"),
        };
        let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if challenge.len() != 43 || !challenge.chars().all(url_safe) {
            return invalid("code_challenge is no SHA-256 in Base64 for URLs without padding");
        }
        Ok(Self {
            scopes: client.asks(asked.scope)?,
            redirect: redirect.to_owned(),
            challenge: challenge.to_owned(),
            client,
        })
    }
}

/// Whether what is sent to this redirect URI goes to a listener on this machine. A browser that follows shows it the cookies
/// of this host too, because cookies know no ports (RFC 6265 section 8.5).
pub fn goes_to_this_machine(redirect: &str) -> bool {
    redirect::stays_here(redirect)
}

impl Identity {
    /// What of the scopes that are asked for a person has, and so can allow.
    ///
    /// # Errors
    /// `Invalid` where the person may not come any more.
    pub fn allowable(&self, person: &PersonId, asked: &Scopes) -> Result<Scopes, IdentityError> {
        Ok(asked.within(&self.limits(person)?.0))
    }

    /// A person allows it, in part or as a whole; the code for the client.
    ///
    /// # Errors
    /// `access_denied` where nothing is left that was asked for, is allowed, and is the person's to give.
    pub async fn allow(
        &self,
        person: &PersonId,
        ask: &Ask,
        allowed: &Scopes,
        audience: Option<String>,
    ) -> Result<SecretString, Refusal> {
        let grant = self.grant(person, &ask.client, &ask.scopes, allowed, audience)?;
        let (code, hash) = fresh("jc_")?;
        let token = TokenRow {
            hash,
            kind: TokenKind::Code,
            grant: grant.id.clone(),
            scopes: grant.scopes.clone(),
            created_at: grant.created_at,
            expires_at: grant.created_at + CODE,
            used_at: None,
            redirect: Some(ask.redirect.clone()),
            challenge: Some(ask.challenge.clone()),
        };
        self.store.insert_grant(grant, vec![token]).await?;
        Ok(code)
    }

    /// A grant that is not kept yet.
    pub(super) fn grant(
        &self,
        person: &PersonId,
        client: &Client,
        asked: &Scopes,
        allowed: &Scopes,
        audience: Option<String>,
    ) -> Result<GrantRow, Refusal> {
        let scopes = self.allowable(person, &allowed.within(asked))?;
        if scopes.is_empty() {
            let why = "nothing of what was asked for was allowed";
            return Err(Refusal::of(RefusalCode::AccessDenied, why));
        }
        Ok(GrantRow {
            id: id()?,
            client: client.id.clone(),
            person: person.to_string(),
            scopes: scopes.to_string(),
            audience,
            created_at: (self.clock)(),
            revoked_at: None,
        })
    }

    /// Tokens for a code. A code is good for one attempt: whoever comes second, or without the verifier, ends what was
    /// issued for it.
    ///
    /// # Errors
    /// `invalid_grant` for a code that is unknown, of another client, used, ended, or shown without its redirect URI and
    /// verifier; `invalid_target` for another resource than was allowed.
    pub async fn exchange_code(
        &self,
        client: &Client,
        code: &SecretString,
        redirect: &str,
        verifier: &SecretString,
        audience: Option<&str>,
    ) -> Result<Issued, Refusal> {
        client.may_use(GrantType::Code)?;
        let invalid = |why: &str| Refusal::of(RefusalCode::InvalidGrant, why);
        let (now, hash) = ((self.clock)(), hash(code));
        // A question that is wrong in itself uses nothing up.
        if let Some(found) = self.unused(TokenKind::Code, &hash, client)? {
            for_resource(&found.grant, audience)?;
        }
        let taken = self
            .store
            .take_token(TokenKind::Code, hash, client.id.clone(), now);
        let found = match taken.await? {
            Taken::Now(found) => found,
            Taken::Before { grant } => {
                tracing::warn!(grant, "a code came a second time: its tokens are revoked");
                return Err(invalid("this code was used; ask for another one"));
            }
            Taken::Unknown => return Err(invalid("this code is not known")),
        };
        if found.token.expires_at <= now || found.grant.revoked_at.is_some() {
            return Err(invalid("this code has ended; ask for another one"));
        }
        if found.token.redirect.as_deref() != Some(redirect) {
            return Err(invalid(
                "redirect_uri is not the one that the code was sent to",
            ));
        }
        if found.token.challenge.as_deref() != Some(&challenge(verifier)) {
            return Err(invalid("code_verifier does not belong to this code"));
        }
        self.issue(client, &found.grant, audience).await
    }
}

/// S256 of a verifier (RFC 7636 section 4.2).
fn challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()))
}
