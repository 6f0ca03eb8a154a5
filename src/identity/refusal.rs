//! How the authorization server says no.

use super::IdentityError;
use crate::store::StoreError;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The words of RFC 6749, 7591, 8628 and 8707.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// Its word on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

codes! {
    /// Something is missing, given twice or malformed.
    InvalidRequest = "invalid_request",
    /// The client is not known, or did not prove who it is.
    InvalidClient = "invalid_client",
    /// The code or token is not good, or not for this client.
    InvalidGrant = "invalid_grant",
    /// The client did not register for this.
    UnauthorizedClient = "unauthorized_client",
    /// There is no such grant type here.
    UnsupportedGrantType = "unsupported_grant_type",
    /// There is no such response type here.
    UnsupportedResponseType = "unsupported_response_type",
    /// There is no such scope, or it cannot be asked for.
    InvalidScope = "invalid_scope",
    /// The resource is not here.
    InvalidTarget = "invalid_target",
    /// The person said no.
    AccessDenied = "access_denied",
    /// The person has not answered yet.
    AuthorizationPending = "authorization_pending",
    /// The device asks too often.
    SlowDown = "slow_down",
    /// The device code has ended.
    ExpiredToken = "expired_token",
    /// A redirect URI cannot be registered.
    InvalidRedirectUri = "invalid_redirect_uri",
    /// Something else cannot be registered.
    InvalidClientMetadata = "invalid_client_metadata",
    /// There is no room now.
    TemporarilyUnavailable = "temporarily_unavailable",
}

/// Why a client does not get what it asks for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// By the rules.
    #[error("{why}")]
    Rule {
        /// Which rule.
        code: RefusalCode,
        /// What is wrong, and the way out. Holds nothing that was sent.
        why: String,
    },
    /// It cannot be looked up or kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Refusal {
    /// By a rule.
    pub fn of(code: RefusalCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self::Rule { code, why }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Identity(error.into())
    }
}
