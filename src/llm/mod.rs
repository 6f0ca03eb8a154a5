//! The model's server of `[llm]`: an API as OpenAI's, which answers.
//!
//! Owns: how it is called, what of its failures may be told, and what a request and an answer of either of its APIs say. Door:
//! [`Llm`], [`Request`], [`Listening`]. May touch: the network. What is asked and what becomes of the answer is decided above.

mod answer;
mod chunks;
mod events;
mod items;
mod message;
mod request;
mod sse;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Method, Response, Url};
use secrecy::ExposeSecret as _;

use crate::renewal::Renewer;
use crate::source::Source;
use crate::vault;
use crate::watch::Settings;

pub use answer::{Answer, Listening};
pub use message::Message;
pub use request::{Behind, Request};
pub(crate) use sse::Events;

/// What the log calls the key of the model's server.
const KEY: &str = "the key of [llm]";
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest silence in an answer, whatever `[llm] silence` says and whoever reads it.
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// Which of OpenAI's APIs is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/chat/completions`: messages, and all of them each time.
    Chat,
    /// `/responses`: items, and what came before may be kept at the model's server.
    Responses,
}

impl Api {
    /// Where it is spoken, below the base of the APIs.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["chat", "completions"],
            Self::Responses => &["responses"],
        }
    }
}

/// Why there is no answer. The words name no address and hold nothing that the server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// `[llm] url` is not set.
    #[error("no model is set up where it runs ([llm] url)")]
    NotSetUp,
    /// The source of the key gives nothing; the log says why.
    #[error("the key of its model cannot be read where it runs")]
    NoKey,
    /// TLS does not work on this machine.
    #[error("it cannot call its model: TLS cannot be set up there")]
    NoTls,
    /// Nobody listens there.
    #[error("its model's server cannot be reached")]
    Unreachable,
    /// It took the request, and was silent for longer than `[llm] silence`.
    #[error("its model's server says nothing")]
    TimedOut,
    /// The connection ended too early.
    #[error("its model's server hung up before its answer was whole")]
    HungUp,
}

impl Unanswered {
    /// The library's own words hold the address.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::HungUp
        }
    }
}

/// Calls the model's server. Clones share it.
#[derive(Clone)]
pub struct Llm {
    renewer: Renewer,
}

impl Llm {
    /// With the settings and secrets that `renewer` has.
    pub fn new(renewer: Renewer) -> Self {
        Self { renewer }
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.renewer.settings()
    }

    /// The folder of `config.toml`, where relative paths begin.
    pub fn root(&self) -> std::path::PathBuf {
        self.renewer.reach(&self.settings()).root.to_owned()
    }

    /// Posts JSON to a path below `[llm] url`, like `["chat", "completions"]`; whatever it answers, once its head is there.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn post(&self, path: &[&str], body: String) -> Result<Response, Unanswered> {
        let settings = self.settings();
        let llm = &settings.config.llm;
        let base = llm.url.as_ref().ok_or(Unanswered::NotSetUp)?;
        let to = below(base, path);
        let key = llm.key.as_ref().map(|key| (KEY, key));
        self.call(Method::POST, to, Some(body), key).await
    }

    /// Gets what is at a path below `[llm] url`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn get(&self, path: &[&str]) -> Result<Response, Unanswered> {
        let settings = self.settings();
        let llm = &settings.config.llm;
        let base = llm.url.as_ref().ok_or(Unanswered::NotSetUp)?;
        let to = below(base, path);
        let key = llm.key.as_ref().map(|key| (KEY, key));
        self.call(Method::GET, to, None, key).await
    }

    /// How long the server may say nothing.
    fn silence(&self) -> Duration {
        let silence = self.settings().config.llm.silence;
        silence.to_std().unwrap_or_default()
    }

    /// The next bytes of an answer; `None`: it is over.
    ///
    /// # Errors
    /// `TimedOut`, `HungUp`.
    pub async fn next(&self, answer: &mut Response) -> Result<Option<Bytes>, Unanswered> {
        match tokio::time::timeout(self.silence(), answer.chunk()).await {
            Ok(part) => part.map_err(|error| Unanswered::of(&error)),
            Err(_) => Err(Unanswered::TimedOut),
        }
    }

    /// Calls a URL of an API as OpenAI's, with the key that a source gives; before it what the log calls it.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<String>,
        key: Option<(&str, &Source)>,
    ) -> Result<Response, Unanswered> {
        let client = client().ok_or(Unanswered::NoTls)?;
        let mut call = client
            .request(method, url)
            .header(ACCEPT, "application/json, text/event-stream");
        if let Some(body) = body {
            call = call.header(CONTENT_TYPE, "application/json").body(body);
        }
        if let Some((name, source)) = key {
            let settings = self.settings();
            let reach = self.renewer.reach(&settings);
            let key = vault::value(name, source, reach).await;
            let key = key.map_err(|failure| {
                tracing::warn!("a model cannot be asked: {}", failure.message);
                Unanswered::NoKey
            })?;
            call = call.bearer_auth(key.expose_secret());
        }
        match tokio::time::timeout(self.silence(), call.send()).await {
            Ok(answer) => answer.map_err(|error| Unanswered::of(&error)),
            Err(_) => Err(Unanswered::TimedOut),
        }
    }
}

/// A path below the base of an API.
pub(crate) fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // A base is http or https, which always has a path.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// It follows nothing, keeps no cookies and asks no proxy.
fn client() -> Option<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let make = || {
        Client::builder()
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("jarkeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .ok()
    };
    CLIENT.get_or_init(make).as_ref()
}
