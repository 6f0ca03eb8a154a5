//! A server that gives vectors: `POST …/embeddings`, as OpenAI's API has it.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{Kind, Opened, Unmeant, fingerprint, usual};
use crate::llm::{Llm, Unanswered, below};
use crate::source::Source;

/// How long the server may take for a batch.
const PATIENCE: Duration = Duration::from_secs(60);
/// Largest answer, bytes.
const LARGEST: usize = 64 << 20;

/// A server, and the model that is asked there.
pub(super) struct Server {
    llm: Llm,
    url: Url,
    model: String,
    key: Option<Source>,
}

/// Asks the server once.
pub(super) async fn open(
    llm: &Llm,
    url: &Url,
    model: &str,
    key: Option<&Source>,
) -> Result<Opened, String> {
    let server = Server {
        llm: llm.clone(),
        url: below(url, &["embeddings"]),
        model: model.to_owned(),
        key: key.cloned(),
    };
    // How many numbers a vector has is seen by them too.
    let strangers = server.embed(&usual::texts()).await;
    let strangers = strangers.map_err(|why| why.to_string())?;
    let dimension = strangers.first().map(Vec::len).unwrap_or_default();
    let size = dimension.to_string();
    Ok(Opened {
        name: model.to_owned(),
        fingerprint: fingerprint([
            ("url", url.as_str().as_bytes()),
            ("model", model.as_bytes()),
            ("dimension", size.as_bytes()),
        ]),
        dimension,
        strangers,
        kind: Kind::Http(Box::new(server)),
    })
}

impl Server {
    /// The vectors of texts, in their order: none of them empty.
    pub(super) async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Unmeant> {
        let body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        let answer = tokio::time::timeout(PATIENCE, self.post(body.to_string())).await;
        let answer = answer.map_err(|_| broken("does not answer in time"))??;
        let data = answer["data"]
            .as_array()
            .ok_or_else(|| broken("answers with something else than vectors"))?;
        let mut vectors = vec![Vec::new(); texts.len()];
        for (place, one) in data.iter().enumerate() {
            let at = one["index"]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok())
                .unwrap_or(place);
            let numbers = one["embedding"].as_array().into_iter().flatten();
            // No server gives more than an f32 holds.
            let numbers = numbers
                .map(|one| one.as_f64().map(|one| one as f32))
                .collect::<Option<Vec<_>>>();
            if let (Some(own), Some(numbers)) = (vectors.get_mut(at), numbers) {
                *own = numbers;
            }
        }
        match vectors.iter().any(Vec::is_empty) {
            true => Err(broken("leaves vectors out")),
            false => Ok(vectors),
        }
    }

    async fn post(&self, body: String) -> Result<Value, Unmeant> {
        let untold = |why: Unanswered| match why {
            Unanswered::NoKey => broken("wants a key, and its source gives none; the log says why"),
            Unanswered::TimedOut => broken("says nothing"),
            Unanswered::HungUp => broken("hung up before its answer was whole"),
            _ => broken("cannot be reached"),
        };
        let call = self.llm.call(
            Method::POST,
            self.url.clone(),
            Some(body),
            self.key
                .as_ref()
                .map(|key| ("the key of [memory] embedder", key)),
        );
        let mut answer = call.await.map_err(untold)?;
        let status = answer.status().as_u16();
        match status {
            200 => {}
            // It is these texts that it does not like.
            400 | 413 | 422 => return Err(Unmeant::Refused(status)),
            _ => return Err(broken(&format!("answers with status {status}"))),
        }
        let mut bytes = Vec::new();
        let cut = |error: reqwest::Error| untold(Unanswered::of(&error));
        while let Some(part) = answer.chunk().await.map_err(cut)? {
            if bytes.len() + part.len() > LARGEST {
                return Err(broken("answers with more than 64 MiB"));
            }
            bytes.extend_from_slice(&part);
        }
        serde_json::from_slice(&bytes).map_err(|_| broken("answers with something else than JSON"))
    }
}

fn broken(what: &str) -> Unmeant {
    Unmeant::Broken(format!(
        "the server of the embedder {what}; [memory] embedder says which it is"
    ))
}
