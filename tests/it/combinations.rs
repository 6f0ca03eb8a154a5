//! Several accounts of a site, several sites in one file, and what must never be mixed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use chrono::Utc;
use jarkeeper::failure::FailureClass;
use jarkeeper::ids::Combination;
use jarkeeper::renewal::{Cause, How, schedule};
use jarkeeper::session::StorageState;

use crate::support::dials::{Dials, Flavour};
use crate::support::state::Outcome;
use crate::support::{Keeper, Site, clock, run};

/// The names of the files that readers of `.auth` see.
fn names(keeper: &Keeper) -> BTreeSet<String> {
    let names = std::fs::read_dir(keeper.root().join(".auth")).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .collect()
}

fn combined(keeper: &Keeper, name: &str) -> Option<StorageState> {
    let path = keeper
        .root()
        .join(".auth")
        .join(format!("{name}_state.json"));
    let text = std::fs::read(path).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn value(state: &StorageState, cookie: &str) -> String {
    let found = state.cookies.iter().find(|c| c.name == cookie);
    found.unwrap_or_else(|| panic!("{cookie}")).value.clone()
}

fn named(prefix: &'static str) -> Site {
    Site::with(|dials| dials.cookie_prefix = prefix)
}

/// Sites `a` and `b`, whose cookies have names of their own, and a recipe of `a` that wants both in one file.
fn pair(more: &str, clock: fn() -> chrono::DateTime<Utc>) -> (Keeper, Site, Site) {
    let (a, b) = (named("a"), named("b"));
    let keeper = Keeper::of(&a, "", clock);
    let recipe = format!("{}combine = [\"b\"]\n{more}", a.recipe("PASSWORD"));
    keeper
        .recipe("b", &b.recipe("PASSWORD"))
        .recipe("a", &recipe)
        .forget("x");
    (keeper, a, b)
}

#[test]
fn accounts_of_one_site_have_sessions_and_files_of_their_own() {
    run(async {
        let site = Site::start();
        site.set_account("ops", "their own secret");
        let more =
            "[[accounts]]\nname = \"ops\"\nusername = \"ops\"\npassword = { env = \"OPS\" }\n";
        let keeper = Keeper::of(&site, more, Utc::now);
        keeper.env("OPS", "their own secret");
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        assert_eq!(keeper.must_login("x:ops").await, How::LoggedIn);
        let names: Vec<_> = names(&keeper).into_iter().collect();
        assert_eq!(names, ["x_state-ops.json", "x_state.json"]);
        let (own, other) = (keeper.state("x").unwrap(), keeper.state("x:ops").unwrap());
        assert_ne!(value(&own, "sid"), value(&other, "sid"));
        let users: Vec<_> = site.submissions().into_iter().map(|s| s.username).collect();
        assert_eq!(users, ["demo", "ops"]);

        // What befalls one does not befall the other.
        keeper.env("OPS", "mistyped");
        site.invalidate();
        let report = keeper.login("x:ops").await;
        assert_eq!(
            report.failure.unwrap().class,
            FailureClass::WrongCredentials
        );
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        assert_eq!(keeper.login("x:ops").await.how, How::Held);
        assert_eq!(site.submissions().len(), 4);
    });
}

#[test]
fn a_combination_is_joined_from_its_parts_and_follows_each_of_them() {
    run(async {
        let (keeper, a, b) = pair("", Utc::now);
        keeper.must_login("a").await;
        assert!(
            combined(&keeper, "a.b").is_none(),
            "one part is missing yet"
        );
        keeper.must_login("b").await;
        let state = combined(&keeper, "a.b").unwrap();
        for (site, cookie) in [("a", "asid"), ("b", "bsid")] {
            let single = keeper.state(site).unwrap();
            assert_eq!(value(&state, cookie), value(&single, cookie));
        }
        assert_eq!((a.submissions().len(), b.submissions().len()), (1, 1));
        b.invalidate();
        keeper.must_login("b").await;
        let newer = combined(&keeper, "a.b").unwrap();
        assert_eq!(value(&newer, "asid"), value(&state, "asid"));
        assert_ne!(value(&newer, "bsid"), value(&state, "bsid"));
        assert_eq!((a.submissions().len(), b.submissions().len()), (1, 2));
        // Cookies that a probe renews reach it too.
        a.turn(|dials| {
            dials.sliding = true;
            dials.cookie_life = Some(7200);
        });
        assert_eq!(keeper.must_login("a").await, How::Probed);
        let slid = combined(&keeper, "a.b").unwrap();
        let end = |state: &StorageState| {
            let cookie = state.cookies.iter().find(|c| c.name == "asid");
            cookie.unwrap().expires
        };
        assert!(end(&slid) > end(&newer) + 3000.0);
    });
}

#[test]
fn a_combination_that_is_asked_for_later_is_made_from_sessions_that_live() {
    run(async {
        let (a, b) = (named("a"), named("b"));
        let keeper = Keeper::of(&a, "", Utc::now);
        keeper
            .recipe("a", &a.recipe("PASSWORD"))
            .recipe("b", &b.recipe("PASSWORD"))
            .forget("x");
        keeper.must_login("a").await;
        keeper.must_login("b").await;
        let recipe = a.recipe("PASSWORD") + "combine = [\"b\"]\n";
        keeper.recipe("a", &recipe);
        assert!(keeper.renew("a", Cause::FileChange).await.ok());
        let state = combined(&keeper, "a.b").expect("the combination's file");
        assert!(state.cookies.iter().any(|c| c.name == "bsid"));
        assert_eq!((a.submissions().len(), b.submissions().len()), (1, 1));
    });
}

#[test]
fn sites_whose_cookies_collide_are_not_combined_and_the_cookie_is_named() {
    run(async {
        // Two ports of one host share its cookies.
        let (a, b) = (named("a"), named("b"));
        let keeper = Keeper::of(&a, "", Utc::now);
        let recipe = a.recipe("PASSWORD") + "combine = [\"b\"]\n";
        keeper
            .recipe("a", &recipe)
            .recipe("b", &b.recipe("PASSWORD"))
            .forget("x");
        keeper.must_login("a").await;
        keeper.must_login("b").await;
        let combination: Combination = "a.b".parse().unwrap();
        let renewer = keeper.queue.renewer();
        assert_eq!(renewer.collision(&combination), None);
        assert!(combined(&keeper, "a.b").is_some());

        b.turn(|dials| dials.cookie_prefix = "a");
        b.invalidate();
        keeper.must_login("b").await;
        let told = renewer.collision(&combination).unwrap();
        for part in ["a and b", "cookie (name \"a", "\"127.0.0.1\"", "host"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(
            combined(&keeper, "a.b").is_none(),
            "a file that would sign one of them out"
        );
        assert!(keeper.state("a").is_some() && keeper.state("b").is_some());

        b.turn(|dials| dials.cookie_prefix = "b");
        // A renewal begins with what is there, the cookies of those names too.
        std::fs::remove_file(keeper.path("b")).unwrap();
        keeper.must_login("b").await;
        assert_eq!(renewer.collision(&combination), None);
        assert!(combined(&keeper, "a.b").is_some());
    });
}

#[test]
fn a_combination_with_sessions_of_its_own_outlives_the_single_ones() {
    run(async {
        let (keeper, a, b) = pair("own_sessions = true\n", Utc::now);
        let keys: Vec<_> = keeper
            .queue
            .renewer()
            .keys()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(keys, ["a", "b", "a@a.b"]);
        for key in keys {
            assert_eq!(keeper.must_login(&key).await, How::LoggedIn);
        }
        assert_eq!((a.submissions().len(), b.submissions().len()), (2, 1));
        let state = combined(&keeper, "a.b").unwrap();
        assert_ne!(
            value(&state, "asid"),
            value(&keeper.state("a").unwrap(), "asid")
        );
        assert_eq!(
            value(&state, "asid"),
            value(&keeper.state("a@a.b").unwrap(), "asid")
        );
        assert_eq!(
            value(&state, "bsid"),
            value(&keeper.state("b").unwrap(), "bsid")
        );
        // The files that others see are the same as with shared sessions.
        let names: Vec<_> = names(&keeper).into_iter().collect();
        assert_eq!(names, ["a.b_state.json", "a_state.json", "b_state.json"]);
    });
}

#[test]
fn a_wrong_password_is_submitted_once_for_all_sessions_of_an_account() {
    run(async {
        let (keeper, a, _b) = pair("own_sessions = true\n", Utc::now);
        a.turn(|dials| dials.lock_after = Some(3));
        keeper.env("PASSWORD", "mistyped");
        for key in ["a", "a@a.b", "a", "a@a.b"] {
            let report = keeper.login(key).await;
            let class = report.failure.unwrap().class;
            assert_eq!(class, FailureClass::WrongCredentials, "{key}");
        }
        assert_eq!(a.submissions().len(), 1);
        keeper.env("PASSWORD", Site::PASSWORD);
        for key in ["a@a.b", "a"] {
            assert_eq!(keeper.must_login(key).await, How::LoggedIn);
        }
    });
}

#[test]
fn an_account_that_is_allowed_one_session_is_shared_by_default() {
    run(async {
        let (keeper, a, _b) = pair("", Utc::now);
        a.turn(|dials| dials.single_session = true);
        keeper.must_login("a").await;
        keeper.must_login("b").await;
        for _ in 0..3 {
            assert_eq!(keeper.must_login("a").await, How::Probed);
        }
        assert_eq!((a.submissions().len(), a.sessions()), (1, 1));
        let state = combined(&keeper, "a.b").unwrap();
        assert_eq!(
            value(&state, "asid"),
            value(&keeper.state("a").unwrap(), "asid")
        );
    });
}

#[test]
fn sessions_of_its_own_for_an_account_that_is_allowed_one_stop_at_the_budget() {
    clock!(now, AHEAD);
    run(async {
        let (keeper, a, _b) = pair("own_sessions = true\n", now);
        a.turn(|dials| dials.single_session = true);
        // Each login ends the other session; asked every five minutes for six hours.
        let mut submitted = Vec::new();
        for minutes in (0..360).step_by(5) {
            AHEAD.store(minutes * 60, SeqCst);
            a.turn(|dials| dials.cookie_life = Some(3600 + minutes.unsigned_abs() * 60));
            for key in ["a", "a@a.b"] {
                let before = a.submissions().len();
                keeper.renew(key, Cause::Report).await;
                submitted.extend((before..a.submissions().len()).map(|_| minutes));
            }
        }
        let within = |from: &i64| {
            submitted
                .iter()
                .filter(|at| (*from..from + 60).contains(at))
                .count()
        };
        assert!(
            submitted.iter().map(within).max().unwrap() <= 3,
            "{submitted:?}"
        );
        assert!(submitted.len() <= 8, "{submitted:?}");
        assert!(
            a.submissions()
                .iter()
                .all(|s| s.outcome == Outcome::Accepted)
        );
    });
}

/// Turns a site into one of WebArena's four.
fn of(flavour: Flavour, prefix: &'static str) -> Site {
    Site::with(|dials: &mut Dials| {
        dials.flavour = flavour;
        dials.cookie_prefix = prefix;
    })
}

#[test]
fn four_logins_make_webarenas_eight_files_under_the_names_of_its_contract() {
    run(async {
        let sites = [
            (
                "gitlab",
                of(Flavour::Gitlab, "g"),
                "combine = [\"reddit\", \"shopping\", \"shopping_admin\"]\n",
            ),
            (
                "reddit",
                of(Flavour::Reddit, "r"),
                "combine = [\"shopping\"]\n",
            ),
            ("shopping", of(Flavour::Shopping, "s"), ""),
            ("shopping_admin", of(Flavour::ShoppingAdmin, "m"), ""),
        ];
        let keeper = Keeper::of(&sites[0].1, "", Utc::now);
        for (name, site, more) in &sites {
            keeper.recipe(name, &(site.recipe("PASSWORD") + more));
        }
        keeper.forget("x");
        let everything = [
            "gitlab.reddit_state.json",
            "gitlab.shopping_admin_state.json",
            "gitlab.shopping_state.json",
            "gitlab_state.json",
            "reddit.shopping_state.json",
            "reddit_state.json",
            "shopping_admin_state.json",
            "shopping_state.json",
        ];
        let run = schedule::run(
            keeper.queue.clone(),
            keeper.settings(),
            Default::default(),
            Utc::now,
        );
        let done = async {
            for (name, site, _) in &sites {
                site.until_submissions(1).await;
                // Joins the renewal that runs, or looks whether it was good.
                assert!(keeper.login(name).await.ok(), "{name}");
            }
        };
        tokio::select! {
            () = run => panic!("the loop ended"),
            () = done => {}
        }
        assert_eq!(names(&keeper).into_iter().collect::<Vec<_>>(), everything);
        for (name, site, _) in &sites {
            assert_eq!(site.submissions().len(), 1, "{name}");
        }
        let auth = keeper.root().join(".auth");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&auth), 0o700);
        let known: Vec<_> = sites.iter().map(|(name, _, _)| *name).collect();
        for name in everything {
            assert_eq!(mode(&auth.join(name)), 0o600, "{name}");
            // As `get_site_comb_from_filepath` of its runner does it.
            let parts: Vec<_> = name.rsplit_once('_').unwrap().0.split('.').collect();
            assert!(parts.iter().all(|part| known.contains(part)), "{parts:?}");
            let state: StorageState =
                serde_json::from_slice(&std::fs::read(auth.join(name)).unwrap()).unwrap();
            for part in parts {
                let single = keeper.state(part).unwrap();
                assert!(
                    single.cookies.iter().all(|c| state.cookies.contains(c)),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn a_part_that_cannot_log_in_leaves_the_combination_as_it_was() {
    run(async {
        let (keeper, _a, b) = pair("", Utc::now);
        keeper.must_login("a").await;
        b.turn(|dials| dials.dead_session = true);
        keeper.recipe("b", &(b.recipe("PASSWORD") + "timeout = \"8s\"\n"));
        assert!(!keeper.login("b").await.ok());
        assert_eq!(
            names(&keeper).into_iter().collect::<Vec<_>>(),
            ["a_state.json"]
        );
        b.turn(|dials| dials.dead_session = false);
        keeper.must_login("b").await;
        let path = keeper.root().join(".auth/a.b_state.json");
        let before = std::fs::read(&path).unwrap();
        b.invalidate();
        b.turn(|dials| dials.lock_after = Some(0));
        let report = keeper.login("b").await;
        assert!(!report.ok(), "{report:?} {:?}", b.submissions());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    });
}
