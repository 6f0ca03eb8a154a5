//! What an outcome does to a session's record.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};

use super::backoff::{self, TRIES};
use super::life::{SHORTEST, horizon, later, probe_interval, scale};
use super::policy::{HELD_LOOK, Plan, Reason, is_held, owed};
use super::record::{Happened, Hold, LastFailure, Parked, Record};
use crate::failure::{Failure, FailureClass};

/// What came of a probe or a renewal.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The session lives; `expires_at` is the end of its cookies as they are now.
    Alive {
        /// `None` where they name none.
        expires_at: Option<DateTime<Utc>>,
    },
    /// The site answered, and does not know the session any more.
    Dead,
    /// A new state is in its place, and proven.
    Renewed {
        /// The end of its cookies; `None` where they name none.
        expires_at: Option<DateTime<Utc>>,
        /// Whether credentials were submitted; otherwise the old session was extended.
        login: bool,
    },
    /// It did not work out, and the old state stays.
    Failed {
        /// Why.
        failure: &'a Failure,
        /// The folder with what was seen, relative to `.auth`.
        artefacts: Option<&'a str>,
    },
}

/// The record after this outcome. Pure but for `rng`, which draws due times and jitter.
pub fn apply(
    now: DateTime<Utc>,
    mut record: Record,
    plan: &Plan<'_>,
    outcome: Outcome<'_>,
    rng: &mut (impl Rng + ?Sized),
) -> Record {
    if let Outcome::Failed { failure, .. } = outcome
        && failure.class == FailureClass::Cancelled
    {
        // What was submitted before stands in the ledger; the session itself is what it was.
        return record;
    }
    record.follow_clock(now);
    record.seen_at = Some(now);
    match outcome {
        Outcome::Alive { expires_at } => alive(now, &mut record, plan, expires_at, rng),
        Outcome::Dead => dead(now, &mut record, plan, rng),
        Outcome::Renewed { expires_at, login } => {
            renewed(now, &mut record, plan, expires_at, login, rng)
        }
        Outcome::Failed { failure, artefacts } => {
            failed(now, &mut record, plan, failure, artefacts, rng)
        }
    }
    // After a failure that passes the back-off says when; the probe that was due then is due still.
    let waits_for_site =
        matches!(outcome, Outcome::Failed { failure, .. } if backoff::is_of_the_site(failure));
    if !waits_for_site || is_held(&record, plan) {
        let interval = match is_held(&record, plan) {
            true => HELD_LOOK,
            false => probe_interval(&record, plan),
        };
        let jittered = scale(interval, rng.random_range(0.9..1.1));
        record.next_probe_at = record.captured_at.map(|_| later(now, jittered));
    }
    record
}

/// The record after a person asked to leave the session alone.
pub fn hold(now: DateTime<Utc>, mut record: Record, why: &str) -> Record {
    record.parked = Some(Parked {
        why: why.to_owned(),
        since: now,
    });
    record.remember(now, Happened::Parked, None);
    record
}

/// The record after a person let it go on: no hold, no wait, and a refused password may be submitted once more.
/// The ledger needs an [`super::Event::Released`] beside it.
pub fn release(now: DateTime<Utc>, mut record: Record) -> Record {
    record.parked = None;
    record.released = record.hold.take().is_some() || record.released;
    record.backoff = None;
    record.soft_deaths = 0;
    record.remember(now, Happened::Released, None);
    record
}

/// The record after a person deleted the session: nothing is known of one any more. What failed and what holds stays, and so
/// does what was learned of how long sessions live.
pub fn forget(now: DateTime<Utc>, record: Record) -> Record {
    let mut record = Record {
        captured_at: None,
        logged_in_at: None,
        expires_at: None,
        expires_seen_at: None,
        proven_at: None,
        next_probe_at: None,
        died_at: None,
        soft_deaths: 0,
        ..record
    };
    record.remember(now, Happened::Deleted, None);
    record
}

/// Notes the end of the cookies. A new life begins where it has moved with the clock, as that of a sliding session
/// does; an end that stays, give or take, ends the life that is running, however often its cookie is set again.
fn set_end(now: DateTime<Utc>, record: &mut Record, expires_at: Option<DateTime<Utc>>) {
    let slid = match (record.expires_at, expires_at) {
        (Some(old), Some(new)) => {
            let elapsed = now - record.expires_seen_at.unwrap_or(now);
            new - old >= (elapsed / 2).max(TimeDelta::seconds(1))
        }
        (old, new) => old != new,
    };
    record.expires_at = expires_at;
    if slid {
        record.expires_seen_at = Some(now);
    }
}

