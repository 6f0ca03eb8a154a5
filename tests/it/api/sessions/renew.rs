//! Renewals by request, their history and what they leave, and codes that are handed in.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Json, expect, header, key, logged_in, read, until, with};
use crate::support::process::Root;
use crate::support::{Api, Site};

async fn history(api: &Api, query: &str) -> Value {
    expect(
        api.own(Method::GET, &format!("/v1/sessions/x/renewals{query}")),
        200,
    )
    .await
}

#[tokio::test]
async fn a_renewal_says_how_it_ended_and_stands_in_the_history() {
    let site = Site::start();
    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    let renew = || api.own(Method::POST, "/v1/sessions/x/renew");
    let report = expect(renew(), 200).await;
    assert_eq!(
        (&report["session"], &report["how"]),
        (&json!("x"), &json!("probed"))
    );
    site.invalidate();
    let looked = expect(api.own(Method::POST, "/v1/sessions/x/check"), 200).await;
    assert_eq!(looked["alive"], false);
    assert!(looked["seen"].is_string());
    assert_eq!(site.submissions().len(), 1, "a look does not log in");
    let report = expect(renew().body_of(&json!({ "wait": "60s" })), 200).await;
    assert_eq!(report["how"], "logged_in", "{report}");
    assert!(report["took_ms"].as_u64().unwrap() > 10);
    let looked = expect(api.own(Method::POST, "/v1/sessions/x/check"), 200).await;
    assert_eq!(looked, json!({ "alive": true }));

    let told = history(&api, "").await;
    let all = told["renewals"].as_array().unwrap();
    let results: Vec<_> = all.iter().map(|entry| &entry["result"]).collect();
    assert_eq!(results, ["logged_in", "died", "logged_in"]);
    assert_eq!(
        (&all[0]["cause"], &all[2]["cause"]),
        (&json!("command"), &json!("startup"))
    );
    assert!(
        all.iter()
            .all(|entry| entry["took_ms"].is_u64() && entry["artefacts"].is_null())
    );
    assert!(told["next"].is_null());
    // Page by page, the same.
    let mut paged: Vec<Value> = Vec::new();
    let mut query = "?limit=1".to_owned();
    for _ in 0..3 {
        let page = history(&api, &query).await;
        paged.extend(page["renewals"].as_array().unwrap().clone());
        query = match page["next"].as_str() {
            Some(next) => format!("?limit=1&before={next}"),
            None => break,
        };
    }
    assert_eq!(&paged, all);
    for wrong in [
        "?limit=0",
        "?limit=101",
        "?before=yesterday",
        "?limit=x",
        "?page=2",
    ] {
        let path = format!("/v1/sessions/x/renewals{wrong}");
        let got = api.own(Method::GET, &path).send().await.unwrap();
        assert_eq!(got.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_renewal_that_is_not_waited_for_goes_on() {
    let site = Site::start();
    let root = Root::of(&site);
    let (_daemon, api) = logged_in(&root).await;
    site.invalidate();
    let renew = api
        .own(Method::POST, "/v1/sessions/x/renew")
        .body_of(&json!({ "wait": 0 }));
    let got = renew.send().await.unwrap();
    assert_eq!(got.status(), 202);
    assert_eq!(header(&got, "location"), Some("/v1/sessions/x"));
    assert_eq!(read::<Value>(got).await, json!({ "session": "x" }));
    site.until_submissions(2).await;
    site.turn(|dials| dials.hold_submissions = false);
    until(&api, "x", |x| x["alive"] == true).await;
    for wrong in [
        json!({ "wait": "soon" }),
        json!({ "wait": -1 }),
        json!({ "wai": 1 }),
        json!([]),
    ] {
        let renew = api
            .own(Method::POST, "/v1/sessions/x/renew")
            .body_of(&wrong);
        let status = renew.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 400 | 422), "{wrong}: {status}");
    }
    let text = api
        .own(Method::POST, "/v1/sessions/x/renew")
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(text.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_failure_has_its_class_and_leaves_files_that_do_not_run_here() {
    let site = Site::start();
    let root = Root::of(&site);
    let agent = key(&root, "sessions:read sessions:renew", None).await;
    let owner = key(&root, "read write", None).await;
    site.set_password("another one");
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let held = until(&api, "x", |x| x["hold"].is_object()).await;
    assert_eq!(held["hold"]["class"], "wrong_credentials");
    assert_eq!(site.submissions().len(), 1);
    for who in [&agent, &owner] {
        let problem = expect(with(&api, who, Method::POST, "/v1/sessions/x/renew"), 409).await;
        assert_eq!(problem["type"], "urn:jarkeeper:problem:session-held");
        assert_eq!(problem["class"], "wrong_credentials");
    }
    assert_eq!(site.submissions().len(), 1);

    let told = history(&api, "").await;
    let failed = &told["renewals"][0];
    assert_eq!(
        (&failed["result"], &failed["class"]),
        (&json!("failed"), &json!("wrong_credentials"))
    );
    let id = failed["artefacts"].as_str().unwrap();
    let folder = format!("/v1/sessions/x/artefacts/{id}");
    let files = expect(api.own(Method::GET, &folder), 200).await;
    let names: Vec<_> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["console.txt", "failure.txt", "page.html", "page.png"]
    );
    for (name, kind, saved) in [
        ("page.png", "image/png", None),
        ("page.html", "text/plain; charset=utf-8", Some("attachment")),
        ("failure.txt", "text/plain; charset=utf-8", None),
    ] {
        let got = api
            .own(Method::GET, &format!("{folder}/{name}"))
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), 200);
        assert_eq!(header(&got, "content-type"), Some(kind));
        assert_eq!(header(&got, "content-disposition"), saved);
        assert_eq!(header(&got, "x-content-type-options"), Some("nosniff"));
        assert!(
            header(&got, "content-security-policy")
                .unwrap()
                .contains("sandbox")
        );
        let bytes = got.bytes().await.unwrap();
        let size = files
            .as_array()
            .unwrap()
            .iter()
            .find(|file| file["name"] == name)
            .unwrap();
        assert_eq!(size["bytes"].as_u64().unwrap(), bytes.len() as u64);
        assert!(!String::from_utf8_lossy(&bytes).contains(Site::PASSWORD));
    }
    for none in [
        "/v1/sessions/x/artefacts/none".to_owned(),
        "/v1/sessions/x/artefacts/..%2frecords".to_owned(),
        format!("{folder}/none.png"),
        format!("{folder}/%2e%2e%2f{id}%2fpage.png"),
        format!("{folder}/..%2f..%2f..%2fstore%2fstore.db"),
        format!("{folder}/%2fetc%2fpasswd"),
    ] {
        let problem = expect(api.own(Method::GET, &none), 404).await;
        let kind = problem["type"].as_str().unwrap_or_default();
        assert!(kind.contains("artefact"), "{none}: {problem}");
    }
}

