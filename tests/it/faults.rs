//! What goes wrong (the fault catalogue's F4, F7 and F14 to F19), and what it may cost: a try, hardly ever a login.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use chrono::{DateTime, TimeDelta, Utc};
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::{Cause, How, Report, schedule};

use crate::support::dials::{Dials, Fault, FormShape, Obstacle};
use crate::support::{Keeper, Site, clock, run};

/// A change of the site's dials.
type Turn = fn(&mut Dials);

/// Every reason that comes by itself, or from a reader of the state.
const BY_ITSELF: [Cause; 5] = [
    Cause::Schedule,
    Cause::Startup,
    Cause::Expiry,
    Cause::Cron,
    Cause::Report,
];

/// Moves a test's clock; what the site sets from now on ends an hour after that.
fn go_to(ahead: &AtomicI64, seconds: i64, site: &Site) {
    ahead.store(seconds, SeqCst);
    // Chromium's clock has not moved with ours.
    site.turn(|dials| dials.cookie_life = Some(3600 + seconds.unsigned_abs()));
}

fn class(report: &Report) -> Option<FailureClass> {
    report.failure.as_ref().map(|failure| failure.class)
}

/// The seconds from now until the next try may be.
fn wait(keeper: &Keeper, now: DateTime<Utc>) -> i64 {
    let record = keeper.kept("x").record;
    let until = record.backoff.unwrap().until;
    (until - now).num_seconds()
}

/// How often a password was about to be typed.
fn typed(keeper: &Keeper) -> usize {
    let files = keeper.queue.renewer().files();
    let ledger = files.read_ledger(&"x".parse().unwrap(), None).unwrap();
    String::from_utf8(ledger).unwrap().matches("submit").count()
}

#[test]
fn a_site_in_trouble_costs_ever_rarer_tries_and_no_state_and_heals_by_itself() {
    clock!(now, AHEAD);
    run(async {
        let reset = |dials: &mut Dials| dials.fault = Some(Fault::Reset);
        let broken = |dials: &mut Dials| dials.fault = Some(Fault::Status(500, None));
        let slow = |dials: &mut Dials| dials.fault = Some(Fault::Slow);
        let faults: [(&str, Option<Turn>, usize); 4] = [
            ("closed", None, 400),
            ("reset", Some(reset), 40),
            ("500", Some(broken), 40),
            // Each of these takes the probe's whole time.
            ("slow", Some(slow), 5),
        ];
        for (name, fault, most) in faults {
            AHEAD.store(0, SeqCst);
            let site = Site::start();
            let mut keeper = Keeper::of(&site, "", now);
            keeper.must_login("x").await;
            AHEAD.store(200, SeqCst);
            assert!(keeper.renew("x", Cause::Schedule).await.ok());
            let before = std::fs::read(keeper.path("x")).unwrap();
            match fault {
                Some(fault) => site.turn(fault),
                None => site.close_port().await,
            }
            keeper.configure(|config| config.renewal.probe_timeout = TimeDelta::seconds(1));
            // The session is due, and ends 1070 s later.
            AHEAD.store(2530, SeqCst);
            let mut tries = Vec::new();
            while AHEAD.load(SeqCst) < 86_400 && tries.len() < most {
                let at = AHEAD.load(SeqCst);
                let report = keeper.renew("x", Cause::Schedule).await;
                assert_eq!(class(&report), Some(FailureClass::SiteDown), "{name}");
                assert_eq!(report.how, How::Failed, "{name} at {at}");
                tries.push(at);
                let wait = wait(&keeper, now());
                let longest = if at < 3600 { 300 } else { 3600 };
                assert!((1..=longest).contains(&wait), "{name}: {wait} s at {at}");
                if tries.len() % 10 == 1 {
                    keeper = keeper.restarted();
                    keeper.configure(|config| {
                        config.renewal.probe_timeout = TimeDelta::seconds(1);
                    });
                }
                let asked = site.requests().len();
                AHEAD.fetch_add(wait / 2, SeqCst);
                assert!(!keeper.renew("x", Cause::Schedule).await.ok(), "{name}");
                assert_eq!(
                    site.requests().len(),
                    asked,
                    "{name}: asked during the wait"
                );
                AHEAD.fetch_add(wait - wait / 2 + 1, SeqCst);
            }
            // The policy's bound is 142 tries in 30 days; the first day may have half of them.
            assert!((5..=80).contains(&tries.len()), "{name}: {}", tries.len());
            let record = keeper.kept("x").record;
            assert_eq!(
                record.backoff.unwrap().tries as usize,
                tries.len(),
                "{name}"
            );
            assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before, "{name}");
            assert_eq!(site.submissions().len(), 1, "{name}");

            site.turn(|dials| dials.fault = None);
            // The session has ended meanwhile, for the site too.
            site.invalidate();
            site.open_port().await;
            let ahead = AHEAD.load(SeqCst);
            go_to(&AHEAD, ahead, &site);
            let report = keeper.renew("x", Cause::Schedule).await;
            assert_eq!(report.how, How::LoggedIn, "{name}: {:?}", report.failure);
            let record = keeper.kept("x").record;
            assert!(record.backoff.is_none() && record.last_failure.is_none());
            assert_eq!(site.submissions().len(), 2, "{name}");
        }
    });
}

