//! Which button sends a form.

use crate::browser::snapshot::{Button, Field, Part, Snapshot};
use crate::login::words;

use super::field::{names, spread};
use super::group::{Group, is_link};
use super::score::{is_elsewhere, sends};

/// Beyond this a button belongs to something else, CSS pixels.
const FAR: f64 = 600.0;

/// A text of more characters is a sentence.
const LONG: usize = 40;
/// Names and classes that speak for a button, or against it.
const HINTS: &[(&str, f64)] = &[
    ("submit", 2.0),
    ("primary", 1.0),
    ("continue", 1.0),
    ("secondary", -1.0),
    ("cancel", -2.0),
];
/// Names of buttons that do something else.
const OTHER: &[&str] = &[
    "toggle",
    "reveal",
    "eye",
    "show",
    "hide",
    "visibility",
    "forgot",
    "close",
    "search",
    "captcha",
    "social",
    "google",
    "facebook",
    "apple",
    "cancel",
    "back",
    "menu",
    "language",
];
/// Classes of buttons that show a password.
const SWITCH: &[&str] = &["toggle", "reveal", "eye", "visibility", "captcha"];

/// The button for a form whose last field is `last`, and why; `None` where Enter is the way.
pub(super) fn button(page: &Snapshot, group: &Group, last: &Field) -> Option<(usize, String)> {
    let buttons = page.buttons.iter().enumerate().filter(|(_, b)| b.visible);
    let far = lonely(page, group);
    let judged = buttons.filter_map(|(at, button)| {
        let score = judge(group, button, last, far == Some(at))?;
        (score > 0.0).then(|| (score, away(&button.part, &last.part), at))
    });
    let best = judged.max_by(|(score, away, _), (other, other_away, _)| {
        score.total_cmp(other).then(other_away.total_cmp(away))
    });
    best.map(|(_, _, at)| (at, why(&page.buttons[at], group)))
}

fn why(button: &Button, group: &Group) -> String {
    let text = button.text.to_lowercase();
    let says = if words::any(&text, words::SIGN_IN) {
        "says to sign in"
    } else if words::any(&text, words::NEXT) {
        "says to go on"
    } else {
        "is the likeliest"
    };
    let place = match button.form == group.form && group.form >= 0 {
        true => "in the form",
        false => "beside the fields",
    };
    format!("the button {place} that {says}: {:?}", button.text)
}

/// The only button of the page that says to sign in, for a form that has none to send it: wherever it is placed, it can
/// belong to nothing else.
fn lonely(page: &Snapshot, group: &Group) -> Option<usize> {
    if group.buttons(page).any(sends) {
        return None;
    }
    let says = |button: &Button| {
        let text = button.text.to_lowercase();
        let other = words::any(&text, words::SIGN_UP) || is_elsewhere(&text);
        words::any(&text, words::SIGN_IN) && !other && text.chars().count() <= LONG
    };
    let buttons = page.buttons.iter().enumerate();
    let mut all = buttons.filter(|(_, b)| b.visible && says(b));
    match (all.next(), all.next()) {
        (Some((at, button)), None) if !is_link(button) => Some(at),
        _ => None,
    }
}

/// How likely it is the button; above 0 it may be. `None` where it cannot be: another form's, or far away from all forms.
/// `lonely`: no other one can be meant, however far away it is.
fn judge(group: &Group, button: &Button, last: &Field, lonely: bool) -> Option<f64> {
    let inside = button.form == group.form && group.form >= 0;
    let away = away(&button.part, &last.part);
    let before = button.order < last.order;
    if !inside && (button.form >= 0 || group.form >= 0 && (before || away > FAR && !lonely)) {
        return None;
    }
    let mut score = says(button);
    score += match (inside, sends(button)) {
        (true, true) => 6.0,
        (true, false) => 1.0,
        (false, true) => 2.0,
        (false, false) => 0.0,
    };
    if is_link(button) {
        score -= 9.0;
    }
    if before {
        score -= 4.0;
    }
    // The same words again, further away, belong to something else.
    score -= (away / 300.0).min(2.0);
    if group.form < 0 {
        let steps = climb(&button.part, &last.part);
        score -= (steps as f64 / 2.0).min(5.0);
    }
    Some(score)
}

