//! The rules of renewal, one behaviour each.

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::{
    Cause, Decision, Happened, Outcome, Plan, Reason, Record, apply, decide, enough, hold, horizon,
    next_wake, release, view,
};
use jarkeeper::sites::recipe::Renewal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

mod held;
mod times;
mod waits;

const PLAIN: Renewal = Renewal {
    cron: None,
    before_expiry: None,
    keep_alive: None,
    max_age: None,
};

fn start() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

fn plan(renewal: &Renewal) -> Plan<'_> {
    Plan {
        fingerprint: "one",
        secret_tag: Some(1),
        renewal,
        has_probe: true,
    }
}

/// One session whose outcomes are told to it.
struct Story<'a> {
    now: DateTime<Utc>,
    record: Record,
    plan: Plan<'a>,
    rng: SmallRng,
}

impl<'a> Story<'a> {
    fn new(plan: Plan<'a>) -> Self {
        Self {
            now: start(),
            record: Record::default(),
            plan,
            rng: SmallRng::seed_from_u64(7),
        }
    }

    fn logged_in(plan: Plan<'a>, life: TimeDelta) -> Self {
        let mut story = Self::new(plan);
        story.login(Some(life));
        story
    }

    fn apply(&mut self, outcome: Outcome<'_>) {
        // Through JSON each time: nothing may depend on what a restart forgets.
        let json = serde_json::to_string(&self.record).unwrap();
        let record = serde_json::from_str(&json).unwrap();
        self.record = apply(self.now, record, &self.plan, outcome, &mut self.rng);
    }

    fn login(&mut self, life: Option<TimeDelta>) {
        let expires_at = life.map(|life| self.now + life);
        let login = true;
        self.apply(Outcome::Renewed { expires_at, login });
    }

    fn alive(&mut self) {
        let expires_at = self.record.expires_at;
        self.apply(Outcome::Alive { expires_at });
    }

    fn fail(&mut self, failure: &Failure) {
        let artefacts = None;
        self.apply(Outcome::Failed { failure, artefacts });
    }

    fn fail_with(&mut self, class: FailureClass) {
        self.fail(&Failure::new(class, "seen"));
    }

    fn after(&mut self, delta: TimeDelta) -> &mut Self {
        self.now += delta;
        self
    }

    fn asks(&self, cause: Cause) -> Decision {
        decide(self.now, &self.record, &self.plan, cause)
    }

    fn asks_by_itself(&self) -> Decision {
        self.asks(Cause::Schedule)
    }

    fn wait(&self) -> TimeDelta {
        next_wake(self.now, &self.record, &self.plan) - self.now
    }
}

fn is_hold(decision: &Decision) -> bool {
    matches!(decision, Decision::Hold { .. })
}
