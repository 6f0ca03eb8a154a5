//! Which fields and buttons belong together.

use crate::browser::snapshot::{Button, Field, Part, Snapshot};
use crate::login::words;

use super::field;

/// Fields and buttons that are one form to a person, whether or not there is a form element.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Position of the form element; -1 without one.
    pub(super) form: i64,
    /// Whether it is only a part of a larger form, which may be of another kind.
    pub(super) part: bool,
    /// Fields that are shown, by position.
    pub(super) fields: Vec<usize>,
    /// Visible buttons, by position.
    pub(super) buttons: Vec<usize>,
}

impl Group {
    /// What belongs to this field. A form that holds more than one login, and a page without a form element, are narrowed to
    /// the smallest element around the field that has all that a login needs.
    pub(super) fn around(page: &Snapshot, at: usize) -> Self {
        let part = &page.fields[at].part;
        let whole = Self::within(page, part.form, None);
        if part.form >= 0 && whole.passwords(page).count() <= 1 && whole.texts(page).count() <= 3 {
            return whole;
        }
        let own = part.within.iter().rev();
        let narrow = own.map(|root| Self::within(page, part.form, Some(*root)));
        let mut complete = narrow.filter(|group| group.is_complete(page, at));
        complete.next().unwrap_or(whole)
    }

    fn within(page: &Snapshot, form: i64, root: Option<i64>) -> Self {
        let holds =
            |part: &Part| part.form == form && root.is_none_or(|root| part.within.contains(&root));
        let fields = page.fields.iter().enumerate();
        let fields = fields.filter(|(_, f)| holds(&f.part) && field::shown(f));
        let buttons = page.buttons.iter().enumerate();
        let buttons = buttons.filter(|(_, b)| holds(&b.part) && b.visible);
        Self {
            form,
            part: form >= 0 && root.is_some(),
            fields: fields.map(|(at, _)| at).collect(),
            buttons: buttons.map(|(at, _)| at).collect(),
        }
    }

    fn is_complete(&self, page: &Snapshot, at: usize) -> bool {
        let alone = page.fields[at].kind != "password";
        let text = alone || self.texts(page).any(|f| field::likeness(f) >= 0);
        let sends = |button: &Button| {
            let text = button.text.to_lowercase();
            !is_link(button)
                && !words::any(&text, words::NOT_SUBMIT)
                && (button.kind == "submit"
                    || words::any(&text, words::SIGN_IN)
                    || words::any(&text, words::NEXT))
        };
        text && self.buttons.iter().any(|at| sends(&page.buttons[*at]))
    }

    /// The fields in it that hide what is typed.
    pub(super) fn passwords<'a>(&'a self, page: &'a Snapshot) -> impl Iterator<Item = &'a Field> {
        self.fields(page)
            .filter(|f| f.kind == "password" && field::usable(f))
    }

    /// Its usable text fields.
    pub(super) fn texts<'a>(&'a self, page: &'a Snapshot) -> impl Iterator<Item = &'a Field> {
        self.fields(page)
            .filter(|f| field::is_text(f) && field::usable(f))
    }

    /// All fields in it that are shown.
    pub(super) fn fields<'a>(&'a self, page: &'a Snapshot) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().map(|at| &page.fields[*at])
    }

    /// All buttons and links in it that are visible.
    pub(super) fn buttons<'a>(&'a self, page: &'a Snapshot) -> impl Iterator<Item = &'a Button> {
        self.buttons.iter().map(|at| &page.buttons[*at])
    }
}

/// Whether it leads elsewhere; without an address of its own it is a button.
pub(super) fn is_link(button: &Button) -> bool {
    let Some(link) = &button.link else {
        return false;
    };
    let link = link.trim().to_lowercase();
    !(link.is_empty() || link.starts_with('#') || link.starts_with("javascript:"))
}
