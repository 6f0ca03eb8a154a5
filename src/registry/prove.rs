//! Who shows an id and a password.

use std::sync::PoisonError;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::password::{For, same};
use super::proofs::{Known, Proofs, salt};
use super::{ALONE, Farewell, Instance, LONGEST_ID, Registry, RegistryError};
use crate::store::SecretRow;

/// Longest password that is looked at, bytes: none that was given out here is longer than 46.
const LONGEST_PASSWORD: usize = 255;
/// How exactly the last use is known: so seldom is it written.
const NOTED: TimeDelta = TimeDelta::minutes(1);

/// Which password of an instance was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// None of it.
    Neither,
    /// The one that is good.
    Present,
    /// The one that was given out last and never used.
    Next,
}

impl Registry {
    /// The instance behind an id and a password, also an unregistered one. Costs the same whether there is one or not.
    ///
    /// # Errors
    /// `Refused`, `Locked`, `Busy`.
    pub async fn prove(
        &self,
        id: &str,
        password: &SecretString,
    ) -> Result<Instance, RegistryError> {
        if let Some(known) = self.remembers(id, password) {
            return known;
        }
        // To its end, also where nobody waits for it any more: whoever hangs up has guessed nevertheless.
        let (registry, id, password) = (self.clone(), id.to_owned(), password.clone());
        let looked = tokio::spawn(async move { registry.look_at(&id, &password).await });
        // It panicked, which was logged, or the daemon stops.
        looked.await.unwrap_or(Err(RegistryError::Busy))
    }

    async fn look_at(&self, id: &str, password: &SecretString) -> Result<Instance, RegistryError> {
        let inner = &self.0;
        let mark = self.proofs().mark(id, password);
        let turn = inner.hasher.turn(For::Proof)?;
        let _alone = inner.alone[mark.place(ALONE)].lock().await;
        // Somebody who shows the same may have been before us, or others' guesses have locked the id.
        if let Some(known) = self.remembers(id, password) {
            return known;
        }
        let own = inner.store.instance_secret(id)?;
        let own = own.map(|own| (own.salt, own.cost));
        let (salt, cost) = salt(&mark, own.as_ref().map(|(s, c)| (s.clone(), c.as_str())));
        let hash = inner.hasher.hash(&turn, password.clone(), salt, cost);
        let hash = hash.await?;
        // It may have changed in the meantime: what counts is what is there now, in this epoch or a later one.
        let epoch = self.proofs().epoch();
        let own = inner.store.instance_secret(id)?;
        let now = (inner.clock)();
        let shown = own
            .as_ref()
            .map_or(Shown::Neither, |own| shown(own, hash.as_ref()));
        let refused = || RegistryError::Refused(id.to_owned());
        match (shown, own) {
            (Shown::Neither, _) | (_, None) => {
                self.proofs().wrong(&mark, epoch, now);
                return Err(refused());
            }
            (Shown::Next, _) => {
                let promoted = inner
                    .store
                    .promote_instance(id.to_owned(), hash.to_vec(), now);
                if !promoted.await? {
                    // Another one was given out at this moment.
                    return Err(refused());
                }
                self.forget(id);
                // In this order: who comes with the new one from now on stays, and who came with the one before looks again.
                inner.presence.dismiss_proven(id, Farewell::Rotated);
                let mut proofs = self.proofs();
                let epoch = proofs.epoch();
                proofs.right(&mark, epoch);
            }
            (Shown::Present, Some(own)) => {
                if own.retriable {
                    inner.store.use_instance(id.to_owned(), now).await?;
                }
                self.proofs().right(&mark, epoch);
            }
        }
        self.used(id)
    }

    /// What can be said of an id and a password without a slow hash; `None`: nothing.
    pub fn remembers(
        &self,
        id: &str,
        password: &SecretString,
    ) -> Option<Result<Instance, RegistryError>> {
        let length = password.expose_secret().len();
        let sane = (1..=LONGEST_ID).contains(&id.len()) && (1..=LONGEST_PASSWORD).contains(&length);
        if !sane {
            return Some(Err(RegistryError::Refused(String::new())));
        }
        let now = (self.0.clock)();
        let known = {
            let mut proofs = self.proofs();
            let mark = proofs.mark(id, password);
            proofs.known(&mark, now)
        };
        match known {
            Known::Not => None,
            Known::Right => Some(self.used(id)),
            Known::Wrong => Some(Err(RegistryError::Refused(id.to_owned()))),
            Known::Locked(until) => {
                let wait = (until - now).to_std().unwrap_or_default();
                Some(Err(RegistryError::Locked { until, wait }))
            }
        }
    }

    /// The instance whose password was just shown.
    fn used(&self, id: &str) -> Result<Instance, RegistryError> {
        let refused = || RegistryError::Refused(id.to_owned());
        let instance = self.instance(id)?.ok_or_else(refused)?;
        let now = (self.0.clock)();
        if instance.used_at.is_none_or(|at| now - at >= NOTED) {
            self.0.store.note_instance_use(id.to_owned(), now, NOTED);
        }
        Ok(instance)
    }

    /// Forgets what is known of an instance's passwords.
    pub(super) fn forget(&self, id: &str) {
        self.proofs().forget(id);
    }

    /// Forgets how often a wrong password was shown for an id: its person has looked after it.
    pub(super) fn pardon(&self, id: &str) {
        self.proofs().pardon(id);
    }

    pub(super) fn proofs(&self) -> std::sync::MutexGuard<'_, Proofs> {
        self.0.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(own: &SecretRow, hash: &[u8]) -> Shown {
    let present = same(&own.hash, hash);
    let next = own.next_hash.as_ref().is_some_and(|next| same(next, hash));
    match (present, next) {
        (true, _) => Shown::Present,
        (false, true) => Shown::Next,
        (false, false) => Shown::Neither,
    }
}
