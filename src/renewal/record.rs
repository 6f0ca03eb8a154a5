//! What is remembered of one session between two looks at it. Holds no secret.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Cause;
use super::life::sooner;
use crate::failure::FailureClass;

/// How many outcomes are remembered: a day of a session that lives for half an hour.
const HISTORY: usize = 100;

/// How many seen deaths are remembered.
const LIVES: usize = 20;

/// How far the clock may run back before it counts as moved; a slewed clock never goes back so far.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// The record of one session, kept as JSON beside its state.
///
/// Fields that this version does not know are passed over; a record of a newer version is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Shape of this object: [`Record::VERSION`].
    #[serde(deserialize_with = "known_version")]
    pub version: u32,
    /// The newest clock reading that this record was written at; a clock behind it has been set back.
    pub seen_at: Option<DateTime<Utc>>,
    /// When the state was last renewed, by a visit or by a login; `None`: there is no state.
    pub captured_at: Option<DateTime<Utc>>,
    /// When the credentials were last submitted and accepted.
    pub logged_in_at: Option<DateTime<Utc>>,
    /// When the cookies that matter end, as far as they say.
    pub expires_at: Option<DateTime<Utc>>,
    /// When this end was first seen: the beginning of the life that it ends.
    pub expires_seen_at: Option<DateTime<Utc>>,
    /// Where in its window the due time lies, in parts of 2^32; drawn once per login.
    pub draw: u32,
    /// Whether that window is the wide one, because the login had no living session before it: those that were all
    /// made at one start must not all be due together.
    pub wide: bool,
    /// When the session was last seen alive.
    pub proven_at: Option<DateTime<Utc>>,
    /// When to probe next.
    pub next_probe_at: Option<DateTime<Utc>>,
    /// When the session was first seen dead; `None` while it is not known to be.
    pub died_at: Option<DateTime<Utc>>,
    /// How many renewals in a row died without having been seen alive again.
    pub soft_deaths: u32,
    /// The wait after failures; `None`: the last contact went well.
    pub backoff: Option<Backoff>,
    /// The newest failure; `None` once a renewal succeeded after it.
    pub last_failure: Option<LastFailure>,
    /// Why nothing is tried until a person acts, or the recipe or the secret changes.
    pub hold: Option<Hold>,
    /// A person's wish to leave this session alone.
    pub parked: Option<Parked>,
    /// Whether a person released a hold, and no login has been submitted since.
    pub released: bool,
    /// Deaths that were seen, oldest first.
    pub lives: Vec<Life>,
    /// The newest outcomes, oldest first.
    pub history: Vec<Entry>,
}

/// The wait after failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Failures in a row that cost the site a contact.
    pub tries: u32,
    /// When the first of the row happened.
    pub since: DateTime<Utc>,
    /// The last delay before its jitter, in milliseconds.
    pub delay_ms: i64,
    /// No try before this.
    pub until: DateTime<Utc>,
    /// The class of the newest failure.
    pub class: FailureClass,
    /// The recipe in force at the failure: another one need not wait.
    pub fingerprint: String,
    /// The tag of the secret at the failure; `None`: none had been read.
    #[serde(default)]
    pub secret_tag: Option<u16>,
}

/// Why nothing is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The class of the failure behind it.
    pub class: FailureClass,
    /// What happened, in plain words.
    pub why: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The recipe that failed: another one lifts the hold.
    pub fingerprint: String,
    /// The tag of the secret that failed: another one lifts the hold. `None`: no secret had been read.
    #[serde(default)]
    pub secret_tag: Option<u16>,
    /// Whether the reason is that the last of many tries failed.
    #[serde(default)]
    pub gave_up: bool,
}

/// A person's wish to leave a session alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// What the person gave as the reason; may be empty.
    pub why: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A failure as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastFailure {
    /// Its class.
    pub class: FailureClass,
    /// What was seen, and the way out.
    pub message: String,
    /// The step, counted from 1.
    #[serde(default)]
    pub step: Option<usize>,
    /// When.
    pub at: DateTime<Utc>,
    /// How long the site asked us to wait, in seconds.
    #[serde(default)]
    pub retry_after_s: Option<i64>,
    /// Whether the credentials had been submitted.
    #[serde(default)]
    pub submitted: bool,
    /// The folder with what was seen, relative to `.auth`.
    #[serde(default)]
    pub artefacts: Option<String>,
}

