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
/// What is asked first, and again with what is kept: how many numbers a vector has, and whether the model is still the same one.
const PROBE: &str = "After the rain the harbour was quiet, and they counted the boats.";
/// The cosine of one model's vectors of a text at least, however it counts. Another one, or the same in fewer bits, has less.
const ALIKE: f32 = 0.999;

/// A server, and the model that is asked there.
pub(super) struct Server {
    llm: Llm,
    url: Url,
    model: String,
    key: Option<Source>,
    /// What it made of [`PROBE`].
    probe: Vec<f32>,
}

/// Asks the server once.
pub(super) async fn open(
    llm: &Llm,
    url: &Url,
    model: &str,
    key: Option<&Source>,
) -> Result<Opened, String> {
    let mut server = Server {
        llm: llm.clone(),
        url: below(url, &["embeddings"]),
        model: model.to_owned(),
        key: key.cloned(),
        probe: Vec::new(),
    };
    let mut texts = usual::texts();
    texts.push(PROBE.to_owned());
    let vectors = server.embed(texts).await;
    let mut strangers = vectors.map_err(|why| why.to_string())?;
    server.probe = strangers.pop().unwrap_or_default();
    let dimension = server.probe.len();
    let numbers = server.probe.iter().flat_map(|one| one.to_le_bytes());
    let numbers: Vec<u8> = numbers.collect();
    Ok(Opened {
        name: model.to_owned(),
        fingerprint: fingerprint([("model", model.as_bytes()), ("probe", numbers.as_slice())]),
        dimension,
        strangers,
        kind: Kind::Http(Box::new(server)),
    })
}

/// Whether vectors of one text are of one model.
pub(super) fn is_alike(one: &[f32], other: &[f32]) -> bool {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (product(one, one) * product(other, other)).sqrt();
    match length > 0.0 {
        true => one.len() == other.len() && product(one, other) >= ALIKE * length,
        // It makes nothing of the text.
        false => one == other,
    }
}

impl Server {
    /// What it made of a sentence.
    pub(super) fn probe(&self) -> &[f32] {
        &self.probe
    }

    /// The vectors of texts, where the model is still the one that it was.
    pub(super) async fn embed_as_before(
        &self,
        mut texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, Unmeant> {
        texts.push(PROBE.to_owned());
        let mut vectors = self.embed(texts).await?;
        match vectors.pop() {
            Some(probe) if is_alike(&probe, &self.probe) => Ok(vectors),
            _ => Err(Unmeant::Changed),
        }
    }

    /// The vectors of texts, in their order: none of them empty.
    pub(super) async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, Unmeant> {
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

#[cfg(test)]
mod tests {
    use super::is_alike;

    #[test]
    fn a_model_is_known_by_what_it_makes_of_a_text() {
        let was = [0.6, 0.8, 0.0];
        for (now, same) in [
            (&[0.6, 0.8, 0.0][..], true),
            // Another device counts a little otherwise, and some servers do not make lengths one.
            (&[1.2001, 1.6, 0.001], true),
            (&[0.6, 0.75, 0.2], false),
            (&[0.6, 0.8], false),
            (&[0.0, 0.0, 0.0], false),
            (&[f32::NAN, 0.8, 0.0], false),
        ] {
            assert_eq!(is_alike(&was, now), same, "{now:?}");
        }
        assert!(is_alike(&[0.0, 0.0], &[0.0, 0.0]));
    }
}
