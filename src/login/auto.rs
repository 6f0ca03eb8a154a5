//! Logging in without steps: look at the page, do the next thing, look again; never the same thing twice.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::browser::snapshot::Snapshot;
use crate::browser::{Answer, BrowserError, Element, Frame, Page, shown};
use crate::failure::{Failure, FailureClass, Wants};

use super::ask::{self, must_tick, remember_me};
use super::factor::{self, Place};
use super::form::{self, LoginForm};
use super::prove::Inside;
use super::take::{Offer, Offers, uncover};
use super::typing::{allowed, open_frames, origins, type_password};
use super::{AGAIN, Attempt, Progress, QUIET, http, passkey, sight, snapshot};

/// How long a page may take to show a form.
const FORM: Duration = Duration::from_secs(12);
/// How long a settled page without a form is believed to get one.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most things that are done between the URL and the session.
const STEPS: usize = 20;
/// How long a submission may go without any sign before it is tried with the Enter key.
const SIGN: Duration = Duration::from_secs(3);
/// How often a field may be drawn anew while it is being filled.
const REDRAWN: usize = 3;

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
struct Way {
    done: HashSet<String>,
    entered: bool,
    steps: usize,
    /// Windows that were looked at.
    windows: Vec<String>,
    /// The origin of a window in which no credentials are allowed.
    foreign: Option<String>,
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
                let place = key(&seen, &form);
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

fn key(seen: &Snapshot, form: &LoginForm) -> String {
    let signature = |at: Option<usize>| {
        at.map(|at| seen.fields[at].signature.as_str())
            .unwrap_or_default()
    };
    let url = seen.url.split(['?', '#']).next().unwrap_or_default();
    format!(
        "{url} {} {}",
        signature(form.username),
        signature(form.password)
    )
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

/// Fills the fields. Where the page draws its form anew when a field gets or loses the focus, `seen` and `form` become
/// what is there then.
async fn fill(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    seen: &mut Snapshot,
    form: &mut LoginForm,
) -> Result<(), Failure> {
    let empty = attempt.credentials.password.expose_secret().is_empty();
    if form.password.is_some() && empty {
        let message = "the password is empty; look at where the recipe takes it from";
        return Err(Failure::new(FailureClass::SecretMissing, message));
    }
    let mut boxes: Vec<usize> = Vec::new();
    if let Some(at) = form.password {
        boxes.extend(remember_me(seen, at));
        boxes.extend(must_tick(seen, at).filter(|it| Some(*it) != remember_me(seen, at)));
    }
    for at in boxes {
        // Its click may draw the form anew; the fields are looked at once more anyhow.
        let ticked = async {
            let element = page.node(frame, seen.fields[at].node).await?;
            match page.ticked(&element).await? {
                true => Ok(()),
                false => page.click(&element).await,
            }
        };
        match ticked.await {
            Ok(()) | Err(BrowserError::Moved(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for secret in [false, true] {
        let mut tries = REDRAWN;
        loop {
            // A username that is given already is told, not typed.
            let told = |at: &usize| seen.fields[*at].disabled || seen.fields[*at].readonly;
            let field = match secret {
                true => form.password,
                false => form.username.filter(|at| !told(at)),
            };
            let Some(at) = field else { break };
            let typed = async {
                let element = unchanged(page, frame, seen, at).await?;
                match secret {
                    true => {
                        type_password(page, attempt, progress, &element).await?;
                        page.guard(&element, &origins(attempt.recipe)).await?;
                        Ok::<_, Failure>(())
                    }
                    false => Ok(page.fill(&element, &attempt.credentials.username).await?),
                }
            };
            let failure = match typed.await {
                Ok(()) => break,
                Err(failure) if failure.class == FailureClass::FormChanged && tries > 0 => failure,
                Err(failure) => return Err(failure),
            };
            tries -= 1;
            let now = snapshot(page, frame).await?;
            match form::find(&now) {
                Some(again) if key(&now, &again) == key(seen, form) => {
                    (*seen, *form) = (now, again);
                }
                _ => return Err(failure),
            }
        }
    }
    Ok(())
}

/// The field, if it still is the one that was looked at.
async fn unchanged(
    page: &Page,
    frame: &Frame,
    seen: &Snapshot,
    at: usize,
) -> Result<Element, Failure> {
    let field = &seen.fields[at];
    let changed = || {
        Failure::new(
            FailureClass::FormChanged,
            "the login form changed while it was being filled",
        )
    };
    let element = match page.node(frame, field.node).await {
        Ok(element) => element,
        Err(BrowserError::Moved(_)) => return Err(changed()),
        Err(error) => return Err(error.into()),
    };
    match page.signature(&element).await? == field.signature {
        true => Ok(element),
        false => Err(changed()),
    }
}

/// Presses the button and waits for what the site makes of it; gives the refusal, where it refuses.
async fn submit(
    inside: &Inside<'_>,
    page: &Page,
    frame: &Frame,
    seen: &Snapshot,
    form: &LoginForm,
) -> Result<Option<Failure>, Failure> {
    // Only what comes from now on is an answer; the login page itself may have come a moment ago.
    let mark = page.mark();
    let (sent, windows) = (page.requests_sent(), page.windows());
    let url = page.url();
    match form.submit {
        Some(at) => {
            let element = page.node(frame, seen.buttons[at].node).await?;
            enabled(page, &element).await?;
            page.click(&element).await?;
        }
        None => page.press("Enter").await?,
    }
    let began = Instant::now();
    let mut entered = form.submit.is_none();
    loop {
        page.settle(QUIET, page.deadline()).await;
        page.loaded()?;
        if form.password.is_some() && page.url() != url && inside.holds().await? {
            return Ok(None);
        }
        let mut now = match page.frames().contains(frame) {
            true => snapshot(page, frame).await?,
            false => return Ok(None),
        };
        now.alerts.splice(0..0, page.dialogs_since(mark));
        let back = form::find(&now);
        let answers = page.answers_since(mark);
        // A new document with a form in it is the site's answer; the same form in the same document may still wait.
        let moved = page.url() != url || answers.iter().any(|a| a.document);
        let heard = moved || !answers.is_empty() || now.alerts != seen.alerts;
        let asks_alike = back
            .as_ref()
            .is_some_and(|b| b.password.is_some() == form.password.is_some());
        if let Some(failure) = sight::verdict(&now, &answers, asks_alike && heard)
            && !matches!(
                failure.class,
                FailureClass::CodeWanted | FailureClass::CodeRefused
            )
        {
            return Ok(Some(failure));
        }
        if !asks_alike || moved {
            return Ok(None);
        }
        if let Some(failure) = stopped(page, frame).await? {
            return Ok(Some(failure));
        }
        if page.windows() > windows {
            return Ok(None);
        }
        if began.elapsed() > SIGN && !entered && page.requests_sent() == sent && !heard {
            entered = true;
            page.press("Enter").await?;
        } else if began.elapsed() > SIGN * 3 {
            let message = "the login form was filled and sent, and the page did nothing";
            return Ok(Some(Failure::new(FailureClass::FormChanged, message)));
        }
        page.changed((Instant::now() + AGAIN).min(page.deadline()))
            .await;
        if Instant::now() >= page.deadline() {
            let message = "the site did not answer the login in time";
            return Ok(Some(Failure::new(FailureClass::Timeout, message)));
        }
    }
}

/// Why the form was kept from sending the password, where it was.
async fn stopped(page: &Page, frame: &Frame) -> Result<Option<Failure>, Failure> {
    let why = match page.stopped(frame).await {
        Ok(Some(why)) => why,
        Ok(None) | Err(BrowserError::Moved(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let message = match why.as_str() {
        "address" => "the login form would put the password into the address (method=get), where histories and logs keep it; it was not sent. If the site takes it no other way, describe the login with steps".to_owned(),
        origin => format!(
            "the login form sends the password to {origin}, and the recipe does not allow that; it was not sent. If that is right, add the origin to allowed_origins"
        ),
    };
    let failure = Failure::new(FailureClass::RecipeWrong, message);
    Ok(Some(match why.as_str() {
        "address" => failure,
        _ => failure.wanting(Wants::Origin(why)),
    }))
}

/// Whether the page has opened a window that was not looked at yet.
fn opens(inside: &Inside<'_>, page: &Page, way: &Way) -> bool {
    let looked = u64::try_from(way.windows.len()).unwrap_or(u64::MAX);
    page.windows() > looked && std::ptr::eq(page, inside.context.page())
}

/// A window that the page has opened and that was not looked at yet, where credentials are allowed in it. Others are
/// closed.
async fn window(
    inside: &Inside<'_>,
    page: &Page,
    attempt: &Attempt<'_>,
    way: &mut Way,
) -> Result<Option<Box<Page>>, Failure> {
    if !opens(inside, page, way) {
        return Ok(None);
    }
    let Some(window) = inside.context.window(&way.windows).await? else {
        return Ok(None);
    };
    // It begins empty, and a sign-on leads over several places.
    let until = (Instant::now() + FORM).min(page.deadline());
    while !window.is_gone() && Instant::now() < until {
        let settled = window.settle(AGAIN, until).await;
        if settled && window.main_frame().origin.starts_with("http") {
            break;
        }
        window.changed(Instant::now() + AGAIN).await;
    }
    if !open_frames(&window, attempt.recipe).await?.is_empty() {
        return Ok(Some(Box::new(window)));
    }
    way.windows.push(window.name().to_owned());
    way.foreign = Some(window.main_frame().origin);
    inside.context.close(&window).await;
    Ok(None)
}

/// Goes on in the page that opened a window, where the window stays open: what the window shows is what counts.
async fn come_back(
    inside: &Inside<'_>,
    page: &Page,
    window: &Page,
    attempt: &Attempt<'_>,
    way: &Way,
) -> Result<(), Failure> {
    let there = url::Url::parse(&window.url()).ok();
    inside.context.close(window).await;
    let own = |url: &url::Url| allowed(attempt.recipe, &url.origin().ascii_serialization());
    if let Some(url) = there.filter(|url| way.entered && own(url)) {
        page.goto(&url).await?;
    }
    page.settle(QUIET, Instant::now() + SIGN).await;
    Ok(())
}

/// Waits until a button takes clicks: many do only once the fields are filled.
async fn enabled(page: &Page, button: &Element) -> Result<(), Failure> {
    let until = (Instant::now() + SIGN).min(page.deadline());
    while page.is_disabled(button).await? && Instant::now() < until {
        page.changed(Instant::now() + Duration::from_millis(50))
            .await;
    }
    Ok(())
}
