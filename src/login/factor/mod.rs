//! Second factors: which code the page wants, where it comes from, typing it once and never looping.
//!
//! In this order: the TOTP secret, what the site sends, a recovery code, the person at the terminal. An attempt types at most
//! two TOTP codes (the second for a site whose clock is off), one code that was sent, and one recovery code.

mod boxes;
mod look;
mod request;
mod words;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

pub(super) use look::{Place, asked, awaits_link};
pub(super) use request::{Says, confirms, says, speaks_of_code};

use super::typing::{allowed, guarded, pass_gate};
use super::{AGAIN, Attempt, Progress, QUIET, sight, snapshot};
use crate::browser::snapshot::{Field, Snapshot};
use crate::browser::{BrowserError, Element, Frame, Page};
use crate::codes::{Link, Told, Wanted, Watch};
use crate::failure::{Failure, FailureClass};
use crate::sites::recipe::CodeSource;
use crate::totp::Totp;

/// How far a site's clock is taken to be off where it refuses a code that is right by ours, in seconds.
const OFF: i64 = 20;
/// How long a code may be on its way to the site, in seconds.
const SLOW: u64 = 3;
/// The most TOTP codes of one attempt: sites count refused ones.
const MOST_TOTP: usize = 2;
/// How long a page may take to send a code that was typed.
const SIGN: Duration = Duration::from_secs(3);
/// How long a site may take to answer a code.
const ANSWER: Duration = Duration::from_secs(15);
/// Below so many unused recovery codes a person is told.
const FEW: usize = 3;
/// Smallest side of a field that a person can use, CSS pixels.
const SMALLEST: f64 = 8.0;

/// How far an attempt has come with its second factor.
#[derive(Default)]
pub(super) struct Stage {
    watch: Option<Watch>,
    /// Steps of the TOTP codes that were typed.
    steps: Vec<u64>,
    /// Seconds into its step at which the first was typed, by our clock.
    phase: u64,
    /// How far the site's clock is ahead, as far as the last typed code tells, in seconds.
    pub(super) shift: Option<i64>,
    sent: bool,
    linked: bool,
    offered: bool,
    requested: bool,
    recovered: bool,
    /// Everything that was typed, so that it can be blotted.
    pub(super) typed: Vec<SecretString>,
}

/// A way to get a code.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Totp,
    Sent,
    Recovery,
    Person,
}

/// Fails early where the account's TOTP secret is none.
///
/// # Errors
/// [`FailureClass::RecipeWrong`].
pub(super) fn check(attempt: &Attempt<'_>) -> Result<(), Failure> {
    match &attempt.credentials.totp {
        Some(secret) => totp(secret).map(drop),
        None => Ok(()),
    }
}

fn totp(secret: &SecretString) -> Result<Totp, Failure> {
    Totp::read(secret.expose_secret()).map_err(|why| Failure::new(FailureClass::RecipeWrong, why))
}

/// Opens the mailbox, where codes come by mail: before anything is typed, so that only what comes after it counts.
///
/// # Errors
/// The mailbox cannot be reached.
pub(super) async fn prepare(attempt: &Attempt<'_>, progress: &mut Progress) -> Result<(), Failure> {
    if let (None, Some(codes)) = (&progress.factor.watch, attempt.outside.codes) {
        let password = attempt.credentials.mailbox.as_ref();
        progress.factor.watch = Watch::begin(codes, password, attempt.outside.root).await?;
    }
    Ok(())
}

/// Whether the recipe says where any code comes from.
pub(super) fn has_source(attempt: &Attempt<'_>) -> bool {
    let credentials = attempt.credentials;
    credentials.totp.is_some()
        || !credentials.recovery_codes.is_empty()
        || attempt.outside.codes.is_some()
}

/// Whether the codes that a site sends come from a mailbox; `None` where the recipe has no source of such.
pub(super) fn mailbox(attempt: &Attempt<'_>) -> Option<bool> {
    let codes = attempt.outside.codes?;
    Some(matches!(
        codes.from,
        CodeSource::Folder(..) | CodeSource::Imap(..)
    ))
}

