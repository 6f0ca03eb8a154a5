//! How long a session lives, and when in that life it is renewed and probed.

use chrono::{DateTime, TimeDelta, Utc};
use croner::parser::{CronParser, Seconds};

use super::policy::Plan;
use super::record::Record;

/// The life that is assumed while nothing is known.
const UNKNOWN: TimeDelta = TimeDelta::hours(12);

/// Chrome keeps no cookie longer (RFC 6265bis, section 5.5).
const LONGEST: TimeDelta = TimeDelta::days(400);

/// Below this a session cannot be kept alive by logging in.
pub(super) const SHORTEST: TimeDelta = TimeDelta::seconds(60);

/// Below this the window begins earlier, to leave time for more than one try.
const SHORT: TimeDelta = TimeDelta::minutes(10);

/// From this life on a session made without a living predecessor draws from the wide window.
const LONG: TimeDelta = TimeDelta::hours(12);

/// Deaths that must have been seen before their 10th percentile is believed.
const ENOUGH_DEATHS: usize = 5;

/// The end of a session and the time at which it is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Horizon {
    /// When it ends, where a cookie or the recipe says so; a learned or an assumed life is only a reason to renew.
    pub end: Option<DateTime<Utc>>,
    /// When to renew it.
    pub due: DateTime<Utc>,
    /// The whole life behind `due`.
    pub life: TimeDelta,
}

pub(super) fn later(time: DateTime<Utc>, delta: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(delta)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

pub(super) fn sooner(time: DateTime<Utc>, delta: TimeDelta) -> DateTime<Utc> {
    time.checked_sub_signed(delta)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

pub(super) fn scale(delta: TimeDelta, by: f64) -> TimeDelta {
    TimeDelta::milliseconds((delta.num_milliseconds() as f64 * by) as i64)
}

/// The horizon of a session; `None` where there is no state.
pub fn horizon(record: &Record, plan: &Plan<'_>) -> Option<Horizon> {
    let captured = record.captured_at?;
    let login = record.logged_in_at.unwrap_or(captured);
    let mut end = None;
    let mut best: Option<Horizon> = None;
    let mut bound = |start: DateTime<Utc>, life: TimeDelta, is_end: bool| {
        let life = life.clamp(TimeDelta::zero(), LONGEST);
        let stop = later(start, life);
        if is_end && end.is_none_or(|end| stop < end) {
            end = Some(stop);
        }
        let due = due(start, stop, life, is_end, record, plan);
        if best.is_none_or(|best| due < best.due) {
            best = Some(Horizon {
                end: None,
                due,
                life,
            });
        }
    };
    if let Some(expires) = record.expires_at {
        let start = record.expires_seen_at.unwrap_or(captured);
        bound(start, expires.signed_duration_since(start), true);
    }
    if let Some(max_age) = plan.renewal.max_age {
        bound(login, max_age, true);
    }
    if let Some(learned) = learned(record) {
        bound(login, learned, false);
    }
    let horizon = best.unwrap_or_else(|| Horizon {
        end: None,
        due: due(
            captured,
            later(captured, UNKNOWN),
            UNKNOWN,
            false,
            record,
            plan,
        ),
        life: UNKNOWN,
    });
    Some(Horizon { end, ..horizon })
}

fn due(
    start: DateTime<Utc>,
    stop: DateTime<Utc>,
    life: TimeDelta,
    known: bool,
    record: &Record,
    plan: &Plan<'_>,
) -> DateTime<Utc> {
    let draw = f64::from(record.draw) / f64::from(u32::MAX);
    if let Some(before) = plan.renewal.before_expiry.filter(|_| known) {
        // Up to a tenth earlier than asked, so that sessions with one end do not log in at one moment.
        let at = sooner(stop, scale(before.min(LONGEST), 1.0 + 0.1 * draw));
        // A wish longer than the life itself would renew for ever; then the share of the life decides.
        if at >= later(start, life / 10) {
            return at;
        }
    }
    let (from, width) = if life < SHORT {
        (0.45, 0.10)
    } else if record.wide && life >= LONG {
        // A tenth of 12 h is 14 buckets of 5 minutes, 7 % of the sessions in each: too many after a common start.
        (0.40, 0.30)
    } else {
        (0.60, 0.10)
    };
    later(start, scale(life, from + width * draw))
}

/// The 10th percentile of the lives seen to their end, once there are enough.
fn learned(record: &Record) -> Option<TimeDelta> {
    if record.lives.len() < ENOUGH_DEATHS {
        return None;
    }
    let mut lives: Vec<i64> = record.lives.iter().map(|life| life.seconds).collect();
    lives.sort_unstable();
    let tenth = lives[(lives.len() - 1) / 10];
    Some(TimeDelta::seconds(
        tenth.clamp(SHORTEST.num_seconds(), LONGEST.num_seconds()),
    ))
}

/// The first time of the recipe's cron after the last renewal; one that passed while nobody was there still counts.
pub(super) fn cron_due(record: &Record, plan: &Plan<'_>) -> Option<DateTime<Utc>> {
    let pattern = plan.renewal.cron.as_deref()?;
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    // The loader has refused patterns that do not parse.
    let cron = parser.parse(pattern).ok()?;
    cron.find_next_occurrence(&record.captured_at?, false).ok()
}

/// How often a session is probed, before jitter: a twentieth of its life within a minute and an hour, or as often
/// as the recipe wants it touched.
pub(super) fn probe_interval(record: &Record, plan: &Plan<'_>) -> TimeDelta {
    let life = horizon(record, plan).map_or(UNKNOWN, |horizon| horizon.life);
    let interval = (life / 20).clamp(TimeDelta::minutes(1), TimeDelta::hours(1));
    match plan.renewal.keep_alive {
        Some(keep_alive) => interval.min(keep_alive),
        None => interval,
    }
}
