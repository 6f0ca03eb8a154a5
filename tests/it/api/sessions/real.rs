//! A real application, all the way: a login that the API asks for, and its session in the tools that read each format.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Json, expect, key, with};
use crate::support::process::Root;
use crate::support::realsites::RealSite;
use crate::support::{Api, tools};

#[tokio::test]
async fn dokuwiki_is_entered_through_the_api_and_read_in_every_format() {
    let Some(site) = RealSite::start("dokuwiki").await else {
        return;
    };
    let root = Root::new();
    for (name, value) in site.variables() {
        root.env(&name, &value);
    }
    root.recipe("dokuwiki", &site.recipe());
    let agent = key(&root, "sessions:read sessions:renew", Some(&["dokuwiki"])).await;
    // The log of an installation outlives its runs.
    let logged = || site.logged("POST /doku.php");
    let before = logged();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let get = |query: &str| {
        with(
            &api,
            &agent,
            Method::GET,
            &format!("/v1/sessions/dokuwiki/state?{query}"),
        )
    };
    let file = |name: &str| root.path().join(name);
    let live = &site.facts.live;
    let url = site.url(&live.path);
    for query in [
        "max_age=1h&wait=120s",
        "format=netscape",
        "format=header",
        "format=puppeteer",
        "format=selenium",
    ] {
        let got = get(query).send().await.unwrap();
        assert_eq!(got.status(), 200, "{query}");
        let text = got.text().await.unwrap();
        let path = file("session");
        std::fs::write(&path, &text).unwrap();
        let cookies = || {
            let all: Value = serde_json::from_str(&text).unwrap();
            let pairs = all.as_array().unwrap().iter().map(|cookie| {
                format!(
                    "{}={}",
                    cookie["name"].as_str().unwrap(),
                    cookie["value"].as_str().unwrap()
                )
            });
            pairs.collect::<Vec<_>>().join("; ")
        };
        let path = path.display().to_string();
        let header = format!("Cookie: {}", text.trim());
        let (status, body) = match query {
            "format=netscape" => tools::curl(&url, &["-b", &path]).await,
            "format=header" => tools::curl(&url, &["-H", &header]).await,
            "format=puppeteer" | "format=selenium" => tools::curl(&url, &["-b", &cookies()]).await,
            _ => {
                let seen = tools::playwright(path.as_ref(), &site.base, &site.facts, None).await;
                seen.unwrap_or_else(|seen| panic!("{query}: {seen}"));
                continue;
            }
        };
        assert_eq!(status, live.signed_in, "{query}");
        assert!(
            live.text.as_ref().is_none_or(|sign| body.contains(sign)),
            "{query}"
        );
    }
    assert_eq!(logged(), before + 1);
    let looked = expect(
        with(&api, &agent, Method::POST, "/v1/sessions/dokuwiki/check"),
        200,
    )
    .await;
    assert_eq!(looked, json!({ "alive": true }));
    site.invalidate().await;
    let report = expect(
        with(&api, &agent, Method::POST, "/v1/sessions/dokuwiki/renew")
            .body_of(&json!({ "wait": "120s" })),
        200,
    );
    assert_eq!(report.await["how"], "logged_in");
    assert_eq!(logged(), before + 2);
}
