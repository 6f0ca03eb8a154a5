//! An authenticator in a tab, in place of a phone or a security key: it makes passkeys and signs with them.
//!
//! Source: the WebAuthn domain of the DevTools protocol. Chromium sees to it that a passkey signs for its own domain alone.

use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddCredentialParams, AddVirtualAuthenticatorParams, AuthenticatorId, AuthenticatorProtocol,
    AuthenticatorTransport, Credential, Ctap2Version, EnableParams, GetCredentialsParams,
    VirtualAuthenticatorOptions,
};
use zeroize::Zeroizing;

use super::error::BrowserError;
use super::page::Page;
use crate::secret::Passkey;

/// An authenticator of a tab; it ends with it.
#[derive(Debug, Clone)]
pub struct Authenticator(AuthenticatorId);

impl Page {
    /// Gives the tab an authenticator of its own, whose owner is always there and always agrees; with this passkey in it.
    ///
    /// # Errors
    /// Chromium does not take the passkey.
    pub async fn authenticator(
        &self,
        passkey: Option<&Passkey>,
    ) -> Result<Authenticator, BrowserError> {
        const WHAT: &str = "take a passkey";
        let refused = |why| BrowserError::Refused {
            what: WHAT.to_owned(),
            why,
        };
        self.call(WHAT, EnableParams::default()).await?;
        let options = VirtualAuthenticatorOptions::builder()
            .protocol(AuthenticatorProtocol::Ctap2)
            .ctap2_version(Ctap2Version::Ctap21)
            .transport(AuthenticatorTransport::Internal)
            .has_resident_key(true)
            .has_user_verification(true)
            .is_user_verified(true)
            .automatic_presence_simulation(true)
            .build()
            .map_err(refused)?;
        let made = self
            .call(WHAT, AddVirtualAuthenticatorParams::new(options))
            .await?;
        let id = made.authenticator_id;
        if let Some(passkey) = passkey {
            let mut credential = Credential::new(
                passkey.id.clone(),
                passkey.user_handle.is_some(),
                passkey.private_key.to_string(),
                passkey.sign_count,
            );
            credential.rp_id = Some(passkey.rp_id.clone());
            credential.user_handle = passkey.user_handle.clone().map(Into::into);
            credential.backup_eligibility = passkey.backup_eligibility;
            credential.backup_state = passkey.backup_state;
            let add = AddCredentialParams::new(id.clone(), credential);
            self.call(WHAT, add).await?;
        }
        Ok(Authenticator(id))
    }

    /// The passkeys in the authenticator, as they are now.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn passkeys(
        &self,
        authenticator: &Authenticator,
    ) -> Result<Vec<Passkey>, BrowserError> {
        let get = GetCredentialsParams::new(authenticator.0.clone());
        let all = self.call("show its passkeys", get).await?;
        let passkey = |it: Credential| Passkey {
            id: String::from(it.credential_id),
            rp_id: it.rp_id.unwrap_or_default(),
            private_key: Zeroizing::new(String::from(it.private_key)),
            user_handle: it.user_handle.map(String::from),
            sign_count: it.sign_count,
            backup_eligibility: it.backup_eligibility,
            backup_state: it.backup_state,
        };
        Ok(all.credentials.into_iter().map(passkey).collect())
    }
}
