//! What is remembered of one session between two looks at it. Holds no secret.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::life::{horizon, probe_interval, sooner};
use super::policy::{Decision, Plan, decide};
use super::{Cause, life};
use crate::failure::FailureClass;

/// How many outcomes are remembered.
const HISTORY: usize = 20;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub result: Happened,
    /// The class, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
}

/// The outcomes worth remembering; that a live session is still alive is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// [`decide`] and write the record where it answers `true`; ages and remaining waits stay what they were.
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
        self.history.push(Entry { at, result, class });
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

/// What `status` shows of one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// `None`: not looked at lately, or never.
    pub alive: Option<bool>,
    /// When it was last seen alive.
    pub proven_at: Option<DateTime<Utc>>,
    /// When the state was last renewed.
    pub captured_at: Option<DateTime<Utc>>,
    /// When it ends, as far as is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the next renewal is to come; `None` while held.
    pub next_renewal_at: Option<DateTime<Utc>>,
    /// The newest outcome.
    pub last_result: Option<Happened>,
    /// The newest failure that no success has followed.
    pub last_error: Option<LastFailure>,
    /// Why it waits for a person.
    pub hold: Option<Held>,
}

/// A hold as `status` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// A failure class, `gave_up`, or `person`.
    pub class: String,
    /// What happened.
    pub why: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What `status` shows of one session.
pub fn view(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>) -> View {
    let horizon = horizon(record, plan);
    let end = horizon.as_ref().and_then(|horizon| horizon.end);
    let hold = match (&record.parked, &record.hold) {
        (Some(parked), _) => Some(Held {
            class: "person".to_owned(),
            why: parked.why.clone(),
            since: parked.since,
        }),
        (None, Some(hold)) => Some(Held {
            class: if hold.gave_up {
                "gave_up".to_owned()
            } else {
                hold.class.word().to_owned()
            },
            why: hold.why.clone(),
            since: hold.since,
        }),
        (None, None) => None,
    };
    let next_renewal_at = match decide(now, record, plan, Cause::Schedule) {
        _ if hold.is_some() => None,
        Decision::Renew(_) => Some(now),
        Decision::Hold { until, .. } => until,
        Decision::Keep { .. } | Decision::Probe(_) => {
            let due = horizon.as_ref().map(|horizon| horizon.due);
            let cron = life::cron_due(record, plan);
            due.into_iter().chain(cron).min().map(|at| at.max(now))
        }
    };
    let alive = if record.died_at.is_some() || end.is_some_and(|end| end <= now) {
        record.captured_at.map(|_| false)
    } else {
        // An answer is believed for two intervals, so that one probe that is late does not blank the table.
        let young = probe_interval(record, plan) * 2;
        let proven = record
            .proven_at
            .filter(|at| now.signed_duration_since(*at) <= young);
        proven.map(|_| true)
    };
    View {
        alive,
        proven_at: record.proven_at,
        captured_at: record.captured_at,
        expires_at: end,
        next_renewal_at,
        last_result: record.history.last().map(|entry| entry.result),
        last_error: record.last_failure.clone(),
        hold,
    }
}
