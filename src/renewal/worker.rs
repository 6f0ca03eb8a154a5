//! The door to renewals: who may work on which session, and what a person may ask for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::news::{News, Told};
use super::shelf::Shelf;
use super::slots::Slots;
use super::work::{Work, plan, unknown};
use super::{Cause, Plan, Record};
use crate::browser::Browser;
use crate::codes::Question;
use crate::failure::Failure;
use crate::ids::{Combination, SessionKey};
use crate::login::{Learned, Prober};
use crate::seal::Seal;
use crate::session::files::sealed_name;
use crate::session::{Files, FilesError, StorageState};
use crate::vault::{Reach, must_seal, seal_or_new};
use crate::watch::{Environment, Settings};

/// How long a command waits for somebody else's renewal of the same account, beyond the time of one login.
const LEASE: Duration = Duration::from_secs(15);

/// Everything that a renewal works with. Clones share it.
#[derive(Clone)]
pub struct Renewer {
    pub(super) files: Files,
    pub(super) browser: Browser,
    pub(super) prober: Prober,
    settings: watch::Receiver<Arc<Settings>>,
    root: PathBuf,
    environment: Environment,
    pub(super) slots: Slots,
    pub(super) collisions: Arc<Mutex<HashMap<Combination, String>>>,
    pub(super) clock: fn() -> DateTime<Utc>,
    person: Arc<OnceLock<mpsc::Sender<Question>>>,
    pub(super) shelf: Arc<Shelf>,
    told: Told,
}

/// What is kept beside a state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The past, for the rules.
    pub record: Record,
    /// What logins taught.
    pub learned: Learned,
}

/// How a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The session was fresh enough; nothing was done.
    Kept,
    /// A probe by plain HTTP found it alive.
    Probed,
    /// It was extended without a login.
    Extended,
    /// Credentials were submitted.
    LoggedIn,
    /// Nothing may be done now.
    Held,
    /// Somebody else is at it.
    Busy,
    /// It failed.
    Failed,
}

/// The end of one renewal.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which session.
    pub key: SessionKey,
    /// Why it began.
    pub cause: Cause,
    /// How it ended.
    pub how: How,
    /// Why it did not come to a live session.
    pub failure: Option<Failure>,
    /// The folder with what was seen.
    pub artefacts: Option<PathBuf>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Whether there is a live session now.
    pub fn ok(&self) -> bool {
        matches!(
            self.how,
            How::Kept | How::Probed | How::Extended | How::LoggedIn
        )
    }
}

impl Renewer {
    /// Puts the parts together; does nothing yet.
    pub fn new(
        files: Files,
        browser: Browser,
        prober: Prober,
        settings: watch::Receiver<Arc<Settings>>,
        root: PathBuf,
        environment: Environment,
        clock: fn() -> DateTime<Utc>,
    ) -> Self {
        let (slots, collisions) = (Slots::default(), Arc::default());
        Self {
            files,
            browser,
            prober,
            settings,
            root,
            environment,
            slots,
            collisions,
            clock,
            person: Arc::default(),
            shelf: Arc::default(),
            told: Told::default(),
        }
    }

    /// What happens to sessions from now on. Who does not listen for long misses some.
    pub fn follow(&self) -> broadcast::Receiver<News> {
        self.told.follow()
    }

    /// Tells those who follow.
    pub(super) fn tell(&self, news: News) {
        self.told.tell(news);
    }

    /// From now on a login that wants a code asks there too.
    pub fn asks(&self, person: mpsc::Sender<Question>) {
        // Only a command sets it, once.
        let _ = self.person.set(person);
    }

    pub(super) fn person(&self) -> Option<mpsc::Sender<Question>> {
        self.person.get().cloned()
    }

    /// The files that it writes.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// What secrets are read with.
    pub fn reach<'a>(&'a self, settings: &'a Settings) -> Reach<'a> {
        Reach {
            root: &self.root,
            env: self.environment.as_ref(),
            key: settings.config.seal.key.as_ref(),
        }
    }

    /// The key that seals; made, where nothing was ever sealed.
    ///
    /// # Errors
    /// Its source gives none, or a new one cannot be kept.
    pub async fn seal_or_new(&self, settings: &Settings) -> Result<Seal, Failure> {
        let (seal, made) = seal_or_new(self.reach(settings)).await?;
        if let Some(place) = made {
            tracing::warn!(
                "a key was made and is in {place}; without it nothing that is sealed opens again, so keep a copy"
            );
        }
        Ok(seal)
    }

    /// Where the state of this key is, as its recipe wants it kept.
    pub fn state_path(&self, key: &SessionKey) -> PathBuf {
        let path = self.files.state_path(key);
        match self.settings().recipes.is_sealed(&key.site) {
            true => sealed_name(path),
            false => path,
        }
    }

