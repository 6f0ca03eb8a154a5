//! What a page asks that has no form for us to fill: pure decisions on what it says and offers.
//!
//! A login passes banners, choosers, offers and consents. Each is known by its words, in every language that we know;
//! what binds the person (terms, an agreement) is never answered.

mod banner;
mod code;
mod organisation;

use url::Url;

use crate::browser::snapshot::{Choice, Snapshot};
use crate::failure::{Failure, FailureClass};

use super::{form, phrases, words};

pub(super) use banner::{banner, out_of_the_way};

/// A page that says more than this, in characters, is an application and no question.
const QUESTION: usize = 1500;
/// Longest text of a button, characters.
const BUTTON: usize = 60;

/// What is known when a page is read.
pub(super) struct Known<'a> {
    /// The account.
    pub(super) username: &'a str,
    /// Where the login began.
    pub(super) url: &'a Url,
    /// Whether the credentials have been submitted.
    pub(super) entered: bool,
    /// Whether the site that is logged in to is the client of this page, and gets its answer.
    pub(super) authorises: bool,
    /// Whether codes that the site sends come from a mailbox; `None` where nobody has them.
    pub(super) mailbox: Option<bool>,
    /// Whether there is a password to go in by.
    pub(super) password: bool,
}

/// One thing to do: a choice, and the button that takes it where choosing alone does not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// What it is, for the log and so that nothing is done twice.
    pub(super) what: &'static str,
    /// The choice, by its place.
    pub(super) choice: usize,
    /// The button after it, by its place.
    pub(super) then: Option<usize>,
}

impl Step {
    fn new(what: &'static str, choice: usize) -> Self {
        Self {
            what,
            choice,
            then: None,
        }
    }
}

/// The next step on a page without a form for us; `None` where it asks nothing that is known.
///
/// # Errors
/// It asks what only a person can answer: which organisation, a new password.
pub(super) fn next(
    page: &Snapshot,
    choices: &[Choice],
    known: &Known<'_>,
) -> Result<Option<Step>, Failure> {
    let page = Page::of(page, choices);
    if (known.entered || !known.password)
        && let Some(step) = page.send_code(known)
    {
        return Ok(Some(step));
    }
    if known.entered {
        if let Some(step) = page.consent(known).or_else(|| page.account(known)) {
            return Ok(Some(step));
        }
        if let Some(step) = page.organisation(known)? {
            return Ok(Some(step));
        }
        // An offer to change a password before it expires can be put off; a demand cannot.
        if let Some(step) = page.stay().or_else(|| page.skip()) {
            return Ok(Some(step));
        }
        return match page.wants_new_password() {
            true => Err(expired(&page)),
            false => Ok(None),
        };
    }
    if let Some(step) = page.account(known).or_else(|| page.way()) {
        return Ok(Some(step));
    }
    page.organisation(known)
}

/// Whether a question of the browser's own (`confirm`) is answered by yes: one that asks whether to go on with the login.
pub(super) fn agrees(text: &str) -> bool {
    let text = text.to_lowercase();
    let goes_on = words::any(&text, words::NEXT)
        || words::any(&text, words::SIGN_IN)
        || words::any(&text, phrases::STAY);
    goes_on && !words::any(&text, words::CONSENT) && !words::any(&text, phrases::SKIP)
}

/// The step to more ways in, on a page that shows none that we can go.
pub(super) fn other_way(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
    Page::of(page, choices)
        .button(|text| words::any(text, phrases::OTHER_WAY))
        .map(|at| Step::new("other way", at))
}

/// The way to a password, on a page that asks for something else first.
pub(super) fn password_way(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
    Page::of(page, choices)
        .password()
        .map(|at| Step::new("password", at))
}

/// The box beside a login form that makes the session last, by its place among the fields.
pub(super) fn remember_me(page: &Snapshot, password: usize) -> Option<usize> {
    let group = page.fields[password].form;
    page.fields.iter().position(|field| {
        let said = format!("{} {}", field.label, field.name).to_lowercase();
        let named = matches!(
            field.name.as_str(),
            "remember" | "rememberme" | "rememberMe" | "remember_me"
        );
        field.kind == "checkbox"
            && field.form == group
            && field.visible
            && !field.disabled
            && (named || words::any(&said, phrases::REMEMBER))
            && !words::any(&said, words::CONSENT)
    })
}

/// The boxes beside a login form without which the form is not sent, by their places among the fields. Who agrees to
/// something by them must do so himself.
pub(super) fn must_tick(page: &Snapshot, password: usize) -> impl Iterator<Item = usize> + '_ {
    let group = page.fields[password].form;
    let boxes = page.fields.iter().enumerate().filter(move |(_, field)| {
        let said = format!("{} {}", field.label, field.name).to_lowercase();
        field.kind == "checkbox"
            && field.required
            && field.form == group
            && field.visible
            && !field.disabled
            && !words::any(&said, words::CONSENT)
    });
    boxes.map(|(at, _)| at)
}

/// Whether the page lets nobody in before the password is changed, by what it says.
pub(super) fn says_expired(text: &str) -> bool {
    words::any(&text.to_lowercase(), phrases::EXPIRED)
}

struct Page<'p> {
    seen: &'p Snapshot,
    choices: &'p [Choice],
    said: String,
    head: String,
    short: bool,
}

