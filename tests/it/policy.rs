//! The rules of renewal, one behaviour each.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::renewal::{
    Cause, Decision, Happened, Outcome, Plan, Reason, Record, apply, decide, enough, hold, horizon,
    next_wake, release, view,
};
use jarkeeper::sites::recipe::Renewal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

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

#[test]
fn a_refused_password_is_not_tried_again() {
    let mut story = Story::new(plan(&PLAIN));
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
    story.fail(&Failure::new(FailureClass::WrongCredentials, "refused").after_submit());
    for _ in 0..100 {
        story.after(hours(24));
        for cause in [
            Cause::Schedule,
            Cause::Startup,
            Cause::Report,
            Cause::Command,
            Cause::Cron,
        ] {
            assert!(is_hold(&story.asks(cause)), "{cause:?}");
        }
    }
    let mut changed = story.plan;
    changed.secret_tag = Some(2);
    let decision = decide(story.now, &story.record, &changed, Cause::Schedule);
    assert_eq!(decision, Decision::Renew(Reason::SecretChanged));
    changed = Plan {
        fingerprint: "two",
        ..story.plan
    };
    let decision = decide(story.now, &story.record, &changed, Cause::FileChange);
    assert_eq!(decision, Decision::Renew(Reason::RecipeChanged));
    // Not to know the secret does not mean that it changed.
    changed = Plan {
        secret_tag: None,
        ..story.plan
    };
    assert!(is_hold(&decide(
        story.now,
        &story.record,
        &changed,
        Cause::Schedule
    )));
    story.record = release(story.now, story.record);
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Released));
    assert!(Reason::Released.insists() && !Reason::Command.insists());
    story.fail(&Failure::new(FailureClass::WrongCredentials, "refused").after_submit());
    assert!(
        is_hold(&story.asks(Cause::Command)),
        "a release is good for one try"
    );
}

#[test]
fn what_lifted_a_hold_lasts_until_it_has_been_submitted() {
    let mut story = Story::new(plan(&PLAIN));
    story.fail_with(FailureClass::WrongCredentials);
    story.plan.fingerprint = "two";
    story.fail_with(FailureClass::SiteDown);
    story.after(story.wait());
    assert_eq!(
        story.asks_by_itself(),
        Decision::Renew(Reason::RecipeChanged)
    );
    story.fail(&Failure::new(FailureClass::Timeout, "seen").after_submit());
    story.after(story.wait());
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
}

#[test]
fn a_page_that_needs_a_person_is_left_alone_but_for_a_probe_an_hour() {
    use FailureClass as C;
    for class in [
        C::Locked,
        C::CodeWanted,
        C::Challenge,
        C::FormNotFound,
        C::FormChanged,
        C::RecipeWrong,
    ] {
        let mut story = Story::logged_in(plan(&PLAIN), hours(48));
        story.after(hours(40)).fail_with(class);
        let (mut probes, end) = (0, story.now + hours(24 * 7));
        while story.now < end {
            match story.asks_by_itself() {
                Decision::Probe(Reason::Held) => {
                    probes += 1;
                    if story.now < start() + hours(47) {
                        story.alive()
                    } else {
                        story.apply(Outcome::Dead)
                    }
                }
                Decision::Hold {
                    until: Some(until), ..
                } => story.now = until,
                other => panic!("{class}: {other:?}"),
            }
        }
        assert!(
            (150..=188).contains(&probes),
            "{class}: {probes} probes in a week"
        );
        assert_eq!(
            view(story.now, &story.record, &story.plan)
                .hold
                .unwrap()
                .class,
            class.word()
        );
        assert_eq!(
            story.asks(Cause::Command),
            Decision::Renew(Reason::Dead),
            "a person may try"
        );
        story.plan.fingerprint = "two";
        assert_eq!(
            story.asks(Cause::FileChange),
            Decision::Renew(Reason::RecipeChanged)
        );
    }
}

