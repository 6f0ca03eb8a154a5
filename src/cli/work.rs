//! What a command has the daemon do that runs on its root, so that the daemon's schedule, its events and its audit log know of
//! it. A command that finds no daemon does the work itself.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::complain;
use super::daemon::Daemon;
use crate::codes::{self, Given, Question};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::renewal::{Cause, How, Report};
use crate::session::{Files, StorageState};

/// Longest wait for a renewal: longer than any login may take.
const LONGEST: Duration = Duration::from_secs(1200);
/// How often a login is looked at that may come to wait for a code.
const LOOK: Duration = Duration::from_millis(250);

/// What the daemon answers where something failed (RFC 9457).
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    class: Option<FailureClass>,
    #[serde(default)]
    renewal: Option<Renewal>,
}

/// What came of a renewal.
#[derive(Debug, Deserialize)]
struct Renewal {
    how: String,
    #[serde(default)]
    step: Option<usize>,
    took_ms: u64,
    #[serde(default)]
    artefacts: Option<String>,
}

/// `None`: the daemon does not know the session, because a file that was just saved has not reached it; then the command does
/// the work itself.
type Answered<T> = Option<Result<T, Failure>>;

impl Daemon {
    /// Has a session renewed, and asks the person for the code where its login comes to wait for one.
    pub(super) async fn renew(
        &self,
        files: &Files,
        key: &SessionKey,
        ask: Option<mpsc::Sender<Question>>,
    ) -> Option<Report> {
        let began = std::time::Instant::now();
        let wait = json!({ "wait": format!("{}s", LONGEST.as_secs()) });
        let work = self.call(Method::POST, key, "renew", &wait);
        let answered = match ask {
            Some(ask) => tokio::select! {
                answered = work => answered,
                never = ask_for(files, key, &ask) => match never {},
            },
            None => work.await,
        };
        let report = |renewal: Option<Renewal>, failure: Option<Failure>| {
            let how = renewal.as_ref().map(|renewal| renewal.how.as_str());
            let artefacts = renewal
                .as_ref()
                .and_then(|renewal| renewal.artefacts.as_ref());
            let took = renewal.as_ref().map(|renewal| renewal.took_ms);
            Report {
                key: key.clone(),
                how: how_of(how, &failure),
                cause: Cause::Command,
                failure: failure.map(|failure| Failure {
                    step: renewal.as_ref().and_then(|renewal| renewal.step),
                    ..failure
                }),
                artefacts: artefacts.map(|id| artefact_path(files, key, id)),
                took: took.map_or_else(|| began.elapsed(), Duration::from_millis),
            }
        };
        match answered {
            Ok(Some(value)) => {
                let renewal = serde_json::from_value(value).ok();
                Some(report(renewal, None))
            }
            Ok(None) => None,
            Err(problem) => {
                let held = problem.kind.ends_with(":session-held");
                let failure = failure(&problem);
                let mut report = report(problem.renewal, Some(failure));
                if held {
                    report.how = How::Held;
                }
                Some(report)
            }
        }
    }

    /// Leaves a session alone.
    pub(super) async fn hold(&self, key: &SessionKey, why: &str) -> Answered<()> {
        let body = json!({ "why": why });
        self.done(Method::POST, key, "hold", &body).await
    }

    /// Lets a held session go on.
    pub(super) async fn release(&self, key: &SessionKey) -> Answered<()> {
        self.done(Method::POST, key, "release", &Value::Null).await
    }

    /// Brings a session.
    pub(super) async fn import(&self, key: &SessionKey, state: &StorageState) -> Answered<()> {
        let state = serde_json::to_value(state).unwrap_or_default();
        self.done(Method::PUT, key, "state", &state).await
    }

    /// Whether a session is alive; else what was seen.
    pub(super) async fn check(&self, key: &SessionKey) -> Answered<Result<(), String>> {
        match self.call(Method::POST, key, "check", &Value::Null).await {
            Ok(answered) => {
                let answered = answered?;
                let seen = answered["seen"].as_str().unwrap_or_default();
                Some(Ok(match answered["alive"].as_bool() {
                    Some(true) => Ok(()),
                    _ => Err(seen.to_owned()),
                }))
            }
            Err(problem) => Some(Err(failure(&problem))),
        }
    }

    async fn done(
        &self,
        method: Method,
        key: &SessionKey,
        what: &str,
        body: &Value,
    ) -> Answered<()> {
        match self.call(method, key, what, body).await {
            Ok(answered) => answered.map(|_| Ok(())),
            Err(problem) => Some(Err(failure(&problem))),
        }
    }

    /// `Ok(None)`: there is no such session there, or the daemon has just gone.
    async fn call(
        &self,
        method: Method,
        key: &SessionKey,
        what: &str,
        body: &Value,
    ) -> Result<Option<Value>, Problem> {
        let url = format!("http://localhost/v1/sessions/{key}/{what}");
        let mut request = self.client().request(method, url);
        if !body.is_null() {
            let body = body.to_string();
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Ok(None),
            Err(_) => {
                return Err(Problem {
                    detail: "the daemon stopped before it had answered".to_owned(),
                    class: Some(FailureClass::Cancelled),
                    ..Problem::default()
                });
            }
        };
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap_or_default();
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default()))
            }
            _ => Err(serde_json::from_slice(&bytes).unwrap_or_default()),
        }
    }
}

/// Asks the person for a code each time that the login begins to wait for one.
async fn ask_for(files: &Files, key: &SessionKey, ask: &mpsc::Sender<Question>) -> Infallible {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if !matches!(files.waits_for_code(key), Ok(Some(_))) {
            continue;
        }
        let (answer, answered) = oneshot::channel();
        let session = key.to_string();
        let asked = ask.send(Question { session, answer }).await;
        let (Ok(()), Ok(text)) = (asked, answered.await) else {
            // The terminal is gone: whoever hands it in elsewhere is waited for.
            return std::future::pending().await;
        };
        if let Ok(Given::Refused(why)) = codes::hand_in(files, key, &text).await {
            complain(&why);
        }
    }
}

fn failure(problem: &Problem) -> Failure {
    let word = problem.kind.rsplit(':').next().unwrap_or_default();
    let class = problem.class.unwrap_or(match word {
        "session-held" => FailureClass::Cancelled,
        "renewal-pending" | "busy" => FailureClass::Timeout,
        _ => FailureClass::Storage,
    });
    let detail = match problem.detail.as_str() {
        "" => "the daemon's answer cannot be read",
        detail => detail,
    };
    Failure::new(class, detail)
}

fn how_of(word: Option<&str>, failure: &Option<Failure>) -> How {
    match (word, failure) {
        (Some("kept"), None) => How::Kept,
        (Some("probed"), None) => How::Probed,
        (Some("extended"), None) => How::Extended,
        (Some("logged_in"), None) => How::LoggedIn,
        (_, None) => How::Busy,
        (_, Some(_)) => How::Failed,
    }
}

fn artefact_path(files: &Files, key: &SessionKey, id: &str) -> PathBuf {
    let folder = files.path().join(".jarkeeper/artefacts");
    folder.join(key.to_string()).join(id)
}
