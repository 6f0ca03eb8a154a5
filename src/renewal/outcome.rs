//! What an outcome does to a session's record.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};

use super::life::{SHORTEST, later, probe_interval, scale};
use super::policy::{HELD_LOOK, Plan, is_held, owed};
use super::record::{Backoff, Happened, Hold, LastFailure, Parked, Record};
use crate::failure::{Failure, FailureClass};

/// The first delay after a failure that time may heal.
const FIRST: TimeDelta = TimeDelta::seconds(5);

/// Longest delay while the session lives, for the first [`QUICK`] tries.
const ALIVE_CAP: TimeDelta = TimeDelta::minutes(5);

/// Longest delay in the first day after the session's death.
const DEAD_CAP: TimeDelta = TimeDelta::hours(1);

/// Longest delay of all.
const CAP: TimeDelta = TimeDelta::hours(6);

/// Tries in a row until we give up; certmagic makes as many in its 30 days.
const TRIES: u32 = 142;

/// Of these, tries with short delays while the session lives. A long outage would else use up all in half a day.
const QUICK: u32 = 36;

/// The first delay after a failure behind the submit, or when the site asks us to slow down without saying how long.
const SLOW: TimeDelta = TimeDelta::minutes(15);

/// The least and the longest wait that a site may ask for.
const RETRY_AFTER: (TimeDelta, TimeDelta) = (TimeDelta::seconds(60), TimeDelta::hours(24));

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
        Outcome::Alive { expires_at } => alive(now, &mut record, plan, expires_at),
        Outcome::Dead => dead(now, &mut record, plan, rng),
        Outcome::Renewed { expires_at, login } => {
            renewed(now, &mut record, plan, expires_at, login, rng)
        }
        Outcome::Failed { failure, artefacts } => {
            failed(now, &mut record, plan, failure, artefacts, rng)
        }
    }
    let interval = if is_held(&record, plan) {
        HELD_LOOK
    } else {
        probe_interval(&record, plan)
    };
    let jitter = rng.random_range(0.9..1.1);
    record.next_probe_at = record
        .captured_at
        .map(|_| later(now, scale(interval, jitter)));
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

fn set_end(now: DateTime<Utc>, record: &mut Record, expires_at: Option<DateTime<Utc>>) {
    // Max-Age counts from the answer, so an end that moved by less than a second has not moved.
    let moved = match (record.expires_at, expires_at) {
        (Some(old), Some(new)) => (new - old).abs() >= TimeDelta::seconds(1),
        (old, new) => old != new,
    };
    if moved {
        record.expires_at = expires_at;
        record.expires_seen_at = Some(now);
    }
}