#[test]
fn a_site_that_asks_for_patience_gets_it() {
    for (asked, least, most) in [(1, 60, 63), (600, 600, 630), (1_000_000, 86_400, 86_400)] {
        let mut story = Story::new(plan(&PLAIN));
        story.fail(&Failure {
            retry_after: Some(TimeDelta::seconds(asked)),
            ..Failure::new(FailureClass::Throttled, "429")
        });
        assert!(
            (least..=most).contains(&story.wait().num_seconds()),
            "{asked}: {}",
            story.wait()
        );
        assert!(
            is_hold(&story.asks(Cause::Command)),
            "not even a person hurries it along"
        );
        story.plan.fingerprint = "two";
        assert!(
            is_hold(&story.asks(Cause::FileChange)),
            "nor does another recipe"
        );
        story.record = release(story.now, story.record);
        assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
    }
    let mut story = Story::new(plan(&PLAIN));
    let minutes = std::iter::from_fn(|| {
        story.fail_with(FailureClass::Throttled);
        let wait = story.wait();
        story.after(wait);
        Some(wait.num_minutes())
    });
    for (wait, nominal) in minutes.zip([15, 30, 60, 120, 240, 360, 360]) {
        assert!(
            (nominal..=nominal * 11 / 10).contains(&wait),
            "{wait} for {nominal}"
        );
    }
}

/// The tries and the shortest gap of a site that fails for `days`.
fn failing(mut story: Story<'_>, class: FailureClass, days: i64) -> (u32, TimeDelta, Story<'_>) {
    let end = story.now + hours(24 * days);
    let (mut tries, mut last, mut gap) = (0, None, TimeDelta::MAX);
    while story.now < end {
        match story.asks_by_itself() {
            Decision::Keep { until }
            | Decision::Hold {
                until: Some(until), ..
            } => {
                assert!(until > story.now, "time must pass");
                story.now = until;
            }
            Decision::Hold { until: None, .. } => break,
            Decision::Probe(_) | Decision::Renew(_) => {
                tries += 1;
                gap = last.map_or(gap, |last| gap.min(story.now - last));
                last = Some(story.now);
                story.fail_with(class);
            }
        }
    }
    (tries, gap, story)
}

#[test]
fn a_site_that_fails_for_thirty_days_sees_at_most_142_tries_and_then_a_person_is_told() {
    use FailureClass as C;
    for class in [
        C::SiteDown,
        C::Timeout,
        C::BrowserLost,
        C::Throttled,
        C::NotProven,
    ] {
        for life in [None, Some(12), Some(24 * 14), Some(24 * 90)] {
            let story = match life {
                None => Story::new(plan(&PLAIN)),
                Some(life) => Story::logged_in(plan(&PLAIN), hours(life)),
            };
            let (tries, gap, _) = failing(story, class, 30);
            assert!(tries <= 142, "{class}, {life:?}: {tries} tries");
            assert!(gap >= TimeDelta::seconds(1), "{class}, {life:?}: {gap}");
        }
    }
    let story = Story::new(plan(&PLAIN));
    let (tries, _, mut story) = failing(story, C::SiteDown, 60);
    assert_eq!(tries, 142);
    let held = view(story.now, &story.record, &story.plan).hold.unwrap();
    assert_eq!(held.class, "gave_up");
    assert!(held.why.contains("142 tries"), "{}", held.why);
    assert_eq!(story.asks(Cause::Command), Decision::Renew(Reason::Missing));
    story.plan.secret_tag = Some(2);
    assert_eq!(
        story.asks_by_itself(),
        Decision::Renew(Reason::SecretChanged)
    );
    story.plan.secret_tag = None;
    story.record = release(story.now, story.record);
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Released));
}

#[test]
fn while_the_session_lives_tries_come_within_minutes() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.after(hours(18));
    for _ in 0..30 {
        story.fail_with(FailureClass::SiteDown);
        assert!(story.wait() <= TimeDelta::minutes(5), "{}", story.wait());
        story.after(story.wait());
        assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Due));
    }
}

