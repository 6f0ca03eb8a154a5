//! The rules of renewal over long simulated times, against sites whose sessions really end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::{
    Cause, Decision, Event, Ledger, Outcome, Pace, Plan, Reason, Record, Urgency, apply, decide,
    enough, horizon, next_wake, order, spread, urgency,
};
use jarkeeper::sites::recipe::Renewal;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

type Time = DateTime<Utc>;

pub(super) fn start() -> Time {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// How the sessions of a simulated site end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Life {
    /// At the end that the cookie names, whatever one does.
    Fixed(TimeDelta),
    /// This long after the last visit; the cookie names the end and moves with it.
    Sliding(TimeDelta),
    /// This long after the last visit; the cookie names no end.
    Idle(TimeDelta),
    /// This long after the login; the cookie names no end.
    Secret(TimeDelta),
}

pub(super) struct Site {
    life: Life,
    renewal: Renewal,
    has_probe: bool,
    pub(super) record: Record,
    ledger: Ledger,
    /// When the server ends the session; `None`: there has been none.
    valid_until: Option<Time>,
    /// The end that the cookie names.
    cookie_end: Option<Time>,
    /// From when to when readers had a dead session.
    windows: Vec<(Time, Time)>,
    logins: Vec<Time>,
}

impl Site {
    pub(super) fn new(life: Life, has_probe: bool) -> Self {
        let keep_alive = match life {
            Life::Idle(idle) => Some(idle / 3),
            _ => None,
        };
        let renewal = Renewal {
            keep_alive,
            ..Renewal::default()
        };
        Self {
            life,
            renewal,
            has_probe,
            record: Record::default(),
            ledger: Ledger::default(),
            valid_until: None,
            cookie_end: None,
            windows: Vec::new(),
            logins: Vec::new(),
        }
    }

    pub(super) fn plan(&self) -> Plan<'_> {
        Plan {
            fingerprint: "recipe",
            secret_tag: Some(7),
            renewal: &self.renewal,
            has_probe: self.has_probe,
        }
    }

    fn apply(&mut self, now: Time, outcome: Outcome<'_>, rng: &mut SmallRng) {
        let record = std::mem::take(&mut self.record);
        self.record = apply(now, record, &self.plan(), outcome, rng);
    }

    pub(super) fn fail(&mut self, now: Time, failure: &Failure, rng: &mut SmallRng) {
        let artefacts = None;
        self.apply(now, Outcome::Failed { failure, artefacts }, rng);
    }

    /// Visits the site with the state; says whether it is logged in.
    fn visit(&mut self, now: Time) -> bool {
        let alive = self.valid_until.is_some_and(|end| end > now);
        match self.life {
            Life::Sliding(idle) if alive => {
                self.valid_until = Some(now + idle);
                self.cookie_end = self.valid_until;
            }
            Life::Idle(idle) if alive => self.valid_until = Some(now + idle),
            _ => {}
        }
        alive
    }

    fn probe(&mut self, now: Time, rng: &mut SmallRng) {
        let outcome = match self.visit(now) {
            true => Outcome::Alive {
                expires_at: self.cookie_end,
            },
            false => Outcome::Dead,
        };
        self.apply(now, outcome, rng);
    }

    /// What the worker does: a visit, and a login where that does not do.
    fn renew(&mut self, now: Time, reason: Reason, rng: &mut SmallRng) {
        let alive = self.visit(now);
        if !alive && self.record.captured_at.is_some() && self.record.died_at.is_none() {
            self.apply(now, Outcome::Dead, rng);
            if !matches!(
                decide(now, &self.record, &self.plan(), Cause::Schedule),
                Decision::Renew(_)
            ) {
                return;
            }
        }
        if alive && enough(now, &self.record, &self.plan(), reason, self.cookie_end) {
            let outcome = Outcome::Renewed {
                expires_at: self.cookie_end,
                login: false,
            };
            return self.apply(now, outcome, rng);
        }
        if let Err(failure) = self.ledger.permit(now, 7, reason.insists()) {
            return self.fail(now, &failure, rng);
        }
        self.ledger.add(now, Some(7), Event::Submit);
        self.ledger.add(now, Some(7), Event::Accepted);
        self.logins.push(now);
        self.close_window(now);
        let (Life::Fixed(life) | Life::Sliding(life) | Life::Idle(life) | Life::Secret(life)) =
            self.life;
        self.valid_until = Some(now + life);
        self.cookie_end = match self.life {
            Life::Fixed(_) | Life::Sliding(_) => self.valid_until,
            Life::Idle(_) | Life::Secret(_) => None,
        };
        let outcome = Outcome::Renewed {
            expires_at: self.cookie_end,
            login: true,
        };
        self.apply(now, outcome, rng);
    }

    fn close_window(&mut self, now: Time) {
        if let Some(end) = self.valid_until.filter(|end| *end < now) {
            self.windows.push((end, now));
        }
    }
}

