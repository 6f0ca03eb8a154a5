//! How many renewals one caller may cause, by whatever door it comes.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use super::Queue;
use crate::ids::SessionKey;

const fn most(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// Renewals by one caller: as many as may wait for one login at once.
const RENEWALS: Quota = Quota::per_second(most(20)).allow_burst(most(1000));
/// How many renewals pass between two times that callers are forgotten who have not asked for long.
const TIDY: u32 = 4096;

/// What is counted, by caller.
pub(super) struct Shares {
    limiter: DefaultKeyedRateLimiter<String>,
    asked: AtomicU32,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(RENEWALS),
            asked: AtomicU32::new(0),
        }
    }
}

impl Queue {
    /// Counts a renewal that this caller asks for.
    ///
    /// # Errors
    /// It has asked for too many; the time until it may ask for one more.
    pub fn count(&self, caller: &str) -> Result<(), Duration> {
        let shares = self.shares();
        if shares.asked.fetch_add(1, Ordering::Relaxed) % TIDY == TIDY - 1 {
            shares.limiter.retain_recent();
        }
        let counted = shares.limiter.check_key(&caller.to_owned());
        counted.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// Counts the renewal that a reader causes; who joins one that runs causes none.
    ///
    /// # Errors
    /// As [`Queue::count`].
    pub fn count_caused(&self, caller: &str, key: &SessionKey) -> Result<(), Duration> {
        match self.is_running(key) {
            true => Ok(()),
            false => self.count(caller),
        }
    }
}
