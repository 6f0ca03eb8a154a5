//! Logging in without steps: look at the page, do the next thing, look again; never the same thing twice.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::browser::snapshot::Snapshot;
use crate::browser::{Answer, Frame, Page, shown};
use crate::failure::{Failure, FailureClass, Wants};

use super::ask;
use super::entry::{SIGN, fill, key, submit};
use super::factor::{self, Place};
use super::form::{self, LoginForm};
use super::prove::Inside;
use super::take::{Offer, Offers, uncover};
use super::typing::open_frames;
use super::window::{come_back, opens, window};
use super::{AGAIN, Attempt, Progress, QUIET, http, passkey, sight, snapshot};

/// How long a page may take to show a form.
const FORM: Duration = Duration::from_secs(12);
/// How long a settled page without a form is believed to get one.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most things that are done between the URL and the session.
const STEPS: usize = 20;

/// What the page asks for.
enum Ask {
    Login(Frame, Box<Snapshot>, LoginForm),
    Code(Frame, Box<Snapshot>, Place),
    Link,
    Trigger(Frame, usize),
    Http(Answer),
    Offer(Offer),
    Window(Box<Page>),
    Nothing,
}

pub(super) async fn run(
    inside: &Inside<'_>,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut way = Way::default();
    let page = inside.context.page();
    page.agree(ask::agrees);
    walk(inside, page, attempt, progress, &mut way).await
}

/// What was done so far, in every window.
#[derive(Default)]
pub(super) struct Way {
    done: HashSet<String>,
    pub(super) entered: bool,
    steps: usize,
    /// Windows that were looked at.
    pub(super) windows: Vec<String>,
    /// The origin of a window in which no credentials are allowed.
    pub(super) foreign: Option<String>,
}

async fn walk(
    inside: &Inside<'_>,
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    way: &mut Way,
) -> Result<(), Failure> {
    while way.steps < STEPS {
        way.steps += 1;
        if way.entered && inside.holds().await? {
            return Ok(());
        }
        // A window of the page's own has no authenticator.
        if std::ptr::eq(page, inside.context.page())
            && passkey::sign_in(page, attempt, progress, &mut way.done).await?
        {
            way.entered = true;
            continue;
        }
        match ask(inside, page, attempt, way).await? {
            Ask::Login(frame, mut seen, mut form) => {
                let button = form.submit.map(|at| seen.buttons[at].node);
                let last = form
                    .password
                    .or(form.username)
                    .map(|at| seen.fields[at].node);
                if let Some(node) = button.or(last)
                    && uncover(page, &frame, node, &mut way.done).await?
                {
                    continue;
                }
                factor::prepare(attempt, progress).await?;
                let code = factor::asked(&seen);
                let known = factor::at_once(attempt, progress);
                let place = match form.password {
                    // Where names and addresses change with every answer, a refused password would go on and on.
                    Some(_) => format!("password {}", frame.origin),
                    None => key(&seen, &form),
                };
                let again = !way.done.insert(place.clone());
                let code = code.filter(|_| known && way.done.insert(format!("code {place}")));
                // The same fields at the same place were filled already: the site is asking again, unless it asks
                // for a code beside them now.
                if again && code.is_none() {
                    let answers = page.answers_since(0);
                    let told = sight::verdict(&seen, &answers, true);
                    let message = format!(
                        "the login form is shown again: {}",
                        sight::quote(&seen.text)
                    );
                    let told = told
                        .unwrap_or_else(|| Failure::new(FailureClass::WrongCredentials, message));
                    return Err(factor::blame(progress, told));
                }
                fill(page, attempt, progress, &frame, &mut seen, &mut form).await?;
                // The page may have been drawn anew meanwhile, and its fields counted anew.
                if let Some(code) = code.and_then(|_| factor::asked(&seen)) {
                    let sent = page.requests_sent();
                    factor::beside(page, attempt, progress, &frame, &seen, &code).await?;
                    // Many pages go on by themselves at the last digit.
                    if page.sends(sent, Instant::now() + AGAIN * 2).await {
                        page.settle(QUIET, page.deadline()).await;
                        way.entered = true;
                        continue;
                    }
                }
                way.entered |= form.password.is_some();
                let refused = submit(inside, page, &frame, &seen, &form).await?;
                if let Some(failure) = refused {
                    return Err(factor::blame(progress, failure));
                }
            }
            Ask::Code(frame, seen, place) => {
                let node = seen.fields[place.first()].node;
                if uncover(page, &frame, node, &mut way.done).await? {
                    continue;
                }
                factor::answer(page, attempt, progress, &frame, &seen, &place).await?;
                way.entered = true;
            }
            Ask::Link => {
                if !factor::may_follow(attempt, progress)? {
                    return Ok(());
                }
                factor::wait_for_link(page, attempt, progress).await?;
                way.entered = true;
            }
            Ask::Trigger(frame, button) => {
                if uncover(page, &frame, button, &mut way.done).await? {
                    continue;
                }
                way.done.insert(format!("trigger {}", page.url()));
                let element = page.node(&frame, button).await?;
                page.click(&element).await?;
                page.settle(QUIET, Instant::now() + SIGN).await;
            }
            Ask::Http(answer) => {
                http::enter(page, attempt, progress, &answer).await?;
                way.entered = true;
            }
            Ask::Offer(offer) => {
                way.done.insert(offer.key(page));
                offer.take(page).await?;
            }
            Ask::Window(window) => {
                way.windows.push(window.name().to_owned());
                window.agree(ask::agrees);
                let walked = Box::pin(walk(inside, &window, attempt, progress, way)).await;
                // A window that has done its work closes, whatever was just being asked of it; that it is gone may be
                // told after the question has failed.
                let gone = match walked {
                    Ok(()) => window.is_gone(),
                    Err(_) => window.goes(Instant::now() + AGAIN * 2).await,
                };
                if !gone {
                    walked?;
                    come_back(inside, page, &window, attempt, way).await?;
                }
            }
            Ask::Nothing => return Ok(()),
        }
    }
    let seen = snapshot(page, &page.main_frame()).await?;
    let message = format!(
        "after {STEPS} steps the site still asks for more: {}; describe the login with steps",
        sight::quote(&seen.text)
    );
    Err(Failure::new(FailureClass::FormNotFound, message))
}

