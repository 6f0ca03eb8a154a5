//! Where a secret may be typed, and how.

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::{Attempt, Progress};
use crate::browser::{BrowserError, Element, Frame, Page, shown};
use crate::failure::{Failure, FailureClass, Wants};
use crate::sites::Recipe;

/// Whether credentials may be typed on this origin: the recipe's own, the same host by HTTPS, or one that it allows.
pub(super) fn allowed(recipe: &Recipe, origin: &str) -> bool {
    let mut secure = recipe.url.clone();
    let upgraded =
        secure.scheme() == "http" && secure.port().is_none() && secure.set_scheme("https").is_ok();
    origin == recipe.url.origin().ascii_serialization()
        || upgraded && origin == secure.origin().ascii_serialization()
        || recipe.allowed_origins.iter().any(|other| other == origin)
}

/// Every origin that [`allowed`] allows.
pub(super) fn origins(recipe: &Recipe) -> Vec<String> {
    let mut origins = recipe.allowed_origins.clone();
    let own = recipe.url.origin().ascii_serialization();
    let secure = own
        .strip_prefix("http://")
        .map(|host| format!("https://{host}"));
    origins.extend(secure.filter(|secure| allowed(recipe, secure)));
    origins.push(own);
    origins
}

/// The page's frames on which credentials may be typed. None, where the page itself is elsewhere.
pub(super) async fn open_frames(page: &Page, recipe: &Recipe) -> Result<Vec<Frame>, Failure> {
    let mut frames = page.frames();
    if !frames
        .first()
        .is_some_and(|main| allowed(recipe, &main.origin))
    {
        return Ok(Vec::new());
    }
    frames.retain(|frame| allowed(recipe, &frame.origin));
    let mut inner = frames.into_iter();
    let mut open: Vec<_> = inner.next().into_iter().collect();
    for frame in inner {
        // What a site keeps in a sandbox it does not trust itself, though it comes from its own address.
        match page.origin(&frame).await {
            Ok(origin) if allowed(recipe, &origin) => open.push(frame),
            Ok(_) | Err(BrowserError::Moved(_) | BrowserError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(open)
}

/// The password; an empty one is never sent: it would only count as a wrong one.
///
/// # Errors
/// [`FailureClass::SecretMissing`].
pub(super) fn password<'a>(attempt: &Attempt<'a>) -> Result<&'a SecretString, Failure> {
    let password = &attempt.credentials.password;
    match password.expose_secret().is_empty() {
        false => Ok(password),
        true => {
            let message = "the password is empty; look at where the recipe takes it from";
            Err(Failure::new(FailureClass::SecretMissing, message))
        }
    }
}

/// Types the password, after the gate has opened, and only where the recipe allows it.
pub(super) async fn type_password(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
) -> Result<(), Failure> {
    let password = password(attempt)?;
    guarded(page, attempt, progress, element, "password").await?;
    page.fill(element, password.expose_secret()).await?;
    progress.submitted_at = Some(Instant::now());
    Ok(())
}

/// Fails where a secret must not be typed into this element: its place, or where its form sends to, is not the recipe's.
/// Asks the gate before the first secret of an attempt.
pub(super) async fn guarded(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    element: &Element,
    what: &str,
) -> Result<(), Failure> {
    // What the events have told may be a moment old; a secret waits for the present.
    let frames = page.frames_now().await?;
    let around = frames
        .first()
        .map(|main| main.origin.clone())
        .unwrap_or_default();
    let own = page.origin(&element.frame).await?;
    for origin in [around, own] {
        if !allowed(attempt.recipe, &origin) {
            let message = format!(
                "the field for the {what} is on {origin}, and the recipe allows it only on {}; if the site's login really is there, add the origin to allowed_origins",
                attempt.recipe.url.origin().ascii_serialization()
            );
            let failure = Failure::new(FailureClass::RecipeWrong, message);
            return Err(failure.wanting(Wants::Origin(origin)));
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
            let wants = url.map(|url| Wants::Origin(url.origin().ascii_serialization()));
            let message = format!(
                "the login form sends the {what} to {to}, and the recipe allows it only on {}; if that is right, add the origin to allowed_origins",
                attempt.recipe.url.origin().ascii_serialization()
            );
            return Err(Failure {
                wants,
                ..Failure::new(FailureClass::RecipeWrong, message)
            });
        }
    }
    pass_gate(attempt, progress)
}

/// Asks, once in an attempt, whether the credentials may be submitted.
pub(super) fn pass_gate(attempt: &Attempt<'_>, progress: &mut Progress) -> Result<(), Failure> {
    if progress.submitted_at.is_none() {
        (attempt.gate)()?;
        progress.submitted_at = Some(Instant::now());
    }
    Ok(())
}
