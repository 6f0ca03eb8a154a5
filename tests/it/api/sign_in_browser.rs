//! Complete sign-ins: a real Chromium, a real daemon, real providers.

use std::time::Duration;

use jarkeeper::browser::Wanted;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::support::keeper::{browser, config, run};
use crate::support::process::{Daemon, Root};
use crate::support::provider_real::{NodeProvider, Person, register};
use crate::support::realsites::RealSite;
use crate::support::{Api, answer};

const SECRET: &str = "Larch-9082-secret";

/// Longest time for one person before one browser.
const SESSION: Duration = Duration::from_secs(150);

fn configure(root: &Root, issuer: &str, client_id: &str, allow: &str) {
    root.save("client-secret", SECRET);
    let secret = r#"client_secret = { file = "client-secret" }"#;
    let text = format!(
        "[sign_in]\nissuer = \"{issuer}\"\nclient_id = \"{client_id}\"\n{secret}\nallow = {allow}\n"
    );
    root.save("config.toml", &text);
}

/// Everybody, as the owner at the socket sees them.
async fn people(api: &Api) -> Vec<Value> {
    let (status, people) = answer(api.own(Method::GET, "/v1/people")).await;
    assert_eq!(status, 200, "{people}");
    people.as_array().unwrap().clone()
}

/// A person with a fresh browser, at the sign-in page of the daemon.
async fn comes(api: &Api, does: impl AsyncFnOnce(Person<'_>)) {
    let wanted = Wanted {
        seed: None,
        ignore_https_errors: false,
        deadline: Instant::now() + SESSION,
    };
    let context = browser().context(&config().browser, wanted).await.unwrap();
    let page = context.page();
    let start = Url::parse(&format!("{}/sign-in", api.base)).unwrap();
    page.goto(&start).await.unwrap();
    let person = Person(page);
    person.clicks("#sign-in").await;
    does(person).await;
}

fn silent(daemon: &Daemon) {
    let log = serde_json::to_string(&daemon.log()).unwrap();
    for secret in [SECRET, "hunter-22", "example.org"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn people_sign_in_with_oidc_provider_in_chromium() {
    run(async {
        let Some(provider) = NodeProvider::start("jarkeeper", SECRET) else {
            return;
        };
        let root = Root::new();
        configure(
            &root,
            &provider.issuer,
            "jarkeeper",
            r#"["ada@example.org", "bob@example.org"]"#,
        );
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let logs_in = async |person: &Person<'_>, name: &str| {
            person.types("input[name=login]", name).await;
            person.types("input[name=password]", "hunter-22").await;
            person.clicks("button[type=submit].login-submit").await;
            person.reads("scopes:").await;
            person.clicks("button[type=submit]").await;
        };
        comes(&api, async |person| {
            logs_in(&person, "ada").await;
            person.reads("You are signed in as Doctor ada.").await;
            assert!(person.0.url().starts_with(&api.base), "{}", person.0.url());
            assert!(person.0.has_cookie("jarkeeper_visit").await.unwrap());
            assert!(!person.0.has_cookie("jarkeeper_sign_in").await.unwrap());
            person.clicks("form[action='/sign-out'] button").await;
            person.reads("Sign in with localhost").await;
            // The provider remembers who this is: no password again.
            person.clicks("#sign-in").await;
            person.reads("previously given authorization").await;
            person.clicks("button[type=submit]").await;
            person.reads("You are signed in as Doctor ada.").await;
        })
        .await;
        let all = people(&api).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["role"], "owner");
        assert_eq!(all[0]["email"], "ada@example.org");
        assert_eq!(all[0]["accounts"][0]["subject"], "ada");
        assert_eq!(all[0]["accounts"][0]["issuer"], *provider.issuer);

        comes(&api, async |person| {
            logs_in(&person, "bob").await;
            person.reads("You are signed in as Doctor bob.").await;
        })
        .await;
        comes(&api, async |person| {
            logs_in(&person, "eve").await;
            person
                .reads("eve@example.org is not among those who may sign in here")
                .await;
            assert!(!person.0.has_cookie("jarkeeper_visit").await.unwrap());
        })
        .await;
        let roles: Vec<_> = people(&api)
            .await
            .iter()
            .map(|one| one["role"].clone())
            .collect();
        assert_eq!(roles, ["owner", "member"]);

        // A person who says no, and comes back without anything.
        comes(&api, async |person| {
            person.clicks("a[href$='/abort']").await;
            person.reads("the provider says access_denied").await;
        })
        .await;
        silent(&daemon);
    });
}

#[test]
fn the_owner_signs_in_with_canaille_in_chromium() {
    run(async {
        let Some(canaille) = RealSite::start("oidc-canaille").await else {
            return;
        };
        let root = Root::new();
        let daemon = root.daemon();
        let api = Api::of(&root, &daemon);
        let redirect_uri = format!("{}/sign-in/callback", api.base);
        let client = register(&canaille, &redirect_uri, SECRET);
        // A saved change takes effect without a restart.
        configure(&root, &canaille.provider(), &client, "[]");
        daemon.hears("new settings are in force");
        comes(&api, async |person| {
            person
                .types("input[name=login]", &canaille.facts.user)
                .await;
            person.clicks("form button[type=submit]").await;
            person
                .types("input[name=password]", &canaille.facts.password)
                .await;
            person.clicks("form button[type=submit]").await;
            person.reads("You are signed in as Site Admin.").await;
        })
        .await;
        let all = people(&api).await;
        assert_eq!(all[0]["role"], "owner");
        assert_eq!(all[0]["accounts"][0]["subject"], *canaille.facts.user);
        silent(&daemon);
    });
}
