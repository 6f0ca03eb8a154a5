//! When a session is due, probed and touched, also on a clock that jumps.

use super::*;

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
    let mut story = Story::new(plan(&PLAIN));
    story.login(None);
    let age = view(story.now, &story.record, &story.plan)
        .next_renewal_at
        .unwrap()
        - story.now;
    story.after(hours(-48));
    assert!(story.record.follow_clock(story.now));
    let shown = view(story.now, &story.record, &story.plan);
    assert_eq!(shown.next_renewal_at.unwrap() - story.now, age);
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
        assert_eq!(
            story.asks(cause),
            Decision::Probe(reason),
            "who doubts it is not told to believe it"
        );
        story.after(TimeDelta::minutes(5));
        assert_eq!(story.asks(cause), Decision::Probe(reason));
        story.alive();
        assert!(matches!(story.asks(Cause::Schedule), Decision::Keep { .. }));
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
            // Having been looked at since does not make up for it.
            story.alive();
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
