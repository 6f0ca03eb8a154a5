//! What a field is for, by what it says of itself.

use crate::browser::snapshot::{Field, Part, Snapshot};
use crate::login::words;

/// Smallest side of a field that a person can use, CSS pixels.
const SMALLEST: f64 = 8.0;
/// Longest text that says what a field is; more is noise.
const SAYING: usize = 120;

/// What a field that holds dots is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// The password of the account, as far as one can tell.
    Password,
    /// A password that is to be made up, or typed once more.
    New,
    /// A code, the number on a card, an answer.
    Other,
}

/// Whether a person could fill it. What is hidden is a trap.
pub(super) fn usable(field: &Field) -> bool {
    shown(field) && !field.disabled && !field.readonly && !field.hidden_from_readers
}

/// Whether it is there for the eye at all.
pub(super) fn shown(field: &Field) -> bool {
    field.visible && field.width >= SMALLEST && field.height >= SMALLEST
}

/// Whether it takes a line of text that everybody may read.
pub(super) fn is_text(field: &Field) -> bool {
    field.tag == "input"
        && !matches!(
            field.kind.as_str(),
            "password"
                | "checkbox"
                | "radio"
                | "range"
                | "color"
                | "date"
                | "time"
                | "month"
                | "week"
                | "datetime-local"
        )
        && !is_search(field)
}

/// A search box, by its name and what it says; in which form it is, others look.
pub(super) fn is_search(field: &Field) -> bool {
    if field.autocomplete.contains("username") {
        return false;
    }
    let named = names(&field.part);
    field.kind == "search"
        || matches!(field.name.as_str(), "q" | "s" | "query")
        || words::any(&named, words::SEARCH) && !named.contains("research")
        || words::any(&field.placeholder.to_lowercase(), words::SEARCH)
}

/// The attributes by which its makers call an element, in lower case, both as written and taken apart.
pub(super) fn names(part: &Part) -> String {
    [&part.name, &part.id, &part.hints]
        .into_iter()
        .map(|name| spread(name))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A name in lower case, as written and with its parts told apart: `userName_2` gives `username_2 user name 2`.
pub(super) fn spread(name: &str) -> String {
    let mut apart = String::with_capacity(name.len() * 2);
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            apart.push(' ');
        } else {
            let bound = c.is_uppercase() && before.is_lowercase()
                || c.is_numeric() != before.is_numeric() && before.is_alphanumeric();
            if bound {
                apart.push(' ');
            }
            apart.extend(c.to_lowercase());
        }
        before = c;
    }
    format!("{} {apart}", name.to_lowercase())
}

/// What a field says to people, in lower case.
pub(super) fn says(field: &Field) -> String {
    let said = [&field.label, &field.placeholder, &field.title];
    let short = said.into_iter().filter(|s| s.chars().count() <= SAYING);
    short
        .map(|s| s.to_lowercase())
        .collect::<Vec<_>>()
        .join(" | ")
}

/// What a field is for that hides what is typed; `None` for one that does not hide it.
pub(super) fn secret(page: &Snapshot, field: &Field) -> Option<Secret> {
    let (named, said) = (names(&field.part), says(field));
    let given = field.autocomplete.as_str();
    if field.kind != "password" {
        return toggled(page, field, &named).then_some(Secret::Password);
    }
    if given.contains("current-password") {
        return Some(Secret::Password);
    }
    if given.contains("one-time-code") || given.starts_with("cc-") {
        return Some(Secret::Other);
    }
    let called = |words| words::any(&named, words) || words::any(&said, words);
    if called(words::OTHER_SECRET) && !called(words::PASSWORD) {
        return Some(Secret::Other);
    }
    // "new-password" on a login only keeps browsers from filling it: what the form is tells more.
    match called(words::NEW_PASSWORD) {
        true => Some(Secret::New),
        false => Some(Secret::Password),
    }
}

/// A password field that shows its text: it says so itself, a button beside it switches, or it stands where the real one is
/// to come as soon as one goes there.
fn toggled(page: &Snapshot, field: &Field, named: &str) -> bool {
    if !is_text(field) || !words::any(named, words::PASSWORD) {
        return false;
    }
    if field.autocomplete.contains("current-password") {
        return true;
    }
    let fields = || {
        page.fields
            .iter()
            .filter(|f| f.form == field.form && usable(f))
    };
    let other = fields().any(|f| f.kind == "password");
    let before = fields().any(|f| f.order < field.order && is_text(f) && likeness(f) > 0);
    let switch = page.buttons.iter().any(|b| {
        let said = format!("{} {}", b.text.to_lowercase(), names(&b.part));
        b.visible
            && b.form == field.form
            && words::any(&said, &["show", "hide", "toggle", "eye", "visibility"])
    });
    // Right beside it, so that one of the two is shown at a time.
    let pairs = page.fields.windows(2).filter(|w| w[0].form == w[1].form);
    let waiting = pairs
        .filter(|w| w[0].order == field.order || w[1].order == field.order)
        .any(|w| w.iter().any(|f| f.kind == "password" && !shown(f)));
    !other && before && (switch || waiting || words::any(&says(field), words::PASSWORD))
}

