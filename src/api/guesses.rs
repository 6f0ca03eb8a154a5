//! How many passwords of instances an address may have looked at.
//!
//! As with other proofs it is wrong ones that are counted; but looking at one is dear, so it is counted before, and what was
//! right is given back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// From one address: ten, and one more every six seconds.
const FOREIGN: Budget = Budget {
    most: 10.0,
    a_second: 1.0 / 6.0,
};
/// From this machine, where everybody has one address.
const OWN: Budget = Budget {
    most: 240.0,
    a_second: 1.0,
};
/// Of how many addresses this is known before those are forgotten that have all of it again.
const TIDY: usize = 4096;

struct Budget {
    most: f64,
    a_second: f64,
}

impl Budget {
    fn of(ip: &IpAddr) -> &'static Self {
        if ip.is_loopback() { &OWN } else { &FOREIGN }
    }
}

/// What is left of an address's budget, and when that was so.
#[derive(Clone, Copy)]
struct Left {
    number: f64,
    at: Instant,
}

/// What is left of everybody's budget.
#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Left>>);

/// One that was counted.
pub(super) struct Guess<'a> {
    pub(super) guesses: &'a Guesses,
    /// `None`: where it comes from nothing is counted.
    pub(super) from: Option<IpAddr>,
}

impl Guess<'_> {
    /// It was none, or nobody looked at it.
    pub(super) fn take_back(self) {
        if let Some(ip) = self.from {
            self.guesses.give_back(ip);
        }
    }
}

impl Guesses {
    /// Counts one; or how long it takes until there is one more.
    pub(super) fn take(&self, ip: IpAddr, now: Instant) -> Result<IpAddr, Duration> {
        let budget = Budget::of(&ip);
        let mut all = self.all();
        if all.len() >= TIDY && !all.contains_key(&ip) {
            all.retain(|ip, left| now_left(ip, left, now) < Budget::of(ip).most);
        }
        let left = all.entry(ip).or_insert(Left {
            number: budget.most,
            at: now,
        });
        let number = now_left(&ip, left, now);
        *left = Left { number, at: now };
        if number < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - number) / budget.a_second));
        }
        left.number -= 1.0;
        Ok(ip)
    }

    fn give_back(&self, ip: IpAddr) {
        if let Some(left) = self.all().get_mut(&ip) {
            left.number = (left.number + 1.0).min(Budget::of(&ip).most);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<IpAddr, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_left(ip: &IpAddr, left: &Left, now: Instant) -> f64 {
    let budget = Budget::of(ip);
    let since = now.saturating_duration_since(left.at).as_secs_f64();
    (left.number + since * budget.a_second).min(budget.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_and_one_every_six_seconds_and_what_was_right_counts_not() {
        let guesses = Guesses::default();
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let now = Instant::now();
        let taken = (0..20).filter(|_| guesses.take(ip, now).is_ok()).count();
        assert_eq!(taken, 10);
        let wait = guesses.take(ip, now).unwrap_err();
        assert!((5..=6).contains(&wait.as_secs()), "{wait:?}");
        assert!(guesses.take(ip, now + Duration::from_secs(6)).is_ok());
        assert!(guesses.take("192.0.2.2".parse().unwrap(), now).is_ok());
        let from = Some(ip);
        Guess {
            guesses: &guesses,
            from,
        }
        .take_back();
        assert!(guesses.take(ip, now + Duration::from_secs(6)).is_ok());
        assert!(guesses.take(ip, now + Duration::from_secs(6)).is_err());
    }

    #[test]
    fn addresses_that_have_all_of_it_again_are_forgotten() {
        let guesses = Guesses::default();
        let now = Instant::now();
        let ip = |number: usize| IpAddr::from((number as u128).to_be_bytes());
        for number in 0..TIDY {
            guesses.take(ip(number + 2), now).unwrap();
        }
        guesses
            .take(ip(TIDY + 5), now + Duration::from_secs(60))
            .unwrap();
        assert_eq!(guesses.all().len(), 1);
    }
}
