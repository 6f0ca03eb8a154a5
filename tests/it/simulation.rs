//! The rules of renewal over long simulated times, against sites whose sessions really end.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::{
    Cause, Decision, Event, Ledger, Outcome, Pace, Plan, Reason, Record, Urgency, apply, decide,
    enough, horizon, next_wake, order, spread, urgency,
};
use jarkeeper::sites::recipe::Renewal;
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

type Time = DateTime<Utc>;

fn start() -> Time {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// How the sessions of a simulated site end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    /// At the end that the cookie names, whatever one does.
    Fixed(TimeDelta),
    /// This long after the last visit; the cookie names the end and moves with it.
    Sliding(TimeDelta),
    /// This long after the last visit; the cookie names no end.
    Idle(TimeDelta),
    /// This long after the login; the cookie names no end.
    Secret(TimeDelta),
}

struct Site {
    life: Life,
    renewal: Renewal,
    has_probe: bool,
    record: Record,
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
    fn new(life: Life, has_probe: bool) -> Self {
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

    fn plan(&self) -> Plan<'_> {
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

    fn fail(&mut self, now: Time, failure: &Failure, rng: &mut SmallRng) {
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
fn most_within(times: &[Time], span: TimeDelta) -> usize {
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
fn a_million_random_sequences_never_exceed_the_login_budget() {
    let threads = 4;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut rng = SmallRng::seed_from_u64(thread);
                for _ in 0..1_000_000 / threads {
                    one_sequence(&mut rng);
                }
            });
        }
    });
}

fn one_sequence(rng: &mut SmallRng) {
    let mut now = start();
    let mut ledger = Ledger::default();
    let mut submits = Vec::with_capacity(16);
    // Of the present secret, since it was accepted or released: submits, refusals.
    let (mut tag, mut strikes, mut refused) = (0, 0, 0);
    // How the site is inclined: a kind one accepts, a hostile one refuses or says nothing clear.
    let kind = rng.random_range(0..4);
    for _ in 0..rng.random_range(4..14) {
        let dice: u32 = rng.random_range(0..1_000);
        now += TimeDelta::seconds(i64::from(dice * dice) / 100);
        match dice % 16 {
            0 => (tag, strikes, refused) = (tag + 1, 0, 0),
            1 => {
                ledger.add(now, None, Event::Released);
                (strikes, refused) = (0, 0);
            }
            _ => {}
        }
        let by_hand = dice % 5 == 0;
        if ledger.permit(now, tag, by_hand).is_err() {
            continue;
        }
        assert!(
            strikes < 2,
            "a third submit after two that were refused or unclear"
        );
        assert!(
            refused == 0 || by_hand,
            "a refused password is not tried again"
        );
        ledger.add(now, Some(tag), Event::Submit);
        submits.push(now);
        strikes += 1;
        match (kind, dice % 7) {
            (0 | 1, _) | (2, 0..3) => {
                ledger.add(now, Some(tag), Event::Accepted);
                (strikes, refused) = (0, 0);
            }
            (2, 3..5) | (3, 0..3) => {
                ledger.add(now, Some(tag), Event::Refused);
                refused += 1;
            }
            (_, 5) => ledger.add(now, Some(tag), Event::Unclear),
            // The process dies between the submit and the verdict.
            _ => {}
        }
    }
    assert!(
        most_within(&submits, TimeDelta::hours(1)) <= 3,
        "{submits:?}"
    );
    assert!(
        most_within(&submits, TimeDelta::hours(24)) <= 8,
        "{submits:?}"
    );
}