/// Whether a code can be had before the password is sent, for a page that asks for both at once.
pub(super) fn at_once(attempt: &Attempt<'_>, progress: &Progress) -> bool {
    let totp = attempt.credentials.totp.is_some();
    let handed = attempt.outside.codes.is_some() && progress.factor.watch.is_none();
    totp || handed
}

/// Answers a page that asks for a code, and waits for what the site makes of it.
///
/// # Errors
/// No way to get a code is left, or the site refused what it got.
pub(super) async fn answer(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    seen: &Snapshot,
    place: &Place,
) -> Result<(), Failure> {
    let way = way(attempt, &progress.factor, seen, place)?;
    if way == Way::Recovery
        && !look::wants_recovery(seen, place)
        && !progress.factor.offered
        && let Some(button) = look::recovery_button(seen)
    {
        progress.factor.offered = true;
        let element = page.node(frame, seen.buttons[button].node).await?;
        page.click(&element).await?;
        page.settle(QUIET, Instant::now() + SIGN).await;
        return Ok(());
    }
    if way == Way::Sent
        && !progress.factor.requested
        && let Some(mailbox) = mailbox(attempt)
        && let Some(button) = request::button(seen, place, mailbox)
    {
        progress.factor.requested = true;
        let element = page.node(frame, seen.buttons[button].node).await?;
        let sent = page.requests_sent();
        page.click(&element).await?;
        // What it sends must not be taken for the code's own way.
        page.sends(sent, Instant::now() + SIGN).await;
        page.settle(QUIET, Instant::now() + SIGN).await;
    }
    let code = match obtain(page, attempt, progress, way).await? {
        Told::Code(code) => code,
        Told::Link(link) => return follow(page, attempt, progress, &link).await,
    };
    // It may have taken minutes: the page is looked at once more.
    let seen = snapshot(page, frame).await?;
    let Some(place) = asked(&seen) else {
        return Ok(());
    };
    let (mark, sent) = (page.mark(), page.requests_sent());
    enter(page, attempt, progress, frame, &seen, &place, &code).await?;
    send(page, frame, &seen, &place, sent, mark).await
}

/// Puts a code beside the username and the password, for a page that asks for all at once.
pub(super) async fn beside(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    seen: &Snapshot,
    place: &Place,
) -> Result<(), Failure> {
    let way = way(attempt, &progress.factor, seen, place)?;
    if let Told::Code(code) = obtain(page, attempt, progress, way).await? {
        enter(page, attempt, progress, frame, seen, place, &code).await?;
    }
    Ok(())
}

/// Types a code where a step of the recipe says.
pub(super) async fn step(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
) -> Result<(), Failure> {
    let seen = Snapshot {
        fields: vec![Field::default()],
        ..Snapshot::default()
    };
    let way = way(attempt, &progress.factor, &seen, &Place::Field(0))?;
    match obtain(page, attempt, progress, way).await? {
        Told::Code(code) => {
            guarded(page, attempt, progress, element, "one-time code").await?;
            Ok(page.fill(element, code.expose_secret()).await?)
        }
        Told::Link(link) => follow(page, attempt, progress, &link).await,
    }
}

