//! Success is proven, never assumed: by what the page shows, by plain HTTP with the captured cookies alone, or by a fresh
//! context that has only the captured state.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::learn::{offers, survey};
use super::places::cut_parameters;
use super::probe::{Liveness, Prober, Rule};
use super::typing::{allowed, open_frames};
use super::{
    AGAIN, Attempt, Established, GIVE, Learned, Means, Progress, QUIET, answered, form, sight,
    snapshot, step,
};
use crate::browser::snapshot::Snapshot;
use crate::browser::{Context, Page, Wanted};
use crate::failure::{Failure, FailureClass};
use crate::session::StorageState;
use crate::session::state::{Cookie, Extension};
use crate::sites::Recipe;
use crate::sites::recipe::Proof;

/// How long a page may stand still, with the same address and nothing under way, before no session is expected of it.
const STILL: Duration = Duration::from_secs(10);

/// How long a page that asks for a code may be one that has just been answered.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// How this site is probed by plain HTTP, where that is known.
pub(super) fn known_rule(attempt: &Attempt<'_>) -> Option<Rule> {
    let (recipe, learned) = (attempt.recipe, attempt.learned);
    let of_this = learned.fingerprint == recipe.fingerprint;
    let learned = learned.rule.clone().filter(|_| of_this);
    recipe.probe.as_ref().map(Rule::from).or(learned)
}

/// Whether the session is there already: asked by plain HTTP, which is cheaper than a look at the page.
pub(super) struct Inside<'a> {
    pub(super) means: Means<'a>,
    pub(super) context: &'a Context,
    pub(super) recipe: &'a Recipe,
    pub(super) rule: Option<Rule>,
}

impl Inside<'_> {
    pub(super) async fn holds(&self) -> Result<bool, Failure> {
        let Some(rule) = &self.rule else {
            return Ok(false);
        };
        let state = cookies_now(self.means, self.context).await?;
        let lenient = self.recipe.ignore_https_errors;
        match self.means.prober.probe(rule, &state, lenient).await {
            Liveness::In(renewed) => {
                let renewed = renewed.unwrap_or_default().cookies;
                give_back(self.context, &state.cookies, &renewed).await?;
                Ok(true)
            }
            Liveness::Out(_) | Liveness::Unknown(_) => Ok(false),
        }
    }
}

/// The context's cookies as a state.
pub(super) async fn cookies_now(
    means: Means<'_>,
    context: &Context,
) -> Result<StorageState, Failure> {
    let extension = Extension {
        version: 1,
        captured_at: (means.clock)(),
        user_agent: Some(context.user_agent().to_owned()),
        storage: Vec::new(),
        http: context.page().authenticated(),
    };
    Ok(StorageState {
        cookies: context.cookies().await?,
        origins: Vec::new(),
        jarkeeper: Some(extension),
    })
}

/// Puts what an answer to plain HTTP renewed into the context: some sites give another cookie with every answer and take
/// the old one no more.
async fn give_back(context: &Context, had: &[Cookie], now: &[Cookie]) -> Result<(), Failure> {
    let new = now.iter().filter(|cookie| !had.contains(cookie));
    Ok(context.take_cookies(new).await?)
}

