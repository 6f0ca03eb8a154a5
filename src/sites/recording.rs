//! From a recording of Chrome's DevTools Recorder to a recipe with steps: a pure translation.
//!
//! Source: the JSON export of the Recorder panel, whose shape is `UserFlow` of the package `@puppeteer/replay`.

mod selector;
mod typed;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::recipe::{By, Locator, Proof, Source, Step, Text};
use super::write::Draft;
use selector::Place;
use typed::{Role, roles};

/// Steps that are known and say nothing of a login.
const NOISE: &[&str] = &[
    "setViewport",
    "emulateNetworkConditions",
    "scroll",
    "hover",
    "keyUp",
    "close",
];

/// What a recording says about a site.
#[derive(Debug)]
pub struct Recorded {
    /// The recipe, its secrets taken from `variables`.
    pub draft: Draft,
    /// Whether the file holds a password that was typed.
    pub holds_password: bool,
    /// What was left out or could only be guessed, for a person to read.
    pub notes: Vec<String>,
}

/// The names of the environment variables that the recipe takes its secrets from.
pub struct Variables {
    /// Of the password.
    pub password: String,
    /// Of the secret of one-time codes.
    pub totp: String,
}

#[derive(Deserialize)]
struct Flow {
    steps: Vec<Value>,
}

/// One recorded step, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    target: Option<String>,
    #[serde(default)]
    frame: Vec<usize>,
    #[serde(default)]
    selectors: Vec<Chain>,
    value: Option<String>,
    url: Option<String>,
    key: Option<String>,
    button: Option<String>,
    visible: Option<bool>,
    count: Option<i64>,
    #[serde(default, rename = "assertedEvents")]
    events: Vec<Event>,
}

/// A selector, or those of the shadow hosts around the element and then its own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Chain {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Event {
    url: Option<String>,
}

/// A step with its number, counted from 1 as the Recorder does.
struct Numbered {
    number: usize,
    raw: Raw,
    place: Option<Place>,
}

/// The URL that a recording begins at.
///
/// # Errors
/// What is wrong with the recording, and the way out.
pub fn begins_at(text: &str) -> Result<Url, String> {
    let steps = steps(text)?;
    begin(&steps).map(|(_, url)| url)
}

/// Translates a recording. The password in it is nowhere in what comes out.
///
/// # Errors
/// What cannot be done with which step, and the way out.
pub fn translate(text: &str, variables: Variables) -> Result<Recorded, String> {
    let steps = steps(text)?;
    let (first, url) = begin(&steps)?;
    let roles = roles(&steps[first + 1..])?;
    let mut notes: Vec<String> = roles.guess.map(str::to_owned).into_iter().collect();
    let username = roles.username.clone().unwrap_or_default();
    let password = Source::Env(variables.password);
    let mut draft = Draft::new(url.clone(), Source::Literal(username.into()), password);
    let mut frame: &[usize] = &[];
    let mut last_url = None;
    for (at, step) in steps[first + 1..].iter().enumerate() {
        if let Some(event) = step
            .raw
            .events
            .iter()
            .rev()
            .find_map(|event| event.url.clone())
        {
            last_url = Some(event);
        }
        let role = roles.of(at);
        if role == Role::Noise || NOISE.contains(&step.raw.kind.as_str()) {
            continue;
        }
        let made = one(step, role, &url, &mut last_url, &mut notes)?;
        let Some(made) = made else { continue };
        match made {
            Step::Goto(_) => frame = &[],
            // A key goes to what has the focus, wherever that is.
            Step::Press(..) => {}
            _ if step.raw.frame != frame => {
                draft.steps.push(enter(step));
                frame = &step.raw.frame;
            }
            _ => {}
        }
        draft.steps.push(made);
    }
    if roles.code {
        draft.totp = Some(Source::Env(variables.totp));
    }
    draft.proof = proof(&url, last_url.as_deref()).into_iter().collect();
    if let Some(secret) = &roles.secret {
        keeps_secret(&draft, secret.expose_secret())?;
    }
    Ok(Recorded {
        draft,
        holds_password: roles.secret.is_some(),
        notes,
    })
}

fn steps(text: &str) -> Result<Vec<Numbered>, String> {
    let flow: Flow = serde_json::from_str(text).map_err(|error| {
        let what = match error.is_data() {
            true => "this is JSON, but no recording",
            false => "this is not JSON",
        };
        // The parser's own words may hold what stands there.
        format!(
            "line {}, column {}: {what}; export it again from the Recorder panel of DevTools, as JSON",
            error.line(),
            error.column()
        )
    })?;
    let mut steps = Vec::new();
    for (at, value) in flow.steps.into_iter().enumerate() {
        let number = at + 1;
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let raw: Raw = serde_json::from_value(value).map_err(|_| {
            format!("step {number}{}: its parts are not those of a recorded step; export the recording again, as JSON", named(&kind))
        })?;
        known(number, &raw)?;
        let place = match raw.selectors.is_empty() {
            true => None,
            false => Some(Place::read(&raw)),
        };
        steps.push(Numbered { number, raw, place });
    }
    Ok(steps)
}

fn named(kind: &str) -> String {
    match kind {
        "" => String::new(),
        kind => format!(" ({})", kind.chars().take(40).collect::<String>()),
    }
}