/// The next way to get a code for this page.
fn way(
    attempt: &Attempt<'_>,
    stage: &Stage,
    seen: &Snapshot,
    place: &Place,
) -> Result<Way, Failure> {
    let typed = !stage.steps.is_empty() || stage.sent || stage.recovered;
    if typed {
        barred(seen)?;
    }
    let codes = &attempt.credentials.recovery_codes;
    let recovery = !codes.is_empty() && !stage.recovered;
    let totp = attempt.credentials.totp.is_some() && stage.steps.len() < MOST_TOTP;
    let outside = attempt.outside.codes.is_some() && !stage.sent && !stage.linked;
    // Where codes of an app were refused, another of that kind is no better.
    let sent = look::was_sent(seen) || attempt.credentials.totp.is_none();
    let person = attempt.outside.person.is_some() && !stage.sent && !stage.linked;
    if recovery && look::wants_recovery(seen, place) {
        return Ok(Way::Recovery);
    }
    if outside && sent {
        return Ok(Way::Sent);
    }
    if totp {
        return Ok(Way::Totp);
    }
    // After a refusal only where the page offers it: the field that refused would count it as one more wrong code.
    let offered = look::recovery_button(seen).is_some() || stage.offered;
    if recovery && (!typed || offered) {
        return Ok(Way::Recovery);
    }
    if person && attempt.outside.codes.is_none() {
        return Ok(Way::Person);
    }
    if typed {
        let said = sight::quote(look::complaint(seen));
        let hint = match stage.steps.len() {
            0 => "",
            _ => {
                "; see that the totp secret is the account's, and that this machine's clock is right"
            }
        };
        let message = format!("the site refused the one-time code: {said}{hint}");
        return Err(Failure::new(FailureClass::CodeRefused, message));
    }
    let message = "the site asks for a one-time code, and the recipe has no source of one; write totp = { env = \"…\" } for codes of an app, code = { maildir = \"…\" }, { imap = \"…\" }, { command = […] } or \"ask\" for codes that the site sends, or recovery_codes = { file = \"…\" }";
    Err(Failure::new(FailureClass::CodeWanted, message))
}

/// Fails where the page says that no more codes may be tried.
fn barred(seen: &Snapshot) -> Result<(), Failure> {
    let said = format!("{} {}", seen.alerts.join(" "), seen.text).to_lowercase();
    let class = if super::words::any(&said, super::words::THROTTLED) {
        FailureClass::Throttled
    } else if super::words::any(&said, super::words::LOCKED) {
        FailureClass::Locked
    } else {
        return Ok(());
    };
    let message = format!(
        "after the one-time code the site says {}",
        sight::quote(look::complaint(seen))
    );
    Err(Failure::new(class, message))
}

/// A code by this way; what can be used only once is marked so before it is given.
async fn obtain(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    way: Way,
) -> Result<Told, Failure> {
    let told = match way {
        Way::Totp => Told::Code(next_totp(attempt, progress).await?),
        Way::Recovery => Told::Code(next_recovery(attempt, progress)?),
        Way::Sent | Way::Person => {
            progress.factor.sent = true;
            wait(page, attempt, progress, Wanted::Code).await?
        }
    };
    if let Told::Code(code) = &told {
        progress.factor.typed.push(code.clone());
    }
    Ok(told)
}

async fn wait(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    wanted: Wanted,
) -> Result<Told, Failure> {
    page.extend(attempt.outside.patience());
    let own = attempt.recipe.clone();
    let accepts = Arc::new(move |url: &Url| allowed(&own, &url.origin().ascii_serialization()));
    let watch = progress.factor.watch.as_mut();
    attempt.outside.wait(watch, wanted, accepts).await
}

fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