/// Waits until the session is proven, and captures it.
pub(super) async fn prove(
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
    let mut moved = Instant::now();
    loop {
        let stands = recipe.proof.is_empty() && moved.elapsed() >= STILL;
        let last = stands || Instant::now() >= until;
        if !page.settle(QUIET, until).await {
            moved = Instant::now();
        }
        if !recipe.proof.is_empty() && !holds(page, recipe).await? {
            "the recipe's proof does not hold".clone_into(&mut seen);
            told(page, recipe, mark, progress).await?;
        } else if known.is_none() && recipe.proof.is_empty() && on_the_way(page).await? {
            "the site waits for an answer on its way".clone_into(&mut seen);
            told(page, recipe, mark, progress).await?;
        } else {
            let mut state = cookies_now(means, context).await?;
            // The same cookies on the same page give the same answer.
            let now = (state.cookies.clone(), page.url(), last);
            if tried.as_ref() != Some(&now) {
                let answer = asked(means.prober, recipe, page, &known, &mut state).await?;
                let renewed = state.cookies != now.0;
                // What a signed-out page gives would push aside what the login is just getting.
                if !matches!(answer, Asked::Out(_)) {
                    give_back(context, &now.0, &state.cookies).await?;
                }
                if tried
                    .as_ref()
                    .is_none_or(|(cookies, url, _)| (cookies, url) != (&now.0, &now.1))
                {
                    moved = Instant::now();
                }
                tried = match renewed {
                    true => Some((context.cookies().await?, now.1, now.2)),
                    false => Some(now),
                };
                match answer {
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
                        let shown = replays(means, recipe, here, &mut done.state, progress).await?;
                        if let Some(shown) = shown {
                            done.learned.landing = Some(shown);
                            let soon = page.deadline().min(Instant::now() + GIVE);
                            done.learned.rule = survey(means, recipe, &mut done, soon).await;
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
            let missed = (!is_empty(&left)).then_some(seen.as_str());
            return Err(sight::unproven(&shows, missed));
        }
        page.changed(until.min(Instant::now() + AGAIN)).await;
    }
}

/// Whether the page is one between the login and the session: an authorization that was not given, an agreement. It may
/// know the user, and is no proof.
async fn on_the_way(page: &Page) -> Result<bool, Failure> {
    let asks = |url: Url| {
        let names: Vec<_> = url
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        has("client_id") && (has("redirect_uri") || has("request_uri")) || has("SAMLRequest")
    };
    if Url::parse(&page.url()).is_ok_and(asks) {
        return Ok(true);
    }
    Ok(sight::asks_agreement(
        &snapshot(page, &page.main_frame()).await?,
    ))
}

/// Whether nothing is in the state that could carry a session.
fn is_empty(state: &StorageState) -> bool {
    let hidden = state.jarkeeper.as_ref().map(|e| e.storage.as_slice());
    let stored = !(state.origins.is_empty() && hidden.unwrap_or_default().is_empty());
    state.cookies.is_empty() && !stored && state.http().is_empty()
}

enum Asked {
    In(Rule),
    Out(String),
    Silent,
}

/// What the answers renew is put into the state.
async fn asked(
    prober: &Prober,
    recipe: &Recipe,
    page: &Page,
    known: &Option<Rule>,
    state: &mut StorageState,
) -> Result<Asked, Failure> {
    if let Some(rule) = known {
        return match prober.probe(rule, state, recipe.ignore_https_errors).await {
            Liveness::In(renewed) => {
                *state = renewed.unwrap_or_else(|| state.clone());
                Ok(Asked::In(rule.clone()))
            }
            Liveness::Out(seen) => Ok(Asked::Out(seen)),
            Liveness::Unknown(failure) => Err(failure),
        };
    }
    let mut candidates: Vec<Url> = Vec::new();
    let here = Url::parse(&page.url())
        .ok()
        .filter(|url| allowed(recipe, &url.origin().ascii_serialization()));
    let here = here.map(|mut url| {
        cut_parameters(&mut url);
        url
    });
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
        cut_parameters(url);
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
        code_shift: progress.factor.shift.or(attempt.learned.code_shift),
    };
    let offers = match known_rule(attempt) {
        None => offers(context.page(), recipe).await,
        Some(_) => Vec::new(),
    };
    Ok(Established {
        state,
        learned,
        submitted,
        offers,
    })
}

/// The URL at which the state alone, in a fresh context, shows a page that is signed in; `None` where none does. The
/// cookies that the site renews there are put into the state.
async fn replays(
    means: Means<'_>,
    recipe: &Recipe,
    here: Option<Url>,
    state: &mut StorageState,
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
        state.cookies = context.cookies().await?;
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
pub(super) async fn shows_in(
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
        let mut seen = snapshot(page, &frame).await?;
        let form_is_back = form::find(&seen).is_some();
        seen.alerts.splice(0..0, page.dialogs_since(mark));
        let fresh = progress
            .submitted_at
            .is_some_and(|at| at.elapsed() < ON_ITS_WAY);
        match sight::verdict(&seen, &page.answers_since(mark), form_is_back) {
            // A code that a step has typed a moment ago may still be on its way.
            Some(failure) if failure.class == FailureClass::CodeWanted && fresh => {}
            Some(failure) => return Err(failure),
            None => {}
        }
        if let Some(failure) = sight::barrier(&seen) {
            return Err(failure);
        }
    }
    Ok(())
}

pub(super) async fn holds(page: &Page, recipe: &Recipe) -> Result<bool, Failure> {
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