/// Refuses what the Recorder may write and a recipe cannot do.
fn known(number: usize, raw: &Raw) -> Result<(), String> {
    const KNOWN: &[&str] = &[
        "navigate",
        "click",
        "doubleClick",
        "change",
        "keyDown",
        "waitForElement",
        "waitForExpression",
    ];
    let kind = raw.kind.as_str();
    if NOISE.contains(&kind) {
        return Ok(());
    }
    let stop = |what: &str| Err(format!("step {number} ({kind}): {what}"));
    if !KNOWN.contains(&kind) {
        let kind = named(kind);
        return Err(format!(
            "step {number}{kind}: no step of this type is known here; delete it in the Recorder and export again, or write the steps by hand"
        ));
    }
    if raw.target.as_deref().is_some_and(|target| target != "main") {
        return stop(
            "it happens in another window, where a recipe's steps cannot follow; try `jarkeeper sites add` with the URL, which needs no steps",
        );
    }
    if raw.frame.len() > 1 {
        return stop(
            "it happens in a frame within a frame, where a recipe's steps cannot follow; try `jarkeeper sites add` with the URL, which needs no steps",
        );
    }
    if raw
        .button
        .as_deref()
        .is_some_and(|button| button != "primary")
    {
        return stop(
            "only the first mouse button is known here; delete the step in the Recorder and export again",
        );
    }
    Ok(())
}

/// The first page that was opened, and its place among the steps.
fn begin(steps: &[Numbered]) -> Result<(usize, Url), String> {
    for (at, step) in steps.iter().enumerate() {
        match step.raw.kind.as_str() {
            "navigate" => {}
            kind if NOISE.contains(&kind) => continue,
            kind => {
                return Err(format!(
                    "step {} ({kind}) comes before any page was opened; record again from the login page on",
                    step.number
                ));
            }
        }
        let url = step.raw.url.as_deref().unwrap_or_default();
        // A new tab shows a page of the browser's own first.
        if ["about:", "chrome:", "edge:", "brave:"]
            .iter()
            .any(|own| url.starts_with(own))
        {
            continue;
        }
        return Ok((at, opened(step)?));
    }
    Err("it opens no page; record again from the login page on".to_owned())
}

fn opened(step: &Numbered) -> Result<Url, String> {
    let url = step.raw.url.as_deref().unwrap_or_default();
    let parsed = Url::parse(&url.replace("${", "$%7B")).ok();
    let parsed =
        parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty());
    parsed.ok_or_else(|| {
        format!("step {} (navigate): what it opens is no address of a web site; correct it in the Recorder and export again", step.number)
    })
}

/// The recipe's step for a recorded one; `None` where there is nothing to do.
fn one(
    step: &Numbered,
    role: Role,
    base: &Url,
    last_url: &mut Option<String>,
    notes: &mut Vec<String>,
) -> Result<Option<Step>, String> {
    let number = step.number;
    let at = || match &step.place {
        Some(place) => place
            .locator()
            .map_err(|why| format!("step {number} ({}): {why}", step.raw.kind)),
        None => Err(format!(
            "step {number} ({}): it does not say on which element; record it again",
            step.raw.kind
        )),
    };
    Ok(Some(match step.raw.kind.as_str() {
        "navigate" => {
            let url = opened(step)?;
            if url == *base {
                notes.push(format!("step {number} opens the first page again"));
            }
            *last_url = Some(url.to_string());
            Step::Goto(url)
        }
        "change" => match role {
            Role::Username => Step::Fill(at()?, Text::Username),
            Role::Password => Step::Fill(at()?, Text::Password),
            Role::Code => Step::Code(at()?),
            Role::Noise | Role::Other => {
                let text = Text::Plain(step.raw.value.clone().unwrap_or_default());
                match step.place.as_ref().is_some_and(Place::is_list) {
                    true => Step::Select(at()?, text),
                    false => Step::Fill(at()?, text),
                }
            }
        },
        "click" => Step::Click {
            on: at()?,
            optional: false,
        },
        "doubleClick" => {
            notes.push(format!("step {number}: a double click becomes a click"));
            Step::Click {
                on: at()?,
                optional: false,
            }
        }
        "keyDown" => Step::Press(step.raw.key.clone().unwrap_or_default(), None),
        "waitForElement" => {
            let gone =
                step.raw.visible == Some(false) || step.raw.count.is_some_and(|count| count < 1);
            if gone {
                notes.push(format!(
                    "step {number}: waiting until an element is gone is left out"
                ));
                return Ok(None);
            }
            Step::WaitFor(at()?)
        }
        _ => {
            notes.push(format!("step {number}: waiting for a script's answer is left out; the login's own proof waits"));
            return Ok(None);
        }
    }))
}

/// Refuses a recipe that would hold the password: in an address, a selector or a longer text. A short one, such as `admin`,
/// stands in many a word that does not give it away.
fn keeps_secret(draft: &Draft, secret: &str) -> Result<(), String> {
    let text = draft.text();
    let mut lines = text.lines().filter(|line| !line.starts_with("username = "));
    match secret.chars().count() >= 8 && lines.any(|line| line.contains(secret)) {
        true => Err("the password stands outside the password's field too, in a text, an address or a selector; record again without that".to_owned()),
        false => Ok(()),
    }
}

/// The step into the frame of another.
fn enter(step: &Numbered) -> Step {
    let by = By::Css("iframe, frame".to_owned());
    Step::Frame(step.raw.frame.first().map(|nth| Locator {
        by,
        exact: false,
        nth: Some(*nth),
    }))
}

/// That the page came where it came, where that says anything: another path than the one the login began at.
fn proof(begin: &Url, last: Option<&str>) -> Option<Proof> {
    let last = begin.join(last?).ok()?;
    let path = last.path().trim_end_matches('/');
    // Numbers and long words are of one visit.
    let lasting = path
        .split('/')
        .all(|part| part.len() <= 24 && part.chars().filter(char::is_ascii_digit).count() < 5);
    let told =
        !path.is_empty() && !begin.as_str().contains(path) && lasting && !path.contains("${");
    (told && last.origin() == begin.origin()).then(|| Proof::Url(path.to_owned()))
}

#[cfg(test)]
mod tests;
