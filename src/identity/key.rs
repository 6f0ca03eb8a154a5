//! API keys: made and shown once, kept as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::principal::{PersonId, Principal, Reach, Who};
use super::scope::Scopes;
use super::{Identity, IdentityError};
use crate::store::{KeyRow, StoreError};

/// What every key begins with.
const PREFIX: &str = "jk_";

/// Whether a proof has the shape of a key.
pub(super) fn looks_like_one(proof: &SecretString) -> bool {
    proof.expose_secret().starts_with(PREFIX)
}

/// Whether a key or a token stands somewhere in a text that was meant for something else.
pub fn holds_a_proof(text: &str) -> bool {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let bytes = text.as_bytes();
    (0..bytes.len()).any(|at| match &bytes[at..] {
        [b'j', _, b'_', rest @ ..] => rest.iter().take_while(|byte| is_inside(byte)).count() >= 40,
        _ => false,
    })
}

/// A key as it is listed; its value is known to nobody any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub person: PersonId,
    /// What it may do.
    pub scopes: Scopes,
    /// With which sessions.
    pub reach: Reach,
    /// The only user whose memory it reaches.
    pub memory_of: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; `None`: never by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last shown, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// With which sessions.
    pub reach: Reach,
    /// The only user whose memory it reaches.
    pub memory_of: Option<String>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that was just made, with its value: the only time that anybody sees it.
#[derive(Debug)]
pub struct MadeKey {
    /// The key.
    pub key: Key,
    /// `jk_` and 256 random bits in Base64.
    pub value: SecretString,
}

/// A new secret of 256 bits, and the hash that is kept of it.
pub(super) fn fresh(prefix: &str) -> Result<(SecretString, [u8; 32]), IdentityError> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|_| IdentityError::Refused("the system gives no random numbers".to_owned()))?;
    let text = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let value = SecretString::from(format!("{prefix}{}", text.as_str()));
    let hash = hash(&value);
    Ok((value, hash))
}

/// What is kept of a secret of 256 bits: such a one needs no slow hash.
pub(super) fn hash(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret()).into()
}

/// A new id: 80 random bits, in lower-case hexadecimal.
pub(super) fn id() -> Result<String, IdentityError> {
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes)
        .map_err(|_| IdentityError::Refused("the system gives no random numbers".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Identity {
    /// Makes a key in the name of a principal, which cannot give away more than it has.
    ///
    /// # Errors
    /// `Refused` where the key would allow more than its maker may.
    pub async fn make_key(&self, by: &Principal, new: NewKey) -> Result<MadeKey, IdentityError> {
        if !new.scopes.are_within(&by.scopes) || !new.reach.is_within(&by.reach) {
            let message = "a key cannot allow more than who makes it may";
            return Err(IdentityError::Refused(message.to_owned()));
        }
        let (value, hash) = fresh(PREFIX)?;
        let key = Key {
            id: id()?,
            name: new.name,
            person: by.person.clone(),
            scopes: new.scopes,
            reach: new.reach,
            memory_of: new.memory_of,
            created_at: (self.clock)(),
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        self.store.insert_key(row(&key, hash)).await?;
        Ok(MadeKey { key, value })
    }

    pub(super) async fn by_key(&self, value: &SecretString) -> Result<Principal, IdentityError> {
        let unknown = IdentityError::Invalid("this API key is not known");
        let row = self.store.key_by_hash(&hash(value))?.ok_or(unknown)?;
        let key = read(row)?;
        if key.revoked_at.is_some_and(|at| at <= (self.clock)()) {
            return Err(IdentityError::Invalid("this API key was revoked"));
        }
        if key.expires_at.is_some_and(|at| at <= (self.clock)()) {
            return Err(IdentityError::Invalid("this API key has expired"));
        }
        Ok(Principal {
            who: Who::Key(key.id),
            person: key.person,
            scopes: key.scopes,
            reach: key.reach,
            memory_of: key.memory_of,
        })
    }
}

fn row(key: &Key, hash: [u8; 32]) -> KeyRow {
    KeyRow {
        id: key.id.clone(),
        hash,
        name: key.name.clone(),
        person: key.person.to_string(),
        scopes: key.scopes.to_string(),
        reach: key.reach.words(),
        memory_of: key.memory_of.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
    }
}

fn read(row: KeyRow) -> Result<Key, StoreError> {
    Ok(Key {
        id: row.id,
        name: row.name,
        person: PersonId::kept(row.person),
        // What an older version wrote and this one does not know allows nothing.
        scopes: row
            .scopes
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect(),
        reach: Reach::of(row.reach.as_deref()).unwrap_or(Reach::Only(Vec::new())),
        memory_of: row.memory_of,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_seen_wherever_it_stands() {
        let (value, _) = fresh(PREFIX).unwrap();
        let value = value.expose_secret();
        for text in [value.to_owned(), format!("wiki:{value}/state")] {
            assert!(holds_a_proof(&text));
        }
        for text in ["", "jk_", "jk_1", "wiki:ann", "0123456789abcdef0123"] {
            assert!(!holds_a_proof(text), "{text}");
        }
    }
}