#[test]
fn a_site_that_asks_for_time_gets_it_whoever_asks() {
    clock!(now, AHEAD);
    run(async {
        for (status, header, least, most) in [
            (429, "300".to_owned(), 298, 320),
            // A date, ten minutes from then.
            (503, String::new(), 580, 635),
            // Less than a minute is not believed, nor more than a day.
            (429, "1".to_owned(), 58, 65),
            (429, "9999999".to_owned(), 86_000, 86_400),
        ] {
            AHEAD.store(0, SeqCst);
            let site = Site::with(|dials| dials.sliding = true);
            let keeper = Keeper::of(&site, "", now);
            keeper.must_login("x").await;
            AHEAD.store(2530, SeqCst);
            site.turn(|dials| dials.fault = Some(Fault::Status(status, Some(header.clone()))));
            if header.is_empty() {
                let date = (now() + TimeDelta::minutes(10)).to_rfc2822();
                let date = Some(date.replace("+0000", "GMT"));
                site.turn(|dials| dials.fault = Some(Fault::Status(status, date)));
            }
            let report = keeper.renew("x", Cause::Schedule).await;
            assert_eq!(class(&report), Some(FailureClass::Throttled), "{header}");
            let wait = wait(&keeper, now());
            assert!((least..=most).contains(&wait), "{header}: {wait} s");
            let asked = site.requests().len();
            site.turn(|dials| dials.fault = None);
            for ahead in [0, wait / 2, wait - 2] {
                AHEAD.store(2530 + ahead, SeqCst);
                for cause in BY_ITSELF
                    .into_iter()
                    .chain([Cause::Command, Cause::FileChange])
                {
                    let report = keeper.restarted().renew("x", cause).await;
                    assert_eq!(report.how, How::Held, "{cause:?}");
                }
            }
            assert_eq!(site.requests().len(), asked, "{header}");
            go_to(&AHEAD, 2530 + wait + 2, &site);
            let report = keeper.renew("x", Cause::Schedule).await;
            assert!(report.ok(), "{header}: {:?}", report.failure);
        }
    });
}

