//! A mailbox on a server: only looked at (EXAMINE, BODY.PEEK), never changed.

use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error;
use async_imap::{Client, Session};
use futures::TryStreamExt;
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use super::letter::{LARGEST, Letter};

/// Longest time for reaching the mailbox, and for one answer of it.
const ANSWER: Duration = Duration::from_secs(10);
/// How often the mailbox is asked for what is new.
pub(super) const AGAIN: Duration = Duration::from_secs(2);
/// Longest word of a server in a message, in characters.
const SAID: usize = 160;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug> Wire for T {}

/// An open mailbox, and which of its messages is the next to come.
pub(super) struct Watch {
    session: Session<Box<dyn Wire>>,
    url: Url,
    user: String,
    password: SecretString,
    next: u32,
}

impl Watch {
    /// Opens the mailbox and remembers what is in it.
    ///
    /// # Errors
    /// Why it cannot be reached and the way out, to follow its name; within seconds.
    pub(super) async fn begin(
        url: &Url,
        user: &str,
        password: &SecretString,
    ) -> Result<Self, String> {
        let opened = timeout(ANSWER, open(url, user, password)).await;
        let (session, next) = opened.map_err(|_| late())??;
        Ok(Self {
            session,
            url: url.clone(),
            user: user.to_owned(),
            password: password.clone(),
            next,
        })
    }

    /// The messages that came since the last look, newest first. A connection that was lost is made anew.
    ///
    /// # Errors
    /// As for [`Watch::begin`].
    pub(super) async fn look(&mut self) -> Result<Vec<Letter>, String> {
        if let Ok(Ok(letters)) = timeout(ANSWER, self.fetch()).await {
            return Ok(letters);
        }
        let opened = timeout(ANSWER, open(&self.url, &self.user, &self.password)).await;
        (self.session, _) = opened.map_err(|_| late())??;
        match timeout(ANSWER, self.fetch()).await {
            Ok(letters) => letters.map_err(|error| said("does not show its messages", &error)),
            Err(_) => Err(late()),
        }
    }

    async fn fetch(&mut self) -> Result<Vec<Letter>, Error> {
        // Servers tell of new messages only when they are asked for something.
        self.session.noop().await?;
        // "n:*" means the last message where n is beyond it.
        let found = self
            .session
            .uid_search(format!("UID {}:*", self.next))
            .await?;
        let mut new: Vec<u32> = found.into_iter().filter(|uid| *uid >= self.next).collect();
        new.sort_unstable();
        let mut letters = Vec::new();
        for uid in &new {
            let parts = format!("(UID BODY.PEEK[]<0.{LARGEST}>)");
            let fetched = self.session.uid_fetch(uid.to_string(), parts).await?;
            let fetched: Vec<_> = fetched.try_collect().await?;
            letters.extend(fetched.iter().filter_map(|one| Letter::parse(one.body()?)));
        }
        // Only now: what was fetched before the connection was lost is fetched again.
        if let Some(last) = new.last() {
            self.next = last + 1;
        }
        letters.reverse();
        Ok(letters)
    }
}

async fn open(
    url: &Url,
    user: &str,
    password: &SecretString,
) -> Result<(Session<Box<dyn Wire>>, u32), String> {
    let secure = url.scheme() == "imaps";
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port().unwrap_or(if secure { 993 } else { 143 });
    let stream = TcpStream::connect((host, port)).await.map_err(|error| {
        format!("cannot be reached: {error}; see that the host and the port are right and the server runs")
    })?;
    let stream: Box<dyn Wire> = match secure {
        true => {
            let untrusted = |error: &dyn std::fmt::Display| {
                format!(
                    "cannot be trusted: {error}; its certificate must be valid for {host} and known to this machine"
                )
            };
            let config = ClientConfig::with_platform_verifier().map_err(|e| untrusted(&e))?;
            let name = ServerName::try_from(host.to_owned()).map_err(|e| untrusted(&e))?;
            let connector = TlsConnector::from(Arc::new(config));
            Box::new(
                connector
                    .connect(name, stream)
                    .await
                    .map_err(|e| untrusted(&e))?,
            )
        }
        false => Box::new(stream),
    };
    let mut client = Client::new(stream);
    match client.read_response().await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return Err(
                "ended the connection at once; see that an IMAP server is there".to_owned(),
            );
        }
        Err(_) => {
            return Err(
                "does not speak IMAP; see that the port is right (993 is that of imaps)".to_owned(),
            );
        }
    }
    let mut session =
        client
            .login(user, password.expose_secret())
            .await
            .map_err(|(error, _)| {
                said("refused the user or the password", &error)
                    .replace(password.expose_secret(), "[secret]")
                    + "; many providers want a password made for applications"
            })?;
    let name = url.path().trim_matches('/');
    let name = percent_decoded(name);
    let name = if name.is_empty() { "INBOX" } else { &name };
    let mailbox = session
        .examine(name)
        .await
        .map_err(|error| said(&format!("has no mailbox {name:?}"), &error))?;
    let next = match mailbox.uid_next {
        Some(next) => next,
        None => {
            let all = session.uid_search("ALL").await;
            let all = all.map_err(|error| said("does not list its messages", &error))?;
            all.into_iter().max().map_or(1, |last| last + 1)
        }
    };
    Ok((session, next))
}

fn late() -> String {
    format!(
        "did not answer within {} s; see that the host and the port are right and no firewall is between",
        ANSWER.as_secs()
    )
}

/// What went wrong, with the server's own word where it has given one. Its other answers may hold what was sent.
fn said(what: &str, error: &Error) -> String {
    match error {
        Error::No(word) | Error::Bad(word) => {
            // The library gives the parts of the answer as Rust would print them.
            let told = word.split_once("info: Some(\"").map(|(_, told)| told);
            let told = told.and_then(|told| told.rsplit_once("\")"));
            let word: String = told
                .map_or(word.as_str(), |(told, _)| told)
                .chars()
                .filter(|c| !c.is_control())
                .take(SAID)
                .collect();
            format!("{what} ({word})")
        }
        Error::Io(error) => format!("{what} ({error})"),
        Error::ConnectionLost => format!("{what} (the connection was lost)"),
        _ => what.to_owned(),
    }
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let first = url::form_urlencoded::parse(pair.as_bytes()).next();
    first
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
