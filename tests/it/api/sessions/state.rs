//! Getting a session: its formats, its freshness, and who waits for it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use jarkeeper::session::StorageState;
use reqwest::Method;
use serde_json::Value;

use super::{expect, header, key, logged_in, read, until, with};
use crate::support::process::{Root, opens};
use crate::support::{Api, Site, tools};

#[tokio::test]
async fn a_session_comes_in_every_format_as_the_command_writes_it() {
    let site = Site::start();
    let root = Root::of(&site);
    let reader = key(&root, "sessions:read", Some(&["x"])).await;
    let (_daemon, api) = logged_in(&root).await;
    for (format, kind) in [
        ("storage-state", "application/json"),
        ("puppeteer", "application/json"),
        ("selenium", "application/json"),
        ("netscape", "text/plain; charset=utf-8"),
        ("header", "text/plain; charset=utf-8"),
    ] {
        let path = format!("/v1/sessions/x/state?format={format}");
        let got = with(&api, &reader, Method::GET, &path)
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), 200, "{format}");
        assert_eq!(header(&got, "content-type"), Some(kind));
        assert_eq!(header(&got, "jarkeeper-alive"), Some("true"));
        assert_eq!(header(&got, "jarkeeper-stale"), None);
        let text = got.text().await.unwrap();
        assert_eq!(
            text,
            root.run(&["export", "x", "--format", format]).out,
            "{format}"
        );
    }
    let (status, body) = {
        let text = with(
            &api,
            &reader,
            Method::GET,
            "/v1/sessions/x/state?format=header",
        );
        let cookies = format!(
            "Cookie: {}",
            text.send().await.unwrap().text().await.unwrap().trim()
        );
        tools::curl(&site.home_url(), &["-H", &cookies]).await
    };
    assert_eq!(status, 200, "{body}");
    // Another site's URL gets nothing of it.
    let path = "/v1/sessions/x/state?url=http://other.test/";
    let problem = expect(with(&api, &reader, Method::GET, path), 409).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:not-in-this-format");
    for wrong in [
        "format=pdf",
        "url=x",
        "max_age=1y",
        "wait=-1",
        "stale=deny",
        "maxage=1s",
        "format=header&format=header",
    ] {
        let path = format!("/v1/sessions/x/state?{wrong}");
        let got = with(&api, &reader, Method::GET, &path)
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn who_has_it_already_is_told_so_until_it_changes() {
    let site = Site::start();
    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    let path = "/v1/sessions/x/state";
    let first = api.own(Method::GET, path).send().await.unwrap();
    let etag = header(&first, "etag").unwrap().to_owned();
    let modified = header(&first, "last-modified").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", &format!("\"a\", W/{etag}"), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"a\"", 200),
        ("if-modified-since", &modified, 304),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("if-modified-since", "yesterday", 200),
    ] {
        let got = api
            .own(Method::GET, path)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), status, "{name}: {value}");
        assert_eq!(header(&got, "etag"), Some(&*etag));
        assert!(header(&got, "jarkeeper-proven-at").is_some());
        assert_eq!(got.bytes().await.unwrap().is_empty(), status == 304);
    }
    // A tag that is another's counts more than the time.
    let both = api
        .own(Method::GET, path)
        .header("if-none-match", "\"a\"")
        .header("if-modified-since", &modified);
    assert_eq!(both.send().await.unwrap().status(), 200);
    let other = api
        .own(Method::GET, "/v1/sessions/x/state?format=puppeteer")
        .send()
        .await
        .unwrap();
    assert_ne!(header(&other, "etag"), Some(&*etag));
    let head = api.own(Method::HEAD, path).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), header(&head, "etag")),
        (200, Some(&*etag))
    );

    site.invalidate();
    let fresh = "/v1/sessions/x/state?max_age=0s";
    let got = api
        .own(Method::GET, fresh)
        .header("if-none-match", &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(got.status(), 200);
    assert_ne!(header(&got, "etag"), Some(&*etag));
    let state: StorageState = read(got).await;
    assert!(opens(&site, &state));
}

/// Sends so many of the same call at once, and gives the status and the entity tag of each answer.
async fn crowd(api: &Api, reader: &str, path: &str, count: usize) -> Vec<(u16, Option<String>)> {
    let calls = (0..count).map(|_| async {
        let got = with(api, reader, Method::GET, path).send().await.unwrap();
        let etag = header(&got, "etag").map(str::to_owned);
        (got.status().as_u16(), etag)
    });
    join_all(calls).await
}

