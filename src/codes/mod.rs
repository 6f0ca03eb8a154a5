//! One-time codes and sign-in links that a site sends: from a mailbox, from a command, from whoever hands them in.
//!
//! Owns: waiting for one, and finding it in a text. Door: [`Watch`] (begun before the site is asked for a code, so that only
//! what comes after it counts) and [`Outside::wait`]. May touch mailboxes, programs and the socket that it is given; knows no
//! page. A code is a secret: it stands in no message and no log.

mod find;
mod folder;
mod hand_in;
mod imap;
mod letter;
mod markup;
mod words;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use url::Url;

use crate::browser::shown;
use crate::failure::{Failure, FailureClass};
use crate::session::Counter;
use crate::sites::recipe::{CodeSource, Codes, Filter};
use crate::vault;
use letter::Letter;

use hand_in::spelled;
pub use hand_in::{Given, hand_in};

/// What came.
pub enum Told {
    /// A code to type.
    Code(SecretString),
    /// A link to open.
    Link(Link),
}

/// A sign-in link: whoever has it is in.
pub struct Link(SecretString);

impl Link {
    /// Its URL, to be opened and not to be shown.
    ///
    /// # Errors
    /// It was none.
    pub fn url(&self) -> Result<Url, Failure> {
        Url::parse(self.0.expose_secret())
            .map_err(|_| Failure::new(FailureClass::CodeWanted, "the sign-in link cannot be read"))
    }
}

impl Link {
    /// What must be blotted of it: whole, and the parts of its address that are too long to be words.
    pub fn secrets(&self) -> Vec<SecretString> {
        const WORD: usize = 12;
        let Ok(url) = self.url() else {
            return vec![self.0.clone()];
        };
        let segments = url.path_segments().into_iter().flatten();
        let values = url.query_pairs().map(|(_, value)| value.into_owned());
        let parts = segments.map(str::to_owned).chain(values);
        let fragment = url.fragment().map(str::to_owned);
        let parts = parts.chain(fragment).filter(|part| part.len() >= WORD);
        [self.0.clone()]
            .into_iter()
            .chain(parts.map(Into::into))
            .collect()
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code(_) => "Code([hidden])",
            Self::Link(_) => "Link([hidden])",
        })
    }
}

/// What the page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A code; where a message has only a link, that.
    Code,
    /// A link.
    Link,
}

/// A question to the person at the terminal: what is waited for, and where the answer goes.
pub struct Question {
    /// `SITE` or `SITE:ACCOUNT`.
    pub session: String,
    /// Takes what the person typed.
    pub answer: oneshot::Sender<SecretString>,
}

/// Where a login's codes may come from.
pub struct Outside<'a> {
    /// `SITE` or `SITE:ACCOUNT`.
    pub session: String,
    /// As the recipe says.
    pub codes: Option<&'a Codes>,
    /// Where relative paths begin and commands run.
    pub root: &'a Path,
    /// The person at the terminal, where there is one.
    pub person: Option<mpsc::Sender<Question>>,
    /// Opens the socket at which codes are handed in.
    pub counter: &'a (dyn Fn() -> Result<Counter, Failure> + Send + Sync),
    /// Told when the login begins to wait, so that others need not.
    pub waits: &'a (dyn Fn() + Send + Sync),
}

/// A mailbox from the moment before the site was asked for a code.
pub struct Watch(Mailbox, Filter);

enum Mailbox {
    Folder(folder::Watch),
    Imap(Box<imap::Watch>),
}

