//! Logging in to the site with dials: what gets in, and what each obstacle is called.

use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::{How, Report};

use crate::support::dials::{
    CookieKind, ExtraCookie, Fault, FaultOn, FormShape, Login, Nuisance, Obstacle, SignedOut,
};
use crate::support::state::Outcome;
use crate::support::{Keeper, Site, run};

fn keeper_of(site: &Site) -> Keeper {
    let keeper = Keeper::new();
    keeper
        .env("PASSWORD", Site::PASSWORD)
        .recipe("x", &site.recipe("PASSWORD"));
    keeper
}

/// Logs in with the three-line recipe, and checks that it took one submission and gave a living session.
async fn gets_in(
    what: &str,
    turn: impl FnOnce(&mut crate::support::dials::Dials),
) -> (Keeper, Site) {
    let site = Site::with(turn);
    let keeper = keeper_of(&site);
    let report = keeper.login("x").await;
    assert!(report.ok(), "{what}: {:?}", report.failure);
    assert_eq!(report.how, How::LoggedIn, "{what}");
    let accepted = site.submissions();
    assert_eq!(accepted.len(), 1, "{what}: {accepted:?}");
    assert_eq!(accepted[0].outcome, Outcome::Accepted, "{what}");
    assert_eq!(site.leaks(Site::PASSWORD), 0, "{what}");
    (keeper, site)
}

/// Fails with this class, after so many submissions; no state is written.
async fn refused(
    what: &str,
    turn: impl FnOnce(&mut crate::support::dials::Dials),
    class: FailureClass,
    submissions: usize,
) -> Report {
    let site = Site::with(turn);
    let keeper = keeper_of(&site);
    keeper.env("PASSWORD", Site::PASSWORD);
    let report = fails(&keeper, what, class).await;
    assert_eq!(
        site.submissions().len(),
        submissions,
        "{what}: {:?}",
        site.submissions()
    );
    assert_eq!(site.leaks(Site::PASSWORD), 0, "{what}");
    // The folder goes with the keeper, at the end of this.
    if let Some(folder) = &report.artefacts {
        assert!(folder.join("page.png").is_file(), "{what}");
    }
    report
}

async fn fails(keeper: &Keeper, what: &str, class: FailureClass) -> Report {
    let report = keeper.login("x").await;
    let failure = report
        .failure
        .as_ref()
        .unwrap_or_else(|| panic!("{what}: {:?}", report.how));
    assert_eq!(failure.class, class, "{what}: {failure}");
    assert!(keeper.state("x").is_none(), "{what}: a state was written");
    assert!(!failure.message.contains(Site::PASSWORD), "{what}");
    report
}

#[test]
fn three_lines_are_enough_for_every_ordinary_form() {
    run(async {
        for form in [
            FormShape::Usual,
            FormShape::Late,
            FormShape::Traps,
            FormShape::NoButton,
            FormShape::Watched,
            FormShape::AmongOthers,
        ] {
            gets_in(&format!("{form:?}"), |dials| dials.form = form).await;
        }
        for signed_out in [SignedOut::FormInPlace, SignedOut::Unauthorized] {
            gets_in(&format!("{signed_out:?}"), |dials| {
                dials.signed_out = signed_out
            })
            .await;
        }
    });
}

#[test]
fn every_way_of_carrying_credentials_is_waited_for() {
    run(async {
        for login in [
            Login::Form,
            Login::Fetch,
            Login::SecondHop,
            Login::WithoutForm,
            Login::Frame,
        ] {
            let (keeper, _site) = gets_in(&format!("{login:?}"), |dials| dials.login = login).await;
            let state = keeper.state("x").unwrap();
            assert!(
                state.cookies.iter().any(|c| c.name == "sid"),
                "{login:?}: {state:?}"
            );
        }
    });
}

#[test]
fn sessions_that_are_kept_in_web_storage_are_captured_and_proven() {
    run(async {
        for login in [Login::LocalStorage, Login::SessionStorage, Login::IndexedDb] {
            let site = Site::with(|dials| dials.login = login);
            let keeper = keeper_of(&site);
            let home = site
                .recipe("PASSWORD")
                .replace(&site.login_url(), &site.home_url());
            keeper.recipe("x", &home);
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
            let again = keeper.login("x").await;
            assert!(again.ok(), "{login:?}: {:?}", again.failure);
            assert_eq!(
                site.submissions().len(),
                1,
                "{login:?}: the kept state must be used again"
            );
        }
    });
}

#[test]
fn a_page_that_is_never_idle_or_never_loads_does_not_hold_a_login_up() {
    run(async {
        for nuisance in [
            Nuisance::EventStream,
            Nuisance::NeverLoads,
            Nuisance::ServiceWorker,
            Nuisance::PopUp,
            Nuisance::EndlessDownload,
            Nuisance::FileUrl,
            Nuisance::ForeignPassword,
        ] {
            gets_in(&format!("{nuisance:?}"), |dials| {
                dials.nuisances = vec![nuisance]
            })
            .await;
        }
    });
}

