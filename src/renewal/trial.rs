//! A login with a recipe that is not in force yet, for the commands that make recipes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::work::Work;
use super::worker::Renewer;
use super::{Cause, Kept, Outcome, Reason, urgency};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::login::{self, Established, Rule};
use crate::secret::Credentials;
use crate::session::Files;
use crate::sites::Recipe;

/// Longest time for the search for the best probe.
const SURVEY: Duration = Duration::from_secs(60);

/// A session that was won with such a recipe. Its account is leased as long as this lives; nothing of it is on the disk.
pub struct Trial<'a> {
    work: Work<'a>,
    kept: Kept,
    done: Established,
    tag: u16,
    rule: Option<Rule>,
}

/// A login that failed, and the folder with what was seen.
#[derive(Debug)]
pub struct Lost {
    /// Why.
    pub failure: Failure,
    /// `None` where there was nothing to see.
    pub artefacts: Option<PathBuf>,
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        let artefacts = None;
        Self { failure, artefacts }
    }
}

impl Renewer {
    /// Logs in as the daemon would if `recipe` were in force, within the account's budget, and looks for the best probe.
    ///
    /// # Errors
    /// Why it did not come to a session. The ledger has it, and artefacts were written; nothing else was.
    pub async fn attempt<'a>(
        &'a self,
        key: &'a SessionKey,
        recipe: Recipe,
        credentials: &Credentials,
    ) -> Result<Trial<'a>, Lost> {
        let account = recipe.accounts.iter().find(|a| a.name == key.account);
        let account = account.cloned().ok_or_else(|| super::work::unknown(key))?;
        let settings = self.settings();
        let deadline = Instant::now() + SURVEY;
        let lease = self
            .files
            .lease_wait(&key.site, key.account.as_ref(), deadline)
            .await
            .map_err(Failure::from)?;
        let lease = lease.ok_or_else(|| {
            let message = format!("another process is at {key} and did not finish in time");
            Failure::new(FailureClass::Timeout, message)
        })?;
        let mut work = Work {
            renewer: self,
            files: self.files.clone(),
            key,
            recipe: Arc::new(recipe),
            account,
            settings,
            lease,
            cause: Cause::Command,
            began: (Instant::now(), Cause::Command),
            artefacts: None,
        };
        self.files
            .verify_write(&work.lease)
            .map_err(Failure::from)?;
        // What is left of an earlier site of this name means nothing here.
        let kept = Kept::default();
        let tag = work.tag(credentials);
        let plan = super::work::plan(&work.recipe, &kept.learned, None);
        let urgency = urgency((self.clock)(), &kept.record, &plan);
        let config = &work.settings.config.browser;
        let slot = Mutex::new(Some(self.slots.take(urgency, config.contexts).await));
        let made = work
            .login(&kept, credentials, None, Reason::Missing, &slot)
            .await;
        let mut done = match made {
            Ok(done) => done,
            Err(failed) => {
                let (failure, redactor) = failed.blotted(credentials);
                work.keep_evidence(&failure, &failed, &redactor);
                let artefacts = work.artefacts.take();
                return Err(Lost { failure, artefacts });
            }
        };
        let prober = work.prober();
        let soon = Instant::now() + SURVEY;
        let rule = login::survey(work.means(&prober), &work.recipe, &mut done, soon).await;
        drop(slot);
        Ok(Trial {
            work,
            kept,
            done,
            tag,
            rule,
        })
    }
}

impl Trial<'_> {
    /// The best way to ask by plain HTTP whether the session lives; `None` where plain HTTP does not tell.
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// Writes the session as the one of this recipe, and gives its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&mut self, recipe: Recipe) -> Result<PathBuf, Failure> {
        let learned = &mut self.done.learned;
        learned.fingerprint.clone_from(&recipe.fingerprint);
        if recipe.probe.is_some() {
            learned.rule = None;
        }
        self.kept.learned = learned.clone();
        self.work.recipe = Arc::new(recipe);
        self.work.write(&self.done.state)?;
        let expires_at = self.work.end(&self.done.state, &self.done.learned);
        let login = self.done.submitted;
        let outcome = Outcome::Renewed { expires_at, login };
        self.work.note(&mut self.kept, outcome, Some(self.tag))?;
        Ok(self.files().state_path(self.work.key))
    }

    /// Takes back what [`Trial::keep`] wrote, where the recipe could not follow.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(&self) -> Result<(), Failure> {
        Ok(self.files().remove(&self.work.lease, self.work.key)?)
    }

    fn files(&self) -> &Files {
        &self.work.renewer.files
    }
}
