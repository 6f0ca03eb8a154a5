//! The real applications: that they start, stop, and tell signed in from out.

mod added;

use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use jarkeeper::failure::FailureClass;
use jarkeeper::renewal::{Cause, How};
use jarkeeper::session::formats::{Format, export};
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::support::process::Root;
use crate::support::realsites::RealSite;
use crate::support::{Keeper, run, tools};

fn client() -> Client {
    let client = Client::builder().no_proxy().redirect(Policy::none());
    client.build().unwrap()
}

#[tokio::test]
async fn an_application_runs_for_one_test_at_a_time_and_stops_with_it() {
    let first = async {
        let site = RealSite::start("django-admin").await?;
        let live = client().get(site.url(&site.facts.live.path));
        let answer = live.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), site.facts.live.signed_out);
        site.invalidate().await;
        Some(site.base.clone())
    };
    let second = async { Some(RealSite::start("django-admin").await?.base.clone()) };
    let (Some(first), Some(second)) = tokio::join!(first, second) else {
        return;
    };
    for base in [first, second] {
        let answer = client().get(base).send().await;
        assert!(answer.is_err_and(|error| error.is_connect()));
    }
}

#[test]
fn every_shipped_recipe_is_read_without_a_mistake_and_names_only_its_own_variables() {
    let root = Root::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sites/examples");
    let mut count = 0;
    for file in std::fs::read_dir(examples).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let own = name.to_uppercase().replace('-', "_");
        let text = std::fs::read_to_string(&path).unwrap();
        let comments = text
            .lines()
            .take_while(|line| line.starts_with("# "))
            .count();
        assert_eq!(comments, 2, "{name}");
        let recipe: toml::Table = text.parse().unwrap();
        let url = recipe["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("${{{own}_URL}}/")), "{name}");
        let secrets = ["password", "totp"].map(|key| recipe.get(key)?.get("env")?.as_str());
        assert_eq!(secrets[0], Some(&*format!("{own}_PASSWORD")), "{name}");
        assert!(
            secrets[1].is_none_or(|totp| totp == format!("{own}_TOTP")),
            "{name}"
        );
        root.env(&format!("{own}_URL"), "http://127.0.0.1:9");
        root.env(&format!("{own}_PROVIDER"), "http://localhost:9");
        root.recipe(&name, &text);
        count += 1;
    }
    assert!(count > 12);
    let check = root.run(&["sites", "check"]);
    assert_eq!(check.out, format!("{count} recipes, no mistake\n"));
    assert_eq!(check.code, Some(0));
    // In their own folder they are nobody's recipes.
    std::fs::create_dir(root.path().join("sites/examples")).unwrap();
    root.save("sites/examples/broken.toml", "url = ");
    assert_eq!(root.run(&["sites", "check"]).out, check.out);
}

/// How one application differs from the others.
struct Case {
    app: &'static str,
    /// Whether what is left of an ended session still looks alive to the application's own page.
    blind: bool,
    /// Whether a session is good only for the browser that logged in, by the name that it gives itself.
    bound: bool,
    /// What the application's log holds for each submission, where it does, and how many make one login.
    logs: Option<(&'static str, usize)>,
    /// What the three lines need beside.
    more: &'static str,
    /// Whether plain HTTP tells a live session from a dead one.
    tells: bool,
}

impl Case {
    const fn of(app: &'static str) -> Self {
        Self {
            app,
            blind: false,
            bound: false,
            logs: None,
            more: "",
            tells: true,
        }
    }

    const fn logs(self, line: &'static str) -> Self {
        Self {
            logs: Some((line, 1)),
            ..self
        }
    }

    /// Only where everything is tested.
    fn slow(self) {
        if everything(self.app) {
            self.run();
        }
    }

