//! Finding the login form in a snapshot: a pure function, so that the same page always gives the same answer.
//!
//! The rules are those that password managers agree on: a visible password field that is not for a new password, the
//! username before it in the same form, the button that says so. What is hidden is a trap and is never filled.

use crate::browser::snapshot::{Button, Field, Snapshot};

use super::words;

/// What was found; fields and buttons by their place in the snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoginForm {
    /// `None`: the site asks only for a password.
    pub(super) username: Option<usize>,
    /// `None`: the site asks for the username first.
    pub(super) password: Option<usize>,
    /// `None`: Enter in the last field.
    pub(super) submit: Option<usize>,
}

/// Smallest side of a field that a person can use, CSS pixels.
const SMALLEST: f64 = 8.0;
/// More visible passwords than this in one form, and it is no login.
const MOST_PASSWORDS: usize = 1;
/// As many visible text fields in one form, and it is a registration.
const MOST_TEXT_FIELDS: usize = 4;

/// The login form of a document, where there is one.
pub(super) fn find(page: &Snapshot) -> Option<LoginForm> {
    let mut best: Option<(i32, LoginForm)> = None;
    for (at, field) in page.fields.iter().enumerate() {
        if !is_current_password(field) {
            continue;
        }
        let Some((score, form)) = around(page, at) else {
            continue;
        };
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, form));
        }
    }
    best.map(|(_, form)| form)
        .or_else(|| identifier_first(page))
}

/// Where a code is asked for.
pub(super) fn find_code(page: &Snapshot) -> Option<usize> {
    page.fields.iter().position(|field| {
        if !usable(field) || !is_text(field) && field.kind != "password" {
            return false;
        }
        if field.autocomplete.contains("one-time-code") {
            return true;
        }
        // A card has a security code too.
        if field.autocomplete.contains("cc-") {
            return false;
        }
        let said = said(field);
        let length = field.max_length == 0 || (4..=10).contains(&field.max_length);
        let named = ["otp", "totp", "2fa", "mfa", "token", "code"]
            .iter()
            .any(|w| holds_token(&said, w))
            || words::any(&said, words::CODE);
        let otherwise = words::any(
            &said,
            &[
                "captcha", "coupon", "promo", "zip", "postal", "country", "area",
            ],
        );
        let asked = words::any(&page.text.to_lowercase(), words::CODE);
        named
            && length
            && !otherwise
            && (asked || field.input_mode == "numeric" || words::any(&said, words::CODE))
    })
}

/// The button or link that would bring a login form, on a page that has none.
pub(super) fn find_trigger(page: &Snapshot) -> Option<usize> {
    let candidates = page
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, b)| b.visible && !b.disabled);
    let named = candidates.filter(|(_, b)| {
        let text = b.text.to_lowercase();
        let link = b.link.as_deref().unwrap_or_default().to_lowercase();
        text.chars().count() <= 40
            && words::any(&text, words::SIGN_IN)
            && !words::any(&text, words::SIGN_UP)
            && !words::any(&text, words::SIGN_OUT)
            && !link.starts_with("mailto:")
            && !words::any(
                &text,
                &[
                    "google",
                    "facebook",
                    "apple",
                    "github",
                    "microsoft",
                    "passkey",
                ],
            )
    });
    // The shortest text is the plain "Log in"; a sentence that holds the words is something else.
    named
        .min_by_key(|(_, b)| b.text.chars().count())
        .map(|(at, _)| at)
}

/// Whether the page offers to sign out.
pub(super) fn offers_sign_out(page: &Snapshot) -> bool {
    page.buttons.iter().any(|b| {
        let said = format!("{} {}", b.text, b.link.as_deref().unwrap_or_default()).to_lowercase();
        words::any(&said, words::SIGN_OUT)
    })
}