#[test]
fn a_wrong_password_and_fifty_crashes_submit_it_at_most_twice() {
    let mut rng = SmallRng::seed_from_u64(5);
    for seed in 0..200 {
        let mut site = Site::new(Life::Fixed(TimeDelta::hours(24)), true);
        let (mut file, mut submits, mut now) = (Vec::new(), 0, start());
        for _restart in 0..50 {
            now += TimeDelta::minutes(rng.random_range(1..600));
            let Decision::Renew(reason) = decide(now, &site.record, &site.plan(), Cause::Startup)
            else {
                continue;
            };
            let ledger = Ledger::parse(&file);
            let failure = match ledger.permit(now, 7, reason.insists()) {
                Err(failure) => failure,
                Ok(()) => {
                    file.extend(jarkeeper::renewal::line(now, Some(7), Event::Submit));
                    submits += 1;
                    match rng.random_range(0..4) {
                        // Killed before the answer; killed before the record is written; whole.
                        0 => continue,
                        1 => {
                            file.extend(jarkeeper::renewal::line(now, Some(7), Event::Refused));
                            continue;
                        }
                        _ => file.extend(jarkeeper::renewal::line(now, Some(7), Event::Refused)),
                    }
                    Failure::new(FailureClass::WrongCredentials, "refused").after_submit()
                }
            };
            site.fail(now, &failure, &mut rng);
        }
        assert!((1..=2).contains(&submits), "seed {seed}: {submits}");
    }
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

/// Anything that may happen to a session.
#[derive(Debug, Clone)]
enum Happens {
    Alive(Option<i64>),
    Dead,
    Renewed(Option<i64>, bool),
    Failed(usize, bool, Option<i64>),
    Released,
    Recipe(u8),
    Secret(Option<u16>),
}

fn happens() -> impl Strategy<Value = Happens> {
    let end = || prop::option::of(-1_000_i64..40_000_000);
    prop_oneof![
        end().prop_map(Happens::Alive),
        Just(Happens::Dead),
        (end(), any::<bool>()).prop_map(|(end, login)| Happens::Renewed(end, login)),
        (
            0..FailureClass::ALL.len(),
            any::<bool>(),
            prop::option::of(any::<i32>())
        )
            .prop_map(|(class, sent, after)| Happens::Failed(
                class,
                sent,
                after.map(i64::from)
            )),
        Just(Happens::Released),
        any::<u8>().prop_map(|n| Happens::Recipe(n % 3)),
        prop::option::of(0_u16..3).prop_map(Happens::Secret),
    ]
}

fn renewal() -> impl Strategy<Value = Renewal> {
    let seconds = || prop::option::of((60_i64..i64::MAX / 2_000).prop_map(TimeDelta::seconds));
    let short = || prop::option::of((60_i64..1_000_000).prop_map(TimeDelta::seconds));
    let cron = prop::option::of(prop::sample::select(vec![
        "*/7 * * * *",
        "0 0 3 * * 1",
        "0 0 29 2 *",
    ]));
    (
        cron,
        prop_oneof![seconds(), short()],
        short(),
        prop_oneof![seconds(), short()],
    )
        .prop_map(|(cron, before_expiry, keep_alive, max_age)| Renewal {
            cron: cron.map(str::to_owned),
            before_expiry,
            keep_alive,
            max_age,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, on whatever clock: no decision waits for the past, none differs when asked twice, a held
    /// password stays held, and the record survives a restart.
    #[test]
    fn no_history_leads_to_a_decision_that_waits_for_the_past(
        story in prop::collection::vec((happens(), -100_000_i64..1_000_000), 1..40),
        renewal in renewal(),
        has_probe in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut record = Record::default();
        let (mut now, mut recipe, mut secret_tag) = (start(), 0, Some(0));
        for (what, passes) in story {
            now += TimeDelta::seconds(passes);
            let fingerprint = recipe.to_string();
            let plan = Plan { fingerprint: &fingerprint, secret_tag, renewal: &renewal, has_probe };
            let at = |end: Option<i64>| end.map(|end| now + TimeDelta::seconds(end));
            match what {
                Happens::Alive(end) => {
                    record = apply(now, record, &plan, Outcome::Alive { expires_at: at(end) }, &mut rng);
                }
                Happens::Dead => record = apply(now, record, &plan, Outcome::Dead, &mut rng),
                Happens::Renewed(end, login) => {
                    let outcome = Outcome::Renewed { expires_at: at(end), login };
                    record = apply(now, record, &plan, outcome, &mut rng);
                    let next = decide(now, &record, &plan, Cause::Schedule);
                    prop_assert!(!matches!(next, Decision::Renew(_)), "a renewal calls for the next at once: {next:?}");
                }
                Happens::Failed(class, submitted, after) => {
                    let class = FailureClass::ALL[class];
                    let retry_after = after.map(TimeDelta::seconds);
                    let failure = Failure { retry_after, submitted, ..Failure::new(class, "seen") };
                    let outcome = Outcome::Failed { failure: &failure, artefacts: None };
                    record = apply(now, record, &plan, outcome, &mut rng);
                    let next = decide(now, &record, &plan, Cause::Schedule);
                    let idle = class == FailureClass::Cancelled;
                    prop_assert!(idle || !matches!(next, Decision::Renew(_)), "a failure calls for a try at once: {next:?}");
                    if class == FailureClass::WrongCredentials {
                        let next = decide(now, &record, &plan, Cause::Command);
                        prop_assert!(matches!(next, Decision::Hold { .. } | Decision::Probe(Reason::Held)), "{:?}", next);
                    }
                }
                Happens::Released => record = jarkeeper::renewal::release(now, record),
                Happens::Recipe(n) => recipe = n,
                Happens::Secret(tag) => secret_tag = tag,
            }
            let plan = Plan { fingerprint: &fingerprint, secret_tag, renewal: &renewal, has_probe };
            let causes = [Cause::Schedule, Cause::Startup, Cause::FileChange, Cause::Command, Cause::Report];
            for cause in causes {
                let decision = decide(now, &record, &plan, cause);
                prop_assert_eq!(&decision, &decide(now, &record, &plan, cause));
                match decision {
                    Decision::Keep { until } | Decision::Hold { until: Some(until), .. } => {
                        prop_assert!(until > now, "{cause:?} waits for {until} at {now}");
                    }
                    Decision::Probe(_) => prop_assert!(has_probe && record.captured_at.is_some()),
                    _ => {}
                }
            }
            prop_assert!(next_wake(now, &record, &plan) >= now);
            let json = serde_json::to_string(&record).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Record>(&json).unwrap(), &record);
            jarkeeper::renewal::view(now, &record, &plan);
        }
    }

    /// A ledger of any bytes is read without a panic, and whole lines among them count.
    #[test]
    fn a_ledger_of_any_bytes_is_read(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = noise;
        for _ in 0..2 {
            file.extend(jarkeeper::renewal::line(start(), Some(7), Event::Submit));
        }
        let permit = Ledger::parse(&file).permit(start() + TimeDelta::days(9), 7, false);
        prop_assert_eq!(permit.unwrap_err().class, FailureClass::Budget);
    }
}

#[test]
fn every_class_heals_by_time_or_by_a_person_and_a_cancelled_one_leaves_nothing() {
    let mut told = BTreeMap::<_, Vec<_>>::new();
    for class in FailureClass::ALL {
        let mut site = Site::new(Life::Fixed(TimeDelta::hours(24)), true);
        let mut rng = SmallRng::seed_from_u64(8);
        site.fail(start(), &Failure::new(class, "seen"), &mut rng);
        let heals = match (&site.record.hold, &site.record.backoff) {
            (Some(_), None) => "person",
            (None, Some(_)) => "time",
            _ => "nothing",
        };
        told.entry(heals).or_default().push(class.word());
    }
    let told: Vec<_> = told
        .iter()
        .map(|(by, classes)| format!("{by}: {}", classes.join(" ")))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    nothing: cancelled
    person: wrong_credentials locked code_wanted challenge form_not_found form_changed recipe_wrong budget
    time: site_down throttled timeout browser_lost not_proven secret_missing storage
    ");
}
