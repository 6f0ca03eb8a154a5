//! Choosing among organisations, teams and other places to enter: one alone, or the one that the recipe names.

use std::collections::BTreeSet;

use super::{Known, Page, QUESTION, Step};
use crate::browser::snapshot::Choice;
use crate::failure::{Failure, FailureClass};
use crate::login::{form, phrases, words};

impl Page<'_> {
    pub(super) fn organisation(&self, known: &Known<'_>) -> Result<Option<Step>, Failure> {
        let asks = |text: &str| {
            words::any(text, phrases::ORGANISATIONS) && words::any(text, phrases::CHOOSE)
        };
        let heading = |text: &String| asks(&text.to_lowercase());
        // An application may have such a heading too.
        let inside = form::offers_sign_out(self.seen) && self.said.chars().count() > QUESTION / 2;
        if !self.short || inside {
            return Ok(None);
        }
        if !(self.seen.headings.iter().any(heading) || asks(&self.seen.title.to_lowercase())) {
            return Ok(None);
        }
        let entries = self.entries();
        let single = |at: usize| Ok(Some(self.picked("organisation", at)));
        match entries[..] {
            [] => return Ok(None),
            [only] => return single(only),
            _ => {}
        }
        let named = named_by(known);
        let fits = |at: &&usize| {
            let text = squash(&self.choices[**at].text);
            named.iter().any(|name| text.contains(name.as_str()))
        };
        let fitting: Vec<_> = entries.iter().filter(fits).collect();
        if let [only] = fitting[..] {
            return single(*only);
        }
        let names: Vec<_> = entries
            .iter()
            .take(8)
            .map(|at| format!("{:?}", self.choices[*at].text))
            .collect();
        let message = format!(
            "the site asks which of these to enter, and neither the username nor the url says which: {}; write as url the one's own address, or describe the login with steps that end in {{ click = {{ text = \"…\" }} }}",
            names.join(", ")
        );
        Err(Failure::new(FailureClass::Consent, message))
    }

    /// The entries of the page's list.
    fn entries(&self) -> Vec<usize> {
        let fits = |choice: &Choice| {
            let text = choice.text.to_lowercase();
            let placeholder = choice.kind == "option" && choice.value.is_empty();
            !choice.apart
                && !choice.disabled
                && !placeholder
                && !words::any(&text, phrases::NO_ENTRY)
                && !words::NEXT.contains(&text.as_str())
        };
        let all: Vec<usize> = (0..self.choices.len())
            .filter(|at| fits(&self.choices[*at]))
            .collect();
        let of = |holds: &dyn Fn(&Choice) -> bool| -> Vec<usize> {
            all.iter()
                .copied()
                .filter(|at| holds(&self.choices[*at]))
                .collect()
        };
        for kind in ["radio", "option"] {
            let marks = of(&|choice| choice.kind == kind);
            if !marks.is_empty() {
                return marks;
            }
        }
        let lists: BTreeSet<i64> = all
            .iter()
            .map(|at| self.choices[*at].list)
            .filter(|list| *list >= 0)
            .collect();
        let largest = lists
            .into_iter()
            .map(|list| of(&|choice| choice.list == list))
            .max_by_key(Vec::len);
        let mut entries = largest.unwrap_or(all);
        // A row and the button in it are one entry.
        let mut seen = BTreeSet::new();
        entries.retain(|at| seen.insert(squash(&self.choices[*at].text)));
        entries
    }
}

/// What the recipe names an organisation by: the parts of the username's domain, and of the URL.
fn named_by(known: &Known<'_>) -> Vec<String> {
    const COMMON: [&str; 12] = [
        "www",
        "com",
        "org",
        "net",
        "login",
        "auth",
        "app",
        "account",
        "accounts",
        "sso",
        "index",
        "localhost",
    ];
    let domain = known
        .username
        .split_once('@')
        .map_or("", |(_, domain)| domain);
    let host = known.url.host().and_then(|host| match host {
        url::Host::Domain(name) => Some(name.to_owned()),
        _ => None,
    });
    let host = host.unwrap_or_default();
    let labels = |name: &str| -> Vec<String> {
        let labels: Vec<&str> = name.split('.').collect();
        labels[..labels.len().saturating_sub(1)]
            .iter()
            .map(|l| squash(l))
            .collect()
    };
    let mut names = labels(domain);
    names.extend(labels(&host));
    names.extend(known.url.path_segments().into_iter().flatten().map(squash));
    names.extend(known.url.query_pairs().map(|(_, value)| squash(&value)));
    names.retain(|name| name.chars().count() >= 3 && !COMMON.contains(&name.as_str()));
    names
}

/// Letters and digits alone, in lower case.
fn squash(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}
