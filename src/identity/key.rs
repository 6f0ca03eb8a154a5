//! API keys: made and shown once, kept as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::kept::{reach, scopes};
use super::principal::{PersonId, Principal, Reach, Who};
use super::scope::Scopes;
use super::{Identity, IdentityError};
use crate::store::KeyRow;

/// What every key begins with.
const PREFIX: &str = "jk_";
/// How exactly the last use is known: so seldom is it written.
const NOTED: TimeDelta = TimeDelta::minutes(1);
/// Longest name, in characters.
const LONGEST: usize = 100;
/// Longest time for which two values of a key are good.
const OVERLAP: TimeDelta = TimeDelta::days(30);

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
    /// How long the value before the last rotation is still good.
    pub old_until: Option<DateTime<Utc>>,
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

/// A key that was just made or rotated, with its value: the only time that anybody sees it.
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
    random(bytes.as_mut())?;
    let text = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let value = SecretString::from(format!("{prefix}{}", text.as_str()));
    let hash = hash(&value);
    Ok((value, hash))
}

/// What is kept of a secret of 256 bits: such a one needs no slow hash, and who looks for a hash learns nothing of the secret
/// from the time that the look takes.
pub(super) fn hash(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret()).into()
}

/// A new id: 80 random bits, in lower-case hexadecimal.
pub(super) fn id() -> Result<String, IdentityError> {
    let mut bytes = [0_u8; 10];
    random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), IdentityError> {
    getrandom::fill(bytes)
        .map_err(|_| IdentityError::Refused("the system gives no random numbers".to_owned()))
}

impl Identity {
    /// Makes a key in the name of a principal, which cannot give away more than it has.
    ///
    /// # Errors
    /// `Malformed` for a name, a scope or an end that no key can have; `Refused` where the key would allow more than its
    /// maker may.
    pub async fn make_key(&self, by: &Principal, new: NewKey) -> Result<MadeKey, IdentityError> {
        let now = (self.clock)();
        let length = new.name.chars().count();
        if length == 0 || length > LONGEST || new.name.chars().any(char::is_control) {
            let message = format!("the name of a key has 1 to {LONGEST} characters, in one line");
            return Err(IdentityError::Malformed(message));
        }
        if new.scopes.is_empty() {
            let message = "a key without scopes allows nothing; name at least one";
            return Err(IdentityError::Malformed(message.to_owned()));
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            let message = "the key would end before it begins; give a time in the future";
            return Err(IdentityError::Malformed(message.to_owned()));
        }
        let key = Key {
            id: id()?,
            name: new.name,
            person: by.person.clone(),
            scopes: new.scopes,
            reach: new.reach,
            memory_of: new.memory_of,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
            old_until: None,
        };
        may_give(by, &key)?;
        let (value, hash) = fresh(PREFIX)?;
        self.store.insert_key(row(&key), hash).await?;
        Ok(MadeKey { key, value })
    }

    /// The keys that a principal sees, oldest first: the person's own; the owner's principal sees everybody's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn keys(&self, by: &Principal) -> Result<Vec<Key>, IdentityError> {
        let rows = self.store.keys(only(by))?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// A key that the principal sees.
    ///
    /// # Errors
    /// `Unknown` where there is none, or it is somebody else's.
    pub fn key(&self, by: &Principal, id: &str) -> Result<Key, IdentityError> {
        let row = self.store.key(id, only(by))?;
        row.map(read).ok_or_else(|| unknown(id))
    }

    /// Gives a key a new value; the old one is good for `overlap` longer.
    ///
    /// # Errors
    /// `Unknown` as with [`Identity::key`]; `Refused` where the key was revoked, or allows more than the principal may, which
    /// would otherwise learn its value; `Malformed` for an overlap over 30 days.
    pub async fn rotate_key(
        &self,
        by: &Principal,
        id: &str,
        overlap: TimeDelta,
    ) -> Result<MadeKey, IdentityError> {
        if overlap < TimeDelta::zero() || overlap > OVERLAP {
            let message = "two values of a key are good at once for at most 30 days";
            return Err(IdentityError::Malformed(message.to_owned()));
        }
        let mut key = self.key(by, id)?;
        may_give(by, &key)?;
        let (value, hash) = fresh(PREFIX)?;
        let until = (self.clock)() + overlap;
        if !self.store.rotate_key(id.to_owned(), hash, until).await? {
            let message = "this key was revoked; make a new one";
            return Err(IdentityError::Refused(message.to_owned()));
        }
        key.old_until = Some(until);
        Ok(MadeKey { key, value })
    }

    /// Ends a key at once, with the value before a rotation too.
    ///
    /// # Errors
    /// `Unknown` as with [`Identity::key`].
    pub async fn revoke_key(&self, by: &Principal, id: &str) -> Result<(), IdentityError> {
        let key = self.key(by, id)?;
        Ok(self.store.revoke_key(key.id, (self.clock)()).await?)
    }

    pub(super) fn by_key(&self, value: &SecretString) -> Result<Principal, IdentityError> {
        let now = (self.clock)();
        let unknown = IdentityError::Invalid("this API key is not known");
        let key = read(self.store.key_by_hash(&hash(value), now)?.ok_or(unknown)?);
        if key.revoked_at.is_some() {
            return Err(IdentityError::Invalid("this API key was revoked"));
        }
        if key.expires_at.is_some_and(|at| at <= now) {
            return Err(IdentityError::Invalid("this API key has expired"));
        }
        if key.last_used_at.is_none_or(|at| now - at >= NOTED) {
            self.store.note_key_use(key.id.clone(), now, NOTED);
        }
        Ok(Principal {
            who: Who::Key(key.id),
            person: key.person,
            scopes: key.scopes,
            reach: key.reach,
            memory_of: key.memory_of,
            expires_at: key.expires_at,
        })
    }
}

/// Whose keys and grants alone a principal sees; `None`: everybody's.
pub(super) fn only(by: &Principal) -> Option<&str> {
    (by.person != PersonId::owner()).then(|| by.person.as_str())
}

/// Whether a principal may hold this key's value in its hands.
fn may_give(by: &Principal, key: &Key) -> Result<(), IdentityError> {
    let memory = by.memory_of.is_none() || by.memory_of == key.memory_of;
    // A key that ends must not live on in another one. A token ends within minutes, and its person comes again.
    let end = match (&by.who, by.expires_at) {
        (Who::Key(_), Some(end)) => key.expires_at.is_some_and(|at| at <= end),
        _ => true,
    };
    if !key.scopes.are_within(&by.scopes) || !key.reach.is_within(&by.reach) || !memory || !end {
        let message = "a key cannot allow more than who asks for it may, or longer";
        return Err(IdentityError::Refused(message.to_owned()));
    }
    Ok(())
}

fn unknown(id: &str) -> IdentityError {
    IdentityError::Unknown {
        what: "key",
        name: id.chars().take(LONGEST).collect(),
    }
}

fn row(key: &Key) -> KeyRow {
    KeyRow {
        id: key.id.clone(),
        name: key.name.clone(),
        person: key.person.to_string(),
        scopes: key.scopes.to_string(),
        reach: key.reach.words(),
        memory_of: key.memory_of.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
        old_until: key.old_until,
    }
}

fn read(row: KeyRow) -> Key {
    Key {
        id: row.id,
        name: row.name,
        person: PersonId::kept(row.person),
        scopes: scopes(&row.scopes),
        reach: reach(row.reach.as_deref()),
        memory_of: row.memory_of,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
        old_until: row.old_until,
    }
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
