//! When sessions are looked at, extended and made anew, and who waits for whom.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use chrono::{TimeDelta, Utc};
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::{Cause, Happened, How, schedule};

use crate::support::dials::{ExtraCookie, FormShape};
use crate::support::state::{Seen, State};
use crate::support::{Keeper, Site, clock, run};

/// Days that no test reaches, as seconds.
const FAR: u64 = 100 * 86_400;

/// Moves a test's clock; what the site sets from now on ends an hour after that.
fn go_to(ahead: &AtomicI64, seconds: i64, site: &Site) {
    ahead.store(seconds, SeqCst);
    // Chromium's clock has not moved with ours.
    site.turn(|dials| dials.cookie_life = Some(3600 + seconds.unsigned_abs()));
}

fn end_of(keeper: &Keeper, cookie: &str) -> f64 {
    let state = keeper.state("x").unwrap();
    let cookie = state.cookies.iter().find(|c| c.name == cookie).unwrap();
    cookie.expires
}

#[test]
fn a_session_ended_on_the_server_is_noticed_by_the_probe_and_made_anew() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "", now);
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        let rule = keeper.restarted().kept("x").learned.rule.unwrap();
        assert_eq!(
            (rule.url.as_str(), rule.status),
            (site.home_url().as_str(), 200)
        );

        AHEAD.store(200, SeqCst);
        let (visits, probes) = (site.visits(), site.probes());
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
        assert_eq!((site.visits(), site.probes()), (visits, probes + 1));

        site.invalidate();
        AHEAD.store(400, SeqCst);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
        assert_eq!(site.submissions().len(), 2);
        let kept = keeper.kept("x").record;
        assert_eq!(kept.lives.len(), 1);
        let told: Vec<_> = kept.history.iter().map(|entry| entry.result).collect();
        assert_eq!(
            told,
            [Happened::LoggedIn, Happened::Died, Happened::LoggedIn]
        );
        // A reader of the state says that the site refused it, and is wrong: no login.
        assert!(keeper.renew("x", Cause::Report).await.ok());
        assert_eq!(site.submissions().len(), 2);
    });
}

#[test]
fn cookies_that_a_probe_renews_are_kept_and_no_login_is_needed_for_ten_lives() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::with(|dials| dials.sliding = true);
        let keeper = Keeper::of(&site, "", now);
        keeper.must_login("x").await;
        let before = end_of(&keeper, "sid");
        let visits = site.visits();
        go_to(&AHEAD, 200, &site);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
        assert!(end_of(&keeper, "sid") >= before + 190.0);
        for life in 1..=10 {
            // Nobody was there to probe it until it was due: 60 to 70 % of the hour.
            go_to(&AHEAD, 200 + life * 2530, &site);
            let before = end_of(&keeper, "sid");
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Extended);
            assert!(end_of(&keeper, "sid") >= before + 2500.0);
        }
        assert_eq!((site.submissions().len(), site.visits()), (1, visits));
        let last = keeper.kept("x").record.history.pop().unwrap();
        assert_eq!(last.result, Happened::Extended);
    });
}

#[test]
fn a_session_with_a_fixed_end_takes_one_login_a_life_and_never_more() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "", now);
        keeper.must_login("x").await;
        for life in 1..=3 {
            let began = AHEAD.load(SeqCst);
            for share in [0.1, 0.3, 0.5, 0.59] {
                AHEAD.store(began + (3600.0 * share) as i64, SeqCst);
                let how = keeper.renew("x", Cause::Schedule).await.how;
                assert_eq!(how, How::Probed, "{share} of life {life}");
            }
            go_to(&AHEAD, began + 2530, &site);
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
            for cause in [Cause::Schedule, Cause::Startup, Cause::Expiry, Cause::Cron] {
                assert!(keeper.renew("x", cause).await.ok());
            }
            assert_eq!(site.submissions().len(), 1 + life);
            let kept = keeper.kept("x").record;
            let left = kept.expires_at.unwrap() - now();
            assert!(
                (3500..=3600).contains(&left.num_seconds()),
                "{left} after life {life}"
            );
        }
    });
}

