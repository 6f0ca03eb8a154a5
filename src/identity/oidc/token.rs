//! What an id_token says, once it is believed.
//!
//! The crate checks issuer, audience, signature and nonce; what it leaves open is checked here: headers that bring a key
//! along, `azp`, `nbf`, `iat`, and times with some leeway.
//!
//! Source: OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, ClientId, EndUserEmail, EndUserName, IdToken,
    IdTokenClaims, IdTokenVerifier, IssuerUrl, LocalizedClaim, Nonce, SignatureVerificationError,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GOOGLE;
use super::issuer::Issuer;

/// How far two clocks may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// How Google names itself in some of its tokens.
const GOOGLE_BARE: &str = "accounts.google.com";
/// Longest id_token, in bytes.
const LONGEST: usize = 16 * 1024;
/// Headers by which a token says with which key it wants to be checked (RFC 7515 sections 4.1.2 to 4.1.6).
const KEY_HEADERS: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

/// Whether a proof has the shape of a JWT: three parts in Base64, the first of which is a JSON object.
pub(in crate::identity) fn looks_like_one(proof: &SecretString) -> bool {
    let proof = proof.expose_secret();
    proof.starts_with("eyJ") && proof.matches('.').count() == 2
}

/// Who a provider says that somebody is.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::identity) struct Claims {
    /// The provider, in the one way in which it is kept.
    pub(in crate::identity) issuer: String,
    /// The account there.
    pub(in crate::identity) subject: String,
    /// A name for people.
    pub(in crate::identity) name: Option<String>,
    /// The address, only where the provider has verified it.
    pub(in crate::identity) email: Option<String>,
    /// Of Google: the domain that owns the account.
    pub(in crate::identity) hosted_domain: Option<String>,
}

/// Why an id_token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no JWT, or lacks a claim.
    #[error("the id_token cannot be read")]
    Unreadable,
    /// It brings its own key.
    #[error("the id_token has the header {0}, by which it would choose its own key")]
    KeyHeader(&'static str),
    /// `none`, a shared secret, or another one than the provider uses.
    #[error(
        "the id_token is signed by an algorithm that is not taken here; have the provider sign with RS256 or ES256"
    )]
    Algorithm,
    /// No key of the provider has its `kid`.
    #[error("the id_token is signed with a key that the provider does not have")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the signature of the id_token is wrong")]
    Signature,
    /// Another issuer.
    #[error("the id_token is of another issuer")]
    Issuer,
    /// Made for somebody else, or for somebody else too.
    #[error("the id_token is meant for another application")]
    Audience,
    /// `azp` is another one.
    #[error("the id_token was given to another application")]
    Party,
    /// Not the answer to our question.
    #[error("the id_token does not answer this sign-in (its nonce is another one, or missing)")]
    Nonce,
    /// An access token in its place.
    #[error("this is an access token, not an id_token")]
    AccessToken,
    /// `exp` has passed.
    #[error(
        "the id_token expired {0} s ago; if it is new, this machine's clock is ahead (clock skew): set it right"
    )]
    Expired(i64),
    /// `nbf` or `iat` is to come.
    #[error(
        "the id_token is of a time that is {0} s ahead; this machine's clock is behind (clock skew): set it right"
    )]
    Early(i64),
    /// Issued before the sign-in began.
    #[error(
        "the id_token was issued {0} s before this sign-in began; this machine's clock is ahead (clock skew): set it right"
    )]
    Old(i64),
}

/// What a token must be the answer to.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What it must repeat.
    pub(super) nonce: &'a Nonce,
    /// When it was asked for: no answer is older.
    pub(super) at: DateTime<Utc>,
}

/// Claims that the crate does not know.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct More {
    nbf: Option<f64>,
    hd: Option<String>,
    /// What access tokens of some providers have.
    scope: Option<Value>,
    scp: Option<Value>,
    typ: Option<Value>,
}

impl AdditionalClaims for More {}

type Token =
    IdToken<More, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Who the token is about. `asked`: what it answers; `None` where it is shown by somebody who has it.
