//! What holds a session, and what lets it go on.

use super::*;

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
        C::CodeRefused,
        C::PasskeyWanted,
        C::PasswordExpired,
        C::Consent,
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
    for _ in 0..150 {
        story.fail_with(FailureClass::SiteDown);
    }
    story.login(Some(hours(24)));
    assert_eq!(story.record.history.len(), 100);
    let shown = view(story.now, &story.record, &story.plan);
    assert_eq!(
        (shown.last_result, shown.last_error),
        (Some(Happened::LoggedIn), None)
    );
    assert_eq!((shown.alive, shown.hold), (Some(true), None));
    assert!(shown.next_renewal_at > Some(story.now));
}
