//! How to get in, and whether we are in.
//!
//! Door: [`establish`] (log in with a browser, prove it, capture the state), [`alive`] (look with a browser whether a
//! state is logged in), [`Prober`] (ask by plain HTTP) and [`fn@explain`] (what would be done on a page, and why). May touch a page and HTTP; knows no schedule and no file.

mod ask;
mod auto;
mod entry;
mod explain;
mod factor;
pub mod form;
mod http;
mod learn;
pub mod passkey;
// As many words in a line as fit.
#[rustfmt::skip]
mod phrases;
mod places;
pub mod probe;
mod prove;
mod sight;
mod step;
mod take;
mod typing;
mod window;
mod words;

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

pub use explain::{Explained, Mention, View, explain};
pub use learn::survey;
pub use probe::{Liveness, Prober, Rule};
use prove::{Inside, holds, known_rule, prove, shows_in};
use typing::open_frames;

use crate::browser::snapshot::Snapshot;
use crate::browser::{Authenticator, Browser, BrowserError, Frame, Page, Wanted, shown};
use crate::codes::Outside;
use crate::config::BrowserConfig;
use crate::failure::{Failure, FailureClass, Wants};
use crate::secret::{Credentials, Redactor};
use crate::session::StorageState;
use crate::session::state::Cookie;
use crate::sites::Recipe;

/// How long after the submission a site may take to give the session, scripts and second hops included.
const GIVE: Duration = Duration::from_secs(20);
/// How long nothing may move before a page counts as settled.
const QUIET: Duration = Duration::from_millis(100);
/// How long to wait for a change before the same question is asked again.
const AGAIN: Duration = Duration::from_millis(300);

/// What one logs in with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The browser.
    pub browser: &'a Browser,
    /// How it is to be run.
    pub config: &'a BrowserConfig,
    /// Plain HTTP.
    pub prober: &'a Prober,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

/// One try to get in.
pub struct Attempt<'a> {
    /// How.
    pub recipe: &'a Recipe,
    /// With what.
    pub credentials: &'a Credentials,
    /// What earlier logins taught.
    pub learned: &'a Learned,
    /// The account's passkey, where it has one here.
    pub passkey: Option<&'a passkey::Held>,
    /// Asked before the password is typed; an error stops the attempt. The login ledger stands behind it.
    pub gate: &'a (dyn Fn() -> Result<(), Failure> + Send + Sync),
    /// Whether what serves only once (a recovery code, a step of a TOTP secret) was used.
    pub spent: &'a (dyn Fn(&str) -> bool + Send + Sync),
    /// Marks it used, for good, before it is typed.
    pub spend: &'a (dyn Fn(&str) -> Result<(), Failure> + Send + Sync),
    /// Where codes come from that the site sends.
    pub outside: &'a Outside<'a>,
}

/// What logins teach about a site. Kept beside the session's record; holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// The recipe that it was learned with; with another it counts for nothing.
    pub fingerprint: String,
    /// How to probe, where plain HTTP tells.
    pub rule: Option<Rule>,
    /// Where the site leads after a login, without its query.
    pub landing: Option<Url>,
    /// Names of the cookies that came with the login: their end is the session's end.
    pub matter: Vec<String>,
    /// How far the site's clock was ahead at the last one-time code that it took, in seconds; `None`: it took none yet.
    pub code_shift: Option<i64>,
}

/// A logged-in state, proven.
#[derive(Debug)]
pub struct Established {
    /// The state.
    pub state: StorageState,
    /// What was learned, for next time.
    pub learned: Learned,
    /// Whether credentials were submitted; otherwise the state that it began with was still alive.
    pub submitted: bool,
    /// Where else the signed-in page could be asked, see [`survey`].
    pub offers: Vec<Url>,
}

/// A failed attempt, and what the page looked like.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub failure: Failure,
    /// `None` where there was no page.
    pub evidence: Option<Evidence>,
    /// The codes that were typed and what was secret in the links that were opened, to be blotted out of it.
    pub typed: Vec<SecretString>,
}

impl Failed {
    /// A failure without a page to look at.
    pub(crate) fn of(failure: Failure) -> Box<Self> {
        Box::new(Self {
            failure,
            evidence: None,
            typed: Vec::new(),
        })
    }

    /// The failure without the secrets of these credentials and what was typed; and what blots them out of the evidence.
    pub(crate) fn blotted(&self, credentials: &Credentials) -> (Failure, Redactor) {
        let mut redactor = Redactor::of(credentials);
        for code in &self.typed {
            redactor.add(code.expose_secret());
        }
        let mut failure = self.failure.clone();
        failure.message = redactor.blot(&failure.message);
        (failure, redactor)
    }
}

/// What a failure leaves for a person to look at. Not yet blotted.
#[derive(Debug)]
pub struct Evidence {
    /// PNG of the page, fields masked.
    pub screenshot: Option<Vec<u8>>,
    /// Its DOM as HTML.
    pub html: Option<String>,
    /// Its console.
    pub console: Vec<String>,
}

