//! Whether a group of fields is a login or a registration: a sum of signs, as DuckDuckGo and Fathom weigh them.

use crate::browser::snapshot::{Button, Field, Snapshot};
use crate::login::words;

use super::field::{self, names, says, spread};
use super::group::{Group, is_link};

/// A sum, and what made it.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    /// Above 0 it speaks for a login, below 0 against.
    pub(super) sum: f64,
    /// The signs, heaviest first to come.
    pub(super) signs: Vec<(f64, String)>,
}

impl Score {
    fn add(&mut self, weight: f64, sign: impl Into<String>) {
        if weight != 0.0 {
            self.sum += weight;
            self.signs.push((weight, sign.into()));
        }
    }

    /// The heaviest signs of this direction, as a person may read them.
    pub(super) fn because(&self, against: bool) -> String {
        let mut signs: Vec<_> = self
            .signs
            .iter()
            .filter(|(w, _)| (*w < 0.0) == against)
            .collect();
        signs.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let told: Vec<_> = signs
            .into_iter()
            .take(3)
            .map(|(_, sign)| sign.as_str())
            .collect();
        told.join(", ")
    }
}

/// Which way a text points: 1 sign in, -1 register, 0 neither or both.
pub(super) fn leaning(text: &str) -> f64 {
    let (inside, up) = (
        words::any(text, words::SIGN_IN),
        words::any(text, words::SIGN_UP),
    );
    f64::from(i8::from(inside) - i8::from(up))
}

/// Whether a text is about another provider's account or another way in.
pub(super) fn is_elsewhere(text: &str) -> bool {
    words::any(text, words::PROVIDERS)
}

/// What speaks for a login, and what against.
pub(super) fn score(page: &Snapshot, group: &Group) -> Score {
    let mut score = Score::default();
    buttons(page, group, &mut score);
    passwords(page, group, &mut score);
    texts(page, group, &mut score);
    around(page, group, &mut score);
    score
}

fn buttons(page: &Snapshot, group: &Group, score: &mut Score) {
    let mut submits = 0.0_f64;
    let sent = group
        .buttons(page)
        .any(|b| b.tag != "a" && (sends(b) || b.tag == "button"));
    // What sends a form stands behind its fields; before them, a switch leads to the other one of the two.
    let first = group.passwords(page).map(|f| f.order).min().unwrap_or(-1);
    let behind = |b: &Button| b.order > first && sends(b);
    let any_behind = group.buttons(page).any(behind);
    for button in group.buttons(page) {
        let text = button.text.to_lowercase();
        if text.chars().count() > 60 || is_elsewhere(&text) {
            continue;
        }
        if words::any(&text, words::FORGOT) {
            score.add(3.0, "a way out for a forgotten password");
            continue;
        }
        let says = match leaning(&text) {
            0.0 if !words::any(&text, words::SIGN_IN) => leaning(&names(&button.part)) / 2.0,
            says => says,
        };
        if button.tag == "a" && !is_link(button) && !sent && leaning(&text) > 0.0 {
            score.add(
                8.0,
                format!("nothing else sends it, and this says {:?}", button.text),
            );
        } else if is_link(button) || button.tag == "a" {
            // A link leads to the other one of the two.
            let other = if leaning(&text) > 0.0 {
                "a link to sign in"
            } else {
                "a link to register"
            };
            score.add(-leaning(&text), other);
        } else if sends(button) && any_behind && !behind(button) {
            score.add(
                -leaning(&text),
                format!("a switch before the fields says {:?}", button.text),
            );
        } else if sends(button) {
            // The strongest one counts, once; two that say the opposite count for nothing.
            if submits * says < 0.0 {
                submits += says;
            } else if says.abs() > submits.abs() {
                submits = says;
            }
        } else {
            score.add(4.0 * says, format!("a button says {:?}", button.text));
        }
    }
    let says = if submits > 0.0 {
        "its button says to sign in"
    } else {
        "its button says to register"
    };
    score.add(20.0 * submits, says);
}

/// Whether a button sends its form by itself.
pub(super) fn sends(button: &Button) -> bool {
    matches!(button.kind.as_str(), "submit" | "image") && button.tag != "a"
}

fn passwords(page: &Snapshot, group: &Group, score: &mut Score) {
    let mut count = 0;
    let mut before: Option<&Field> = None;
    for field in group.passwords(page) {
        // Side by side and called the same: one shows what the other hides.
        let twin = before.is_some_and(|other| {
            other.within == field.within
                && other.placeholder == field.placeholder
                && !field.placeholder.is_empty()
        });
        before = Some(field);
        if twin {
            continue;
        }
        count += 1;
        if field.autocomplete.contains("current-password") {
            score.add(5.0, "autocomplete names the current password");
        } else if field.autocomplete.contains("new-password") {
            score.add(-5.0, "autocomplete names a new password");
        }
        if field::secret(page, field) == Some(field::Secret::New) {
            score.add(-5.0, "a password that is to be made up");
        }
        let demand = format!(
            "{} {} {}",
            says(field),
            field.described.to_lowercase(),
            field.title.to_lowercase()
        );
        if words::any(&demand, words::DEMAND) {
            score.add(-5.0, "a demand on the password");
        }
    }
    if count > 1 {
        score.add(
            -6.0 * f64::from(count - 1),
            format!("{count} passwords in one form"),
        );
    }
}

