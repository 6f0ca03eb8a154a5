//! What comes in, and what goes back.

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answering::LARGEST;
use super::passing::Cut;
use crate::llm::{Api, Unanswered};
use crate::memory::MemoryError;

/// What of the memory a caller wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Use {
    /// Recall and keep.
    #[default]
    On,
    /// Neither.
    Off,
    /// Only recall.
    Read,
    /// Only keep.
    Write,
}

/// What goes to the model.
#[derive(Debug)]
pub struct Asked {
    /// The API that is spoken.
    pub api: Api,
    /// The request, as it came.
    pub body: String,
    /// Which application asks.
    pub app: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// What of the memory is wanted.
    pub usage: Use,
}

/// What became of one half of the memory's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Done {
    /// It was done.
    Yes,
    /// Nobody wanted it, or the credentials do not allow it, or there was nothing to do.
    #[default]
    Off,
    /// It failed; the log says why.
    Failed,
}

/// What the memory did for a chat.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// How many things were recalled.
    pub recalled: usize,
    /// Whether it was looked for them.
    pub recall: Done,
    /// Whether the person's message was kept.
    pub keep: Done,
    /// The session.
    pub session: Option<String>,
}

/// The bytes of an answer.
pub enum Body {
    /// All at once.
    Whole(Bytes),
    /// As they come.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>),
}

/// What the model's server answers.
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, those that are passed on.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

/// Why nothing is passed on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProxyError {
    /// The request is none: why.
    #[error("{0}")]
    Invalid(String),
    /// The answer is to be fetched later.
    #[error(
        "background is not done here: an answer is heard and kept as it passes. Ask without it; a long answer comes with \"stream\": true"
    )]
    Background,
    /// What it goes on from was answered to somebody else.
    #[error(
        "no answer of this id was given to you; leave out previous_response_id (or conversation, or item_reference), and send what was said"
    )]
    NotYours,
    /// Whose memory is meant is no name, or another's.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The model's server does not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// It refuses our own key: whoever asked must not take that for theirs. What it says may quote that key.
    #[error(
        "the model's server refuses the key that Jarkeeper has for it, with status {0}; [llm] key must be one that may use this model. Nothing is wrong with your own"
    )]
    KeyRefused(StatusCode),
    /// It does not know this, and perhaps not this API: its status, and its words.
    #[error(
        "the model's server answers with {0}{1}. Where it does not speak the Responses API, use /v1/chat/completions (chat.completions of OpenAI's clients), or set [llm] url to one that does"
    )]
    Lacks(StatusCode, String),
    /// It leads elsewhere.
    #[error("the model's server sends whoever asks to another address; set [llm] url to that one")]
    Elsewhere,
    /// Its answer has no end.
    #[error("the model's server answers with more than {LARGEST} bytes")]
    TooLarge,
}
