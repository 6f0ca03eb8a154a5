//! Encrypting for rest: an age identity, and what it seals.
//!
//! Source: the format age-encryption.org/v1; `age -d -i KEYFILE` opens what is sealed here.

use std::io::Read;

use age::x25519::Identity;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// How an identity begins as text.
const PREFIX: &str = "AGE-SECRET-KEY-1";

/// The key that seals and opens. Prints nothing, and is wiped when dropped.
#[derive(Clone)]
pub struct Seal(Identity);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal([hidden])")
    }
}

/// Why something sealed does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It was sealed with another key.
    OtherKey,
    /// It was changed, cut, or never sealed.
    Damaged,
}

impl Seal {
    /// A new key.
    pub fn new() -> Self {
        Self(Identity::generate())
    }

    /// The key in a text: an identity alone, or a file of `age-keygen`. `None`: there is none in it, or more than one.
    pub fn read(text: &SecretString) -> Option<Self> {
        let mut lines = text.expose_secret().lines().map(str::trim);
        let line = lines.find(|line| line.starts_with(PREFIX))?;
        match lines.any(|line| line.starts_with(PREFIX)) {
            true => None,
            false => line.parse().ok().map(Self),
        }
    }

    /// The key as text, to be kept.
    pub fn text(&self) -> SecretString {
        // The crate's own secret is of another type of the same name.
        self.0.to_string().expose_secret().into()
    }

    /// Seals.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub fn close(&self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        age::encrypt(&self.0.to_public(), plain).map_err(std::io::Error::other)
    }

    /// Opens.
    ///
    /// # Errors
    /// Another key, or damage.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        // Large enough at once: growing would leave parts of it behind, unwiped.
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
        let opened = age::Decryptor::new_buffered(sealed)
            .and_then(|it| it.decrypt(std::iter::once(&self.0 as &dyn age::Identity)))
            .and_then(|mut reader| Ok(reader.read_to_end(&mut plain)?));
        match opened {
            Ok(_) => Ok(plain),
            Err(age::DecryptError::NoMatchingKeys) => Err(Unopened::OtherKey),
            Err(_) => Err(Unopened::Damaged),
        }
    }
}

impl Default for Seal {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let seal = Seal::new();
        let sealed = seal.close(b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(*seal.open(&sealed).unwrap(), b"hunter2");
        assert_eq!(Seal::new().open(&sealed).unwrap_err(), Unopened::OtherKey);
        assert_eq!(seal.open(b"no such thing").unwrap_err(), Unopened::Damaged);
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert!(seal.open(&broken).is_err(), "byte {at}");
        }
        assert_eq!(
            seal.open(&sealed[..sealed.len() - 1]).unwrap_err(),
            Unopened::Damaged
        );
        assert_eq!(format!("{seal:?}"), "Seal([hidden])");
    }

    #[test]
    fn a_key_is_read_from_what_age_keygen_writes() {
        let seal = Seal::new();
        let text = seal.text();
        let file = format!(
            "# created: 2026-01-01\n# public key: age1…\n{}\n",
            text.expose_secret()
        );
        let again = Seal::read(&file.as_str().into()).unwrap();
        assert_eq!(again.text().expose_secret(), text.expose_secret());
        let twice = format!("{file}{file}");
        for wrong in ["", "AGE-SECRET-KEY-1NO", "hunter2", &twice] {
            assert!(Seal::read(&wrong.into()).is_none(), "{wrong}");
        }
    }
}
