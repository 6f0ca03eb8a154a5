//! How plain HTTP tells a live session from a dead one at a site: found out by asking.
//!
//! [`Prober::learn`] asks a page or two while a login waits for its proof. [`survey`] comes after the proof and looks for the
//! place that is best to ask for months: checked with the session, without cookies, and with those of a stranger.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;
use url::Url;

use super::places::places;
use super::probe::{Fetched, Prober, Rule, find_ignoring_case, has_password_field};
use super::prove::cookies_now;
use super::typing::allowed;
use super::{Established, Means, words};
use crate::browser::{Page, Wanted};
use crate::failure::Failure;
use crate::session::{Jar, StorageState};
use crate::sites::Recipe;
use crate::sites::recipe::Source;

/// Longest wait for one answer of a survey: what is slower is no cheap place to ask.
const SLOW: TimeDelta = TimeDelta::seconds(5);
/// Longest time for what a stranger is given.
const STRANGER: Duration = Duration::from_secs(10);
/// How much more a rule that reads the body may weigh than one that reads the status, bytes.
const READING: usize = 40_000;
/// How much more the place that the login itself was proven by may weigh, bytes.
const KNOWN: usize = 8_000;

impl Prober {
    /// Finds a rule: the first URL whose answer with the session differs from its answer without in a way that tells. What
    /// the answers renew is put into the state.
    ///
    /// # Errors
    /// The site does not answer plain HTTP.
    pub async fn learn(
        &self,
        candidates: &[Url],
        state: &mut StorageState,
        lenient: bool,
    ) -> Result<Option<Rule>, Failure> {
        let mut jar = Jar::new(state, self.now());
        let learned = self.learn_with(candidates, &mut jar, state, lenient).await;
        (*state, _) = jar.into_state();
        learned
    }

