//! Having a code sent, on a page that first asks whether and how.

use super::{Known, Page, Step};
use crate::browser::snapshot::Choice;
use crate::login::factor::{Says, confirms, says, speaks_of_code};
use crate::login::{form, phrases, words};

impl Page<'_> {
    /// The way to a code that the recipe has a source for.
    pub(super) fn send_code(&self, known: &Known<'_>) -> Option<Step> {
        let mailbox = known.mailbox?;
        if !self.short {
            return None;
        }
        // Of a signed-in page its head must speak of it.
        let about = match form::offers_sign_out(self.seen) {
            true => speaks_of_code(&self.head),
            false => speaks_of_code(&self.said),
        };
        let ways = self.choices.iter().enumerate().filter_map(|(at, choice)| {
            let fits = !choice.disabled && !choice.apart;
            let said = says(choice.text.to_lowercase().trim()).filter(|_| fits)?;
            let mark = marks(choice) && !(choice.kind == "option" && choice.value.is_empty());
            let meant = match said {
                Says::Code(_) => true,
                Says::Me(_) => about,
                Says::Way(_) => about && (mark || choice.kind == "button"),
            };
            meant.then_some((mark, said, at))
        });
        let ways: Vec<_> = ways.collect();
        let best = |list: &mut dyn Iterator<Item = &(bool, Says, usize)>| {
            let ranked = list.map(|(_, said, at)| (said.rank(mailbox), *at));
            ranked.min().map(|(_, at)| at)
        };
        let marked = best(&mut ways.iter().filter(|(mark, ..)| *mark));
        let pressed = best(&mut ways.iter().filter(|(mark, ..)| !mark));
        let Some(at) = marked else {
            return pressed.map(|at| Step::new("send code", at));
        };
        let sends = |text: &str| matches!(says(text), Some(Says::Code(_)));
        let goes_on = |text: &str| {
            let lists = [words::NEXT, words::SIGN_IN, phrases::CHOOSE];
            let says_so = confirms(text) || lists.iter().any(|list| words::any(text, list));
            says_so && !words::any(text, phrases::NO_ENTRY)
        };
        let then = self.button(sends).or_else(|| self.button(goes_on))?;
        Some(Step {
            then: Some(then),
            ..Step::new("send code", at)
        })
    }
}

fn marks(choice: &Choice) -> bool {
    matches!(choice.kind.as_str(), "radio" | "option")
}