fn alive(
    now: DateTime<Utc>,
    record: &mut Record,
    plan: &Plan<'_>,
    expires_at: Option<DateTime<Utc>>,
) {
    if record.captured_at.is_none() {
        record.captured_at = Some(now);
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
    let proven = record.proven_at.filter(|at| Some(*at) > record.captured_at);
    if let Some(proven) = proven {
        let login = record.logged_in_at.or(record.captured_at);
        let life = login.map(|login| proven - login);
        if let Some(life) = life.filter(|life| *life >= SHORTEST) {
            record.learn(now, life);
        }
        return;
    }
    // Nobody has seen this session alive since it was made. Once may be chance; from the second on, a renewal that
    // "succeeds" with a dead cookie must not become a loop of logins.
    record.soft_deaths = record.soft_deaths.saturating_add(1);
    let (delay, nominal) = match record.soft_deaths {
        1 => (scale(FIRST, rng.random_range(0.5..1.5)), FIRST),
        n => {
            let nominal = (SLOW * (1 << (n - 2).min(5))).min(CAP);
            (scale(nominal, rng.random_range(1.0..1.1)), nominal)
        }
    };
    let until = later(now, delay);
    if record.backoff.as_ref().is_some_and(|b| b.until >= until) {
        return;
    }
    record.backoff = Some(Backoff {
        tries: record.backoff.as_ref().map_or(0, |backoff| backoff.tries),
        since: now,
        delay_ms: nominal.num_milliseconds(),
        until,
        class: FailureClass::NotProven,
        fingerprint: plan.fingerprint.to_owned(),
    });
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
            Some(super::Reason::Missing | super::Reason::Dead | super::Reason::Expired)
        );
    record.wide = !lived;
    record.draw = rng.random();
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
    let wait = match waits(failure) {
        Wait::Person => {
            record.released = false;
            let why = failure.message.clone();
            return set_hold(now, record, plan, failure.class, why, false);
        }
        wait => wait,
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
    let last = record.backoff.as_ref();
    let tries = last.map_or(0, |backoff| backoff.tries) + u32::from(wait != Wait::Own);
    let since = last.map_or(now, |backoff| backoff.since);
    let before =
        TimeDelta::milliseconds(last.map_or(0, |b| b.delay_ms.clamp(0, CAP.num_milliseconds())));
    let (nominal, delay) = delay(now, record, plan, failure, wait, tries, before, rng);
    record.backoff = Some(Backoff {
        tries,
        since,
        delay_ms: nominal.num_milliseconds(),
        until: later(now, delay),
        class: failure.class,
        fingerprint: plan.fingerprint.to_owned(),
    });
    if tries >= TRIES {
        let why = format!(
            "{tries} tries in a row failed since {}, the last with: {}",
            since.format("%F %T UTC"),
            failure.message
        );
        set_hold(now, record, plan, failure.class, why, true);
    }
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

/// What heals a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Time, soon.
    Short,
    /// Time, not soon: another try may cost a login or annoy the site.
    Long,
    /// Time; the site has not been asked, so the try does not count.
    Own,
    /// A person, a new recipe or a new secret.
    Person,
}

fn waits(failure: &Failure) -> Wait {
    use FailureClass as C;
    match failure.class {
        C::WrongCredentials | C::Locked | C::CodeWanted | C::Challenge => Wait::Person,
        C::FormNotFound | C::FormChanged | C::RecipeWrong => Wait::Person,
        C::Budget if failure.retry_after.is_none() => Wait::Person,
        C::Budget | C::SecretMissing | C::Cancelled => Wait::Own,
        C::Storage if !failure.submitted => Wait::Own,
        C::Throttled | C::NotProven => Wait::Long,
        C::SiteDown | C::Timeout | C::BrowserLost if !failure.submitted => Wait::Short,
        C::SiteDown | C::Timeout | C::BrowserLost | C::Storage => Wait::Long,
    }
}

/// The next delay, before and after its jitter.
#[expect(
    clippy::too_many_arguments,
    reason = "one rule over one failure; a struct would be made only here"
)]
fn delay(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    failure: &Failure,
    wait: Wait,
    tries: u32,
    before: TimeDelta,
    rng: &mut (impl Rng + ?Sized),
) -> (TimeDelta, TimeDelta) {
    let asked = failure.retry_after.map(|asked| {
        let asked = asked.clamp(RETRY_AFTER.0, RETRY_AFTER.1);
        scale(asked, rng.random_range(1.0..1.05)).min(RETRY_AFTER.1)
    });
    let (nominal, jittered) = match failure.class {
        // The ledger knows to the second when its window opens, and keeps the delay out of the row.
        FailureClass::Budget => (before, TimeDelta::zero()),
        FailureClass::SecretMissing => {
            let hourly = TimeDelta::hours(1);
            (before, scale(hourly, rng.random_range(0.9..1.1)))
        }
        _ if wait == Wait::Long => {
            let nominal = (before * 2).clamp(SLOW, CAP);
            (nominal, scale(nominal, rng.random_range(1.0..1.1)).min(CAP))
        }
        _ => {
            let cap = cap(now, record, plan, tries);
            // Decorrelated: drawn between once and three times the last, twice on average.
            let drawn = match before.num_milliseconds() {
                0 => scale(FIRST, rng.random_range(0.5..1.5)),
                before => TimeDelta::milliseconds(rng.random_range(before..=before * 3)),
            };
            let nominal = drawn.min(cap);
            let jittered = if drawn < cap {
                nominal
            } else {
                scale(cap, rng.random_range(0.85..1.0))
            };
            (nominal, jittered)
        }
    };
    let delay = jittered.max(asked.unwrap_or_default());
    (nominal, delay.max(TimeDelta::seconds(1)))
}

/// The longest delay of a transient failure: short while there is a session to save, long when it is lost.
fn cap(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>, tries: u32) -> TimeDelta {
    let end = super::horizon(record, plan).and_then(|horizon| horizon.end);
    let first = record.backoff.as_ref().map_or(now, |backoff| backoff.since);
    let death = match (record.died_at, end) {
        (Some(died), Some(end)) => Some(died.min(end)),
        (None, Some(end)) if end > now => None,
        (died, end) => died.or(end),
    };
    match death {
        None if record.captured_at.is_some() => {
            if tries <= QUICK {
                return ALIVE_CAP;
            }
            // An unknown end may come at any time, and need not come for long.
            let left = end.map_or(CAP, |end| end - now);
            (left / 6).clamp(ALIVE_CAP, CAP)
        }
        death => {
            let since = now - death.unwrap_or(first);
            if since < TimeDelta::hours(24) {
                DEAD_CAP
            } else {
                CAP
            }
        }
    }
}