    fn run(self) {
        run(async move {
            if let Some(site) = RealSite::start(self.app).await {
                story(&self, &site).await;
                added::added(&self, &site, &[]).await;
            }
        });
    }
}

/// Whether everything is to be tested; one line on stderr where it is not.
fn everything(app: &str) -> bool {
    let all = std::env::var_os("JARKEEPER_TEST_ALL").is_some();
    if !all {
        tools::say(&format!(
            "{app}: JARKEEPER_TEST_ALL=1 tests every application"
        ));
    }
    all
}

/// A Jarkeeper with this recipe for this site.
fn keeper(site: &RealSite, recipe: &str) -> Keeper {
    let keeper = Keeper::new();
    for (name, value) in site.variables() {
        keeper.env(&name, &value);
    }
    keeper.recipe("x", recipe);
    keeper
}

/// What a person would write who only knows the login's address.
fn three_lines(site: &RealSite, more: &str) -> String {
    let username = match site.facts.user.as_str() {
        "" => String::new(),
        user => format!("username = {user:?}\n"),
    };
    format!(
        "url = \"${{BASE}}{}\"\n{username}password = {{ env = \"REALSITE_PASSWORD\" }}\n{more}",
        site.facts.login_path
    )
}

/// How often the password was submitted, as the ledger has it.
fn submissions(keeper: &Keeper) -> usize {
    let ledger = keeper
        .queue
        .renewer()
        .files()
        .read_ledger(&"x".parse().unwrap(), None);
    let ledger = String::from_utf8(ledger.unwrap()).unwrap();
    ledger.matches("\"submit\"").count()
}

/// The last code is spent for everybody who has the secret.
async fn share_code(from: &Keeper, to: &Keeper) {
    let site = "x".parse().unwrap();
    let files = |keeper: &Keeper| keeper.queue.renewer().files().clone();
    let ledger = files(from).read_ledger(&site, None).unwrap();
    let lease = files(to).lease(&site, None).unwrap().unwrap();
    for line in ledger.split(|byte| *byte == b'\n') {
        if String::from_utf8_lossy(line).contains("\"spent\"") {
            files(to).append_ledger(&lease, line).unwrap();
        }
    }
}

/// The whole life of a session, twice: with the application's recipe, and with three lines alone.
async fn story(case: &Case, site: &RealSite) {
    let logged = || case.logs.map(|(line, _)| site.logged(line));
    let each = case.logs.map_or(0, |(_, each)| each);
    let known = keeper(site, &site.recipe());
    let bare = keeper(site, &three_lines(site, case.more));
    let mut before = logged();
    for (which, keeper) in [("recipe", &known), ("three lines", &bare)] {
        if which != "recipe" {
            share_code(&known, &bare).await;
        }
        let report = keeper.login("x").await;
        assert_eq!(report.how, How::LoggedIn, "{which}: {:?}", report.failure);
        assert_eq!(submissions(keeper), 1, "{which}");
        let after = logged();
        assert_eq!(after, before.map(|count| count + each), "{which}");
        before = after;
        in_playwright(case, site, keeper, which).await;
        if site.facts.replay_cookies {
            plain_http(site, keeper).await;
        }
        let alive = keeper.queue.renewer().check(&"x".parse().unwrap()).await;
        assert_eq!(alive.unwrap(), Ok(()), "{which}");
    }
    site.invalidate().await;
    let seen = known
        .queue
        .renewer()
        .check(&"x".parse().unwrap())
        .await
        .unwrap();
    if case.blind {
        assert_eq!(seen, Ok(()), "the page itself does not notice");
    } else {
        assert!(seen.is_err());
        share_code(&bare, &known).await;
        assert_eq!(known.renew("x", Cause::Schedule).await.how, How::LoggedIn);
        share_code(&known, &bare).await;
        let report = bare.renew("x", Cause::Report).await;
        assert_eq!(report.how, How::LoggedIn, "{:?}", report.failure);
        in_playwright(case, site, &bare, "renewed").await;
        for keeper in [&known, &bare] {
            assert_eq!(submissions(keeper), 2);
        }
    }
    let before = logged();
    let mut wrong = keeper(site, &three_lines(site, case.more));
    wrong.env("REALSITE_PASSWORD", "not-the-password");
    let failure = wrong.login("x").await.failure.unwrap();
    assert_eq!(failure.class, FailureClass::WrongCredentials, "{failure}");
    for _ in 0..2 {
        wrong = wrong.restarted();
        assert_eq!(wrong.login("x").await.how, How::Held);
    }
    assert_eq!(submissions(&wrong), 1);
    assert_eq!(logged(), before.map(|count| count + 1));
    assert!(wrong.state("x").is_none());
}

/// Playwright is signed in with the file.
async fn in_playwright(case: &Case, site: &RealSite, keeper: &Keeper, which: &str) {
    let agent = user_agent(keeper);
    let agent = case.bound.then_some(agent.as_str());
    tools::playwright(&keeper.path("x"), &site.base, &site.facts, agent)
        .await
        .unwrap_or_else(|seen| panic!("{which}: {seen}"));
}

/// What the browser that logged in called itself.
fn user_agent(keeper: &Keeper) -> String {
    keeper
        .state("x")
        .unwrap()
        .jarkeeper
        .unwrap()
        .user_agent
        .unwrap()
}

/// curl is signed in with the exported file and with the exported header, and signed out without them.
async fn plain_http(site: &RealSite, keeper: &Keeper) {
    let state = keeper.state("x").unwrap();
    let url = site.url(&site.facts.live.path);
    let out = |format, name: &str| {
        let exported = export(&state, format, Some(&url.parse().unwrap()), Utc::now()).unwrap();
        assert!(exported.left_out.is_empty(), "{:?}", exported.left_out);
        let path = keeper.root().join(name);
        let head = if format == Format::Header {
            "Cookie: "
        } else {
            ""
        };
        std::fs::write(&path, format!("{head}{}", exported.text)).unwrap();
        path
    };
    let file = out(Format::Netscape, "cookies.txt");
    let header = out(Format::Header, "header.txt");
    let agent = user_agent(keeper);
    let header_option = format!("@{}", header.display());
    for (options, signed_in) in [
        (["-b", file.to_str().unwrap()], true),
        (["-H", &header_option], true),
        (["-H", "X-Without: cookies"], false),
    ] {
        let live = &site.facts.live;
        let (status, body) = tools::curl(&url, &["-A", &agent, options[0], options[1]]).await;
        let wanted = if signed_in {
            live.signed_in
        } else {
            live.signed_out
        };
        assert_eq!(status, wanted, "{options:?}");
        if let Some(text) = &live.text {
            assert_eq!(body.contains(text), signed_in, "{options:?}");
        }
    }
    tools::yt_dlp(&file).await.unwrap();
}

#[test]
fn django_admin() {
    Case::of("django-admin").logs("\"POST /admin/login/").run();
}

#[test]
fn dokuwiki() {
    Case::of("dokuwiki").logs("POST /doku.php").run();
}

#[test]
fn qbittorrent() {
    Case::of("qbittorrent").run();
}

#[test]
fn znc() {
    Case::of("znc").run();
}

#[test]
fn jupyterlab() {
    Case::of("jupyterlab").run();
}

#[test]
fn thelounge() {
    Case {
        tells: false,
        ..Case::of("thelounge")
    }
    .run();
}

#[test]
fn a_site_of_http_basic_is_entered_with_three_lines() {
    run(async {
        let Some(site) = RealSite::start("tiddlywiki").await else {
            return;
        };
        let keeper = keeper(&site, &three_lines(&site, ""));
        keeper.must_login("x").await;
        assert_eq!(submissions(&keeper), 1);
        in_playwright(&Case::of("tiddlywiki"), &site, &keeper, "three lines").await;
        let url = site.url(&site.facts.live.path);
        let state = keeper.state("x").unwrap();
        let header = export(
            &state,
            Format::Header,
            Some(&url.parse().unwrap()),
            Utc::now(),
        );
        let path = keeper.root().join("header.txt");
        std::fs::write(&path, header.unwrap().text).unwrap();
        for (option, status) in [
            (format!("@{}", path.display()), site.facts.live.signed_in),
            (
                "X-Without: credentials".to_owned(),
                site.facts.live.signed_out,
            ),
        ] {
            assert_eq!(tools::curl(&url, &["-H", &option]).await.0, status);
        }
        let key = "x".parse().unwrap();
        assert_eq!(keeper.queue.renewer().check(&key).await.unwrap(), Ok(()));
        let case = Case {
            blind: true,
            ..Case::of("tiddlywiki")
        };
        added::added(&case, &site, &[]).await;
        let wrong = keeper_of_wrong(&site);
        let failure = wrong.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::WrongCredentials, "{failure}");
        assert_eq!(submissions(&wrong), 1);
    });
}

