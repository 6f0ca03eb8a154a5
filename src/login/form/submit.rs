//! Which button sends a form.

use crate::browser::snapshot::{Button, Field, Part, Snapshot};
use crate::login::words;

use super::field::names;
use super::group::{Group, is_link};
use super::score::{is_elsewhere, sends};

/// Beyond this a button belongs to something else, CSS pixels.
const FAR: f64 = 600.0;

/// The button for a form whose last field is `last`, and why; `None` where Enter is the way.
pub(super) fn button(page: &Snapshot, group: &Group, last: &Field) -> Option<(usize, String)> {
    let buttons = page.buttons.iter().enumerate().filter(|(_, b)| b.visible);
    let judged = buttons.filter_map(|(at, button)| {
        let score = judge(group, button, last)?;
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

fn judge(group: &Group, button: &Button, last: &Field) -> Option<f64> {
    let inside = button.form == group.form && group.form >= 0;
    let loose = button.form < 0;
    if !inside && !loose {
        return None;
    }
    let steps = climb(&button.part, &last.part);
    let away = away(&button.part, &last.part);
    if !inside && group.form >= 0 && (button.order < last.order || away > FAR) {
        return None;
    }
    let text = button.text.to_lowercase();
    let named = format!(
        "{} {}",
        names(&button.part),
        super::field::spread(&button.class)
    );
    let plain = !matches!(button.tag.as_str(), "button" | "input" | "a");
    let says_in = words::any(&text, words::SIGN_IN);
    let says_next = words::any(&text, words::NEXT);
    let up = words::any(&text, words::SIGN_UP) && !says_in;
    let mut score = 0.0;
    if inside {
        score += 1.0;
        if sends(button) {
            score += 5.0;
        }
    }
    score += match (says_in, says_next) {
        (true, _) => 8.0,
        (false, true) => 4.0,
        _ => 0.0,
    };
    if text.chars().count() > 40 {
        score -= 4.0;
    }
    if words::any(&named, words::SIGN_IN) {
        score += 2.0;
    }
    if named.contains("submit") {
        score += 2.0;
    }
    if named.contains("primary") || named.contains("next") || named.contains("continue") {
        score += 1.0;
    }
    if named.contains("secondary") || named.contains("link") || named.contains("cancel") {
        score -= 1.0;
    }
    if up {
        score -= 12.0;
    }
    if is_elsewhere(&text) {
        score -= 12.0;
    }
    if words::any(&text, words::NOT_SUBMIT) || words::any(&text, words::FORGOT) {
        score -= if says_in { 4.0 } else { 12.0 };
    }
    let switch = [
        "toggle",
        "reveal",
        "eye",
        "show",
        "visibility",
        "forgot",
        "close",
        "search",
        "captcha",
        "social",
        "google",
        "facebook",
    ];
    if words::any(&named, &switch) && !says_in {
        score -= 8.0;
    }
    if is_link(button) {
        score -= 9.0;
    }
    if plain && button.kind != "submit" {
        score -= if says_in || says_next { 3.0 } else { 20.0 };
    }
    if text.is_empty()
        && !sends(button)
        && !named.contains("submit")
        && !words::any(&named, words::SIGN_IN)
    {
        score -= 6.0;
    }
    if button.order < last.order {
        score -= 4.0;
    }
    // The same button again, further away, belongs to something else.
    score -= (away / 300.0).min(2.0);
    if group.form < 0 {
        score -= (steps as f64 / 2.0).min(5.0);
    }
    Some(score)
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
