//! Sites that mean harm (the threat model's M5): the password goes nowhere else, and nothing is written elsewhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::{Cause, How};
use serde_json::json;
use tokio::time::Instant;

use crate::support::dials::{Dials, ExtraCookie, Fault, FormShape, Login, Nuisance};
use crate::support::{Keeper, Site, run};

/// A change of the site's dials.
type Turn = fn(&mut Dials);

/// The most that a login may take beyond its time.
const OVERSHOOT: Duration = Duration::from_secs(5);

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            _ => found.push(entry.path()),
        }
    }
}

/// Downloads, wherever Chromium might put them: in the folder that the tests run in, at home, and in its own.
fn downloads() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for folder in home
        .iter()
        .flat_map(|home| [home.clone(), home.join("Downloads")])
    {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()));
    }
    let here = std::fs::read_dir(env!("CARGO_MANIFEST_DIR"))
        .unwrap()
        .flatten();
    found.extend(here.map(|entry| entry.path()));
    let temporary = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    found.extend(temporary.map(|entry| entry.path()));
    files(
        &Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium"),
        &mut found,
    );
    found.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("endless") || name.ends_with(".crdownload")
    });
    found
}

/// Lets a site try, and checks what must hold whatever it did.
async fn survives(
    what: &str,
    turn: impl FnOnce(&mut Dials),
) -> (Keeper, Site, Option<FailureClass>) {
    let site = Site::with(turn);
    let keeper = Keeper::of(&site, "timeout = \"15s\"\n", Utc::now);
    let began = Instant::now();
    let report = keeper.login("x").await;
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(15) + OVERSHOOT,
        "{what}: {took:?}"
    );
    assert_eq!(site.leaks(Site::PASSWORD), 0, "{what}");
    let mut written = Vec::new();
    files(keeper.root(), &mut written);
    for path in written {
        let below = path.strip_prefix(keeper.root()).unwrap();
        let ours = below.starts_with(".auth") || below == Path::new("sites/x.toml");
        assert!(ours, "{what}: {}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("root:x:0:0"),
            "{what}: a local file got into {}",
            path.display()
        );
        assert!(!text.contains(Site::PASSWORD), "{what}: {}", path.display());
    }
    (keeper, site, report.failure.map(|failure| failure.class))
}

#[test]
fn the_password_reaches_no_other_origin_whatever_the_page_does() {
    run(async {
        let cases: [(&str, Turn, bool); 5] = [
            ("look-alike", |d| d.look_alike = true, false),
            (
                "posts elsewhere",
                |d| d.form = FormShape::PostsElsewhere,
                false,
            ),
            ("foreign frame", |d| d.login = Login::ForeignFrame, false),
            (
                "beside the form",
                |d| d.nuisances = vec![Nuisance::ForeignPassword],
                true,
            ),
            ("traps", |d| d.form = FormShape::Traps, true),
        ];
        for (what, turn, gets_in) in cases {
            let (keeper, site, class) = survives(what, turn).await;
            assert_eq!(class.is_none(), gets_in, "{what}: {class:?}");
            assert_eq!(keeper.state("x").is_some(), gets_in, "{what}");
            let submitted = site.submissions();
            assert_eq!(
                submitted.len(),
                usize::from(gets_in),
                "{what}: {submitted:?}"
            );
            let urls = site.requests().into_iter().map(|seen| seen.path);
            assert!(urls.into_iter().all(|url| !url.contains("otter")), "{what}");
        }
    });
}

#[test]
fn a_login_step_types_no_password_on_another_origin() {
    run(async {
        let site = Site::with(|dials| dials.look_alike = true);
        let steps = "steps = [\n\
             { fill = \"#username\", with = \"{username}\" },\n\
             { fill = \"#password\", with = \"{password}\" },\n\
             { press = \"Enter\" },\n]\ntimeout = \"15s\"\n";
        let keeper = Keeper::of(&site, steps, Utc::now);
        let report = keeper.login("x").await;
        assert_eq!(report.failure.unwrap().class, FailureClass::RecipeWrong);
        assert_eq!(
            (site.leaks(Site::PASSWORD), site.submissions().len()),
            (0, 0)
        );
    });
}

