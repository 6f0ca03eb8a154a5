//! How many wrong passwords were shown for an id in a row, and so whether it is locked.
//!
//! Whether there is such an instance makes no difference: the same is kept of both, and it is bounded.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

/// So many wrong ones in a row lock an id.
const WRONG: u32 = 10;
/// For how long.
const LOCKED: TimeDelta = TimeDelta::minutes(15);
/// Of how many ids this is known at once.
const KEPT: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Attempt {
    wrong: u32,
    last: DateTime<Utc>,
}

impl Attempt {
    fn until(&self) -> Option<DateTime<Utc>> {
        (self.wrong >= WRONG).then(|| self.last + LOCKED)
    }
}

/// What is known of each id; an id stands here as its hash.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<[u8; 32], Attempt>);

impl Attempts {
    /// Until when this id is locked; `None`: it is not.
    pub(super) fn locked(&mut self, id: &[u8; 32], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.0.get(id)?.until()?;
        if until > now {
            return Some(until);
        }
        self.0.remove(id);
        None
    }

    /// Counts a wrong one.
    pub(super) fn wrong(&mut self, id: [u8; 32], now: DateTime<Utc>) {
        if self.0.len() >= KEPT && !self.0.contains_key(&id) {
            self.make_room(now);
        }
        let attempt = self.0.entry(id).or_insert(Attempt {
            wrong: 0,
            last: now,
        });
        attempt.wrong += 1;
        attempt.last = now;
    }

    /// A right one: nothing was wrong.
    pub(super) fn right(&mut self, id: &[u8; 32]) {
        self.0.remove(id);
    }

    /// Forgets what is long ago, or the one that is longest ago; of two the one with fewer wrong ones.
    fn make_room(&mut self, now: DateTime<Utc>) {
        self.0.retain(|_, attempt| attempt.last + LOCKED > now);
        if self.0.len() >= KEPT {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, one)| (one.until().is_some(), one.last));
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.0.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    const ID: [u8; 32] = [1; 32];

    #[test]
    fn ten_wrong_ones_lock_for_a_quarter_of_an_hour_and_a_right_one_forgets_them() {
        let mut attempts = Attempts::default();
        for second in 0..9 {
            attempts.wrong(ID, at(second));
        }
        assert_eq!(attempts.locked(&ID, at(9)), None);
        attempts.right(&ID);
        for second in 0..10 {
            assert_eq!(attempts.locked(&ID, at(second)), None);
            attempts.wrong(ID, at(second));
        }
        assert_eq!(attempts.locked(&ID, at(9)), Some(at(909)));
        assert_eq!(attempts.locked(&ID, at(908)), Some(at(909)));
        assert_eq!(attempts.locked(&[2; 32], at(9)), None);
        // It opens by itself, and everything begins anew.
        assert_eq!(attempts.locked(&ID, at(909)), None);
        attempts.wrong(ID, at(910));
        assert_eq!(attempts.locked(&ID, at(911)), None);
    }

    #[test]
    fn whoever_tries_many_ids_opens_none_that_is_locked() {
        let mut attempts = Attempts::default();
        (0..WRONG).for_each(|_| attempts.wrong(ID, at(0)));
        for number in 0..KEPT + 20 {
            let mut id = [9; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            attempts.wrong(id, at(1));
        }
        assert!(attempts.0.len() <= KEPT, "{}", attempts.0.len());
        assert!(attempts.locked(&ID, at(2)).is_some());
    }
}