async fn next_totp(
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<SecretString, Failure> {
    let Some(secret) = &attempt.credentials.totp else {
        return Err(Failure::new(
            FailureClass::CodeWanted,
            "the recipe has no totp",
        ));
    };
    let totp = totp(secret)?;
    let stage = &mut progress.factor;
    let known = attempt.learned.code_shift;
    let phase = unix_now() % totp.period();
    let shift = match (stage.steps.first(), known) {
        (None, known) => known.unwrap_or(0),
        // Refused early in its step: by the site's clock it has not begun. Late: it is over.
        (Some(_), _) if stage.phase * 2 < totp.period() => -OFF,
        (Some(_), _) => OFF,
    };
    let vague = (totp.period() / 3).saturating_sub(SLOW)..totp.period() * 2 / 3;
    let long = totp.period() >= 3 * OFF.unsigned_abs();
    if stage.steps.is_empty() && known.is_none() && !long && vague.contains(&phase) {
        // From the end of the first third to that of the second a refusal would not tell which way the site's clock is
        // off; of a long step, half is enough. Once for a session.
        let wait = totp.period() * 2 / 3 - phase;
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
    let now = unix_now();
    let code = totp.code(now.saturating_add_signed(shift), |step| {
        stage.steps.contains(&step) || (attempt.spent)(&mark(step))
    });
    tokio::time::sleep(Duration::from_secs(code.wait)).await;
    (attempt.spend)(&mark(code.step))?;
    if stage.steps.is_empty() {
        stage.phase = unix_now().saturating_add_signed(shift - known.unwrap_or(0)) % totp.period();
    }
    stage.steps.push(code.step);
    stage.shift = Some(shift);
    Ok(code.digits)
}

fn mark(step: u64) -> String {
    format!("totp {step}")
}

fn next_recovery(attempt: &Attempt<'_>, progress: &mut Progress) -> Result<SecretString, Failure> {
    progress.factor.recovered = true;
    let codes = &attempt.credentials.recovery_codes;
    let mark = |code: &SecretString| format!("recovery {}", code.expose_secret());
    let mut left = codes.iter().filter(|code| !(attempt.spent)(&mark(code)));
    let Some(code) = left.next() else {
        let message = format!(
            "all {} recovery codes of {} were used; make new ones at the site and put them where the recipe's recovery_codes come from",
            codes.len(),
            attempt.outside.session
        );
        return Err(Failure::new(FailureClass::CodeWanted, message));
    };
    let left = left.count();
    (attempt.spend)(&mark(code))?;
    if left < FEW {
        tracing::warn!(site = %attempt.outside.session, left, "few recovery codes are left: make new ones at the site");
    }
    Ok(code.clone())
}

/// Ticks what spares the code the next time, and types it.
async fn enter(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    seen: &Snapshot,
    place: &Place,
    code: &SecretString,
) -> Result<(), Failure> {
    let all = match place {
        Place::Field(at) => std::slice::from_ref(at),
        Place::Boxes(all) => all,
    };
    let mut fields = Vec::new();
    for at in all {
        let element = page.node(frame, seen.fields[*at].node).await?;
        if page.signature(&element).await? != seen.fields[*at].signature {
            let message = "the page changed while its code was being typed";
            return Err(Failure::new(FailureClass::FormChanged, message));
        }
        fields.push(element);
    }
    if let Some(at) = look::remember_box(seen, place) {
        let element = page.node(frame, seen.fields[at].node).await?;
        if !page.ticked(&element).await? {
            page.click(&element).await?;
        }
    }
    for field in &fields {
        guarded(page, attempt, progress, field, "one-time code").await?;
    }
    match place {
        Place::Field(_) => page.fill(&fields[0], code.expose_secret()).await?,
        Place::Boxes(_) => boxes::type_into(page, &fields, code).await?,
    }
    progress.submitted_at = Some(Instant::now());
    Ok(())
}

/// Sends the code, where the page does not by itself at the last character, and waits for the site's answer.
async fn send(
    page: &Page,
    frame: &Frame,
    seen: &Snapshot,
    place: &Place,
    sent: u64,
    mark: u64,
) -> Result<(), Failure> {
    let soon = |wait| Instant::now() + wait;
    if !page.sends(sent, soon(AGAIN * 2)).await {
        let button = look::send_button(seen, place);
        let pressed = match button {
            Some(at) => press(page, frame, seen.buttons[at].node).await?,
            None => false,
        };
        if !pressed {
            page.press("Enter").await?;
        }
        if !page.sends(sent, soon(SIGN)).await && pressed {
            page.press("Enter").await?;
            page.sends(sent, soon(SIGN)).await;
        }
    }
    // What comes next must not meet the page that is just being answered.
    let until = soon(ANSWER).min(page.deadline());
    loop {
        page.settle(QUIET, until).await;
        page.loaded()?;
        let moved = page
            .answers_since(mark)
            .iter()
            .any(|answer| answer.document);
        let gone = moved || !page.frames().contains(frame) || page.url() != seen.url;
        if gone || Instant::now() >= until {
            return Ok(());
        }
        let now = snapshot(page, frame).await?;
        let answered = !page.answers_since(mark).is_empty();
        if asked(&now).is_none() || answered && (now.alerts != seen.alerts || now.text != seen.text)
        {
            return Ok(());
        }
        page.changed(soon(AGAIN).min(until)).await;
    }
}

/// Clicks a button once it takes clicks; `false` where it never does.
async fn press(page: &Page, frame: &Frame, node: usize) -> Result<bool, Failure> {
    let element = match page.node(frame, node).await {
        Ok(element) => element,
        Err(BrowserError::Moved(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let until = (Instant::now() + SIGN).min(page.deadline());
    while page.is_disabled(&element).await? {
        if Instant::now() >= until {
            return Ok(false);
        }
        page.changed(Instant::now() + Duration::from_millis(50))
            .await;
    }
    page.click(&element).await?;
    Ok(true)
}

/// Whether a page that says "look into your mail" can be answered.
///
/// # Errors
/// [`FailureClass::CodeWanted`] where the recipe does not say where mail comes.
pub(super) fn may_follow(attempt: &Attempt<'_>, progress: &Progress) -> Result<bool, Failure> {
    if progress.factor.linked {
        return Ok(false);
    }
    if attempt.outside.is_there() {
        return Ok(true);
    }
    let message = "the site sent a sign-in link by mail; say in the recipe where mail comes: code = { maildir = \"…\" } or { imap = \"…\" }, or code = \"ask\" to hand the link in";
    Err(Failure::new(FailureClass::CodeWanted, message))
}

/// Waits for the sign-in link that the site has sent, and opens it.
pub(super) async fn wait_for_link(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    match wait(page, attempt, progress, Wanted::Link).await? {
        Told::Link(link) => follow(page, attempt, progress, &link).await,
        // A person gave a code where the page has no place for one.
        Told::Code(_) => {
            progress.factor.linked = true;
            let message = "the site sent a sign-in link, and a code was handed in instead";
            Err(Failure::new(FailureClass::CodeWanted, message))
        }
    }
}

/// Opens a sign-in link in the page, and presses the button that some sites put before the last step.
async fn follow(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    link: &Link,
) -> Result<(), Failure> {
    progress.factor.linked = true;
    progress.factor.typed.extend(link.secrets());
    let url = link.url()?;
    let origin = url.origin().ascii_serialization();
    if !allowed(attempt.recipe, &origin) {
        let message = format!(
            "the sign-in link leads to {origin}, where the recipe does not allow to log in"
        );
        return Err(Failure::new(FailureClass::RecipeWrong, message));
    }
    pass_gate(attempt, progress)?;
    progress.submitted_at = Some(Instant::now());
    if let Err(error) = page.goto(&url).await {
        let mut failure = Failure::from(error);
        // The address is the secret.
        failure.message = format!("the sign-in link at {origin} could not be opened");
        return Err(failure);
    }
    let until = Instant::now() + SIGN;
    page.settle(AGAIN, until).await;
    let frame = page.main_frame();
    if !allowed(attempt.recipe, &frame.origin) {
        return Ok(());
    }
    let seen = snapshot(page, &frame).await?;
    if let Some(at) = look::confirm_button(&seen) {
        let sent = page.requests_sent();
        if press(page, &frame, seen.buttons[at].node).await? {
            page.sends(sent, Instant::now() + SIGN).await;
            page.settle(QUIET, Instant::now() + SIGN).await;
        }
    }
    progress.submitted_at = Some(Instant::now());
    Ok(())
}

/// The failure of a page that asked for a password and a code at once, with the blame where the page puts it.
pub(super) fn blame(progress: &Progress, mut failure: Failure) -> Failure {
    let said = failure.message.to_lowercase();
    let refused = failure.class == FailureClass::WrongCredentials;
    if refused && !progress.factor.typed.is_empty() && super::words::any(&said, words::CODE) {
        failure.class = FailureClass::CodeRefused;
        failure.message = failure.message.replace(
            "the site refused the username or the password",
            "the site refused the one-time code",
        );
    }
    failure
}

fn usable(field: &Field) -> bool {
    field.visible
        && !field.disabled
        && !field.readonly
        && !field.hidden_from_readers
        && field.width >= SMALLEST
        && field.height >= SMALLEST
}
