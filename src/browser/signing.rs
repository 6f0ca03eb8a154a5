//! HTTP authentication: requests to an origin carry the credentials that the page was given for it.
//!
//! The header is put on request by request instead of answering Chromium's own question for credentials: so it is seen
//! each time where they go, no proxy and no other origin can ask for them, and nothing is asked twice. What a refused page
//! holds (pictures, style sheets) goes unsigned: each would be one more wrong password.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::fetch::{
    ContinueRequestParams, DisableParams, EnableParams, EventRequestPaused, HeaderEntry,
    RequestPattern,
};
use chromiumoxide::cdp::browser_protocol::network::ResourceType;
use futures::StreamExt;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

use super::error::BrowserError;
use super::observed::{Observed, Seen};
use super::page::Page;
use crate::session::http::{Challenge, HttpCredentials, Scheme};

const WHAT: &str = "sign its requests";
/// Longest wait for the word that a document was answered, which comes by another way than the requests after it.
const ANSWER: Duration = Duration::from_secs(2);

/// What a page signs its requests with.
#[derive(Default)]
pub(super) struct Signing {
    given: Arc<Mutex<Vec<Given>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Given {
    credentials: HttpCredentials,
    /// What the server said last; Digest needs it.
    challenge: Option<Challenge>,
    /// Requests signed with this challenge.
    count: u32,
    /// Answers that had come when it was given.
    mark: u64,
    /// Whether the origin was seen to take it.
    taken: bool,
}

impl Drop for Signing {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Signing {
    fn given(&self) -> MutexGuard<'_, Vec<Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// Whether the origin of a request did not refuse the credentials with its document.
async fn taken(given: &Mutex<Vec<Given>>, observed: &Observed, url: &str) -> bool {
    let lock = || given.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let Some((taken, mark)) = lock()
        .iter()
        .find(|g| g.credentials.are_for(&url))
        .map(|g| (g.taken, g.mark))
    else {
        return false;
    };
    if taken {
        return true;
    }
    let status = |seen: &Seen| {
        let new = usize::try_from(seen.answered - mark).unwrap_or(usize::MAX);
        let mut new = seen.answers.iter().rev().take(new);
        let own = new.find(|answer| {
            let from = Url::parse(&answer.url);
            answer.document && from.is_ok_and(|from| from.origin() == url.origin())
        });
        own.map(|answer| answer.status)
    };
    let until = Instant::now() + ANSWER;
    observed.until(until, |seen| status(seen).is_some()).await;
    let taken = observed.read(status) != Some(401);
    if taken && let Some(own) = lock().iter_mut().find(|g| g.credentials.are_for(&url)) {
        own.taken = true;
    }
    taken
}

/// The header of one request, where it goes to an origin that credentials were given for.
fn signed(given: &Mutex<Vec<Given>>, method: &str, url: &str) -> Option<HeaderEntry> {
    let url = Url::parse(url).ok()?;
    let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
    let own = given.iter_mut().find(|g| g.credentials.are_for(&url))?;
    own.count += 1;
    let (challenge, random) = (own.challenge.as_ref(), rand::random());
    let header = own
        .credentials
        .authorization(challenge, method, &url, own.count, random)?;
    Some(HeaderEntry::new("Authorization", header.expose_secret()))
}

impl Page {
    /// From now on requests to the credentials' origin carry them, in place of what was given for that origin before.
    ///
    /// # Errors
    /// Chromium does not answer.
    pub async fn authenticate(
        &self,
        credentials: HttpCredentials,
        challenge: Option<Challenge>,
    ) -> Result<(), BrowserError> {
        {
            let mark = self.observed.read(|seen| seen.answered);
            let mut given = self.signing.given();
            given.retain(|g| g.credentials.origin != credentials.origin);
            given.push(Given {
                credentials,
                challenge,
                count: 0,
                mark,
                taken: false,
            });
        }
        self.sign().await
    }

    /// What requests are signed with.
    pub fn authenticated(&self) -> Vec<HttpCredentials> {
        let given = self.signing.given();
        given.iter().map(|g| g.credentials.clone()).collect()
    }

    /// Begins to sign, or begins anew after [`Page::sign_nothing`].
    pub(super) async fn sign(&self) -> Result<(), BrowserError> {
        let pattern = |g: &Given| {
            let url = format!("{}/*", g.credentials.origin);
            RequestPattern::builder().url_pattern(url).build()
        };
        let patterns: Vec<_> = self.signing.given().iter().map(pattern).collect();
        if patterns.is_empty() {
            return Ok(());
        }
        self.signing.stop();
        let paused = self.page.event_listener::<EventRequestPaused>().await;
        let mut paused = paused.map_err(|_| BrowserError::Lost(WHAT.to_owned()))?;
        let (tab, given) = (self.page.clone(), Arc::clone(&self.signing.given));
        let observed = Arc::clone(&self.observed);
        let task = tokio::spawn(async move {
            while let Some(request) = paused.next().await {
                let mut go = ContinueRequestParams::new(request.request_id.clone());
                let own = request.request.headers.inner().as_object();
                let own = own.into_iter().flatten();
                let already = own
                    .clone()
                    .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
                let document = request.resource_type == ResourceType::Document;
                if !already
                    && (document || taken(&given, &observed, &request.request.url).await)
                    && let Some(header) =
                        signed(&given, &request.request.method, &request.request.url)
                {
                    let mut headers: Vec<_> = own
                        .filter_map(|(name, value)| Some(HeaderEntry::new(name, value.as_str()?)))
                        .collect();
                    headers.push(header);
                    go.headers = Some(headers);
                }
                let _ = tab.execute(go).await;
            }
        });
        *self
            .signing
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(task);
        let enable = EnableParams::builder().patterns(patterns).build();
        self.call(WHAT, enable).await.map(drop)
    }

    /// Signs nothing until [`Page::sign`].
    pub(super) async fn sign_nothing(&self) -> Result<(), BrowserError> {
        if self.signing.given().is_empty() {
            return Ok(());
        }
        self.signing.stop();
        self.call(WHAT, DisableParams::default()).await.map(drop)
    }

    /// Whether the page's document was refused only because Digest needed the server's word first; it has it now.
    pub(super) fn heard_challenge(&self) -> bool {
        let told = self.observed.read(|seen| {
            let last = seen.answers.iter().rev().find(|a| a.document)?;
            Some((Url::parse(&last.url).ok()?, last.challenge.clone()?))
        });
        let Some((url, Ok(challenge))) = told.map(|(url, header)| (url, Challenge::parse(&header)))
        else {
            return false;
        };
        let mut given = self.signing.given();
        let own = given.iter_mut().find(|g| g.credentials.are_for(&url));
        let Some(own) = own.filter(|g| g.credentials.scheme == Scheme::Digest) else {
            return false;
        };
        let news = own.challenge.is_none() || challenge.stale;
        if news {
            (own.challenge, own.count) = (Some(challenge), 0);
        }
        news
    }
}
