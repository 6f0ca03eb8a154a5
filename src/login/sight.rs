//! What a page shows to one who is trying to get in: a pure reading of a snapshot.

use crate::browser::Answer;
use crate::browser::snapshot::Snapshot;
use crate::failure::{Failure, FailureClass};

use super::{ask, form, phrases, words};

/// Longest quotation of the page in a message, characters.
const QUOTE: usize = 160;
/// A page of at most this many characters is about one thing.
const SHORT: usize = 1500;

/// Whether the page looks like one that a signed-out person sees.
pub(super) fn signed_out(page: &Snapshot) -> bool {
    form::find(page).is_some()
        || form::find_code(page).is_some()
        || page.captcha && words::any(&page.text.to_lowercase(), words::CHALLENGE)
        || form::find_trigger(page).is_some() && !form::offers_sign_out(page)
}

/// Why a page is no use, before anything was typed.
pub(super) fn obstacle(page: &Snapshot) -> Option<Failure> {
    let text = page.text.to_lowercase();
    let short = text.chars().count() <= SHORT;
    if page.captcha || short && words::any(&text, words::CHALLENGE) {
        return Some(challenge());
    }
    if form::find(page).is_some() || !short {
        return None;
    }
    let message = format!("the page says {}", quote(&page.text));
    Some(Failure::new(closed(&text)?, message))
}

/// Why nobody gets in here now, by the lower-case text of a page that is about nothing else.
fn closed(text: &str) -> Option<FailureClass> {
    let told = [
        (words::THROTTLED, FailureClass::Throttled),
        (words::LOCKED, FailureClass::Locked),
        (phrases::ENDED, FailureClass::Locked),
        (words::DOWN, FailureClass::SiteDown),
    ];
    let said = told.iter().find(|(words, _)| words::any(text, words));
    said.map(|(_, class)| *class)
}

/// Why a page that came instead of a session lets nobody in, where it has no login form and says little else.
fn dismissal(page: &Snapshot) -> Option<Failure> {
    let text = page.text.to_lowercase();
    if text.chars().count() > SHORT || form::find(page).is_some() || form::offers_sign_out(page) {
        return None;
    }
    // These words may be about anything: they count where the page puts them first.
    let first = [&page.headings, &page.alerts].map(|said| said.join(" ").to_lowercase());
    let first = format!("{} {}", page.title.to_lowercase(), first.join(" "));
    let refused = words::any(&first, words::WRONG) && words::any(&text, words::USERNAME);
    let class = closed(&text).or_else(|| refused.then_some(FailureClass::WrongCredentials))?;
    let message = format!("after the password the site says {}", quote(&page.text));
    Some(Failure::new(class, message))
}

/// [`dismissal`] of a page that says in so few words that nobody gets in now that it need not be waited for.
pub(super) fn barrier(page: &Snapshot) -> Option<Failure> {
    let few = page.text.chars().count() <= QUOTE * 2;
    let closed = |failure: &Failure| failure.class != FailureClass::WrongCredentials;
    few.then(|| dismissal(page)).flatten().filter(closed)
}

/// What the site answered to the credentials, where the page tells it. `form_is_back`: a login form shows after the
/// site has answered.
pub(super) fn verdict(page: &Snapshot, answers: &[Answer], form_is_back: bool) -> Option<Failure> {
    let sent = || answers.iter().filter(|a| a.sent || a.document);
    if let Some(slow) =
        sent().find(|a| a.status == 429 || a.status == 503 && a.retry_after.is_some())
    {
        let mut failure = Failure::new(
            FailureClass::Throttled,
            format!("the site answered {}", slow.status),
        );
        failure.retry_after = slow.retry_after;
        return Some(failure);
    }
    if let Some(broken) = sent()
        .rev()
        .find(|a| a.document || a.sent)
        .filter(|a| a.status >= 500)
    {
        let message = format!("the site answered {} to the login", broken.status);
        return Some(Failure::new(FailureClass::SiteDown, message));
    }
    let alerts = page.alerts.join(" ").to_lowercase();
    let form = form::find(page);
    // The whole text counts only while the form is there: elsewhere these words mean something else.
    let said = if form_is_back {
        format!("{alerts} {}", page.text.to_lowercase())
    } else {
        alerts.clone()
    };
    let shown = if page.alerts.is_empty() {
        &page.text
    } else {
        &page.alerts[0]
    };
    let refused = sent().any(|a| a.sent && matches!(a.status, 400 | 401 | 403 | 422));
    if form.is_none() && form::find_code(page).is_some() {
        let wrong = words::any(&alerts, words::WRONG);
        return Some(match wrong {
            true => Failure::new(
                FailureClass::CodeRefused,
                format!("the site refused the one-time code: {}", quote(shown)),
            ),
            false => Failure::new(
                FailureClass::CodeWanted,
                "the site asks for a one-time code and the recipe has no totp",
            ),
        });
    }
    let ended = words::any(&said, words::LOCKED) || words::any(&said, phrases::ENDED);
    if form_is_back && ask::says_expired(&said) {
        let message = format!(
            "the site lets nobody in before the password is changed: {}; change it by hand and give the new one to the recipe",
            quote(shown)
        );
        return Some(Failure::new(FailureClass::PasswordExpired, message));
    }
    if sent().any(|a| a.sent && a.status == 423) || form_is_back && ended {
        return Some(Failure::new(
            FailureClass::Locked,
            format!("the site says {}", quote(shown)),
        ));
    }
    if page.captcha {
        return Some(challenge());
    }
    if form_is_back && words::any(&said, words::THROTTLED) {
        return Some(Failure::new(
            FailureClass::Throttled,
            format!("the site says {}", quote(shown)),
        ));
    }
    let told = if alerts.is_empty() { &said } else { &alerts };
    if form_is_back && words::any(told, words::STALE) && !words::any(told, words::CREDENTIALS) {
        let message = format!(
            "the site did not look at the password, for its form was too old: {}",
            quote(shown)
        );
        return Some(Failure::new(FailureClass::NotProven, message));
    }
    if form_is_back
        && (words::any(&alerts, words::WRONG) || refused || words::any(&said, words::WRONG))
    {
        let refusal = page
            .alerts
            .iter()
            .find(|alert| words::any(&alert.to_lowercase(), words::WRONG));
        let message = format!(
            "the site refused the username or the password: {}",
            quote(refusal.unwrap_or(shown))
        );
        return Some(Failure::new(FailureClass::WrongCredentials, message));
    }
    None
}

