//! How to get in, and whether we are in.
//!
//! Door: [`establish`] (log in with a browser, prove it, capture the state), [`alive`] (look with a browser whether a
//! state is logged in) and [`Prober`] (ask by plain HTTP). May touch a page and HTTP; knows no schedule and no file.

mod auto;
mod form;
pub mod probe;
mod sight;
mod step;
mod totp;
mod words;

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

pub use probe::{Liveness, Prober, Rule};

use crate::browser::snapshot::Snapshot;
use crate::browser::{Browser, BrowserError, Context, Element, Frame, Page, Wanted, shown};
use crate::config::BrowserConfig;
use crate::failure::{Failure, FailureClass};
use crate::secret::Credentials;
use crate::session::StorageState;
use crate::session::state::Extension;
use crate::sites::Recipe;
use crate::sites::recipe::Proof;

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
    /// Asked before the password is typed; an error stops the attempt. The login ledger stands behind it.
    pub gate: &'a (dyn Fn() -> Result<(), Failure> + Send + Sync),
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
    /// Time step of the last one-time code that was typed.
    pub code_step: Option<u64>,
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
}

/// A failed attempt, and what the page looked like.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub failure: Failure,
    /// `None` where there was no page.
    pub evidence: Option<Evidence>,
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
    code_step: Option<u64>,
    /// What the page showed before the login, to tell afterwards what it changed.
    before: Option<Snapshot>,
}

