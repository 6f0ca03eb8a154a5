//! Passkeys: making one, signing in with it, and telling a site that takes nothing else.
//!
//! The private key is known to Chromium's authenticator alone while it is in use; what the page gets are signatures.

// As many words in a line as fit.
#[rustfmt::skip]
mod words;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::typing::{allowed, open_frames, pass_gate, type_password};
use super::words::any;
use super::{
    AGAIN, Attempt, Failed, Learned, Means, Progress, QUIET, form, look_closely, sight, snapshot,
};
use crate::browser::snapshot::{Button, Snapshot};
use crate::browser::{Authenticator, Context, Frame, Page, Wanted, shown};
use crate::failure::{Failure, FailureClass};
use crate::secret::Passkey;
use crate::session::StorageState;

/// How long a page may take to ask for a passkey by itself, or after a click.
const ASKS: Duration = Duration::from_secs(3);
/// How long a site may take to answer a signature.
const ANSWER: Duration = Duration::from_secs(10);
/// Clicks on the way to a new passkey, at most.
const CLICKS: usize = 8;
/// The name of a passkey at the site, where it wants one.
const NAME: &str = "Jarkeeper";
/// Longest text of a button that is meant for this, characters: longer ones are sentences.
const LONGEST: usize = 60;

/// A passkey in use, and how far its count has come.
#[derive(Debug)]
pub struct Held {
    /// As it was before.
    pub passkey: Passkey,
    count: Mutex<i64>,
    /// Whether it was seen at the end how often it has signed.
    counted: AtomicBool,
}

impl Held {
    /// A passkey that is about to be used.
    pub fn new(passkey: Passkey) -> Self {
        let count = Mutex::new(passkey.sign_count);
        let counted = AtomicBool::new(false);
        Self {
            passkey,
            count,
            counted,
        }
    }

