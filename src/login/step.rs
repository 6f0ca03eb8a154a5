//! The steps of a recipe, done one after the other.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::browser::{BrowserError, Element, Frame, Page};
use crate::failure::{Failure, FailureClass};
use crate::sites::recipe::{By, Locator, Step, Text};

use super::typing::type_password;
use super::{Attempt, Progress, QUIET, factor};

/// How long a step waits for its element.
const WAIT: Duration = Duration::from_secs(10);
/// How long an optional click waits for its element.
const OPTIONAL: Duration = Duration::from_secs(3);
/// How long the last click may go without any request before it is taken for one that sends nothing.
const SENDS: Duration = Duration::from_secs(1);
/// How often the page is asked for an element that is not there yet.
const AGAIN: Duration = Duration::from_millis(100);

pub(super) async fn run(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    factor::prepare(attempt, progress).await?;
    let mut frame = page.main_frame();
    for (at, step) in attempt.recipe.steps.iter().enumerate() {
        let sent = page.requests_sent();
        one(page, attempt, progress, step, &mut frame)
            .await
            .map_err(|f| f.at_step(at + 1))?;
        // What comes next must not meet the page that is just going away. After the last step the proof waits anyhow, but it
        // asks by plain HTTP and with the page's cookies, and a form that is not sent yet may be refused for that.
        let moves = matches!(step, Step::Click { .. } | Step::Press(..));
        let last = at + 1 == attempt.recipe.steps.len();
        if moves && last {
            page.sends(sent, Instant::now() + SENDS).await;
        } else if moves {
            let until = Instant::now() + WAIT;
            page.settle(QUIET, until).await;
        }
    }
    Ok(())
}

async fn one(
    page: &Page,
    attempt: &Attempt<'_>,
    progress: &mut Progress,
    step: &Step,
    frame: &mut Frame,
) -> Result<(), Failure> {
    match step {
        Step::Goto(url) => {
            page.goto(url).await?;
            *frame = page.main_frame();
        }
        Step::Fill(locator, text) => {
            let element = wait_for(page, frame, locator, WAIT).await?;
            match text {
                Text::Password => type_password(page, attempt, progress, &element).await?,
                Text::Username => page.fill(&element, &attempt.credentials.username).await?,
                Text::Plain(text) => page.fill(&element, text).await?,
            }
        }
        Step::Select(locator, text) => {
            let element = wait_for(page, frame, locator, WAIT).await?;
            let option = match text {
                Text::Plain(text) => text.as_str(),
                Text::Username => &attempt.credentials.username,
                Text::Password => attempt.credentials.password.expose_secret(),
            };
            page.choose(&element, option).await?;
        }
        Step::Check(locator) => {
            let element = wait_for(page, frame, locator, WAIT).await?;
            if !page.ticked(&element).await? {
                page.click(&element).await?;
            }
        }
        Step::Click { on, optional } => {
            let wait = if *optional { OPTIONAL } else { WAIT };
            match wait_for(page, frame, on, wait).await {
                Ok(element) => {
                    page.click(&element).await?;
                }
                Err(failure) if *optional && failure.class == FailureClass::FormChanged => {}
                Err(failure) => return Err(failure),
            }
        }
        Step::Press(key, on) => {
            if let Some(on) = on {
                let element = wait_for(page, frame, on, WAIT).await?;
                page.focus(&element).await?;
            }
            page.press(key).await?;
        }
        Step::WaitFor(locator) => {
            wait_for(page, frame, locator, WAIT).await?;
        }
        Step::WaitForUrl(part) => wait_for_url(page, part).await?,
        Step::Code(locator) => {
            let element = wait_for(page, frame, locator, WAIT).await?;
            factor::step(page, attempt, progress, &element).await?;
        }
        Step::Frame(None) => *frame = page.main_frame(),
        Step::Frame(Some(locator)) => {
            let mut main = page.main_frame();
            let element = wait_for(page, &mut main, locator, WAIT).await?;
            *frame = page.frame_of(&element).await?;
        }
    }
    Ok(())
}

async fn wait_for_url(page: &Page, part: &str) -> Result<(), Failure> {
    let until = (Instant::now() + WAIT).min(page.deadline());
    while !page.url().contains(part) {
        if Instant::now() >= until {
            let at = shown(&page.url());
            let message = format!("the page did not come to a URL with {part:?}; it is at {at}");
            return Err(Failure::new(FailureClass::FormChanged, message));
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

fn shown(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| crate::browser::shown(&url))
}

/// The element of a locator as soon as it is there and can be seen.
pub(super) async fn wait_for(
    page: &Page,
    frame: &mut Frame,
    locator: &Locator,
    wait: Duration,
) -> Result<Element, Failure> {
    let until = (Instant::now() + wait).min(page.deadline());
    let wanted = argument(locator);
    loop {
        match page.locate(frame, &wanted).await {
            Ok(Some(element)) => return Ok(element),
            Ok(None) => {}
            Err(BrowserError::Moved(_)) => {
                // The page's own frame stays itself through every navigation; a frame inside it may be gone.
                if let Some(same) = page.frames().into_iter().find(|f| f == frame) {
                    *frame = same;
                }
            }
            Err(BrowserError::Refused { why, .. }) => {
                let message = format!("{} cannot be looked for: {why}", describe(locator));
                return Err(Failure::new(FailureClass::RecipeWrong, message));
            }
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= until {
            let message = format!(
                "there is no visible {} at {}",
                describe(locator),
                shown(&page.url())
            );
            return Err(Failure::new(FailureClass::FormChanged, message));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether the element of a locator can be seen now.
pub(super) async fn is_visible(
    page: &Page,
    frame: &Frame,
    locator: &Locator,
) -> Result<bool, Failure> {
    match page.locate(frame, &argument(locator)).await {
        Ok(found) => Ok(found.is_some()),
        Err(BrowserError::Moved(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A locator as `agent.js` takes it.
fn argument(locator: &Locator) -> Value {
    let mut value = match &locator.by {
        By::Role { role, name } => json!({ "role": role, "name": name }),
        By::Label(text) => json!({ "label": text }),
        By::Placeholder(text) => json!({ "placeholder": text }),
        By::Text(text) => json!({ "text": text }),
        By::TestId(id) => json!({ "testid": id }),
        By::Css(selector) => json!({ "css": selector }),
    };
    value["exact"] = json!(locator.exact);
    value["nth"] = json!(locator.nth);
    value
}

/// A locator as a person reads it.
fn describe(locator: &Locator) -> String {
    match &locator.by {
        By::Role {
            role,
            name: Some(name),
        } => format!("{role} {name:?}"),
        By::Role { role, name: None } => role.clone(),
        By::Label(text) => format!("field with the label {text:?}"),
        By::Placeholder(text) => format!("field with the placeholder {text:?}"),
        By::Text(text) => format!("element with the text {text:?}"),
        By::TestId(id) => format!("element with data-testid {id:?}"),
        By::Css(selector) => format!("element {selector:?}"),
    }
}
