//! What is shown of one session. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Cause;
use super::life::{cron_due, horizon, probe_interval};
use super::policy::{Decision, Plan, decide};
use super::record::{Happened, LastFailure, Record};

/// How fresh a session is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// `None`: not looked at lately, or never.
    pub alive: Option<bool>,
    /// When it was last seen alive.
    pub proven_at: Option<DateTime<Utc>>,
    /// When the state was last renewed.
    pub captured_at: Option<DateTime<Utc>>,
    /// When it ends, as far as is known.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What `status` shows of one session.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    let Freshness {
        alive,
        proven_at,
        captured_at,
        expires_at,
    } = freshness(now, record, plan);
    let hold = held(record);
    let next_renewal_at = match decide(now, record, plan, Cause::Schedule) {
        _ if hold.is_some() => None,
        Decision::Renew(_) => Some(now),
        Decision::Hold { until, .. } => until,
        Decision::Keep { .. } | Decision::Probe(_) => {
            let due = horizon.as_ref().map(|horizon| horizon.due);
            let cron = cron_due(record, plan);
            due.into_iter().chain(cron).min().map(|at| at.max(now))
        }
    };
    View {
        alive,
        proven_at,
        captured_at,
        expires_at,
        next_renewal_at,
        last_result: record.history.last().map(|entry| entry.result),
        last_error: record.last_failure.clone(),
        hold,
    }
}

/// Why a session waits for a person, where it does.
pub fn held(record: &Record) -> Option<Held> {
    match (&record.parked, &record.hold) {
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
    }
}

/// How fresh a session is: what readers of its state are told with it.
pub fn freshness(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>) -> Freshness {
    let end = horizon(record, plan).and_then(|horizon| horizon.end);
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
    Freshness {
        alive,
        proven_at: record.proven_at,
        captured_at: record.captured_at,
        expires_at: end,
    }
}