    /// How often it has signed by now, as far as that could be seen.
    pub fn sign_count(&self) -> i64 {
        *self
            .count
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// [`Held::sign_count`] once it is final; `None` where the end was not seen, and it may have signed more often.
    pub fn final_count(&self) -> Option<i64> {
        let counted = self.counted.load(Ordering::Acquire);
        counted.then(|| self.sign_count())
    }

    pub(super) fn end(&self) {
        self.counted.store(true, Ordering::Release);
    }

    /// Whether it has signed since.
    pub fn was_used(&self) -> bool {
        self.sign_count() > self.passkey.sign_count
    }

    fn counted(&self, count: i64) {
        let mut known = self
            .count
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *known = count.max(*known);
    }
}

/// Gives the tab the account's passkey, where there is one, and loads the page anew: many ask for a passkey as they load.
pub(super) async fn bring(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let Some(held) = attempt.passkey else {
        return Ok(());
    };
    if open_frames(page, attempt.recipe).await?.is_empty() {
        return Ok(());
    }
    pass_gate(attempt, progress)?;
    progress.authenticator = Some(page.authenticator(Some(&held.passkey)).await?);
    page.goto(&attempt.recipe.url).await?;
    page.settle(QUIET, Instant::now() + ASKS).await;
    Ok(())
}

/// Signs in with the passkey, where the page takes it: it asks by itself, or has a button for it. `true`: it was used, and
/// the site has answered.
///
/// # Errors
/// The site refuses the passkey and takes nothing else.
pub(super) async fn sign_in(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    done: &mut HashSet<String>,
) -> Result<bool, Failure> {
    let (Some(held), Some(authenticator)) = (attempt.passkey, progress.authenticator.clone())
    else {
        return Ok(false);
    };
    let before = progress.signed.unwrap_or(held.passkey.sign_count);
    let mark = page.mark();
    let place = shown(&Url::parse(&page.url()).unwrap_or_else(|_| attempt.recipe.url.clone()));
    let mut signed = match done.insert(format!("passkey {place}")) {
        true => signs(page, &authenticator, held, before, AGAIN * 3).await?,
        false => held.sign_count() > before,
    };
    if !signed && let Some((frame, button)) = offered(page, attempt, done).await? {
        let element = page.node(&frame, button.node).await?;
        page.click(&element).await?;
        signed = signs(page, &authenticator, held, before, ASKS).await?;
    }
    if !signed {
        return Ok(false);
    }
    progress.signed = Some(held.sign_count());
    progress.submitted_at = Some(Instant::now());
    let refused = refused(page, attempt, mark).await?;
    if refused {
        tracing::warn!(site = %attempt.recipe.site, "the site did not take the passkey that is kept here");
    }
    Ok(!refused)
}

/// Whether the site refuses the signature that was just made. The page sends it on in its own time and shows the old form
/// meanwhile, so that a form is a refusal only with an answer that says so, or once there was time enough.
async fn refused(page: &Page, attempt: &Attempt<'_>, mark: u64) -> Result<bool, Failure> {
    let until = (Instant::now() + ANSWER).min(page.deadline());
    loop {
        page.settle(AGAIN, until).await;
        let answers = page.answers_since(mark);
        let told = answers.iter().any(|it| it.document || it.status >= 400);
        let over = told || Instant::now() >= until;
        match refuses(page, attempt).await {
            Ok(true) if !over => {}
            Err(failure) if !over && failure.class == FailureClass::PasskeyWanted => {}
            said => return said,
        }
        page.changed((Instant::now() + AGAIN).min(until)).await;
    }
}

/// Whether the passkey has signed more often than that, looking for so long, and longer while the page is busy.
async fn signs(
    page: &Page,
    authenticator: &Authenticator,
    held: &Held,
    before: i64,
    time: Duration,
) -> Result<bool, Failure> {
    let until = (Instant::now() + time).min(page.deadline());
    let end = until.max(Instant::now() + ANSWER).min(page.deadline());
    loop {
        // Looked at first: what was under way may have signed by then.
        let over = Instant::now() >= until && page.settle(AGAIN, Instant::now() + AGAIN).await;
        count(page, authenticator, held).await?;
        if held.sign_count() > before {
            return Ok(true);
        }
        if over || Instant::now() >= end {
            return Ok(false);
        }
        let soon = Instant::now() + AGAIN / 3;
        page.changed(soon.min(until)).await;
    }
}

/// Takes note of how often the passkey has signed.
pub(super) async fn count(
    page: &Page,
    authenticator: &Authenticator,
    held: &Held,
) -> Result<(), Failure> {
    let all = page.passkeys(authenticator).await?;
    if let Some(now) = all.iter().find(|it| it.id == held.passkey.id) {
        held.counted(now.sign_count);
    }
    Ok(())
}

/// The button that signs in with a passkey, if it was not clicked before.
async fn offered(
    page: &Page,
    attempt: &Attempt<'_>,
    done: &mut HashSet<String>,
) -> Result<Option<(Frame, Button)>, Failure> {
    for frame in open_frames(page, attempt.recipe).await? {
        let seen = snapshot(page, &frame).await?;
        if let Some(at) = find_sign_in(&seen) {
            let button = seen.buttons[at].clone();
            if done.insert(format!("passkey {} {}", seen.url, button.text)) {
                return Ok(Some((frame, button)));
            }
        }
    }
    Ok(None)
}

/// Whether the page that answers a signature says no.
async fn refuses(page: &Page, attempt: &Attempt<'_>) -> Result<bool, Failure> {
    for frame in open_frames(page, attempt.recipe).await? {
        let seen = snapshot(page, &frame).await?;
        let login = form::find(&seen);
        if login.is_some() {
            return Ok(true);
        }
        if find_sign_in(&seen).is_some() && !form::offers_sign_out(&seen) {
            let message = format!(
                "the site refused the passkey that is kept here: {}; make another: jarkeeper passkey register {}",
                sight::quote(seen.alerts.first().unwrap_or(&seen.text)),
                attempt.recipe.site
            );
            return Err(Failure::new(FailureClass::PasskeyWanted, message));
        }
    }
    Ok(false)
}

/// Why a page without a form that we can fill is one that takes only passkeys, where it is.
pub(super) fn wanted(seen: &Snapshot, attempt: &Attempt<'_>) -> Option<Failure> {
    let button = find_sign_in(seen)?;
    let site = &attempt.recipe.site;
    let way_out = match attempt.passkey {
        Some(_) => format!(
            "it did not ask for the one that is kept here; make another: jarkeeper passkey register {site}"
        ),
        None => format!(
            "there is none of {site} here; log in once by hand, bring the session (jarkeeper import {site}), then: jarkeeper passkey register {site}"
        ),
    };
    let message = format!(
        "the site takes only a passkey ({}), and {way_out}",
        sight::quote(&seen.buttons[button].text)
    );
    Some(Failure::new(FailureClass::PasskeyWanted, message))
}

fn clickable(page: &Snapshot) -> impl Iterator<Item = (usize, &Button, String)> {
    let visible = page.buttons.iter().enumerate();
    visible
        .filter(|(_, it)| it.visible && !it.disabled)
        .map(|(at, it)| (at, it, it.text.to_lowercase()))
        .filter(|(_, _, text)| text.chars().count() <= LONGEST && !any(text, words::NOT))
}

/// The button that signs in with a passkey.
fn find_sign_in(page: &Snapshot) -> Option<usize> {
    let named = clickable(page).filter(|(_, _, text)| any(text, words::PASSKEY));
    let fits = |text: &str| any(text, super::words::SIGN_IN) || any(text, super::words::NEXT);
    // "Sign in with a passkey" before the bare word; "Add a passkey" is for those who are in.
    named
        .filter(|(_, _, text)| fits(text) || !any(text, words::ADD))
        .min_by_key(|(_, _, text)| (!fits(text), text.chars().count()))
        .map(|(at, _, _)| at)
}

/// The button that adds a passkey, or that goes on with it; `begun`: one was clicked already.
fn find_add(page: &Snapshot, begun: bool, done: &HashSet<String>) -> Option<usize> {
    let about = any(&page.text.to_lowercase(), words::PASSKEY);
    let rank = |text: &str| {
        let (names, adds) = (any(text, words::PASSKEY), any(text, words::ADD));
        match (names, adds) {
            (true, true) => Some(0),
            // "Passkeys" may be the way to the page, or the tab on it.
            (true, false) => Some(1),
            (false, true) if about && begun => Some(2),
            (false, false) if about && begun && any(text, words::GO_ON) => Some(3),
            (false, true) if about => Some(4),
            _ => None,
        }
    };
    clickable(page)
        .filter(|(_, _, text)| !done.contains(&click_key(page, text)))
        .filter_map(|(at, _, text)| Some((rank(&text)?, text.chars().count(), at)))
        .min()
        .map(|(_, _, at)| at)
}

fn click_key(page: &Snapshot, text: &str) -> String {
    // A dialog's button may bear the name of the one that opened it; its page then says more than before.
    format!("{} {text} {}", page.url, page.fields.len())
}

/// Makes a passkey with a live session, on the page `at`, and gives it once the site has it.
///
/// # Errors
/// The session is not alive, the page has no way to add a passkey, or the site did not take it.
pub async fn register(
    means: Means<'_>,
    attempt: &Attempt<'_>,
    state: &StorageState,
    at: &Url,
    deadline: Instant,
) -> Result<Passkey, Box<Failed>> {
    let wanted = Wanted {
        seed: Some(state),
        ignore_https_errors: attempt.recipe.ignore_https_errors,
        deadline,
    };
    let context = means.browser.context(means.config, wanted).await;
    let context = context.map_err(|error| Failed::of(error.into()))?;
    match make(&context, attempt, at).await {
        Ok(passkey) => Ok(passkey),
        Err(failure) => Err(Box::new(Failed {
            failure,
            evidence: Some(look_closely(context.page()).await),
            typed: Vec::new(),
        })),
    }
}

async fn make(context: &Context, attempt: &Attempt<'_>, at: &Url) -> Result<Passkey, Failure> {
    let page = context.page();
    let mut progress = Progress::default();
    let authenticator = page.authenticator(None).await?;
    page.goto(at).await?;
    let mut done = HashSet::new();
    let mut still = 0;
    for _ in 0..CLICKS * 4 {
        page.settle(AGAIN, Instant::now() + ASKS).await;
        if let Some(passkey) = made(page, &authenticator, attempt, &mut done).await? {
            return Ok(passkey);
        }
        let frames = open_frames(page, attempt.recipe).await?;
        if frames.is_empty() {
            let origin = page.main_frame().origin;
            let message = format!(
                "the page that adds passkeys is on {origin}, and the recipe allows it only on {}; if that is right, add the origin to allowed_origins",
                attempt.recipe.url.origin().ascii_serialization()
            );
            return Err(Failure::new(FailureClass::RecipeWrong, message));
        }
        let mut acted = false;
        for frame in frames {
            if step(page, attempt, &mut progress, &frame, &mut done).await? {
                acted = true;
                break;
            }
        }
        if acted && done.len() <= CLICKS {
            still = 0;
            continue;
        }
        still += 1;
        if still > 5 || Instant::now() >= page.deadline() {
            break;
        }
        page.changed(Instant::now() + AGAIN * 2).await;
    }
    let seen = snapshot(page, &page.main_frame()).await?;
    let here = Url::parse(&page.url()).map_or_else(|_| page.url(), |url| shown(&url));
    let message = match done.is_empty() {
        true => format!(
            "there is no button that adds a passkey at {here}; the page says {}. Give the page of the account's security settings: --at URL",
            sight::quote(&seen.text)
        ),
        false => format!(
            "the site did not make a passkey, or asks for more at {here}; the page says {}. Nothing was kept",
            sight::quote(&seen.text)
        ),
    };
    Err(Failure::new(FailureClass::FormNotFound, message))
}

/// The passkey, once the authenticator has made one and the site has had time to take it.
async fn made(
    page: &Page,
    authenticator: &Authenticator,
    attempt: &Attempt<'_>,
    done: &mut HashSet<String>,
) -> Result<Option<Passkey>, Failure> {
    let Some(passkey) = page.passkeys(authenticator).await?.pop() else {
        return Ok(None);
    };
    let until = (Instant::now() + ANSWER).min(page.deadline());
    page.settle(AGAIN, until).await;
    // Some ask for its name only now, and take it when that is given.
    for frame in open_frames(page, attempt.recipe).await? {
        let seen = snapshot(page, &frame).await?;
        if let Some(named) = name_field(&seen)
            && let Some((at, _, _)) = clickable(&seen)
                .find(|(_, it, text)| it.form == seen.fields[named].form && any(text, words::GO_ON))
            && done.insert("name".to_owned())
        {
            let field = page.node(&frame, seen.fields[named].node).await?;
            page.fill(&field, NAME).await?;
            let button = page.node(&frame, seen.buttons[at].node).await?;
            page.click(&button).await?;
            page.settle(AGAIN, until).await;
        }
    }
    Ok(Some(passkey))
}

/// An empty text field that may want the passkey's name.
fn name_field(page: &Snapshot) -> Option<usize> {
    page.fields.iter().position(|it| {
        it.visible
            && !it.disabled
            && !it.readonly
            && !it.filled
            && matches!(it.kind.as_str(), "text" | "")
            && !it.label.to_lowercase().contains("search")
            && !it.name.to_lowercase().contains("search")
    })
}

/// Does the next thing on the way to a new passkey: answers the password that some ask for again, or clicks.
async fn step(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    frame: &Frame,
    done: &mut HashSet<String>,
) -> Result<bool, Failure> {
    let seen = snapshot(page, frame).await?;
    let login = form::find(&seen);
    // Who is only to confirm the password is known already.
    let asks_who = |at: usize| !seen.fields[at].filled && !seen.fields[at].readonly;
    if login
        .as_ref()
        .and_then(|it| it.username)
        .is_some_and(asks_who)
    {
        let here = Url::parse(&seen.url).map_or_else(|_| seen.url.clone(), |url| shown(&url));
        let message = format!(
            "{here} asks to log in, though there is a session; give the page of the account's security settings: --at URL"
        );
        return Err(Failure::new(FailureClass::FormNotFound, message));
    }
    let mut asked = seen
        .fields
        .iter()
        .filter(|it| it.kind == "password" && it.visible && !it.disabled);
    if let (Some(field), None) = (asked.next(), asked.next()) {
        if !done.insert(format!("password {}", seen.url)) {
            let message = format!(
                "the site asks for the password before it adds a passkey, and does not take it: {}",
                sight::quote(seen.alerts.first().unwrap_or(&seen.text))
            );
            return Err(Failure::new(FailureClass::WrongCredentials, message));
        }
        let element = page.node(frame, field.node).await?;
        type_password(page, attempt, progress, &element).await?;
        let sent = page.requests_sent();
        match login.and_then(|it| it.submit) {
            Some(at) => {
                let button = page.node(frame, seen.buttons[at].node).await?;
                page.click(&button).await?;
            }
            None => page.press("Enter").await?,
        }
        page.sends(sent, Instant::now() + ASKS).await;
        return Ok(true);
    }
    let Some(at) = find_add(&seen, !done.is_empty(), done) else {
        return Ok(false);
    };
    let button = &seen.buttons[at];
    done.insert(click_key(&seen, &button.text.to_lowercase()));
    if let Some(named) = name_field(&seen).filter(|named| seen.fields[*named].form == button.form) {
        let field = page.node(frame, seen.fields[named].node).await?;
        page.fill(&field, NAME).await?;
    }
    let leads = button.link.as_deref().and_then(|link| {
        let base = Url::parse(&seen.url).ok()?;
        base.join(link).ok()
    });
    if leads.is_some_and(|to| {
        to.scheme().starts_with("http")
            && !allowed(attempt.recipe, &to.origin().ascii_serialization())
    }) {
        return Ok(true);
    }
    let element = page.node(frame, button.node).await?;
    page.click(&element).await?;
    Ok(true)
}

/// Signs in with a new passkey alone, in a fresh context.
///
/// # Errors
/// It does not get in, or gets in without the passkey.
pub async fn prove(
    means: Means<'_>,
    attempt: &Attempt<'_>,
    held: &Held,
    deadline: Instant,
) -> Result<super::Established, Box<Failed>> {
    let mut credentials = attempt.credentials.clone();
    credentials.password = "".into();
    credentials.totp = None;
    // A site that wants more than the passkey must not cost a code that serves once.
    credentials.recovery_codes.clear();
    let attempt = Attempt {
        credentials: &credentials,
        passkey: Some(held),
        learned: &Learned::default(),
        ..*attempt
    };
    let told = |mut failed: Box<Failed>| {
        failed.failure.class = FailureClass::PasskeyWanted;
        failed.failure.message = format!(
            "the site made a passkey, and signing in with it did not work, so it was not kept (remove it at the site): {}",
            failed.failure.message
        );
        failed
    };
    let done = super::establish(means, &attempt, None, deadline)
        .await
        .map_err(told)?;
    match held.was_used() {
        true => Ok(done),
        false => Err(told(Failed::of(Failure::new(
            FailureClass::PasskeyWanted,
            "the site let us in without asking for it",
        )))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(buttons: &[&str]) -> Snapshot {
        let button = |text: &&str| {
            let mut button = Button::default();
            (button.text, button.part.visible) = ((*text).to_owned(), true);
            button
        };
        Snapshot {
            text: buttons.join(" "),
            buttons: buttons.iter().map(button).collect(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_button_that_signs_in_is_found_in_many_languages() {
        for (buttons, found) in [
            (
                &["Log in", "Sign in with a passkey", "Learn about passkeys"][..],
                Some(1),
            ),
            (&["Anmelden", "Mit Passkey anmelden"], Some(1)),
            (&["Se connecter avec une clé d’accès"], Some(0)),
            (&["パスキーでログイン"], Some(0)),
            (&["使用通行密钥登录"], Some(0)),
            (&["Войти с ключом доступа"], Some(0)),
            (&["Use your security key"], Some(0)),
            (&["Passkey"], Some(0)),
            (&["Add a passkey"], None),
            (&["Sign in without a passkey", "Delete passkey"], None),
            (&["Log in", "Sign up"], None),
        ] {
            assert_eq!(find_sign_in(&page(buttons)), found, "{buttons:?}");
        }
    }

    #[test]
    fn the_button_that_adds_one_is_found_in_many_languages() {
        for (buttons, found) in [
            (
                &["Passkeys", "Add a passkey", "Delete passkey"][..],
                Some(1),
            ),
            (&["Passwort ändern", "Passkey hinzufügen"], Some(1)),
            (&["Créer une clé d'accès"], Some(0)),
            (&["パスキーを作成"], Some(0)),
            (&["Добавить ключ доступа"], Some(0)),
            (&["Security keys", "Sign out"], Some(0)),
            (&["Delete account", "Sign out", "Add address"], None),
        ] {
            let found_now = find_add(&page(buttons), false, &HashSet::new());
            assert_eq!(found_now, found, "{buttons:?}");
        }
    }
}