pub(super) fn check(
    raw: &str,
    issuer: &Issuer,
    client_id: &str,
    asked: Option<Asked<'_>>,
    now: DateTime<Utc>,
) -> Result<Claims, TokenFault> {
    headers(raw)?;
    let token: Token = raw.parse().map_err(|_| TokenFault::Unreadable)?;
    let named = IssuerUrl::new(issuer.name.clone()).map_err(|_| TokenFault::Issuer)?;
    let client = ClientId::new(client_id.to_owned());
    let mut verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
        IdTokenVerifier::new_public_client(client, named, issuer.keys.clone())
            .set_allowed_algs(issuer.algorithms.iter().cloned())
            // Times are checked below, with leeway and with words that say by how much.
            .set_time_fn(|| DateTime::<Utc>::MIN_UTC);
    if issuer.name == GOOGLE {
        // Two spellings: checked below.
        verifier = verifier.require_issuer_match(false);
    }
    let nonce = |found: Option<&Nonce>| match asked {
        Some(asked) => openidconnect::NonceVerifier::verify(asked.nonce, found),
        None => Ok(()),
    };
    let claims = token.claims(&verifier, nonce).map_err(fault)?;
    let spelled = claims.issuer().as_str();
    if spelled != issuer.name && !(issuer.name == GOOGLE && spelled == GOOGLE_BARE) {
        return Err(TokenFault::Issuer);
    }
    if claims
        .authorized_party()
        .is_some_and(|party| party.as_str() != client_id)
    {
        return Err(TokenFault::Party);
    }
    times(claims, asked, now)?;
    let more = claims.additional_claims();
    let other = |typ: &Value| {
        typ.as_str()
            .is_none_or(|typ| !typ.eq_ignore_ascii_case("id"))
    };
    if more.scope.is_some() || more.scp.is_some() || more.typ.as_ref().is_some_and(other) {
        return Err(TokenFault::AccessToken);
    }
    Ok(Claims {
        issuer: issuer.name.clone(),
        subject: subject(claims.subject().as_str())?,
        name: name(claims.name()),
        email: verified(claims.email(), claims.email_verified()),
        hosted_domain: more.hd.as_deref().map(str::to_ascii_lowercase),
    })
}

/// The header alone, before anything in the token is believed.
fn headers(raw: &str) -> Result<(), TokenFault> {
    if raw.len() > LONGEST {
        return Err(TokenFault::Unreadable);
    }
    let header = raw.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenFault::Unreadable)?;
    let header: serde_json::Map<String, Value> =
        serde_json::from_slice(&header).map_err(|_| TokenFault::Unreadable)?;
    match KEY_HEADERS
        .into_iter()
        .find(|name| header.contains_key(*name))
    {
        Some(name) => Err(TokenFault::KeyHeader(name)),
        None => Ok(()),
    }
}

fn times(
    claims: &IdTokenClaims<More, CoreGenderClaim>,
    asked: Option<Asked<'_>>,
    now: DateTime<Utc>,
) -> Result<(), TokenFault> {
    let since = |then: DateTime<Utc>| (now - then).num_seconds();
    if now - claims.expiration() >= LEEWAY {
        return Err(TokenFault::Expired(since(claims.expiration())));
    }
    if claims.issue_time() - now > LEEWAY {
        return Err(TokenFault::Early(-since(claims.issue_time())));
    }
    if let Some(nbf) = claims.additional_claims().nbf {
        // Whole seconds are enough, and what no calendar has is far away.
        let nbf = DateTime::from_timestamp(nbf as i64, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if nbf - now > LEEWAY {
            return Err(TokenFault::Early(-since(nbf)));
        }
    }
    match asked {
        Some(asked) if asked.at - claims.issue_time() > LEEWAY => Err(TokenFault::Old(
            (asked.at - claims.issue_time()).num_seconds(),
        )),
        _ => Ok(()),
    }
}

/// `sub`: at most 255 ASCII characters, and at least one.
fn subject(subject: &str) -> Result<String, TokenFault> {
    let plain = subject.is_ascii() && (1..=255).contains(&subject.len());
    let plain = plain && !subject.contains(|c: char| c.is_ascii_control());
    plain
        .then(|| subject.to_owned())
        .ok_or(TokenFault::Unreadable)
}

/// An address, where the provider says that it is this person's.
pub(super) fn verified(email: Option<&EndUserEmail>, verified: Option<bool>) -> Option<String> {
    let email = email.filter(|_| verified == Some(true))?;
    Some(email.as_str().to_owned())
}

/// A name that people can be shown.
pub(super) fn name(claim: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    let claim = claim?;
    let (_, name) = claim
        .iter()
        .find(|(tag, _)| tag.is_none())
        .or(claim.iter().next())?;
    let shown = name.as_str().chars().filter(|c| !c.is_control()).take(100);
    let shown: String = shown.collect();
    (!shown.trim().is_empty()).then_some(shown)
}

fn fault(error: ClaimsVerificationError) -> TokenFault {
    use ClaimsVerificationError as Claim;
    use SignatureVerificationError as Signature;
    match error {
        Claim::InvalidAudience(_) => TokenFault::Audience,
        Claim::InvalidIssuer(_) => TokenFault::Issuer,
        Claim::InvalidNonce(_) => TokenFault::Nonce,
        Claim::SignatureVerification(error) => match error {
            Signature::NoMatchingKey | Signature::AmbiguousKeyId(_) => TokenFault::UnknownKey,
            Signature::DisallowedAlg(_)
            | Signature::UnsupportedAlg(_)
            | Signature::NoSignature
            | Signature::InvalidKey(_) => TokenFault::Algorithm,
            _ => TokenFault::Signature,
        },
        Claim::Unsupported(_) => TokenFault::AccessToken,
        _ => TokenFault::Unreadable,
    }
}
