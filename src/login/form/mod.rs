//! Finding the login form in a snapshot: a pure function, so that the same page always gives the same answer.
//!
//! The rules are those that password managers agree on: a visible password field that is not for a new password, the
//! username before it in the same form, the button that says so; and a form that is a login rather than a registration, by
//! the sum of its signs. What is hidden is a trap and is never filled. Door: [`read`], which also says why.

mod code;
mod field;
mod group;
mod score;
mod submit;
mod trigger;

use serde::Serialize;

use crate::browser::snapshot::{Field, Snapshot};

pub(super) use code::find_code;
pub(super) use trigger::{find_trigger, offers_sign_out};

use super::words;
use field::Secret;
use group::Group;
use score::{Score, leaning, score};

/// More visible password fields than this on a page, and nothing can be told from them.
const MOST_PASSWORDS: usize = 12;
/// What speaks for a page that asks for a username alone must weigh as much.
const ENOUGH: f64 = 5.0;

/// Why nothing is typed into what no person can see.
const HIDDEN: &str = "it is hidden: a trap, or not for now";

/// What was found; fields and buttons by their place in the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoginForm {
    /// `None`: the site asks only for a password. A field that is disabled or read-only shows that the site knows it.
    pub username: Option<usize>,
    /// `None`: the site asks for the username first.
    pub password: Option<usize>,
    /// `None`: Enter in the last field.
    pub submit: Option<usize>,
}

/// The form, where there is one, and why: what was chosen and what was refused.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What would be filled.
    pub form: Option<LoginForm>,
    /// In the order in which they were thought of.
    pub reasons: Vec<Reason>,
}

/// Why something is filled or pressed, or is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// What it is about.
    pub about: About,
    /// Whether it was chosen.
    pub chosen: bool,
    /// For a person to read.
    pub why: String,
}

/// What a reason is about, by its place in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A field.
    Field(usize),
    /// A button.
    Button(usize),
}

/// The login form of a document, where there is one.
pub fn find(page: &Snapshot) -> Option<LoginForm> {
    read(page).form
}

/// The login form of a document, and why it is that and nothing else.
pub fn read(page: &Snapshot) -> Reading {
    let mut reading = Reading::default();
    let mut best: Option<(f64, LoginForm)> = None;
    let secrets: Vec<_> = (0..page.fields.len())
        .filter_map(|at| Some((at, field::secret(page, &page.fields[at])?)))
        .collect();
    for (at, kind) in secrets.into_iter().take(MOST_PASSWORDS) {
        match with_password(page, at, kind) {
            Ok((score, form)) => {
                if best.as_ref().is_none_or(|(other, _)| score > *other) {
                    best = Some((score, form));
                }
            }
            Err(why) => reading.refuse(About::Field(at), why),
        }
    }
    let chosen = match best {
        Some((_, form)) => Some(form),
        None => identifier_first(page, &mut reading),
    };
    if let Some(form) = &chosen {
        explain(page, form, &mut reading);
    }
    reading.form = chosen;
    reading
}

impl Reading {
    fn refuse(&mut self, about: About, why: impl Into<String>) {
        self.reasons.push(Reason {
            about,
            chosen: false,
            why: why.into(),
        });
    }

    fn choose(&mut self, about: About, why: impl Into<String>) {
        self.reasons.push(Reason {
            about,
            chosen: true,
            why: why.into(),
        });
    }
}

/// The login around a password field and its score, or why it is none.
fn with_password(page: &Snapshot, at: usize, kind: Secret) -> Result<(f64, LoginForm), String> {
    let field = &page.fields[at];
    fillable(field)?;
    if kind == Secret::Other {
        return Err("what it hides is a code, an answer or a number, not a password".to_owned());
    }
    let group = Group::around(page, at);
    let mut passwords = group.passwords(page).filter(|f| f.order != field.order);
    if field.hidden_from_readers && passwords.next().is_some() {
        return Err(
            "assistive technology is told to pass over it, and there is another one".to_owned(),
        );
    }
    let kinds: Vec<_> = group
        .passwords(page)
        .filter_map(|f| field::secret(page, f))
        .collect();
    let new = kinds.iter().filter(|kind| **kind == Secret::New).count();
    if new > 0 && kinds.len() > 1 {
        return Err(format!(
            "{} passwords in one form, {new} of them to be made up: a registration or a change",
            kinds.len()
        ));
    }
    let score = score(page, &group);
    if score.sum < 0.0 {
        return Err(format!(
            "more speaks for a registration than for a login: {}",
            score.because(true)
        ));
    }
    let username = username_before(page, &group, at);
    let last = at.max(username.unwrap_or(0));
    let submit = submit::button(page, &group, &page.fields[last]).map(|(at, _)| at);
    let mut sum = score.sum;
    if field.autocomplete.contains("current-password") {
        sum += 2.0;
    }
    sum += if username.is_some() { 2.0 } else { 0.0 };
    sum += if submit.is_some() { 1.0 } else { 0.0 };
    sum -= if field.hidden_from_readers { 3.0 } else { 0.0 };
    Ok((
        sum,
        LoginForm {
            username,
            password: Some(at),
            submit,
        },
    ))
}