/// A session whose death was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// When.
    pub at: DateTime<Utc>,
    /// From the login to the last time it was seen alive, in seconds.
    pub seconds: i64,
}

/// One remembered outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub result: Happened,
    /// The class, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// How long the work had taken by then, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why the work was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The last part of the path of the folder with what was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefacts: Option<String>,
}

/// The outcomes worth remembering; that a live session is still alive is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Credentials were submitted and the new session is proven.
    LoggedIn,
    /// The session was extended without a login.
    Extended,
    /// A session that had been thought dead answered again.
    Revived,
    /// The session was found dead.
    Died,
    /// A probe or a renewal failed.
    Failed,
    /// A person asked to leave it alone.
    Parked,
    /// A person released it.
    Released,
    /// A person deleted it.
    Deleted,
}

impl Happened {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::Extended => "extended",
            Self::Revived => "revived",
            Self::Died => "died",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Released => "released",
            Self::Deleted => "deleted",
        }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            seen_at: None,
            captured_at: None,
            logged_in_at: None,
            expires_at: None,
            expires_seen_at: None,
            draw: 0,
            wide: false,
            proven_at: None,
            next_probe_at: None,
            died_at: None,
            soft_deaths: 0,
            backoff: None,
            last_failure: None,
            hold: None,
            parked: None,
            released: false,
            lives: Vec::new(),
            history: Vec::new(),
        }
    }
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version > Record::VERSION {
        return Err(serde::de::Error::custom(format!(
            "the record has version {version}, and this Jarkeeper knows up to {}: use the newer one",
            Record::VERSION
        )));
    }
    Ok(version)
}

impl Record {
    /// The shape that this version writes.
    pub const VERSION: u32 = 1;

    /// Whether the clock has been set back behind this record.
    pub fn clock_went_back(&self, now: DateTime<Utc>) -> bool {
        self.seen_at
            .is_some_and(|seen| seen.signed_duration_since(now) > CLOCK_TOLERANCE)
    }

    /// Moves every time back with a clock that has been set back, and says whether it had been.
    ///
    /// Without this a wait drawn before the jump would last as much longer as the jump was long. Call it before
    /// [`decide`](super::decide) and write the record where it answers `true`; ages and remaining waits stay what they were.
    pub fn follow_clock(&mut self, now: DateTime<Utc>) -> bool {
        let Some(seen) = self.seen_at.filter(|_| self.clock_went_back(now)) else {
            return false;
        };
        let jump = seen.signed_duration_since(now);
        for time in [
            &mut self.seen_at,
            &mut self.captured_at,
            &mut self.logged_in_at,
            &mut self.expires_at,
            &mut self.expires_seen_at,
            &mut self.proven_at,
            &mut self.next_probe_at,
            &mut self.died_at,
        ]
        .into_iter()
        .flatten()
        {
            *time = sooner(*time, jump);
        }
        if let Some(backoff) = &mut self.backoff {
            backoff.since = sooner(backoff.since, jump);
            backoff.until = sooner(backoff.until, jump);
        }
        true
    }

    pub(super) fn remember(
        &mut self,
        at: DateTime<Utc>,
        result: Happened,
        class: Option<FailureClass>,
    ) {
        if self.history.len() >= HISTORY {
            self.history.drain(..=self.history.len() - HISTORY);
        }
        self.history.push(Entry {
            at,
            result,
            class,
            took_ms: None,
            cause: None,
            artefacts: None,
        });
    }

    /// Adds to what happened at `at` how long the work had taken, why it was done, and the folder with what was seen.
    pub fn tell_more(
        &mut self,
        at: DateTime<Utc>,
        took: Duration,
        cause: Cause,
        artefacts: Option<&str>,
    ) {
        let newest = self.history.iter_mut().rev();
        for entry in newest.take_while(|entry| entry.at == at && entry.took_ms.is_none()) {
            entry.took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            entry.cause = Some(cause);
            // Of several folders one is kept track of: that of the failure.
            entry.artefacts = artefacts
                .filter(|_| entry.result == Happened::Failed)
                .and_then(|path| Some(Path::new(path).file_name()?.to_str()?.to_owned()));
        }
    }

    pub(super) fn learn(&mut self, at: DateTime<Utc>, life: TimeDelta) {
        if self.lives.len() >= LIVES {
            self.lives.drain(..=self.lives.len() - LIVES);
        }
        self.lives.push(Life {
            at,
            seconds: life.num_seconds(),
        });
    }
}