#[test]
fn a_failure_behind_the_submit_waits_long_and_one_before_it_does_not() {
    let mut story = Story::new(plan(&PLAIN));
    story.fail(&Failure::new(FailureClass::Timeout, "seen").after_submit());
    assert!(story.wait() >= TimeDelta::minutes(15));
    let mut story = Story::new(plan(&PLAIN));
    story.fail_with(FailureClass::Timeout);
    assert!(story.wait() <= TimeDelta::seconds(10));
}

#[test]
fn a_dead_session_is_renewed_at_once_and_one_that_never_lived_is_not() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.after(hours(1)).alive();
    story.after(hours(1)).apply(Outcome::Dead);
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Dead));
    // From here on every renewal "succeeds" and brings a dead cookie.
    let mut waits = Vec::new();
    for _ in 0..8 {
        story.login(Some(hours(24)));
        story.after(TimeDelta::minutes(1)).apply(Outcome::Dead);
        assert!(is_hold(&story.asks_by_itself()), "not at once");
        waits.push(story.wait().num_seconds());
        story.after(story.wait());
        assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Dead));
    }
    assert!((2..=8).contains(&waits[0]), "once may be chance: {waits:?}");
    assert!(waits[1] >= 900 && waits[7] >= 21_600, "{waits:?}");
}

#[test]
fn a_spent_budget_is_waited_for_and_is_no_failure_of_the_site() {
    let mut story = Story::new(plan(&PLAIN));
    for _ in 0..1_000 {
        story.fail(&Failure {
            retry_after: Some(TimeDelta::minutes(40)),
            ..Failure::new(FailureClass::Budget, "three within the hour")
        });
        assert!(story.wait() >= TimeDelta::minutes(40));
        assert!(is_hold(&story.asks(Cause::Command)));
        story.after(story.wait());
        assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
    }
    story.fail_with(FailureClass::Budget);
    story.after(hours(24 * 365));
    assert!(
        is_hold(&story.asks_by_itself()),
        "two logins with no clear end wait for a person"
    );
}

#[test]
fn a_missing_secret_is_looked_for_every_hour_and_used_as_soon_as_it_is_there() {
    let mut story = Story::new(Plan {
        secret_tag: None,
        ..plan(&PLAIN)
    });
    for _ in 0..1_000 {
        story.fail_with(FailureClass::SecretMissing);
        let minutes = story.wait().num_minutes();
        assert!((54..=66).contains(&minutes), "{minutes}");
        story.after(story.wait());
        assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
    }
    story.fail_with(FailureClass::SecretMissing);
    story.plan.secret_tag = Some(3);
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
}

#[test]
fn a_full_disk_before_the_login_is_tried_again_for_ever_and_after_it_slowly() {
    let mut story = Story::new(plan(&PLAIN));
    for _ in 0..1_000 {
        story.fail_with(FailureClass::Storage);
        assert!(story.wait() >= TimeDelta::seconds(1) && story.wait() <= hours(6));
        story.after(story.wait());
    }
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Missing));
    story.fail(&Failure::new(FailureClass::Storage, "full").after_submit());
    assert!(story.wait() >= TimeDelta::minutes(15));
}

#[test]
fn a_cancelled_renewal_changes_nothing() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.after(hours(20));
    let before = story.record.clone();
    story.fail(&Failure::new(FailureClass::Cancelled, "stopping").after_submit());
    assert_eq!(story.record, before);
}

#[test]
fn a_person_may_leave_a_session_alone_and_let_it_go_on() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(1));
    story.record = hold(story.now, story.record, "migration");
    story.after(hours(100));
    for cause in [
        Cause::Schedule,
        Cause::Command,
        Cause::Report,
        Cause::FileChange,
    ] {
        let Decision::Hold { until: None, why } = story.asks(cause) else {
            panic!("{cause:?}")
        };
        assert!(why.contains("migration"), "{why}");
    }
    assert_eq!(
        view(story.now, &story.record, &story.plan)
            .hold
            .unwrap()
            .class,
        "person"
    );
    story.record = release(story.now, story.record);
    assert_eq!(story.asks_by_itself(), Decision::Renew(Reason::Expired));
}