/// A thousand of these behind one queue, as the daemon has it.
struct World {
    sites: Vec<Site>,
    /// The share of contacts that fail for a passing reason.
    failing: f64,
    browsers: usize,
    starts: Vec<Time>,
    rng: SmallRng,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Look,
    Done,
    Queue,
}

impl World {
    fn new(sites: Vec<Site>, failing: f64, seed: u64) -> Self {
        let rng = SmallRng::seed_from_u64(seed);
        Self {
            sites,
            failing,
            browsers: 2,
            starts: Vec::new(),
            rng,
        }
    }

    fn run(&mut self, days: i64) {
        let end = start() + TimeDelta::days(days);
        let mut agenda = BinaryHeap::new();
        for index in 0..self.sites.len() {
            agenda.push(Reverse((
                start() + spread(&mut self.rng),
                Next::Look,
                index,
            )));
        }
        let (mut waiting, mut busy) = (Vec::<(Urgency, (usize, Reason))>::new(), 0);
        let mut pace = Pace::default();
        let mut reasons = vec![Reason::Missing; self.sites.len()];
        while let Some(Reverse((now, next, index))) = agenda.pop() {
            if now >= end {
                break;
            }
            let rng = &mut self.rng;
            let mut queue = false;
            match next {
                Next::Queue => queue = true,
                Next::Look => {
                    let site = &mut self.sites[index];
                    match decide(now, &site.record, &site.plan(), Cause::Schedule) {
                        Decision::Renew(reason) => {
                            let urgency = urgency(now, &site.record, &site.plan());
                            waiting.push((urgency, (index, reason)));
                            queue = true;
                        }
                        Decision::Probe(_) => {
                            if rng.random_bool(self.failing) {
                                site.fail(now, &down(), rng);
                            } else {
                                site.probe(now, rng);
                            }
                            let wake = next_wake(now, &site.record, &site.plan());
                            agenda.push(Reverse((wake, Next::Look, index)));
                        }
                        Decision::Keep { until }
                        | Decision::Hold {
                            until: Some(until), ..
                        } => {
                            assert!(until > now, "site {index} waits for the past");
                            agenda.push(Reverse((until, Next::Look, index)));
                        }
                        Decision::Hold { until: None, why } => panic!("site {index}: {why}"),
                    }
                }
                Next::Done => {
                    busy -= 1;
                    queue = true;
                    let site = &mut self.sites[index];
                    if rng.random_bool(self.failing) {
                        site.fail(now, &down(), rng);
                    } else {
                        site.renew(now, reasons[index], rng);
                    }
                    agenda.push(Reverse((now, Next::Look, index)));
                }
            }
            while queue && !waiting.is_empty() && busy < self.browsers {
                if let Err(at) = pace.start(now) {
                    agenda.push(Reverse((at, Next::Queue, 0)));
                    break;
                }
                for (index, reason) in order(&mut waiting, 1) {
                    busy += 1;
                    reasons[index] = reason;
                    self.starts.push(now);
                    let took = TimeDelta::milliseconds(rng.random_range(2_000..8_000));
                    agenda.push(Reverse((now + took, Next::Done, index)));
                }
            }
        }
        for site in &mut self.sites {
            site.close_window(end);
        }
    }
}

fn down() -> Failure {
    Failure::new(FailureClass::SiteDown, "no answer")
}

