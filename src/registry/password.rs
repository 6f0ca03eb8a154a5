//! The passwords of instances: slow hashes, at most two at once, and as few of them as can be.
//!
//! Who may be hashed for is decided by [`super::attempts`]; what was found out is kept by [`super::proofs`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use super::RegistryError;

/// What every password begins with, so that it is blotted out where it does not belong.
const PREFIX: &str = "jp_";
/// How many are hashed at once: each takes a core and [`MEMORY_KIB`].
const AT_ONCE: usize = 2;
/// How many wait at most to have a password looked at: so many are done within two seconds, and on a slow machine within five.
/// After a restart every client is unknown at once.
const PROOFS: usize = 192;
/// How many wait at most for a new one. The last of so many waits longer than the five seconds within which everything else is
/// answered (about ten, at 20 ms a hash): who registers does not come again by itself, so a late answer is better than none.
const NEW: usize = 1024;
/// How much they give way to whatever else wants a core: who only asks must not wait for those who guess.
const YIELDING: i32 = 10;
/// RFC 9106 section 4 and OWASP's password storage cheat sheet: 19 MiB and two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Bytes of a salt (RFC 9106 section 3.1), and of a hash.
const SALT: usize = 16;
const HASH: usize = 32;

/// What a new hash costs.
pub(super) const COST: Cost = Cost {
    memory_kib: MEMORY_KIB,
    passes: PASSES,
    lanes: 1,
};

/// What a hash costs. Shape as text: `m=KIB,t=PASSES,p=LANES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.memory_kib, self.passes, self.lanes
        )
    }
}

impl Cost {
    /// As it was kept; what cannot be read costs what a new one does, and so fits nothing.
    pub(super) fn kept(text: &str) -> Self {
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next()?.strip_prefix(name)?.parse().ok();
        let read = (part("m="), part("t="), part("p="));
        match read {
            (Some(memory_kib), Some(passes), Some(lanes)) => Self {
                memory_kib,
                passes,
                lanes,
            },
            _ => COST,
        }
    }
}

/// A hash, which is never shown.
pub(super) type Hash = Zeroizing<[u8; HASH]>;

/// A new password of 256 random bits.
pub(super) fn fresh() -> Result<SecretString, RegistryError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    random(bytes.as_mut())?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    Ok(SecretString::from(format!("{PREFIX}{}", text.as_str())))
}

/// A new salt.
pub(super) fn salt() -> Result<[u8; SALT], RegistryError> {
    let mut salt = [0_u8; SALT];
    random(&mut salt)?;
    Ok(salt)
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), RegistryError> {
    getrandom::fill(bytes).map_err(|_| RegistryError::Busy)
}

/// Compares without saying by its time where two differ.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differs) == 0 && one.len() == other.len()
}

/// What is hashed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Somebody shows a password.
    Proof,
    /// Somebody gets a new one.
    New,
}

/// Whoever hashes does it here.
pub(super) struct Hasher {
    places: Arc<Semaphore>,
    /// Before the places: so whoever shows a password waits for two who get a new one, and not for a thousand.
    new: Semaphore,
    proofs_waiting: AtomicUsize,
    new_waiting: AtomicUsize,
    /// How many there were at once, at most.
    #[cfg(test)]
    most: Arc<AtomicUsize>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            new: Semaphore::new(AT_ONCE),
            proofs_waiting: AtomicUsize::new(0),
            new_waiting: AtomicUsize::new(0),
            #[cfg(test)]
            most: Arc::default(),
        }
    }
}

