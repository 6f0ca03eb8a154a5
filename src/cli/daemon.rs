//! The daemon that runs on this folder, asked at its socket.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Stop;
use crate::session::{Files, FilesError, Way};

/// What a daemon refuses with.
pub(super) struct Refusal {
    /// The exit code: 2 where the question is wrong, 5 for what there is not, 1 for the rest.
    pub(super) code: u8,
    /// The problem's own words.
    pub(super) said: String,
    /// Why a registration failed.
    pub(super) reason: Option<String>,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal.code, refusal.said)
    }
}

/// The way to a running daemon.
pub(super) struct Daemon {
    client: Client,
    /// The socket's path leads through it.
    _way: Way,
}

impl Daemon {
    /// `None` where none runs.
    pub(super) fn of(files: &Files) -> Result<Option<Self>, Stop> {
        let Some(way) = files.daemon_way().map_err(|e: FilesError| Stop::from(e))? else {
            return Ok(None);
        };
        let client = Client::builder()
            .unix_socket(way.path())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Stop::Told(1, error.to_string()))?;
        Ok(Some(Self { client, _way: way }))
    }

    /// For what is asked in another way than by [`Daemon::ask`].
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks; `Null` for an answer without a body.
    ///
    /// # Errors
    /// The problem's own words.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Stop> {
        Ok(self.answer(method, path, body).await??)
    }

    /// The same, for who has words of its own for what is refused.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, Stop> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.answer_to(method, path, body).await
    }

    /// Asks with a body that is not JSON.
    ///
    /// # Errors
    /// The problem's own words.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<Value, Stop> {
        let answer = self.answer_to(method, path, Some((kind, body))).await?;
        Ok(answer?)
    }

    /// The bytes of an answer that is not JSON.
    ///
    /// # Errors
    /// The problem's own words.
    pub(super) async fn fetch(&self, path: &str) -> Result<Vec<u8>, Stop> {
        let gone = |_| Stop::Told(1, "the daemon does not answer, or broke off".to_owned());
        let request = self.client.get(format!("http://localhost{path}"));
        let answer = request.send().await.map_err(gone)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(gone)?;
        match status.is_success() {
            true => Ok(body.into()),
            false => {
                let value = serde_json::from_slice(&body).unwrap_or_default();
                Err(refusal(status, &value).into())
            }
        }
    }

    async fn answer_to(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Result<Value, Refusal>, Stop> {
        let mut request = self
            .client
            .request(method, format!("http://localhost{path}"));
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let gone = |_| Stop::Told(1, "the daemon does not answer".to_owned());
        let answer = request.send().await.map_err(gone)?;
        let status = answer.status();
        // It may hold a key.
        let body = Zeroizing::new(answer.bytes().await.map_err(gone)?.to_vec());
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(Ok(value));
        }
        Ok(Err(refusal(status, &value)))
    }
}

fn refusal(status: StatusCode, problem: &Value) -> Refusal {
    let said = problem["detail"].as_str();
    let said = said.map_or_else(|| format!("the daemon answers {status}"), str::to_owned);
    let code = match status {
        StatusCode::NOT_FOUND => 5,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::FORBIDDEN => 2,
        _ => 1,
    };
    let reason = problem["reason"].as_str().map(str::to_owned);
    Refusal { code, said, reason }
}
