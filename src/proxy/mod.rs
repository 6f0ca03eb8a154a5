//! Between an agent and its model: before each question what is remembered, after each answer what was said.
//!
//! Owns: which messages are new, which session they belong to, what passes unchanged. Door: [`Proxy::chat`], [`Proxy::models`].
//! May touch: the memory, the model's server. A memory that does not answer never keeps a chat from being answered.

mod answering;
mod keeping;
mod passing;
mod reading;
mod recall;
mod session;
mod shape;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::identity::{Principal, Scope, Who};
use crate::llm::{Api, Llm, Unanswered};
use crate::memory::{Memory, work};
use crate::store::Store;
use answering::lets_in;
use keeping::{Keeper, Naming, kept};
use passing::Reply;
use reading::Reading;
use recall::Recall;
use session::Names;
use turns::Turns;

pub use passing::Cut;
pub use shape::{Answered, Asked, Body, Done, Note, ProxyError, Use};

/// Longest wait for the memory; behind that the question goes on without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// From so many bytes on a text is worked on where no other caller waits for it.
const HEAVY: usize = 128 << 10;

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
        let (status, headers, body) = self.whole(answer).await?;
        let body = Body::Whole(body);
        Ok(Answered {
            status,
            headers,
            body,
        })
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
        let (api, size) = (chat.api, chat.body.len());
        let reading = apart(size, move || Reading::of(api, chat.body)).await?;
        let Reading {
            mut request,
            plan,
            behind,
        } = reading.map_err(ProxyError::Invalid)?;
        let settings = self.llm.settings();
        if settings.config.llm.url.is_none() {
            return Err(Unanswered::NotSetUp.into());
        }
        if request.background {
            return Err(ProxyError::Background);
        }
        let model = settings.config.llm.model_for(request.model());
        let model = model.map(str::to_owned);
        // What a token is for comes before what its bearer says.
        let user = by.memory_of.clone().or_else(|| request.user.clone());
        // Whatever of the memory is wanted: what the model's server keeps holds what was recalled for somebody.
        let known = self.session_of(by, user.as_deref(), &behind).await?;
        let usage = chat.usage;
        let reads = matches!(usage, Use::On | Use::Read) && by.may(Scope::MemoryRead);
        let writes = matches!(usage, Use::On | Use::Write) && by.may(Scope::MemoryWrite);
        let Some(plan) = plan.filter(|_| reads || writes) else {
            let sent = apart(size, move || request.sent(model.as_deref(), None)).await?;
            return self.answered(api, self.ask(api, sent).await?, None).await;
        };
        let names = Names {
            user,
            app: chat.app.or_else(|| self.app_of(by)),
            session: chat.session.or_else(|| request.session.clone()),
        };
        names.check()?;
        // What the model's server has of it was said in this session.
        let before = known.clone();
        let first = behind.first().filter(|_| request.behind.is_some());
        let (key, turn) = self.turn(by, &plan, &names, known, first).await;
        let asking = self.turns.asking(key);
        note.session = Some(turn.session.clone());
        let user = names.user.as_deref();
        let block = match plan.newest {
            // Where a caller has put one in it has seen to it.
            Some(newest) if reads && !plan.has_block => {
                let messages = std::mem::take(&mut request.messages);
                let recall = Recall { messages, before };
                let block = self.recall(by, user, recall, (&key, &turn), note).await;
                block.map(|block| (newest, block))
            }
            _ => None,
        };
        let stored = request.stored && api == Api::Responses;
        let sent = apart(size, move || {
            let block = block.as_ref().map(|(at, block)| (*at, block.as_str()));
            request.sent(model.as_deref(), block)
        });
        let sent = sent.await?;
        let keeper = writes.then(|| Keeper {
            memory: self.memory.clone(),
            by: by.clone(),
            apart: match plan.conversation {
                Some(_) => turn.id.clone(),
                None => keeping::short(&turn.session),
            },
            naming: stored.then(|| Naming::of(&plan, &turn, &behind)),
            user: names.user,
            session: turn.session.clone(),
            app: names.app,
        });
        let keeping = keeper
            .as_ref()
            .filter(|_| !plan.continued)
            .map(|keeper| keeper.keep_asked(plan.question, &turn.id, &plan.asked));
        let keep = async {
            match keeping {
                None => Done::Off,
                Some(keeping) => match kept(keeping).await {
                    true => Done::Yes,
                    false => Done::Failed,
                },
            }
        };
        let (answer, keep) = futures::join!(self.ask(api, sent), keep);
        note.keep = keep;
        let answer = answer?;
        if answer.status().is_success() {
            asking.answered();
        }
        drop(asking);
        let said = plan.all;
        let reply = keeper.map(|keeper| Reply { keeper, said });
        self.answered(api, answer, reply).await
    }

    /// The name of the caller's key.
    fn app_of(&self, by: &Principal) -> Option<String> {
        let Who::Key(id) = &by.who else {
            return None;
        };
        let key = self.store.key(id, None).ok().flatten();
        key.map(|key| key.name)
    }
}

/// Works on so many bytes, where no other caller waits for it if they are many.
///
/// # Errors
/// `Memory`: the process ends.
async fn apart<T: Send + 'static>(
    size: usize,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ProxyError> {
    match size < HEAVY {
        true => Ok(job()),
        false => Ok(work(job).await?),
    }
}
