//! One renewal from beginning to end: lease, decision, probe, browser, file, record.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::slots::Slots;
use super::{
    Cause, Decision, Event, Ledger, Outcome, Plan, Reason, Record, apply, decide, enough, hold,
    line, release, secret_tag, urgency, verdict,
};
use crate::browser::Browser;
use crate::failure::{Failure, FailureClass};
use crate::ids::{Combination, SessionKey};
use crate::login::{self, Attempt, Failed, Learned, Liveness, Means, Prober, Rule};
use crate::secret::{Credentials, Redactor};
use crate::session::expiry::ends_at;
use crate::session::{Files, FilesError, Lease, StorageState, join};
use crate::sites::Recipe;
use crate::sites::recipe::Account;
use crate::vault;
use crate::watch::{Environment, Settings};

/// Looks and acts in one renewal before it gives up: probe, visit, login, and one more look.
const ROUNDS: usize = 6;
/// How long a command waits for somebody else's renewal of the same account, beyond the time of one login.
const LEASE: Duration = Duration::from_secs(15);
/// How long after its own deadline a login is given up from outside.
const GRACE: Duration = Duration::from_secs(20);

/// Everything that a renewal works with. Clones share it.
#[derive(Clone)]
pub struct Renewer {
    files: Files,
    browser: Browser,
    prober: Prober,
    settings: watch::Receiver<Arc<Settings>>,
    root: PathBuf,
    environment: Environment,
    slots: Slots,
    collisions: Arc<Mutex<HashMap<Combination, String>>>,
    clock: fn() -> DateTime<Utc>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// One renewal at work.
struct Work<'a> {
    renewer: &'a Renewer,
    key: &'a SessionKey,
    recipe: &'a Recipe,
    account: &'a Account,
    settings: &'a Settings,
    lease: Lease,
    cause: Cause,
    artefacts: Option<PathBuf>,
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
        }
    }

    /// The files that it writes.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
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

    /// The sessions that a combination is joined from.
    pub fn parts(&self, combination: &Combination) -> Vec<SessionKey> {
        let settings = self.settings();
        let part = |site: &crate::ids::SiteName| {
            let own = settings
                .recipes
                .get(site)
                .is_some_and(|recipe| recipe.own_sessions);
            SessionKey {
                within: own.then(|| combination.clone()),
                ..SessionKey::of(site.clone())
            }
        };
        combination.sites().iter().map(part).collect()
    }

    /// Why a combination cannot be made, where two of its sites set the same cookie.
    pub fn collision(&self, combination: &Combination) -> Option<String> {
        self.collisions
            .lock()
            .ok()
            .and_then(|known| known.get(combination).cloned())
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
        let (how, failure) = match self.begin(key, cause).await {
            Err(failure) => (How::Failed, Some(failure)),
            Ok(None) => (How::Busy, None),
            Ok(Some((settings, recipe, lease))) => {
                let account = recipe.accounts.iter().find(|a| a.name == key.account);
                match account {
                    None => (How::Failed, Some(unknown(key))),
                    Some(account) => {
                        let (renewer, recipe, settings) = (self, &*recipe, &*settings);
                        let artefacts_of = None;
                        let mut work = Work {
                            renewer,
                            key,
                            recipe,
                            account,
                            settings,
                            lease,
                            cause,
                            artefacts: artefacts_of,
                        };
                        let ended = work.run().await;
                        artefacts = work.artefacts.take();
                        match ended {
                            Ok((how, why)) => (how, why),
                            Err(failure) => (How::Failed, Some(failure)),
                        }
                    }
                }
            }
        };
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
        Report {
            key: key.clone(),
            how,
            failure,
            artefacts,
            took,
        }
    }

    async fn begin(
        &self,
        key: &SessionKey,
        cause: Cause,
    ) -> Result<Option<(Arc<Settings>, Arc<Recipe>, Lease)>, Failure> {
        let settings = self.settings();
        let recipe = Arc::clone(
            settings
                .recipes
                .get(&key.site)
                .ok_or_else(|| unknown(key))?,
        );
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
        Ok(lease.map(|lease| (settings, recipe, lease)))
    }

    /// Writes the combinations that this session is part of, where all their parts are there.
    fn combine(&self, key: &SessionKey) {
        let settings = self.settings();
        for combination in settings.recipes.combinations() {
            let parts = self.parts(&combination);
            if !parts.contains(key) {
                continue;
            }
            if let Err(error) = self.join_into(&combination, &parts) {
                tracing::error!(combination = %combination, "a combination could not be written: {error}");
            }
        }
    }

    fn join_into(&self, combination: &Combination, parts: &[SessionKey]) -> Result<(), FilesError> {
        let mut states = Vec::new();
        for part in parts {
            // A part that is still to come will bring the combination with it.
            let Some(state) = self.files.load(part)? else {
                return Ok(());
            };
            states.push((part.site.clone(), state));
        }
        let borrowed: Vec<_> = states
            .iter()
            .map(|(site, state)| (site.clone(), state))
            .collect();
        let joined = join(&borrowed);
        let mut known = self
            .collisions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match joined {
            Ok(state) => {
                known.remove(combination);
                drop(known);
                self.files.write_combination(combination, &state)
            }
            Err(collision) => {
                let told = collision.to_string();
                if known.insert(combination.clone(), told.clone()).as_ref() != Some(&told) {
                    tracing::error!(combination = %combination, "this combination is refused: {told}");
                }
                drop(known);
                self.files.remove_combination(combination)
            }
        }
    }

    /// Takes a session that a person brings, after it has been seen to be logged in.
    ///
    /// # Errors
    /// The session is not alive, or cannot be written. The present one stays.
    pub async fn import(&self, key: &SessionKey, state: StorageState) -> Result<(), Failure> {
        let Some((settings, recipe, lease)) = self.begin(key, Cause::Command).await? else {
            return Err(busy(key));
        };
        let account = recipe
            .accounts
            .iter()
            .find(|a| a.name == key.account)
            .ok_or_else(|| unknown(key))?;
        let (cause, artefacts) = (Cause::Command, None);
        let work = Work {
            renewer: self,
            key,
            recipe: &recipe,
            account,
            settings: &settings,
            lease,
            cause,
            artefacts,
        };
        let mut kept = self.kept(key)?;
        let state = match work.look(&kept.learned, &state).await? {
            Liveness::In(renewed) => renewed.unwrap_or(state),
            Liveness::Out(seen) => {
                let message =
                    format!("the imported session is not logged in: {seen}; nothing was changed");
                return Err(Failure::new(FailureClass::NotProven, message));
            }
            Liveness::Unknown(failure) => return Err(failure),
        };
        work.write(&state)?;
        let expires_at = ends_at(&state, &kept.learned.matter);
        work.note(
            &mut kept,
            Outcome::Renewed {
                expires_at,
                login: false,
            },
            None,
        )
    }

    /// Looks whether a session is alive, keeping the cookies that the site renewed.
    ///
    /// # Errors
    /// The site does not tell, or there is no such session.
    pub async fn check(&self, key: &SessionKey) -> Result<Result<(), String>, Failure> {
        let Some((settings, recipe, lease)) = self.begin(key, Cause::Command).await? else {
            return Err(busy(key));
        };
        let account = recipe
            .accounts
            .iter()
            .find(|a| a.name == key.account)
            .ok_or_else(|| unknown(key))?;
        let (cause, artefacts) = (Cause::Command, None);
        let work = Work {
            renewer: self,
            key,
            recipe: &recipe,
            account,
            settings: &settings,
            lease,
            cause,
            artefacts,
        };
        let mut kept = self.kept(key)?;
        let Some(state) = self.files.load(key)? else {
            return Ok(Err(format!(
                "there is no session yet; `jarkeeper login {key}` makes one"
            )));
        };
        match work.look(&kept.learned, &state).await? {
            Liveness::In(renewed) => {
                if let Some(renewed) = &renewed {
                    work.write(renewed)?;
                }
                let expires_at = ends_at(renewed.as_ref().unwrap_or(&state), &kept.learned.matter);
                work.note(&mut kept, Outcome::Alive { expires_at }, None)?;
                Ok(Ok(()))
            }
            Liveness::Out(seen) => {
                work.note(&mut kept, Outcome::Dead, None)?;
                Ok(Err(seen))
            }
            Liveness::Unknown(failure) => Err(failure),
        }
    }

    /// Leaves a session alone until it is released.
    ///
    /// # Errors
    /// Another process is at the session, or the record cannot be written.
    pub async fn hold(&self, key: &SessionKey, why: &str) -> Result<(), Failure> {
        let Some((_, _, lease)) = self.begin(key, Cause::Command).await? else {
            return Err(busy(key));
        };
        let mut kept = self.kept(key)?;
        kept.record = hold((self.clock)(), kept.record, why);
        Ok(self.files.write_record(&lease, key, &kept)?)
    }

    /// Lets a held session go on: a refused password may be submitted once more.
    ///
    /// # Errors
    /// Another process is at the session, or the record cannot be written.
    pub async fn release(&self, key: &SessionKey) -> Result<(), Failure> {
        let Some((_, recipe, lease)) = self.begin(key, Cause::Command).await? else {
            return Err(busy(key));
        };
        let account = recipe
            .accounts
            .iter()
            .find(|a| a.name == key.account)
            .ok_or_else(|| unknown(key))?;
        let credentials = vault::credentials(account, &self.root, self.environment.as_ref())
            .await
            .ok();
        let tag = credentials.map(|credentials| tag(key, &credentials));
        let now = (self.clock)();
        self.files
            .append_ledger(&lease, &line(now, tag, Event::Released))?;
        let mut kept = self.kept(key)?;
        kept.record = release(now, kept.record);
        Ok(self.files.write_record(&lease, key, &kept)?)
    }
}

