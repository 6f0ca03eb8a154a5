//! How long a delivery is tried, and when a webhook is given up. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// How long to wait after the first failure, after the second, …; together a day.
const WAITS: [TimeDelta; 11] = [
    TimeDelta::seconds(1),
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(2),
    TimeDelta::minutes(10),
    TimeDelta::minutes(30),
    TimeDelta::hours(1),
    TimeDelta::hours(2),
    TimeDelta::hours(4),
    TimeDelta::hours(8),
    TimeDelta::hours(8),
];
/// A webhook that takes nothing for so long is disabled: the last try of a delivery comes after more than this.
const LONG: TimeDelta = TimeDelta::hours(23);
/// Longest rest of a receiver that fails, before it is tried with something else.
const REST: TimeDelta = TimeDelta::minutes(5);

/// When a delivery is tried again that failed for the `tries`th time; `None`: it is given up.
pub(super) fn next_try(tries: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wait = WAITS.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    Some(now + *wait)
}

/// How long a receiver is left alone that failed so often in a row.
pub(super) fn rest(failures: u32) -> TimeDelta {
    let index = usize::try_from(failures).unwrap_or(usize::MAX);
    let wait = WAITS.get(index.saturating_sub(1)).copied();
    wait.unwrap_or(REST).min(REST)
}

/// Whether a webhook has failed for too long.
pub(super) fn is_over(failing_since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - failing_since >= LONG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_for_a_day_with_growing_pauses_and_then_the_webhook_is_given_up() {
        let begin = DateTime::UNIX_EPOCH;
        let (mut now, mut tries, mut last) = (begin, 1, TimeDelta::zero());
        while let Some(next) = next_try(tries, now) {
            assert!(next - now >= last, "the pause after try {tries}");
            assert!(!is_over(begin, now), "given up at try {tries}");
            (last, now, tries) = (next - now, next, tries + 1);
        }
        assert_eq!(tries, 12);
        let lasted = now - begin;
        assert!(TimeDelta::hours(23) < lasted && lasted < TimeDelta::hours(24));
        assert!(is_over(begin, now));
        assert_eq!(next_try(0, now), None);
    }

    #[test]
    fn a_receiver_rests_longer_the_longer_it_fails_up_to_five_minutes() {
        let rests: Vec<_> = [1, 2, 3, 4, 5, 400]
            .map(|failures| rest(failures).num_seconds())
            .to_vec();
        assert_eq!(rests, [1, 5, 30, 120, 300, 300]);
    }
}
