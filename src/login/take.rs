//! Doing what [`ask`] decides: choices taken, banners removed.

use std::collections::HashSet;

use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use super::ask::{self, Known, Step};
use super::typing::allowed;
use super::{AGAIN, Attempt, GIVE, QUIET, factor, snapshot};
use crate::browser::snapshot::{Choice, Overlay, Snapshot};
use crate::browser::{BrowserError, Frame, Page};
use crate::failure::Failure;

/// A step on a page, with what the page offers.
pub(super) struct Offer {
    frame: Frame,
    choices: Vec<Choice>,
    step: Step,
}

/// What a page offers, read once.
pub(super) struct Offers<'a> {
    page: &'a Page,
    frame: &'a Frame,
    seen: &'a Snapshot,
    done: &'a HashSet<String>,
    choices: Vec<Choice>,
}

impl<'a> Offers<'a> {
    /// Nothing, where the document is just going away.
    pub(super) async fn of(
        page: &'a Page,
        frame: &'a Frame,
        seen: &'a Snapshot,
        done: &'a HashSet<String>,
    ) -> Result<Self, Failure> {
        let choices = match page.choices(frame).await {
            Err(BrowserError::Moved(_)) => Vec::new(),
            choices => choices?,
        };
        Ok(Self {
            page,
            frame,
            seen,
            done,
            choices,
        })
    }

    fn offer(&self, step: Option<Step>) -> Option<Offer> {
        let offer = Offer {
            frame: self.frame.clone(),
            choices: self.choices.clone(),
            step: step?,
        };
        (!self.done.contains(&offer.key(self.page))).then_some(offer)
    }

    /// The next step, see [`ask::next`].
    pub(super) fn next(
        &self,
        attempt: &Attempt<'_>,
        entered: bool,
    ) -> Result<Option<Offer>, Failure> {
        let known = Known {
            username: &attempt.credentials.username,
            url: &attempt.recipe.url,
            entered,
            authorises: authorises(self.page, attempt),
            mailbox: factor::mailbox(attempt),
            password: !attempt.credentials.password.expose_secret().is_empty(),
        };
        Ok(self.offer(ask::next(self.seen, &self.choices, &known)?))
    }

    /// The way to a password where something else is asked for.
    pub(super) fn password_way(&self) -> Option<Offer> {
        self.offer(ask::password_way(self.seen, &self.choices))
    }

    /// What is left on a page that shows no way in: its banner, other ways.
    pub(super) fn last(&self) -> Option<Offer> {
        let banner = self.offer(ask::banner(self.seen, &self.choices));
        banner.or_else(|| self.offer(ask::other_way(self.seen, &self.choices)))
    }
}

impl Offer {
    /// What must not be done twice.
    pub(super) fn key(&self, page: &Page) -> String {
        let (url, step) = (page.url(), &self.step);
        format!(
            "{} {} {}",
            step.what,
            place(&url),
            self.choices[step.choice].text
        )
    }

    /// Takes it, and waits for what comes of it.
    pub(super) async fn take(&self, page: &Page) -> Result<(), Failure> {
        let choice = &self.choices[self.step.choice];
        tracing::debug!(step = self.step.what, "the login goes on by a choice");
        if choice.kind == "option" {
            match page.node(&self.frame, choice.node).await {
                Ok(list) => page.choose(&list, &choice.value).await?,
                Err(BrowserError::Moved(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        } else {
            press(page, &self.frame, choice.node).await?;
        }
        match self.step.then {
            Some(then) => press(page, &self.frame, self.choices[then].node).await,
            None => Ok(()),
        }
    }
}

/// A URL without what may change from visit to visit.
fn place(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Clicks and waits for what comes of it. What is gone meanwhile needs no click any more.
async fn press(page: &Page, frame: &Frame, node: usize) -> Result<(), Failure> {
    let sent = page.requests_sent();
    let clicked = async {
        let element = page.node(frame, node).await?;
        page.click(&element).await
    };
    match clicked.await {
        Ok(()) | Err(BrowserError::Moved(_)) => {}
        Err(error) => return Err(error.into()),
    }
    page.sends(sent, Instant::now() + AGAIN).await;
    page.settle(QUIET, Instant::now() + GIVE / 2).await;
    Ok(())
}

/// Removes what lies over an element, once; says whether something was removed.
pub(super) async fn uncover(
    page: &Page,
    frame: &Frame,
    node: usize,
    done: &mut HashSet<String>,
) -> Result<bool, Failure> {
    let over = match page.over(frame, node).await {
        Ok(Some(over)) => over,
        Ok(None) | Err(BrowserError::Moved(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !done.insert(format!("over {} {}", place(&page.url()), over.text)) {
        return Ok(false);
    }
    if let Some(at) = ask::out_of_the_way(&over) {
        press(page, frame, over.choices[at].node).await?;
        return Ok(true);
    }
    // Consent managers live in frames of their own.
    for node in over.frames {
        let inner = async { page.frame_of(&page.node(frame, node).await?).await };
        let Ok(inner) = inner.await else { continue };
        let text = snapshot(page, &inner).await?.text;
        let Ok(choices) = page.choices(&inner).await else {
            continue;
        };
        let inside = Overlay {
            text,
            choices,
            frames: Vec::new(),
        };
        if let Some(at) = ask::out_of_the_way(&inside) {
            press(page, &inner, inside.choices[at].node).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the page is an authorization for the site that is logged in to: the login was sent here with the address that gets
/// the answer, which is on an origin of the recipe, and this is not that place itself.
fn authorises(page: &Page, attempt: &Attempt<'_>) -> bool {
    const MARKS: [&str; 8] = [
        "oauth",
        "oidc",
        "openid",
        "authorize",
        "authorise",
        "consent",
        "client_id",
        "permission",
    ];
    let Ok(here) = Url::parse(&page.url()) else {
        return false;
    };
    let answers = page.answers_since(0).into_iter();
    let documents = answers
        .filter(|a| a.document)
        .filter_map(|a| Url::parse(&a.url).ok());
    let marked = MARKS
        .iter()
        .any(|mark| here.as_str().to_lowercase().contains(mark));
    let asks_for_us = |url: Url| {
        let to = url.query_pairs().find(|(name, _)| name == "redirect_uri");
        let to = to.and_then(|(_, to)| Url::parse(&to).ok());
        to.is_some_and(|to| {
            let elsewhere = to.origin() != here.origin();
            (elsewhere || marked && to.path() != here.path())
                && allowed(attempt.recipe, &to.origin().ascii_serialization())
        })
    };
    documents.chain([here.clone()]).any(asks_for_us)
}
