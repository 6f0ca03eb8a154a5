//! Between an agent and its model: before each question what is remembered, after each answer what was said.
//!
//! Owns: which messages are new, which session they belong to, what passes unchanged. Door: [`Proxy::chat`], [`Proxy::models`].
//! May touch: the memory, the model's server. A memory that does not answer never keeps a chat from being answered.

mod keeping;
mod passing;
mod turns;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Local, Utc};
use futures::Stream;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::identity::{Principal, Scope, Who};
use crate::ids;
use crate::llm::{Answer, Llm, Message, Request, Unanswered};
use crate::memory::context::{Ask, Context, is_block};
use crate::memory::{Memory, MemoryError};
use crate::store::Store;
use keeping::{Keeper, asked, kept, once, short};
use passing::{Reply, pass};
use turns::{Key, Said, Turn, Turns, hex};

pub use passing::Cut;

/// Most that is recalled for a question.
const RECALLED: usize = 12;
/// Tokens of what is recalled.
const TOKENS: usize = 1000;
/// Longest wait for the memory; behind that the question goes on without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Largest answer that comes whole, bytes.
const LARGEST: usize = 64 << 20;
/// Headers of the model's server that are passed on; with them all whose names hold `ratelimit`.
const PASSED: [&str; 6] = [
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
    "openai-processing-ms",
];

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

/// A chat that goes to the model.
#[derive(Debug)]
pub struct Asked {
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
    /// It leads elsewhere.
    #[error("the model's server sends whoever asks to another address; set [llm] url to that one")]
    Elsewhere,
    /// Its answer has no end.
    #[error("the model's server answers with more than {LARGEST} bytes")]
    TooLarge,
}

/// Passes chats on. Clones share it.
#[derive(Clone)]
pub struct Proxy {
    memory: Memory,
    llm: Llm,
    store: Store,
    clock: fn() -> DateTime<Utc>,
    turns: Arc<Turns>,
    /// What makes the tags of blocks: the same ones for the same question, and none that anybody can guess.
    secret: Arc<[u8; 32]>,
}

/// What is found out about a request before it goes on.
struct Plan {
    /// The place of the newest message of the person.
    newest: usize,
    /// Where the messages begin that were not there at the answer before.
    begin: usize,
    /// Whether it comes with results of tools.
    continued: bool,
}

impl Plan {
    fn of(messages: &[Message]) -> Option<Self> {
        let own = |one: &Message| one.is_user() && !is_block(&one.text);
        let newest = messages.iter().rposition(own)?;
        let before = messages[..newest]
            .iter()
            .rposition(|one| !one.is_user() && !one.is_setup());
        let tools =
            |one: &Message| one.role == "tool" || one.role == "function" || !one.calls.is_empty();
        Some(Self {
            newest,
            begin: before.map_or(0, |at| at + 1),
            continued: messages[newest..].iter().any(tools),
        })
    }
}