impl Work<'_> {
    async fn run(&mut self) -> Result<(How, Option<Failure>), Failure> {
        let files = &self.renewer.files;
        let mut kept = self.renewer.kept(self.key)?;
        if kept.record.follow_clock(self.now()) {
            files.write_record(&self.lease, self.key, &kept)?;
        }
        let mut credentials: Option<Credentials> = None;
        let mut how = How::Kept;
        for _ in 0..ROUNDS {
            let state = files.load(self.key)?;
            if state.is_none() && kept.record.captured_at.is_some() {
                // Somebody removed the file: what is known of its life means nothing any more.
                kept.record.captured_at = None;
            }
            let tag = match kept.record.hold.is_some() || kept.record.backoff.is_some() {
                // Only a changed secret lifts some holds, so it must be looked at.
                true => self
                    .credentials(&mut credentials)
                    .await
                    .ok()
                    .map(|c| self.tag(c)),
                false => None,
            };
            let plan = plan(self.recipe, &kept.learned, tag);
            match decide(self.now(), &kept.record, &plan, self.cause) {
                Decision::Keep { .. } => return Ok((how, None)),
                Decision::Hold { why, .. } => {
                    let class = kept.record.hold.as_ref().map(|hold| hold.class);
                    let class = class.or_else(|| kept.record.backoff.as_ref().map(|b| b.class));
                    let failure = Failure::new(class.unwrap_or(FailureClass::Cancelled), why);
                    return Ok((How::Held, Some(failure)));
                }
                Decision::Probe(_) => {
                    how = How::Probed;
                    let Some(state) = state else { continue };
                    self.probe(&mut kept, &state).await?;
                    if kept.record.died_at.is_none() {
                        self.cause = Cause::Schedule;
                    }
                }
                Decision::Renew(reason) => {
                    files.verify_write(&self.lease)?;
                    how = self
                        .make(&mut kept, state, reason, &mut credentials)
                        .await?;
                    if kept.record.died_at.is_none() {
                        self.cause = Cause::Schedule;
                    }
                }
            }
        }
        Ok((how, None))
    }

    fn now(&self) -> DateTime<Utc> {
        (self.renewer.clock)()
    }

    /// The state of the site, by plain HTTP where that tells, else by the browser.
    async fn look(&self, learned: &Learned, state: &StorageState) -> Result<Liveness, Failure> {
        let lenient = self.recipe.ignore_https_errors;
        if let Some(rule) = rule(self.recipe, learned) {
            return Ok(self.prober().probe(&rule, state, lenient).await);
        }
        let kept = self.renewer.kept(self.key)?;
        let plan = plan(self.recipe, learned, None);
        let config = &self.settings.config.browser;
        let _slot = self
            .renewer
            .slots
            .take(urgency(self.now(), &kept.record, &plan), config.contexts)
            .await;
        login::alive(
            self.means(&self.prober()),
            self.recipe,
            learned,
            state,
            self.deadline(),
        )
        .await
    }

    fn prober(&self) -> Prober {
        self.renewer
            .prober
            .within(self.settings.config.renewal.probe_timeout)
    }

    fn means<'m>(&'m self, prober: &'m Prober) -> Means<'m> {
        let (browser, config) = (&self.renewer.browser, &self.settings.config.browser);
        Means {
            browser,
            config,
            prober,
            clock: self.renewer.clock,
        }
    }

    fn deadline(&self) -> Instant {
        let timeout = self
            .recipe
            .timeout
            .unwrap_or(self.settings.config.login.timeout);
        Instant::now() + timeout.to_std().unwrap_or_default()
    }

    async fn probe(&self, kept: &mut Kept, state: &StorageState) -> Result<(), Failure> {
        match self.look(&kept.learned, state).await? {
            Liveness::In(renewed) => {
                if let Some(renewed) = &renewed {
                    self.write(renewed)?;
                }
                let expires_at = ends_at(renewed.as_ref().unwrap_or(state), &kept.learned.matter);
                self.note(kept, Outcome::Alive { expires_at }, None)
            }
            Liveness::Out(seen) => {
                tracing::info!(site = %self.key, "the session is dead: {seen}");
                self.note(kept, Outcome::Dead, None)
            }
            Liveness::Unknown(failure) => {
                self.note(
                    kept,
                    Outcome::Failed {
                        failure: &failure,
                        artefacts: None,
                    },
                    None,
                )?;
                Err(failure)
            }
        }
    }

    /// The ladder: probe, visit, login.
    async fn make(
        &mut self,
        kept: &mut Kept,
        state: Option<StorageState>,
        reason: Reason,
        credentials: &mut Option<Credentials>,
    ) -> Result<How, Failure> {
        let dead = kept.record.died_at.is_some();
        let alive = state.as_ref().filter(|_| !dead);
        if let (Some(state), Some(rule)) = (alive, rule(self.recipe, &kept.learned)) {
            match self
                .prober()
                .probe(&rule, state, self.recipe.ignore_https_errors)
                .await
            {
                Liveness::In(renewed) => {
                    let state = renewed.as_ref().unwrap_or(state);
                    let expires_at = ends_at(state, &kept.learned.matter);
                    let plan = plan(self.recipe, &kept.learned, None);
                    let content = enough(self.now(), &kept.record, &plan, reason, expires_at);
                    if renewed.is_some() || content {
                        self.write(state)?;
                    }
                    if content {
                        self.note(
                            kept,
                            Outcome::Renewed {
                                expires_at,
                                login: false,
                            },
                            None,
                        )?;
                        return Ok(How::Extended);
                    }
                }
                // Not known to be dead until now: the rules say what that means.
                Liveness::Out(_) => {
                    self.note(kept, Outcome::Dead, None)?;
                    return Ok(How::Probed);
                }
                Liveness::Unknown(failure) => {
                    self.note(
                        kept,
                        Outcome::Failed {
                            failure: &failure,
                            artefacts: None,
                        },
                        None,
                    )?;
                    return Err(failure);
                }
            }
        }
        let credentials = match self.credentials(credentials).await {
            Ok(credentials) => credentials.clone(),
            Err(failure) => {
                self.note(
                    kept,
                    Outcome::Failed {
                        failure: &failure,
                        artefacts: None,
                    },
                    None,
                )?;
                return Err(failure);
            }
        };
        let plan = plan(self.recipe, &kept.learned, None);
        let config = &self.settings.config.browser;
        let slot = self
            .renewer
            .slots
            .take(urgency(self.now(), &kept.record, &plan), config.contexts)
            .await;
        let seed = state.as_ref();
        let mut made = self.login(kept, &credentials, seed, reason).await;
        if let (Ok(visit), Some(_)) = (&made, seed)
            && !visit.submitted
        {
            // Alive, and visited. Where that does not move its end away, only a login does.
            let expires_at = ends_at(&visit.state, &visit.learned.matter);
            if !enough(self.now(), &kept.record, &plan, reason, expires_at) {
                made = self.login(kept, &credentials, None, reason).await;
            }
        }
        if seed.is_some()
            && matches!(&made, Err(failed)
                if failed.failure.class == FailureClass::NotProven && !failed.failure.submitted)
        {
            // The page looked signed in and the session is not: what was kept of it is in the way.
            made = self.login(kept, &credentials, None, reason).await;
        }
        drop(slot);
        let tag = Some(self.tag(&credentials));
        match made {
            Ok(done) => {
                self.write(&done.state)?;
                let expires_at = ends_at(&done.state, &done.learned.matter);
                kept.learned = done.learned;
                self.note(
                    kept,
                    Outcome::Renewed {
                        expires_at,
                        login: done.submitted,
                    },
                    tag,
                )?;
                Ok(if done.submitted {
                    How::LoggedIn
                } else {
                    How::Extended
                })
            }
            Err(failed) => {
                let redactor = Redactor::of(&credentials);
                let mut failure = failed.failure.clone();
                failure.message = redactor.blot(&failure.message);
                let folder = self.keep_evidence(&failure, &failed, &redactor);
                self.note(
                    kept,
                    Outcome::Failed {
                        failure: &failure,
                        artefacts: folder.as_deref(),
                    },
                    tag,
                )?;
                Err(failure)
            }
        }
    }

    /// One login, its submission written to the ledger before it happens and settled after it.
    async fn login(
        &self,
        kept: &Kept,
        credentials: &Credentials,
        seed: Option<&StorageState>,
        reason: Reason,
    ) -> Result<login::Established, Box<Failed>> {
        let files = &self.renewer.files;
        let (site, account) = (&self.key.site, self.key.account.as_ref());
        let tag = self.tag(credentials);
        let clock = self.renewer.clock;
        let gate = || {
            let ledger = Ledger::parse(&files.read_ledger(site, account)?);
            ledger.permit(clock(), tag, reason.insists())?;
            Ok(files.append_ledger(&self.lease, &line(clock(), Some(tag), Event::Submit))?)
        };
        let (recipe, learned) = (self.recipe, &kept.learned);
        let attempt = Attempt {
            recipe,
            credentials,
            learned,
            gate: &gate,
        };
        let deadline = self.deadline();
        let prober = self.prober();
        let login = login::establish(self.means(&prober), &attempt, seed, deadline);
        let ended = match tokio::time::timeout_at(deadline + GRACE, login).await {
            Ok(ended) => ended,
            Err(_) => {
                // Nothing below may wait longer than its deadline; what does is hung.
                let message = "the login did not end in time and was given up";
                let failure = Failure::new(FailureClass::BrowserLost, message).after_submit();
                Err(Box::new(Failed {
                    failure,
                    evidence: None,
                }))
            }
        };
        let event = match &ended {
            Ok(done) => done.submitted.then(|| verdict(Ok(()))),
            Err(failed) => failed
                .failure
                .submitted
                .then(|| verdict(Err(&failed.failure))),
        };
        if let Some(event) = event
            && let Err(error) = files.append_ledger(&self.lease, &line(clock(), Some(tag), event))
        {
            tracing::error!(site = %self.key, "the login ledger could not be written: {error}");
        }
        ended
    }

    async fn credentials<'c>(
        &self,
        known: &'c mut Option<Credentials>,
    ) -> Result<&'c Credentials, Failure> {
        if known.is_none() {
            let environment = self.renewer.environment.as_ref();
            *known = Some(vault::credentials(self.account, &self.renewer.root, environment).await?);
        }
        known.as_ref().ok_or_else(|| unknown(self.key))
    }

    fn tag(&self, credentials: &Credentials) -> u16 {
        tag(self.key, credentials)
    }

    fn write(&self, state: &StorageState) -> Result<(), Failure> {
        self.renewer.files.write(&self.lease, self.key, state)?;
        self.renewer.combine(self.key);
        Ok(())
    }

    fn note(&self, kept: &mut Kept, outcome: Outcome<'_>, tag: Option<u16>) -> Result<(), Failure> {
        let learned = kept.learned.clone();
        let plan = plan(self.recipe, &learned, tag);
        kept.record = apply(
            self.now(),
            std::mem::take(&mut kept.record),
            &plan,
            outcome,
            &mut rand::rng(),
        );
        Ok(self
            .renewer
            .files
            .write_record(&self.lease, self.key, kept)?)
    }

    /// Writes what the page looked like, without the secrets.
    fn keep_evidence(
        &mut self,
        failure: &Failure,
        failed: &Failed,
        redactor: &Redactor,
    ) -> Option<String> {
        let evidence = failed.evidence.as_ref()?;
        let keep = self.settings.config.artefacts.keep;
        if keep == 0 {
            return None;
        }
        let step = failure
            .step
            .map(|step| format!("step {step}: "))
            .unwrap_or_default();
        let told = format!("{}: {step}{}\n", failure.class, failure.message);
        let write = || {
            let folder = self
                .renewer
                .files
                .new_artefact_folder(self.key, self.now())?;
            folder.write("failure.txt", told.as_bytes())?;
            folder.write(
                "console.txt",
                redactor.blot(&evidence.console.join("\n")).as_bytes(),
            )?;
            if let Some(html) = &evidence.html {
                folder.write("page.html", redactor.blot(html).as_bytes())?;
            }
            if let Some(picture) = &evidence.screenshot {
                folder.write("page.png", picture)?;
            }
            self.renewer.files.prune_artefacts(self.key, keep)?;
            Ok::<_, FilesError>(folder)
        };
        match write() {
            Ok(folder) => {
                self.artefacts = Some(folder.path().to_owned());
                Some(folder.path().display().to_string())
            }
            Err(error) => {
                tracing::warn!(site = %self.key, "the artefacts could not be written: {error}");
                None
            }
        }
    }
}