    async fn learn_with(
        &self,
        candidates: &[Url],
        jar: &mut Jar,
        state: &StorageState,
        lenient: bool,
    ) -> Result<Option<Rule>, Failure> {
        for url in candidates {
            let with = self.fetch(url, Some((jar, state)), lenient).await?;
            jar.take(url, &with.set_cookies);
            if with.status == 429 || with.status >= 400 {
                continue;
            }
            if let Some(page) = leads_to(url, &with).filter(|page| !candidates.contains(page)) {
                // The page tells more than the way to it, and asking for it is what keeps a sliding session alive.
                let inside = self.fetch(&page, Some((jar, state)), lenient).await?;
                jar.take(&page, &inside.set_cookies);
                if inside.status == 200 {
                    let without = self.fetch(&page, None, lenient).await?;
                    if let Some(rule) = compare(&page, &inside, &without) {
                        return Ok(Some(rule));
                    }
                }
            }
            let without = self.fetch(url, None, lenient).await?;
            if let Some(rule) = compare(url, &with, &without) {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }
}

/// What the page that a login led to offers to ask, beside itself.
pub(super) async fn offers(page: &Page, recipe: &Recipe) -> Vec<Url> {
    let Ok(here) = Url::parse(&page.url()) else {
        return Vec::new();
    };
    if !allowed(recipe, &here.origin().ascii_serialization()) {
        return Vec::new();
    }
    let seen = page.snapshot(&page.main_frame()).await.unwrap_or_default();
    let read = page
        .answers_since(0)
        .into_iter()
        .filter(|a| a.read && a.status < 400);
    let read: Vec<Url> = read.filter_map(|a| Url::parse(&a.url).ok()).collect();
    places(&here, &seen, &read)
}

/// Looks for the best rule for a session that is proven: one that holds with its cookies, twice, and neither without any nor
/// with those that the site gives to a stranger. What the answers renew is put into the state.
pub async fn survey(
    means: Means<'_>,
    recipe: &Recipe,
    done: &mut Established,
    deadline: Instant,
) -> Option<Rule> {
    let prober = means.prober.within(SLOW);
    let lenient = recipe.ignore_https_errors;
    let known = done.learned.rule.as_ref().map(|rule| rule.url.clone());
    let pages = [
        known.clone(),
        done.learned.landing.clone(),
        Some(recipe.url.clone()),
    ];
    let mut candidates: Vec<Url> = Vec::new();
    for mut url in pages
        .into_iter()
        .flatten()
        .chain(done.offers.iter().cloned())
    {
        url.set_fragment(None);
        if allowed(recipe, &url.origin().ascii_serialization()) && !candidates.contains(&url) {
            candidates.push(url);
        }
    }
    let mut jar = Jar::new(&done.state, prober.now());
    let mut found: Vec<(usize, Rule)> = Vec::new();
    for url in &candidates {
        if Instant::now() >= deadline {
            break;
        }
        let account = recipe.accounts.first().map(|account| &account.username);
        let Some((weight, rule)) =
            tells(&prober, url, &mut jar, &done.state, account, lenient).await
        else {
            continue;
        };
        let bonus = if Some(url) == known.as_ref() {
            KNOWN
        } else {
            0
        };
        found.push((weight.saturating_sub(bonus), rule));
    }
    let (state, changed) = jar.into_state();
    if changed {
        done.state = state;
    }
    found.sort_by_key(|(weight, _)| *weight);
    if found.is_empty() {
        return None;
    }
    let stranger = stranger(means, recipe, deadline).await;
    for (_, rule) in found {
        let Some(stranger) = &stranger else {
            return Some(rule);
        };
        let jar = Jar::new(stranger, prober.now());
        match prober
            .fetch(&rule.url, Some((&jar, stranger)), lenient)
            .await
        {
            Ok(answer) if !holds(&rule, &answer) => return Some(rule),
            _ => {}
        }
    }
    None
}

/// The rule by which this URL tells, and what it weighs; asked twice, because what is said once may be a welcome.
async fn tells(
    prober: &Prober,
    url: &Url,
    jar: &mut Jar,
    state: &StorageState,
    username: Option<&Source>,
    lenient: bool,
) -> Option<(usize, Rule)> {
    let mut rule = None;
    let mut weight = 0;
    for _ in 0..2 {
        let with = prober.fetch(url, Some((jar, state)), lenient).await.ok()?;
        jar.take(url, &with.set_cookies);
        if with.status != 200 {
            return None;
        }
        let without = prober.fetch(url, None, lenient).await.ok()?;
        if without.status == 429 || without.status >= 500 {
            return None;
        }
        match &rule {
            None => {
                let found = compare(url, &with, &without)
                    .or_else(|| names(url, &with, &without, username))?;
                let reads = found.contains.is_some();
                weight = with.body.len() + if reads { READING } else { 0 };
                rule = Some(found);
            }
            Some(rule) if holds(rule, &with) && !holds(rule, &without) => {}
            Some(_) => return None,
        }
    }
    rule.map(|rule| (weight, rule))
}

/// What the site gives to a browser that has never been there.
async fn stranger(means: Means<'_>, recipe: &Recipe, deadline: Instant) -> Option<StorageState> {
    let deadline = deadline.min(Instant::now() + STRANGER);
    let wanted = Wanted {
        seed: None,
        ignore_https_errors: recipe.ignore_https_errors,
        deadline,
    };
    let context = means.browser.context(means.config, wanted).await.ok()?;
    let page = context.page();
    page.goto(&recipe.url).await.ok()?;
    page.settle(
        super::AGAIN,
        (Instant::now() + super::AGAIN * 6).min(deadline),
    )
    .await;
    cookies_now(means, &context).await.ok()
}

/// Whether an answer is one of a live session, by this rule.
fn holds(rule: &Rule, answer: &Fetched) -> bool {
    let has = |text: &String| answer.body.contains(text);
    answer.status == rule.status
        && rule.contains.as_ref().is_none_or(has)
        && !rule.lacks.as_ref().is_some_and(has)
        && !(rule.formless && has_password_field(&answer.body))
}

/// Where an answer redirects to, on the same origin and without a query, which may serve only once.
fn leads_to(url: &Url, answer: &Fetched) -> Option<Url> {
    let location = answer.location.as_deref()?;
    let to = url.join(location).ok()?;
    let same = to.origin() == url.origin() && to.query().is_none();
    (same && matches!(answer.status, 301..=308)).then_some(to)
}

/// An interface that answers with data names the one who asks. A page may name whoever was here last.
fn names(url: &Url, with: &Fetched, without: &Fetched, username: Option<&Source>) -> Option<Rule> {
    let Some(Source::Literal(username)) = username else {
        return None;
    };
    let username = secrecy::ExposeSecret::expose_secret(username);
    let mark = serde_json::to_string(username)
        .ok()
        .filter(|_| username.len() >= 2)?;
    let is_data = serde_json::from_str::<serde_json::Value>(&with.body).is_ok();
    let told = is_data && with.body.contains(&mark) && !without.body.contains(&mark);
    (told && with.status == without.status).then(|| Rule {
        url: url.clone(),
        status: with.status,
        contains: Some(mark),
        lacks: None,
        formless: false,
    })
}

fn compare(url: &Url, with: &Fetched, without: &Fetched) -> Option<Rule> {
    let rule = Rule {
        url: url.clone(),
        status: with.status,
        contains: None,
        lacks: None,
        formless: false,
    };
    let form_with = has_password_field(&with.body);
    if form_with
        || with
            .location
            .as_deref()
            .is_some_and(|l| words::any(&l.to_lowercase(), words::SIGN_IN))
    {
        return None;
    }
    if with.status != without.status {
        let told = matches!(without.status, 301..=308 | 401 | 403 | 404) || with.status >= 300;
        return told.then_some(Rule {
            formless: true,
            ..rule
        });
    }
    if with.status >= 300 {
        return None;
    }
    if has_password_field(&without.body) {
        return Some(Rule {
            formless: true,
            ..rule
        });
    }
    let mark = words::SIGN_OUT.iter().find_map(|word| {
        let found = find_ignoring_case(&with.body, word)?;
        find_ignoring_case(&without.body, word)
            .is_none()
            .then_some(found)
    });
    mark.map(|mark| Rule {
        contains: Some(mark),
        ..rule
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Fetched {
        let body = body.to_owned();
        Fetched {
            status,
            location: None,
            challenge: None,
            body,
            set_cookies: Vec::new(),
            retry_after: None,
        }
    }

    #[test]
    fn a_rule_is_learned_from_what_differs_and_from_nothing_else() {
        let url: Url = "http://127.0.0.1/x".parse().unwrap();
        let page = answer(200, "<a href=/logout>Log out</a>");
        let rule = compare(&url, &page, &answer(302, "")).unwrap();
        assert!(rule.formless && rule.status == 200);
        assert!(
            compare(
                &url,
                &page,
                &answer(200, "<input name=p type = 'password'>")
            )
            .unwrap()
            .formless
        );
        let rule = compare(&url, &page, &answer(200, "<a href=/login>Log in</a>")).unwrap();
        assert_eq!(rule.contains.as_deref(), Some("logout"));
        assert!(compare(&url, &answer(200, "same"), &answer(200, "same")).is_none());
        assert!(
            compare(
                &url,
                &answer(200, "<input type=password>"),
                &answer(302, "")
            )
            .is_none()
        );
    }

    #[test]
    fn data_that_names_the_user_tells_and_a_page_that_does_so_may_be_an_old_one() {
        let url: Url = "http://127.0.0.1/api/me".parse().unwrap();
        let bob = Source::Literal("bob".into());
        let nobody = answer(200, r#"{"user":null}"#);
        let rule = names(&url, &answer(200, r#"{"user":"bob"}"#), &nobody, Some(&bob)).unwrap();
        assert_eq!(rule.contains.as_deref(), Some("\"bob\""));
        assert!(holds(&rule, &answer(200, r#"{"user": "bob"}"#)) && !holds(&rule, &nobody));
        let page = answer(200, r#"<input name="user" value="bob">"#);
        assert!(names(&url, &page, &nobody, Some(&bob)).is_none());
        let secret = Source::Env("USERNAME".into());
        assert!(
            names(
                &url,
                &answer(200, r#"{"user":"bob"}"#),
                &nobody,
                Some(&secret)
            )
            .is_none()
        );
    }
}