/// Whether the page asks for an agreement: nothing is proven before a person has given it.
pub(super) fn asks_agreement(page: &Snapshot) -> bool {
    let heading = |text: &String| {
        let text = text.to_lowercase();
        words::any(&text, words::CONSENT) && !words::any(&text, phrases::COOKIES)
    };
    let agrees = page.buttons.iter().any(|button| {
        let accepts = words::any(&button.text.to_lowercase(), phrases::ACCEPT);
        button.visible && button.link.is_none() && accepts
    });
    agrees && page.headings.iter().any(heading) && !form::offers_sign_out(page)
}

/// Why a login that nothing refused gave no session. `missed`: what the proof has missed, `None` where there is nothing
/// that could be a session.
pub(super) fn unproven(page: &Snapshot, missed: Option<&str>) -> Failure {
    if let Some(failure) = dismissal(page) {
        return failure;
    }
    let Some(missed) = missed else {
        let message = "the login went through, but the site left nothing to keep (no cookie, no web storage): it knows the user only within the page, so there is no session to save";
        return Failure::new(FailureClass::NotProven, message);
    };
    let says = quote(&page.text);
    let asks = words::any(&page.text.to_lowercase(), words::CONSENT);
    if asks && !signed_out(page) && !form::offers_sign_out(page) {
        let message = format!(
            "after the password the site asks what only a person may answer: {says}; log in once by hand and answer \
             it, or add steps for it to the recipe"
        );
        return Failure::new(FailureClass::Consent, message);
    }
    let message = format!(
        "the login went through, but the session is not logged in: {missed}; the page says {says}"
    );
    Failure::new(FailureClass::NotProven, message)
}

fn challenge() -> Failure {
    let message = "a CAPTCHA stands before the login; a person must log in once (import the session), or the site must be told to let this machine pass";
    Failure::new(FailureClass::Challenge, message)
}

/// The beginning of what a page says, in quotation marks.
pub(super) fn quote(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = text.chars().take(QUOTE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("\"{short}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Snapshot {
        Snapshot {
            text: text.into(),
            alerts: vec![text.into()],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_refusal_is_read_in_many_languages() {
        for text in [
            "Invalid username or password",
            "Benutzername oder Passwort falsch",
            "Identifiants incorrects : mot de passe erroné",
            "Неверное имя пользователя или пароль",
            "ユーザー名またはパスワードが正しくありません",
            "用户名或密码错误",
            "Nieprawidłowy login lub hasło",
        ] {
            let failure = verdict(&says(text), &[], true).unwrap();
            assert_eq!(failure.class, FailureClass::WrongCredentials, "{text}");
        }
    }

    #[test]
    fn a_form_that_was_too_old_says_nothing_of_the_password() {
        for (text, class) in [
            (
                "This form has expired. Please try again.",
                FailureClass::NotProven,
            ),
            (
                "Ihre Sitzung ist abgelaufen, ungültige Anfrage",
                FailureClass::NotProven,
            ),
            (
                "Your session has expired. Wrong password.",
                FailureClass::WrongCredentials,
            ),
        ] {
            assert_eq!(
                verdict(&says(text), &[], true).unwrap().class,
                class,
                "{text}"
            );
        }
    }

    #[test]
    fn a_lock_is_no_wrong_password_and_a_broken_site_neither() {
        let locked = verdict(
            &says("Wrong password. Your account has been locked."),
            &[],
            true,
        )
        .unwrap();
        assert_eq!(locked.class, FailureClass::Locked);
        let answer = Answer {
            url: String::new(),
            status: 502,
            document: true,
            sent: true,
            read: false,
            retry_after: None,
            challenge: None,
        };
        assert_eq!(
            verdict(&says("Invalid"), &[answer], true).unwrap().class,
            FailureClass::SiteDown
        );
        assert!(verdict(&says("An invalid invoice is waiting"), &[], false).is_none());
    }

    #[test]
    fn a_maintenance_page_with_status_200_is_a_site_that_is_down() {
        let failure = obstacle(&says("Scheduled maintenance. We will be right back.")).unwrap();
        assert_eq!(failure.class, FailureClass::SiteDown);
    }
}
