//! What would be done on a page, and why: for people whose site is not understood. Types nothing, presses nothing.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::form::{self, About, Reading};
use super::{AGAIN, QUIET, answered, sight, snapshot};
use crate::browser::snapshot::{Button, Field, Snapshot};
use crate::browser::{Browser, Frame, Page, Wanted, shown};
use crate::config::BrowserConfig;
use crate::failure::Failure;

/// How long a page may take to show a form, and how long a settled one is believed to get one; as for a login.
const FORM: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest text that is quoted, characters.
const QUOTE: usize = 60;

/// A page, as the detector sees it.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// Where the browser ended up, without query.
    pub url: String,
    /// Each frame that may be filled, the page's own first.
    pub frames: Vec<View>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// PNG with what was chosen framed.
    #[serde(skip)]
    pub picture: Vec<u8>,
}

/// One frame.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its document's URL, without query.
    pub url: String,
    /// What would be filled and pressed.
    pub does: Vec<Mention>,
    /// What would be left alone that may look like a login.
    pub leaves: Vec<Mention>,
}

/// An element, and why it is used or left.
#[derive(Debug, Serialize)]
pub struct Mention {
    /// What for: `username`, `password`, `button`, `code`, `trigger`; `field` for what is left alone.
    pub part: &'static str,
    /// As a person would find it.
    pub element: String,
    /// Why.
    pub why: String,
    /// Its number in the snapshot.
    #[serde(skip)]
    node: usize,
}

/// Opens a URL and tells what a login there would fill and press.
///
/// # Errors
/// The page cannot be loaded, or the site answers with an error.
pub async fn explain(
    browser: &Browser,
    config: &BrowserConfig,
    url: &Url,
    deadline: Instant,
) -> Result<Explained, Failure> {
    let wanted = Wanted {
        seed: None,
        ignore_https_errors: false,
        deadline,
    };
    let context = browser.context(config, wanted).await?;
    let page = context.page();
    let mark = page.mark();
    page.goto(url).await?;
    answered(page, mark)?;
    page.settle(QUIET, Instant::now() + PATIENCE).await;
    let seen = look(page).await?;
    let mut explained = Explained {
        url: readable(&page.url()),
        frames: Vec::new(),
        notes: Vec::new(),
        picture: Vec::new(),
    };
    let origin = page.main_frame().origin;
    if origin != url.origin().ascii_serialization() {
        explained.notes.push(format!(
            "the site leads to {origin}: a recipe for {} fills there only with allowed_origins = [{origin:?}]",
            shown(url)
        ));
    }
    for other in page.frames() {
        if other.origin != origin && other.origin.starts_with("http") {
            let at = readable(&other.url);
            explained.notes.push(format!("a frame of another origin is not looked into: {at}; a recipe may allow it with allowed_origins"));
        }
    }
    let found = seen.iter().any(|(_, seen)| asks(seen));
    for (frame, seen) in &seen {
        let view = view(frame, seen, !found);
        let labels: Vec<_> = view
            .does
            .iter()
            .map(|d| (d.node, d.part.to_owned()))
            .collect();
        page.outline(frame, &labels).await?;
        explained.notes.extend(notes(seen));
        explained.frames.push(view);
    }
    explained.picture = page.screenshot().await?;
    Ok(explained)
}

/// Waits as a login does: until a form shows, or until nothing speaks for one any more.
async fn look(page: &Page) -> Result<Vec<(Frame, Snapshot)>, Failure> {
    let until = (Instant::now() + FORM).min(page.deadline());
    let mut still = Instant::now();
    loop {
        let origin = page.main_frame().origin;
        let mut all = Vec::new();
        for frame in page.frames().into_iter().filter(|f| f.origin == origin) {
            let seen = snapshot(page, &frame).await?;
            all.push((frame, seen));
        }
        if all.iter().any(|(_, seen)| asks(seen)) {
            return Ok(all);
        }
        if !page.settle(AGAIN, until).await {
            still = Instant::now();
        }
        if still.elapsed() >= PATIENCE || Instant::now() >= until {
            return Ok(all);
        }
        page.changed((Instant::now() + AGAIN).min(until)).await;
    }
}

fn asks(seen: &Snapshot) -> bool {
    form::find(seen).is_some() || form::find_code(seen).is_some()
}

/// `offers`: whether a button that would bring a form is worth telling.
fn view(frame: &Frame, seen: &Snapshot, offers: bool) -> View {
    let Reading { form, reasons } = form::read(seen);
    let mut view = View {
        url: readable(&frame.url),
        does: Vec::new(),
        leaves: Vec::new(),
    };
    for reason in reasons {
        let part = match (reason.about, &form) {
            _ if !reason.chosen => "field",
            (About::Button(_), _) => "button",
            (About::Field(at), Some(form)) if form.username == Some(at) => "username",
            _ => "password",
        };
        let mention = mention(seen, reason.about, part, reason.why);
        match reason.chosen {
            true => view.does.push(mention),
            false => view.leaves.push(mention),
        }
    }
    if let Some(at) = form::find_code(seen) {
        view.does.push(mention(
            seen,
            About::Field(at),
            "code",
            "it asks for a one-time code".to_owned(),
        ));
    }
    if offers && let Some(at) = form::find_trigger(seen) {
        let why = "there is no form, and this says that it brings one".to_owned();
        view.does
            .push(mention(seen, About::Button(at), "trigger", why));
    }
    view
}

fn mention(seen: &Snapshot, about: About, part: &'static str, why: String) -> Mention {
    let (element, node) = match about {
        About::Field(at) => (name_field(&seen.fields[at]), seen.fields[at].node),
        About::Button(at) => (name_button(&seen.buttons[at]), seen.buttons[at].node),
    };
    Mention {
        part,
        element,
        why,
        node,
    }
}

fn name_field(field: &Field) -> String {
    let said = [&field.label, &field.placeholder]
        .into_iter()
        .find(|s| !s.is_empty());
    let said = said.map(|s| format!(" {:?}", s.chars().take(QUOTE).collect::<String>()));
    let named = match (field.id.as_str(), field.name.as_str()) {
        ("", "") => String::new(),
        ("", name) => format!(" [name={name}]"),
        (id, _) => format!(" #{id}"),
    };
    format!("{} field{}{named}", field.kind, said.unwrap_or_default())
}

fn name_button(button: &Button) -> String {
    let kind = if button.link.is_some() {
        "link"
    } else {
        "button"
    };
    let text: String = button.text.chars().take(QUOTE).collect();
    format!("{kind} {text:?}")
}

/// What a frame shows beside a form.
fn notes(seen: &Snapshot) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(failure) = sight::obstacle(seen) {
        notes.push(format!("{}: {}", failure.class, failure.message));
    }
    if form::offers_sign_out(seen) {
        notes.push("it offers to sign out, as pages do for those who are signed in".to_owned());
    }
    if !asks(seen) && form::find_trigger(seen).is_none() && !seen.text.is_empty() {
        notes.push(format!(
            "no login form is seen; the page says {}",
            sight::quote(&seen.text)
        ));
    }
    notes
}

fn readable(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| shown(&url))
}
