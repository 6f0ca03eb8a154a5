//! Credentials in memory: they print nothing and are wiped when dropped.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What one logs in to a site with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The username; empty where the site asks only for a password.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// The TOTP secret (Base32, or an `otpauth://` URI), where the account has one.
    pub totp: Option<SecretString>,
    /// The recovery codes, used ones included, as they stand in their source.
    pub recovery_codes: Vec<SecretString>,
    /// The password of the mailbox that codes come to, where one is asked for them.
    pub mailbox: Option<SecretString>,
}

/// A passkey: what an authenticator keeps of one account at one site. It prints nothing, and its key is wiped when dropped.
#[derive(Clone, Serialize, Deserialize)]
pub struct Passkey {
    /// Its id, Base64.
    pub id: String,
    /// The domain that it signs for, and no other.
    pub rp_id: String,
    /// The private key, PKCS #8 in Base64.
    pub private_key: Zeroizing<String>,
    /// The site's own name of the account, Base64; without it the site must name the passkey that it wants.
    pub user_handle: Option<String>,
    /// How often it has signed: a site may take a number that is not larger than the last for a stolen copy.
    pub sign_count: i64,
    /// Whether it may be copied to other devices, as was told when it was made; what is told must not change.
    pub backup_eligibility: Option<bool>,
    /// Whether it was copied, likewise.
    pub backup_state: Option<bool>,
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passkey({}, [hidden])", self.rp_id)
    }
}

/// What stands where a secret was.
const BLOT: &str = "[secret]";

/// Blots secrets out of text that leaves the process: artefacts, messages, console lines.
///
/// It knows a secret as it is and as it looks in a URL, in HTML and in JSON.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<SecretString>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.needles.len())
    }
}

impl Redactor {
    /// Knows the secrets of these credentials.
    pub fn of(credentials: &Credentials) -> Self {
        let mut redactor = Self::default();
        redactor.add(credentials.password.expose_secret());
        if let Some(totp) = &credentials.totp {
            redactor.add(totp.expose_secret());
        }
        for code in credentials
            .recovery_codes
            .iter()
            .chain(&credentials.mailbox)
        {
            redactor.add(code.expose_secret());
        }
        redactor
    }

    /// Knows one more secret. Shorter than three bytes is left out: blotting it would blot everything.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < 3 {
            return;
        }
        let json = serde_json::to_string(secret).unwrap_or_default();
        let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let html = secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let attribute = html.replace('"', "&quot;");
        for form in [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            url.replace('+', "%20"),
            url,
            html,
            attribute,
        ] {
            if !self
                .needles
                .iter()
                .any(|known| known.expose_secret() == form)
            {
                self.needles.push(form.into());
            }
        }
        // A form that contains another must go first, or its tail would stay.
        self.needles
            .sort_by_key(|needle| std::cmp::Reverse(needle.expose_secret().len()));
    }

    /// The text without the secrets.
    pub fn blot(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for needle in &self.needles {
            if out.contains(needle.expose_secret()) {
                out = out.replace(needle.expose_secret(), BLOT);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_in_every_spelling() {
        let mut redactor = Redactor::default();
        redactor.add("p&ss \"w<rd");
        for text in [
            "p&ss \"w<rd",
            "p%26ss+%22w%3Crd",
            "p%26ss%20%22w%3Crd",
            "p&amp;ss \"w&lt;rd",
            "p&ss \\\"w<rd",
            "p&amp;ss &quot;w&lt;rd",
        ] {
            assert_eq!(redactor.blot(&format!("a {text} z")), "a [secret] z");
        }
        assert_eq!(format!("{redactor:?}"), "Redactor(6 secrets)");
    }
}
