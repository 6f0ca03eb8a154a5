//! Laws of renewal that hold whatever happens, in whatever order.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::{
    Cause, Decision, Event, Ledger, Outcome, Plan, Reason, Record, apply, decide, line, next_wake,
    release, view,
};
use jarkeeper::sites::recipe::Renewal;
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::simulation::{Life, Site, most_within, start};

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
        let by_hand = dice.is_multiple_of(5);
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
                    file.extend(line(now, Some(7), Event::Submit));
                    submits += 1;
                    match rng.random_range(0..4) {
                        // Killed before the answer; killed before the record is written; whole.
                        0 => continue,
                        1 => {
                            file.extend(line(now, Some(7), Event::Refused));
                            continue;
                        }
                        _ => file.extend(line(now, Some(7), Event::Refused)),
                    }
                    Failure::new(FailureClass::WrongCredentials, "refused").after_submit()
                }
            };
            site.fail(now, &failure, &mut rng);
        }
        assert!((1..=2).contains(&submits), "seed {seed}: {submits}");
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
                Happens::Released => record = release(now, record),
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
            view(now, &record, &plan);
        }
    }

    /// A ledger of any bytes is read without a panic, and whole lines among them count.
    #[test]
    fn a_ledger_of_any_bytes_is_read(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = noise;
        for _ in 0..2 {
            file.extend(line(start(), Some(7), Event::Submit));
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
    person: wrong_credentials locked code_wanted challenge form_not_found form_changed recipe_wrong budget code_refused passkey_wanted password_expired consent
    time: site_down throttled timeout browser_lost not_proven secret_missing storage
    ");
}