/// The most of these times within any span of this length.
pub(super) fn most_within(times: &[Time], span: TimeDelta) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while times[first] + span <= *time {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

#[test]
fn a_thousand_sites_for_ninety_days_are_never_served_expired_where_renewal_was_possible() {
    let hours = TimeDelta::hours;
    let mut rng = SmallRng::seed_from_u64(1);
    let sites = (0..1_000).map(|index| {
        let life = match index % 10 {
            0..=2 => Life::Fixed(TimeDelta::days(rng.random_range(2..90))),
            3 | 4 => Life::Fixed(hours(12)),
            5 => Life::Fixed(hours(rng.random_range(6..12))),
            6 | 7 => Life::Sliding(TimeDelta::minutes(rng.random_range(20..3_000))),
            8 => Life::Idle(hours(rng.random_range(2..24))),
            _ => Life::Secret(hours(rng.random_range(8..48))),
        };
        // Idle sessions without a probe are touched by a visit.
        Site::new(life, index % 3 != 0 || matches!(life, Life::Secret(_)))
    });
    let mut world = World::new(sites.collect(), 0.2, 2);
    world.run(90);

    let mut submits = 0;
    for (index, site) in world.sites.iter().enumerate() {
        let about = format!("site {index}, {:?}, {:?}", site.life, site.windows);
        let allowed = match site.life {
            // Nobody can know before it was seen often enough; then it must be known.
            Life::Secret(_) => 5,
            _ => 0,
        };
        // In the first hours a thousand first logins stand before two browsers, and short lives end in that queue.
        let windows = site
            .windows
            .iter()
            .filter(|(from, _)| *from > start() + hours(2));
        assert!(windows.count() <= allowed, "{about}");
        for (from, to) in &site.windows {
            assert!(*to - *from < TimeDelta::hours(2), "{about}");
        }
        assert!(most_within(&site.logins, hours(1)) <= 3, "{about}");
        assert!(most_within(&site.logins, hours(24)) <= 8, "{about}");
        submits += site.logins.len();
    }
    assert!(
        submits > 50_000,
        "{submits} logins: the simulation did little"
    );
    assert!(most_within(&world.starts, TimeDelta::seconds(10)) <= 10);
    let settled: Vec<_> = world
        .starts
        .iter()
        .copied()
        .filter(|at| *at > start() + hours(2))
        .collect();
    let most = most_within(&settled, TimeDelta::minutes(5));
    assert!(most <= 50, "{most} of 1,000 sites within five minutes");
}

#[test]
fn after_a_synchronised_start_no_five_minutes_hold_more_than_a_twentieth_of_the_sites() {
    for life in [
        Life::Fixed(TimeDelta::hours(12)),
        Life::Fixed(TimeDelta::days(14)),
        Life::Idle(TimeDelta::days(99)),
    ] {
        let mut world = World::new((0..1_000).map(|_| Site::new(life, false)).collect(), 0.0, 3);
        // Worse than any machine: all at one moment.
        let mut dues = Vec::new();
        for site in &mut world.sites {
            site.renewal.keep_alive = None;
            site.renew(start(), Reason::Missing, &mut world.rng);
            dues.push(horizon(&site.record, &site.plan()).unwrap().due);
        }
        for generation in 0..10 {
            dues.sort();
            let most = most_within(&dues, TimeDelta::minutes(5));
            assert!(
                most <= 50,
                "{life:?}, generation {generation}: {most} of 1,000 sites within five minutes"
            );
            dues.clear();
            for site in &mut world.sites {
                let due = horizon(&site.record, &site.plan()).unwrap().due;
                site.renew(due, Reason::Due, &mut world.rng);
                dues.push(horizon(&site.record, &site.plan()).unwrap().due);
            }
        }
    }
}

#[test]
fn due_times_are_uniform_over_their_window() {
    let n = 5_000;
    let life = TimeDelta::days(10);
    let mut beyond = 0;
    for seed in 0..12 {
        let mut rng = SmallRng::seed_from_u64(seed);
        for (again, from, width) in [(false, 0.40, 0.30), (true, 0.60, 0.10)] {
            let mut shares: Vec<f64> = (0..n)
                .map(|_| {
                    let mut site = Site::new(Life::Fixed(life), true);
                    site.renew(start(), Reason::Missing, &mut rng);
                    if again {
                        site.renew(start() + TimeDelta::days(7), Reason::Due, &mut rng);
                    }
                    let from_login = *site.logins.last().unwrap();
                    let due = horizon(&site.record, &site.plan()).unwrap().due - from_login;
                    let share = due.num_milliseconds() as f64 / life.num_milliseconds() as f64;
                    (share - from) / width
                })
                .collect();
            shares.sort_by(f64::total_cmp);
            // Kolmogorov and Smirnov: p > 0.01 is a distance below 1.628 over the root of n.
            let distance = shares.iter().enumerate().fold(0.0_f64, |most, (i, share)| {
                let (below, above) = (i as f64 / f64::from(n), (i + 1) as f64 / f64::from(n));
                most.max((share - below).abs()).max((share - above).abs())
            });
            beyond += u32::from(distance > 1.628 / f64::from(n).sqrt());
        }
    }
    // One in a hundred lies beyond by chance; of these 24, one may.
    assert!(beyond <= 1, "{beyond} of 24 samples are not uniform");
}

#[test]
fn a_backup_of_yesterday_costs_each_site_at_most_one_login() {
    let life = Life::Fixed(TimeDelta::hours(36));
    let mut world = World::new((0..200).map(|_| Site::new(life, true)).collect(), 0.0, 6);
    world.run(3);
    let now = start() + TimeDelta::days(3);
    let backup: Vec<_> = world
        .sites
        .iter()
        .map(|site| (site.record.clone(), site.ledger.clone()))
        .collect();
    for (site, (record, ledger)) in world.sites.iter_mut().zip(backup) {
        site.record = record;
        site.ledger = ledger;
        site.logins.clear();
        let mut now = now + TimeDelta::days(1) + spread(&mut world.rng);
        let end = now + TimeDelta::hours(6);
        let mut cause = Cause::Startup;
        let mut first = true;
        while now < end {
            match decide(now, &site.record, &site.plan(), cause) {
                Decision::Probe(_) => site.probe(now, &mut world.rng),
                Decision::Renew(reason) => {
                    let expired = site.cookie_end.is_some_and(|end| end <= now);
                    assert!(!first || expired, "a state that may live is probed first");
                    site.renew(now, reason, &mut world.rng);
                }
                Decision::Keep { until }
                | Decision::Hold {
                    until: Some(until), ..
                } => now = until,
                Decision::Hold { until: None, why } => panic!("{why}"),
            }
            (cause, first) = (Cause::Schedule, false);
        }
        assert!(site.logins.len() <= 1, "{:?}", site.logins);
    }
}