#[test]
fn a_form_that_changed_gets_nothing_typed_and_waits_for_a_person_while_probes_go_on() {
    clock!(now, AHEAD);
    run(async {
        let steps = "steps = [\n\
             { fill = { label = \"Username\" }, with = \"{username}\" },\n\
             { fill = { label = \"Password\" }, with = \"{password}\" },\n\
             { click = { role = \"button\", name = \"Sign in\" } },\n]\n";
        for (more, form, expected) in [
            (steps, FormShape::Renamed, FailureClass::FormChanged),
            ("", FormShape::Missing, FailureClass::FormNotFound),
            ("", FormShape::OnlyOthers, FailureClass::FormNotFound),
        ] {
            AHEAD.store(0, SeqCst);
            let site = Site::start();
            let keeper = Keeper::of(&site, more, now);
            keeper.must_login("x").await;
            let before = std::fs::read(keeper.path("x")).unwrap();
            site.turn(|dials| dials.form = form);
            go_to(&AHEAD, 2530, &site);
            let report = keeper.renew("x", Cause::Schedule).await;
            assert_eq!(class(&report), Some(expected), "{form:?}: {report:?}");
            let picture = report.artefacts.unwrap().join("page.png");
            assert!(std::fs::metadata(picture).unwrap().len() > 100);
            let record = keeper.kept("x").record;
            assert_eq!(record.hold.unwrap().class, expected);
            // The session itself goes on living, and is looked at once an hour.
            let (visits, requests) = (site.visits(), site.requests().len());
            for minutes in 1..=66 {
                AHEAD.store(2530 + minutes * 60, SeqCst);
                let report = keeper.restarted().renew("x", Cause::Schedule).await;
                assert!(matches!(report.how, How::Held | How::Probed), "{report:?}");
            }
            AHEAD.store(2530 + 132 * 60, SeqCst);
            keeper.renew("x", Cause::Schedule).await;
            let seen = (site.visits(), site.requests().len());
            assert_eq!(seen, (visits, requests + 2), "{form:?}");
            assert_eq!(
                (typed(&keeper), site.submissions().len()),
                (1, 1),
                "{form:?}"
            );
            assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before);
            // Another recipe is another chance; here it is the site that came to its senses.
            site.turn(|dials| dials.form = FormShape::Usual);
            keeper.recipe("x", &(site.recipe("PASSWORD") + "timeout = \"30s\"\n"));
            go_to(&AHEAD, 2530 + 132 * 60, &site);
            let report = keeper.renew("x", Cause::FileChange).await;
            assert_eq!(report.how, How::LoggedIn, "{form:?}: {report:?}");
            assert!(keeper.kept("x").record.hold.is_none());
        }
    });
}

#[test]
fn what_only_a_person_can_answer_costs_one_login_at_most() {
    clock!(now, AHEAD);
    run(async {
        let totp = |dials: &mut Dials| dials.totp = Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into());
        let obstacles: [(Turn, FailureClass, usize); 4] = [
            (
                |dials| dials.obstacle = Some(Obstacle::CaptchaBefore),
                FailureClass::Challenge,
                0,
            ),
            (
                |dials| dials.obstacle = Some(Obstacle::CaptchaAfter),
                FailureClass::Challenge,
                1,
            ),
            (
                |dials| dials.obstacle = Some(Obstacle::Consent),
                FailureClass::Consent,
                1,
            ),
            (totp, FailureClass::CodeWanted, 1),
        ];
        for (obstacle, expected, submissions) in obstacles {
            AHEAD.store(0, SeqCst);
            let site = Site::start();
            let keeper = Keeper::of(&site, "timeout = \"12s\"\n", now);
            keeper.must_login("x").await;
            let before = std::fs::read(keeper.path("x")).unwrap();
            AHEAD.store(200, SeqCst);
            assert!(keeper.renew("x", Cause::Schedule).await.ok());
            site.turn(obstacle);
            site.invalidate();
            AHEAD.store(2530, SeqCst);
            let report = keeper.renew("x", Cause::Startup).await;
            assert_eq!(class(&report), Some(expected), "{report:?}");
            for hours in (2..=72).step_by(7) {
                AHEAD.store(2530 + hours * 3600, SeqCst);
                for cause in BY_ITSELF {
                    let report = keeper.restarted().renew("x", cause).await;
                    assert!(!report.ok() || report.how == How::Probed, "{report:?}");
                }
            }
            assert_eq!(site.submissions().len(), 1 + submissions, "{expected}");
            assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before);
        }
    });
}

