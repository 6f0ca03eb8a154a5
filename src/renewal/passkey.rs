//! The account's passkey: sealed in a file of its own, lent to a login, and its count written back.

use std::sync::atomic::{AtomicBool, Ordering};

use url::Url;

use super::work::{Work, unknown};
use super::worker::{How, Renewer};
use super::{Event, Ledger, line, urgency, verdict};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::login::passkey::{Held, prove, register};
use crate::login::{Attempt, Failed};
use crate::seal::Seal;
use crate::secret::Passkey;
use crate::vault::{self, must_seal};

/// So far ahead is the count that is written before a passkey is used. What a login signs is fewer than that; when we die
/// in the middle of one, the next still begins above it, and no site takes ours for a stolen copy.
const AHEAD: i64 = 16;

/// The account's passkey, lent to a login.
pub(super) struct Lent {
    pub(super) held: Held,
    seal: Seal,
}

impl Work<'_> {
    /// The account's passkey; `None` where it has none here.
    pub(super) async fn passkey(&self) -> Result<Option<Lent>, Failure> {
        let files = &self.renewer.files;
        if !files.has_passkey(self.key)? {
            return Ok(None);
        }
        let seal = must_seal(self.renewer.reach(&self.settings)).await?;
        let Some(plain) = files.read_passkey(self.key, &seal)? else {
            return Ok(None);
        };
        let passkey: Passkey = serde_json::from_slice(&plain).map_err(|_| {
            let message = format!(
                "the passkey of {0} cannot be read; make another: jarkeeper passkey register {0}",
                self.key
            );
            Failure::new(FailureClass::Storage, message)
        })?;
        self.keep_passkey(&passkey, passkey.sign_count + AHEAD, &seal)?;
        let held = Held::new(passkey);
        Ok(Some(Lent { held, seal }))
    }

    /// Writes back how often it has signed. Where that was not seen, what was written ahead stays.
    pub(super) fn give_back(&self, lent: &Lent) {
        let Some(count) = lent.held.final_count() else {
            return;
        };
        if let Err(failure) = self.keep_passkey(&lent.held.passkey, count, &lent.seal) {
            tracing::error!(site = %self.key, "the passkey's count could not be written: {failure}");
        }
    }

    fn keep_passkey(&self, passkey: &Passkey, count: i64, seal: &Seal) -> Result<(), Failure> {
        let mut passkey = passkey.clone();
        passkey.sign_count = count;
        let plain = serde_json::to_vec(&passkey).map(zeroize::Zeroizing::new);
        let plain =
            plain.map_err(|error| Failure::new(FailureClass::Storage, error.to_string()))?;
        let files = &self.renewer.files;
        Ok(files.write_passkey(&self.lease, seal, &plain)?)
    }
}

impl Renewer {
    /// Makes a passkey at the site with the live session, proves that it signs in, and keeps it sealed. `at`: the page that
    /// adds passkeys; the recipe's where it is not given. Gives the domain that it is for.
    ///
    /// # Errors
    /// There is no live session, the page has no way to add one, or the new one does not sign in; nothing is kept then.
    pub async fn register_passkey(
        &self,
        key: &SessionKey,
        at: Option<Url>,
    ) -> Result<String, Failure> {
        let mut work = self.by_hand(key).await?;
        let (how, failure) = work.run().await?;
        if let (How::Held, Some(failure)) = (how, failure) {
            return Err(failure);
        }
        let state = work.files.load(key)?.ok_or_else(|| unknown(key))?;
        let seal = self.seal_or_new(&work.settings).await?;
        let credentials = vault::credentials(&work.account, self.reach(&work.settings)).await?;
        let kept = self.kept(key)?;
        let tag = work.tag(&credentials);
        let submitted = AtomicBool::new(false);
        let gate = || {
            let ledger = Ledger::parse(&self.files.read_ledger(&key.site, key.account.as_ref())?);
            ledger.permit((self.clock)(), tag, false)?;
            submitted.store(true, Ordering::Release);
            let line = line((self.clock)(), Some(tag), Event::Submit);
            Ok(self.files.append_ledger(&work.lease, &line)?)
        };
        let is_spent = |what: &str| work.is_spent(what);
        let spend = |what: &str| work.spend(what);
        let counter = || Ok(self.files.counter(&work.lease)?);
        let outside = work.outside(&counter, &|| {});
        let attempt = Attempt {
            recipe: &work.recipe,
            credentials: &credentials,
            learned: &kept.learned,
            passkey: None,
            gate: &gate,
            spent: &is_spent,
            spend: &spend,
            outside: &outside,
        };
        let prober = work.prober();
        let means = work.means(&prober);
        let config = &work.settings.config.browser;
        let slot = {
            let plan = super::work::plan(&work.recipe, &kept.learned, None);
            let urgency = urgency((self.clock)(), &kept.record, &plan);
            self.slots.take(urgency, config.contexts).await
        };
        let at = at.unwrap_or_else(|| work.recipe.url.clone());
        let told = |ended: Result<(), &Failed>| -> Result<(), Failure> {
            if submitted.swap(false, Ordering::AcqRel) {
                let event = verdict(ended.map_err(|failed| &failed.failure));
                let line = line((self.clock)(), Some(tag), event);
                self.files.append_ledger(&work.lease, &line)?;
            }
            Ok(())
        };
        let made = async {
            let made = register(means, &attempt, &state, &at, work.deadline()).await;
            told(made.as_ref().map(drop).map_err(|failed| &**failed))?;
            let held = Held::new(made?);
            let proven = prove(means, &attempt, &held, work.deadline()).await;
            told(proven.as_ref().map(drop).map_err(|failed| &**failed))?;
            proven?;
            Ok::<_, Box<Failed>>(held)
        };
        let made = made.await;
        drop(slot);
        match made {
            Ok(held) => {
                work.keep_passkey(&held.passkey, held.sign_count(), &seal)?;
                Ok(held.passkey.rp_id)
            }
            Err(failed) => {
                let (mut failure, redactor) = failed.blotted(&credentials);
                if let Some(folder) = work.keep_evidence(&failure, &failed, &redactor) {
                    failure.message += &format!("; what was seen is in {folder}");
                }
                Err(failure)
            }
        }
    }
}
