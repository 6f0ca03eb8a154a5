//! Logging in without steps: look at the page, do the next thing, look again; never the same thing twice.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::browser::snapshot::Snapshot;
use crate::browser::{BrowserError, Element, Frame, Page, shown};
use crate::failure::{Failure, FailureClass, Wants};

use super::form::{self, LoginForm};
use super::prove::Inside;
use super::typing::{open_frames, type_code, type_password};
use super::{AGAIN, Attempt, Progress, QUIET, passkey, sight, snapshot};

/// How long a page may take to show a form.
const FORM: Duration = Duration::from_secs(12);
/// How long a settled page without a form is believed to get one.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a submission may go without any sign before it is tried with the Enter key.
const SIGN: Duration = Duration::from_secs(3);
/// How often a field may be drawn anew while it is being filled.
const REDRAWN: usize = 3;

/// What the page asks for.
enum Ask {
    Login(Frame, Box<Snapshot>, LoginForm),
    Code(Frame, usize),
    Trigger(Frame, usize),
    Nothing,
}

pub(super) async fn run(
    inside: &Inside<'_>,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut done: HashSet<String> = HashSet::new();
    let mut entered = false;
    let page = inside.context.page();
    loop {
        if entered && inside.holds().await? {
            return Ok(());
        }
        if passkey::sign_in(page, attempt, progress, &mut done).await? {
            entered = true;
            continue;
        }
        let mark = page.mark();
        match ask(page, attempt, entered, &done).await? {
            Ask::Login(frame, mut seen, mut form) => {
                let code = form::find_code(&seen);
                let known = attempt.credentials.totp.is_some();
                let place = key(&seen, &form);
                let again = !done.insert(place.clone());
                let code = code.filter(|_| known && done.insert(format!("code {place}")));
                // The same fields at the same place were filled already: the site is asking again, unless it asks
                // for a code beside them now.
                if again && code.is_none() {
                    let answers = page.answers_since(0);
                    let told = sight::verdict(&seen, &answers, true);
                    let message = format!(
                        "the login form is shown again: {}",
                        sight::quote(&seen.text)
                    );
                    return Err(told
                        .unwrap_or_else(|| Failure::new(FailureClass::WrongCredentials, message)));
                }
                fill(page, attempt, progress, &frame, &mut seen, &mut form).await?;
                // The page may have been drawn anew meanwhile, and its fields counted anew.
                if let Some(code) = code.and_then(|_| form::find_code(&seen)) {
                    let element = unchanged(page, &frame, &seen, code).await?;
                    if types_code(page, attempt, progress, &element).await? {
                        continue;
                    }
                }
                let refused = submit(inside, &frame, &seen, &form, mark).await?;
                entered |= form.password.is_some();
                if let Some(failure) = refused {
                    return Err(failure);
                }
            }
            Ask::Code(frame, field) => {
                if !done.insert(format!("code {}", page.url())) {
                    let message = "the site refused the one-time code";
                    return Err(Failure::new(FailureClass::CodeRefused, message));
                }
                let element = page.node(&frame, field).await?;
                let sent = page.requests_sent();
                if !types_code(page, attempt, progress, &element).await? {
                    page.press("Enter").await?;
                    page.sends(sent, Instant::now() + SIGN).await;
                    page.settle(QUIET, page.deadline()).await;
                }
            }
            Ask::Trigger(frame, button) => {
                done.insert(format!("trigger {}", page.url()));
                let element = page.node(&frame, button).await?;
                page.click(&element).await?;
                page.settle(QUIET, Instant::now() + SIGN).await;
            }
            Ask::Nothing => return Ok(()),
        }
    }
}

/// Types the one-time code; says whether the page went on by itself at the last digit, as many do.
async fn types_code(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
) -> Result<bool, Failure> {
    let sent = page.requests_sent();
    type_code(page, attempt, progress, element).await?;
    let went = page.sends(sent, Instant::now() + AGAIN * 2).await;
    if went {
        page.settle(QUIET, page.deadline()).await;
    }
    Ok(went)
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
    page: &Page,
    attempt: &Attempt<'_>,
    entered: bool,
    done: &HashSet<String>,
) -> Result<Ask, Failure> {
    let until = (Instant::now() + FORM).min(page.deadline());
    let mut still = Instant::now();
    let mut elsewhere = None;
    loop {
        let frames = open_frames(page, attempt.recipe).await?;
        if frames.is_empty() {
            let origin = page.main_frame().origin;
            elsewhere = Some(origin);
        }
        let mut main = None;
        for frame in frames {
            let seen = snapshot(page, &frame).await?;
            if let Some(form) = form::find(&seen) {
                if let Some(failure) = sight::obstacle(&seen) {
                    return Err(failure);
                }
                return Ok(Ask::Login(frame, Box::new(seen), form));
            }
            if let Some(field) = form::find_code(&seen) {
                return Ok(Ask::Code(frame, seen.fields[field].node));
            }
            main.get_or_insert((frame, seen));
        }
        let settled = page.settle(AGAIN, until).await;
        if !settled {
            still = Instant::now();
        }
        let waited = still.elapsed() >= PATIENCE || Instant::now() >= until;
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
            if let Some(button) =
                form::find_trigger(seen).filter(|_| !again && still.elapsed() >= AGAIN * 2)
            {
                return Ok(Ask::Trigger(frame.clone(), seen.buttons[button].node));
            }
        }
        if waited {
            return Err(none(page, elsewhere, main.map(|(_, seen)| seen), attempt));
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
    for secret in [false, true] {
        let mut tries = REDRAWN;
        loop {
            let field = if secret { form.password } else { form.username };
            let Some(at) = field else { break };
            let typed = async {
                let element = unchanged(page, frame, seen, at).await?;
                match secret {
                    true => type_password(page, attempt, progress, &element).await,
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
    frame: &Frame,
    seen: &Snapshot,
    form: &LoginForm,
    mark: u64,
) -> Result<Option<Failure>, Failure> {
    let page = inside.context.page();
    let sent = page.requests_sent();
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
        let now = match page.frames().contains(frame) {
            true => snapshot(page, frame).await?,
            false => return Ok(None),
        };
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

/// Waits until a button takes clicks: many do only once the fields are filled.
async fn enabled(page: &Page, button: &Element) -> Result<(), Failure> {
    let until = (Instant::now() + SIGN).min(page.deadline());
    while page.is_disabled(button).await? && Instant::now() < until {
        page.changed(Instant::now() + Duration::from_millis(50))
            .await;
    }
    Ok(())
}