    /// The state of this key, sealed or not; `None` where it was never captured.
    ///
    /// # Errors
    /// It is damaged, or does not open.
    pub async fn state(&self, key: &SessionKey) -> Result<Option<StorageState>, Failure> {
        Ok(self.files_of(key).await?.load(key)?)
    }

    /// The files, as the recipe of this key wants its states kept.
    pub(super) async fn files_of(&self, key: &SessionKey) -> Result<Files, Failure> {
        let settings = self.settings();
        match settings.recipes.is_sealed(&key.site) {
            true => {
                let seal = must_seal(self.reach(&settings)).await?;
                Ok(self.files.sealed(seal))
            }
            false => Ok(self.files.clone()),
        }
    }

    /// Every session that the recipes ask for.
    pub fn keys(&self) -> Vec<SessionKey> {
        let settings = self.settings();
        let mut keys = Vec::new();
        for recipe in settings.recipes.iter() {
            for account in &recipe.accounts {
                let (site, account) = (recipe.site.clone(), account.name.clone());
                keys.push(SessionKey {
                    site,
                    account,
                    within: None,
                });
            }
        }
        for combination in settings.recipes.combinations() {
            keys.extend(
                self.parts(&combination)
                    .into_iter()
                    .filter(|key| key.within.is_some()),
            );
        }
        keys
    }

    /// What is kept beside a session's state.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn kept(&self, key: &SessionKey) -> Result<Kept, FilesError> {
        Ok(self.files.read_record::<Kept>(key)?.unwrap_or_default())
    }

    /// The plan of a session as the recipe stands, without its secret; `None` where there is no such session.
    pub fn with_plan<T>(
        &self,
        key: &SessionKey,
        kept: &Kept,
        look: impl FnOnce(&Plan<'_>) -> T,
    ) -> Option<T> {
        let settings = self.settings();
        let recipe = settings.recipes.get(&key.site)?;
        Some(look(&plan(recipe, &kept.learned, None)))
    }

    /// Makes a session live, as far as the rules allow, and says how that ended. Never two at once for one account.
    pub async fn renew(&self, key: &SessionKey, cause: Cause) -> Report {
        let began = Instant::now();
        let mut artefacts = None;
        let ended = match self.open(key, cause).await {
            Err(failure) => Err(failure),
            Ok(None) => Ok((How::Busy, None)),
            Ok(Some(mut work)) => {
                let ended = work.run().await;
                artefacts = work.artefacts.take();
                ended
            }
        };
        let (how, failure) = ended.unwrap_or_else(|failure| (How::Failed, Some(failure)));
        let took = began.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let site = key.to_string();
        match (&failure, how) {
            (Some(failure), How::Failed) => {
                let artefacts = artefacts.as_ref().map(|p| p.display().to_string());
                tracing::warn!(site, ?cause, duration_ms, class = %failure.class, artefacts, "renewal failed: {}", failure.message);
            }
            (_, How::Extended | How::LoggedIn) => {
                tracing::info!(site, ?cause, duration_ms, ?how, "session renewed")
            }
            _ => tracing::debug!(site, ?cause, duration_ms, ?how, "session looked at"),
        }
        let report = Report {
            key: key.clone(),
            cause,
            how,
            failure,
            artefacts,
            took,
        };
        self.tell(News::Ended(report.clone()));
        report
    }

    /// Takes the account's lease; `None` where somebody else has it. A person's command waits for it.
    pub(super) async fn open<'w>(
        &'w self,
        key: &'w SessionKey,
        cause: Cause,
    ) -> Result<Option<Work<'w>>, Failure> {
        let began = Instant::now();
        let settings = self.settings();
        let recipe = settings.recipes.get(&key.site).cloned();
        let recipe = recipe.ok_or_else(|| unknown(key))?;
        let account = recipe.accounts.iter().find(|a| a.name == key.account);
        let account = account.cloned().ok_or_else(|| unknown(key))?;
        let lease = match cause {
            Cause::Command => {
                let timeout = recipe.timeout.unwrap_or(settings.config.login.timeout);
                let deadline = Instant::now() + timeout.to_std().unwrap_or_default() + LEASE;
                self.files
                    .lease_wait(&key.site, key.account.as_ref(), deadline)
                    .await?
            }
            _ => self.files.lease(&key.site, key.account.as_ref())?,
        };
        let began = (began, cause);
        Ok(lease.map(|lease| Work {
            renewer: self,
            files: self.files.clone(),
            key,
            recipe,
            account,
            settings,
            lease,
            cause,
            began,
            artefacts: None,
        }))
    }
}
