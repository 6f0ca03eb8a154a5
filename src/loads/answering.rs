//! Answering chats from the model's server of `[llm]`.

use std::collections::HashMap;

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::llm::{Events, Llm, Unanswered};

/// Chats that are answered at once.
const CHATS: usize = 32;
/// Longest event that is passed on: it must fit into a message of 1 MiB, as JSON in JSON.
const EVENT: usize = 384 << 10;
/// Longest id of a chat that is answered: it stands in every piece of the answer.
const ID: usize = 255;
/// What ends an answer.
const DONE: &str = "[DONE]";

/// The chats of one connection. When it is dropped, they end.
pub(super) struct Answering {
    llm: Llm,
    may: Box<dyn Fn() -> bool + Send>,
    out: mpsc::Sender<String>,
    tasks: JoinSet<()>,
    chats: HashMap<String, AbortHandle>,
}

/// A registry wants more answers than it takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flooded;

/// A message from a registry.
#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    request_id: Value,
    #[serde(default)]
    request: Value,
}

impl Answering {
    /// With nothing to answer yet; answers go to `out`. `may`: whether there are any, at that moment.
    pub(super) fn new(
        llm: Llm,
        may: impl Fn() -> bool + Send + 'static,
        out: mpsc::Sender<String>,
    ) -> Self {
        Self {
            llm,
            may: Box::new(may),
            out,
            tasks: JoinSet::new(),
            chats: HashMap::new(),
        }
    }

    /// Takes a message from the registry. Of one that is none, or of another kind, nothing comes.
    ///
    /// # Errors
    /// It wants more answers than it takes: its line is to be cut.
    pub(super) fn take(&mut self, message: &str) -> Result<(), Flooded> {
        while self.tasks.try_join_next().is_some() {}
        self.chats.retain(|_, task| !task.is_finished());
        let Ok(asked) = serde_json::from_str::<Asked>(message) else {
            return Ok(());
        };
        let Value::String(id) = asked.request_id else {
            return Ok(());
        };
        if id.len() > ID {
            return Ok(());
        }
        match (asked.kind.as_str(), asked.request) {
            ("chat_cancel", _) => {
                if let Some(task) = self.chats.remove(&id) {
                    task.abort();
                }
            }
            ("chat", Value::Object(_)) if self.chats.contains_key(&id) => {}
            // Those that were cancelled and have not ended yet count too.
            ("chat", Value::Object(_)) if self.tasks.len() >= CHATS => {
                return self.refuse(&id, "it has too many chats under way");
            }
            ("chat", Value::Object(request)) => {
                let (llm, out) = (self.llm.clone(), self.out.clone());
                let may = (self.may)();
                let chat = id.clone();
                let task = self.tasks.spawn(async move {
                    let answered = match may {
                        true => answer(&llm, &chat, request, &out).await,
                        false => Err("its person may not come any more".to_owned()),
                    };
                    let last = match answered {
                        Ok(()) => json!({ "done": true }),
                        Err(why) => json!({ "error": why }),
                    };
                    // Where nobody hears it any more, the connection is gone, and this with it.
                    let _ = out.send(response(&chat, last)).await;
                });
                self.chats.insert(id, task);
            }
            ("chat", _) => return self.refuse(&id, "the request is no JSON object"),
            _ => {}
        }
        Ok(())
    }

    /// Never waits: whoever asks more than it listens to has no place here.
    fn refuse(&self, id: &str, why: &str) -> Result<(), Flooded> {
        let refusal = response(id, json!({ "error": why }));
        self.out.try_send(refusal).map_err(|_| Flooded)
    }
}

fn response(id: &str, rest: Value) -> String {
    let mut all = json!({ "type": "chat_response", "request_id": id });
    if let (Value::Object(all), Value::Object(rest)) = (&mut all, rest) {
        all.extend(rest);
    }
    all.to_string()
}

/// Asks the model's server, and passes on what it says as it comes. The words of a failure go to whoever asked, perhaps far away:
/// they name no address and hold nothing that the server said.
async fn answer(
    llm: &Llm,
    id: &str,
    mut request: Map<String, Value>,
    out: &mpsc::Sender<String>,
) -> Result<(), String> {
    if let Some(model) = &llm.settings().config.llm.model {
        request.insert("model".to_owned(), model.clone().into());
    }
    request.insert("stream".to_owned(), true.into());
    let body = Value::from(request).to_string();
    let answer = llm.post(&["chat", "completions"], body).await;
    let answer = answer.map_err(|why| why.to_string())?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(format!("its model's server answers with status {status}"));
    }
    let kind = answer.headers().get(CONTENT_TYPE);
    let streams = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    match streams {
        true => pass_on(llm, answer, id, out).await,
        false => Err("its model's server does not answer with a stream of events".to_owned()),
    }
}

async fn pass_on(
    llm: &Llm,
    mut answer: Response,
    id: &str,
    out: &mpsc::Sender<String>,
) -> Result<(), String> {
    let mut events = Events::new(EVENT);
    while let Some(part) = llm
        .next(&mut answer)
        .await
        .map_err(|error| error.to_string())?
    {
        let came = events.take(&part);
        let came = came.map_err(|_| "its model's server sends too long an event".to_owned())?;
        for data in came {
            if data.trim() == DONE {
                return Ok(());
            }
            let piece = json!({ "raw_sse": data, "done": false });
            if out.send(response(id, piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    Err(Unanswered::HungUp.to_string())
}
