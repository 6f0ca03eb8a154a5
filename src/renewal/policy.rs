//! What to do about one session now.

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::life::{cron_due, horizon, later, probe_interval};
use super::outcome::{Outcome, apply};
use super::record::{Hold, Record};
use crate::failure::FailureClass;
use crate::sites::recipe::Renewal;

/// An answer this young is not asked for again, unless somebody doubts it: then the worker goes on with
/// [`Cause::Schedule`] once the session was seen alive.
const FRESH: TimeDelta = TimeDelta::seconds(10);

/// How often a held session is looked at: its secret may have changed, its state may be dead by now.
pub(super) const HELD_LOOK: TimeDelta = TimeDelta::hours(1);

/// What the recipe and the vault say about a session's renewal.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The recipe's fingerprint.
    pub fingerprint: &'a str,
    /// The tag of the account's present secret, see [`super::secret_tag`]; `None`: not read.
    pub secret_tag: Option<u16>,
    /// The recipe's wishes.
    pub renewal: &'a Renewal,
    /// Whether liveness can be seen by plain HTTP.
    pub has_probe: bool,
}

/// Why somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The loop woke up.
    Schedule,
    /// The daemon has just started.
    Startup,
    /// A known end comes near.
    Expiry,
    /// The recipe or the configuration was saved.
    FileChange,
    /// A time of the recipe's cron.
    Cron,
    /// A person asked for it.
    Command,
    /// A reader of the state says that the site refused it.
    Report,
}

/// Why something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no state.
    Missing,
    /// The session was seen dead.
    Dead,
    /// Its end has passed.
    Expired,
    /// Its due time has passed.
    Due,
    /// A time of the recipe's cron has passed.
    Cron,
    /// The recipe wants it touched this often.
    KeepAlive,
    /// The next regular probe.
    Probe,
    /// The daemon has just started.
    Startup,
    /// The recipe or the configuration was saved.
    FileChange,
    /// A person asked for it.
    Command,
    /// A reader of the state says that the site refused it.
    Report,
    /// The slow look at a session that is held.
    Held,
    /// A person released a hold.
    Released,
    /// The recipe behind a hold has changed.
    RecipeChanged,
    /// The secret behind a hold has changed.
    SecretChanged,
}

