//! Whether a session lives, asked by plain HTTP: one request, no browser.
//!
//! A rule comes from the recipe, or is learned at a login (see `learn`): a URL whose answer with the session's cookies
//! differs from its answer without them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, COOKIE, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE, USER_AGENT,
    WWW_AUTHENTICATE,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::words;
use crate::browser::shown;
use crate::failure::{Failure, FailureClass, retry_after};
use crate::session::http::{Challenge, Scheme};
use crate::session::{Jar, StorageState};
use crate::sites::recipe::Probe;

/// Most of a body that is read, bytes.
const MOST_BODY: usize = 1 << 20;

/// How to tell a live session by one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// What to GET; redirects are not followed.
    pub url: Url,
    /// The status of a live session.
    pub status: u16,
    /// What the body of a live session contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// What the body of a live session does not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// Whether a password field in the answer means that the session is dead.
    #[serde(default)]
    pub formless: bool,
}

impl From<&Probe> for Rule {
    fn from(probe: &Probe) -> Self {
        Self {
            url: probe.url.clone(),
            status: probe.status,
            contains: probe.contains.clone(),
            lacks: probe.lacks.clone(),
            // A recipe that names a text knows its page; where it names none, a login form is the sign.
            formless: probe.contains.is_none() && probe.lacks.is_none(),
        }
    }
}

/// What a probe found.
#[derive(Debug)]
pub enum Liveness {
    /// The session lives; the state with the cookies that the answer renewed, where it renewed some.
    In(Option<StorageState>),
    /// The session is dead; what was seen instead.
    Out(String),
    /// The site did not tell.
    Unknown(Failure),
}

/// Sends probes. One per process: it keeps connections.
#[derive(Debug, Clone)]
pub struct Prober {
    strict: reqwest::Client,
    lenient: reqwest::Client,
    timeout: Duration,
    clock: fn() -> DateTime<Utc>,
}

/// An answer by plain HTTP.
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) body: String,
    pub(super) set_cookies: Vec<String>,
    pub(super) retry_after: Option<TimeDelta>,
}