#[test]
fn a_wrong_password_is_submitted_once_over_ten_restarts_and_once_more_for_a_release() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::with(|dials| {
            dials.lock_after = Some(3);
            dials.cookie_life = None;
        });
        let mut keeper = Keeper::of(&site, "", now);
        keeper.env("PASSWORD", "mistyped");
        let key = "x".parse().unwrap();
        for submissions in 1..=2 {
            let report = keeper.renew("x", Cause::Startup).await;
            assert_eq!(class(&report), Some(FailureClass::WrongCredentials));
            for _ in 0..10 {
                keeper = keeper.restarted();
                AHEAD.fetch_add(7 * 3600, SeqCst);
                for cause in BY_ITSELF
                    .into_iter()
                    .chain([Cause::Command, Cause::FileChange])
                {
                    assert_eq!(keeper.renew("x", cause).await.how, How::Held, "{cause:?}");
                }
            }
            assert_eq!(site.submissions().len(), submissions);
            if submissions == 1 {
                keeper.queue.renewer().release(&key).await.unwrap();
            }
        }
        assert!(keeper.state("x").is_none());
        // The record is lost, as with a restored backup: the ledger still knows.
        keeper.tamper("x", |kept| *kept = Default::default()).await;
        let report = keeper.renew("x", Cause::Command).await;
        assert_eq!(class(&report), Some(FailureClass::WrongCredentials));
        assert_eq!(site.submissions().len(), 2);
        keeper.env("PASSWORD", Site::PASSWORD);
        let report = keeper.renew("x", Cause::Schedule).await;
        assert_eq!(report.how, How::LoggedIn, "{report:?}");
        assert_eq!(site.submissions().len(), 3);
    });
}

#[test]
fn a_login_whose_cookie_opens_nothing_is_never_promoted_and_tried_twice() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "timeout = \"10s\"\n", now);
        keeper.must_login("x").await;
        let before = std::fs::read(keeper.path("x")).unwrap();
        site.turn(|dials| dials.dead_session = true);
        site.invalidate();
        AHEAD.store(2530, SeqCst);
        let report = keeper.renew("x", Cause::Startup).await;
        assert_eq!(class(&report), Some(FailureClass::NotProven), "{report:?}");
        for quarters in 1..=(4 * 72) {
            AHEAD.store(2530 + quarters * 900, SeqCst);
            keeper.renew("x", Cause::Schedule).await;
            if quarters % 20 == 0 {
                keeper.renew("x", Cause::Command).await;
            }
        }
        assert_eq!(site.submissions().len(), 3);
        assert_eq!(
            keeper.kept("x").record.hold.unwrap().class,
            FailureClass::Budget
        );
        assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before);
        site.turn(|dials| dials.dead_session = false);
        keeper
            .queue
            .renewer()
            .release(&"x".parse().unwrap())
            .await
            .unwrap();
        let ahead = AHEAD.load(SeqCst);
        go_to(&AHEAD, ahead, &site);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
    });
}

#[test]
fn a_site_that_ends_every_session_at_once_gets_no_more_logins_than_the_budget() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let mut keeper = Keeper::of(&site, "", now);
        let mut logins: Vec<i64> = Vec::new();
        // Somebody asks every five minutes, for a day and two hours.
        for minutes in (0..26 * 60).step_by(5) {
            go_to(&AHEAD, minutes * 60, &site);
            let report = keeper.renew("x", Cause::Command).await;
            if report.how == How::LoggedIn {
                logins.push(minutes);
                site.invalidate();
                keeper = keeper.restarted();
            } else {
                assert_eq!(class(&report), Some(FailureClass::Budget), "{report:?}");
                assert!(
                    report
                        .failure
                        .unwrap()
                        .message
                        .contains("most for one account")
                );
            }
        }
        assert_eq!(site.submissions().len(), logins.len());
        let within = |span: i64, from: &i64| {
            logins
                .iter()
                .filter(|at| (*from..from + span).contains(at))
                .count()
        };
        let most = |span| logins.iter().map(|from| within(span, from)).max().unwrap();
        assert_eq!((most(60), most(24 * 60)), (3, 8), "{logins:?}");
    });
}