fn texts(page: &Snapshot, group: &Group, score: &mut Score) {
    let texts: Vec<_> = group.texts(page).collect();
    if texts.len() >= 4 {
        score.add(
            -1.5 * texts.len() as f64,
            format!("{} text fields", texts.len()),
        );
    }
    for field in group.fields(page).filter(|f| field::usable(f)) {
        let said = format!("{} {}", names(&field.part), says(field));
        match field.kind.as_str() {
            "checkbox" if words::any(&said, words::REMEMBER) => {
                score.add(5.0, "a box to stay signed in")
            }
            "checkbox" if words::any(&said, words::AGREE) => {
                score.add(-4.0, "a box to agree to terms or letters")
            }
            "checkbox" | "radio" => {}
            "password" => {}
            _ if words::any(&said, words::PERSON) && field::likeness(field) < 0 => {
                score.add(-4.0, format!("it asks for {:?}", shown(field)));
            }
            _ => {}
        }
    }
}

fn shown(field: &Field) -> String {
    let said = [&field.label, &field.placeholder, &field.name, &field.id];
    let said = said.into_iter().find(|s| !s.is_empty());
    said.map(|s| s.chars().take(40).collect())
        .unwrap_or_default()
}

fn around(page: &Snapshot, group: &Group, score: &mut Score) {
    let form = usize::try_from(group.form)
        .ok()
        .and_then(|at| page.forms.get(at));
    if let Some(form) = form {
        let named = [&form.id, &form.name, &form.class, &form.action]
            .map(|s| spread(s))
            .join(" ");
        score.add(3.0 * leaning(&named), "what the form is called");
        score.add(
            3.0 * leaning(&form.title.to_lowercase()),
            "the heading in the form",
        );
        if words::any(&form.text.to_lowercase(), words::DEMAND) && form.text.chars().count() < 350 {
            score.add(-2.0, "demands on a password in the form");
        }
    }
    let headings = page.headings.join(" | ").to_lowercase();
    score.add(3.0 * leaning(&headings), "the heading of the page");
    score.add(
        2.0 * leaning(&page.title.to_lowercase()),
        "the title of the page",
    );
    score.add(leaning(&spread(path(&page.url))), "the address of the page");
}

/// The path of a URL: its host and its query say where people come from and go to.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{button, field, page};
    use super::*;

    fn sum(turn: impl FnOnce(&mut Snapshot)) -> Score {
        let mut seen = page(
            vec![field(1, "text", "a"), field(2, "password", "b")],
            vec![button(3, "Continue")],
        );
        turn(&mut seen);
        score(&seen, &Group::around(&seen, 1))
    }

    #[test]
    fn what_says_nothing_weighs_nothing() {
        assert_eq!(sum(|_| ()).sum, 0.0);
        assert_eq!(leaning("log in or sign up"), 0.0);
    }

    #[test]
    fn boxes_links_headings_and_further_fields_tell_a_login_from_a_registration() {
        let remember = |label: &str| {
            let mut made = field(2, "checkbox", "c");
            made.label = label.into();
            move |seen: &mut Snapshot| seen.fields.push(made)
        };
        assert!(sum(remember("Remember me")).sum > 0.0);
        assert!(sum(remember("I agree to the terms")).sum < 0.0);
        assert!(sum(|seen| seen.headings = vec!["Sign in".into()]).sum > 0.0);
        assert!(sum(|seen| seen.forms[0].id = "register-form".into()).sum < 0.0);
        let named = |name: &str| {
            let mut made = field(0, "text", "n");
            made.label = name.into();
            move |seen: &mut Snapshot| seen.fields.push(made)
        };
        assert!(sum(named("First name")).sum < 0.0);
        let many = sum(|seen| seen.fields.extend((3..7).map(|at| field(at, "text", "x"))));
        assert!(many.sum < 0.0 && many.because(true).contains("text fields"));
        let link = |text: &str| {
            let mut made = button(4, text);
            (made.part.tag, made.link) = ("a".into(), Some("/elsewhere".into()));
            move |seen: &mut Snapshot| seen.buttons.push(made)
        };
        assert!(
            sum(link("Log in")).sum < 0.0,
            "it leads away from here to the login"
        );
        assert!(sum(link("Register")).sum > 0.0);
        assert!(sum(link("Forgot password?")).sum > 0.0);
    }

    #[test]
    fn another_providers_button_tells_nothing() {
        let with = |text: &str| sum(|seen| seen.buttons.push(button(4, text))).sum;
        assert_eq!(with("Sign up with Google"), 0.0);
        assert!(with("Log in") >= 20.0 && with("Create account") <= -20.0);
    }

    #[test]
    fn only_the_path_of_an_address_is_read() {
        assert_eq!(path("https://login.example/a/b?next=/login#x"), "/a/b");
        assert_eq!(path("about:blank"), "");
    }
}