#[test]
fn a_clock_set_back_neither_expires_a_session_nor_prolongs_a_wait() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.after(hours(1)).alive();
    let waits = story.wait();
    for days in [2, 30, 3_000] {
        let mut jumped = story.now - hours(24 * days);
        assert_eq!(
            next_wake(jumped, &story.record, &story.plan) - jumped,
            waits
        );
        let mut record = story.record.clone();
        assert!(record.follow_clock(jumped) && !record.follow_clock(jumped));
        assert_eq!(view(jumped, &record, &story.plan).alive, Some(true));
        jumped += hours(16);
        assert_eq!(
            decide(jumped, &record, &story.plan, Cause::Cron),
            Decision::Renew(Reason::Due)
        );
    }
    let mut waiting = Story::new(plan(&PLAIN));
    waiting.fail(&Failure {
        retry_after: Some(hours(2)),
        ..Failure::new(FailureClass::Throttled, "503")
    });
    let wait = waiting.wait();
    waiting.after(hours(-48));
    assert_eq!(waiting.wait(), wait, "neither shorter nor longer");
}

#[test]
fn clock_jumps_cost_at_most_one_login_each_way() {
    for (there, back) in [(30, -30), (30, -2), (-2, 2), (400, -400)] {
        let mut story = Story::logged_in(plan(&PLAIN), hours(48));
        story.after(hours(2)).alive();
        let mut logins = 0;
        for days in [there, back] {
            story.after(hours(24 * days));
            story.record.follow_clock(story.now);
            let end = story.now + hours(12);
            let mut here = 0;
            while story.now < end {
                match story.asks_by_itself() {
                    Decision::Keep { until } => story.now = until,
                    Decision::Probe(_) => story.alive(),
                    Decision::Renew(_) => {
                        here += 1;
                        story.login(Some(hours(48)));
                    }
                    Decision::Hold { until, .. } => story.now = until.unwrap(),
                }
            }
            logins += here;
            assert!(here <= 1, "{here} logins after a jump of {days} days");
        }
        assert!(
            logins <= 1,
            "{logins} logins after jumps of {there} and {back} days"
        );
    }
}

#[test]
fn a_record_restored_from_yesterday_is_probed_before_anything_else() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(48));
    story.after(hours(40));
    assert_eq!(story.asks(Cause::Startup), Decision::Probe(Reason::Startup));
    story.alive();
    assert_eq!(
        story.asks(Cause::Startup),
        Decision::Renew(Reason::Due),
        "asked and answered"
    );
    story.login(Some(hours(48)));
    assert!(matches!(story.asks(Cause::Startup), Decision::Keep { .. }));
}

#[test]
fn a_report_or_a_command_looks_before_it_logs_in() {
    for (cause, reason) in [
        (Cause::Report, Reason::Report),
        (Cause::Command, Reason::Command),
    ] {
        let mut story = Story::logged_in(plan(&PLAIN), hours(48));
        assert!(
            matches!(story.asks(cause), Decision::Keep { .. }),
            "seen alive this moment"
        );
        story.after(TimeDelta::minutes(5));
        assert_eq!(story.asks(cause), Decision::Probe(reason));
        story.alive();
        assert!(matches!(story.asks(cause), Decision::Keep { .. }));
        story.plan.has_probe = false;
        story.after(TimeDelta::minutes(5));
        assert_eq!(
            story.asks(cause),
            Decision::Renew(reason),
            "a visit, where there is no probe"
        );
    }
    let mut story = Story::new(plan(&PLAIN));
    story.fail_with(FailureClass::SiteDown);
    assert!(is_hold(&story.asks(Cause::Report)));
    assert_eq!(story.asks(Cause::Command), Decision::Renew(Reason::Missing));
}

