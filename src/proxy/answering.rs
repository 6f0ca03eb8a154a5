//! What goes back to the caller of what the model's server answers.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::keeping::kept;
use super::passing::{Reply, pass};
use super::shape::{Answered, Body};
use super::{Proxy, ProxyError, apart};
use crate::llm::{Answer, Api};

/// Largest answer that comes whole, bytes.
pub(super) const LARGEST: usize = 64 << 20;
/// Headers of the model's server that are passed on; with them all whose names hold `ratelimit`.
const PASSED: [&str; 6] = [
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
    "openai-processing-ms",
];
/// What of the words of a server that lacks something is told, characters.
const WORDS: usize = 300;

impl Proxy {
    pub(super) async fn ask(&self, api: Api, body: String) -> Result<Response, ProxyError> {
        lets_in(self.llm.post(api.path(), body).await?)
    }

    /// What goes back, and with it what was said is kept.
    pub(super) async fn answered(
        &self,
        api: Api,
        answer: Response,
        reply: Option<Reply>,
    ) -> Result<Answered, ProxyError> {
        let kind = answer.headers().get(CONTENT_TYPE);
        let streams = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if answer.status().is_success() && streams {
            return Ok(Answered {
                status: answer.status(),
                headers: passed(answer.headers()),
                body: Body::Stream(Box::pin(pass(self.llm.clone(), api, answer, reply))),
            });
        }
        let (status, headers, body) = self.whole(answer).await?;
        if api == Api::Responses {
            lacks_nothing(status, &body)?;
        }
        if let Some(Reply { keeper, said }) = reply.filter(|_| status.is_success()) {
            let heard = body.clone();
            let heard = apart(body.len(), move || Answer::whole(api, &heard)).await?;
            kept(keeper.keep_answer(said, &heard, heard.failed)).await;
        }
        let body = Body::Whole(body);
        Ok(Answered {
            status,
            headers,
            body,
        })
    }

    /// One that comes whole.
    pub(super) async fn whole(
        &self,
        mut answer: Response,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ProxyError> {
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
        Ok((answer.status(), passed(answer.headers()), whole.into()))
    }
}

/// An answer, unless the server refuses our key.
pub(super) fn lets_in(answer: Response) -> Result<Response, ProxyError> {
    match answer.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            tracing::warn!("the model's server refuses [llm] key with status {status}");
            Err(ProxyError::KeyRefused(status))
        }
        _ => Ok(answer),
    }
}

/// A server that knows the API says which of a request's names it does not know.
fn lacks_nothing(status: StatusCode, body: &[u8]) -> Result<(), ProxyError> {
    if !matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| body.pointer(name).and_then(Value::as_str);
    if word("/error/code").is_some() || word("/error/param").is_some() {
        return Ok(());
    }
    let words = word("/error/message").unwrap_or_default();
    let words: String = words.chars().take(WORDS).collect();
    let words = match words.is_empty() {
        true => words,
        false => format!(" and says: {words}"),
    };
    Err(ProxyError::Lacks(status, words))
}

/// The headers that are passed on.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let pass =
        |name: &HeaderName| PASSED.contains(&name.as_str()) || name.as_str().contains("ratelimit");
    let all = headers.iter().filter(|(name, _)| pass(name));
    all.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_found_there_is_told_by_who_knows_the_api_and_else_by_us() {
        let told = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            lacks_nothing(status, body.as_bytes()).map_err(|error| error.to_string())
        };
        assert!(
            told(
                404,
                r#"{"error":{"message":"no","code":"model_not_found","param":null}}"#
            )
            .is_ok()
        );
        assert!(
            told(
                404,
                r#"{"error":{"message":"no","param":"previous_response_id"}}"#
            )
            .is_ok()
        );
        assert!(told(500, "no").is_ok());
        for (status, body) in [
            (404, "404 page not found"),
            (405, r#"{"detail":"Method Not Allowed"}"#),
        ] {
            let why = told(status, body).unwrap_err();
            assert!(
                why.contains("/v1/chat/completions") && !why.contains("says"),
                "{why}"
            );
        }
        let why = told(
            404,
            r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
        )
        .unwrap_err();
        assert!(
            why.contains("404 Not Found and says: File Not Found."),
            "{why}"
        );
    }
}
