//! What can go wrong with a session, as a class that callers branch on.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The class of a failed renewal. Stable words: they stand in records, JSON output and exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The site refused the username or the password.
    WrongCredentials,
    /// The site says that the account is locked or disabled.
    Locked,
    /// The site wants a one-time code that the recipe gives no source for, or whose source gave none in time.
    CodeWanted,
    /// A CAPTCHA or another proof of being a person stands in the way.
    Challenge,
    /// The page holds no login form that we know how to fill.
    FormNotFound,
    /// A step of the recipe names something that the page no longer has.
    FormChanged,
    /// The site does not answer, or answers with a server error.
    SiteDown,
    /// The site asks us to slow down (429, or 503 with Retry-After).
    Throttled,
    /// The page answers, but not within the deadline.
    Timeout,
    /// Chromium crashed, hung, or is missing.
    BrowserLost,
    /// The recipe asks for something impossible or forbidden.
    RecipeWrong,
    /// The form went through, but the session that came out of it is not logged in.
    NotProven,
    /// The secret's source gives none.
    SecretMissing,
    /// The state cannot be written where it belongs.
    Storage,
    /// The login budget of this account is spent; see the ledger.
    Budget,
    /// The daemon was told to stop, or the caller went away.
    Cancelled,
    /// The site refused the one-time code.
    CodeRefused,
    /// The site takes only a passkey, or one that the account does not have here.
    PasskeyWanted,
    /// The site lets nobody in before the password is changed.
    PasswordExpired,
    /// The site asks for an agreement that only a person may give.
    Consent,
}

impl FailureClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 20] = [
        Self::WrongCredentials,
        Self::Locked,
        Self::CodeWanted,
        Self::Challenge,
        Self::FormNotFound,
        Self::FormChanged,
        Self::SiteDown,
        Self::Throttled,
        Self::Timeout,
        Self::BrowserLost,
        Self::RecipeWrong,
        Self::NotProven,
        Self::SecretMissing,
        Self::Storage,
        Self::Budget,
        Self::Cancelled,
        Self::CodeRefused,
        Self::PasskeyWanted,
        Self::PasswordExpired,
        Self::Consent,
    ];

    /// The stable word of this class.
    pub fn word(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong_credentials",
            Self::Locked => "locked",
            Self::CodeWanted => "code_wanted",
            Self::Challenge => "challenge",
            Self::FormNotFound => "form_not_found",
            Self::FormChanged => "form_changed",
            Self::SiteDown => "site_down",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::BrowserLost => "browser_lost",
            Self::RecipeWrong => "recipe_wrong",
            Self::NotProven => "not_proven",
            Self::SecretMissing => "secret_missing",
            Self::Storage => "storage",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
            Self::CodeRefused => "code_refused",
            Self::PasskeyWanted => "passkey_wanted",
            Self::PasswordExpired => "password_expired",
            Self::Consent => "consent",
        }
    }

    /// The process exit code of a command that fails with this class: 10 to 29, in the order of [`Self::ALL`].
    pub fn exit_code(self) -> u8 {
        10 + Self::ALL.iter().position(|c| *c == self).unwrap_or(0) as u8
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One failed renewal, told so that a person can act on it. Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Failure {
    /// What kind of failure this is.
    pub class: FailureClass,
    /// What was being done, what was seen, and the way out, in plain words.
    pub message: String,
    /// The step of the login at which it happened, counted from 1; `None` outside the steps.
    pub step: Option<usize>,
    /// How long the site asked us to wait (Retry-After).
    pub retry_after: Option<TimeDelta>,
    /// Whether the credentials had been submitted when it happened.
    pub submitted: bool,
    /// What a person could allow in the recipe to get further.
    pub wants: Option<Wants>,
}

/// What stands in the way only until a person says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// To type the credentials on this origin too.
    Origin(String),
    /// To trust a certificate that does not verify.
    Certificate,
}

impl Failure {
    /// A failure of this class, outside any step, before anything was submitted.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            step: None,
            retry_after: None,
            submitted: false,
            wants: None,
        }
    }

    /// The same failure, with what a person could allow.
    pub fn wanting(mut self, wants: Wants) -> Self {
        self.wants = Some(wants);
        self
    }

    /// The same failure at this step, counted from 1.
    pub fn at_step(mut self, step: usize) -> Self {
        self.step.get_or_insert(step);
        self
    }

    /// The same failure, after the credentials were submitted.
    pub fn after_submit(mut self) -> Self {
        self.submitted = true;
        self
    }
}

/// What a `Retry-After` header asks for: seconds, or a date in the shape that servers must write.
///
/// Source: RFC 9110 section 10.2.3.
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let header = header.trim();
    match header.parse() {
        Ok(seconds) => TimeDelta::try_seconds(seconds),
        Err(_) => Some(DateTime::parse_from_rfc2822(header).ok()?.to_utc() - now),
    }
    .map(|wait| wait.max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(784_111_777);
        let waits = |header: &str| retry_after(header, now).map(|wait| wait.num_seconds());
        assert_eq!(waits(" 120 "), Some(120));
        assert_eq!(waits("Sun, 06 Nov 1994 08:59:37 GMT"), Some(600));
        assert_eq!(waits("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(waits("-5"), Some(0));
        for none in ["", "soon", "99999999999999999", "Sun, 06 Nov 1994"] {
            assert_eq!(waits(none), None, "{none}");
        }
    }

    #[test]
    fn words_are_the_serialised_form_and_exit_codes_differ() {
        for (i, class) in FailureClass::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(class).unwrap(), class.word());
            assert_eq!(usize::from(class.exit_code()), 10 + i);
        }
    }
}
