//! How long to wait after a failure.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};

use super::life::{horizon, later, scale};
use super::policy::Plan;
use super::record::{Backoff, Record};
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
pub(super) const TRIES: u32 = 142;

/// Of these, tries with short delays while the session lives. A long outage would else use up all in half a day.
const QUICK: u32 = 36;

/// The first delay after a failure behind the submit, or when the site asks us to slow down without saying how long.
const SLOW: TimeDelta = TimeDelta::minutes(15);

/// How often the source of a secret is asked again.
const HOURLY: TimeDelta = TimeDelta::hours(1);

/// No two tries are ever closer.
const SHORTEST_GAP: TimeDelta = TimeDelta::seconds(1);

/// The least and the longest wait that a site may ask for.
const RETRY_AFTER: (TimeDelta, TimeDelta) = (TimeDelta::seconds(60), TimeDelta::hours(24));

/// How often in a row a site's Retry-After is taken at its word alone; then our own doubling counts beside it, or a
/// site that always says "in a second" would use up all tries in two hours.
const TRUSTED: u32 = 3;

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
        C::CodeRefused | C::PasskeyWanted | C::PasswordExpired | C::Consent => Wait::Person,
        C::FormNotFound | C::FormChanged | C::RecipeWrong => Wait::Person,
        C::Budget if failure.retry_after.is_none() => Wait::Person,
        C::Budget | C::SecretMissing | C::Cancelled => Wait::Own,
        C::Storage if !failure.submitted => Wait::Own,
        C::Throttled | C::NotProven => Wait::Long,
        C::SiteDown | C::Timeout | C::BrowserLost if !failure.submitted => Wait::Short,
        C::SiteDown | C::Timeout | C::BrowserLost | C::Storage => Wait::Long,
    }
}

/// Whether time heals this failure, and the site was asked.
pub(super) fn is_of_the_site(failure: &Failure) -> bool {
    matches!(waits(failure), Wait::Short | Wait::Long)
}

/// The wait after this failure, the record being as it was before; `None`: time does not heal it.
pub(super) fn after(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    failure: &Failure,
    rng: &mut (impl Rng + ?Sized),
) -> Option<Backoff> {
    let wait = waits(failure);
    let last = record.backoff.as_ref();
    let tries = last.map_or(0, |last| last.tries) + u32::from(wait != Wait::Own);
    let before = last.map_or(0, |last| last.delay_ms);
    let before = TimeDelta::milliseconds(before.clamp(0, CAP.num_milliseconds()));
    let (nominal, delay) = match (wait, failure.class) {
        (Wait::Person, _) => return None,
        // The ledger knows when its window opens; this is no failure to back off from.
        (_, FailureClass::Budget) => (before, TimeDelta::zero()),
        (_, FailureClass::SecretMissing) => (before, scale(HOURLY, rng.random_range(0.9..1.1))),
        (Wait::Long, FailureClass::Throttled)
            if failure.retry_after.is_some() && tries <= TRUSTED =>
        {
            (before, TimeDelta::zero())
        }
        (Wait::Long, _) => {
            let nominal = (before * 2).clamp(SLOW, CAP);
            (nominal, scale(nominal, rng.random_range(1.0..1.1)).min(CAP))
        }
        (Wait::Short | Wait::Own, _) => {
            let cap = cap(now, record, plan, tries);
            // Decorrelated: drawn between once and three times the last, twice on average.
            let drawn = match before.num_milliseconds() {
                0 => scale(FIRST, rng.random_range(0.5..1.5)),
                before => TimeDelta::milliseconds(rng.random_range(before..=before * 3)),
            };
            if drawn < cap {
                (drawn, drawn)
            } else {
                (cap, scale(cap, rng.random_range(0.85..1.0)))
            }
        }
    };
    let asked = failure.retry_after.map(|asked| {
        let asked = asked.clamp(RETRY_AFTER.0, RETRY_AFTER.1);
        scale(asked, rng.random_range(1.0..1.05)).min(RETRY_AFTER.1)
    });
    let delay = delay.max(asked.unwrap_or_default()).max(SHORTEST_GAP);
    Some(Backoff {
        tries,
        since: last.map_or(now, |last| last.since),
        delay_ms: nominal.num_milliseconds(),
        until: later(now, delay),
        class: failure.class,
        fingerprint: plan.fingerprint.to_owned(),
        secret_tag: plan.secret_tag,
    })
}

/// The wait after a session died without having been seen alive since it was made. Once may be chance; from the
/// second in a row on, a renewal that "succeeds" with a dead cookie must not become a loop of logins.
pub(super) fn after_soft_death(
    now: DateTime<Utc>,
    record: &Record,
    plan: &Plan<'_>,
    rng: &mut (impl Rng + ?Sized),
) -> Backoff {
    let (nominal, jitter) = match record.soft_deaths {
        0 | 1 => (FIRST, rng.random_range(0.5..1.5)),
        n => {
            let doubled = SLOW * (1 << (n - 2).min(5));
            (doubled.min(CAP), rng.random_range(1.0..1.1))
        }
    };
    Backoff {
        tries: record.backoff.as_ref().map_or(0, |last| last.tries),
        since: now,
        delay_ms: nominal.num_milliseconds(),
        until: later(now, scale(nominal, jitter)),
        class: FailureClass::NotProven,
        fingerprint: plan.fingerprint.to_owned(),
        secret_tag: plan.secret_tag,
    }
}

/// The wait after a renewal that was reported as done and left the session as due as it was.
pub(super) fn after_no_gain(
    now: DateTime<Utc>,
    plan: &Plan<'_>,
    rng: &mut (impl Rng + ?Sized),
) -> Backoff {
    Backoff {
        tries: 0,
        since: now,
        delay_ms: SLOW.num_milliseconds(),
        until: later(now, scale(SLOW, rng.random_range(1.0..1.1))),
        class: FailureClass::NotProven,
        fingerprint: plan.fingerprint.to_owned(),
        secret_tag: plan.secret_tag,
    }
}

/// The longest delay of a transient failure: short while there is a session to save, long when it is lost.
fn cap(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>, tries: u32) -> TimeDelta {
    let end = horizon(record, plan).and_then(|horizon| horizon.end);
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