#[test]
fn a_clock_that_jumps_costs_at_most_one_login_a_site() {
    clock!(now, AHEAD);
    run(async {
        const DAY: i64 = 86_400;
        let sites: Vec<Site> = [(Some(3600), false), (Some(3600), true), (None, false)]
            .into_iter()
            .map(|(cookie_life, sliding)| {
                Site::with(|dials| {
                    dials.cookie_life = cookie_life;
                    dials.sliding = sliding;
                })
            })
            .collect();
        let names = ["fixed", "sliding", "endless"];
        let keeper = Keeper::of(&sites[0], "", now);
        keeper.forget("x");
        for (name, site) in names.iter().zip(&sites) {
            keeper.recipe(name, &site.recipe("PASSWORD"));
            keeper.must_login(name).await;
        }
        let run = schedule::run(
            keeper.queue.clone(),
            keeper.settings(),
            Default::default(),
            now,
        );
        let done = async {
            let mut allowed = 1;
            for ahead in [30 * DAY, 28 * DAY, 28 * DAY + 60, 0, 1] {
                for site in &sites[..2] {
                    go_to(&AHEAD, ahead, site);
                }
                allowed += usize::from(ahead == 30 * DAY);
                // The loop wakes for new settings; else it would see the jump within half a minute.
                keeper.configure(|_| {});
                for (name, site) in names.iter().zip(&sites) {
                    let report = keeper.renew(name, Cause::Report).await;
                    assert!(report.ok(), "{name} at {ahead}: {report:?}");
                    keeper.configure(|_| {});
                    let report = keeper.renew(name, Cause::Schedule).await;
                    assert!(report.ok(), "{name} at {ahead}: {report:?}");
                    let logins = site.submissions().len();
                    assert!(logins <= allowed, "{name} at {ahead}: {logins}");
                    let record = keeper.kept(name).record;
                    assert!(record.died_at.is_none() && record.proven_at.is_some());
                }
            }
        };
        tokio::select! {
            () = run => panic!("the loop ended"),
            () = done => {}
        }
        assert_eq!(sites[2].submissions().len(), 1, "its session never ended");
    });
}

/// Tells a process that it is the other part of a test, and in which folder.
const SMALL_DISK: &str = "JARKEEPER_TEST_SMALL_DISK";

#[test]
fn a_full_disk_costs_no_login_and_no_state() {
    if let Some(dir) = std::env::var_os(SMALL_DISK).map(PathBuf::from) {
        return run(on_a_small_disk(dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut again = Command::new("unshare");
    again.arg("-m").arg(std::env::current_exe().unwrap());
    again.args(["faults::a_full_disk_costs_no_login_and_no_state", "--exact"]);
    let Ok(out) = again
        .arg("--nocapture")
        .env(SMALL_DISK, dir.path())
        .output()
    else {
        eprintln!("skipped: unshare is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&out.stdout);
    // Without the right to a namespace of its own, or to mount in it, the other part says nothing of the sort.
    if text.contains("@@skip") || !text.contains("running 1 test") {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    }
    let why = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success() && text.contains("@@done"),
        "{text}{why}"
    );
}

/// In a mount namespace of its own.
async fn on_a_small_disk(dir: PathBuf) {
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", "size=700k,mode=0700", "tmpfs"])
        .arg(&dir);
    if !mount.status().is_ok_and(|status| status.success()) {
        println!("@@skip");
        return;
    }
    let site = Site::start();
    let keeper = Keeper::at(dir.clone());
    keeper.env("PASSWORD", Site::PASSWORD);
    keeper.recipe("x", &site.recipe("PASSWORD"));
    keeper.must_login("x").await;
    let before = std::fs::read(keeper.path("x")).unwrap();
    site.invalidate();

    let filler = dir.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    for cause in BY_ITSELF.into_iter().chain([Cause::Command]) {
        let report = keeper.renew("x", cause).await;
        // Nothing is due for those who do not ask; who asks is told.
        assert!(
            report.how == How::Kept || class(&report) == Some(FailureClass::Storage),
            "{cause:?}: {report:?}"
        );
    }
    let report = keeper.renew("x", Cause::Command).await;
    assert!(report.failure.unwrap().message.contains("make room"));
    assert_eq!((site.submissions().len(), typed(&keeper)), (1, 1));
    assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before);
    let auth = dir.join(".auth");
    let left: Vec<_> = std::fs::read_dir(&auth)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(keeper.must_login("x").await, How::LoggedIn);
    assert_eq!(site.submissions().len(), 2);
    println!("@@done");
}