/// Whether it asks for what is typed from a picture, a box or another device: never for a username.
pub(super) fn asks_for_code(field: &Field) -> bool {
    let said = format!("{} {}", names(&field.part), says(field));
    field.autocomplete.contains("one-time-code")
        || words::any(&said, words::CODE)
        || words::any(&said, &["captcha", "otp", "totp", "coupon", "promo"])
}

/// Whether it says that it wants a username, and not only an address that anybody has.
pub(super) fn names_account(field: &Field) -> bool {
    words::any(&says(field), words::ACCOUNT) || words::any(&names(&field.part), words::ACCOUNT)
}

/// How much a text field looks as if it took a username: above 0 it says so, below 0 it says that it is something else.
pub(super) fn likeness(field: &Field) -> i32 {
    let given = field.autocomplete.as_str();
    if given
        .split(' ')
        .any(|word| matches!(word, "username" | "email" | "webauthn"))
    {
        return 20;
    }
    if given.contains("one-time-code")
        || given.starts_with("cc-")
        || given.ends_with("-name") && given != "user-name"
    {
        return -20;
    }
    let weigh =
        |text: &str, weight: i32, is: bool, is_not: bool| match (text.is_empty(), is, is_not) {
            (false, true, false) => weight,
            (false, false, true) => -weight,
            _ => 0,
        };
    let name = |text: &str, weight| {
        let spread = spread(text);
        let is = words::USERNAME_NAMES
            .iter()
            .any(|part| spread.contains(part));
        weigh(text, weight, is, words::any(&spread, words::NOT_USERNAME))
    };
    let saying = |text: &str, weight| {
        let text = text.to_lowercase();
        let is = words::any(&text, words::USERNAME);
        weigh(&text, weight, is, words::any(&text, words::NOT_USERNAME))
    };
    let kind = match field.kind.as_str() {
        "email" => 4,
        "tel" => 2,
        "number" => -1,
        _ => 0,
    };
    kind + name(&field.name, 3)
        + name(&field.id, 2)
        + name(&field.hints, 2)
        + saying(&field.label, 3)
        + saying(&field.placeholder, 2)
        + saying(&field.title, 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{button, field, page};
    use super::*;

    fn labelled(name: &str, label: &str) -> Field {
        let mut made = field(1, "text", name);
        made.label = label.into();
        made
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(spread("userName_2"), "username_2 user name 2");
        assert_eq!(spread("İd"), "i̇d i̇d");
    }

    #[test]
    fn a_username_is_told_by_any_of_its_names_and_other_things_too() {
        for (name, label) in [
            ("txtLoginName", ""),
            ("x9f", "E-mail or phone"),
            ("acct", ""),
        ] {
            assert!(likeness(&labelled(name, label)) > 0, "{name} {label}");
        }
        for (name, label) in [
            ("captcha", ""),
            ("x", "First name"),
            ("coupon", "Promo"),
            ("zip", ""),
        ] {
            assert!(likeness(&labelled(name, label)) < 0, "{name} {label}");
        }
        assert_eq!(likeness(&labelled("x9f", "")), 0);
    }

    #[test]
    fn search_boxes_take_no_name() {
        assert!(!is_text(&labelled("q", "")));
        assert!(!is_text(&field(1, "search", "s1")));
        let mut given = field(1, "search", "userID");
        given.autocomplete = "username".into();
        assert!(is_text(&given), "what its autocomplete says is meant");
    }

    #[test]
    fn a_password_that_is_shown_as_text_is_one_still() {
        let mut shown = field(2, "text", "password");
        shown.label = "Password".into();
        let seen = page(
            vec![field(1, "text", "user"), shown.clone()],
            vec![button(3, "Log in")],
        );
        assert_eq!(secret(&seen, &seen.fields[1]), Some(Secret::Password));
        // Without a word for people it stands in for one that is not shown yet.
        shown.label.clear();
        let mut real = field(3, "password", "p");
        (real.part.visible, real.part.width) = (false, 0.0);
        let fields = vec![field(1, "text", "user"), shown.clone(), real];
        let seen = page(fields, vec![]);
        assert_eq!(secret(&seen, &seen.fields[1]), Some(Secret::Password));
        let seen = page(vec![field(1, "text", "user"), shown.clone()], vec![]);
        assert_eq!(secret(&seen, &seen.fields[1]), None);
        // Beside one that hides, it is a trap or a hint.
        let seen = page(
            vec![field(1, "text", "user"), shown, field(3, "password", "p")],
            vec![],
        );
        assert_eq!(secret(&seen, &seen.fields[1]), None);
    }
}
