//! One renewal from beginning to end: decision, probe, browser, file, record.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::news::News;
use super::slots::Slot;
use super::worker::{How, Kept, Renewer};
use super::{
    Cause, Decision, Event, Ledger, Outcome, Plan, Reason, apply, decide, enough, line, mark,
    secret_tag, spent, urgency, verdict,
};
use crate::codes::Outside;
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::login::{self, Attempt, Failed, Learned, Liveness, Means, Prober, Rule};
use crate::secret::{Credentials, Redactor};
use crate::session::expiry::ends_at;
use crate::session::{Counter, Files, FilesError, Lease, StorageState};
use crate::sites::Recipe;
use crate::sites::recipe::Account;
use crate::vault::{self, must_seal};
use crate::watch::Settings;

/// Looks and acts in one renewal before it gives up: probe, visit, login, and one more look.
const ROUNDS: usize = 6;
/// How long after its own deadline a login is given up from outside.
const GRACE: Duration = Duration::from_secs(20);

/// One renewal at work: the account's lease is held as long as it lives.
pub(super) struct Work<'a> {
    pub(super) renewer: &'a Renewer,
    /// As the recipe wants its states kept, once [`Work::settle`] has seen to it.
    pub(super) files: Files,
    pub(super) key: &'a SessionKey,
    pub(super) recipe: Arc<Recipe>,
    pub(super) account: Account,
    pub(super) settings: Arc<Settings>,
    pub(super) lease: Lease,
    pub(super) cause: Cause,
    /// When it began, and why: [`Work::cause`] changes on the way.
    pub(super) began: (Instant, Cause),
    /// The folder with what was seen, where the login failed.
    pub(super) artefacts: Option<PathBuf>,
}

