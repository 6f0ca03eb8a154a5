//! What a page without a form offers: to sign in, or to sign out.

use crate::browser::snapshot::Snapshot;
use crate::login::words;

/// The button or link that would bring a login form, on a page that has none.
pub(in crate::login) fn find_trigger(page: &Snapshot) -> Option<usize> {
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
            && !words::any(&text, words::PROVIDERS)
    });
    // The shortest text is the plain "Log in"; a sentence that holds the words is something else.
    named
        .min_by_key(|(_, b)| b.text.chars().count())
        .map(|(at, _)| at)
}

/// Whether the page offers to sign out.
pub(in crate::login) fn offers_sign_out(page: &Snapshot) -> bool {
    page.buttons.iter().any(|b| {
        let said = format!("{} {}", b.text, b.link.as_deref().unwrap_or_default()).to_lowercase();
        words::any(&said, words::SIGN_OUT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::form::tests::{button, page};

    #[test]
    fn the_plainest_way_to_sign_in_is_taken() {
        let all = vec![
            button(1, "Log in with Google"),
            button(2, "Log in to see what your friends do"),
            button(3, "Log in"),
            button(4, "Log in or sign up"),
        ];
        assert_eq!(find_trigger(&page(vec![], all)), Some(2));
        let none = vec![button(1, "Sign up"), button(2, "Входящие")];
        assert_eq!(find_trigger(&page(vec![], none)), None);
    }

    #[test]
    fn a_sign_out_is_told_by_its_text_or_by_where_it_leads() {
        let mut out = button(1, "");
        assert!(!offers_sign_out(&page(vec![], vec![out.clone()])));
        out.link = Some("/account/logout".into());
        assert!(offers_sign_out(&page(vec![], vec![out])));
    }
}