/// A place among those who wait; given back when dropped.
pub(super) struct Turn<'a> {
    waiting: &'a AtomicUsize,
    what: For,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hasher {
    /// A place among those who wait.
    ///
    /// # Errors
    /// `Busy`: there are too many.
    pub(super) fn turn(&self, what: For) -> Result<Turn<'_>, RegistryError> {
        let (waiting, most) = match what {
            For::Proof => (&self.proofs_waiting, PROOFS),
            For::New => (&self.new_waiting, NEW),
        };
        let turn = Turn { waiting, what };
        match waiting.fetch_add(1, Ordering::Relaxed) < most + AT_ONCE {
            true => Ok(turn),
            false => Err(RegistryError::Busy),
        }
    }

    /// Hashes, when it is its turn.
    ///
    /// # Errors
    /// `Busy`: there is no memory for it.
    pub(super) async fn hash(
        &self,
        turn: &Turn<'_>,
        password: SecretString,
        salt: Vec<u8>,
        cost: Cost,
    ) -> Result<Hash, RegistryError> {
        let _before = match turn.what {
            For::Proof => None,
            For::New => Some(self.new.acquire().await.map_err(|_| RegistryError::Busy)?),
        };
        // It closes only with the daemon.
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| RegistryError::Busy)?;
        #[cfg(test)]
        {
            let now = AT_ONCE - self.places.available_permits();
            self.most.fetch_max(now, Ordering::Relaxed);
        }
        let (tell, told) = oneshot::channel();
        // The place stays taken until the work has ended, also where nobody waits for it any more.
        let work = move || {
            // On Linux it is the thread's own (setpriority(2)), and cannot be taken back: so each has a new thread.
            let _ = rustix::process::setpriority_process(None, YIELDING);
            let hash = hash(&password, &salt, cost);
            drop(place);
            let _ = tell.send(hash);
        };
        let thread = std::thread::Builder::new().name("password".to_owned());
        thread.spawn(work).map_err(|_| RegistryError::Busy)?;
        told.await.ok().flatten().ok_or(RegistryError::Busy)
    }

    #[cfg(test)]
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

fn hash(password: &SecretString, salt: &[u8], cost: Cost) -> Option<Hash> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH)).ok()?;
    let mut hash = Zeroizing::new([0_u8; HASH]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let password = password.expose_secret().as_bytes();
    argon
        .hash_password_into(password, salt, hash.as_mut())
        .ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hash_costs_is_read_as_it_is_kept() {
        assert_eq!(COST.to_string(), "m=19456,t=2,p=1");
        let other = Cost {
            memory_kib: 64,
            passes: 3,
            lanes: 2,
        };
        assert_eq!(Cost::kept(&other.to_string()), other);
        for none in ["", "m=1", "m=x,t=1,p=1", "t=1,m=1,p=1"] {
            assert_eq!(Cost::kept(none), COST, "{none}");
        }
    }

    #[test]
    fn a_hash_is_that_of_the_reference_implementation() {
        // Of the tests of https://github.com/P-H-C/phc-winner-argon2: `hashtest(version, 2, 8, 1, "password", "somesalt", …)`.
        let known = "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe";
        let cost = Cost::kept("m=256,t=2,p=1");
        let of = |password: &str, salt: &[u8]| -> String {
            let hash = hash(&password.into(), salt, cost).unwrap();
            hash.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(of("password", b"somesalt"), known);
        assert_ne!(of("password", b"somesalu"), known);
        assert_ne!(of("passwore", b"somesalt"), known);
    }

    #[test]
    fn passwords_are_proofs_that_are_blotted_out() {
        let (one, two) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 46);
        assert!(crate::identity::holds_a_proof(one.expose_secret()));
    }

    #[test]
    fn only_what_is_the_same_is_the_same() {
        assert!(same(b"", b"") && same(b"ab", b"ab"));
        assert!(!same(b"ab", b"ac") && !same(b"ab", b"a") && !same(b"", b"a"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_are_hashed_at_once_and_who_finds_too_many_waiting_is_told() {
        let hasher = Hasher::default();
        let cost = Cost::kept("m=1024,t=1,p=1");
        // All turns are asked for before the first is over.
        let ask = |what: For| (0..300).map(|_| hasher.turn(what)).collect::<Vec<_>>();
        let (proofs, new) = (ask(For::Proof), ask(For::New));
        let good = |turns: &[Result<_, _>]| turns.iter().filter(|turn| turn.is_ok()).count();
        assert_eq!((good(&proofs), good(&new)), (PROOFS + AT_ONCE, 300));
        let done = proofs.into_iter().chain(new).flatten().map(|turn| {
            let (hasher, salt) = (&hasher, vec![7; SALT]);
            async move { hasher.hash(&turn, "x".into(), salt, cost).await }
        });
        let done = futures::future::join_all(done).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(hasher.most(), AT_ONCE);
        let turns: Vec<_> = (0..2000).map(|_| hasher.turn(For::New)).collect();
        assert_eq!(
            turns.iter().filter(|turn| turn.is_ok()).count(),
            NEW + AT_ONCE
        );
        drop(turns);
        let waiting = [&hasher.proofs_waiting, &hasher.new_waiting];
        assert!(
            waiting
                .iter()
                .all(|waiting| waiting.load(Ordering::Relaxed) == 0)
        );
    }
}
