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
        "it is hidden: a trap, or not for now"
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
    let fits = |f: &Field| field::usable(f) && field::is_text(f);
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
        .or_else(|| before().find(|at| !field::asks_for_code(&page.fields[*at])))
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

/// What else speaks for a field that stands alone.
fn weigh_alone(
    page: &Snapshot,
    group: &Group,
    field: &Field,
    submit: Option<usize>,
    sum: &mut Score,
) {
    let waits = |f: &Field| {
        f.kind == "password"
            && f.form == field.form
            && !field::shown(f)
            && !f.autocomplete.contains("new-password")
    };
    if group.form >= 0
        && page
            .fields
            .iter()
            .any(|f| waits(f) && field::secret(page, f) == Some(Secret::Password))
    {
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
    let last = form.password.unwrap_or(0).max(form.username.unwrap_or(0));
    if let Some((button, why)) = submit::button(page, &group, &page.fields[last]) {
        reading.choose(About::Button(button), why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::snapshot::{Button, Form, Part};

    fn field(order: i64, kind: &str, name: &str) -> Field {
        let part = Part {
            order,
            tag: "input".into(),
            kind: kind.into(),
            name: name.into(),
            visible: true,
            width: 200.0,
            height: 30.0,
            y: order as f64 * 40.0,
            ..Part::default()
        };
        Field {
            part,
            ..Field::default()
        }
    }

    fn button(order: i64, text: &str) -> Button {
        let part = Part {
            order,
            tag: "button".into(),
            kind: "submit".into(),
            y: order as f64 * 40.0,
            visible: true,
            width: 80.0,
            height: 30.0,
            ..Part::default()
        };
        Button {
            part,
            text: text.into(),
            link: None,
        }
    }

    fn page(fields: Vec<Field>, buttons: Vec<Button>) -> Snapshot {
        Snapshot {
            fields,
            buttons,
            forms: vec![Form::default()],
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_plain_form_is_found_with_its_own_button() {
        let page = page(
            vec![field(1, "text", "user"), field(2, "password", "pass")],
            vec![
                button(0, "Search"),
                button(3, "Sign in"),
                button(4, "Forgot password?"),
            ],
        );
        let found = find(&page).unwrap();
        assert_eq!(
            found,
            LoginForm {
                username: Some(0),
                password: Some(1),
                submit: Some(1)
            }
        );
    }

    #[test]
    fn hidden_fields_are_traps_and_never_filled() {
        let mut trap = field(2, "text", "username");
        trap.part.visible = false;
        let mut hidden = field(3, "password", "password");
        hidden.part.visible = false;
        assert_eq!(
            find(&page(
                vec![trap.clone(), hidden.clone()],
                vec![button(4, "Log in")]
            )),
            None
        );
        let found = find(&page(
            vec![
                field(1, "email", "x1"),
                trap,
                hidden,
                field(4, "password", "x2"),
            ],
            vec![button(5, "Log in")],
        ));
        assert_eq!(
            found.unwrap(),
            LoginForm {
                username: Some(0),
                password: Some(3),
                submit: Some(0)
            }
        );
    }

    #[test]
    fn registrations_and_password_changes_are_refused() {
        let twice = vec![
            field(1, "text", "user"),
            field(2, "password", "a"),
            field(3, "password", "b"),
        ];
        assert_eq!(find(&page(twice, vec![button(4, "Save")])), None);
        let mut new = field(2, "password", "p");
        new.autocomplete = "new-password".into();
        assert_eq!(
            find(&page(
                vec![field(1, "email", "email"), new],
                vec![button(3, "Create account")]
            )),
            None
        );
        let join = vec![field(1, "email", "email"), field(2, "password", "p")];
        assert_eq!(find(&page(join, vec![button(3, "Create account")])), None);
    }

    #[test]
    fn a_code_field_is_not_a_password_and_a_newsletter_is_no_login() {
        let mut code = field(1, "text", "otp_token");
        code.input_mode = "numeric".into();
        let page_with_code = page(vec![code], vec![button(2, "Verify")]);
        assert_eq!(find_code(&page_with_code), Some(0));
        let mut letter = page(
            vec![field(1, "email", "email")],
            vec![button(2, "Subscribe")],
        );
        letter.forms[0].class = "newsletter".into();
        assert_eq!(find(&letter), None);
    }
}