#[tokio::test]
async fn a_renewal_by_an_agent_ends_no_hold_that_a_person_could_end() {
    let site =
        Site::with(|dials| dials.obstacle = Some(crate::support::dials::Obstacle::CaptchaAfter));
    let root = Root::of(&site);
    let agent = key(&root, "sessions:read sessions:renew", None).await;
    let owner = key(&root, "read write", None).await;
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    until(&api, "x", |x| x["hold"].is_object()).await;
    let submissions = site.submissions().len();
    for _ in 0..3 {
        let problem = expect(
            with(&api, &agent, Method::POST, "/v1/sessions/x/renew"),
            409,
        )
        .await;
        assert_eq!(
            problem["type"], "urn:jarkeeper:problem:session-held",
            "{problem}"
        );
        assert_eq!(problem["class"], "challenge");
    }
    assert_eq!(site.submissions().len(), submissions);
    let problem = expect(
        with(&api, &owner, Method::POST, "/v1/sessions/x/renew"),
        409,
    )
    .await;
    assert_eq!(
        problem["type"], "urn:jarkeeper:problem:renewal-challenge",
        "{problem}"
    );
    assert!(site.submissions().len() > submissions);
}

#[tokio::test]
async fn a_code_is_handed_to_the_login_that_waits_and_to_nobody_else() {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let site = Site::with(|dials| dials.totp = Some(SECRET.to_owned()));
    let root = Root::of(&site);
    root.recipe("x", &(site.recipe("PASSWORD") + "code = \"ask\"\n"));
    let agent = key(&root, "sessions:renew", Some(&["x"])).await;
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    until(&api, "x", |x| x["waits_for_code"] == true).await;
    let hand = |body: Value| with(&api, &agent, Method::POST, "/v1/sessions/x/code").body_of(&body);
    for wrong in [
        json!({}),
        json!({ "code": "1", "link": "https://a.test/" }),
        json!({ "code": "" }),
        json!({ "code": "https://a.test/" }),
        json!({ "link": "1234" }),
        json!({ "link": "https://evil.test/in" }),
    ] {
        let problem = expect(hand(wrong), 400).await;
        assert_eq!(problem["type"], "urn:jarkeeper:problem:invalid-request");
    }
    let secret = totp_rs::Secret::try_from_base32(SECRET).unwrap();
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .build_noncompliant();
    let now = u64::try_from(Utc::now().timestamp()).unwrap();
    let code = totp.generate(now).to_string();
    expect(hand(json!({ "code": format!(" {code} ") })), 204).await;
    let told = until(&api, "x", |x| x["alive"] == true).await;
    assert_eq!(told["waits_for_code"], false);
    assert_eq!(site.codes(), [&*code]);
    let problem = expect(hand(json!({ "code": code })), 404).await;
    assert_eq!(problem["type"], "urn:jarkeeper:problem:nobody-waits");
    assert!(!format!("{:?}", daemon.log()).contains(&code));
    let proven: DateTime<Utc> = told["proven_at"].as_str().unwrap().parse().unwrap();
    assert!(proven <= Utc::now());
}