impl<'p> Page<'p> {
    fn of(seen: &'p Snapshot, choices: &'p [Choice]) -> Self {
        let said = seen.text.to_lowercase();
        Self {
            seen,
            choices,
            head: format!("{} {}", seen.title, seen.headings.join(" ")).to_lowercase(),
            short: said.chars().count() <= QUESTION,
            said,
        }
    }

    /// The first button or link whose lower-case text fits.
    fn button(&self, holds: impl Fn(&str) -> bool) -> Option<usize> {
        self.choices.iter().position(|choice| {
            let text = choice.text.to_lowercase();
            let clickable = matches!(choice.kind.as_str(), "button" | "link");
            clickable && !choice.disabled && text.chars().count() <= BUTTON && holds(text.trim())
        })
    }

    /// What the page says first: of a question it is all, of an application its head.
    fn asks(&self, about: &[&str]) -> bool {
        words::any(&self.head, about) || self.short && words::any(&self.said, about)
    }

    fn account(&self, known: &Known<'_>) -> Option<Step> {
        if !self.asks(phrases::ACCOUNTS) {
            return None;
        }
        let name = known.username.to_lowercase();
        let own = |choice: &Choice| !name.is_empty() && choice.text.to_lowercase().contains(&name);
        let own = self.choices.iter().position(own);
        let Some(at) = own else {
            let other = self.button(|text| words::any(text, phrases::OTHER_ACCOUNT));
            return other
                .filter(|_| !known.entered)
                .map(|at| Step::new("other account", at));
        };
        Some(self.picked("account", at))
    }

    /// A choice, with the button that takes it.
    fn picked(&self, what: &'static str, at: usize) -> Step {
        let marks = matches!(self.choices[at].kind.as_str(), "radio" | "option");
        let go = |text: &str| {
            (words::any(text, words::NEXT)
                || words::any(text, words::SIGN_IN)
                || words::any(text, phrases::CHOOSE))
                && !words::any(text, phrases::NO_ENTRY)
        };
        Step {
            then: self.button(go).filter(|_| marks),
            ..Step::new(what, at)
        }
    }

    fn password(&self) -> Option<usize> {
        self.button(|text| {
            words::any(text, phrases::BY_PASSWORD) && !words::any(text, phrases::NO_WAY)
        })
    }

    fn way(&self) -> Option<Step> {
        if !self.short {
            return None;
        }
        let named = |text: &str| {
            words::any(text, phrases::BY_NAME)
                && !words::any(text, phrases::NO_WAY)
                && !words::any(text, words::SIGN_UP)
        };
        let at = self.password().or_else(|| self.button(named))?;
        Some(Step::new("way", at))
    }

    fn stay(&self) -> Option<Step> {
        if !self.short || !words::any(&self.said, phrases::STAY) {
            return None;
        }
        let yes = |text: &str| {
            let plain = text.trim_end_matches(['.', '!']);
            phrases::YES.contains(&plain)
                || words::any(text, phrases::STAY) && !words::any(text, phrases::NO)
                || plain
                    .split([',', ' '])
                    .next()
                    .is_some_and(|first| phrases::YES.contains(&first))
        };
        let first = self.button(yes).or_else(|| {
            let goes_on = |text: &str| words::NEXT.contains(&text);
            self.button(goes_on)
                .filter(|_| words::any(&self.head, phrases::STAY))
        });
        first.map(|at| Step::new("stay", at))
    }

    fn skip(&self) -> Option<Step> {
        if !self.short
            || form::offers_sign_out(self.seen) && self.said.chars().count() > QUESTION / 2
        {
            return None;
        }
        let later =
            |text: &str| text.chars().count() <= BUTTON / 2 && words::any(text, phrases::SKIP);
        self.button(later).map(|at| Step::new("skip", at))
    }

    fn consent(&self, known: &Known<'_>) -> Option<Step> {
        if !known.authorises || !self.short || !words::any(&self.said, phrases::ACCESS) {
            return None;
        }
        // A box that must be ticked first is an agreement.
        let binds = |label: &str| words::any(&label.to_lowercase(), words::CONSENT);
        let boxes = self
            .seen
            .fields
            .iter()
            .filter(|field| field.kind == "checkbox" && field.visible);
        if boxes.clone().any(|field| binds(&field.label)) {
            return None;
        }
        let allow = |text: &str| {
            words::any(text, phrases::ALLOW) && !words::any(text, phrases::DENY) && !binds(text)
        };
        self.button(allow).map(|at| Step::new("consent", at))
    }

    fn wants_new_password(&self) -> bool {
        let passwords = self
            .seen
            .fields
            .iter()
            .filter(|f| f.kind == "password" && f.visible && !f.disabled);
        let new = |text: &str| words::any(&text.to_lowercase(), words::NEW_PASSWORD);
        let count = passwords.clone().count();
        let said = passwords
            .clone()
            .any(|f| f.autocomplete.contains("new-password") || new(&f.label) || new(&f.name));
        says_expired(&self.said)
            || self.short && count >= 2 && said && !form::offers_sign_out(self.seen)
    }
}

fn expired(page: &Page<'_>) -> Failure {
    let message = format!(
        "the site lets nobody in before the password is changed; change it by hand and give the new one to the recipe. The page says {}",
        super::sight::quote(&page.seen.text)
    );
    Failure::new(FailureClass::PasswordExpired, message)
}

#[cfg(test)]
mod tests;