#[test]
fn cookies_keep_every_attribute_and_hostile_ones_are_left_out() {
    run(async {
        let (keeper, _site) = gets_in("partitioned", |dials| {
            dials.cookie = CookieKind::Partitioned;
            dials.extra_cookies = vec![
                ExtraCookie::Preference,
                ExtraCookie::OtherDomain,
                ExtraCookie::PublicSuffix,
                ExtraCookie::Odd,
                ExtraCookie::Partitioned,
                ExtraCookie::HostPrefix,
                ExtraCookie::Empty,
            ];
        })
        .await;
        let state = keeper.state("x").unwrap();
        let own = state.cookies.iter().find(|c| c.name == "sid").unwrap();
        assert!(
            own.partition_key
                .as_deref()
                .is_some_and(|site| site.starts_with("http")),
            "{own:?}"
        );
        assert!(own.secure && own.http_only && own.has_cross_site_ancestor == Some(false));
        for stranger in ["stolen", "wide"] {
            assert!(
                !state.cookies.iter().any(|c| c.name == stranger),
                "{stranger}"
            );
        }
        let (keeper, _site) =
            gets_in("host prefix", |dials| dials.cookie = CookieKind::HostPrefix).await;
        let state = keeper.state("x").unwrap();
        assert!(
            state
                .cookies
                .iter()
                .any(|c| c.name == "__Host-sid" && c.secure && c.path == "/")
        );
        gets_in("many", |dials| {
            dials.extra_cookies = vec![ExtraCookie::Many(150)]
        })
        .await;
    });
}

#[test]
fn a_wrong_password_is_tried_once_and_then_held_until_the_secret_changes() {
    run(async {
        for status in [200, 401] {
            let site = Site::with(|dials| {
                dials.wrong_password_status = status;
                dials.lock_after = Some(3);
            });
            let mut keeper = keeper_of(&site);
            keeper.env("PASSWORD", "not it");
            fails(&keeper, "wrong", FailureClass::WrongCredentials).await;
            for _ in 0..3 {
                keeper = keeper.restarted();
                let report = keeper.login("x").await;
                assert_eq!(report.how, How::Held, "{:?}", report.failure);
                assert!(
                    report
                        .failure
                        .unwrap()
                        .message
                        .contains("jarkeeper release")
                );
            }
            assert_eq!(site.submissions().len(), 1);
            keeper.env("PASSWORD", Site::PASSWORD);
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
            assert_eq!(site.submissions().len(), 2);
        }
    });
}

#[test]
fn every_obstacle_has_its_class_and_ends_the_try() {
    run(async {
        let locked = refused(
            "locked",
            |d| d.lock_after = Some(0),
            FailureClass::Locked,
            1,
        )
        .await;
        assert!(locked.artefacts.is_some());
        let totp = Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned());
        refused("code", |d| d.totp = totp, FailureClass::CodeWanted, 1).await;
        refused(
            "captcha before",
            |d| d.obstacle = Some(Obstacle::CaptchaBefore),
            FailureClass::Challenge,
            0,
        )
        .await;
        refused(
            "captcha after",
            |d| d.obstacle = Some(Obstacle::CaptchaAfter),
            FailureClass::Challenge,
            1,
        )
        .await;
        refused(
            "no form",
            |d| d.form = FormShape::Missing,
            FailureClass::FormNotFound,
            0,
        )
        .await;
        refused(
            "registration",
            |d| d.form = FormShape::Register,
            FailureClass::FormNotFound,
            0,
        )
        .await;
        let foreign = refused(
            "foreign frame",
            |d| d.login = Login::ForeignFrame,
            FailureClass::FormNotFound,
            0,
        )
        .await;
        assert!(foreign.failure.unwrap().message.contains("login form"));
        let elsewhere = refused(
            "look-alike",
            |d| d.look_alike = true,
            FailureClass::RecipeWrong,
            0,
        )
        .await;
        assert!(
            elsewhere
                .failure
                .unwrap()
                .message
                .contains("allowed_origins")
        );
        refused(
            "soft failure",
            |d| d.dead_session = true,
            FailureClass::NotProven,
            1,
        )
        .await;
    });
}

#[test]
fn a_one_time_code_is_typed_where_the_recipe_has_its_secret() {
    run(async {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let site = Site::with(|dials| dials.totp = Some(secret.to_owned()));
        let keeper = keeper_of(&site);
        let recipe = site.recipe("PASSWORD") + "totp = { env = \"TOTP\" }\n";
        keeper.env("TOTP", secret).recipe("x", &recipe);
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        assert_eq!(site.codes().len(), 1);
    });
}