/// Why a password field cannot be filled, where it cannot. That assistive technology passes over it is for its form to weigh.
fn fillable(field: &Field) -> Result<(), String> {
    let why = if !field::shown(field) {
        HIDDEN
    } else if field.disabled {
        "it is disabled"
    } else if field.readonly {
        "it is read-only"
    } else {
        return Ok(());
    };
    Err(why.to_owned())
}

/// The field for the username, walking back from the password: what is named so wins, else the nearest.
fn username_before(page: &Snapshot, group: &Group, password: usize) -> Option<usize> {
    let order = page.fields[password].order;
    let fits = |f: &Field| {
        let code = field::asks_for_code(f) && field::likeness(f) <= 0;
        field::usable(f) && field::is_text(f) && !code
    };
    let fields = group.fields.iter().copied();
    let all: Vec<_> = fields.filter(|at| fits(&page.fields[*at])).collect();
    let likeness = |at: usize| field::likeness(&page.fields[at]);
    let before = || {
        all.iter()
            .rev()
            .copied()
            .filter(|at| page.fields[*at].order < order)
    };
    let given = before().find(|at| likeness(*at) >= 20);
    given
        .or_else(|| before().find(|at| likeness(*at) > 0))
        .or_else(|| before().find(|at| likeness(*at) == 0))
        // Named for something else, but nothing else can be meant: a site that knows its people by a domain or a name.
        .or_else(|| before().next())
        // It is given already, and nothing needs to be typed.
        .or_else(|| {
            let mut given = group.fields.iter().copied().rev();
            given.find(|at| is_given(&page.fields[*at]) && page.fields[*at].order < order)
        })
        // Some forms ask for the password first.
        .or_else(|| {
            all.iter()
                .copied()
                .find(|at| page.fields[*at].order > order && likeness(*at) > 0)
        })
}

/// A field that shows whose password is asked for, and takes no input.
fn is_given(field: &Field) -> bool {
    let taken = field.disabled || field.readonly;
    taken
        && field::shown(field)
        && !field.hidden_from_readers
        && field::is_text(field)
        && field::likeness(field) > 0
}

/// A page that asks for the username alone, before the password.
fn identifier_first(page: &Snapshot, reading: &mut Reading) -> Option<LoginForm> {
    let mut best: Option<(f64, LoginForm)> = None;
    for (at, field) in page.fields.iter().enumerate() {
        if !field::is_text(field) || field::likeness(field) <= 0 {
            continue;
        }
        match alone(page, at) {
            Ok((score, form)) => {
                if best.as_ref().is_none_or(|(other, _)| score > *other) {
                    best = Some((score, form));
                }
            }
            Err(why) => reading.refuse(About::Field(at), why),
        }
    }
    best.map(|(_, form)| form)
}

