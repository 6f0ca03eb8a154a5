//! Logging in by HTTP authentication: a document that answers 401 and says how it wants the credentials.

use tokio::time::Instant;
use url::Url;

use super::typing::{allowed, pass_gate, password};
use super::{Attempt, Progress};
use crate::browser::{Answer, Page, shown};
use crate::failure::{Failure, FailureClass, Wants};
use crate::session::StorageState;
use crate::session::http::{Challenge, HttpCredentials};

/// The page's own answer, where it asks for HTTP authentication.
pub(super) fn asked(page: &Page) -> Option<Answer> {
    let answers = page.answers_since(0);
    let last = answers.into_iter().rev().find(|answer| answer.document)?;
    last.challenge.is_some().then_some(last)
}

/// A state to begin with, but for what HTTP authentication would send.
pub(super) fn without_credentials(state: &StorageState) -> StorageState {
    let mut state = state.clone();
    if let Some(extension) = &mut state.jarkeeper {
        extension.http.clear();
    }
    state
}

/// Gives the credentials to the origin that asks for them, once, where the recipe allows it.
pub(super) async fn enter(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    answer: &Answer,
) -> Result<(), Failure> {
    let url = Url::parse(&answer.url).map_err(|_| unreadable())?;
    let origin = url.origin().ascii_serialization();
    if page
        .authenticated()
        .iter()
        .any(|given| given.origin == origin)
    {
        return Err(refused(&url));
    }
    if !allowed(attempt.recipe, &origin) {
        let own = attempt.recipe.url.origin().ascii_serialization();
        let message = format!(
            "{origin} asks for the credentials by HTTP authentication, and the recipe allows them only on {own}; if that is right, add it to allowed_origins"
        );
        return Err(Failure::new(FailureClass::RecipeWrong, message).wanting(Wants::Origin(origin)));
    }
    let challenge = Challenge::parse(answer.challenge.as_deref().unwrap_or_default());
    let challenge = challenge.map_err(|schemes| {
        let message = format!(
            "{} asks for HTTP authentication by {}, and only Basic and Digest (MD5, SHA-256) are known here",
            shown(&url),
            schemes.join(", ")
        );
        Failure::new(FailureClass::RecipeWrong, message)
    })?;
    let password = password(attempt)?.clone();
    pass_gate(attempt, progress)?;
    let credentials = HttpCredentials {
        origin,
        scheme: challenge.scheme,
        username: attempt.credentials.username.clone(),
        password,
    };
    page.authenticate(credentials, Some(challenge)).await?;
    let went = page.goto(&url).await;
    progress.submitted_at = Some(Instant::now());
    match (asked(page), went) {
        (Some(_), _) => Err(refused(&url)),
        (None, went) => Ok(went?),
    }
}

fn refused(url: &Url) -> Failure {
    let message = format!("{} refused the username or the password (401)", shown(url));
    Failure::new(FailureClass::WrongCredentials, message)
}

fn unreadable() -> Failure {
    let message = "the page that asks for HTTP authentication has no address";
    Failure::new(FailureClass::FormNotFound, message)
}
