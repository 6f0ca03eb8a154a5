//! Who has which account: the rule. Pure: `now` and the table go in.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::ids::SessionKey;

/// The right of one caller to an account, among those who ask for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub id: String,
    /// The account's session.
    pub session: SessionKey,
    /// Whose it is: `key:ID`, `token:ID` or `local:UID`.
    pub holder: String,
    /// What the holder said that it is for.
    pub purpose: Option<String>,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// From this moment on the account is free again.
    pub expires_at: DateTime<Utc>,
}

impl Lease {
    /// Whether it still runs.
    pub fn runs(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }
}

/// An account that a caller could get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its session.
    pub session: SessionKey,
    /// Whether the session lives; `None`: not known.
    pub alive: Option<bool>,
    /// Whether it waits for a person.
    pub held: bool,
}

/// The leases that run, and when each account was last given away.
#[derive(Debug, Clone, Default)]
pub struct Table {
    leases: HashMap<SessionKey, Lease>,
    last: HashMap<SessionKey, DateTime<Utc>>,
}

impl Table {
    /// The lease on an account, where one runs.
    pub fn lease_on(&self, session: &SessionKey, now: DateTime<Utc>) -> Option<&Lease> {
        self.leases.get(session).filter(|lease| lease.runs(now))
    }

    /// The lease with this id, where it runs.
    pub fn lease(&self, id: &str, now: DateTime<Utc>) -> Option<&Lease> {
        self.running(now).find(|lease| lease.id == id)
    }

