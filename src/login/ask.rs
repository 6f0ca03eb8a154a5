//! What a page asks that has no form for us to fill: pure decisions on what it says and offers.
//!
//! A login passes banners, choosers, offers and consents. Each is known by its words, in every language that we know;
//! what binds the person (terms, an agreement) is never answered.

use std::collections::BTreeSet;

use url::Url;

use crate::browser::snapshot::{Choice, Overlay, Snapshot};
use crate::failure::{Failure, FailureClass};

use super::{form, phrases, words};

/// A page that says more than this, in characters, is an application and no question.
const QUESTION: usize = 1500;
/// Longest text of a button, characters.
const BUTTON: usize = 60;

/// What is known when a page is read.
pub(super) struct Known<'a> {
    /// The account.
    pub(super) username: &'a str,
    /// Where the login began.
    pub(super) url: &'a Url,
    /// Whether the credentials have been submitted.
    pub(super) entered: bool,
    /// Whether the site that is logged in to is the client of this page, and gets its answer.
    pub(super) authorises: bool,
}

/// One thing to do: a choice, and the button that takes it where choosing alone does not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// What it is, for the log and so that nothing is done twice.
    pub(super) what: &'static str,
    /// The choice, by its place.
    pub(super) choice: usize,
    /// The button after it, by its place.
    pub(super) then: Option<usize>,
}

impl Step {
    fn new(what: &'static str, choice: usize) -> Self {
        Self {
            what,
            choice,
            then: None,
        }
    }
}

/// The next step on a page without a form for us; `None` where it asks nothing that is known.
///
/// # Errors
/// It asks what only a person can answer: which organisation, a new password.
pub(super) fn next(
    page: &Snapshot,
    choices: &[Choice],
    known: &Known<'_>,
) -> Result<Option<Step>, Failure> {
    let page = Page::of(page, choices);
    if known.entered {
        if let Some(step) = page.consent(known).or_else(|| page.account(known)) {
            return Ok(Some(step));
        }
        if let Some(step) = page.organisation(known)? {
            return Ok(Some(step));
        }
        // An offer to change a password before it expires can be put off; a demand cannot.
        if let Some(step) = page.stay().or_else(|| page.skip()) {
            return Ok(Some(step));
        }
        return match page.wants_new_password() {
            true => Err(expired(&page)),
            false => Ok(None),
        };
    }
    if let Some(step) = page.account(known).or_else(|| page.way()) {
        return Ok(Some(step));
    }
    page.organisation(known)
}

/// Whether a question of the browser's own (`confirm`) is answered by yes: one that asks whether to go on with the login.
pub(super) fn agrees(text: &str) -> bool {
    let text = text.to_lowercase();
    let goes_on = words::any(&text, words::NEXT)
        || words::any(&text, words::SIGN_IN)
        || words::any(&text, phrases::STAY);
    goes_on && !words::any(&text, words::CONSENT) && !words::any(&text, phrases::SKIP)
}

/// The step to more ways in, on a page that shows none that we can go.
pub(super) fn other_way(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
    Page::of(page, choices)
        .button(|text| words::any(text, phrases::OTHER_WAY))
        .map(|at| Step::new("other way", at))
}

/// The way to a password, on a page that asks for something else first.
pub(super) fn password_way(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
    Page::of(page, choices)
        .password()
        .map(|at| Step::new("password", at))
}

/// The box beside a login form that makes the session last, by its place among the fields.
pub(super) fn remember_me(page: &Snapshot, password: usize) -> Option<usize> {
    let group = page.fields[password].form;
    page.fields.iter().position(|field| {
        let said = format!("{} {}", field.label, field.name).to_lowercase();
        let named = matches!(
            field.name.as_str(),
            "remember" | "rememberme" | "rememberMe" | "remember_me"
        );
        field.kind == "checkbox"
            && field.form == group
            && field.visible
            && !field.disabled
            && (named || words::any(&said, phrases::REMEMBER))
            && !words::any(&said, words::CONSENT)
    })
}

/// The boxes beside a login form without which the form is not sent, by their places among the fields. Who agrees to
/// something by them must do so himself.
pub(super) fn must_tick(page: &Snapshot, password: usize) -> impl Iterator<Item = usize> + '_ {
    let group = page.fields[password].form;
    let boxes = page.fields.iter().enumerate().filter(move |(_, field)| {
        let said = format!("{} {}", field.label, field.name).to_lowercase();
        field.kind == "checkbox"
            && field.required
            && field.form == group
            && field.visible
            && !field.disabled
            && !words::any(&said, words::CONSENT)
    });
    boxes.map(|(at, _)| at)
}