fn plan<'a>(recipe: &'a Recipe, learned: &Learned, secret_tag: Option<u16>) -> Plan<'a> {
    let has_probe = rule(recipe, learned).is_some();
    Plan {
        fingerprint: &recipe.fingerprint,
        secret_tag,
        renewal: &recipe.renewal,
        has_probe,
    }
}

/// How to probe this session by plain HTTP: as the recipe says, else as was learned with this recipe.
fn rule(recipe: &Recipe, learned: &Learned) -> Option<Rule> {
    let learned = learned
        .rule
        .clone()
        .filter(|_| learned.fingerprint == recipe.fingerprint);
    recipe.probe.as_ref().map(Rule::from).or(learned)
}

/// The tag of an account's secret: the same for all its sessions, because the site counts them together.
fn tag(key: &SessionKey, credentials: &Credentials) -> u16 {
    let account = SessionKey {
        within: None,
        ..key.clone()
    };
    secret_tag(account.to_string().as_bytes(), credentials)
}

fn unknown(key: &SessionKey) -> Failure {
    let message = format!(
        "there is no recipe for {key}; write sites/{}.toml",
        key.site
    );
    Failure::new(FailureClass::RecipeWrong, message)
}

fn busy(key: &SessionKey) -> Failure {
    let message = format!("another process is at {key} and did not finish in time");
    Failure::new(FailureClass::Timeout, message)
}