impl Reason {
    /// Whether a password that was refused once may be submitted a second time, see [`super::Ledger::permit`].
    pub fn insists(self) -> bool {
        matches!(self, Self::Released | Self::RecipeChanged)
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// All is well until then.
    Keep {
        /// When to ask again.
        until: DateTime<Utc>,
    },
    /// See by plain HTTP whether the session lives, then apply and decide again with the same cause.
    Probe(Reason),
    /// Visit the site with the present state; log in unless the session lives and [`enough`] is content. A visit that
    /// finds a session dead that was thought alive applies [`Outcome::Dead`] and decides again: deaths teach.
    Renew(Reason),
    /// Something is owed, and must not be tried now.
    Hold {
        /// When to ask again; `None`: not before a person or a changed file asks.
        until: Option<DateTime<Utc>>,
        /// What stands in the way, and the way out.
        why: String,
    },
}

/// What to do about one session. Pure: the same input gives the same answer.
pub fn decide(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>, cause: Cause) -> Decision {
    if record.clock_went_back(now) {
        let mut record = record.clone();
        record.follow_clock(now);
        return decide(now, &record, plan, cause);
    }
    if let Some(parked) = &record.parked {
        let because = if parked.why.is_empty() { "" } else { ": " };
        let why = format!(
            "held by a person since {}{because}{}; `jarkeeper release` lets it go on",
            parked.since.format("%F %T UTC"),
            parked.why
        );
        return Decision::Hold { until: None, why };
    }
    let mut insist = record.released.then_some(Reason::Released);
    if let Some(hold) = &record.hold {
        let by_hand = cause == Cause::Command && hold.class != FailureClass::WrongCredentials;
        match lifted(hold, plan) {
            Some(reason) => insist = Some(reason),
            None if by_hand => {}
            None => return held(now, record, plan, hold),
        }
    }
    let owed = owed(now, record, plan).map(|reason| insist.unwrap_or(reason));
    if let Some((until, why)) = waiting(now, record, plan, cause) {
        let watch = watch_at(record, plan);
        if watch.is_some_and(|at| at <= now) {
            return Decision::Probe(Reason::Probe);
        }
        let until = watch.map_or(until, |at| at.min(until));
        return match owed {
            None if cause != Cause::Command => Decision::Keep { until },
            _ => Decision::Hold {
                until: Some(until),
                why,
            },
        };
    }
    if let Some(asked) = asked(now, record, plan, cause, owed) {
        return asked;
    }
    if let Some(reason) = owed {
        return Decision::Renew(reason);
    }
    let touch = touch_at(record, plan);
    if let Some((at, reason)) = touch
        && at <= now
    {
        return match plan.has_probe {
            true => Decision::Probe(reason),
            false => Decision::Renew(reason),
        };
    }
    let due = horizon(record, plan).map(|horizon| horizon.due);
    let next = [due, touch.map(|(at, _)| at), cron_due(record, plan)];
    let until = next.into_iter().flatten().min();
    Decision::Keep {
        until: until.unwrap_or_else(|| later(now, HELD_LOOK)),
    }
}

/// When the loop should ask about this session again. The wall clock may jump and the machine may sleep, so a loop
/// asks at least once a minute, whatever this says; asking costs nothing.
pub fn next_wake(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>) -> DateTime<Utc> {
    match decide(now, record, plan, Cause::Schedule) {
        Decision::Keep { until } => until,
        Decision::Probe(_) | Decision::Renew(_) => now,
        Decision::Hold { until, .. } => until.unwrap_or_else(|| later(now, TimeDelta::days(1))),
    }
}

/// Whether a session that a renewal for this reason found alive, with cookies that now end at `expires_at`, needs
/// no login: the visit moved its due time away. A session with a fixed end is not enough, and is made anew.
pub fn enough(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    reason: Reason,
    expires_at: Option<DateTime<Utc>>,
) -> bool {
    // A cron asks for more life, where it can be seen whether there is more.
    if reason == Reason::Cron && expires_at.is_some() && expires_at <= record.expires_at {
        return false;
    }
    let outcome = Outcome::Renewed {
        expires_at,
        login: false,
    };
    // Only the next probe is drawn here, and nobody will look at it.
    let mut rng = SmallRng::seed_from_u64(0);
    let after = apply(now, record.clone(), plan, outcome, &mut rng);
    owed(now, &after, plan).is_none()
}

/// Whether, and why, the session needs a renewal by now.
pub(super) fn owed(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>) -> Option<Reason> {
    let Some(horizon) = horizon(record, plan) else {
        return Some(Reason::Missing);
    };
    if record.died_at.is_some() {
        Some(Reason::Dead)
    } else if horizon.end.is_some_and(|end| end <= now) {
        Some(Reason::Expired)
    } else if horizon.due <= now {
        Some(Reason::Due)
    } else if cron_due(record, plan).is_some_and(|at| at <= now) {
        Some(Reason::Cron)
    } else {
        None
    }
}

fn lifted(hold: &Hold, plan: &Plan<'_>) -> Option<Reason> {
    if hold.fingerprint != plan.fingerprint {
        return Some(Reason::RecipeChanged);
    }
    match (hold.secret_tag, plan.secret_tag) {
        (Some(failed), Some(present)) if failed != present => Some(Reason::SecretChanged),
        _ => None,
    }
}

pub(super) fn is_held(record: &Record, plan: &Plan<'_>) -> bool {
    let hold = record.hold.as_ref();
    hold.is_some_and(|hold| lifted(hold, plan).is_none())
}

fn held(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>, hold: &Hold) -> Decision {
    let probing = plan.has_probe && record.captured_at.is_some() && !hold.gave_up;
    let probe_at = record.next_probe_at.unwrap_or(now);
    if probing && probe_at <= now {
        return Decision::Probe(Reason::Held);
    }
    let look = later(now, HELD_LOOK);
    let until = if probing { probe_at.min(look) } else { look };
    let why = format!(
        "{} since {}: {}; a changed recipe or secret lifts this, and so does `jarkeeper release`",
        if hold.gave_up {
            "given up"
        } else {
            hold.class.word()
        },
        hold.since.format("%F %T UTC"),
        hold.why
    );
    Decision::Hold {
        until: Some(until),
        why,
    }
}

/// Until when, and why, nothing may be tried after failures.
fn waiting(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    cause: Cause,
) -> Option<(DateTime<Utc>, String)> {
    let backoff = record.backoff.as_ref().filter(|b| b.until > now)?;
    // These two waits were asked for by the site and by the ledger; the rest are ours to cut short.
    let strict = matches!(
        backoff.class,
        FailureClass::Throttled | FailureClass::Budget
    );
    let changed = backoff.fingerprint != plan.fingerprint;
    let found = backoff.class == FailureClass::SecretMissing
        && plan
            .secret_tag
            .is_some_and(|tag| Some(tag) != backoff.secret_tag);
    if !strict && (cause == Cause::Command || changed || found) {
        return None;
    }
    let message = record.last_failure.as_ref().map_or(
        "the session died before it was seen alive again",
        |failure| &failure.message,
    );
    let why = format!(
        "{} ({}), so the next try is at {}{}",
        backoff.class,
        message,
        backoff.until.format("%F %T UTC"),
        if backoff.class == FailureClass::Throttled {
            "; `jarkeeper release` ends the wait"
        } else {
            ""
        }
    );
    Some((backoff.until, why))
}

/// What the cause itself asks for, beyond the schedule.
fn asked(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    cause: Cause,
    owed: Option<Reason>,
) -> Option<Decision> {
    let reason = match cause {
        Cause::Schedule | Cause::Expiry | Cause::Cron => return None,
        Cause::Startup => Reason::Startup,
        Cause::FileChange => Reason::FileChange,
        Cause::Command => Reason::Command,
        Cause::Report => Reason::Report,
    };
    let age = record.proven_at.map(|at| now.signed_duration_since(at));
    // What was learned with another recipe counts for nothing; only a visit brings the probe back.
    let unlearned = cause == Cause::FileChange && !plan.has_probe;
    let doubts = matches!(cause, Cause::Command | Cause::Report) || unlearned;
    if !doubts && age.is_some_and(|age| age < FRESH) {
        return None;
    }
    match owed {
        // A session that is only due may well live: the cheapest look comes first, also after a restored backup.
        None | Some(Reason::Due | Reason::Cron) if plan.has_probe => Some(Decision::Probe(reason)),
        None if doubts => Some(Decision::Renew(reason)),
        _ => None,
    }
}

/// When to probe during a wait that is not for the site: its session is watched meanwhile.
fn watch_at(record: &Record, plan: &Plan<'_>) -> Option<DateTime<Utc>> {
    let class = record.backoff.as_ref().map(|backoff| backoff.class);
    let ours = matches!(
        class,
        Some(FailureClass::Budget | FailureClass::SecretMissing | FailureClass::Storage)
    );
    record.next_probe_at.filter(|_| ours && plan.has_probe)
}

/// When the session is to be probed or touched next.
fn touch_at(record: &Record, plan: &Plan<'_>) -> Option<(DateTime<Utc>, Reason)> {
    let proven = record.proven_at.or(record.captured_at)?;
    let kept_alive = plan.renewal.keep_alive.map(|every| later(proven, every));
    let probe = plan.has_probe.then(|| {
        let regular = record.next_probe_at;
        regular.unwrap_or_else(|| later(proven, probe_interval(record, plan)))
    });
    match (probe, kept_alive) {
        (Some(probe), Some(touch)) => Some((probe.min(touch), Reason::KeepAlive)),
        (None, Some(touch)) => Some((touch, Reason::KeepAlive)),
        (Some(probe), None) => Some((probe, Reason::Probe)),
        (None, None) => None,
    }
}