#[tokio::test]
async fn five_hundred_callers_of_one_dead_session_cause_one_login() {
    let site = Site::start();
    let root = Root::of(&site);
    let reader = key(&root, "sessions:read sessions:renew", Some(&["x"])).await;
    let (_daemon, api) = logged_in(&root).await;
    assert_eq!(site.submissions().len(), 1);
    site.invalidate();
    let path = "/v1/sessions/x/state?max_age=0s&wait=60s";
    let answers = crowd(&api, &reader, path, 500).await;
    assert_eq!(site.submissions().len(), 2);
    let refused = answers.iter().filter(|(status, _)| *status != 200).count();
    assert_eq!(refused, 0, "{answers:?}");
    let state = root.state("x").unwrap();
    assert!(opens(&site, &state));
    let now = api
        .own(Method::GET, "/v1/sessions/x/state")
        .send()
        .await
        .unwrap();
    let newest = header(&now, "etag").unwrap();
    assert!(
        answers
            .iter()
            .all(|(_, etag)| etag.as_deref() == Some(newest))
    );
}

#[tokio::test]
async fn a_renewal_for_a_reader_needs_its_scope_and_a_fresh_session_does_not() {
    let site = Site::start();
    let root = Root::of(&site);
    let reader = key(&root, "sessions:read", None).await;
    let (_daemon, api) = logged_in(&root).await;
    let get = |query: &str| {
        with(
            &api,
            &reader,
            Method::GET,
            &format!("/v1/sessions/x/state?{query}"),
        )
    };
    let got = get("max_age=1d").send().await.unwrap();
    assert_eq!(got.status(), 200);
    let age: i64 = header(&got, "age").unwrap().parse().unwrap();
    assert!((0..60).contains(&age), "{age}");
    let before = site.probes();
    for query in ["max_age=0", "max_age=0&stale=allow"] {
        let got = get(query).send().await.unwrap();
        assert_eq!(got.status(), 403);
        let challenge = header(&got, "www-authenticate").unwrap();
        assert!(challenge.contains("insufficient_scope") && challenge.contains("sessions:renew"));
        let problem: Value = read(got).await;
        assert_eq!(problem["type"], "urn:jarkeeper:problem:insufficient-scope");
    }
    assert_eq!(site.probes(), before);
}

#[tokio::test]
async fn who_does_not_wait_long_enough_goes_away_and_the_renewal_goes_on() {
    let site = Site::start();
    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    let old = root.state("x").unwrap();
    site.invalidate();
    site.turn(|dials| dials.hold_submissions = true);
    let began = Instant::now();
    let path = "/v1/sessions/x/state?max_age=0s&wait=1s";
    let got = api.own(Method::GET, path).send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(20));
    assert_eq!(got.status(), 504);
    assert_eq!(header(&got, "retry-after"), Some("5"));
    let problem: Value = read(got).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:renewal-pending");
    // The old one is had by who wants it, and is said to be old.
    let path = format!("{path}&stale=allow");
    let got = api.own(Method::GET, &path).send().await.unwrap();
    assert_eq!(
        (got.status().as_u16(), header(&got, "jarkeeper-stale")),
        (200, Some("pending"))
    );
    assert_eq!(read::<StorageState>(got).await, old);
    // One that hangs up in the middle ends it for nobody.
    let path = "/v1/sessions/x/state?max_age=1d&wait=60s";
    let gone = api
        .own(Method::GET, path)
        .timeout(Duration::from_millis(300))
        .send()
        .await;
    assert!(gone.is_err_and(|error| error.is_timeout()));
    site.until_submissions(2).await;
    let waits = api.own(Method::GET, path).send();
    let goes_on = async {
        site.turn(|dials| dials.hold_submissions = false);
    };
    let (got, ()) = tokio::join!(waits, goes_on);
    let got = got.unwrap();
    assert_eq!(got.status(), 200);
    assert!(opens(&site, &read(got).await));
    assert_eq!(site.submissions().len(), 2);
}