/// A Jarkeeper with the three lines and a password that is not the account's.
fn keeper_of_wrong(site: &RealSite) -> Keeper {
    let wrong = keeper(site, &three_lines(site, ""));
    wrong.env("REALSITE_PASSWORD", "not-the-password");
    wrong
}

#[test]
fn mediawiki() {
    Case::of("mediawiki").logs("POST /index.php").slow();
}

#[test]
fn calibre_web() {
    Case {
        bound: true,
        ..Case::of("calibre-web")
    }
    .slow();
}

#[test]
fn node_red() {
    Case {
        tells: false,
        ..Case::of("node-red")
    }
    .slow();
}

#[test]
fn verdaccio() {
    Case {
        blind: true,
        tells: false,
        ..Case::of("verdaccio")
    }
    .slow();
}

#[test]
fn parse_dashboard() {
    Case {
        more: "totp = { env = \"REALSITE_TOTP\" }\n",
        ..Case::of("parse-dashboard")
    }
    .slow();
}

#[test]
fn django_2fa() {
    Case {
        more: "totp = { env = \"REALSITE_TOTP\" }\n",
        logs: Some(("\"POST /account/login/", 2)),
        ..Case::of("django-2fa")
    }
    .slow();
}

/// A session that ends by itself is seen to have ended, and the next renewal logs in again.
async fn expires(app: &str, seconds: u32) {
    let Some(site) = RealSite::start_short(app, seconds).await else {
        return;
    };
    let keeper = keeper(&site, &site.recipe());
    keeper.must_login("x").await;
    let key = "x".parse().unwrap();
    let check = || keeper.queue.renewer().check(&key);
    assert_eq!(check().await.unwrap(), Ok(()));
    for _ in 0..3 {
        // Looking prolongs some sessions, so nothing is looked at until the end.
        tokio::time::sleep(Duration::from_secs(u64::from(seconds) + 2)).await;
        let seen = check().await.unwrap();
        if seen.is_err() {
            assert_eq!(keeper.renew("x", Cause::Schedule).await.how, How::LoggedIn);
            assert_eq!(check().await.unwrap(), Ok(()));
            assert_eq!(submissions(&keeper), 2);
            return;
        }
    }
    panic!("{app}: the session does not end");
}