#[test]
fn downloads_windows_and_local_files_leave_nothing_behind() {
    run(async {
        let cases: [(&str, Turn); 3] = [
            ("download", |d| {
                d.nuisances = vec![Nuisance::EndlessDownload]
            }),
            ("file", |d| d.nuisances = vec![Nuisance::FileUrl]),
            ("window", |d| d.nuisances = vec![Nuisance::PopUp]),
        ];
        for (what, turn) in cases {
            let (_keeper, site, class) = survives(what, turn).await;
            assert_eq!(class, None, "{what}");
            assert_eq!(site.submissions().len(), 1, "{what}");
        }
        // The page itself is a download that never ends.
        let (_keeper, site, class) =
            survives("endless page", |d| d.fault = Some(Fault::EndlessBody)).await;
        assert!(class.is_some());
        assert_eq!(site.submissions().len(), 0);
        assert_eq!(downloads(), Vec::<PathBuf>::new());
    });
}

#[test]
fn too_many_cookies_or_too_large_ones_end_in_a_class_and_not_in_a_crash() {
    run(async {
        for extra in [
            ExtraCookie::Many(10_000),
            ExtraCookie::Huge(8 << 20),
            ExtraCookie::Huge(5000),
        ] {
            let (keeper, _site, class) =
                survives(&format!("{extra:?}"), |d| d.extra_cookies = vec![extra]).await;
            match class {
                None => assert!(keeper.state("x").unwrap().cookies.len() < 200, "{extra:?}"),
                Some(class) => assert!(
                    matches!(
                        class,
                        FailureClass::NotProven | FailureClass::SiteDown | FailureClass::Timeout
                    ),
                    "{extra:?}: {class}"
                ),
            }
        }
        // The browser that all share is as good as before.
        let site = Site::start();
        let keeper = Keeper::of(&site, "", Utc::now);
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
    });
}

#[test]
fn a_session_that_is_bound_to_its_user_agent_is_probed_with_that() {
    run(async {
        let site = Site::with(|dials| dials.bound_to_agent = true);
        let keeper = Keeper::of(&site, "", Utc::now);
        assert_eq!(keeper.must_login("x").await, How::LoggedIn);
        let probes = site.probes();
        assert_eq!(keeper.renew("x", Cause::Report).await.how, How::Probed);
        let requests = site.requests();
        let agents = |browser: bool| {
            let of = requests.iter().filter(move |seen| seen.browser == browser);
            of.filter(|seen| seen.home)
                .map(|seen| seen.agent.clone())
                .next_back()
        };
        assert_eq!(agents(true), agents(false));
        let agent = agents(false).unwrap();
        assert!(
            agent.contains("Chrome/") && !agent.contains("Headless"),
            "{agent}"
        );
        assert_eq!((site.probes(), site.submissions().len()), (probes + 1, 1));
    });
}

#[test]
fn indexed_db_stands_where_playwright_looks_for_it_if_the_recipe_wants_that() {
    run(async {
        for wanted in [true, false] {
            let site = Site::with(|dials| dials.login = Login::IndexedDb);
            let recipe = site
                .recipe("PASSWORD")
                .replace(&site.login_url(), &site.home_url());
            let keeper = Keeper::of(&site, "", Utc::now);
            keeper.recipe("x", &format!("{recipe}indexed_db = {wanted}\n"));
            assert_eq!(keeper.must_login("x").await, How::LoggedIn);
            let text = std::fs::read_to_string(keeper.path("x")).unwrap();
            let file: serde_json::Value = serde_json::from_str(&text).unwrap();
            if !wanted {
                let origins = file["origins"].as_array().unwrap();
                assert!(
                    origins
                        .iter()
                        .all(|origin| origin.get("indexedDB").is_none()),
                    "{text}"
                );
                continue;
            }
            let origin = &file["origins"][0];
            assert_eq!(origin["origin"], site.base());
            assert_eq!(origin["localStorage"], json!([]));
            let mut databases = origin["indexedDB"].clone();
            let record = &mut databases[0]["stores"][0]["records"][0];
            assert!(
                record["value"]
                    .take()
                    .as_str()
                    .is_some_and(|token| token.starts_with('s'))
            );
            let expected = json!([{
                "name": "app",
                "version": 1,
                "stores": [{
                    "name": "auth",
                    "autoIncrement": false,
                    "indexes": [],
                    "records": [{ "key": "token", "value": null }],
                }],
            }]);
            assert_eq!(databases, expected, "{text}");
        }
    });
}