impl Prober {
    /// A prober whose requests take at most `timeout`.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(timeout: TimeDelta, clock: fn() -> DateTime<Utc>) -> Result<Self, Failure> {
        let build = |lenient: bool| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .tls_danger_accept_invalid_certs(lenient)
                .build()
                .map_err(|e| {
                    Failure::new(
                        FailureClass::RecipeWrong,
                        format!("plain HTTP cannot be set up: {e}"),
                    )
                })
        };
        let timeout = timeout.to_std().unwrap_or(Duration::from_secs(15));
        Ok(Self {
            strict: build(false)?,
            lenient: build(true)?,
            timeout,
            clock,
        })
    }

    /// The same connections with another limit.
    #[must_use]
    pub fn within(&self, timeout: TimeDelta) -> Self {
        Self {
            timeout: timeout.to_std().unwrap_or(self.timeout),
            ..self.clone()
        }
    }

    /// Asks whether the session lives.
    pub async fn probe(&self, rule: &Rule, state: &StorageState, lenient: bool) -> Liveness {
        let mut jar = Jar::new(state, (self.clock)());
        let fetched = match self.fetch(&rule.url, Some((&jar, state)), lenient).await {
            Ok(fetched) => fetched,
            Err(failure) => return Liveness::Unknown(failure),
        };
        let at = shown(&rule.url);
        let status = fetched.status;
        if status != rule.status && (status == 429 || status >= 500) {
            let throttled = status == 429 || fetched.retry_after.is_some();
            let class = if throttled {
                FailureClass::Throttled
            } else {
                FailureClass::SiteDown
            };
            let mut failure = Failure::new(class, format!("{at} answered {status}"));
            failure.retry_after = fetched.retry_after;
            return Liveness::Unknown(failure);
        }
        if status != rule.status {
            let to = fetched
                .location
                .as_deref()
                .and_then(|l| rule.url.join(l).ok());
            let to = to
                .map(|to| format!(" to {}", shown(&to)))
                .unwrap_or_default();
            return Liveness::Out(format!(
                "{at} answered {status}{to} instead of {}",
                rule.status
            ));
        }
        if rule.formless && has_password_field(&fetched.body) {
            match self.is_of_account(rule, &fetched, lenient).await {
                Ok(true) => {}
                Ok(false) => return Liveness::Out(format!("{at} answered with a login form")),
                Err(failure) => return Liveness::Unknown(failure),
            }
        }
        if rule
            .contains
            .as_ref()
            .is_some_and(|text| !fetched.body.contains(text))
        {
            return Liveness::Out(format!(
                "{at} does not contain {:?}",
                rule.contains.as_deref().unwrap_or_default()
            ));
        }
        if rule
            .lacks
            .as_ref()
            .is_some_and(|text| fetched.body.contains(text))
        {
            return Liveness::Out(format!(
                "{at} contains {:?}",
                rule.lacks.as_deref().unwrap_or_default()
            ));
        }
        jar.take(&rule.url, &fetched.set_cookies);
        let (renewed, changed) = jar.into_state();
        Liveness::In(changed.then_some(renewed))
    }

    /// Whether a page with a password field is one about the account, where the password can be changed, and no login:
    /// it offers to sign out, and who has no session is not let in.
    async fn is_of_account(
        &self,
        rule: &Rule,
        page: &Fetched,
        lenient: bool,
    ) -> Result<bool, Failure> {
        if !offers_sign_out(&page.body) {
            return Ok(false);
        }
        let without = self.fetch(&rule.url, None, lenient).await?;
        Ok(without.status != rule.status)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub(super) async fn fetch(
        &self,
        url: &Url,
        session: Option<(&Jar, &StorageState)>,
        lenient: bool,
    ) -> Result<Fetched, Failure> {
        let credentials =
            session.and_then(|(_, state)| state.http().iter().find(|c| c.are_for(url)));
        let sign = |challenge: Option<&Challenge>| {
            credentials?.authorization(challenge, "GET", url, 1, rand::random())
        };
        let fetched = self.send(url, session, sign(None), lenient).await?;
        let digest = credentials.is_some_and(|c| c.scheme == Scheme::Digest);
        // Digest waits for the server's word.
        match fetched
            .challenge
            .as_deref()
            .filter(|_| digest)
            .map(Challenge::parse)
        {
            Some(Ok(challenge)) => {
                self.send(url, session, sign(Some(&challenge)), lenient)
                    .await
            }
            _ => Ok(fetched),
        }
    }

    async fn send(
        &self,
        url: &Url,
        session: Option<(&Jar, &StorageState)>,
        authorization: Option<SecretString>,
        lenient: bool,
    ) -> Result<Fetched, Failure> {
        let client = if lenient { &self.lenient } else { &self.strict };
        let mut request = client
            .get(url.clone())
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        if let Some((jar, state)) = session {
            if let Some(cookies) = jar.header(url) {
                request = request.header(COOKIE, cookies);
            }
            if let Some(value) = authorization
                && let Ok(mut value) = HeaderValue::from_str(value.expose_secret())
            {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            if let Some(agent) = state.jarkeeper.as_ref().and_then(|e| e.user_agent.as_ref()) {
                request = request.header(USER_AGENT, agent);
            }
        }
        let down =
            |what: String| Failure::new(FailureClass::SiteDown, format!("{} {what}", shown(url)));
        let fetch = async {
            let mut answer = request
                .send()
                .await
                .map_err(|e| down(format!("did not answer: {}", root(&e))))?;
            let header = |name| {
                answer
                    .headers()
                    .get(name)
                    .and_then(|v| v.to_str().ok())
                    .map(str::to_owned)
            };
            let location = header(LOCATION);
            let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<_> = challenges.filter_map(|v| v.to_str().ok()).collect();
            let challenge = (!challenges.is_empty()).then(|| challenges.join("\n"));
            let retry_after = header(RETRY_AFTER).and_then(|v| retry_after(&v, (self.clock)()));
            let set_cookies = answer.headers().get_all(SET_COOKIE).iter();
            let set_cookies = set_cookies
                .filter_map(|v| v.to_str().ok())
                .map(str::to_owned)
                .collect();
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = answer
                .chunk()
                .await
                .map_err(|e| down(format!("broke off: {}", root(&e))))?
            {
                body.extend_from_slice(&chunk);
                if body.len() >= MOST_BODY {
                    break;
                }
            }
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Fetched {
                status,
                location,
                challenge,
                body,
                set_cookies,
                retry_after,
            })
        };
        match tokio::time::timeout(self.timeout, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err(down(format!(
                "did not answer within {} s",
                self.timeout.as_secs()
            ))),
        }
    }
}

/// The innermost cause: what the system said.
fn root(error: &reqwest::Error) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

fn offers_sign_out(html: &str) -> bool {
    let found = |word: &&str| find_ignoring_case(html, word).is_some();
    words::SIGN_OUT.iter().any(found)
}

/// The word as it is written in the text. Words of few letters are too easily part of others.
pub(super) fn find_ignoring_case(text: &str, word: &str) -> Option<String> {
    if word.len() < 5 {
        return None;
    }
    let lower = text.to_lowercase();
    let at = lower.find(word)?;
    // Lower-casing may move positions in some scripts; then the word itself serves only where it stands as it is.
    match lower.len() == text.len() {
        true => text.get(at..at + word.len()).map(str::to_owned),
        false => text.contains(word).then(|| word.to_owned()),
    }
}

/// Whether HTML holds an `<input type=password>`.
pub(super) fn has_password_field(html: &str) -> bool {
    let lower = html.to_ascii_lowercase();
    lower.match_indices("<input").any(|(at, _)| {
        let tag = lower[at..].split('>').next().unwrap_or_default();
        tag.split("type").skip(1).any(|rest| {
            rest.trim_start().strip_prefix('=').is_some_and(|value| {
                value
                    .trim_start()
                    .trim_start_matches(['"', '\''])
                    .starts_with("password")
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_field_is_seen_however_it_is_written() {
        assert!(
            has_password_field("<INPUT id=a TYPE=password>")
                && has_password_field("<input type=\"password\"")
        );
        assert!(
            !has_password_field("<input type=text placeholder=password>")
                && !has_password_field("type=password")
        );
    }
}
