//! A recipe: how to log in to one site, how to see that it worked, and when to do it again.

use std::path::PathBuf;

use chrono::TimeDelta;
use url::Url;

use crate::ids::{AccountName, Combination, SiteName};
pub use crate::source::{BitwardenField, Source};

/// What one file `sites/NAME.toml` says, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The file's stem.
    pub site: SiteName,
    /// Where the login begins; `http` or `https`.
    pub url: Url,
    /// The accounts; the first is the one of the recipe's top level, the rest come from `[[accounts]]`.
    pub accounts: Vec<Account>,
    /// What to do on the page; empty: find the form.
    pub steps: Vec<Step>,
    /// What must hold in the page after the login; empty: the login form is gone and the probe agrees.
    pub proof: Vec<Proof>,
    /// How to see by plain HTTP whether the session lives; `None`: learned at the first login.
    pub probe: Option<Probe>,
    /// Names of the cookies whose end is the session's end; empty: found out at the login.
    pub cookies: Vec<String>,
    /// When to renew.
    pub renewal: Renewal,
    /// Origins, beside that of `url`, on which credentials may be typed. As `Url::origin().ascii_serialization()`.
    pub allowed_origins: Vec<String>,
    /// Combinations that this recipe asks for, this site included, sorted.
    pub combine: Vec<Combination>,
    /// Whether combinations get logins of their own instead of sharing this site's session.
    pub own_sessions: bool,
    /// Whether IndexedDB goes where Playwright loads it.
    pub indexed_db: bool,
    /// Whether its states are kept sealed, for Jarkeeper alone to read.
    pub sealed: bool,
    /// Whether a certificate that does not verify is accepted for this site.
    pub ignore_https_errors: bool,
    /// Longest time for one login; `None`: the configuration's.
    pub timeout: Option<TimeDelta>,
    /// Hash of everything above and of the secrets' sources: another value revives what is held. Hex.
    pub fingerprint: String,
}

/// One username at a site, and where its secrets come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// `None` for the recipe's first.
    pub name: Option<AccountName>,
    /// Empty where the site asks only for a password.
    pub username: Source,
    /// The password.
    pub password: Source,
    /// The TOTP secret, where the account has one.
    pub totp: Option<Source>,
    /// Recovery codes, one a line, for when there is no other factor or the site refuses it. Each is used once.
    pub recovery_codes: Option<Source>,
    /// Where codes and sign-in links that the site sends come from.
    pub code: Option<Codes>,
}

/// How to get the one-time code or the sign-in link that a site sends at the login.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// Where from. A code may be handed in beside it, whatever it is.
    pub from: CodeSource,
    /// How long the login waits for it, beyond its own time.
    pub wait: TimeDelta,
}

/// Where a one-time code or a sign-in link comes from.
#[derive(Clone, PartialEq)]
pub enum CodeSource {
    /// A person or a program hands it in while the login waits.
    HandIn,
    /// A program and its arguments; its standard output is the code, or a text with it. It may block until one comes.
    Command(Vec<String>),
    /// A maildir, or a folder of files with one message each.
    Folder(PathBuf, Filter),
    /// A mailbox on a server, only read from.
    Imap(Box<Imap>, Filter),
}

/// A mailbox that is reached by IMAP.
#[derive(Debug, Clone, PartialEq)]
pub struct Imap {
    /// `imaps://host:993/INBOX`; `imap://` only on this machine.
    pub url: Url,
    /// Who logs in to the mailbox.
    pub user: String,
    /// With what.
    pub password: Source,
}

/// Which messages count; `None`: all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// A part of the sender's address, lower case.
    pub from: Option<String>,
    /// A part of a recipient's address, lower case.
    pub to: Option<String>,
}

impl std::fmt::Debug for CodeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HandIn => f.write_str("HandIn"),
            // Arguments may hold a token.
            Self::Command(argv) => {
                write!(f, "Command({})", argv.first().map_or("", String::as_str))
            }
            Self::Folder(path, which) => write!(f, "Folder({}, {which:?})", path.display()),
            Self::Imap(imap, which) => write!(f, "Imap({imap:?}, {which:?})"),
        }
    }
}

/// How to find an element, with the words of Playwright's locators.
#[derive(Debug, Clone, PartialEq)]
pub struct Locator {
    /// What to look for.
    pub by: By,
    /// Whether a text must match whole and in case; otherwise a part is enough and case is ignored.
    pub exact: bool,
    /// Which of several matches, from 0; `None`: there must be one, or the first visible one is taken.
    pub nth: Option<usize>,
}

/// The ways of Playwright to find an element.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// ARIA role, and accessible name where one is given.
    Role {
        /// For example `button`.
        role: String,
        /// Accessible name.
        name: Option<String>,
    },
    /// Text of its label, or its `aria-label`.
    Label(String),
    /// Its placeholder.
    Placeholder(String),
    /// Its own text.
    Text(String),
    /// Its `data-testid`.
    TestId(String),
    /// A CSS selector; open shadow roots are searched too.
    Css(String),
}

/// One thing to do on the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Open a URL, relative to the recipe's.
    Goto(Url),
    /// Put a text into a field.
    Fill(Locator, Text),
    /// Choose an option by its label or value.
    Select(Locator, Text),
    /// Tick a box.
    Check(Locator),
    /// Click; `optional` passes over an element that does not come within three seconds.
    Click {
        /// What to click.
        on: Locator,
        /// Whether its absence is fine.
        optional: bool,
    },
    /// Press a key (`Enter`, `Tab` …), on an element or on what has the focus.
    Press(String, Option<Locator>),
    /// Wait until an element is visible.
    WaitFor(Locator),
    /// Wait until the page's URL contains a text.
    WaitForUrl(String),
    /// Put the account's one-time code into a field.
    Code(Locator),
    /// Look inside this frame from now on; `None`: in the page itself again.
    Frame(Option<Locator>),
}

/// The text of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// The account's username: written `{username}`.
    Username,
    /// The account's password: written `{password}`.
    Password,
    /// Anything else.
    Plain(String),
}

/// What must hold in the page after a login.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// The page's URL contains this.
    Url(String),
    /// This element is visible.
    Visible(Locator),
    /// A cookie of this name is there.
    Cookie(String),
}

/// A request whose answer tells whether the session lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What to GET, with the state's cookies; redirects are not followed.
    pub url: Url,
    /// The status of a live session.
    pub status: u16,
    /// What the body of a live session contains.
    pub contains: Option<String>,
    /// What the body of a live session does not contain.
    pub lacks: Option<String>,
}

/// When to renew; all `None`: by what is known and learned of the session's life.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Renewal {
    /// At these times too, UTC. Cron with six fields, seconds first; a recipe may write five, its seconds are then 0.
    pub cron: Option<String>,
    /// This long before the known end, instead of at 60 to 70 % of the life.
    pub before_expiry: Option<TimeDelta>,
    /// Touch the session this often, so that a sliding one does not end.
    pub keep_alive: Option<TimeDelta>,
    /// Longest life of a session, whatever its cookies say.
    pub max_age: Option<TimeDelta>,
}
