//! What an id_token must be to be believed: after a sign-in, and in the hand of a caller.

use std::sync::atomic::Ordering::SeqCst;

use jarkeeper::identity::{Proof, Scope};
use serde_json::{Value, json};

use crate::support::clock;
use crate::support::provider::{ES, OTHER_RSA, Provider, RSA, Reply};
use crate::support::provider_door::House;
use crate::support::provider_keys::signed;
use crate::support::provider_tokens::{cases, claim, header, time};

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_id_token_signs_nobody_in() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org"]).await;
    let mut all = cases();
    all.extend([
        claim("nonce wrong", "nonce", json!("guess"), "nonce"),
        claim("nonce empty", "nonce", json!(""), "nonce"),
        claim("nonce missing", "nonce", Value::Null, "nonce"),
        time(
            "issued before the sign-in began",
            "iat",
            -90,
            "clock is ahead",
        ),
    ]);
    assert!(all.len() >= 60);
    for (name, make, words) in all {
        provider.script().token = make;
        let got = house.browser().sign_in(&provider).await;
        assert_eq!(got.status, 400, "{name}: {}", got.body);
        assert!(got.body.contains(words), "{name}: {}", got.body);
        assert!(got.sets("jarkeeper_visit").is_none(), "{name}");
        assert_eq!((house.visits(), house.accounts()), (0, 0), "{name}");
    }
    // An attacker's own token, with another nonce, in the victim's sign-in.
    let attacker = house.browser();
    let sent = attacker.begin().await;
    let nonce = sent
        .query_pairs()
        .find(|(name, _)| name == "nonce")
        .unwrap()
        .1
        .into_owned();
    provider.claims(move |claims| claims["nonce"] = json!(nonce));
    assert_eq!(house.browser().sign_in(&provider).await.status, 400);
    for good in [
        claim("as it should be", "x", json!(1), ""),
        claim("aud as a list of one", "aud", json!([Provider::CLIENT]), ""),
        claim("azp our own", "azp", json!(Provider::CLIENT), ""),
        time("exp within the leeway", "exp", -50, ""),
        time("iat within the leeway", "iat", 50, ""),
        time("nbf within the leeway", "nbf", 50, ""),
        time("issued a moment before", "iat", -50, ""),
        header("no kid where one key fits", json!({ "alg": "RS256" }), ""),
    ] {
        provider.script().token = good.1;
        let got = house.browser().sign_in(&provider).await;
        assert_eq!(got.status, 200, "{}: {}", good.0, got.body);
    }
    assert_eq!((house.accounts(), house.visits()), (1, 8));
}