/// How to get rid of what lies over the form: by refusing cookies, else by taking them, else by closing it.
pub(super) fn out_of_the_way(overlay: &Overlay) -> Option<usize> {
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
pub(super) fn banner(page: &Snapshot, choices: &[Choice]) -> Option<Step> {
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

/// Whether the page lets nobody in before the password is changed, by what it says.
pub(super) fn says_expired(text: &str) -> bool {
    words::any(&text.to_lowercase(), phrases::EXPIRED)
}

struct Page<'p> {
    seen: &'p Snapshot,
    choices: &'p [Choice],
    said: String,
    head: String,
    short: bool,
}

impl<'p> Page<'p> {
    fn of(seen: &'p Snapshot, choices: &'p [Choice]) -> Self {
        let said = seen.text.to_lowercase();
        Self {
            seen,
            choices,
            head: format!("{} {}", seen.title, seen.headings.join(" ")).to_lowercase(),
            short: said.chars().count() <= QUESTION,
            said,
        }
    }

    /// The first button or link whose lower-case text fits.
    fn button(&self, holds: impl Fn(&str) -> bool) -> Option<usize> {
        self.choices.iter().position(|choice| {
            let text = choice.text.to_lowercase();
            let clickable = matches!(choice.kind.as_str(), "button" | "link");
            clickable && !choice.disabled && text.chars().count() <= BUTTON && holds(text.trim())
        })
    }

    /// What the page says first: of a question it is all, of an application its head.
    fn asks(&self, about: &[&str]) -> bool {
        words::any(&self.head, about) || self.short && words::any(&self.said, about)
    }

    fn account(&self, known: &Known<'_>) -> Option<Step> {
        if !self.asks(phrases::ACCOUNTS) {
            return None;
        }
        let name = known.username.to_lowercase();
        let own = |choice: &Choice| !name.is_empty() && choice.text.to_lowercase().contains(&name);
        let own = self.choices.iter().position(own);
        let Some(at) = own else {
            let other = self.button(|text| words::any(text, phrases::OTHER_ACCOUNT));
            return other
                .filter(|_| !known.entered)
                .map(|at| Step::new("other account", at));
        };
        Some(self.picked("account", at))
    }

    /// A choice, with the button that takes it.
    fn picked(&self, what: &'static str, at: usize) -> Step {
        let marks = matches!(self.choices[at].kind.as_str(), "radio" | "option");
        let go = |text: &str| {
            (words::any(text, words::NEXT)
                || words::any(text, words::SIGN_IN)
                || words::any(text, phrases::CHOOSE))
                && !words::any(text, phrases::NO_ENTRY)
        };
        Step {
            then: self.button(go).filter(|_| marks),
            ..Step::new(what, at)
        }
    }

    fn organisation(&self, known: &Known<'_>) -> Result<Option<Step>, Failure> {
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

    fn password(&self) -> Option<usize> {
        self.button(|text| {
            words::any(text, phrases::BY_PASSWORD) && !words::any(text, phrases::NO_WAY)
        })
    }

    fn way(&self) -> Option<Step> {
        if !self.short {
            return None;
        }
        let named = |text: &str| {
            words::any(text, phrases::BY_NAME)
                && !words::any(text, phrases::NO_WAY)
                && !words::any(text, words::SIGN_UP)
        };
        let at = self.password().or_else(|| self.button(named))?;
        Some(Step::new("way", at))
    }

    fn stay(&self) -> Option<Step> {
        if !self.short || !words::any(&self.said, phrases::STAY) {
            return None;
        }
        let yes = |text: &str| {
            let plain = text.trim_end_matches(['.', '!']);
            phrases::YES.contains(&plain)
                || words::any(text, phrases::STAY) && !words::any(text, phrases::NO)
                || plain
                    .split([',', ' '])
                    .next()
                    .is_some_and(|first| phrases::YES.contains(&first))
        };
        let first = self.button(yes).or_else(|| {
            let goes_on = |text: &str| words::NEXT.contains(&text);
            self.button(goes_on)
                .filter(|_| words::any(&self.head, phrases::STAY))
        });
        first.map(|at| Step::new("stay", at))
    }

    fn skip(&self) -> Option<Step> {
        if !self.short
            || form::offers_sign_out(self.seen) && self.said.chars().count() > QUESTION / 2
        {
            return None;
        }
        let later =
            |text: &str| text.chars().count() <= BUTTON / 2 && words::any(text, phrases::SKIP);
        self.button(later).map(|at| Step::new("skip", at))
    }

    fn consent(&self, known: &Known<'_>) -> Option<Step> {
        if !known.authorises || !self.short || !words::any(&self.said, phrases::ACCESS) {
            return None;
        }
        // A box that must be ticked first is an agreement.
        let binds = |label: &str| words::any(&label.to_lowercase(), words::CONSENT);
        let boxes = self
            .seen
            .fields
            .iter()
            .filter(|field| field.kind == "checkbox" && field.visible);
        if boxes.clone().any(|field| binds(&field.label)) {
            return None;
        }
        let allow = |text: &str| {
            words::any(text, phrases::ALLOW) && !words::any(text, phrases::DENY) && !binds(text)
        };
        self.button(allow).map(|at| Step::new("consent", at))
    }

    fn wants_new_password(&self) -> bool {
        let passwords = self
            .seen
            .fields
            .iter()
            .filter(|f| f.kind == "password" && f.visible && !f.disabled);
        let new = |text: &str| words::any(&text.to_lowercase(), words::NEW_PASSWORD);
        let count = passwords.clone().count();
        let said = passwords
            .clone()
            .any(|f| f.autocomplete.contains("new-password") || new(&f.label) || new(&f.name));
        says_expired(&self.said)
            || self.short && count >= 2 && said && !form::offers_sign_out(self.seen)
    }
}

fn expired(page: &Page<'_>) -> Failure {
    let message = format!(
        "the site lets nobody in before the password is changed; change it by hand and give the new one to the recipe. The page says {}",
        super::sight::quote(&page.seen.text)
    );
    Failure::new(FailureClass::PasswordExpired, message)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(texts: &[&str]) -> Vec<Choice> {
        let choice = |text: &&str| Choice {
            kind: "button".into(),
            text: (*text).into(),
            list: -1,
            ..Choice::default()
        };
        texts.iter().map(choice).collect()
    }

    fn says(text: &str) -> Snapshot {
        Snapshot {
            text: text.into(),
            headings: vec![text.into()],
            ..Snapshot::default()
        }
    }

    fn asks(
        text: &str,
        choices: &[&str],
        entered: bool,
        authorises: bool,
    ) -> Option<(&'static str, String)> {
        let url = "http://notes.example/login".parse().unwrap();
        let known = Known {
            username: "ada@kestrel.example",
            url: &url,
            entered,
            authorises,
        };
        let offered = offers(choices);
        let step = next(&says(text), &offered, &known).unwrap()?;
        Some((step.what, offered[step.choice].text.clone()))
    }

    #[test]
    fn a_long_session_is_taken_in_many_languages() {
        for (text, no, yes) in [
            ("Stay signed in?", "No", "Yes"),
            ("Angemeldet bleiben?", "Nein", "Ja"),
            ("Rester connecté ?", "Non", "Oui"),
            ("¿Mantener la sesión iniciada?", "No", "Sí"),
            ("Оставаться в системе?", "Нет", "Да"),
            ("サインインしたままにしますか?", "いいえ", "はい"),
            ("保持登录状态?", "否", "是"),
            ("Trust this browser?", "Don't trust", "Trust this browser"),
        ] {
            let chosen = asks(text, &[no, yes], true, false);
            assert_eq!(chosen, Some(("stay", yes.to_owned())), "{text}");
            assert_eq!(
                asks(text, &[no, yes], false, false),
                None,
                "{text}: before the password"
            );
        }
    }

    #[test]
    fn an_offer_is_put_off_and_an_agreement_is_not_given() {
        for (text, skip) in [
            ("Sign in faster with a passkey", "Not now"),
            ("Add a phone number", "Skip"),
            ("Passkey erstellen", "Jetzt nicht"),
            ("Ajoutez votre numéro", "Plus tard"),
            ("パスキーを作成", "後で"),
        ] {
            assert_eq!(
                asks(text, &["OK", skip], true, false),
                Some(("skip", skip.to_owned())),
                "{text}"
            );
        }
        assert_eq!(
            asks(
                "Our terms of service have changed",
                &["I agree", "Sign out"],
                true,
                false
            ),
            None
        );
        assert_eq!(
            asks(
                "Our terms of service have changed",
                &["I agree", "Sign out"],
                true,
                true
            ),
            None
        );
    }

    #[test]
    fn access_is_granted_only_to_the_site_itself() {
        let text = "Notes would like to access your account";
        let allowed = Some(("consent", "Authorize".to_owned()));
        assert_eq!(asks(text, &["Cancel", "Authorize"], true, true), allowed);
        assert_eq!(asks(text, &["Cancel", "Authorize"], true, false), None);
        assert_eq!(asks(text, &["Cancel", "Authorize"], false, true), None);
    }

    #[test]
    fn the_account_is_chosen_by_its_name_and_the_way_by_the_password() {
        let list = &[
            "Bob bob@kestrel.example",
            "Ada ada@kestrel.example",
            "Use another account",
        ];
        let own = asks("Choose an account", list, false, false).unwrap();
        assert_eq!(own, ("account", list[1].to_owned()));
        let other = asks(
            "Konto auswählen",
            &["Bob b@x.example", "Anderes Konto verwenden"],
            false,
            false,
        );
        assert_eq!(other.unwrap().0, "other account");
        let ways = &[
            "Continue with Google",
            "Forgot password?",
            "Use your password instead",
        ];
        assert_eq!(asks("Sign in", ways, false, false).unwrap().1, ways[2]);
        let ways = &["Continue with Google", "Continue with email"];
        assert_eq!(asks("Sign in", ways, false, false).unwrap().1, ways[1]);
    }

    #[test]
    fn one_organisation_is_entered_and_of_several_the_named_one() {
        let chosen =
            |list: &[&str]| asks("Choose an organization", list, true, false).map(|(_, text)| text);
        assert_eq!(
            chosen(&["Heron GmbH", "Create a new organization"]).unwrap(),
            "Heron GmbH"
        );
        assert_eq!(
            chosen(&["Heron GmbH", "Kestrel Ltd."]).unwrap(),
            "Kestrel Ltd."
        );
        let url = "http://notes.example/".parse().unwrap();
        let known = Known {
            username: "ada",
            url: &url,
            entered: true,
            authorises: false,
        };
        let failure = next(
            &says("Select your team"),
            &offers(&["Heron", "Wren"]),
            &known,
        )
        .unwrap_err();
        assert_eq!(failure.class, FailureClass::Consent);
        insta::assert_snapshot!(failure.message, @r#"the site asks which of these to enter, and neither the username nor the url says which: "Heron", "Wren"; write as url the one's own address, or describe the login with steps that end in { click = { text = "…" } }"#);
    }

    #[test]
    fn cookies_are_refused_else_taken_and_terms_are_neither() {
        let way = |text: &str, choices: &[&str]| {
            let overlay = Overlay {
                text: text.into(),
                choices: offers(choices),
                frames: Vec::new(),
            };
            out_of_the_way(&overlay).map(|at| choices[at].to_owned())
        };
        assert_eq!(
            way("We use cookies", &["Accept all", "Reject all"]).unwrap(),
            "Reject all"
        );
        assert_eq!(
            way(
                "Wir nutzen Cookies",
                &["Alle akzeptieren", "Nur notwendige"]
            )
            .unwrap(),
            "Nur notwendige"
        );
        assert_eq!(
            way(
                "Nous utilisons des cookies",
                &["Paramètres", "Tout accepter"]
            )
            .unwrap(),
            "Tout accepter"
        );
        assert_eq!(
            way("Subscribe to our letters", &["Subscribe", "×"]).unwrap(),
            "×"
        );
        assert_eq!(way("Our terms of use have changed", &["I accept"]), None);
    }

    #[test]
    fn an_expired_password_is_a_class_of_its_own_unless_it_can_wait() {
        let url = "http://notes.example/".parse().unwrap();
        let known = Known {
            username: "ada",
            url: &url,
            entered: true,
            authorises: false,
        };
        for text in [
            "Your password has expired",
            "Ihr Passwort ist abgelaufen",
            "Срок действия пароля истек",
        ] {
            let failure = next(&says(text), &offers(&["Change"]), &known).unwrap_err();
            assert_eq!(failure.class, FailureClass::PasswordExpired, "{text}");
        }
        let step = next(
            &says("Your password must be changed within 5 days"),
            &offers(&["Later"]),
            &known,
        );
        assert_eq!(step.unwrap().unwrap().what, "skip");
    }
}