impl Watch {
    /// Opens the recipe's mailbox and remembers what is in it; `None` where codes do not come by mail.
    ///
    /// # Errors
    /// [`FailureClass::SecretMissing`] where it cannot be reached: why, and the way out.
    pub async fn begin(
        codes: &Codes,
        password: Option<&SecretString>,
        root: &Path,
    ) -> Result<Option<Self>, Failure> {
        match &codes.from {
            CodeSource::HandIn | CodeSource::Command(_) => Ok(None),
            CodeSource::Folder(path, which) => {
                let watch = folder::Watch::begin(root.join(path));
                let watch = watch.map_err(|why| missing(codes, &why))?;
                Ok(Some(Self(Mailbox::Folder(watch), which.clone())))
            }
            CodeSource::Imap(imap, which) => {
                let nothing = SecretString::default();
                let password = password.unwrap_or(&nothing);
                let watch = imap::Watch::begin(&imap.url, &imap.user, password).await;
                let watch = watch.map_err(|why| missing(codes, &why))?;
                Ok(Some(Self(Mailbox::Imap(Box::new(watch)), which.clone())))
            }
        }
    }

    /// Waits for a message that has what is wanted. `strange` is told the origin of a link that may not be opened.
    async fn next(
        &mut self,
        wanted: Wanted,
        accepts: &hand_in::Accepts,
        strange: &mut Option<String>,
    ) -> Result<Told, String> {
        loop {
            let (letters, again) = match &mut self.0 {
                Mailbox::Folder(watch) => (watch.look()?, folder::AGAIN),
                Mailbox::Imap(watch) => (watch.look().await?, imap::AGAIN),
            };
            let meant = |letter: &&Letter| {
                let has = |have: &str, part: &Option<String>| {
                    part.as_ref()
                        .is_none_or(|part| have.contains(part.as_str()))
                };
                has(&letter.from, &self.1.from) && has(&letter.to, &self.1.to)
            };
            for letter in letters.iter().filter(meant) {
                if let Some(told) = found(letter, wanted, accepts) {
                    return Ok(told);
                }
                *strange = find::strange_link(letter).or(strange.take());
            }
            tokio::time::sleep(again).await;
        }
    }
}

fn found(letter: &Letter, wanted: Wanted, accepts: &hand_in::Accepts) -> Option<Told> {
    let link = || {
        let url = find::link(letter, |url| accepts(url))?;
        Some(Told::Link(Link(String::from(url).into())))
    };
    let code = || find::code(letter).map(|code| Told::Code(code.into()));
    match wanted {
        Wanted::Code => code().or_else(link),
        Wanted::Link => link(),
    }
}

/// A link as it was handed in, if it may be opened.
fn link_of(link: &SecretString, accepts: impl Fn(&Url) -> bool) -> Result<Link, String> {
    let url =
        Url::parse(link.expose_secret().trim()).map_err(|_| "the link is no URL".to_owned())?;
    match matches!(url.scheme(), "http" | "https") && accepts(&url) {
        true => Ok(Link(String::from(url).into())),
        false => Err(format!(
            "the link leads to {}, where the recipe does not allow to log in; if that is right, add it to allowed_origins",
            url.origin().ascii_serialization()
        )),
    }
}

/// Reads what a person typed: a code, or a link.
///
/// # Errors
/// Why it is neither.
pub fn typed(text: &SecretString, accepts: impl Fn(&Url) -> bool) -> Result<Told, String> {
    match text.expose_secret().contains("://") {
        true => link_of(text, accepts).map(Told::Link),
        false => spelled(text.expose_secret()).map(Told::Code),
    }
}