/// Waits until the page asks for something, or, after the login, until it asks for nothing more.
async fn ask(
    inside: &Inside<'_>,
    page: &Page,
    attempt: &Attempt<'_>,
    way: &mut Way,
) -> Result<Ask, Failure> {
    let entered = way.entered;
    let until = (Instant::now() + FORM).min(page.deadline());
    let mut still = Instant::now();
    let mut elsewhere = None;
    loop {
        if let Some(window) = window(inside, page, attempt, way).await? {
            return Ok(Ask::Window(window));
        }
        let done = &way.done;
        let frames = open_frames(page, attempt.recipe).await?;
        if frames.is_empty() {
            let origin = page.main_frame().origin;
            elsewhere = Some(origin);
        }
        let mut main = None;
        for frame in frames {
            let seen = snapshot(page, &frame).await?;
            let code = factor::asked(&seen);
            // "The code that we sent to your e-mail" is no username.
            let login = form::find(&seen)
                .filter(|form| form.password.is_some() || form.username.map(Place::Field) != code);
            if let Some(form) = login {
                if let Some(failure) = sight::obstacle(&seen) {
                    return Err(failure);
                }
                return Ok(Ask::Login(frame, Box::new(seen), form));
            }
            if let Some(place) = code {
                // A code that nobody has is passed by where a password does as well.
                if !entered
                    && !factor::has_source(attempt)
                    && let Some(offer) = Offers::of(page, &frame, &seen, done).await?.password_way()
                {
                    return Ok(Ask::Offer(offer));
                }
                return Ok(Ask::Code(frame, Box::new(seen), place));
            }
            main.get_or_insert((frame, seen));
        }
        if let Some(answer) = http::asked(page) {
            return Ok(Ask::Http(answer));
        }
        let settled = page.settle(AGAIN, until).await;
        if !settled {
            still = Instant::now();
        }
        // A window that is on its way is not there at once.
        let patience = match opens(inside, page, way) {
            true => FORM,
            false => PATIENCE,
        };
        let waited = still.elapsed() >= patience || Instant::now() >= until;
        let mail = settled
            && !done.is_empty()
            && main
                .as_ref()
                .is_some_and(|(_, seen)| factor::awaits_link(seen));
        if mail && attempt.outside.is_there() {
            return Ok(Ask::Link);
        }
        let long = still.elapsed() >= AGAIN * 2;
        let offers = match &main {
            Some((frame, seen)) if settled && (entered || long) || waited => {
                Some(Offers::of(page, frame, seen, done).await?)
            }
            _ => None,
        };
        if let Some(offers) = &offers
            && let Some(offer) = offers.next(attempt, entered)?
        {
            return Ok(Ask::Offer(offer));
        }
        // Nothing else gets in: what is missing is said.
        if mail && !entered && long {
            return Ok(Ask::Link);
        }
        // A page that is never still is a page all the same; whether it is signed in is for the proof to say.
        if entered && (settled || waited) {
            return Ok(Ask::Nothing);
        }
        if let Some((frame, seen)) = &main
            && settled
        {
            if let Some(failure) = sight::obstacle(seen) {
                return Err(failure);
            }
            let again = done.contains(&format!("trigger {}", page.url()));
            if let Some(button) = form::find_trigger(seen).filter(|_| !again && long) {
                return Ok(Ask::Trigger(frame.clone(), seen.buttons[button].node));
            }
            if let Some(offer) = offers.as_ref().and_then(Offers::last) {
                return Ok(Ask::Offer(offer));
            }
        }
        if waited {
            let main = main.map(|(_, seen)| seen);
            let main = main.filter(|_| way.foreign.is_none());
            return Err(none(page, way.foreign.take().or(elsewhere), main, attempt));
        }
        page.changed((Instant::now() + AGAIN).min(until)).await;
    }
}

fn none(
    page: &Page,
    elsewhere: Option<String>,
    seen: Option<Snapshot>,
    attempt: &Attempt<'_>,
) -> Failure {
    let at = url::Url::parse(&page.url()).map_or_else(|_| page.url(), |url| shown(&url));
    if let (Some(origin), None) = (elsewhere, &seen) {
        let own = attempt.recipe.url.origin().ascii_serialization();
        let message = format!(
            "the site led from {own} to {origin}, where the recipe does not allow to log in; if that is right, add it to allowed_origins or write it as url (localhost and 127.0.0.1 are different hosts)"
        );
        return Failure::new(FailureClass::RecipeWrong, message).wanting(Wants::Origin(origin));
    }
    if let Some(failure) = seen
        .as_ref()
        .and_then(|seen| passkey::wanted(seen, attempt))
    {
        return failure;
    }
    let text = seen.map(|s| sight::quote(&s.text)).unwrap_or_default();
    let message = format!(
        "there is no login form that can be recognised at {at}; the page says {text}. Check url, or describe the login with steps"
    );
    Failure::new(FailureClass::FormNotFound, message)
}
