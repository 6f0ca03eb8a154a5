//! What a page says about the second factor: pure readings of a snapshot.

use crate::browser::snapshot::{Button, Field, Snapshot};

use super::request::{self, Says};
use super::words::{APP, CONFIRM, LINK, NOT_SEND, RECOVERY, REMEMBER, SENT};
use super::{boxes, usable};
use crate::login::{form, words};

/// Where the page wants the code.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::login) enum Place {
    /// In one field.
    Field(usize),
    /// A character in each of these.
    Boxes(Vec<usize>),
}

impl Place {
    /// The first of its fields.
    pub(in crate::login) fn first(&self) -> usize {
        match self {
            Self::Field(at) => *at,
            Self::Boxes(all) => all[0],
        }
    }
}

/// The longest text of a button or link that is taken for what it says.
const LONGEST: usize = 60;

/// Where a code is asked for, if one is.
pub(in crate::login) fn asked(page: &Snapshot) -> Option<Place> {
    if takes_payment(page) {
        return None;
    }
    if let Some(boxes) = boxes::find(page) {
        return Some(Place::Boxes(boxes));
    }
    if let Some(at) = form::find_code(page) {
        return Some(Place::Field(at));
    }
    let recovery = |field: &Field| {
        let kind = matches!(field.kind.as_str(), "text" | "tel" | "password" | "number");
        usable(field) && field.tag == "input" && kind && is_recovery(field)
    };
    page.fields.iter().position(recovery).map(Place::Field)
}

/// Whether the page wants a card, whose security code is none of ours.
fn takes_payment(page: &Snapshot) -> bool {
    page.fields
        .iter()
        .filter(|field| usable(field))
        .any(|field| {
            let card = [
                "card number",
                "cardnumber",
                "card-number",
                "card_number",
                "kartennummer",
                "iban",
                "cvv",
                "cvc",
            ];
            field.autocomplete.contains("cc-") || words::any(&said(field), &card)
        })
}

/// Whether the field, or the page around its only field, wants a recovery code.
pub(super) fn wants_recovery(page: &Snapshot, place: &Place) -> bool {
    let headings = page.headings.join(" ").to_lowercase();
    is_recovery(&page.fields[place.first()]) || words::any(&headings, RECOVERY)
}

fn is_recovery(field: &Field) -> bool {
    words::any(&said(field), RECOVERY)
}

fn said(field: &Field) -> String {
    let parts = [&field.name, &field.id, &field.placeholder, &field.label];
    parts.map(String::as_str).join(" ").to_lowercase()
}

/// Whether the page says that it sent a code, and speaks of no app that makes them.
pub(super) fn was_sent(page: &Snapshot) -> bool {
    let text = page.text.to_lowercase();
    words::any(&text, SENT) && !words::any(&text, APP)
}

/// Whether the page tells to look for a sign-in link, and offers nothing to type.
pub(in crate::login) fn awaits_link(page: &Snapshot) -> bool {
    let text = page.text.to_lowercase();
    let mail = text.contains("mail")
        || words::any(
            &text,
            &[
                "inbox",
                "posteingang",
                "correo",
                "courriel",
                "почт",
                "пошт",
                "邮",
                "郵件",
                "信箱",
                "メール",
                "메일",
                "بريد",
                "דוא",
            ],
        );
    let spoken = words::any(&text, SENT) && words::any(&text, LINK) && mail;
    spoken
        && text.chars().count() < 1500
        && !form::offers_sign_out(page)
        && form::find(page).is_none()
        && asked(page).is_none()
}

/// The button or link that leads to where a recovery code is taken.
pub(super) fn recovery_button(page: &Snapshot) -> Option<usize> {
    let offers = |button: &Button| {
        let text = button.text.to_lowercase();
        let link = button.link.as_deref().unwrap_or_default().to_lowercase();
        let named = words::any(&text, RECOVERY)
            || text.contains("recovery") && text.contains("code")
            || text.contains("backup") && text.contains("code");
        // Lost codes are another matter, and so is making new ones.
        let other = words::any(
            &text,
            &[
                "generate",
                "download",
                "lost your",
                "new recovery",
                "don't have",
                "don’t have",
            ],
        );
        button.visible
            && !button.disabled
            && named
            && !other
            && text.chars().count() <= LONGEST
            && !link.starts_with("mailto:")
    };
    page.buttons.iter().position(offers)
}

/// The box beside a code that spares the code the next time.
pub(super) fn remember_box(page: &Snapshot, place: &Place) -> Option<usize> {
    let form = page.fields[place.first()].form;
    let means = |field: &Field| {
        // Many pages draw a box of their own over the real one, which is then invisible; its label is not.
        let takes = !field.disabled && (field.visible || !field.label.is_empty());
        let names = said(field).replace('_', " ");
        field.kind == "checkbox" && takes && field.form == form && words::any(&names, REMEMBER)
    };
    page.fields.iter().position(means)
}

/// The button that sends the code.
pub(super) fn send_button(page: &Snapshot, place: &Place) -> Option<usize> {
    let last = match place {
        Place::Field(at) => &page.fields[*at],
        Place::Boxes(all) => &page.fields[all[all.len() - 1]],
    };
    let score = |button: &Button| {
        let text = button.text.to_lowercase();
        let inside = last.form >= 0 && button.form == last.form;
        if !button.visible || last.form >= 0 && !inside && button.form >= 0 {
            return 0;
        }
        let mut score = i32::from(inside);
        score += if inside && matches!(button.kind.as_str(), "submit" | "image") {
            4
        } else {
            0
        };
        score += if words::any(&text, CONFIRM) || words::any(&text, words::SIGN_IN) {
            5
        } else {
            0
        };
        score += if words::any(&text, words::NEXT) { 4 } else { 0 };
        score -= if words::any(&text, NOT_SEND) || words::any(&text, RECOVERY) {
            9
        } else {
            0
        };
        // "Send code" has one sent, where another button sends the one that was typed.
        score -= match request::says(&text) {
            Some(Says::Code(_)) => 4,
            _ => 0,
        };
        score -= if button.link.is_some() { 6 } else { 0 };
        score -= if button.order < last.order { 3 } else { 0 };
        score
    };
    let scored = page.buttons.iter().enumerate();
    let scored = scored.map(|(at, button)| (score(button), at));
    // The first of equals stands nearest to the code.
    let best = scored.max_by_key(|(score, at)| (*score, std::cmp::Reverse(*at)));
    best.filter(|(score, _)| *score > 1).map(|(_, at)| at)
}

/// The button that a page behind a sign-in link wants to see pressed: a scanner of mails presses none.
pub(super) fn confirm_button(page: &Snapshot) -> Option<usize> {
    if form::offers_sign_out(page) || form::find(page).is_some() || asked(page).is_some() {
        return None;
    }
    let means = |button: &Button| {
        let text = button.text.to_lowercase();
        let says = [CONFIRM, words::SIGN_IN, words::NEXT]
            .iter()
            .any(|list| words::any(&text, list));
        button.visible
            && !button.disabled
            && button.link.is_none()
            && says
            && text.chars().count() <= LONGEST
            && !words::any(&text, words::SIGN_UP)
            && !words::any(&text, words::NOT_SUBMIT)
            && !words::any(&text, NOT_SEND)
    };
    page.buttons.iter().position(means)
}

/// The alert that says why a code was not taken, or what the page says.
pub(super) fn complaint(page: &Snapshot) -> &str {
    let wrong = |alert: &&String| words::any(&alert.to_lowercase(), words::WRONG);
    let alert = page.alerts.iter().find(wrong).or(page.alerts.first());
    alert.unwrap_or(&page.text)
}
