//! What a reader may ask for: a session that was proven alive lately, or one that is renewed now; and how long it waits.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::{Cause, How, Queue, Report, held};
use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::session::FilesError;

/// How often a session that another process is renewing is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Renewals that one demand may cause or join: the first may have begun before it, and may not have needed to do anything.
const ROUNDS: usize = 3;

/// Why a session is not as it was asked for.
#[derive(Debug)]
pub enum Unmet {
    /// It waits for a person.
    Held {
        /// The class of the failure behind it; `None`: a person asked to leave it alone.
        class: Option<FailureClass>,
        /// Why, and the way out.
        why: String,
    },
    /// A renewal failed, or may not be tried yet.
    Failed {
        /// Why; with how long to wait, where that is known.
        failure: Failure,
        /// The renewal that failed just now.
        report: Option<Box<Report>>,
    },
    /// It is still being renewed.
    Pending,
}

impl From<FilesError> for Unmet {
    fn from(error: FilesError) -> Self {
        Self::of(error.into())
    }
}

impl Unmet {
    fn of(failure: Failure) -> Self {
        Self::Failed {
            failure,
            report: None,
        }
    }

    /// One word for it: `held`, `pending`, or the class of the failure.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Failed { failure, .. } => failure.class.word(),
            Self::Pending => "pending",
        }
    }
}

impl Queue {
    /// Sees to it that a session was proven alive at most `max_age` before now. Of all who ask at once the first causes a
    /// renewal, and the others wait for the same one; who gives up, by `until` or otherwise, ends it for nobody.
    ///
    /// A reader cannot do more than the schedule may: what holds a session holds it for readers too.
    ///
    /// # Errors
    /// It could not be had by `until`.
    pub async fn proven(
        &self,
        key: &SessionKey,
        max_age: TimeDelta,
        until: Instant,
    ) -> Result<(), Unmet> {
        let asked = (self.renewer().clock)();
        for _ in 0..ROUNDS {
            if self.renewer().is_fresh(key, max_age, asked)? {
                return Ok(());
            }
            self.renewed(key, Cause::Report, until).await?;
        }
        match self.renewer().is_fresh(key, max_age, asked)? {
            true => Ok(()),
            false => Err(Unmet::of(self.why_not(key)?)),
        }
    }

    /// Renews a session as far as the rules allow, or joins the renewal that runs, and waits for its end.
    ///
    /// # Errors
    /// It does not live afterwards, or is still at it by `until`.
    pub async fn renewed(
        &self,
        key: &SessionKey,
        cause: Cause,
        until: Instant,
    ) -> Result<Report, Unmet> {
        loop {
            let told = self.submit(key.clone(), cause);
            let report = match tokio::time::timeout_at(until, told).await {
                Err(_) => return Err(Unmet::Pending),
                Ok(Err(_)) => {
                    let message =
                        "the renewal came to no end; Jarkeeper is stopping, or its log says more";
                    return Err(Unmet::of(Failure::new(FailureClass::Cancelled, message)));
                }
                Ok(Ok(report)) => report,
            };
            match report.how {
                How::Busy if Instant::now() >= until => return Err(Unmet::Pending),
                How::Busy => tokio::time::sleep_until(until.min(Instant::now() + LOOK_AGAIN)).await,
                How::Held => return Err(self.held(report)),
                How::Failed => {
                    let unknown = || Failure::new(FailureClass::NotProven, "the renewal failed");
                    return Err(Unmet::Failed {
                        failure: report.failure.clone().unwrap_or_else(unknown),
                        report: Some(Box::new(report)),
                    });
                }
                How::Kept | How::Probed | How::Extended | How::LoggedIn => return Ok(report),
            }
        }
    }

    /// Tells those that wait for a person from those that wait for a time.
    fn held(&self, report: Report) -> Unmet {
        let kept = match self.renewer().known(&report.key) {
            Ok(kept) => kept,
            Err(error) => return error.into(),
        };
        let why = report.failure.map(|failure| failure.message);
        match held(&kept.record) {
            Some(hold) => Unmet::Held {
                class: match kept.record.parked {
                    Some(_) => None,
                    None => kept.record.hold.as_ref().map(|hold| hold.class),
                },
                why: why.unwrap_or(hold.why),
            },
            None => match self.why_not(&report.key) {
                Ok(failure) => Unmet::of(failure),
                Err(error) => error.into(),
            },
        }
    }

    /// Why nothing is tried now.
    fn why_not(&self, key: &SessionKey) -> Result<Failure, FilesError> {
        let kept = self.renewer().known(key)?;
        let record = &kept.record;
        let Some(backoff) = &record.backoff else {
            let message = "the session could not be proven alive at the time that was asked for";
            return Ok(Failure::new(FailureClass::NotProven, message));
        };
        let told = record.last_failure.as_ref();
        let told = told.map_or("the session died soon after it was made", |failure| {
            &failure.message
        });
        let until = backoff.until;
        let message = format!("{told}; the next try is at {}", until.format("%F %T UTC"));
        let mut failure = Failure::new(backoff.class, message);
        let wait = until - (self.renewer().clock)();
        failure.retry_after = Some(wait.max(TimeDelta::seconds(1)));
        Ok(failure)
    }
}
