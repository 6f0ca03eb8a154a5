//! Filling the form that was found, and sending it: what is typed goes into the fields that were looked at and no others.

use std::time::Duration;

use tokio::time::Instant;

use crate::browser::snapshot::Snapshot;
use crate::browser::{BrowserError, Element, Frame, Page};
use crate::failure::{Failure, FailureClass, Wants};

use super::ask::{must_tick, remember_me};
use super::form::{self, LoginForm};
use super::prove::Inside;
use super::typing::{origins, password, type_password};
use super::{AGAIN, Attempt, Progress, QUIET, sight, snapshot};

/// How long a submission may go without any sign before it is tried with the Enter key.
pub(super) const SIGN: Duration = Duration::from_secs(3);
/// How often a field may be drawn anew while it is being filled.
const REDRAWN: usize = 3;

/// The same fields at the same place have the same key.
pub(super) fn key(seen: &Snapshot, form: &LoginForm) -> String {
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

/// Fills the fields. Where the page draws its form anew when a field gets or loses the focus, `seen` and `form` become
/// what is there then.
pub(super) async fn fill(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    seen: &mut Snapshot,
    form: &mut LoginForm,
) -> Result<(), Failure> {
    if form.password.is_some() {
        password(attempt)?;
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
                Some(again)
                    if key(&now, &again) == key(seen, form)
                        || has_come(&now, &again, seen, form) =>
                {
                    (*seen, *form) = (now, again);
                }
                _ => return Err(failure),
            }
        }
    }
    Ok(())
}

/// Whether the password field is there now for which a text field of the same form stood in.
fn has_come(now: &Snapshot, again: &LoginForm, seen: &Snapshot, form: &LoginForm) -> bool {
    let (Some(new), Some(old)) = (again.password, form.password) else {
        return false;
    };
    let (new, old) = (&now.fields[new], &seen.fields[old]);
    now.url == seen.url && new.kind == "password" && old.kind != "password" && new.form == old.form
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
pub(super) async fn submit(
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

/// Waits until a button takes clicks: many do only once the fields are filled.
async fn enabled(page: &Page, button: &Element) -> Result<(), Failure> {
    let until = (Instant::now() + SIGN).min(page.deadline());
    while page.is_disabled(button).await? && Instant::now() < until {
        page.changed(Instant::now() + Duration::from_millis(50))
            .await;
    }
    Ok(())
}