impl Work<'_> {
    /// Brings what is kept of the account into the form that the recipe wants: sealed or plain.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        let files = &self.renewer.files;
        if self.recipe.sealed {
            let seal = self.renewer.seal_or_new(&self.settings).await?;
            self.files = files.sealed(seal);
            self.files.seal_plain(&self.lease)?;
        } else if files.has_sealed(self.key)? {
            let seal = must_seal(self.renewer.reach(&self.settings)).await?;
            files.sealed(seal).unseal(&self.lease)?;
        }
        Ok(())
    }

    pub(super) async fn run(&mut self) -> Result<(How, Option<Failure>), Failure> {
        let mut kept = self.renewer.kept(self.key)?;
        if let Err(failure) = self.settle().await {
            return self.failed(&mut kept, failure);
        }
        let files = self.files.clone();
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
            let plan = plan(&self.recipe, &kept.learned, tag);
            match decide(self.now(), &kept.record, &plan, self.cause) {
                Decision::Keep { .. } => return Ok((how, None)),
                Decision::Hold { why, .. } if how == How::LoggedIn => {
                    // The session is there; what holds is only whether it will be made again.
                    tracing::warn!(site = %self.key, "logged in, but not again by itself: {why}");
                    return Ok((how, None));
                }
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

    /// Names of the cookies whose end is the session's end.
    pub(super) fn matter<'k>(&'k self, kept: &'k Kept) -> &'k [String] {
        match self.recipe.cookies.is_empty() {
            true => &kept.learned.matter,
            false => &self.recipe.cookies,
        }
    }

    /// When a state ends that has just been made.
    pub(super) fn end(&self, state: &StorageState, learned: &Learned) -> Option<DateTime<Utc>> {
        match self.recipe.cookies.is_empty() {
            true => ends_at(state, &learned.matter),
            false => ends_at(state, &self.recipe.cookies),
        }
    }

    /// Remembers a failure, and fails with it.
    fn failed<T>(&self, kept: &mut Kept, failure: Failure) -> Result<T, Failure> {
        let artefacts = None;
        let outcome = Outcome::Failed {
            failure: &failure,
            artefacts,
        };
        self.note(kept, outcome, None)?;
        Err(failure)
    }

    fn now(&self) -> DateTime<Utc> {
        (self.renewer.clock)()
    }

    /// The state of the site, by plain HTTP where that tells, else by the browser.
    pub(super) async fn look(
        &self,
        learned: &Learned,
        state: &StorageState,
    ) -> Result<Liveness, Failure> {
        let lenient = self.recipe.ignore_https_errors;
        if let Some(rule) = rule(&self.recipe, learned) {
            return Ok(self.prober().probe(&rule, state, lenient).await);
        }
        let kept = self.renewer.kept(self.key)?;
        let plan = plan(&self.recipe, learned, None);
        let config = &self.settings.config.browser;
        let _slot = self
            .renewer
            .slots
            .take(urgency(self.now(), &kept.record, &plan), config.contexts)
            .await;
        login::alive(
            self.means(&self.prober()),
            &self.recipe,
            learned,
            state,
            self.deadline(),
        )
        .await
    }

    pub(super) fn prober(&self) -> Prober {
        self.renewer
            .prober
            .within(self.settings.config.renewal.probe_timeout)
    }

    pub(super) fn means<'m>(&'m self, prober: &'m Prober) -> Means<'m> {
        let (browser, config) = (&self.renewer.browser, &self.settings.config.browser);
        Means {
            browser,
            config,
            prober,
            clock: self.renewer.clock,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
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
                let expires_at = ends_at(renewed.as_ref().unwrap_or(state), self.matter(kept));
                self.note(kept, Outcome::Alive { expires_at }, None)
            }
            Liveness::Out(seen) => {
                tracing::info!(site = %self.key, "the session is dead: {seen}");
                self.note(kept, Outcome::Dead, None)
            }
            Liveness::Unknown(failure) => self.failed(kept, failure),
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
        if let (Some(state), Some(rule)) = (alive, rule(&self.recipe, &kept.learned)) {
            match self
                .prober()
                .probe(&rule, state, self.recipe.ignore_https_errors)
                .await
            {
                Liveness::In(renewed) => {
                    let state = renewed.as_ref().unwrap_or(state);
                    let expires_at = ends_at(state, self.matter(kept));
                    let plan = plan(&self.recipe, &kept.learned, None);
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
                    return self.failed(kept, failure);
                }
            }
        }
        let credentials = match self.credentials(credentials).await {
            Ok(credentials) => credentials.clone(),
            Err(failure) => {
                return self.failed(kept, failure);
            }
        };
        let plan = plan(&self.recipe, &kept.learned, None);
        let config = &self.settings.config.browser;
        let slot = self
            .renewer
            .slots
            .take(urgency(self.now(), &kept.record, &plan), config.contexts)
            .await;
        let seed = state.as_ref();
        let slot = Mutex::new(Some(slot));
        let mut made = self.login(kept, &credentials, seed, reason, &slot).await;
        if let (Ok(visit), Some(_)) = (&made, seed)
            && !visit.submitted
        {
            // Alive, and visited. Where that does not move its end away, only a login does.
            let expires_at = self.end(&visit.state, &visit.learned);
            if !enough(self.now(), &kept.record, &plan, reason, expires_at) {
                made = self.login(kept, &credentials, None, reason, &slot).await;
            }
        }
        if seed.is_some()
            && matches!(&made, Err(failed)
                if failed.failure.class == FailureClass::NotProven && !failed.failure.submitted)
        {
            // The page looked signed in and the session is not: what was kept of it is in the way.
            made = self.login(kept, &credentials, None, reason, &slot).await;
        }
        drop(slot);
        let tag = Some(self.tag(&credentials));
        match made {
            Ok(done) => {
                self.write(&done.state)?;
                let expires_at = self.end(&done.state, &done.learned);
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
                let (failure, redactor) = failed.blotted(&credentials);
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

    /// Whether what serves only once was used. Of a ledger that cannot be read nothing is known; [`Self::spend`] fails then.
    pub(super) fn is_spent(&self, what: &str) -> bool {
        let (site, account) = (&self.key.site, self.key.account.as_ref());
        let ledger = self.renewer.files.read_ledger(site, account);
        let ledger = Ledger::parse(&ledger.unwrap_or_default());
        ledger.is_spent(&mark(account_text(self.key).as_bytes(), what))
    }

    /// Marks it used, for good.
    pub(super) fn spend(&self, what: &str) -> Result<(), Failure> {
        let mark = mark(account_text(self.key).as_bytes(), what);
        let line = spent((self.renewer.clock)(), mark);
        Ok(self.renewer.files.append_ledger(&self.lease, &line)?)
    }

    /// Where codes come from that the site sends.
    pub(super) fn outside<'o>(
        &'o self,
        counter: &'o (dyn Fn() -> Result<Counter, Failure> + Send + Sync),
        waits: &'o (dyn Fn() + Send + Sync),
    ) -> Outside<'o> {
        let reach = self.renewer.reach(&self.settings);
        Outside {
            session: account_text(self.key),
            codes: self.account.code.as_ref(),
            root: reach.root,
            person: self.renewer.person(),
            counter,
            waits,
        }
    }

    /// One login, its submission written to the ledger before it happens and settled after it.
    pub(super) async fn login(
        &self,
        kept: &Kept,
        credentials: &Credentials,
        seed: Option<&StorageState>,
        reason: Reason,
        slot: &Mutex<Option<Slot>>,
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
        let lent = match self.passkey().await {
            Ok(lent) => lent,
            Err(failure) => return Err(Failed::of(failure)),
        };
        let (recipe, learned) = (&*self.recipe, &kept.learned);
        let is_spent = |what: &str| self.is_spent(what);
        let spend = |what: &str| self.spend(what);
        let counter = || Ok(files.counter(&self.lease)?);
        // A login that waits for a person needs no place: what remains of it afterwards is short.
        let waits = || {
            drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
            self.renewer.tell(News::CodeWanted(self.key.clone()));
        };
        let outside = self.outside(&counter, &waits);
        let attempt = Attempt {
            recipe,
            credentials,
            learned,
            passkey: lent.as_ref().map(|lent| &lent.held),
            gate: &gate,
            spent: &is_spent,
            spend: &spend,
            outside: &outside,
        };
        let deadline = self.deadline();
        let prober = self.prober();
        let login = login::establish(self.means(&prober), &attempt, seed, deadline);
        let given_up = deadline + outside.patience() * 2 + GRACE;
        let ended = match tokio::time::timeout_at(given_up, login).await {
            Ok(ended) => ended,
            Err(_) => {
                // Nothing below may wait longer than its deadline; what does is hung.
                let message = "the login did not end in time and was given up";
                let failure = Failure::new(FailureClass::BrowserLost, message).after_submit();
                Err(Failed::of(failure))
            }
        };
        if let Some(lent) = &lent {
            self.give_back(lent);
        }
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
            let reach = self.renewer.reach(&self.settings);
            *known = Some(vault::credentials(&self.account, reach).await?);
        }
        known.as_ref().ok_or_else(|| unknown(self.key))
    }

    pub(super) fn tag(&self, credentials: &Credentials) -> u16 {
        tag(self.key, credentials)
    }

    pub(super) fn write(&self, state: &StorageState) -> Result<(), Failure> {
        self.files.write(&self.lease, self.key, state)?;
        self.renewer
            .shelf
            .drop_states(&self.files.state_path(self.key));
        self.renewer.combine(self.key);
        Ok(())
    }

    pub(super) fn note(
        &self,
        kept: &mut Kept,
        outcome: Outcome<'_>,
        tag: Option<u16>,
    ) -> Result<(), Failure> {
        let learned = kept.learned.clone();
        let plan = plan(&self.recipe, &learned, tag);
        let now = self.now();
        let record = std::mem::take(&mut kept.record);
        kept.record = apply(now, record, &plan, outcome, &mut rand::rng());
        let artefacts = match outcome {
            Outcome::Failed { artefacts, .. } => artefacts,
            _ => None,
        };
        let (began, cause) = self.began;
        kept.record
            .tell_more(now, began.elapsed(), cause, artefacts);
        Ok(self
            .renewer
            .files
            .write_record(&self.lease, self.key, kept)?)
    }

    /// Writes what the page looked like, without the secrets.
    pub(super) fn keep_evidence(
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

pub(super) fn plan<'a>(recipe: &'a Recipe, learned: &Learned, secret_tag: Option<u16>) -> Plan<'a> {
    let learned_here = learned.rule.is_some() && learned.fingerprint == recipe.fingerprint;
    let has_probe = recipe.probe.is_some() || learned_here;
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
pub(super) fn tag(key: &SessionKey, credentials: &Credentials) -> u16 {
    secret_tag(account_text(key).as_bytes(), credentials)
}

/// `SITE` or `SITE:ACCOUNT`.
fn account_text(key: &SessionKey) -> String {
    let account = SessionKey {
        within: None,
        ..key.clone()
    };
    account.to_string()
}

pub(super) fn unknown(key: &SessionKey) -> Failure {
    let message = format!(
        "there is no recipe for {key}; write sites/{}.toml",
        key.site
    );
    Failure::new(FailureClass::RecipeWrong, message)
}