#[tokio::test]
async fn a_held_session_answers_at_once_and_the_old_one_is_had_by_who_wants_it() {
    let site = Site::start();
    let root = Root::of(&site);
    let agent = key(&root, "sessions:read sessions:renew", None).await;
    let (_daemon, api) = logged_in(&root).await;
    site.set_password("another one");
    site.invalidate();
    let get = |query: &str| {
        with(
            &api,
            &agent,
            Method::GET,
            &format!("/v1/sessions/x/state?{query}"),
        )
    };
    let problem = expect(get("max_age=0s&wait=60s"), 409).await;
    assert_eq!(
        problem["type"], "urn:jarkeeper:problem:renewal-wrong-credentials",
        "{problem}"
    );
    assert_eq!(problem["class"], "wrong_credentials");
    assert_eq!(problem["renewal"]["how"], "failed");
    assert_eq!(site.submissions().len(), 2);
    let began = Instant::now();
    for _ in 0..20 {
        let problem = expect(get("max_age=0s&wait=60s"), 409).await;
        assert_eq!(problem["type"], "urn:jarkeeper:problem:session-held");
        assert_eq!(problem["class"], "wrong_credentials");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let got = get("max_age=0s&stale=allow").send().await.unwrap();
    assert_eq!(got.status(), 200);
    assert_eq!(header(&got, "jarkeeper-stale"), Some("held"));
    assert_eq!(header(&got, "jarkeeper-alive"), Some("false"));
    // Who does not ask for its age gets it too, and is told.
    let got = get("").send().await.unwrap();
    assert_eq!(
        (got.status().as_u16(), header(&got, "jarkeeper-alive")),
        (200, Some("false"))
    );
    assert_eq!(site.submissions().len(), 2);
}

#[tokio::test]
async fn a_session_that_never_was_is_said_to_be_still_to_come() {
    let root = Root::new();
    root.env("PASSWORD", Site::PASSWORD);
    // Nobody listens there.
    let recipe =
        "url = \"http://127.0.0.1:9/\"\nusername = \"a\"\npassword = { env = \"PASSWORD\" }\n";
    root.recipe("x", recipe);
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let problem = expect(api.own(Method::GET, "/v1/sessions/x/state"), 409).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:no-session-yet");
    let path = "/v1/sessions/x/state?max_age=1h&wait=60s&stale=allow";
    let got = api.own(Method::GET, path).send().await.unwrap();
    let status = got.status().as_u16();
    let wait: Option<u32> = header(&got, "retry-after").and_then(|wait| wait.parse().ok());
    let problem: Value = read(got).await;
    assert_eq!(
        (status, &problem["class"]),
        (502, &Value::from("site_down")),
        "{problem}"
    );
    // The daemon waits after the failure of its own first try, or this one began together with it.
    assert!(
        wait.is_none_or(|wait| (1..3600).contains(&wait)),
        "{wait:?}"
    );
}

#[tokio::test]
async fn a_sealed_session_comes_out_opened_and_a_combination_joined() {
    let (a, b) = (
        Site::with(|dials| dials.cookie_prefix = "a"),
        Site::with(|dials| dials.cookie_prefix = "b"),
    );
    let sealed = Site::start();
    let root = Root::of(&sealed);
    root.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let seal = jarkeeper::seal::Seal::new();
    root.save(
        "seal.key",
        secrecy::ExposeSecret::expose_secret(&seal.text()),
    );
    root.recipe("x", &(sealed.recipe("PASSWORD") + "sealed = true\n"));
    root.recipe("a", &(a.recipe("PASSWORD") + "combine = [\"b\"]\n"));
    root.recipe("b", &b.recipe("PASSWORD"));
    let (_daemon, api) = logged_in(&root).await;
    assert!(!root.file("x").exists());
    let got = api
        .own(Method::GET, "/v1/sessions/x/state")
        .send()
        .await
        .unwrap();
    assert!(opens(&sealed, &read(got).await));

    let joined = until(&api, "a.b", |joined| joined["alive"] == true).await;
    assert_eq!(joined["parts"], serde_json::json!(["a", "b"]));
    let get = |query: &str| api.own(Method::GET, &format!("/v1/sessions/a.b/state{query}"));
    let both: StorageState = read(get("").send().await.unwrap()).await;
    assert!(opens(&a, &both) && opens(&b, &both));
    expect(api.own(Method::POST, "/v1/sessions/b/check"), 200).await;
    // One of its parts dies; the other is only looked at.
    b.invalidate();
    let got = get("?max_age=0s&wait=60s").send().await.unwrap();
    assert_eq!(got.status(), 200);
    let both: StorageState = read(got).await;
    assert!(opens(&a, &both) && opens(&b, &both));
    assert_eq!((a.submissions().len(), b.submissions().len()), (1, 2));
    let problem = expect(api.own(Method::POST, "/v1/sessions/a.b/renew"), 409).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:combination");
    assert_eq!(get("?format=header").send().await.unwrap().status(), 400);
    let listed = expect(api.own(Method::GET, "/v1/sessions"), 200).await;
    let keys: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].clone())
        .collect();
    assert_eq!(keys, ["a", "b", "x", "a.b"]);
}