#[derive(Default)]
struct Progress {
    submitted_at: Option<Instant>,
    factor: factor::Stage,
    /// With the account's passkey in it.
    authenticator: Option<Authenticator>,
    /// How often that had signed when it was last looked at.
    signed: Option<i64>,
    /// What the page showed before the login, to tell afterwards what it changed.
    before: Option<Snapshot>,
}

impl From<Failure> for Box<Failed> {
    fn from(failure: Failure) -> Self {
        Failed::of(failure)
    }
}

impl From<BrowserError> for Failure {
    fn from(error: BrowserError) -> Self {
        let class = match &error {
            BrowserError::Timeout { .. } | BrowserError::Moved(_) => FailureClass::Timeout,
            BrowserError::Refused { .. } => FailureClass::FormChanged,
            BrowserError::Navigation { code, .. }
                if ["BLOCKED", "SCHEME", "CLIENT_AUTH"]
                    .iter()
                    .any(|word| code.contains(word)) =>
            {
                FailureClass::RecipeWrong
            }
            BrowserError::Navigation { .. } => FailureClass::SiteDown,
            _ => FailureClass::BrowserLost,
        };
        let hint = match &error {
            BrowserError::Navigation { code, .. } if code.contains("CLIENT_AUTH") => {
                "; the site wants a client certificate, and a Chromium without a window has none to give: that takes a \
                 policy of the whole machine (AutoSelectCertificateForUrls) and a certificate in Chromium's own database. \
                 Log in by another way, or import a session that a browser of yours has made"
            }
            BrowserError::Navigation { code, .. } if code.contains("CERT") => {
                "; if this certificate is to be trusted, write ignore_https_errors = true in the recipe"
            }
            BrowserError::Navigation { code, .. } if code.contains("SSL") => {
                "; the site does not speak HTTPS at this address: write http:// in the recipe if that is meant"
            }
            _ => "",
        };
        let failure = Self::new(class, format!("{error}{hint}"));
        match &error {
            BrowserError::Navigation { code, .. } if code.contains("CERT") => {
                failure.wanting(Wants::Certificate)
            }
            _ => failure,
        }
    }
}

/// Logs in, or finds that `seed` is still logged in, and gives the proven state.
///
/// # Errors
/// [`Failed`] with its class, and the page as it was. Nothing is kept of a session that is not proven.
pub async fn establish(
    means: Means<'_>,
    attempt: &Attempt<'_>,
    seed: Option<&StorageState>,
    deadline: Instant,
) -> Result<Established, Box<Failed>> {
    if let Err(failure) = factor::check(attempt) {
        return Err(Box::new(Failed {
            failure,
            evidence: None,
            typed: Vec::new(),
        }));
    }
    // Sending them is a login, and no login passes by the gate.
    let without = seed.map(http::without_credentials);
    let wanted = Wanted {
        seed: without.as_ref(),
        ignore_https_errors: attempt.recipe.ignore_https_errors,
        deadline,
    };
    let context = match means.browser.context(means.config, wanted).await {
        Ok(context) => context,
        Err(error) => {
            return Err(Box::new(Failed {
                failure: error.into(),
                evidence: None,
                typed: Vec::new(),
            }));
        }
    };
    let mut progress = Progress::default();
    let done = async {
        let inside = Inside {
            means,
            context: &context,
            recipe: attempt.recipe,
            rule: known_rule(attempt),
        };
        enter(&inside, attempt, &mut progress, seed.is_some()).await?;
        prove(means, attempt, &context, &mut progress).await
    };
    let done = done.await;
    if let Some(held) = attempt.passkey {
        let counted = match &progress.authenticator {
            Some(authenticator) => passkey::count(context.page(), authenticator, held).await,
            None => Ok(()),
        };
        match counted {
            Ok(()) => held.end(),
            Err(failure) => {
                tracing::debug!(site = %attempt.recipe.site, "the passkey's count was not seen: {failure}");
            }
        }
    }
    match done {
        Ok(established) => Ok(established),
        Err(mut failure) => {
            failure.submitted |= progress.submitted_at.is_some();
            if matches!(
                failure.class,
                FailureClass::Timeout | FailureClass::BrowserLost
            ) {
                let error = BrowserError::Timeout {
                    what: failure.message.clone(),
                    after_ms: 0,
                };
                if let BrowserError::Lost(_) = means.browser.diagnose(&context, error).await {
                    failure.class = FailureClass::BrowserLost;
                }
            }
            let evidence = match failure.class {
                FailureClass::BrowserLost => None,
                _ => Some(look_closely(context.page()).await),
            };
            let typed = progress.factor.typed;
            Err(Box::new(Failed {
                failure,
                evidence,
                typed,
            }))
        }
    }
}