#[test]
fn a_site_in_trouble_is_told_from_a_refusal() {
    run(async {
        let fault = |fault: Fault, on: FaultOn| {
            move |dials: &mut crate::support::dials::Dials| {
                dials.fault = Some(fault);
                dials.fault_on = on;
            }
        };
        let everything = FaultOn::Everything;
        refused(
            "500",
            fault(Fault::Status(500, None), everything),
            FailureClass::SiteDown,
            0,
        )
        .await;
        refused(
            "reset",
            fault(Fault::Reset, everything),
            FailureClass::SiteDown,
            0,
        )
        .await;
        refused(
            "redirects",
            fault(Fault::EndlessRedirects, everything),
            FailureClass::SiteDown,
            0,
        )
        .await;
        let slow = refused(
            "429",
            fault(Fault::Status(429, Some("120".into())), everything),
            FailureClass::Throttled,
            0,
        )
        .await;
        assert_eq!(
            slow.failure.unwrap().retry_after.unwrap().num_seconds(),
            120
        );
        refused(
            "503",
            fault(Fault::Status(503, Some("60".into())), everything),
            FailureClass::Throttled,
            0,
        )
        .await;
        refused(
            "broken login",
            fault(Fault::Status(502, None), FaultOn::Submissions),
            FailureClass::SiteDown,
            1,
        )
        .await;
        let site = Site::start();
        let keeper = keeper_of(&site);
        site.close_port().await;
        let report = fails(&keeper, "closed port", FailureClass::SiteDown).await;
        assert!(
            report
                .failure
                .unwrap()
                .message
                .contains("ERR_CONNECTION_REFUSED")
        );
    });
}

#[test]
fn a_site_that_does_not_answer_is_given_up_at_the_deadline() {
    run(async {
        for fault in [Fault::Silence, Fault::Slow] {
            let site = Site::with(|dials| dials.fault = Some(fault.clone()));
            let keeper = keeper_of(&site);
            keeper.recipe("x", &(site.recipe("PASSWORD") + "timeout = \"5s\"\n"));
            fails(&keeper, &format!("{fault:?}"), FailureClass::Timeout).await;
        }
        let site = Site::with(|dials| dials.nuisances = vec![Nuisance::AlertLoop]);
        let keeper = keeper_of(&site);
        keeper.recipe("x", &(site.recipe("PASSWORD") + "timeout = \"8s\"\n"));
        let report = keeper.login("x").await;
        let class = report.failure.unwrap().class;
        assert!(
            matches!(class, FailureClass::Timeout | FailureClass::BrowserLost),
            "{class}"
        );
        assert_eq!(site.submissions().len(), 0);
    });
}

#[test]
fn a_failed_renewal_leaves_the_good_state_alone() {
    run(async {
        let site = Site::start();
        let keeper = keeper_of(&site);
        keeper.must_login("x").await;
        let before = std::fs::read(keeper.path("x")).unwrap();
        site.invalidate();
        for turn in [
            |d: &mut crate::support::dials::Dials| d.dead_session = true,
            |d: &mut crate::support::dials::Dials| d.form = FormShape::Missing,
        ] {
            site.turn(turn);
            let report = keeper.login("x").await;
            assert!(!report.ok(), "{:?}", report.how);
            assert_eq!(std::fs::read(keeper.path("x")).unwrap(), before);
        }
    });
}

#[test]
fn steps_log_in_and_a_step_that_fails_is_named() {
    run(async {
        let site = Site::with(|dials| dials.signed_out = SignedOut::FormInPlace);
        let keeper = keeper_of(&site);
        let steps = |user: &str| {
            site.recipe("PASSWORD")
                + &format!(
                    "steps = [\n  {{ fill = {{ label = \"{user}\" }}, with = \"{{username}}\" }},\n  {{ fill = {{ label = \"Password\" }}, with = \"{{password}}\" }},\n  {{ press = \"Tab\" }},\n  {{ click = {{ role = \"button\", name = \"Sign in\" }} }},\n  {{ wait_for_url = \"/notes\" }},\n]\n"
                )
        };
        keeper.recipe("x", &steps("Username"));
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        let keeper = keeper_of(&site);
        keeper.recipe("x", &steps("Nutzer"));
        let report = fails(&keeper, "renamed", FailureClass::FormChanged).await;
        let failure = report.failure.unwrap();
        assert_eq!(failure.step, Some(1));
        assert!(failure.message.contains("\"Nutzer\""), "{failure}");
        assert_eq!(
            site.submissions().len(),
            1,
            "the second recipe must have typed nothing"
        );
    });
}

#[test]
fn artefacts_show_the_page_and_no_secret() {
    run(async {
        let site = Site::with(|dials| dials.obstacle = Some(Obstacle::CaptchaAfter));
        let keeper = keeper_of(&site);
        let report = fails(&keeper, "captcha", FailureClass::Challenge).await;
        let folder = report.artefacts.unwrap();
        for name in ["failure.txt", "console.txt", "page.html", "page.png"] {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(Site::PASSWORD), "{name}");
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.join("page.png"))
                .unwrap()
                .permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    });
}