impl Outside<'_> {
    /// Whether anybody could give a code.
    pub fn is_there(&self) -> bool {
        self.codes.is_some() || self.person.is_some()
    }

    /// How long [`Outside::wait`] may take.
    pub fn patience(&self) -> Duration {
        const PERSON: Duration = Duration::from_secs(5 * 60);
        let codes = self
            .codes
            .map(|codes| codes.wait.to_std().unwrap_or_default());
        match (&self.person, codes) {
            (Some(_), codes) => codes.unwrap_or_default().max(PERSON),
            (None, codes) => codes.unwrap_or_default(),
        }
    }

    /// Waits until a code or a link comes, from whatever side is first.
    ///
    /// # Errors
    /// [`FailureClass::CodeWanted`] where none came in time, [`FailureClass::SecretMissing`] where its source failed.
    pub async fn wait(
        &self,
        watch: Option<&mut Watch>,
        wanted: Wanted,
        accepts: Arc<dyn Fn(&Url) -> bool + Send + Sync>,
    ) -> Result<Told, Failure> {
        let what = match wanted {
            Wanted::Code => "a code",
            Wanted::Link => "a sign-in link",
        };
        let patience = self.patience();
        let until = Instant::now() + patience;
        (self.waits)();
        let counter = (self.counter)()?;
        let session = &self.session;
        tracing::info!(site = %session, "waits for {what}: jarkeeper code {session}");
        let mut strange = None;
        let by_itself = async {
            match (self.codes.map(|codes| &codes.from), watch) {
                (_, Some(watch)) => watch.next(wanted, &accepts, &mut strange).await,
                (Some(CodeSource::Command(argv)), None) => {
                    let text = vault::printed(argv, self.root, patience).await?;
                    let letter = Letter::text(text.expose_secret());
                    // What a command prints alone is the code, whatever it looks like.
                    let alone = || {
                        let text = text.expose_secret().trim();
                        let one = !text.contains(char::is_whitespace) && !text.contains("://");
                        (one && wanted == Wanted::Code).then(|| spelled(text).ok().map(Told::Code))
                    };
                    let told = alone()
                        .flatten()
                        .or_else(|| found(&letter, wanted, &accepts));
                    told.ok_or_else(|| format!("printed no text with {what}"))
                }
                _ => std::future::pending().await,
            }
        };
        let handed = hand_in::taken(&counter, session, Arc::clone(&accepts));
        let asked = self.ask(&accepts);
        tokio::select! {
            told = by_itself => told.map_err(|why| match self.codes {
                Some(codes) => missing(codes, &why),
                None => Failure::new(FailureClass::SecretMissing, why),
            }),
            told = handed => told.map_err(|error| {
                let message = format!("codes cannot be handed in: {error}");
                Failure::new(FailureClass::Storage, message)
            }),
            told = asked => Ok(told),
            () = tokio::time::sleep_until(until) => Err(self.late(what, patience, strange)),
        }
    }

    /// Asks the person at the terminal until something good is typed; never ends where there is none.
    async fn ask(&self, accepts: &hand_in::Accepts) -> Told {
        while let Some(person) = &self.person {
            let (answer, typed) = oneshot::channel();
            let session = self.session.clone();
            if person.send(Question { session, answer }).await.is_err() {
                break;
            }
            let Ok(typed) = typed.await else { break };
            if let Ok(told) = self::typed(&typed, |url| accepts(url)) {
                return told;
            }
        }
        std::future::pending().await
    }

    fn late(&self, what: &str, patience: Duration, strange: Option<String>) -> Failure {
        let from = self.codes.map(|codes| describe(&codes.from));
        let from = from.unwrap_or_else(|| "the terminal".to_owned());
        let waited = humantime::format_duration(Duration::from_secs(patience.as_secs()));
        let session = &self.session;
        let strange = strange.map(|origin| {
            format!("; a mail came whose link leads to {origin}, where the recipe does not allow to log in: if that is right, add it to allowed_origins")
        });
        let message = format!(
            "the site asks for {what}, and none came from {from} within {waited}{}; log in again and hand it in meanwhile: jarkeeper code {session}",
            strange.unwrap_or_default()
        );
        Failure::new(FailureClass::CodeWanted, message)
    }
}

fn missing(codes: &Codes, why: &str) -> Failure {
    let message = format!("codes come from {}, which {why}", describe(&codes.from));
    Failure::new(FailureClass::SecretMissing, message)
}

/// The source in words, for messages.
fn describe(source: &CodeSource) -> String {
    match source {
        CodeSource::HandIn => "whoever hands them in".to_owned(),
        CodeSource::Command(argv) => match argv.first() {
            Some(program) => format!("the command {program}"),
            None => "an empty command".to_owned(),
        },
        CodeSource::Folder(path, _) => format!("the mail folder {}", path.display()),
        CodeSource::Imap(imap, _) => format!("the mailbox {}", shown(&imap.url)),
    }
}