fn alone(page: &Snapshot, at: usize) -> Result<(f64, LoginForm), String> {
    let field = &page.fields[at];
    fillable(field)?;
    if field.hidden_from_readers {
        return Err("assistive technology is told to pass over it".to_owned());
    }
    let group = Group::around(page, at);
    if group.passwords(page).next().is_some() {
        return Err("its form has a password that is not to be filled".to_owned());
    }
    let others = group
        .fields(page)
        .filter(|f| f.order != field.order && field::usable(f));
    let others =
        others.filter(|f| field::is_text(f) && field::likeness(f) > -20 || f.tag == "textarea");
    if others.count() > 0 {
        return Err("its form asks for more than a username".to_owned());
    }
    let form = usize::try_from(group.form)
        .ok()
        .and_then(|at| page.forms.get(at));
    let called = form.map(|f| {
        [&f.id, &f.name, &f.class, &f.action, &f.title, &f.text]
            .map(|s| field::spread(s))
            .join(" ")
    });
    let called = called.unwrap_or_default();
    let buttons: Vec<_> = group
        .buttons(page)
        .filter(|b| !group::is_link(b))
        .map(|b| b.text.to_lowercase())
        .collect();
    let buttons = buttons.join(" | ");
    let near = format!(
        "{called} {buttons} {} {}",
        field::says(field),
        field::names(&field.part)
    );
    if words::any(&near, words::NEWSLETTER) {
        return Err("its form is about letters to all".to_owned());
    }
    let around = format!("{} | {}", page.headings.join(" | "), page.title).to_lowercase();
    if words::any(&format!("{around} {buttons}"), words::FORGOT) && leaning(&buttons) <= 0.0 {
        return Err("the page is about a forgotten password".to_owned());
    }
    let submit = submit::button(page, &group, field).map(|(at, _)| at);
    let mut sum = score(page, &group);
    // A field that takes a name is all over a page for those who are signed in.
    let speaks = sum.signs.iter().any(|(weight, _)| *weight > 0.0);
    let given = ["username", "webauthn"]
        .iter()
        .any(|word| field.autocomplete.contains(word));
    if offers_sign_out(page) || !(speaks || given || waits_for_password(page, &group)) {
        return Err("nothing says that one signs in with it".to_owned());
    }
    weigh_alone(page, &group, field, submit, &mut sum);
    if sum.sum < ENOUGH {
        let against = sum.because(true);
        let but = if against.is_empty() {
            String::new()
        } else {
            format!(", and against it: {against}")
        };
        return Err(format!("too little says that one signs in with it{but}"));
    }
    Ok((
        sum.sum,
        LoginForm {
            username: Some(at),
            password: None,
            submit,
        },
    ))
}

/// Whether the form has a password that is hidden for now.
fn waits_for_password(page: &Snapshot, group: &Group) -> bool {
    let waits = |f: &Field| {
        f.kind == "password"
            && f.form == group.form
            && !field::shown(f)
            && !f.autocomplete.contains("new-password")
    };
    let mut hidden = page.fields.iter().filter(|f| group.form >= 0 && waits(f));
    hidden.any(|f| field::secret(page, f) == Some(Secret::Password))
}

/// What else speaks for a field that stands alone.
fn weigh_alone(
    page: &Snapshot,
    group: &Group,
    field: &Field,
    submit: Option<usize>,
    sum: &mut Score,
) {
    if waits_for_password(page, group) {
        sum.sum += 5.0;
    }
    if field
        .autocomplete
        .split(' ')
        .any(|word| matches!(word, "username" | "webauthn"))
    {
        sum.sum += 5.0;
    }
    let text = submit
        .map(|at| page.buttons[at].text.to_lowercase())
        .unwrap_or_default();
    if words::any(&text, words::NEXT) {
        sum.sum += 2.0;
    }
    if field::names_account(field) {
        sum.sum += 4.0;
    }
}

/// Says why this form.
fn explain(page: &Snapshot, form: &LoginForm, reading: &mut Reading) {
    let at = form.password.or(form.username);
    let Some(at) = at else { return };
    let group = Group::around(page, at);
    let score = score(page, &group);
    if let Some(username) = form.username {
        let field = &page.fields[username];
        let why = match field::likeness(field) {
            _ if is_given(field) => "it shows the username already and takes no input",
            20.. => "its autocomplete says that it is for the username",
            1.. => "it is called as username fields are",
            _ => "it is the text field before the password",
        };
        reading.choose(About::Field(username), why);
    }
    let because = match score.because(false) {
        none if none.is_empty() => String::new(),
        signs => format!(", and its form is a login: {signs}"),
    };
    if let Some(password) = form.password {
        let only = group.passwords(page).count() <= 1;
        let why = if only {
            "the only visible password field of its form"
        } else {
            "the first password field of its form"
        };
        reading.choose(About::Field(password), format!("{why}{because}"));
    } else if let Some(reason) = reading.reasons.last_mut() {
        reason.why.push_str(", it stands alone");
        reason.why.push_str(&because);
    }
    let mut traps = page.fields.iter().enumerate().filter(|(_, f)| {
        f.form == group.form && f.form >= 0 && field::is_text(f) && !field::shown(f)
    });
    if let Some((trap, _)) = traps.find(|(_, f)| field::likeness(f) > 0) {
        reading.refuse(About::Field(trap), HIDDEN);
    }
    let last = form.password.unwrap_or(0).max(form.username.unwrap_or(0));
    if let Some((button, why)) = submit::button(page, &group, &page.fields[last]) {
        reading.choose(About::Button(button), why);
    }
}

#[cfg(test)]
pub(super) mod tests;