fn alive(
    now: DateTime<Utc>,
    record: &mut Record,
    plan: &Plan<'_>,
    expires_at: Option<DateTime<Utc>>,
    rng: &mut (impl Rng + ?Sized),
) {
    if record.captured_at.is_none() {
        record.captured_at = Some(now);
        record.wide = true;
        record.draw = rng.random();
    }
    record.proven_at = Some(now);
    record.soft_deaths = 0;
    set_end(now, record, expires_at);
    if record.died_at.take().is_some() {
        record.remember(now, Happened::Revived, None);
    }
    // While a renewal is owed its failures count on: a probe that works does not mean that a login does.
    if record.hold.is_none() && owed(now, record, plan).is_none() {
        record.backoff = None;
        record.last_failure = None;
    }
}

fn dead(now: DateTime<Utc>, record: &mut Record, plan: &Plan<'_>, rng: &mut (impl Rng + ?Sized)) {
    if record.died_at.is_some() {
        return;
    }
    record.died_at = Some(now);
    record.remember(now, Happened::Died, None);
    let end = horizon(record, plan).and_then(|horizon| horizon.end);
    if end.is_some_and(|end| end <= now) {
        // It died as it said it would; when it was last looked at tells nothing of its life.
        return;
    }
    let login = record.logged_in_at.or(record.captured_at);
    let proven = record.proven_at.filter(|at| Some(*at) > login);
    if let Some(proven) = proven {
        let life = login.map(|login| proven - login);
        if let Some(life) = life.filter(|life| *life >= SHORTEST) {
            record.learn(now, life);
        }
        return;
    }
    // Nobody has seen this session alive since it was made.
    record.soft_deaths = record.soft_deaths.saturating_add(1);
    let backoff = backoff::after_soft_death(now, record, plan, rng);
    if record
        .backoff
        .as_ref()
        .is_none_or(|running| running.until < backoff.until)
    {
        record.backoff = Some(backoff);
    }
}

fn renewed(
    now: DateTime<Utc>,
    record: &mut Record,
    plan: &Plan<'_>,
    expires_at: Option<DateTime<Utc>>,
    login: bool,
    rng: &mut (impl Rng + ?Sized),
) {
    let lived = record.captured_at.is_some()
        && !matches!(
            owed(now, record, plan),
            Some(Reason::Missing | Reason::Dead | Reason::Expired)
        );
    if login || record.captured_at.is_none() {
        record.wide = !lived;
        record.draw = rng.random();
    }
    if login {
        record.logged_in_at = Some(now);
        record.expires_at = expires_at;
        record.expires_seen_at = Some(now);
    } else {
        set_end(now, record, expires_at);
    }
    record.captured_at = Some(now);
    record.proven_at = Some(now);
    record.died_at = None;
    record.backoff = None;
    record.last_failure = None;
    record.hold = None;
    record.released = false;
    let what = if login {
        Happened::LoggedIn
    } else {
        Happened::Extended
    };
    record.remember(now, what, None);
    let life = expires_at.map(|end| end - now);
    if let Some(life) = life.filter(|life| login && *life < SHORTEST) {
        let why = format!(
            "the cookies that matter end {} s after the login, and a session must live for 60 s or more; \
             name cookies that live longer in `cookies`",
            life.num_seconds()
        );
        set_hold(now, record, plan, FailureClass::RecipeWrong, why, false);
    } else if owed(now, record, plan).is_some() {
        // A renewal that gained nothing would be owed again at once, and at once again.
        record.backoff = Some(backoff::after_no_gain(now, plan, rng));
    }
}

fn failed(
    now: DateTime<Utc>,
    record: &mut Record,
    plan: &Plan<'_>,
    failure: &Failure,
    artefacts: Option<&str>,
    rng: &mut (impl Rng + ?Sized),
) {
    record.last_failure = Some(LastFailure {
        class: failure.class,
        message: failure.message.clone(),
        step: failure.step,
        at: now,
        retry_after_s: failure.retry_after.map(|wait| wait.num_seconds()),
        submitted: failure.submitted,
        artefacts: artefacts.map(str::to_owned),
    });
    record.remember(now, Happened::Failed, Some(failure.class));
    let Some(backoff) = backoff::after(now, record, plan, failure, rng) else {
        record.released = false;
        let why = failure.message.clone();
        return set_hold(now, record, plan, failure.class, why, false);
    };
    if is_held(record, plan) {
        // A probe of a held session that failed: the next look is an hour away anyhow.
        return;
    }
    if failure.submitted {
        // What lifted the hold has had its try.
        record.hold = None;
        record.released = false;
    }
    if backoff.tries >= TRIES {
        let why = format!(
            "{} tries in a row failed since {}, the last with: {}",
            backoff.tries,
            backoff.since.format("%F %T UTC"),
            failure.message
        );
        return set_hold(now, record, plan, failure.class, why, true);
    }
    record.backoff = Some(backoff);
}

fn set_hold(
    now: DateTime<Utc>,
    record: &mut Record,
    plan: &Plan<'_>,
    class: FailureClass,
    why: String,
    gave_up: bool,
) {
    record.backoff = None;
    record.hold = Some(Hold {
        class,
        why,
        since: now,
        fingerprint: plan.fingerprint.to_owned(),
        secret_tag: plan.secret_tag,
        gave_up,
    });
}
