//! What lies over a login: cookie banners, offers, pop-ups.

use super::{BUTTON, Step};
use crate::browser::snapshot::{Choice, Overlay, Snapshot};
use crate::login::{phrases, words};

/// How to get rid of what lies over the form: by refusing cookies, else by taking them, else by closing it.
pub(in crate::login) fn out_of_the_way(overlay: &Overlay) -> Option<usize> {
    let said = overlay.text.to_lowercase();
    let find = |holds: &dyn Fn(&str) -> bool| {
        overlay.choices.iter().position(|choice| {
            let text = choice.text.to_lowercase();
            choice.kind != "option"
                && !choice.disabled
                && text.chars().count() <= BUTTON
                && holds(&text)
        })
    };
    let cookies = words::any(&said, phrases::COOKIES);
    let reject = |text: &str| words::any(text, phrases::REJECT);
    let accept = |text: &str| words::any(text, phrases::ACCEPT) && !words::any(text, phrases::NO);
    let banner = cookies
        .then(|| find(&reject).or_else(|| find(&accept)))
        .flatten();
    // A name says what a button with a cross does.
    let close = |text: &str| words::any(text, phrases::CLOSE) || words::any(text, phrases::SKIP);
    banner.or_else(|| find(&close))
}

/// The banner of a page that shows nothing else to do.
pub(in crate::login) fn banner(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
    let text = page.text.to_lowercase();
    if !words::any(&text, phrases::COOKIES) {
        return None;
    }
    let overlay = Overlay {
        text,
        choices: choices.to_vec(),
        frames: Vec::new(),
    };
    let at = out_of_the_way(&overlay)?;
    let chosen = choices[at].text.to_lowercase();
    let answers = words::any(&chosen, phrases::REJECT) || words::any(&chosen, phrases::ACCEPT);
    answers.then(|| Step::new("banner", at))
}