#[test]
fn a_dead_session_whose_page_looks_alive_at_first_is_made_anew() {
    run(async {
        // The form comes by a script, long after the page has loaded and looked signed in.
        let site = Site::with(|dials| dials.form = FormShape::Late);
        let keeper = Keeper::of(&site, "", Utc::now);
        for submissions in 1..=3 {
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
            assert_eq!(site.submissions().len(), submissions);
            site.invalidate();
        }
    });
}

#[test]
fn the_recipe_says_how_long_before_the_end_and_how_old_at_most() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "renewal = { before_expiry = \"10m\" }\n", now);
        keeper.must_login("x").await;
        AHEAD.store(2900, SeqCst);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
        go_to(&AHEAD, 3010, &site);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);

        let site = Site::with(|dials| dials.cookie_life = None);
        let keeper = Keeper::of(&site, "renewal = { max_age = \"30m\" }\n", now);
        keeper.must_login("x").await;
        AHEAD.store(3010 + 1070, SeqCst);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
        AHEAD.store(3010 + 1270, SeqCst);
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
        assert_eq!(site.submissions().len(), 2);
    });
}

#[test]
fn a_session_is_touched_as_often_as_the_recipe_wants() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::with(|dials| dials.cookie_life = None);
        let keeper = Keeper::of(&site, "renewal = { keep_alive = \"2m\" }\n", now);
        keeper.must_login("x").await;
        let probes = site.probes();
        for n in 1..=5 {
            AHEAD.store(n * 135, SeqCst);
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Kept);
        }
        assert_eq!((site.probes(), site.submissions().len()), (probes + 5, 1));
    });
}

#[test]
fn at_a_time_of_its_cron_a_sliding_session_is_extended_and_a_fixed_one_made_anew() {
    clock!(now, AHEAD);
    run(async {
        let at = (Utc::now() + TimeDelta::minutes(20)).format("%M %H");
        let cron = format!("renewal = {{ cron = \"{at} * * *\" }}\n");
        let (fixed, sliding) = (Site::start(), Site::with(|dials| dials.sliding = true));
        for (site, how) in [(&sliding, How::Extended), (&fixed, How::LoggedIn)] {
            go_to(&AHEAD, 0, site);
            let keeper = Keeper::of(site, &cron, now);
            keeper.must_login("x").await;
            AHEAD.store(15 * 60, SeqCst);
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Probed);
            go_to(&AHEAD, 22 * 60, site);
            assert_eq!(keeper.renew("x", Cause::Cron).await.how, how);
            assert!(matches!(
                keeper.renew("x", Cause::Schedule).await.how,
                How::Kept | How::Probed
            ));
        }
        assert_eq!(
            (sliding.submissions().len(), fixed.submissions().len()),
            (1, 2)
        );
    });
}

#[test]
fn the_loop_keeps_sessions_of_a_minute_alive_by_itself() {
    run(async {
        let sites = [true, false].map(|sliding| {
            Site::with(|dials| {
                dials.cookie_life = Some(72);
                dials.sliding = sliding;
            })
        });
        let keeper = Keeper::new();
        keeper.env("PASSWORD", Site::PASSWORD);
        let (sliding, fixed) = (&sites[0], &sites[1]);
        keeper
            .recipe("sliding", &sliding.recipe("PASSWORD"))
            .recipe("fixed", &fixed.recipe("PASSWORD"));
        let run = schedule::run(
            keeper.queue.clone(),
            keeper.settings(),
            Default::default(),
            Utc::now,
        );
        let probe = |seen: &&Seen| seen.home && !seen.browser;
        let done = async {
            sliding.until_submissions(1).await;
            // Joins the login that runs; only the loop itself asks after that.
            keeper.login("sliding").await;
            let known = sliding.probes();
            fixed.until_submissions(2).await;
            let extended = |state: &mut State| state.requests.iter().filter(probe).count() > known;
            sliding.until(extended).await;
            // What is on its way into the files is waited for.
            keeper.login("fixed").await;
            keeper.login("sliding").await;
        };
        tokio::select! {
            () = run => panic!("the loop ended"),
            () = done => {}
        }
        assert_eq!(sliding.submissions().len(), 1);
        assert_eq!(fixed.submissions().len(), 2);
        for (name, last) in [
            ("sliding", Happened::Extended),
            ("fixed", Happened::LoggedIn),
        ] {
            let record = keeper.kept(name).record;
            let result = record.history.last().unwrap().result;
            assert_eq!(result, last, "{name}");
            assert!(record.expires_at.unwrap() > Utc::now() + TimeDelta::seconds(30));
            assert!(record.last_failure.is_none());
        }
    });
}