/// Looks with a browser whether a state is logged in, for sites that plain HTTP cannot tell.
///
/// # Errors
/// The site or the browser did not answer.
pub async fn alive(
    means: Means<'_>,
    recipe: &Recipe,
    learned: &Learned,
    state: &StorageState,
    deadline: Instant,
) -> Result<Liveness, Failure> {
    let wanted = Wanted {
        seed: Some(state),
        ignore_https_errors: recipe.ignore_https_errors,
        deadline,
    };
    let context = means.browser.context(means.config, wanted).await?;
    let url = learned.landing.as_ref().unwrap_or(&recipe.url);
    Ok(match shows_in(context.page(), recipe, url, None).await? {
        Some(_) => {
            let cookies = context.cookies().await?;
            // Some sites give another cookie with every answer, and take the old one no more.
            let had = |new: &Cookie| {
                let same = |old: &Cookie| {
                    (&old.name, &old.domain, &old.path, &old.value)
                        == (&new.name, &new.domain, &new.path, &new.value)
                };
                state.cookies.iter().any(same)
            };
            let renewed = !cookies.iter().all(had);
            Liveness::In(renewed.then(|| StorageState {
                cookies,
                ..state.clone()
            }))
        }
        None => Liveness::Out(format!("{} shows a signed-out page", shown(url))),
    })
}

/// From an empty tab to a page that shows no login form any more.
async fn enter(
    inside: &Inside<'_>,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    seeded: bool,
) -> Result<(), Failure> {
    let (page, recipe) = (inside.context.page(), attempt.recipe);
    let mark = page.mark();
    match page.goto(&recipe.url).await {
        // An answer 401 without a text is an error page of Chromium's own.
        Err(_) if http::asked(page).is_some() => {}
        went => went?,
    }
    answered(page, mark)?;
    page.settle(QUIET, Instant::now() + Duration::from_secs(3))
        .await;
    if seeded && http::asked(page).is_none() && looks_in(page, recipe).await? {
        return Ok(());
    }
    progress.before = Some(snapshot(page, &page.main_frame()).await?);
    passkey::bring(page, attempt, progress).await?;
    if recipe.steps.is_empty() {
        return auto::run(inside, attempt, progress).await;
    }
    let mark = page.mark();
    match step::run(page, attempt, progress).await {
        Ok(()) => Ok(()),
        // What the page says is nearer to the cause than the step that waited in vain.
        Err(failure) if failure.class == FailureClass::FormChanged => {
            let frame = page.main_frame();
            let seen = snapshot(page, &frame).await?;
            let told = match progress.submitted_at {
                Some(_) => sight::verdict(
                    &seen,
                    &page.answers_since(mark),
                    form::find(&seen).is_some(),
                ),
                None => sight::obstacle(&seen),
            };
            Err(match (told, failure.step) {
                (Some(told), Some(step)) => told.at_step(step),
                (Some(told), None) => told,
                (None, _) => failure,
            })
        }
        Err(failure) => Err(failure),
    }
}

/// Whether a seeded page shows that its session lives.
async fn looks_in(page: &Page, recipe: &Recipe) -> Result<bool, Failure> {
    if !recipe.proof.is_empty() {
        return holds(page, recipe).await;
    }
    for frame in open_frames(page, recipe).await? {
        if sight::signed_out(&snapshot(page, &frame).await?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Fails where the document itself was an error of the site.
fn answered(page: &Page, mark: u64) -> Result<(), Failure> {
    let answers = page.answers_since(mark);
    let Some(document) = answers.iter().rev().find(|a| a.document) else {
        return Ok(());
    };
    let class = match document.status {
        429 => FailureClass::Throttled,
        503 if document.retry_after.is_some() => FailureClass::Throttled,
        500.. => FailureClass::SiteDown,
        404 | 410 => FailureClass::FormNotFound,
        _ => return Ok(()),
    };
    let at = Url::parse(&document.url).map_or_else(|_| document.url.clone(), |url| shown(&url));
    let mut failure = Failure::new(class, format!("{at} answered {}", document.status));
    failure.retry_after = document.retry_after;
    Err(failure)
}

/// A snapshot, of the next document where the present one is just going away.
async fn snapshot(page: &Page, frame: &Frame) -> Result<Snapshot, Failure> {
    loop {
        match page.snapshot(frame).await {
            Ok(seen) => return Ok(seen),
            Err(BrowserError::Moved(_)) if Instant::now() < page.deadline() => {
                // A frame inside the page may be gone for good; it shows nothing then.
                if !page.frames().contains(frame) {
                    return Ok(Snapshot::default());
                }
                page.settle(QUIET, Instant::now() + Duration::from_secs(2))
                    .await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn look_closely(page: &Page) -> Evidence {
    const EACH: Duration = Duration::from_secs(8);
    let screenshot = tokio::time::timeout(EACH, page.screenshot())
        .await
        .ok()
        .and_then(Result::ok);
    let html = tokio::time::timeout(EACH, page.html())
        .await
        .ok()
        .and_then(Result::ok);
    Evidence {
        screenshot,
        html,
        console: page.console(),
    }
}