impl From<BrowserError> for Failure {
    fn from(error: BrowserError) -> Self {
        let class = match &error {
            BrowserError::Timeout { .. } | BrowserError::Moved(_) => FailureClass::Timeout,
            BrowserError::Refused { .. } => FailureClass::FormChanged,
            BrowserError::Navigation { code, .. }
                if code.contains("BLOCKED") || code.contains("SCHEME") =>
            {
                FailureClass::RecipeWrong
            }
            BrowserError::Navigation { .. } => FailureClass::SiteDown,
            _ => FailureClass::BrowserLost,
        };
        let hint = match &error {
            BrowserError::Navigation { code, .. } if code.contains("CERT") => {
                "; if this certificate is to be trusted, write ignore_https_errors = true in the recipe"
            }
            BrowserError::Navigation { code, .. } if code.contains("SSL") => {
                "; the site does not speak HTTPS at this address: write http:// in the recipe if that is meant"
            }
            _ => "",
        };
        Self::new(class, format!("{error}{hint}"))
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
    let wanted = Wanted {
        seed,
        ignore_https_errors: attempt.recipe.ignore_https_errors,
        deadline,
    };
    let context = match means.browser.context(means.config, wanted).await {
        Ok(context) => context,
        Err(error) => {
            return Err(Box::new(Failed {
                failure: error.into(),
                evidence: None,
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
    match done.await {
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
            Err(Box::new(Failed { failure, evidence }))
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
        Some(_) => Liveness::In(None),
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
    page.goto(&recipe.url).await?;
    answered(page, mark)?;
    page.settle(QUIET, Instant::now() + Duration::from_secs(3))
        .await;
    if seeded && looks_in(page, recipe).await? {
        return Ok(());
    }
    progress.before = Some(snapshot(page, &page.main_frame()).await?);
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

/// How this site is probed by plain HTTP, where that is known.
fn known_rule(attempt: &Attempt<'_>) -> Option<Rule> {
    let (recipe, learned) = (attempt.recipe, attempt.learned);
    let of_this = learned.fingerprint == recipe.fingerprint;
    let learned = learned.rule.clone().filter(|_| of_this);
    recipe.probe.as_ref().map(Rule::from).or(learned)
}

/// Whether the session is there already: asked by plain HTTP, which is cheaper than a look at the page.
struct Inside<'a> {
    means: Means<'a>,
    context: &'a Context,
    recipe: &'a Recipe,
    rule: Option<Rule>,
}

impl Inside<'_> {
    async fn holds(&self) -> Result<bool, Failure> {
        let Some(rule) = &self.rule else {
            return Ok(false);
        };
        let state = cookies_now(self.means, self.context).await?;
        let lenient = self.recipe.ignore_https_errors;
        let looked = self.means.prober.probe(rule, &state, lenient).await;
        Ok(matches!(looked, Liveness::In(_)))
    }
}

/// The context's cookies as a state.
async fn cookies_now(means: Means<'_>, context: &Context) -> Result<StorageState, Failure> {
    let extension = Extension {
        version: 1,
        captured_at: (means.clock)(),
        user_agent: Some(context.user_agent().to_owned()),
        storage: Vec::new(),
    };
    Ok(StorageState {
        cookies: context.cookies().await?,
        origins: Vec::new(),
        jarkeeper: Some(extension),
    })
}

/// Waits until the session is proven, and captures it.
async fn prove(
    means: Means<'_>,
    attempt: &Attempt<'_>,
    context: &Context,
    progress: &mut Progress,
) -> Result<Established, Failure> {
    let (page, recipe) = (context.page(), attempt.recipe);
    let until = (progress.submitted_at.unwrap_or_else(Instant::now) + GIVE).min(page.deadline());
    let known = known_rule(attempt);
    let mark = page.mark();
    let (mut tried, mut seen) = (None, String::new());
    loop {
        let last = Instant::now() >= until;
        page.settle(QUIET, until).await;
        if !recipe.proof.is_empty() && !holds(page, recipe).await? {
            "the recipe's proof does not hold".clone_into(&mut seen);
            told(page, recipe, mark, progress).await?;
        } else {
            let state = cookies_now(means, context).await?;
            // The same cookies on the same page give the same answer.
            let now = (state.cookies.clone(), page.url(), last);
            if tried.as_ref() != Some(&now) {
                tried = Some(now);
                match asked(means.prober, recipe, page, &known, &state).await? {
                    Asked::In(rule) => {
                        return captured(means, context, attempt, progress, Some(rule)).await;
                    }
                    Asked::Out(what) => seen = what,
                    Asked::Silent
                        if page.settle(AGAIN, until).await
                            // What has come meanwhile is worth the first question again.
                            && (last || tried == Some((context.cookies().await?, page.url(), last))) =>
                    {
                        // Plain HTTP cannot tell. A second look with the captured state alone can.
                        told(page, recipe, mark, progress).await?;
                        let mut done = captured(means, context, attempt, progress, None).await?;
                        let here = Url::parse(&page.url()).ok();
                        let shown = replays(means, recipe, here, &done.state, progress).await?;
                        if let Some(shown) = shown {
                            done.learned.landing = Some(shown);
                            return Ok(done);
                        }
                        seen = "what it left (cookies, localStorage, IndexedDB) does not bring the session back in a fresh browser".to_owned();
                    }
                    Asked::Silent => {}
                }
            }
            told(page, recipe, mark, progress).await?;
        }
        if last {
            let shows = snapshot(page, &page.main_frame()).await?;
            let left = context
                .storage_state((means.clock)(), recipe.indexed_db)
                .await?;
            if is_empty(&left) {
                let message = "the login went through, but the site left nothing to keep (no cookie, no web storage): it knows the user only within the page, so there is no session to save";
                return Err(Failure::new(FailureClass::NotProven, message));
            }
            return Err(sight::unproven(&shows, &seen));
        }
        page.changed(until.min(Instant::now() + AGAIN)).await;
    }
}

/// Whether nothing is in the state that could carry a session.
fn is_empty(state: &StorageState) -> bool {
    let hidden = state.jarkeeper.as_ref().map(|e| e.storage.as_slice());
    state.cookies.is_empty() && state.origins.is_empty() && hidden.unwrap_or_default().is_empty()
}

enum Asked {
    In(Rule),
    Out(String),
    Silent,
}

async fn asked(
    prober: &Prober,
    recipe: &Recipe,
    page: &Page,
    known: &Option<Rule>,
    state: &StorageState,
) -> Result<Asked, Failure> {
    if let Some(rule) = known {
        return match prober.probe(rule, state, recipe.ignore_https_errors).await {
            Liveness::In(_) => Ok(Asked::In(rule.clone())),
            Liveness::Out(seen) => Ok(Asked::Out(seen)),
            Liveness::Unknown(failure) => Err(failure),
        };
    }
    let mut candidates: Vec<Url> = Vec::new();
    let here = Url::parse(&page.url())
        .ok()
        .filter(|url| allowed(recipe, &url.origin().ascii_serialization()));
    for mut url in here.into_iter().chain([recipe.url.clone()]) {
        url.set_fragment(None);
        // What a sign-on sends back serves once and is a secret.
        let spent = url
            .query_pairs()
            .any(|(name, _)| ["code", "ticket", "token", "state"].contains(&&*name));
        if !spent && !candidates.contains(&url) {
            candidates.push(url);
        }
    }
    let rule = prober
        .learn(&candidates, state, recipe.ignore_https_errors)
        .await?;
    Ok(rule.map_or(Asked::Silent, Asked::In))
}

async fn captured(
    means: Means<'_>,
    context: &Context,
    attempt: &Attempt<'_>,
    progress: &Progress,
    rule: Option<Rule>,
) -> Result<Established, Failure> {
    let recipe = attempt.recipe;
    let mut landing = Url::parse(&context.page().url()).ok();
    if let Some(url) = &mut landing {
        url.set_query(None);
        url.set_fragment(None);
    }
    let state = context
        .storage_state((means.clock)(), recipe.indexed_db)
        .await?;
    let submitted = progress.submitted_at.is_some();
    let matter = match submitted || attempt.learned.matter.is_empty() {
        // Scripts read what is not HttpOnly: preferences, CSRF tokens. Sessions are the others, where there are any.
        true => {
            let names = |hidden: bool| -> Vec<String> {
                let chosen = state.cookies.iter().filter(|c| c.http_only || !hidden);
                chosen.map(|c| c.name.clone()).collect()
            };
            let hidden = names(true);
            if hidden.is_empty() {
                names(false)
            } else {
                hidden
            }
        }
        false => attempt.learned.matter.clone(),
    };
    let learned = Learned {
        fingerprint: recipe.fingerprint.clone(),
        rule: rule.filter(|_| recipe.probe.is_none()),
        landing: landing.or_else(|| attempt.learned.landing.clone()),
        matter,
        code_step: progress.code_step.or(attempt.learned.code_step),
    };
    Ok(Established {
        state,
        learned,
        submitted,
    })
}

/// The URL at which the state alone, in a fresh context, shows a page that is signed in; `None` where none does.
async fn replays(
    means: Means<'_>,
    recipe: &Recipe,
    here: Option<Url>,
    state: &StorageState,
    progress: &Progress,
) -> Result<Option<Url>, Failure> {
    let deadline = Instant::now() + GIVE * 2;
    let here = here
        .filter(|url| allowed(recipe, &url.origin().ascii_serialization()) && *url != recipe.url);
    // An application that never left its login page shows it again to everybody who opens that.
    for url in here.into_iter().chain([recipe.url.clone()]) {
        let ignore_https_errors = recipe.ignore_https_errors;
        let wanted = Wanted {
            seed: Some(state),
            ignore_https_errors,
            deadline,
        };
        let context = means.browser.context(means.config, wanted).await?;
        let before = progress.before.as_ref();
        let Some(seen) = shows_in(context.page(), recipe, &url, before).await? else {
            continue;
        };
        drop(context);
        if !recipe.proof.is_empty() || seen != stranger_sees(means, recipe, &url, deadline).await? {
            return Ok(Some(url));
        }
    }
    Ok(None)
}

/// What a page says to one who has no session: where that is the same, the page proves nothing.
async fn stranger_sees(
    means: Means<'_>,
    recipe: &Recipe,
    url: &Url,
    deadline: Instant,
) -> Result<String, Failure> {
    let ignore_https_errors = recipe.ignore_https_errors;
    let wanted = Wanted {
        seed: None,
        ignore_https_errors,
        deadline,
    };
    let context = means.browser.context(means.config, wanted).await?;
    let page = context.page();
    page.goto(url).await?;
    page.settle(
        AGAIN * 2,
        (Instant::now() + Duration::from_secs(3)).min(deadline),
    )
    .await;
    Ok(snapshot(page, &page.main_frame()).await?.text)
}

/// Opens a URL and gives the text of the page, where it is one that a signed-in person sees.
async fn shows_in(
    page: &Page,
    recipe: &Recipe,
    url: &Url,
    before: Option<&Snapshot>,
) -> Result<Option<String>, Failure> {
    let mark = page.mark();
    page.goto(url).await?;
    answered(page, mark)?;
    let until = (Instant::now() + Duration::from_secs(8)).min(page.deadline());
    let (mut stable, mut refused) = (0, 0);
    loop {
        let settled = page.settle(AGAIN, until).await;
        let seen = snapshot(page, &page.main_frame()).await?;
        let out = sight::signed_out(&seen);
        let shows = match recipe.proof.is_empty() {
            false => holds(page, recipe).await?,
            true => {
                // A page that is as public before as after proves nothing.
                let differs =
                    before.is_none_or(|b| sight::signed_out(b) || form::offers_sign_out(&seen));
                differs && !out && !seen.text.is_empty()
            }
        };
        // Applications draw their login form only after they have asked their server, and some draw it before.
        stable = if shows { stable + 1 } else { 0 };
        refused = if settled && out && !shows {
            refused + 1
        } else {
            0
        };
        if stable >= 2 {
            return Ok(Some(seen.text));
        }
        if refused >= 5 || Instant::now() >= until {
            return Ok(None);
        }
        page.changed((Instant::now() + AGAIN).min(until)).await;
    }
}

/// Fails where the page tells that the login was refused.
async fn told(page: &Page, recipe: &Recipe, mark: u64, progress: &Progress) -> Result<(), Failure> {
    page.loaded()?;
    if progress.submitted_at.is_none() {
        return Ok(());
    }
    for frame in open_frames(page, recipe).await? {
        let seen = snapshot(page, &frame).await?;
        let form_is_back = form::find(&seen).is_some();
        if let Some(failure) = sight::verdict(&seen, &page.answers_since(mark), form_is_back) {
            return Err(failure);
        }
    }
    Ok(())
}

async fn holds(page: &Page, recipe: &Recipe) -> Result<bool, Failure> {
    let frame = page.main_frame();
    for proof in &recipe.proof {
        let holds = match proof {
            Proof::Url(part) => page.url().contains(part.as_str()),
            Proof::Visible(locator) => step::is_visible(page, &frame, locator).await?,
            Proof::Cookie(name) => page.has_cookie(name).await?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether credentials may be typed on this origin: the recipe's own, the same host by HTTPS, or one that it allows.
fn allowed(recipe: &Recipe, origin: &str) -> bool {
    let mut secure = recipe.url.clone();
    let upgraded =
        secure.scheme() == "http" && secure.port().is_none() && secure.set_scheme("https").is_ok();
    origin == recipe.url.origin().ascii_serialization()
        || upgraded && origin == secure.origin().ascii_serialization()
        || recipe.allowed_origins.iter().any(|other| other == origin)
}

/// The page's frames on which credentials may be typed. None, where the page itself is elsewhere.
async fn open_frames(page: &Page, recipe: &Recipe) -> Result<Vec<Frame>, Failure> {
    let mut frames = page.frames();
    if !frames
        .first()
        .is_some_and(|main| allowed(recipe, &main.origin))
    {
        return Ok(Vec::new());
    }
    frames.retain(|frame| allowed(recipe, &frame.origin));
    Ok(frames)
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

/// Types the password, after the gate has opened, and only where the recipe allows it.
async fn type_password(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
) -> Result<(), Failure> {
    // What the events have told may be a moment old; a secret waits for the present.
    let frames = page.frames_now().await?;
    let around = frames
        .first()
        .map(|main| main.origin.clone())
        .unwrap_or_default();
    let own = frames
        .iter()
        .find(|f| **f == element.frame)
        .map(|f| f.origin.clone())
        .unwrap_or_default();
    for origin in [around, own] {
        if !allowed(attempt.recipe, &origin) {
            let message = format!(
                "the password field is on {origin}, and the recipe allows it only on {}; if the site's login really is there, add the origin to allowed_origins",
                attempt.recipe.url.origin().ascii_serialization()
            );
            return Err(Failure::new(FailureClass::RecipeWrong, message));
        }
    }
    for target in page.targets(element).await? {
        let url = Url::parse(&target).ok();
        // A script that takes the form over writes "javascript:" here, and stays on the page.
        let stays = |url: &Url| url.scheme() == "javascript";
        let origin = url.as_ref().map(|url| url.origin().ascii_serialization());
        if !url.as_ref().is_some_and(stays) && !origin.is_some_and(|o| allowed(attempt.recipe, &o))
        {
            let to = url.as_ref().map_or(target, shown);
            let message = format!(
                "the login form sends the password to {to}, and the recipe allows it only on {}; if that is right, add the origin to allowed_origins",
                attempt.recipe.url.origin().ascii_serialization()
            );
            return Err(Failure::new(FailureClass::RecipeWrong, message));
        }
    }
    if progress.submitted_at.is_none() {
        (attempt.gate)()?;
        progress.submitted_at = Some(Instant::now());
    }
    page.fill(element, attempt.credentials.password.expose_secret())
        .await?;
    progress.submitted_at = Some(Instant::now());
    Ok(())
}

/// Types the account's one-time code, waiting for the next where the present one is spent.
async fn type_code(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
) -> Result<(), Failure> {
    let Some(secret) = &attempt.credentials.totp else {
        let message = "the site asks for a one-time code; give its secret to the recipe: totp = { env = \"…\" }";
        return Err(Failure::new(FailureClass::CodeWanted, message));
    };
    let used = progress.code_step.or(attempt.learned.code_step);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let code = totp::code(secret, now, used)?;
    tokio::time::sleep(Duration::from_secs(code.wait)).await;
    progress.code_step = Some(code.step);
    page.fill(element, code.digits.expose_secret()).await?;
    progress.submitted_at = Some(Instant::now());
    Ok(())
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