/// What its text speaks for, and what its makers call it.
fn says(button: &Button) -> f64 {
    let text = button.text.to_lowercase();
    let (named, class) = (names(&button.part), spread(&button.class));
    let inside = words::any(&text, words::SIGN_IN);
    let next = words::any(&text, words::NEXT);
    let mut score = match (inside, next) {
        (true, _) => 8.0,
        (false, true) => 4.0,
        _ => 0.0,
    };
    if text.chars().count() > LONG {
        score -= 4.0;
    }
    for (word, weight) in HINTS {
        if named.contains(word) || class.contains(word) {
            score += weight;
        }
    }
    if words::any(&named, words::SIGN_IN) {
        score += 2.0;
    }
    if words::any(&text, words::SIGN_UP) && !inside || is_elsewhere(&text) {
        score -= 12.0;
    }
    if words::any(&text, words::NOT_SUBMIT) || words::any(&text, words::FORGOT) {
        score -= if inside { 4.0 } else { 12.0 };
    }
    if !inside && !next && (words::any(&named, OTHER) || words::any(&class, SWITCH)) {
        score -= 8.0;
    }
    // What only looks like a button must say that it is the one.
    if !matches!(button.tag.as_str(), "button" | "input" | "a") && button.kind != "submit" {
        score -= if inside || next { 3.0 } else { 20.0 };
    }
    if text.is_empty()
        && !sends(button)
        && !named.contains("submit")
        && !words::any(&named, words::SIGN_IN)
    {
        score -= 6.0;
    }
    score
}

/// How many elements one has to leave, from `from`, until `to` is inside.
fn climb(button: &Part, field: &Part) -> usize {
    let shared = field
        .within
        .iter()
        .zip(&button.within)
        .take_while(|(a, b)| a == b)
        .count();
    field.within.len() - shared
}

fn away(one: &Part, other: &Part) -> f64 {
    let dx = (one.x + one.width / 2.0) - (other.x + other.width / 2.0);
    let dy = (one.y + one.height / 2.0) - (other.y + other.height / 2.0);
    dx.hypot(dy)
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::super::tests::{button, field, page};
    use super::*;

    fn pressed(buttons: Vec<Button>) -> Option<String> {
        let mut seen = page(
            vec![field(1, "text", "user"), field(2, "password", "pw")],
            buttons,
        );
        seen.forms[0].id = "login".into();
        let at = find(&seen).expect("a login is found").submit?;
        Some(seen.buttons[at].text.clone())
    }

    #[test]
    fn what_shows_a_password_or_leads_to_others_is_not_pressed() {
        let mut eye = button(3, "");
        (eye.part.kind, eye.part.class) = ("button".into(), "pw-toggle".into());
        let mut forgot = button(6, "Forgot password?");
        forgot.link = Some("/forgot".into());
        let all = vec![
            eye,
            button(4, "Sign in with Google"),
            button(5, "Continue"),
            forgot,
            button(7, "Cancel"),
        ];
        assert_eq!(pressed(all).as_deref(), Some("Continue"));
    }

    #[test]
    fn without_a_button_enter_is_the_way() {
        assert_eq!(pressed(vec![button(3, "Show password")]), None);
        assert_eq!(pressed(vec![]), None);
    }

    #[test]
    fn a_link_without_an_address_and_a_plain_element_are_buttons_where_they_say_so() {
        let mut link = button(3, "Log in");
        (link.part.tag, link.part.kind, link.link) = ("a".into(), String::new(), Some("#".into()));
        assert_eq!(pressed(vec![link.clone()]).as_deref(), Some("Log in"));
        link.link = Some("/elsewhere".into());
        let both = vec![link, button(4, "Submit")];
        assert_eq!(pressed(both).as_deref(), Some("Submit"));
        let mut plain = button(3, "Log in");
        (plain.part.tag, plain.part.kind) = ("div".into(), String::new());
        assert_eq!(pressed(vec![plain.clone()]).as_deref(), Some("Log in"));
        plain.text = "Details".into();
        assert_eq!(pressed(vec![plain]), None);
    }

    #[test]
    fn a_button_outside_the_form_is_found_near_it() {
        let mut outside = button(3, "Log in");
        outside.part.form = -1;
        assert_eq!(pressed(vec![outside.clone()]).as_deref(), Some("Log in"));
        outside.part.y = 2000.0;
        // The only one that says to sign in belongs to the form wherever it is; of two, or of other words, none does.
        assert_eq!(pressed(vec![outside.clone()]).as_deref(), Some("Log in"));
        let mut other = outside.clone();
        other.part.order = 4;
        assert_eq!(pressed(vec![outside.clone(), other]), None);
        outside.text = "Continue".into();
        assert_eq!(pressed(vec![outside]), None);
    }
}