fn around(page: &Snapshot, password: usize) -> Option<(i32, LoginForm)> {
    let field = &page.fields[password];
    let group = field.form;
    let members = || {
        page.fields
            .iter()
            .enumerate()
            .filter(move |(_, f)| f.form == group && usable(f))
    };
    if members().filter(|(_, f)| f.kind == "password").count() > MOST_PASSWORDS {
        return None;
    }
    if members().filter(|(_, f)| is_text(f)).count() >= MOST_TEXT_FIELDS {
        return None;
    }
    let form = usize::try_from(group)
        .ok()
        .and_then(|at| page.forms.get(at));
    let form_said =
        form.map(|f| format!("{} {} {} {}", f.id, f.name, f.class, f.action).to_lowercase());
    let form_said = form_said.unwrap_or_default();

    let username = username_before(page, password);
    let last = password.max(username.unwrap_or(0));
    let submit = submit_for(page, group, &page.fields[last]);
    let button_said = submit
        .map(|at| page.buttons[at].text.to_lowercase())
        .unwrap_or_default();

    let mut score = 0;
    score += if field.autocomplete.contains("current-password") {
        5
    } else {
        0
    };
    score += if words::any(&form_said, words::SIGN_IN) {
        3
    } else {
        0
    };
    score += if words::any(&button_said, words::SIGN_IN) {
        4
    } else {
        0
    };
    score -= if words::any(&form_said, words::SIGN_UP) && !words::any(&form_said, words::SIGN_IN) {
        4
    } else {
        0
    };
    score -=
        if words::any(&button_said, words::SIGN_UP) && !words::any(&button_said, words::SIGN_IN) {
            6
        } else {
            0
        };
    // A form whose only button registers is a registration, also with one password.
    let says = |words| {
        let mut own = page
            .buttons
            .iter()
            .filter(|b| b.visible && b.form == group && b.link.is_none());
        own.any(|b| words::any(&b.text.to_lowercase(), words))
    };
    if group >= 0 && says(words::SIGN_UP) && !says(words::SIGN_IN) {
        return None;
    }
    (score > -4).then_some((
        score,
        LoginForm {
            username,
            password: Some(password),
            submit,
        },
    ))
}

fn identifier_first(page: &Snapshot) -> Option<LoginForm> {
    if page
        .fields
        .iter()
        .any(|f| usable(f) && f.kind == "password")
    {
        return None;
    }
    let named = |field: &Field| {
        let given = ["username", "email", "webauthn"]
            .iter()
            .any(|w| field.autocomplete.contains(w));
        usable(field) && is_text(field) && !is_other(field) && (given || is_username(field))
    };
    let mut candidates = page.fields.iter().enumerate().filter(|(_, f)| named(f));
    let (at, field) = candidates.next()?;
    // Two of them are a contact form or a registration.
    if candidates.any(|(_, other)| other.form == field.form) {
        return None;
    }
    if page
        .fields
        .iter()
        .filter(|f| usable(f) && f.form == field.form && is_text(f))
        .count()
        > 1
    {
        return None;
    }
    let submit = submit_for(page, field.form, field);
    let button = submit
        .map(|at| page.buttons[at].text.to_lowercase())
        .unwrap_or_default();
    let form = usize::try_from(field.form)
        .ok()
        .and_then(|at| page.forms.get(at));
    let form = form
        .map(|f| format!("{} {} {} {} {}", f.id, f.name, f.class, f.action, f.text).to_lowercase());
    let form = form.unwrap_or_default();
    let around = format!("{form} {} {}", page.headings.join(" "), page.title).to_lowercase();
    if words::any(&form, &["newsletter", "subscribe", "search", "abonnieren"])
        || words::any(&button, words::SIGN_UP)
    {
        return None;
    }
    let says_so = words::any(&button, words::SIGN_IN)
        || words::any(&button, words::NEXT) && words::any(&around, words::SIGN_IN)
        || field.autocomplete.contains("username");
    says_so.then_some(LoginForm {
        username: Some(at),
        password: None,
        submit,
    })
}

fn username_before(page: &Snapshot, password: usize) -> Option<usize> {
    let group = page.fields[password].form;
    let order = page.fields[password].order;
    let fits = |f: &Field| usable(f) && is_text(f) && !is_other(f) && f.form == group;
    let mut before: Vec<_> = page
        .fields
        .iter()
        .enumerate()
        .filter(|(_, f)| fits(f) && f.order < order)
        .collect();
    before.reverse();
    let given = |f: &Field| f.autocomplete.contains("username") || f.autocomplete.contains("email");
    let named = before.iter().find(|(_, f)| given(f));
    let named = named.or_else(|| {
        before
            .iter()
            .find(|(_, f)| f.kind == "email" || is_username(f))
    });
    let nearest = named.or_else(|| before.first()).map(|(at, _)| *at);
    // Some forms ask for the password first.
    nearest.or_else(|| {
        page.fields
            .iter()
            .position(|f| fits(f) && f.order > order && (given(f) || is_username(f)))
    })
}

