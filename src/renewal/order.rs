//! Who goes first when many are owed, and how fast.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};

use super::life::horizon;
use super::policy::Plan;
use super::record::Record;

/// How long the first looks after a start are spread over.
const SPREAD: TimeDelta = TimeDelta::seconds(60);

/// How many renewals may begin within [`PACE`].
const STARTS: usize = 10;

/// The span of [`STARTS`].
const PACE: TimeDelta = TimeDelta::seconds(10);

/// How urgent a renewal is; the smallest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Readers have a dead state, or none, since then.
    Expired(DateTime<Utc>),
    /// Readers have a live state until then.
    Ends(DateTime<Utc>),
    /// Readers have a live state, and nobody knows until when.
    Open,
}

/// How urgent this session's renewal is.
pub fn urgency(now: DateTime<Utc>, record: &Record, plan: &Plan<'_>) -> Urgency {
    let Some(horizon) = horizon(record, plan) else {
        return Urgency::Expired(DateTime::<Utc>::MIN_UTC);
    };
    match (record.died_at, horizon.end) {
        (Some(died), Some(end)) => Urgency::Expired(died.min(end)),
        (Some(died), None) => Urgency::Expired(died),
        (None, Some(end)) if end <= now => Urgency::Expired(end),
        (None, Some(end)) => Urgency::Ends(end),
        (None, None) => Urgency::Open,
    }
}

/// Takes the most urgent out of `waiting`, at most `room` of them, most urgent first. Equals keep their order.
pub fn order<K>(waiting: &mut Vec<(Urgency, K)>, room: usize) -> Vec<K> {
    waiting.sort_by_key(|(urgency, _)| *urgency);
    let room = room.min(waiting.len());
    waiting.drain(..room).map(|(_, key)| key).collect()
}

/// How long after a start, or after the machine slept, to look at one session: 0 to 60 s.
pub fn spread(rng: &mut (impl Rng + ?Sized)) -> TimeDelta {
    TimeDelta::milliseconds(rng.random_range(0..SPREAD.num_milliseconds()))
}

/// The rate at which renewals begin: at most 10 within 10 s.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    starts: VecDeque<DateTime<Utc>>,
}

impl Pace {
    /// Begins one now, or says when the next may begin.
    ///
    /// # Errors
    /// The time at which there is room again.
    pub fn start(&mut self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        // A start that lies ahead was made before the clock was set back; it counts as made now.
        for start in &mut self.starts {
            *start = (*start).min(now);
        }
        while self
            .starts
            .front()
            .is_some_and(|first| *first + PACE <= now)
        {
            self.starts.pop_front();
        }
        match self.starts.front() {
            Some(first) if self.starts.len() >= STARTS => Err(*first + PACE),
            _ => {
                self.starts.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expired_go_first_then_the_nearest_end_and_no_more_than_there_is_room_for() {
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut waiting = vec![
            (Urgency::Open, "open"),
            (Urgency::Ends(at(90)), "later"),
            (Urgency::Expired(at(20)), "dead"),
            (Urgency::Ends(at(50)), "soon"),
            (Urgency::Expired(at(10)), "longer dead"),
        ];
        assert_eq!(order(&mut waiting, 3), ["longer dead", "dead", "soon"]);
        assert_eq!(order(&mut waiting, 9), ["later", "open"]);
    }

    #[test]
    fn no_more_than_ten_begin_within_ten_seconds_wherever_the_clock_goes() {
        let mut pace = Pace::default();
        let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        for _ in 0..10 {
            assert_eq!(pace.start(start), Ok(()));
        }
        assert_eq!(pace.start(start), Err(start + TimeDelta::seconds(10)));
        let back = start - TimeDelta::days(2);
        assert_eq!(pace.start(back), Err(back + TimeDelta::seconds(10)));
        assert_eq!(pace.start(back + TimeDelta::seconds(10)), Ok(()));
    }
}
