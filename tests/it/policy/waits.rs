//! How long is waited after failures.

use super::*;

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
                assert!(tries <= 1_000, "a hot loop");
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
fn delays_begin_at_five_seconds_and_double_on_average() {
    let mut total = TimeDelta::zero();
    for seed in 0..500 {
        let mut story = Story::new(plan(&PLAIN));
        story.rng = SmallRng::seed_from_u64(seed);
        for _ in 0..6 {
            story.fail_with(FailureClass::SiteDown);
            story.after(story.wait());
        }
        total += story.now - start();
    }
    // 5 + 10 + 20 + 40 + 80 + 160 seconds.
    let mean = (total / 500).num_seconds();
    assert!((280..=350).contains(&mean), "{mean}");
}

#[test]
fn not_even_a_damaged_record_makes_a_hot_loop() {
    for delay_ms in [i64::MIN, -1, 0, 1, i64::MAX] {
        let mut story = Story::new(plan(&PLAIN));
        story.fail_with(FailureClass::SiteDown);
        if let Some(backoff) = &mut story.record.backoff {
            backoff.delay_ms = delay_ms;
        }
        story.fail_with(FailureClass::SiteDown);
        assert!(story.wait() >= TimeDelta::seconds(1) && story.wait() <= hours(6));
    }
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
