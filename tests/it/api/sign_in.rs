//! Signing in with an OpenID provider: who gets in, by which answers, and who does not.

use std::sync::atomic::Ordering::SeqCst;

use serde_json::json;

use crate::support::clock;
use crate::support::provider::{ES, Provider, RSA, Reply};
use crate::support::provider_door::{Browser, Got, House};

/// Whether nobody was signed in by this; with the words that the page must hold.
fn refused(name: &str, house: &House, got: &Got, status: u16, words: &str) {
    assert_eq!(got.status, status, "{name}: {}", got.body);
    assert!(got.body.contains(words), "{name}: {}", got.body);
    assert!(got.sets("jarkeeper_visit").is_none(), "{name}: {got:?}");
    assert_eq!((house.visits(), house.accounts()), (0, 0), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_sign_in_becomes_the_owner_and_others_only_where_they_are_named() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "@corp.example"]).await;
    let ada = house.browser();
    let page = ada
        .get("/sign-in?return_to=%2Fdevice%3Fuser_code%3DAB")
        .await;
    assert_eq!(page.status, 200);
    let link = "/sign-in/start?return_to=%2Fdevice%3Fuser_code%3DAB";
    assert!(page.body.contains(link), "{}", page.body);

    let sent = ada.get(link).await;
    let cookie = sent.sets("jarkeeper_sign_in").unwrap();
    for part in [
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/sign-in;",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let sent = sent.location().parse().unwrap();
    let query: std::collections::HashMap<_, _> = url::Url::query_pairs(&sent).collect();
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(query["client_id"], Provider::CLIENT);
    assert_eq!(
        query["redirect_uri"],
        format!("{}/sign-in/callback", house.base)
    );
    assert!(query["state"].len() >= 43 && query["nonce"].len() >= 43);

    let got = ada.come_back(&ada.answer(&provider, &sent)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let cookie = got.sets("jarkeeper_visit").unwrap();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let on = r#"<meta http-equiv="refresh" content="0;url=/device?user_code=AB">"#;
    assert!(got.body.contains(on), "{}", got.body);
    assert!(ada.get("/sign-in").await.body.contains("signed in as Ada"));
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(owner.email.as_deref(), Some("ada@example.org"));
    assert_eq!(owner.accounts[0].subject, "ada-1");
    assert_eq!((house.members(), house.visits()), (0, 1));

    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("Bob@Corp.Example");
        claims["name"] = json!("Bob");
    });
    let bob = house.browser();
    assert_eq!(bob.sign_in(&provider).await.status, 200);
    assert!(bob.get("/sign-in").await.body.contains("signed in as Bob"));
    assert_eq!((house.members(), house.visits()), (1, 2));

    // Again, under another address: the account is who it was.
    provider.claims(|claims| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("robert@corp.example");
    });
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!((house.members(), house.accounts()), (1, 2));

    // Another account with the owner's address is another person.
    provider.claims(|claims| claims["sub"] = json!("eve-1"));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!((house.members(), owner.accounts.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_needs_the_own_page_and_ends_the_visit() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let ada = house.browser();
    assert_eq!(ada.sign_in(&provider).await.status, 200);
    for form in [&[("csrf", "guess")][..], &[], &[("csrf", "")]] {
        let got = ada.post("/sign-out", form).await;
        assert_eq!((got.status, house.visits()), (403, 1), "{form:?}");
    }
    let page = ada.get("/sign-in").await.body;
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
    let csrf = rest.split('"').next().unwrap();
    let got = ada.post("/sign-out", &[("csrf", csrf)]).await;
    assert_eq!((got.status, got.location()), (303, "/sign-in"));
    assert_eq!(house.visits(), 0);
    assert!(ada.get("/sign-in").await.body.contains("/sign-in/start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_among_the_allowed_is_refused() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "@corp.example"]).await;
    let emails = [
        json!("eve@example.org"),
        json!("ada@example.org.evil"),
        json!("ada@sub.example.org"),
        json!("a@evil@corp.example"),
        json!("\"a@evil\"@corp.example"),
        json!("a@corp.example@evil.example"),
        json!("a@sub.corp.example"),
        json!("a@evilcorp.example"),
        json!("a@corp.example."),
        json!("a@corp.example.evil"),
        json!("@corp.example"),
        json!("corp.example"),
        json!(" a@corp.example"),
        json!("a@corp.example\n"),
        json!("a@corp\u{ff0e}example"),
        json!(""),
        json!(null),
    ];
    for email in emails {
        let claim = email.clone();
        provider.claims(move |claims| claims["email"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&email.to_string(), &house, &got, 403, "role=\"alert\"");
    }
    for verified in [json!(false), json!(null)] {
        let claim = verified.clone();
        provider.claims(move |claims| claims["email_verified"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&verified.to_string(), &house, &got, 403, "verified");
    }
    // What is no boolean is no claim.
    for verified in [json!("true"), json!(1)] {
        let claim = verified.clone();
        provider.claims(move |claims| claims["email_verified"] = claim.clone());
        let got = house.browser().sign_in(&provider).await;
        refused(&verified.to_string(), &house, &got, 400, "cannot be read");
    }
    provider.claims(|_| {});
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_empty_list_only_the_owner_signs_in() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    // The first on this machine, without any address.
    provider.claims(|claims| claims["email_verified"] = json!(false));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    provider.claims(|claims| claims["sub"] = json!("eve-1"));
    let got = house.browser().sign_in(&provider).await;
    assert_eq!(got.status, 403, "{}", got.body);
    assert_eq!((house.members(), house.accounts()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_only_the_userinfo_endpoint_tells_counts() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    let bare = |claims: &mut serde_json::Value| {
        for name in ["email", "email_verified", "name"] {
            claims.as_object_mut().unwrap().remove(name);
        }
    };
    provider.claims(bare);
    let told = |sub: &str, verified: bool| json!({ "sub": sub, "name": "Ada", "email": "ada@example.org", "email_verified": verified });
    provider.script().userinfo = Some(told("eve-1", true));
    let got = house.browser().sign_in(&provider).await;
    refused(
        "of somebody else",
        &house,
        &got,
        503,
        "does not say who this is",
    );
    provider.script().userinfo = Some(told("ada-1", false));
    let got = house.browser().sign_in(&provider).await;
    refused("not verified", &house, &got, 403, "verified");
    provider.script().userinfo = Some(json!(null));
    let got = house.browser().sign_in(&provider).await;
    refused("nothing", &house, &got, 503, "does not say who this is");
    provider.script().userinfo = Some(told("ada-1", true));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let owner = house.identity.person("owner").unwrap();
    assert_eq!(owner.name.as_deref(), Some("Ada"));
}

/// What becomes of a good answer before it is brought back.
type Tamper = fn(&mut Vec<(String, String)>);

fn set(answer: &mut Vec<(String, String)>, name: &str, value: &str) {
    remove(answer, name);
    answer.push((name.to_owned(), value.to_owned()));
}

fn remove(answer: &mut Vec<(String, String)>, name: &str) {
    answer.retain(|(one, _)| one != name);
}

fn twice(answer: &mut Vec<(String, String)>, name: &str) {
    let one = answer.iter().find(|(one, _)| one == name).unwrap().clone();
    answer.push(one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_answer_signs_nobody_in() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    let cases: &[(&str, Tamper, &str)] = &[
        ("state wrong", |a| set(a, "state", "guess"), "begin again"),
        ("state empty", |a| set(a, "state", ""), "begin again"),
        ("state missing", |a| remove(a, "state"), "no state"),
        (
            "state twice",
            |a| twice(a, "state"),
            "not one of a provider",
        ),
        ("code wrong", |a| set(a, "code", "guess"), "invalid_grant"),
        ("code empty", |a| set(a, "code", ""), "invalid_grant"),
        ("code missing", |a| remove(a, "code"), "no code"),
        ("code twice", |a| twice(a, "code"), "not one of a provider"),
        (
            "iss wrong",
            |a| set(a, "iss", "https://evil.example"),
            "another issuer",
        ),
        (
            "iss with a slash",
            |a| {
                let iss = a.iter().find(|(name, _)| name == "iss").unwrap().1.clone();
                set(a, "iss", &format!("{iss}/"));
            },
            "another issuer",
        ),
        (
            "iss in capitals",
            |a| {
                let iss = a
                    .iter()
                    .find(|(name, _)| name == "iss")
                    .unwrap()
                    .1
                    .to_uppercase();
                set(a, "iss", &iss);
            },
            "another issuer",
        ),
        ("iss empty", |a| set(a, "iss", ""), "another issuer"),
        ("iss missing", |a| remove(a, "iss"), "iss"),
        ("iss twice", |a| twice(a, "iss"), "not one of a provider"),
        (
            "error",
            |a| {
                remove(a, "code");
                set(a, "error", "access_denied");
            },
            "access_denied",
        ),
        (
            "error beside a code",
            |a| set(a, "error", "server_error"),
            "server_error",
        ),
        (
            "error of another",
            |a| {
                set(a, "error", "access_denied");
                set(a, "iss", "https://evil.example");
            },
            "another issuer",
        ),
        ("nothing at all", Vec::clear, "no state"),
        (
            "an id_token in the answer",
            |a| {
                remove(a, "code");
                set(a, "id_token", "eyJhbGciOiJub25lIn0.e30.");
            },
            "no code",
        ),
    ];
    for (name, tamper, words) in cases {
        let browser = house.browser();
        let sent = browser.begin().await;
        let mut answer = browser.answer(&provider, &sent);
        tamper(&mut answer);
        let got = browser.come_back(&answer).await;
        refused(name, &house, &got, 400, words);
    }
    let hostile = "<script>alert(1)</script>";
    let browser = house.browser();
    let mut answer = browser.answer(&provider, &browser.begin().await);
    set(&mut answer, "error", hostile);
    let got = browser.come_back(&answer).await;
    refused("a script", &house, &got, 400, "&lt;script&gt;");
    assert!(!got.body.contains(hostile));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_good_once_and_in_its_own_browser() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    let theirs = |other: &Browser<'_>, own: &Browser<'_>| {
        let cookies = other.cookies.lock().unwrap().clone();
        *own.cookies.lock().unwrap() = cookies;
    };
    // An attacker's answer, brought by a victim's browser: without a cookie, with one of another sign-in.
    let attacker = house.browser();
    let answer = attacker.answer(&provider, &attacker.begin().await);
    let got = house.browser().come_back(&answer).await;
    refused("no cookie", &house, &got, 400, "another browser");
    let answer = attacker.answer(&provider, &attacker.begin().await);
    let victim = house.browser();
    victim.begin().await;
    let got = victim.come_back(&answer).await;
    refused("own cookie", &house, &got, 400, "another browser");
    // And it is used up: the attacker's own browser cannot use it either.
    let got = attacker.come_back(&answer).await;
    refused("used up", &house, &got, 400, "ended already");
    // The code of one sign-in in the answer to another: the verifier is not its own.
    let (one, two) = (house.browser(), house.browser());
    let stolen = one.answer(&provider, &one.begin().await);
    let mut answer = two.answer(&provider, &two.begin().await);
    set(
        &mut answer,
        "code",
        &stolen.iter().find(|(name, _)| name == "code").unwrap().1,
    );
    let got = two.come_back(&answer).await;
    refused("another verifier", &house, &got, 400, "invalid_grant");
    // A cookie that is there twice.
    let browser = house.browser();
    let answer = browser.answer(&provider, &browser.begin().await);
    let cookie = browser.cookies.lock().unwrap()["jarkeeper_sign_in"].clone();
    let both = format!("jarkeeper_sign_in={cookie}; jarkeeper_sign_in={cookie}");
    let fresh = house.browser();
    fresh.cookies.lock().unwrap().insert(
        "x=1; jarkeeper_sign_in".to_owned(),
        both.split_once('=').unwrap().1.to_owned(),
    );
    let got = fresh.come_back(&answer).await;
    refused("two cookies", &house, &got, 400, "another browser");

    let browser = house.browser();
    let answer = browser.answer(&provider, &browser.begin().await);
    let again = house.browser();
    theirs(&browser, &again);
    assert_eq!(browser.come_back(&answer).await.status, 200);
    let got = again.come_back(&answer).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("ended already"), "{}", got.body);
    assert_eq!(house.visits(), 1);
}

clock!(later, LATER);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_takes_at_most_ten_minutes() {
    let provider = Provider::start().await;
    provider.script().clock = later;
    let house = House::at(&provider, &["ada@example.org"], later).await;
    let browser = house.browser();
    let answer = browser.answer(&provider, &browser.begin().await);
    LATER.fetch_add(601, SeqCst);
    let got = browser.come_back(&answer).await;
    refused("after 601 s", &house, &got, 400, "ten minutes");
    let answer = browser.answer(&provider, &browser.begin().await);
    LATER.fetch_add(-120, SeqCst);
    let got = browser.come_back(&answer).await;
    refused("before it began", &house, &got, 400, "ten minutes");
    let answer = browser.answer(&provider, &browser.begin().await);
    LATER.fetch_add(590, SeqCst);
    assert_eq!(browser.come_back(&answer).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_provider_before_is_not_believed_by_the_next() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let house = House::new(&provider, &["ada@example.org"]).await;
    let browser = house.browser();
    let answer = browser.answer(&provider, &browser.begin().await);
    let issuer = other.base.clone();
    house
        .keeper
        .configure(|config| config.sign_in.issuer = issuer);
    let got = browser.come_back(&answer).await;
    refused("another provider", &house, &got, 400, "begin again");
    assert_eq!((provider.asked("token"), other.asked("token")), (0, 0));
    // Mix-up: the answer of the old one to a sign-in with the new one.
    let mut answer = browser.answer(&other, &browser.begin().await);
    set(&mut answer, "iss", &provider.base);
    let got = browser.come_back(&answer).await;
    refused("mix-up", &house, &got, 400, "another issuer");
    assert_eq!(other.asked("token"), 0);
    assert_eq!(browser.sign_in(&other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_describe_itself_as_it_should_is_not_used() {
    type Describe = Box<dyn Fn(serde_json::Value) -> Reply + Send>;
    fn with(name: &'static str, value: serde_json::Value) -> Describe {
        Box::new(move |mut said| {
            match &value {
                serde_json::Value::Null => drop(said.as_object_mut().unwrap().remove(name)),
                value => said[name] = value.clone(),
            }
            Reply::Json(said)
        })
    }
    let cases: Vec<(&str, Describe, &str)> = vec![
        (
            "another issuer",
            with("issuer", json!("https://evil.example")),
            "calls itself",
        ),
        ("no issuer", with("issuer", json!(null)), "describe itself"),
        ("10 MB", Box::new(|_| Reply::Huge(10_000_000)), "more than"),
        (
            "a redirect",
            Box::new(|_| Reply::Redirect("https://evil.example/".into())),
            "leads elsewhere",
        ),
        (
            "404",
            Box::new(|_| Reply::Text(404, "{}".into())),
            "status 404",
        ),
        (
            "500",
            Box::new(|_| Reply::Text(500, "{}".into())),
            "status 500",
        ),
        (
            "no JSON",
            Box::new(|_| Reply::Text(200, "<html>".into())),
            "describe itself",
        ),
        (
            "deep JSON",
            Box::new(|_| Reply::Text(200, "[".repeat(100_000))),
            "describe itself",
        ),
        (
            "http elsewhere",
            with("token_endpoint", json!("http://login.example/token")),
            "not https",
        ),
        (
            "a file",
            with("jwks_uri", json!("file:///etc/passwd")),
            "not https",
        ),
        (
            "javascript",
            with("authorization_endpoint", json!("javascript:alert(1)")),
            "not https",
        ),
        ("no keys", with("jwks_uri", json!(null)), "describe itself"),
        (
            "no tokens",
            with("token_endpoint", json!(null)),
            "no token endpoint",
        ),
        (
            "only HS256",
            with(
                "id_token_signing_alg_values_supported",
                json!(["HS256", "none"]),
            ),
            "neither RS256",
        ),
        (
            "only none",
            with("id_token_signing_alg_values_supported", json!(["none"])),
            "neither RS256",
        ),
    ];
    let provider = Provider::start().await;
    for (name, describe, words) in cases {
        provider.script().discovery = describe;
        let house = House::new(&provider, &["ada@example.org"]).await;
        let got = house.browser().get("/sign-in/start").await;
        refused(name, &house, &got, 503, words);
        assert!(got.sets("jarkeeper_sign_in").is_none(), "{name}");
    }
    // The slash at the end is part of the name.
    let house = House::new(&provider, &[]).await;
    let slash = format!("{}/", provider.base);
    provider.script().discovery = Box::new(Reply::Json);
    house
        .keeper
        .configure(|config| config.sign_in.issuer = slash);
    let got = house.browser().get("/sign-in/start").await;
    refused("a slash", &house, &got, 503, "letter by letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_or_says_nonsense_later_signs_nobody_in() {
    let provider = Provider::start().await;
    let exchange: Vec<(&str, Reply, u16)> = vec![
        (
            "a redirect",
            Reply::Redirect("https://evil.example".into()),
            503,
        ),
        ("10 MB", Reply::Huge(10_000_000), 503),
        ("no JSON", Reply::Text(200, "<html>".into()), 503),
        ("nothing", Reply::Text(200, String::new()), 503),
        ("no tokens", Reply::Json(json!({})), 503),
        (
            "an error",
            Reply::Text(500, r#"{"error":"server_error"}"#.into()),
            400,
        ),
        (
            "no id_token",
            Reply::Json(json!({ "access_token": "a", "token_type": "Bearer" })),
            400,
        ),
        (
            "an id_token that is none",
            Reply::Json(
                json!({ "access_token": "a", "token_type": "Bearer", "id_token": "a.b.c" }),
            ),
            400,
        ),
        (
            "an id_token that is a number",
            Reply::Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": 7 })),
            400,
        ),
    ];
    let house = House::new(&provider, &["ada@example.org"]).await;
    for (name, reply, status) in exchange {
        provider.script().exchange = Some(reply);
        let got = house.browser().sign_in(&provider).await;
        refused(name, &house, &got, status, "role=\"alert\"");
    }
    provider.script().exchange = None;
    let keys: Vec<(&str, Reply)> = vec![
        ("10 MB", Reply::Huge(10_000_000)),
        ("a redirect", Reply::Redirect("https://evil.example".into())),
        ("404", Reply::Text(404, String::new())),
        ("no JSON", Reply::Text(200, "keys".into())),
    ];
    for (name, reply) in keys {
        let house = House::new(&provider, &["ada@example.org"]).await;
        provider.script().jwks = reply;
        let got = house.browser().get("/sign-in/start").await;
        refused(name, &house, &got, 503, "role=\"alert\"");
    }
    provider.script().jwks = Reply::Json(json!({ "keys": [] }));
    let house = House::new(&provider, &["ada@example.org"]).await;
    let got = house.browser().sign_in(&provider).await;
    refused(
        "no keys",
        &house,
        &got,
        400,
        "a key that the provider does not have",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_is_given_up() {
    let provider = Provider::start().await;
    provider.script().discovery = Box::new(|_| Reply::Never);
    let house = House::new(&provider, &[]).await;
    let began = std::time::Instant::now();
    let got = house.browser().get("/sign-in/start").await;
    refused("silence", &house, &got, 503, "did not answer within 10 s");
    let took = began.elapsed();
    assert!((9..14).contains(&took.as_secs()), "{took:?}");
    // Who comes a moment later need not wait for the same silence.
    let began = std::time::Instant::now();
    let got = house.browser().get("/sign-in/start").await;
    refused(
        "silence again",
        &house,
        &got,
        503,
        "did not answer within 10 s",
    );
    assert!(began.elapsed().as_secs() < 2);
    assert_eq!(provider.asked("discovery"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn es256_signs_in_as_rs256_does() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    provider.tokens(|claims| ES.token(&claims));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    provider.tokens(|claims| RSA.token(&claims));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!(provider.asked("jwks"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_client_id_the_page_says_what_to_do() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    house
        .keeper
        .configure(|config| config.sign_in.client_id = None);
    let browser = house.browser();
    for (path, status) in [("/sign-in", 200), ("/sign-in/start", 503)] {
        let got = browser.get(path).await;
        assert_eq!(got.status, status);
        for word in ["client_id", "jarkeeper sign-in", "config.toml"] {
            assert!(got.body.contains(word), "{word}: {}", got.body);
        }
    }
    assert_eq!(provider.asked("discovery"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_back_leads_to_another_site() {
    let hosts = [
        "evil.test",
        "evil.test/",
        "evil.test%2f",
        "evil.test/sign-in",
        "2130706433",
        "[::1]",
    ];
    let before = [
        "//",
        "///",
        "////",
        "http://",
        "https://",
        "HTTPS://",
        "http:/",
        "http:",
        "https:",
        "ftp://",
        "\\\\",
        "/\\",
        "\\/",
        "/\\/",
        "/\t/",
        "/\n/",
        "/\r\n/",
        " //",
        "\t//",
        "%2f%2f",
        "/%2f",
        "/%5c",
        "/%09/",
        "%5c%5c",
        "/./",
        "/../",
        "/..//",
        "/.%2e/",
        "/a//",
        "/a\\",
        "//a@",
        "http://127.0.0.1@",
        "http://127.0.0.1:80@",
        "/@",
        "//127.0.0.1\\@",
        "javascript:",
        "data:text/html,",
        "vbscript:",
        "//%E3%80%82",
        "/\u{3002}",
        "\u{ff0f}\u{ff0f}",
        "//\u{200b}",
        "\0//",
        "/\0/",
        "?//",
        "#//",
        "/#//",
        "/;@",
        "/?\\",
        "/a?\u{e4}=",
        "/sign-in;//",
        "",
    ];
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let browser = house.browser();
    let mut tried = 0;
    for start in before {
        for host in hosts {
            let way: String =
                url::form_urlencoded::byte_serialize(format!("{start}{host}").as_bytes()).collect();
            for page in ["/sign-in", "/sign-in/start"] {
                let got = browser.get(&format!("{page}?return_to={way}")).await;
                assert_eq!(got.status, 400, "{page} {start:?} {host}: {got:?}");
                assert!(got.sets("jarkeeper_sign_in").is_none());
            }
            tried += 1;
        }
    }
    assert!(tried >= 300, "{tried}");
    for twice in [
        "return_to=/sign-in&return_to=//evil.test",
        "return_to=",
        "return_to=/%00",
    ] {
        let got = browser.get(&format!("/sign-in?{twice}")).await;
        assert_eq!(got.status, 400, "{twice}");
    }
    assert_eq!(provider.asked("discovery"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_this_machine_leads_to_its_number() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &[]).await;
    let port = house.base.rsplit(':').next().unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    for page in ["/sign-in", "/sign-in/start"] {
        let url = format!("{}{page}?return_to=%2Fdevice", house.base);
        let got = client
            .get(url)
            .header("host", format!("localhost:{port}"))
            .send()
            .await
            .unwrap();
        assert_eq!(got.status(), 303);
        let there = format!("{}/sign-in?return_to=%2Fdevice", house.base);
        assert_eq!(got.headers()["location"].to_str().unwrap(), there);
    }
}