#[test]
fn due_times_lie_in_the_window_of_their_life() {
    let share = |life: TimeDelta, again: bool, seed| {
        let mut story = Story::new(plan(&PLAIN));
        story.rng = SmallRng::seed_from_u64(seed);
        story.login(Some(life));
        if again {
            story.login(Some(life));
        }
        let due = horizon(&story.record, &story.plan).unwrap().due;
        (due - story.now).num_milliseconds() as f64 / life.num_milliseconds() as f64
    };
    for seed in 0..200 {
        assert!((0.45..=0.55).contains(&share(TimeDelta::minutes(9), true, seed)));
        assert!((0.60..=0.70).contains(&share(TimeDelta::minutes(10), false, seed)));
        assert!((0.60..=0.70).contains(&share(hours(12), true, seed)));
        assert!((0.40..=0.70).contains(&share(hours(12), false, seed)));
        let century = share(hours(24 * 36_500), true, seed) * 36_500.0;
        assert!(
            (239.9..=280.1).contains(&century),
            "no cookie outlives 400 days"
        );
    }
    let mut story = Story::new(plan(&PLAIN));
    story.login(Some(TimeDelta::seconds(59)));
    let why = view(story.now, &story.record, &story.plan).hold.unwrap();
    assert_eq!(why.class, "recipe_wrong");
}

#[test]
fn without_information_a_session_lives_twelve_hours_until_five_deaths_teach_better() {
    let mut story = Story::new(plan(&PLAIN));
    for day in 0..5 {
        story.login(None);
        let life = horizon(&story.record, &story.plan).unwrap();
        assert_eq!((life.life, life.end), (hours(12), None), "day {day}");
        story.after(hours(3)).alive();
        story.after(hours(1)).apply(Outcome::Dead);
    }
    story.login(None);
    let learned = horizon(&story.record, &story.plan).unwrap();
    assert_eq!(
        (learned.life, learned.end),
        (hours(3), None),
        "a guess is a reason, not an end"
    );
}

#[test]
fn a_cron_renews_at_its_times_and_one_that_was_slept_through_still_counts_once() {
    for pattern in ["0 3 * * *", "0 0 3 * * *"] {
        let renewal = Renewal {
            cron: Some(pattern.to_owned()),
            ..PLAIN
        };
        let mut story = Story::logged_in(plan(&renewal), hours(24 * 90));
        let three = "2026-03-02T03:00:00Z".parse::<DateTime<Utc>>().unwrap();
        story.plan.has_probe = false;
        assert_eq!(story.asks_by_itself(), Decision::Keep { until: three });
        for late in [0, 50] {
            story.now = three + hours(late);
            assert_eq!(story.asks(Cause::Cron), Decision::Renew(Reason::Cron));
        }
        assert!(!enough(
            story.now,
            &story.record,
            &story.plan,
            Reason::Cron,
            story.record.expires_at
        ));
        story.login(Some(hours(24 * 90)));
        assert!(
            matches!(story.asks(Cause::Cron), Decision::Keep { .. }),
            "once"
        );
    }
}

#[test]
fn before_expiry_is_kept_to_unless_it_is_longer_than_the_life() {
    let renewal = Renewal {
        before_expiry: Some(hours(2)),
        ..PLAIN
    };
    let story = Story::logged_in(plan(&renewal), hours(24));
    let before = start() + hours(24) - horizon(&story.record, &story.plan).unwrap().due;
    assert!(
        before >= hours(2) && before <= TimeDelta::minutes(132),
        "{before}"
    );
    let story = Story::logged_in(plan(&renewal), hours(1));
    let due = horizon(&story.record, &story.plan).unwrap().due - start();
    assert!(due >= TimeDelta::minutes(36), "not for ever anew: {due}");
}