impl Proxy {
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(
        memory: Memory,
        llm: Llm,
        store: Store,
        clock: fn() -> DateTime<Utc>,
    ) -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            memory,
            llm,
            store,
            clock,
            turns: Arc::default(),
            secret: Arc::new(secret),
        })
    }

    /// The models, as the model's server lists them.
    ///
    /// # Errors
    /// `Unanswered`, `KeyRefused`, `Elsewhere`, `TooLarge`.
    pub async fn models(&self) -> Result<Answered, ProxyError> {
        let answer = lets_in(self.llm.get(&["models"]).await?)?;
        self.whole(answer).await
    }

    /// Passes a chat on, with what is remembered before its newest question, and keeps what was said. What the memory did, and
    /// the answer as the model's server gives it, whatever its status.
    pub async fn chat(&self, by: &Principal, asked: Asked) -> (Note, Result<Answered, ProxyError>) {
        let mut note = Note::default();
        let answered = self.converse(by, asked, &mut note).await;
        (note, answered)
    }

    async fn converse(
        &self,
        by: &Principal,
        chat: Asked,
        note: &mut Note,
    ) -> Result<Answered, ProxyError> {
        let request = Request::read(&chat.body).map_err(ProxyError::Invalid)?;
        let settings = self.llm.settings();
        if settings.config.llm.url.is_none() {
            return Err(Unanswered::NotSetUp.into());
        }
        let model = settings.config.llm.model_for(request.model());
        let usage = chat.usage;
        let reads = matches!(usage, Use::On | Use::Read) && by.may(Scope::MemoryRead);
        let writes = matches!(usage, Use::On | Use::Write) && by.may(Scope::MemoryWrite);
        let plan = Plan::of(&request.messages).filter(|_| reads || writes);
        let Some(plan) = plan else {
            let answer = self.ask(request.sent(model, None)).await?;
            return self.answered(answer, None).await;
        };
        // What a token is for comes before what its bearer says.
        let user = by.memory_of.clone().or_else(|| request.user.clone());
        let app = chat.app.or_else(|| self.app_of(by));
        let given = chat.session.or_else(|| request.session.clone());
        let names = [
            ("Jarkeeper-App", &app),
            ("Jarkeeper-Session", &given),
            ("user", &user),
        ];
        for (what, name) in names {
            let checked = name
                .as_deref()
                .map_or(Ok(()), |name| crate::memory::check_name(what, name));
            checked.map_err(ProxyError::Invalid)?;
        }
        let said = Said::default().and(&request.messages[..=plan.newest]);
        let names = [&user, &app, &given];
        let (key, turn) = self.turn(by, &request, &plan, said.clone(), names).await;
        let asking = self.turns.asking(key);
        note.session = Some(turn.session.clone());
        let block = match reads {
            true => {
                self.recall(by, user.as_deref(), &request, &key, &turn, note)
                    .await
            }
            false => None,
        };
        let sent = request.sent(model, block.as_deref().map(|block| (plan.newest, block)));
        let keeper = writes.then(|| Keeper {
            memory: self.memory.clone(),
            by: by.clone(),
            user,
            session: turn.session.clone(),
            app,
        });
        let keeping = keeper.as_ref().filter(|_| !plan.continued).map(|keeper| {
            let messages = &request.messages[plan.begin..=plan.newest];
            keeper.keep_asked(said, &turn.id, messages)
        });
        let keep = async {
            match keeping {
                None => Done::Off,
                Some(keeping) => match kept(keeping).await {
                    true => Done::Yes,
                    false => Done::Failed,
                },
            }
        };
        let (answer, keep) = futures::join!(self.ask(sent), keep);
        note.keep = keep;
        let answer = answer?;
        if answer.status().is_success() {
            asking.answered();
        }
        drop(asking);
        let reply = keeper.map(|keeper| Reply {
            keeper,
            said: Said::default().and(&request.messages),
        });
        self.answered(answer, reply).await
    }

    /// Which question this is, and in which session.
    async fn turn(
        &self,
        by: &Principal,
        request: &Request<'_>,
        plan: &Plan,
        said: Said,
        [user, app, given]: [&Option<String>; 3],
    ) -> (Key, Turn) {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let (own, app, named) = (word(user), word(app), word(given));
        let key = said.clone().key([by.person.as_str(), &own, &app, &named]);
        if let Some(turn) = self.turns.find(&key, plan.continued) {
            return (key, turn);
        }
        let history = &request.messages[..plan.begin];
        let answered = history.iter().any(|one| one.role == "assistant");
        // Kept before this process began, or longer ago than it remembers.
        let mut kept_in = None;
        if plan.continued && given.is_none() {
            kept_in = self.session_behind(by, user, asked(said)).await;
        }
        if answered && given.is_none() && kept_in.is_none() {
            let behind = once(Said::default().and(history));
            kept_in = self.session_behind(by, user, behind).await;
        }
        let random = || ids::random().unwrap_or_else(|_| hex(&key[..10]));
        let session = given.clone().or(kept_in);
        let session = session.unwrap_or_else(|| format!("chat-{}", random()));
        // Behind the same answers in the same session it is the same question, however often it comes.
        let id = match answered {
            true => short(&session),
            false => random(),
        };
        let now = (self.clock)().with_timezone(&Local).fixed_offset();
        let turn = Turn::new(id, session, by.person.to_string(), now);
        (key, self.turns.begin(key, turn))
    }

    /// In which session it was kept that has an idempotency key that begins like this.
    async fn session_behind(
        &self,
        by: &Principal,
        user: &Option<String>,
        once: String,
    ) -> Option<String> {
        let found = self.memory.session_behind(by, user.as_deref(), once);
        let found = timeout(PATIENCE, found).await;
        found.ok().and_then(Result::ok).flatten()
    }

    /// What is remembered for a question, as a block. The same question gets the same one.
    async fn recall(
        &self,
        by: &Principal,
        user: Option<&str>,
        request: &Request<'_>,
        key: &Key,
        turn: &Turn,
        note: &mut Note,
    ) -> Option<String> {
        if request
            .messages
            .iter()
            .any(|one| one.is_user() && is_block(&one.text))
        {
            // The caller has seen to it.
            return None;
        }
        let ask = Ask {
            messages: request.messages.clone(),
            most: RECALLED,
            max_tokens: TOKENS,
            now: Some(turn.now),
            nonce: Some(self.nonce(key)),
            pinned: turn.taken.clone(),
            ..Ask::default()
        };
        let found = timeout(PATIENCE, self.memory.context(by, user, ask)).await;
        let context: Context = match found {
            Ok(Ok(context)) => context,
            Ok(Err(error)) => {
                tracing::warn!("a chat goes on without what is remembered: {error}");
                note.recall = Done::Failed;
                return None;
            }
            Err(_) => {
                tracing::warn!("a chat goes on without what is remembered: the memory is too slow");
                note.recall = Done::Failed;
                return None;
            }
        };
        note.recall = Done::Yes;
        note.recalled = context.citations.len();
        // Nothing is not held on to: there may be something by then.
        if turn.taken.is_none() && !context.taken.is_empty() {
            self.turns.took(key, context.taken);
        }
        context.block
    }

    fn nonce(&self, key: &Key) -> String {
        let hash = Sha256::new().chain_update(*self.secret).chain_update(key);
        hex(&hash.finalize()[..8])
    }

    async fn ask(&self, body: String) -> Result<Response, ProxyError> {
        lets_in(self.llm.post(&["chat", "completions"], body).await?)
    }

    /// The name of the caller's key.
    fn app_of(&self, by: &Principal) -> Option<String> {
        let Who::Key(id) = &by.who else {
            return None;
        };
        let key = self.store.key(id, None).ok().flatten();
        key.map(|key| key.name)
    }

    /// What goes back to the caller.
    async fn answered(
        &self,
        answer: Response,
        reply: Option<Reply>,
    ) -> Result<Answered, ProxyError> {
        let kind = answer.headers().get(CONTENT_TYPE);
        let streams = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if answer.status().is_success() && streams {
            return Ok(Answered {
                status: answer.status(),
                headers: passed(answer.headers()),
                body: Body::Stream(Box::pin(pass(self.llm.clone(), answer, reply))),
            });
        }
        let answered = self.whole(answer).await?;
        let heard = match &answered.body {
            Body::Whole(body) if answered.status.is_success() => Some(Answer::whole(body)),
            _ => None,
        };
        if let (Some(heard), Some(Reply { keeper, said })) = (heard, reply) {
            kept(keeper.keep_answer(said, &heard, false)).await;
        }
        Ok(answered)
    }

    async fn whole(&self, mut answer: Response) -> Result<Answered, ProxyError> {
        if answer.status().is_redirection() {
            return Err(ProxyError::Elsewhere);
        }
        let mut whole = Vec::new();
        while let Some(part) = self.llm.next(&mut answer).await? {
            if whole.len() + part.len() > LARGEST {
                return Err(ProxyError::TooLarge);
            }
            whole.extend_from_slice(&part);
        }
        Ok(Answered {
            status: answer.status(),
            headers: passed(answer.headers()),
            body: Body::Whole(whole.into()),
        })
    }
}

/// An answer, unless the server refuses our key.
fn lets_in(answer: Response) -> Result<Response, ProxyError> {
    match answer.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            tracing::warn!("the model's server refuses [llm] key with status {status}");
            Err(ProxyError::KeyRefused(status))
        }
        _ => Ok(answer),
    }
}

/// The headers that are passed on.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let pass =
        |name: &HeaderName| PASSED.contains(&name.as_str()) || name.as_str().contains("ratelimit");
    let all = headers.iter().filter(|(name, _)| pass(name));
    all.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