/// Status and problem type of an answer to this token.
async fn shown(house: &House, token: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .get(format!("{}/v1/me", house.base))
        .bearer_auth(token);
    let (status, body) = crate::support::answer(request).await;
    (
        status,
        body["type"]
            .as_str()
            .or(body["person"]["id"].as_str())
            .unwrap_or_default()
            .to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_in_the_hand_of_a_caller_is_its_person_and_a_tampered_one_nobody() {
    let provider = Provider::start().await;
    let house = House::new(&provider, &["ada@example.org", "bob@example.org"]).await;
    let usual = provider.usual(Provider::CLIENT);
    let never = shown(&house, &RSA.token(&usual)).await;
    assert_eq!(
        never,
        (401, "urn:jarkeeper:problem:invalid-token".to_owned())
    );
    assert_eq!(house.accounts(), 0, "the API makes nobody");

    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let visits = house.visits();
    assert_eq!(
        shown(&house, &RSA.token(&usual)).await,
        (200, "owner".to_owned())
    );
    assert_eq!(
        shown(&house, &ES.token(&usual)).await,
        (200, "owner".to_owned())
    );
    let mut bare = usual.clone();
    bare.as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("email"));
    assert_eq!(shown(&house, &RSA.token(&bare)).await.0, 200);
    for (name, make, _) in cases() {
        let (status, _) = shown(&house, &make(provider.usual(Provider::CLIENT))).await;
        assert_eq!(status, 401, "{name}");
    }
    for other in [
        "opaque-access",
        "ya29.a0AfB_byDexample.of.google",
        "eyJ.eyJ.eyJ",
        "eyJ..",
        "",
        "a.b.c",
    ] {
        assert_eq!(shown(&house, other).await.0, 401, "{other}");
    }
    assert_eq!((house.accounts(), house.visits()), (1, visits));

    // A member by its own token: with the limits of a member, and no more where the owner says so.
    let bobs = |claims: &mut Value| {
        claims["sub"] = json!("bob-1");
        claims["email"] = json!("bob@example.org");
    };
    provider.claims(bobs);
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    let mut claims = usual.clone();
    bobs(&mut claims);
    let proof = Proof::Bearer(RSA.token(&claims).into());
    let bob = house.identity.authenticate(&proof).await.unwrap();
    assert!(bob.may(Scope::MemoryRead) && bob.may(Scope::RegistryWrite));
    assert!(!bob.may(Scope::SessionsRead) && !bob.may(Scope::Admin));
    house.keeper.configure(|config| {
        config
            .sign_in
            .allow
            .retain(|one| format!("{one:?}").contains("ada"));
    });
    assert!(
        house.identity.authenticate(&proof).await.is_err(),
        "not allowed any more"
    );
}

clock!(rotation, ROTATION);

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_and_an_unknown_one_asks_at_most_every_thirty_seconds() {
    let provider = Provider::start().await;
    provider.script().clock = rotation;
    let house = House::at(&provider, &["ada@example.org"], rotation).await;
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    assert_eq!(provider.asked("jwks"), 1);
    // A flood of unknown keys, within the pause and after it.
    let unknown = || {
        let header = json!({ "alg": "RS256", "kid": "guess" });
        signed(&header, &provider.usual(Provider::CLIENT), |input| {
            OTHER_RSA.sign(input)
        })
    };
    for _ in 0..20 {
        assert_eq!(shown(&house, &unknown()).await.0, 401);
    }
    assert_eq!(provider.asked("jwks"), 1);
    ROTATION.fetch_add(31, SeqCst);
    let tokens: Vec<String> = (0..20).map(|_| unknown()).collect();
    let flood = tokens.iter().map(|token| shown(&house, token));
    for (status, _) in futures::future::join_all(flood).await {
        assert_eq!(status, 401);
    }
    assert_eq!(provider.asked("jwks"), 2);
    // The provider takes a new key; the old one is gone.
    provider.script().jwks = Reply::Json(json!({ "keys": [OTHER_RSA.jwk()] }));
    let token = OTHER_RSA.token(&provider.usual(Provider::CLIENT));
    assert_eq!(shown(&house, &token).await.0, 401, "within the pause");
    ROTATION.fetch_add(31, SeqCst);
    let token = OTHER_RSA.token(&provider.usual(Provider::CLIENT));
    assert_eq!(shown(&house, &token).await.0, 200, "after it");
    assert_eq!(provider.asked("jwks"), 3);
    let old = RSA.token(&provider.usual(Provider::CLIENT));
    assert_eq!(
        shown(&house, &old).await.0,
        401,
        "a key that was taken away"
    );
    // A sign-in finds it too, at once.
    provider.tokens(|claims| OTHER_RSA.token(&claims));
    assert_eq!(house.browser().sign_in(&provider).await.status, 200);
    // Keys are read again when they have had their time.
    ROTATION.fetch_add(3601, SeqCst);
    let token = OTHER_RSA.token(&provider.usual(Provider::CLIENT));
    assert_eq!(shown(&house, &token).await.0, 200);
    assert_eq!(provider.asked("jwks"), 4);
}

clock!(down, DOWN);

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_stops_sign_ins_and_nothing_else() {
    let provider = Provider::start().await;
    provider.script().clock = down;
    let house = House::at(&provider, &["ada@example.org"], down).await;
    let ada = house.browser();
    assert_eq!(ada.sign_in(&provider).await.status, 200);
    provider.script().discovery = Box::new(|_| Reply::Text(502, String::new()));
    provider.script().jwks = Reply::Text(502, String::new());
    DOWN.fetch_add(3700, SeqCst);
    let token = RSA.token(&provider.usual(Provider::CLIENT));
    for _ in 0..10 {
        let got = shown(&house, &token).await;
        assert_eq!(got, (503, "urn:jarkeeper:problem:provider".to_owned()));
    }
    assert_eq!(
        provider.asked("discovery"),
        2,
        "one failure is enough for a while"
    );
    assert_eq!(house.browser().get("/sign-in/start").await.status, 503);
    assert!(ada.get("/sign-in").await.body.contains("signed in as Ada"));
    provider.script().discovery = Box::new(Reply::Json);
    provider.script().jwks = Reply::Json(json!({ "keys": [RSA.jwk()] }));
    DOWN.fetch_add(31, SeqCst);
    assert_eq!(
        shown(&house, &RSA.token(&provider.usual(Provider::CLIENT)))
            .await
            .0,
        200
    );
}

clock!(skewed, SKEWED);

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_named_and_lets_nobody_in() {
    let provider = Provider::start().await;
    let house = House::at(&provider, &["ada@example.org"], skewed).await;
    for (by, words) in [
        (-600, "clock is behind"),
        (600, "clock is ahead"),
        (-90, "clock is behind"),
        (90, "clock is ahead"),
        (7200, "clock skew"),
    ] {
        SKEWED.store(by, SeqCst);
        let got = house.browser().sign_in(&provider).await;
        assert_eq!(got.status, 400, "{by}: {}", got.body);
        assert!(got.body.contains(words), "{by}: {}", got.body);
        assert_eq!((house.visits(), house.accounts()), (0, 0), "{by}");
    }
    for by in [0, 50, -50] {
        SKEWED.store(by, SeqCst);
        assert_eq!(house.browser().sign_in(&provider).await.status, 200, "{by}");
    }
}