#[test]
fn a_session_that_nobody_uses_ends_and_is_renewed() {
    run(expires("qbittorrent", 5));
}

#[test]
fn a_session_that_reaches_its_age_ends_and_is_renewed() {
    // The shortest age that Jarkeeper takes is a minute.
    let cases = [
        ("django-admin", 64),
        ("jupyterlab", 64),
        ("mediawiki", 64),
        ("node-red", 40),
        ("verdaccio", 90),
    ];
    let cases = cases.into_iter().filter(|(app, _)| everything(app));
    run(async {
        futures::future::join_all(cases.map(|(app, seconds)| expires(app, seconds))).await;
    });
}

#[test]
fn a_login_that_leaves_nothing_to_keep_says_so() {
    if !everything("radicale") {
        return;
    }
    run(async {
        let Some(site) = RealSite::start("radicale").await else {
            return;
        };
        assert!(!site.facts.replay_all);
        for recipe in [site.recipe(), three_lines(&site, "")] {
            let bare = keeper(&site, &recipe);
            let failure = bare.login("x").await.failure.unwrap();
            assert_eq!(failure.class, FailureClass::NotProven, "{failure}");
            assert!(failure.message.contains("nothing to keep"), "{failure}");
            assert_eq!(submissions(&bare), 1);
            assert!(bare.state("x").is_none());
        }
        let wrong = keeper(&site, &three_lines(&site, ""));
        wrong.env("REALSITE_PASSWORD", "not-the-password");
        let failure = wrong.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::WrongCredentials, "{failure}");
        assert_eq!(submissions(&wrong), 1);
    });
}

#[test]
fn a_login_over_two_origins_ends_in_a_session_that_the_provider_alone_can_renew() {
    const APP: &str = "oidc-canaille";
    if !everything(APP) {
        return;
    }
    run(async {
        let Some(site) = RealSite::start(APP).await else {
            return;
        };
        let allowed = format!("allowed_origins = [{:?}]\n", site.provider());
        let keeper = keeper(&site, &three_lines(&site, &allowed));
        keeper.must_login("x").await;
        in_playwright(&Case::of(APP), &site, &keeper, "three lines").await;
        plain_http(&site, &keeper).await;
        let key = "x".parse().unwrap();
        assert_eq!(keeper.queue.renewer().check(&key).await.unwrap(), Ok(()));
        site.invalidate().await;
        assert!(keeper.queue.renewer().check(&key).await.unwrap().is_err());
        let report = keeper.renew("x", Cause::Report).await;
        assert_eq!(report.how, How::Extended, "{:?}", report.failure);
        assert_eq!(keeper.queue.renewer().check(&key).await.unwrap(), Ok(()));
        assert_eq!(submissions(&keeper), 1);
        added::added(&Case::of(APP), &site, &["--allow", &site.provider()]).await;
    });
}

#[test]
fn a_code_that_comes_by_mail_is_fetched_from_it_or_asked_of_a_person() {
    const APP: &str = "allauth-emailcode";
    if !everything(APP) {
        return;
    }
    run(async {
        let Some(site) = RealSite::start(APP).await else {
            return;
        };
        let alone = keeper(&site, &three_lines(&site, ""));
        let failure = alone.login("x").await.failure.unwrap();
        assert_eq!(failure.class, FailureClass::CodeWanted, "{failure}");
        assert_eq!(submissions(&alone), 1);

        let mail = site.folder("mail");
        let more = format!("code = {{ maildir = {mail:?} }}\n");
        let keeper = keeper(&site, &three_lines(&site, &more));
        let case = Case::of(APP);
        for logins in 1..=2 {
            let report = keeper.login("x").await;
            assert_eq!(report.how, How::LoggedIn, "{:?}", report.failure);
            assert_eq!(submissions(&keeper), logins);
            in_playwright(&case, &site, &keeper, "mail").await;
            plain_http(&site, &keeper).await;
            site.invalidate().await;
        }
        let code = format!("maildir:{}", mail.display());
        added::added(&case, &site, &["--code", &code]).await;
    });
}