#[test]
fn a_sliding_session_is_touched_as_often_as_the_recipe_asks() {
    let renewal = Renewal {
        keep_alive: Some(TimeDelta::minutes(10)),
        ..PLAIN
    };
    for has_probe in [true, false] {
        let mut story = Story::logged_in(
            Plan {
                has_probe,
                ..plan(&renewal)
            },
            hours(24 * 30),
        );
        let (mut touches, end) = (0, story.now + hours(24));
        while story.now < end {
            match story.asks_by_itself() {
                Decision::Keep { until } => story.now = until,
                Decision::Probe(Reason::KeepAlive) if has_probe => {
                    touches += 1;
                    story.alive();
                }
                Decision::Renew(Reason::KeepAlive) if !has_probe => {
                    touches += 1;
                    let expires_at = story.record.expires_at;
                    assert!(enough(
                        story.now,
                        &story.record,
                        &story.plan,
                        Reason::KeepAlive,
                        expires_at
                    ));
                    story.apply(Outcome::Renewed {
                        expires_at,
                        login: false,
                    });
                }
                other => panic!("{other:?}"),
            }
        }
        assert!((143..=160).contains(&touches), "{touches}");
    }
}

#[test]
fn a_visit_is_enough_where_the_end_moves_and_a_fixed_end_is_made_anew() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.after(hours(18));
    let fixed = story.record.expires_at;
    let is_enough =
        |story: &Story<'_>, end| enough(story.now, &story.record, &story.plan, Reason::Due, end);
    assert!(!is_enough(&story, fixed));
    assert!(
        !is_enough(&story, fixed.map(|end| end + TimeDelta::seconds(30))),
        "that is jitter"
    );
    assert!(is_enough(&story, Some(story.now + hours(24))));
    // A worker that reports it as renewed all the same does not go round in circles.
    story.apply(Outcome::Renewed {
        expires_at: fixed,
        login: false,
    });
    assert!(story.wait() >= TimeDelta::minutes(15), "{}", story.wait());

    let renewal = Renewal {
        max_age: Some(hours(24)),
        ..PLAIN
    };
    let mut story = Story::new(plan(&renewal));
    story.login(None);
    story.after(hours(18));
    assert!(!is_enough(&story, None), "max_age counts from the login");
    let mut story = Story::new(plan(&PLAIN));
    story.login(None);
    story.after(hours(9));
    assert!(is_enough(&story, None), "alive is all that is known of it");
}

#[test]
fn probes_come_every_twentieth_of_the_life_within_a_minute_and_an_hour() {
    for (life, nominal) in [
        (hours(10), 1_800.0),
        (hours(24 * 90), 3_600.0),
        (TimeDelta::minutes(15), 60.0),
    ] {
        for seed in 0..100 {
            let mut story = Story::new(plan(&PLAIN));
            story.rng = SmallRng::seed_from_u64(seed);
            story.login(Some(life));
            let every = story.wait().num_milliseconds() as f64 / 1_000.0;
            assert!(
                (nominal * 0.9 - 1.0..=nominal * 1.1).contains(&every),
                "{every} for {nominal}"
            );
        }
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_unknown_fields_are_passed_over() {
    let mut story = Story::logged_in(plan(&PLAIN), hours(24));
    story.fail_with(FailureClass::SiteDown);
    let mut json = serde_json::to_value(&story.record).unwrap();
    json["from_the_future"] = 1.into();
    assert_eq!(
        serde_json::from_value::<Record>(json.clone()).unwrap(),
        story.record
    );
    json["version"] = 2.into();
    let error = serde_json::from_value::<Record>(json)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("version 2") && error.contains("up to 1"),
        "{error}"
    );
    assert_eq!(
        serde_json::from_str::<Record>("{}").unwrap(),
        Record::default()
    );
}

#[test]
fn the_history_is_bounded_and_tells_the_newest_last() {
    let mut story = Story::new(plan(&PLAIN));
    for _ in 0..50 {
        story.fail_with(FailureClass::SiteDown);
    }
    story.login(Some(hours(24)));
    assert_eq!(story.record.history.len(), 20);
    let shown = view(story.now, &story.record, &story.plan);
    assert_eq!(
        (shown.last_result, shown.last_error),
        (Some(Happened::LoggedIn), None)
    );
    assert_eq!((shown.alive, shown.hold), (Some(true), None));
    assert!(shown.next_renewal_at > Some(story.now));
}