#[test]
fn the_loop_obeys_the_cron_of_a_recipe_and_takes_up_a_new_recipe() {
    run(async {
        let site = Site::with(|dials| dials.sliding = true);
        let keeper = Keeper::new();
        keeper.env("PASSWORD", Site::PASSWORD);
        let run = schedule::run(
            keeper.queue.clone(),
            keeper.settings(),
            Default::default(),
            Utc::now,
        );
        let done = async {
            let cron = "renewal = { cron = \"* * * * * *\" }\n";
            keeper.recipe("x", &(site.recipe("PASSWORD") + cron));
            site.until_submissions(1).await;
            let probes = site.probes();
            site.until(|state| {
                let probe = |seen: &&Seen| seen.home && !seen.browser;
                state.requests.iter().filter(probe).count() >= probes + 3
            })
            .await;
        };
        tokio::select! {
            () = run => panic!("the loop ended"),
            () = done => {}
        }
        assert_eq!(site.submissions().len(), 1);
    });
}

#[test]
fn two_hundred_who_ask_for_a_dead_session_share_one_login() {
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "", Utc::now);
        keeper.must_login("x").await;
        site.invalidate();
        site.turn(|dials| dials.hold_submissions = true);
        let asked: Vec<_> = (0..200)
            .map(|_| keeper.queue.submit("x".parse().unwrap(), Cause::Command))
            .collect();
        site.until_submissions(2).await;
        // Who asks while it runs joins it too.
        let late = keeper.queue.submit("x".parse().unwrap(), Cause::Report);
        site.turn(|dials| dials.hold_submissions = false);
        for told in asked.into_iter().chain([late]) {
            assert_eq!(told.await.unwrap().how, How::LoggedIn);
        }
        assert_eq!(site.submissions().len(), 2);
    });
}

#[test]
fn twenty_times_in_a_row_two_hundred_callers_cost_one_login() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::with(|dials| dials.cookie_life = Some(FAR));
        let keeper = Keeper::of(&site, "", now);
        keeper.must_login("x").await;
        for n in 1..=20 {
            // Eight logins a day are allowed.
            AHEAD.fetch_add(4 * 3600, SeqCst);
            assert!(keeper.renew("x", Cause::Report).await.ok());
            // Else it would learn that sessions live for four hours here, and log in before the next is dead.
            keeper.tamper("x", |kept| kept.record.lives.clear()).await;
            site.invalidate();
            let asked: Vec<_> = (0..200)
                .map(|_| keeper.queue.submit("x".parse().unwrap(), Cause::Report))
                .collect();
            for told in asked {
                let report = told.await.unwrap();
                assert_eq!(report.how, How::LoggedIn, "{n}: {:?}", report.failure);
            }
            assert_eq!(site.submissions().len(), 1 + n);
        }
    });
}

#[test]
fn a_recipe_saved_during_a_renewal_is_looked_at_after_it_and_does_not_disturb_it() {
    run(async {
        let site = Site::with(|dials| dials.hold_submissions = true);
        let keeper = Keeper::of(&site, "", Utc::now);
        let first = keeper.queue.submit("x".parse().unwrap(), Cause::Command);
        site.until_submissions(1).await;
        // A recipe that could not log in: the renewal that runs must not see it.
        let steps = "steps = [{ click = \"#nowhere\" }]\n";
        keeper.recipe("x", &(site.recipe("PASSWORD") + steps));
        let second = keeper.queue.submit("x".parse().unwrap(), Cause::FileChange);
        site.turn(|dials| dials.hold_submissions = false);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert!(first.ok() && second.ok(), "{first:?} {second:?}");
        assert_eq!(site.submissions().len(), 1);
        let kept = keeper.kept("x");
        let settings = keeper.queue.renewer().settings();
        let recipe = settings.recipes.get(&"x".parse().unwrap()).unwrap();
        assert_eq!(
            kept.learned.fingerprint, recipe.fingerprint,
            "the second look must have been made with the new recipe"
        );
        assert!(kept.learned.rule.is_some());
    });
}

