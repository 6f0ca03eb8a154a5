//! The daemon that runs on this folder, asked at its socket.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Stop;
use crate::session::{Files, FilesError, Way};

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
    /// The problem's own words: 2 where the question is wrong, 5 for what there is not, 1 for the rest.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Stop> {
        let mut request = self
            .client
            .request(method, format!("http://localhost{path}"));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let gone = |_| Stop::Told(1, "the daemon does not answer".to_owned());
        let answer = request.send().await.map_err(gone)?;
        let status = answer.status();
        // It may hold a key.
        let body = Zeroizing::new(answer.bytes().await.map_err(gone)?.to_vec());
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let said = value["detail"].as_str();
        let said = said.map_or_else(|| format!("the daemon answers {status}"), str::to_owned);
        let code = match status {
            StatusCode::NOT_FOUND => 5,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::FORBIDDEN => 2,
            _ => 1,
        };
        Err(Stop::Told(code, said))
    }
}
