//! One question to the model.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::Memory;
use super::answer::{self, Proposed};
use crate::llm::Unanswered;

/// How long an answer that has begun may take.
const WHOLE: Duration = Duration::from_secs(120);
/// Largest answer, bytes.
const ANSWER: usize = 512 << 10;

/// Why there is no answer. The words hold nothing that the server said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The server does not answer at present, whatever it is asked.
    #[error("{0}")]
    Down(String),
    /// It took too long; a shorter question may be faster.
    #[error("{0}")]
    Slow(String),
    /// It does not take this question, or answers it with what is no answer.
    #[error("{0}")]
    Unusable(String),
}

impl Memory {
    /// Asks the model of `[llm]`; its name, and the facts that it gives.
    pub(super) async fn ask(
        &self,
        rules: &str,
        question: &str,
    ) -> Result<(String, Vec<Proposed>), Trouble> {
        let settings = self.llm.settings();
        let llm = &settings.config.llm;
        let model = llm.model.clone().unwrap_or_default();
        let server = format!(
            "{model} {}",
            llm.url.as_ref().map_or("", |url| url.as_str())
        );
        let mut body = json!({ "model": model, "messages": [
            { "role": "system", "content": rules }, { "role": "user", "content": question },
        ] });
        let bare = body.to_string();
        body["stream"] = false.into();
        body["temperature"] = 0.into();
        body["response_format"] = json!({ "type": "json_object" });
        let mut answer = match self.pace.is_plain(&server) {
            true => self.post(bare.clone()).await?,
            false => self.post(body.to_string()).await?,
        };
        // Not every server takes every setting.
        if !self.pace.is_plain(&server) && is_refused(answer.status()) {
            answer = self.post(bare).await?;
            if answer.status().is_success() {
                self.pace.plain(&server);
            }
        }
        let status = answer.status();
        if is_refused(status) {
            let why = format!(
                "its model's server refuses the question with status {}",
                status.as_u16()
            );
            return Err(Trouble::Unusable(why));
        }
        if status != StatusCode::OK {
            let why = format!("its model's server answers with status {}", status.as_u16());
            return Err(Trouble::Down(why));
        }
        let completion: Option<Value> = serde_json::from_slice(&self.whole(answer).await?).ok();
        let text = completion.as_ref().and_then(answer::text);
        match text.as_deref().and_then(answer::facts) {
            Some(facts) => Ok((model, facts)),
            None => Err(Trouble::Unusable(
                "what its model answers holds no list of facts".to_owned(),
            )),
        }
    }

    async fn post(&self, body: String) -> Result<Response, Trouble> {
        let posted = self.llm.post(&["chat", "completions"], body).await;
        posted.map_err(trouble)
    }

    /// All of an answer. A server that sends a byte now and then does not hold up the reading for ever.
    async fn whole(&self, mut answer: Response) -> Result<Vec<u8>, Trouble> {
        let read = async {
            let mut all = Vec::new();
            while let Some(part) = self.llm.next(&mut answer).await.map_err(trouble)? {
                if all.len() + part.len() > ANSWER {
                    return Err(Trouble::Unusable(
                        "what its model answers is too long".to_owned(),
                    ));
                }
                all.extend_from_slice(&part);
            }
            Ok(all)
        };
        let whole = tokio::time::timeout(WHOLE, read).await;
        whole.unwrap_or_else(|_| Err(trouble(Unanswered::TimedOut)))
    }
}

/// Whether it is the question that is not taken: 400, 413, 422.
fn is_refused(status: StatusCode) -> bool {
    [
        StatusCode::BAD_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ]
    .contains(&status)
}

fn trouble(why: Unanswered) -> Trouble {
    match why {
        Unanswered::TimedOut => Trouble::Slow(why.to_string()),
        _ => Trouble::Down(why.to_string()),
    }
}
