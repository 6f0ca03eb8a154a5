//! Answers that a browser brings back from the provider, and that sign nobody in.

use std::sync::atomic::Ordering::SeqCst;

use super::sign_in::refused;
use crate::support::clock;
use crate::support::provider::Provider;
use crate::support::provider_door::{Browser, House};

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
