//! How fast is read: who waits after a failure and for how long, and what is read in smaller pieces.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::ask::Trouble;

/// The first wait after a failure; each further one is twice as long.
const FIRST: i64 = 2;
/// The longest, seconds.
const LONGEST: i64 = 600;
/// How often a question is halved before the turn that is left is passed over.
const HALVED: u32 = 4;

/// What was seen of the model, and of memories that it did not answer about. It is not kept: after a restart all is tried again.
#[derive(Default)]
pub(in super::super) struct Pace {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// Failures one after the other that were the server's.
    failures: u32,
    /// Until then it is not asked.
    until: Option<DateTime<Utc>>,
    /// The last failure, as long as nothing was answered since.
    last: Option<(DateTime<Utc>, String)>,
    /// Memories with a question that was not answered.
    held: HashMap<i64, Held>,
    /// Memories whose person wants them read now.
    hurried: HashSet<i64>,
    /// The model and server that take a question only without further settings.
    plain: Option<String>,
}

#[derive(Clone, Copy)]
struct Held {
    /// Failures one after the other; the question is half as long each time.
    failures: u32,
    /// Turns that were passed over since the last answer.
    passed: u32,
    until: DateTime<Utc>,
}

/// What becomes of turns that were not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// They are tried again.
    Later,
    /// They were tried often enough.
    Never,
}

impl Pace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until it is time to look again, or somebody wants something read.
    pub(super) async fn wait(&self, time: Duration) {
        // Whichever comes first.
        let _ = tokio::time::timeout(time, self.wake.notified()).await;
    }

    /// Wants a memory read now, whatever was waited for.
    pub(super) fn hurry(&self, space: i64) {
        let mut state = self.state();
        state.hurried.insert(space);
        if let Some(held) = state.held.get_mut(&space) {
            held.until = DateTime::UNIX_EPOCH;
        }
        state.until = None;
        drop(state);
        self.wake.notify_one();
    }

    /// Whether somebody wants this memory read now.
    pub(super) fn is_hurried(&self, space: i64) -> bool {
        self.state().hurried.contains(&space)
    }

    /// Everything of a memory is read.
    pub(super) fn caught_up(&self, space: i64) {
        let mut state = self.state();
        state.hurried.remove(&space);
        state.held.remove(&space);
    }

    /// Whether the server may be asked.
    pub(super) fn may_ask(&self, now: DateTime<Utc>) -> bool {
        self.state().until.is_none_or(|until| until <= now)
    }

    /// How many turns of a memory are asked about at once, `most` of them; `None`: not yet.
    pub(super) fn turns(&self, space: i64, most: usize, now: DateTime<Utc>) -> Option<usize> {
        match self.state().held.get(&space) {
            None => Some(most),
            Some(held) if held.until > now => None,
            Some(held) => Some((most >> held.failures.min(HALVED)).max(1)),
        }
    }

    /// A question about a memory was answered: its next one may be twice as long.
    pub(super) fn answered(&self, space: i64) {
        let mut state = self.state();
        state.failures = 0;
        state.until = None;
        state.last = None;
        if let Some(held) = state.held.get_mut(&space) {
            held.passed = 0;
            held.failures -= 1;
            if held.failures == 0 {
                state.held.remove(&space);
            }
        }
    }

    /// A question about a memory was not answered.
    pub(super) fn failed(&self, space: i64, trouble: &Trouble, now: DateTime<Utc>) -> Failed {
        let mut state = self.state();
        state.last = Some((now, trouble.to_string()));
        if matches!(trouble, Trouble::Down(_)) {
            state.until = Some(now + wait(state.failures));
            state.failures = state.failures.saturating_add(1);
            return Failed::Later;
        }
        let held = state.held.entry(space).or_insert(Held {
            failures: 0,
            passed: 0,
            until: now,
        });
        let often = held.failures >= HALVED && matches!(trouble, Trouble::Unusable(_));
        if often {
            held.passed = held.passed.saturating_add(1);
        }
        // A model that never answers well is asked less and less.
        held.until = now + wait(held.failures.saturating_add(held.passed));
        held.failures = held.failures.saturating_add(1).min(HALVED);
        match often {
            true => Failed::Never,
            false => Failed::Later,
        }
    }

    /// The last failure since something was answered, and until when the server is not asked.
    #[expect(clippy::type_complexity, reason = "two answers of one moment")]
    pub(super) fn trouble(&self) -> (Option<(DateTime<Utc>, String)>, Option<DateTime<Utc>>) {
        let state = self.state();
        (state.last.clone(), state.until)
    }

    /// Whether this model takes questions only without further settings.
    pub(super) fn is_plain(&self, server: &str) -> bool {
        self.state().plain.as_deref() == Some(server)
    }

    /// It does.
    pub(super) fn plain(&self, server: &str) {
        self.state().plain = Some(server.to_owned());
    }
}

fn wait(failures: u32) -> TimeDelta {
    TimeDelta::seconds((FIRST << failures.min(16)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_asked_less_and_less_and_then_as_before() {
        let pace = Pace::default();
        let down = Trouble::Down("gone".to_owned());
        let mut now = DateTime::UNIX_EPOCH;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(pace.failed(1, &down, now), Failed::Later);
            let until = pace.trouble().1.unwrap();
            assert!(!pace.may_ask(until - TimeDelta::seconds(1)) && pace.may_ask(until));
            waits.push((until - now).num_seconds());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
        // Nothing is lost by it, and the questions stay as long.
        assert_eq!(pace.turns(1, 20, now), Some(20));
        pace.answered(1);
        assert_eq!(pace.trouble(), (None, None));
        pace.failed(1, &down, now);
        pace.hurry(1);
        assert!(pace.may_ask(now) && pace.is_hurried(1));
    }

    #[test]
    fn what_is_never_answered_is_halved_and_one_turn_passed_over() {
        let pace = Pace::default();
        let unusable = Trouble::Unusable("prose".to_owned());
        let mut now = DateTime::UNIX_EPOCH;
        let mut sizes = Vec::new();
        loop {
            now += TimeDelta::hours(1);
            sizes.push(pace.turns(1, 20, now).unwrap());
            if pace.failed(1, &unusable, now) == Failed::Never {
                break;
            }
            // Others are read meanwhile.
            assert_eq!(pace.turns(1, 20, now), None);
            assert_eq!(
                (pace.turns(2, 20, now), pace.may_ask(now)),
                (Some(20), true)
            );
        }
        assert_eq!(sizes, [20, 10, 5, 2, 1]);
        now += TimeDelta::hours(1);
        assert_eq!(pace.turns(1, 20, now), Some(1));
        // What is only slow is never given up.
        for _ in 0..9 {
            assert_eq!(
                pace.failed(1, &Trouble::Slow("slow".to_owned()), now),
                Failed::Later
            );
        }
        // It grows again as it is answered.
        for size in [2, 5, 10, 20, 20] {
            pace.answered(1);
            assert_eq!(pace.turns(1, 20, now + TimeDelta::hours(1)), Some(size));
        }
    }
}