#[test]
fn a_recipe_that_is_deleted_ends_the_renewals_and_leaves_the_state() {
    run(async {
        let site = Site::with(|dials| dials.hold_submissions = true);
        let keeper = Keeper::of(&site, "", Utc::now);
        let running = keeper.queue.submit("x".parse().unwrap(), Cause::Command);
        site.until_submissions(1).await;
        keeper.forget("x");
        site.turn(|dials| dials.hold_submissions = false);
        assert_eq!(running.await.unwrap().how, How::LoggedIn);
        assert!(keeper.state("x").is_some());
        assert!(keeper.queue.renewer().keys().is_empty());
        let report = keeper.login("x").await;
        assert_eq!(report.failure.unwrap().class, FailureClass::RecipeWrong);
        assert!(keeper.state("x").is_some());
        assert_eq!(site.submissions().len(), 1);
    });
}

#[test]
fn a_person_holds_and_releases_a_session() {
    clock!(now, AHEAD);
    run(async {
        let site = Site::start();
        let keeper = Keeper::of(&site, "", now);
        let key = "x".parse().unwrap();
        let renewer = keeper.queue.renewer().clone();
        renewer.hold(&key, "moving house").await.unwrap();
        for cause in [Cause::Command, Cause::Startup, Cause::Cron] {
            let report = keeper.restarted().renew("x", cause).await;
            assert_eq!(report.how, How::Held);
            let why = report.failure.unwrap().message;
            assert!(
                why.contains("moving house") && why.contains("jarkeeper release"),
                "{why}"
            );
        }
        assert_eq!(site.requests().len(), 0);
        // Nor does a deleted recipe undo what a person said.
        keeper.forget("x").recipe("x", &site.recipe("PASSWORD"));
        assert_eq!(keeper.renew("x", Cause::FileChange).await.how, How::Held);
        renewer.release(&key).await.unwrap();
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
        AHEAD.store(2530, SeqCst);
        renewer.hold(&key, "").await.unwrap();
        assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::Held);
        assert_eq!(site.submissions().len(), 1);
    });
}

#[test]
fn a_check_says_whether_a_session_lives_and_an_import_must_be_alive() {
    run(async {
        let site = Site::with(|dials| dials.sliding = true);
        let keeper = Keeper::of(&site, "", Utc::now);
        let key = "x".parse().unwrap();
        let renewer = keeper.queue.renewer();
        let why = renewer.check(&key).await.unwrap().unwrap_err();
        assert!(why.contains("jarkeeper login x"), "{why}");
        keeper.must_login("x").await;
        assert_eq!(renewer.check(&key).await.unwrap(), Ok(()));

        // Another folder takes the session over, with no login, and knows no rule yet.
        let brought = keeper.state("x").unwrap();
        let other = Keeper::of(&site, "", Utc::now);
        let theirs = other.queue.renewer();
        theirs.import(&key, brought.clone()).await.unwrap();
        assert!(theirs.check(&key).await.unwrap().is_ok());
        assert!(other.login("x").await.ok());
        assert_eq!(site.submissions().len(), 1);
        assert_eq!(other.kept("x").record.history[0].result, Happened::Extended);

        site.invalidate();
        let why = renewer.check(&key).await.unwrap().unwrap_err();
        assert!(why.contains("/notes"), "{why}");
        assert!(keeper.kept("x").record.died_at.is_some());
        let before = std::fs::read(other.path("x")).unwrap();
        let failure = theirs.import(&key, brought).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::NotProven);
        assert_eq!(std::fs::read(other.path("x")).unwrap(), before);
        assert_eq!(site.submissions().len(), 1);

        site.close_port().await;
        let failure = renewer.check(&key).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::SiteDown);
    });
}

#[test]
fn the_cookies_that_a_recipe_names_decide_when_the_session_ends() {
    clock!(now, _AHEAD);
    run(async {
        let site = Site::with(|dials| dials.extra_cookies = vec![ExtraCookie::Preference]);
        for (names, days) in [("\"sid\"", 0), ("\"theme\"", 300)] {
            let keeper = Keeper::of(&site, &format!("cookies = [{names}]\n"), now);
            keeper.must_login("x").await;
            let ends = keeper.kept("x").record.expires_at.unwrap();
            assert_eq!(
                (ends - Utc::now()).num_days() > 200,
                days > 200,
                "{names}: {ends}"
            );
        }
    });
}