fn submit_for(page: &Snapshot, group: i64, last: &Field) -> Option<usize> {
    let scored = page
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, b)| b.visible)
        .filter_map(|(at, button)| {
            let inside = button.form == group && group >= 0;
            let away = distance(button, last);
            let score =
                submit_score(button, inside) - if button.order < last.order { 3 } else { 0 };
            let reachable = inside || (button.form < 0 && away < 600.0);
            (reachable && score > 0).then_some((score, away, at))
        });
    let best = scored.min_by(|(score, away, _), (other, other_away, _)| {
        other.cmp(score).then(away.total_cmp(other_away))
    });
    best.map(|(_, _, at)| at)
}

fn submit_score(button: &Button, inside: bool) -> i32 {
    let text = button.text.to_lowercase();
    let names = format!("{} {} {}", button.name, button.id, button.class).to_lowercase();
    let mut score = 0;
    score += if matches!(button.kind.as_str(), "submit" | "image") && inside {
        4
    } else {
        0
    };
    score += if words::any(&text, words::SIGN_IN) {
        6
    } else {
        0
    };
    score += if words::any(&text, words::NEXT) { 3 } else { 0 };
    score += if text.is_empty() && words::any(&names, words::SIGN_IN) {
        3
    } else {
        0
    };
    score += if inside { 1 } else { 0 };
    score -= if words::any(&text, words::SIGN_UP) {
        8
    } else {
        0
    };
    score -= if words::any(&text, words::NOT_SUBMIT) {
        8
    } else {
        0
    };
    score -= if button.link.is_some() { 4 } else { 0 };
    score
}

fn distance(button: &Button, field: &Field) -> f64 {
    let dx = (button.x + button.width / 2.0) - (field.x + field.width / 2.0);
    let dy = (button.y + button.height / 2.0) - (field.y + field.height / 2.0);
    dx.hypot(dy)
}

fn usable(field: &Field) -> bool {
    field.visible
        && !field.disabled
        && !field.readonly
        && !field.hidden_from_readers
        && field.width >= SMALLEST
        && field.height >= SMALLEST
}

fn is_text(field: &Field) -> bool {
    field.tag == "input"
        && !matches!(
            field.kind.as_str(),
            "password" | "checkbox" | "radio" | "search" | "range" | "color" | "date"
        )
}

fn is_username(field: &Field) -> bool {
    words::any(&said(field), words::USERNAME)
}

fn is_other(field: &Field) -> bool {
    let said = said(field);
    field.autocomplete.contains("one-time-code")
        || field.name == "q"
        || words::any(&said, words::NOT_USERNAME)
            && !words::any(&said, &["username", "e-mail", "email", "login"])
}

fn is_current_password(field: &Field) -> bool {
    if field.kind != "password" || !usable(field) {
        return false;
    }
    let given = &field.autocomplete;
    if given.contains("current-password") {
        return true;
    }
    let otherwise = given.contains("new-password")
        || given.contains("one-time-code")
        || given.starts_with("cc-");
    let said = said(field);
    let code = ["otp", "cvv", "cvc", "ssn", "answer"]
        .iter()
        .any(|w| holds_token(&said, w));
    !otherwise && !code && !words::any(&said, words::NEW_PASSWORD)
}

fn said(field: &Field) -> String {
    let said = format!(
        "{} {} {} {} {}",
        field.name, field.id, field.placeholder, field.label, field.autocomplete
    );
    said.to_lowercase()
}

/// Whether `word` stands between characters that are no letters, as in `id_otp-token`.
fn holds_token(said: &str, word: &str) -> bool {
    said.split(|c: char| !c.is_alphanumeric())
        .any(|token| token == word || token.trim_end_matches(char::is_numeric) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::snapshot::Form;

    fn field(order: i64, kind: &str, name: &str) -> Field {
        Field {
            order,
            tag: "input".into(),
            kind: kind.into(),
            name: name.into(),
            visible: true,
            width: 200.0,
            height: 30.0,
            y: order as f64 * 40.0,
            ..Field::default()
        }
    }

    fn button(order: i64, text: &str) -> Button {
        let (kind, y) = ("submit".into(), order as f64 * 40.0);
        Button {
            order,
            text: text.into(),
            kind,
            y,
            visible: true,
            width: 80.0,
            height: 30.0,
            ..Button::default()
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
        trap.visible = false;
        let mut hidden = field(3, "password", "password");
        hidden.visible = false;
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
