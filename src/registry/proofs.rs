//! What was found out about passwords that were shown, so that it need not be found out again.
//!
//! A proof (an id with a password) stands here as a hash under a key that this process alone has. A client that polls costs
//! no slow hash then, and passes while others' guesses lock its id.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::attempts::Attempts;
use super::password::{random, same};
use super::{RegistryError, password};

/// How many right proofs are remembered, one an id, in some 16 MiB: with fewer than there are clients that poll, each poll
/// would cost a slow hash.
const RIGHT: usize = 131_072;
/// How many wrong ones.
const WRONG: usize = 16_384;

/// A proof, as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    id: [u8; 32],
    proof: [u8; 32],
}

impl Mark {
    /// A number below this that depends on the id alone.
    pub(super) fn place(&self, of: usize) -> usize {
        usize::from(self.id[0]) % of
    }

    /// A salt for an id that has none.
    pub(super) fn salt(&self) -> Vec<u8> {
        self.id[16..].to_vec()
    }
}

/// What is known of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// Whatever it is, the id is locked.
    Locked(DateTime<Utc>),
    /// Nobody knows yet.
    Not,
}

/// The memory.
pub(super) struct Proofs {
    key: [u8; 32],
    right: HashMap<[u8; 32], [u8; 32]>,
    /// Proof to id.
    wrong: HashMap<[u8; 32], [u8; 32]>,
    attempts: Attempts,
    /// Counts what was forgotten on purpose.
    epoch: u64,
}

impl Proofs {
    pub(super) fn new() -> Result<Self, RegistryError> {
        let mut key = [0; 32];
        random(&mut key)?;
        Ok(Self {
            key,
            right: HashMap::new(),
            wrong: HashMap::new(),
            attempts: Attempts::default(),
            epoch: 0,
        })
    }

    pub(super) fn mark(&self, id: &str, password: &SecretString) -> Mark {
        Mark {
            id: self.hash(&[b"i", id.as_bytes()]),
            proof: self.hash(&[
                b"p",
                &id.len().to_le_bytes(),
                id.as_bytes(),
                password.expose_secret().as_bytes(),
            ]),
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).map(|mut mac| {
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        });
        // It takes a key of any length.
        mac.unwrap_or_default()
    }

    /// What is known of a proof now.
    pub(super) fn known(&mut self, mark: &Mark, now: DateTime<Utc>) -> Known {
        let right = self.right.get(&mark.id);
        if right.is_some_and(|right| same(right, &mark.proof)) {
            return Known::Right;
        }
        if self.wrong.contains_key(&mark.proof) {
            return Known::Wrong;
        }
        match self.attempts.locked(&mark.id, now) {
            Some(until) => Known::Locked(until),
            None => Known::Not,
        }
    }

    /// The present epoch: what was read in an earlier one may have changed since.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Remembers that a proof is right, where nothing has changed since that epoch.
    pub(super) fn right(&mut self, mark: &Mark, epoch: u64) {
        self.attempts.right(&mark.id);
        if epoch == self.epoch {
            make_room(&mut self.right, RIGHT);
            self.right.insert(mark.id, mark.proof);
        }
    }

    /// Counts that a proof is wrong, and remembers it where nothing has changed since that epoch. The same one again counts
    /// no more: it tells whoever guesses nothing new, and a client with an old password shall not lock its successor out.
    pub(super) fn wrong(&mut self, mark: &Mark, epoch: u64, now: DateTime<Utc>) {
        self.attempts.wrong(mark.id, now);
        if epoch == self.epoch {
            make_room(&mut self.wrong, WRONG);
            self.wrong.insert(mark.proof, mark.id);
        }
    }

    /// Forgets what is known of an id's passwords: they change.
    pub(super) fn forget(&mut self, id: &str) {
        let id = self.hash(&[b"i", id.as_bytes()]);
        self.epoch += 1;
        self.right.remove(&id);
        self.wrong.retain(|_, of| *of != id);
    }

    /// Forgets how often a wrong one was shown for an id. That those are wrong is remembered.
    pub(super) fn pardon(&mut self, id: &str) {
        let id = self.hash(&[b"i", id.as_bytes()]);
        self.attempts.right(&id);
    }
}

/// Forgets any one where there are as many as there may be.
fn make_room(map: &mut HashMap<[u8; 32], [u8; 32]>, most: usize) {
    if map.len() >= most
        && let Some(any) = map.keys().next().copied()
    {
        map.remove(&any);
    }
}

/// The salt and the cost for a proof of an id: its own, or such as nobody could tell from one.
pub(super) fn salt(mark: &Mark, own: Option<(Vec<u8>, &str)>) -> (Vec<u8>, password::Cost) {
    match own {
        Some((salt, cost)) => (salt, password::Cost::kept(cost)),
        None => (mark.salt(), password::COST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    #[test]
    fn right_and_wrong_proofs_are_remembered_until_the_passwords_change() {
        let mut proofs = Proofs::new().unwrap();
        let (good, bad) = (proofs.mark("a", &"1".into()), proofs.mark("a", &"2".into()));
        assert_ne!(good, bad);
        assert_ne!(proofs.mark("a1", &"".into()), proofs.mark("a", &"1".into()));
        assert_eq!(proofs.known(&good, now()), Known::Not);
        let epoch = proofs.epoch();
        proofs.right(&good, epoch);
        proofs.wrong(&bad, epoch, now());
        assert_eq!(proofs.known(&good, now()), Known::Right);
        assert_eq!(proofs.known(&bad, now()), Known::Wrong);
        proofs.forget("a");
        assert_eq!(proofs.known(&good, now()), Known::Not);
        assert_eq!(proofs.known(&bad, now()), Known::Not);
        // What was read before the change is not remembered after it.
        proofs.right(&good, epoch);
        assert_eq!(proofs.known(&good, now()), Known::Not);
    }

    #[test]
    fn who_is_remembered_passes_while_others_guesses_lock_the_id() {
        let mut proofs = Proofs::new().unwrap();
        let good = proofs.mark("a", &"good".into());
        let epoch = proofs.epoch();
        proofs.right(&good, epoch);
        for number in 0..10 {
            let bad = proofs.mark("a", &number.to_string().into());
            proofs.wrong(&bad, epoch, now());
        }
        assert_eq!(proofs.known(&good, now()), Known::Right);
        let other = proofs.mark("a", &"other".into());
        assert!(matches!(proofs.known(&other, now()), Known::Locked(_)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut proofs = Proofs::new().unwrap();
        for number in 0..RIGHT + 10 {
            let mark = proofs.mark(&number.to_string(), &"x".into());
            proofs.right(&mark, 0);
            if number < WRONG + 10 {
                proofs.wrong(&mark, 0, now());
            }
        }
        assert_eq!((proofs.right.len(), proofs.wrong.len()), (RIGHT, WRONG));
    }
}