    /// Every lease that runs.
    pub fn running(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Lease> {
        self.leases.values().filter(move |lease| lease.runs(now))
    }

    /// When the next of these accounts comes free, if nobody gives back or extends; `None`: one is free.
    pub fn next_end<'a>(
        &self,
        sessions: impl IntoIterator<Item = &'a SessionKey>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let ends = sessions
            .into_iter()
            .map(|session| self.lease_on(session, now).map(|lease| lease.expires_at));
        ends.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// The account to give away: of the free ones that which nobody has to act on first, then one that is alive, then the
    /// one that was longest not given away, then by name.
    pub fn choose<'a>(
        &self,
        candidates: &'a [Candidate],
        now: DateTime<Utc>,
    ) -> Option<&'a SessionKey> {
        let free = candidates
            .iter()
            .filter(|candidate| self.lease_on(&candidate.session, now).is_none());
        let worth = |candidate: &&Candidate| {
            let alive = match candidate.alive {
                Some(true) => 2,
                None => 1,
                Some(false) => 0,
            };
            let last = self.last.get(&candidate.session);
            let name = candidate.session.to_string();
            (candidate.held, Reverse(alive), last.copied(), name)
        };
        free.min_by_key(worth).map(|candidate| &candidate.session)
    }

    /// Puts a lease in force; `false`, and nothing changes: another one runs.
    #[must_use]
    pub fn put(&mut self, lease: Lease, now: DateTime<Utc>) -> bool {
        if self.lease_on(&lease.session, now).is_some() {
            return false;
        }
        self.last.insert(lease.session.clone(), lease.taken_at);
        self.leases.insert(lease.session.clone(), lease);
        true
    }

    /// Remembers when an account was given away before.
    pub fn remember(&mut self, session: SessionKey, taken_at: DateTime<Utc>) {
        let last = self.last.entry(session).or_insert(taken_at);
        *last = taken_at.max(*last);
    }

    /// Moves the end of a lease that runs; the lease as it is then.
    pub fn extend(&mut self, id: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Option<Lease> {
        let mut running = self.leases.values_mut().filter(|lease| lease.runs(now));
        let lease = running.find(|lease| lease.id == id)?;
        lease.expires_at = until;
        Some(lease.clone())
    }

    /// Takes a lease out, whether it runs or not.
    pub fn take_out(&mut self, id: &str) -> Option<Lease> {
        let mut all = self.leases.values();
        let session = all.find(|lease| lease.id == id)?.session.clone();
        self.leases.remove(&session)
    }

    /// Those that have come to their end and were not taken out yet.
    pub fn over(&self, now: DateTime<Utc>) -> Vec<Lease> {
        let over = self.leases.values().filter(|lease| !lease.runs(now));
        over.cloned().collect()
    }

    /// When the next lease ends by itself.
    pub fn next_expiry(&self) -> Option<DateTime<Utc>> {
        self.leases.values().map(|lease| lease.expires_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn session(number: usize) -> SessionKey {
        format!("s:a{number}").parse().unwrap()
    }

    fn candidate(number: usize) -> Candidate {
        Candidate {
            session: session(number),
            alive: None,
            held: false,
        }
    }

    fn lease(id: String, session: SessionKey, from: i64, to: i64) -> Lease {
        Lease {
            holder: format!("key:{id}"),
            id,
            session,
            purpose: None,
            taken_at: at(from),
            expires_at: at(to),
        }
    }

    #[test]
    fn a_living_account_comes_before_a_held_one_and_the_longest_unused_before_all_like_it() {
        let mut table = Table::default();
        let (dead, held, alive) = (
            Candidate {
                alive: Some(false),
                ..candidate(0)
            },
            Candidate {
                held: true,
                alive: Some(true),
                ..candidate(1)
            },
            Candidate {
                alive: Some(true),
                ..candidate(2)
            },
        );
        let all = [held, dead, candidate(3), alive, candidate(4)];
        let mut order = Vec::new();
        table.remember(session(3), at(5));
        for number in 0..5 {
            let chosen = table.choose(&all, at(10)).unwrap().clone();
            order.push(chosen.to_string());
            assert!(table.put(lease(number.to_string(), chosen, 10, 20), at(10)));
        }
        assert_eq!(order, ["s:a2", "s:a4", "s:a3", "s:a0", "s:a1"]);
        assert_eq!(table.choose(&all, at(19)), None);
        assert!(table.choose(&all, at(20)).is_some());
    }

    #[derive(Debug, Clone)]
    enum Act {
        Take { ttl: i64, among: usize },
        Extend { which: usize, ttl: i64 },
        GiveBack { which: usize },
        Pass { seconds: i64 },
        Expire,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (1..40_i64, 1..6_usize).prop_map(|(ttl, among)| Act::Take { ttl, among }),
            (0..64_usize, 1..40_i64).prop_map(|(which, ttl)| Act::Extend { which, ttl }),
            (0..64_usize).prop_map(|which| Act::GiveBack { which }),
            (0..30_i64).prop_map(|seconds| Act::Pass { seconds }),
            Just(Act::Expire),
        ]
    }

    proptest! {
        /// Against a list that remembers everything: an account has one holder at most, is free exactly when its lease was
        /// given back or has ended, and who ends too late ends nothing.
        #[test]
        fn no_account_ever_has_two_holders(acts in prop::collection::vec(act(), 1..200)) {
            let mut table = Table::default();
            let mut now = 0;
            // Every lease that was ever given: id, session, end.
            let mut given: Vec<(SessionKey, i64)> = Vec::new();
            for act in acts {
                match act {
                    Act::Pass { seconds } => now += seconds,
                    Act::Expire => {
                        for lease in table.over(at(now)) {
                            prop_assert!(!lease.runs(at(now)));
                            table.take_out(&lease.id);
                        }
                        prop_assert!(table.next_expiry().is_none_or(|end| end > at(now)));
                    }
                    Act::Take { ttl, among } => {
                        let candidates: Vec<_> = (0..among).map(candidate).collect();
                        let taken = |key: &SessionKey| given.iter().any(|(one, end)| one == key && *end > now);
                        let free = candidates.iter().filter(|one| !taken(&one.session)).count();
                        let ends = given.iter().filter(|(key, end)| {
                            *end > now && candidates.iter().any(|one| one.session == *key)
                        });
                        let next = ends.map(|(_, end)| at(*end)).min().filter(|_| free == 0);
                        let sessions = candidates.iter().map(|one| &one.session);
                        prop_assert_eq!(table.next_end(sessions, at(now)), next);
                        let chosen = table.choose(&candidates, at(now)).cloned();
                        prop_assert_eq!(chosen.is_some(), free > 0);
                        if let Some(chosen) = chosen {
                            prop_assert!(!taken(&chosen));
                            let id = given.len().to_string();
                            prop_assert!(table.put(lease(id, chosen.clone(), now, now + ttl), at(now)));
                            let second = lease("second".to_owned(), chosen.clone(), now, now + ttl);
                            prop_assert!(!table.put(second, at(now)));
                            given.push((chosen, now + ttl));
                        }
                    }
                    Act::Extend { which, ttl } => {
                        let extended = table.extend(&which.to_string(), at(now + ttl), at(now));
                        let known = given.get_mut(which).filter(|(_, end)| *end > now);
                        prop_assert_eq!(extended.is_some(), known.is_some());
                        if let Some((_, end)) = known {
                            *end = now + ttl;
                        }
                    }
                    Act::GiveBack { which } => {
                        table.take_out(&which.to_string());
                        if let Some((_, end)) = given.get_mut(which) {
                            *end = now.min(*end);
                        }
                    }
                }
                let running = given.iter().filter(|(_, end)| *end > now).count();
                prop_assert_eq!(table.running(at(now)).count(), running);
                prop_assert!(table.next_expiry().is_none_or(|end| end <= at(now) + TimeDelta::seconds(40)));
            }
        }
    }
}
