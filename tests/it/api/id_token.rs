//! What an id_token must be to be believed: after a sign-in, and in the hand of a caller.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use jarkeeper::identity::{Proof, Scope};
use serde_json::{Value, json};

use crate::support::clock;
use crate::support::provider::{ES, OTHER_RSA, Provider, RSA, Reply};
use crate::support::provider_door::House;
use crate::support::provider_keys::{Key, encode, hs256, signed};

/// A token that differs from a good one in one thing: its name, how it is made of good claims, and what the page says.
type Case = (
    &'static str,
    Arc<dyn Fn(Value) -> String + Send + Sync>,
    &'static str,
);

fn claims(
    name: &'static str,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
    words: &'static str,
) -> Case {
    let make = move |mut claims: Value| {
        change(&mut claims);
        RSA.token(&claims)
    };
    (name, Arc::new(make), words)
}

fn claim(name: &'static str, of: &'static str, value: Value, words: &'static str) -> Case {
    let change = move |claims: &mut Value| match &value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(of)),
        value => claims[of] = value.clone(),
    };
    claims(name, change, words)
}

/// A time that is off by so many seconds from now.
fn time(name: &'static str, of: &'static str, by: i64, words: &'static str) -> Case {
    let change = move |claims: &mut Value| {
        let now = claims["iat"].as_i64().unwrap();
        claims[of] = json!(now + by);
    };
    claims(name, change, words)
}

fn header(name: &'static str, header: Value, words: &'static str) -> Case {
    let make = move |claims: Value| signed(&header, &claims, |input| RSA.sign(input));
    (name, Arc::new(make), words)
}

fn made(
    name: &'static str,
    make: impl Fn(Value) -> String + Send + Sync + 'static,
    words: &'static str,
) -> Case {
    (name, Arc::new(make), words)
}

const UNREADABLE: &str = "cannot be read";
const ALGORITHM: &str = "algorithm";
const SIGNATURE: &str = "signature";
const KEY: &str = "a key that the provider does not have";
const OWN_KEY: &str = "choose its own key";
const AUDIENCE: &str = "another application";
const ISSUER: &str = "another issuer";

/// Whatever is wrong with the token itself: wrong after a sign-in, and in the hand of a caller.
fn cases() -> Vec<Case> {
    let rs = |more: Value| {
        let mut header = json!({ "alg": "RS256", "kid": "rsa-1", "typ": "JWT" });
        let all = header.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        header
    };
    let public = RSA.public_pem();
    let hmac = |secret: Vec<u8>, kid: Option<&'static str>| {
        move |claims: Value| {
            let header = match kid {
                Some(kid) => json!({ "alg": "HS256", "kid": kid }),
                None => json!({ "alg": "HS256" }),
            };
            signed(&header, &claims, |input| hs256(&secret, input))
        }
    };
    let none = |alg: &'static str| {
        move |claims: Value| {
            let header = encode(json!({ "alg": alg }).to_string());
            format!("{header}.{}.", encode(claims.to_string()))
        }
    };
    let stranger = |more: Value| {
        move |claims: Value| {
            let mut header = json!({ "alg": "RS256", "kid": "rsa-1" });
            header
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            signed(&header, &claims, |input| OTHER_RSA.sign(input))
        }
    };
    let change_part = |part: usize, change: fn(String) -> String| {
        move |claims: Value| {
            let token = RSA.token(&claims);
            let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
            parts[part] = change(std::mem::take(&mut parts[part]));
            parts.join(".")
        }
    };
    vec![
        made("alg none", none("none"), ALGORITHM),
        made("alg None", none("None"), UNREADABLE),
        made("alg NONE", none("NONE"), UNREADABLE),
        made("alg empty", none(""), UNREADABLE),
        made(
            "alg none with a signature",
            |claims| {
                signed(
                    &json!({ "alg": "none", "kid": "rsa-1" }),
                    &claims,
                    |input| RSA.sign(input),
                )
            },
            ALGORITHM,
        ),
        made(
            "HS256 with the RSA public key",
            hmac(public.clone(), Some("rsa-1")),
            ALGORITHM,
        ),
        made(
            "HS256 with the RSA public key, no kid",
            hmac(public.clone(), None),
            ALGORITHM,
        ),
        made(
            "HS256 with the trimmed RSA public key",
            hmac(public.trim_ascii().to_vec(), Some("rsa-1")),
            ALGORITHM,
        ),
        made(
            "HS256 with the modulus",
            hmac(
                RSA.jwk()["n"].as_str().unwrap().as_bytes().to_vec(),
                Some("rsa-1"),
            ),
            ALGORITHM,
        ),
        made(
            "HS256 with the client's secret",
            hmac(Provider::SECRET.as_bytes().to_vec(), None),
            ALGORITHM,
        ),
        made("HS256 with nothing", hmac(Vec::new(), None), ALGORITHM),
        header("RS384", rs(json!({ "alg": "RS384" })), ALGORITHM),
        header("RS512", rs(json!({ "alg": "RS512" })), ALGORITHM),
        header("PS256", rs(json!({ "alg": "PS256" })), ALGORITHM),
        header("ES256 with an RSA key", rs(json!({ "alg": "ES256" })), KEY),
        header("EdDSA", rs(json!({ "alg": "EdDSA" })), ALGORITHM),
        header("an unknown alg", rs(json!({ "alg": "XS1" })), UNREADABLE),
        header("alg is a list", rs(json!({ "alg": ["RS256"] })), UNREADABLE),
        header("no alg", json!({ "kid": "rsa-1" }), UNREADABLE),
        header(
            "an encrypted one",
            rs(json!({ "alg": "RSA-OAEP", "enc": "A256GCM" })),
            UNREADABLE,
        ),
        header("unknown kid", rs(json!({ "kid": "rsa-9" })), KEY),
        header(
            "kid is a path",
            rs(json!({ "kid": "../../../dev/null" })),
            KEY,
        ),
        header("kid is SQL", rs(json!({ "kid": "' UNION SELECT 'x" })), KEY),
        header("kid of the other kind", rs(json!({ "kid": "es-1" })), KEY),
        header(
            "jku",
            rs(json!({ "jku": "https://evil.example/jwks" })),
            OWN_KEY,
        ),
        header("jwk", rs(json!({ "jwk": OTHER_RSA.jwk() })), OWN_KEY),
        header(
            "x5u",
            rs(json!({ "x5u": "https://evil.example/cert" })),
            OWN_KEY,
        ),
        header("x5c", rs(json!({ "x5c": ["MIIB"] })), OWN_KEY),
        header("an empty jku", rs(json!({ "jku": null })), OWN_KEY),
        header("crit", rs(json!({ "crit": ["exp"] })), ""),
        header("b64", rs(json!({ "crit": ["b64"], "b64": false })), ""),
        header("typ at+jwt", rs(json!({ "typ": "at+jwt" })), "access token"),
        header(
            "typ logout+jwt",
            rs(json!({ "typ": "logout+jwt" })),
            "access token",
        ),
        header("cty JWT", rs(json!({ "cty": "JWT" })), "access token"),
        made(
            "another's key under the own kid",
            stranger(json!({})),
            SIGNATURE,
        ),
        made(
            "another's key, brought along",
            stranger(json!({ "jwk": OTHER_RSA.jwk() })),
            OWN_KEY,
        ),
        made(
            "another's ES key under the own kid",
            |claims| Key::es("es-1").token(&claims),
            SIGNATURE,
        ),
        made(
            "an ES signature of zeros",
            |claims| {
                signed(&json!({ "alg": "ES256", "kid": "es-1" }), &claims, |_| {
                    vec![0; 64]
                })
            },
            SIGNATURE,
        ),
        made(
            "an ES signature that is short",
            |claims| {
                signed(
                    &json!({ "alg": "ES256", "kid": "es-1" }),
                    &claims,
                    |input| ES.sign(input)[..63].to_vec(),
                )
            },
            SIGNATURE,
        ),
        made("no signature", change_part(2, |_| String::new()), ""),
        made(
            "a bit of the signature",
            change_part(2, |text| {
                format!(
                    "{}{}",
                    if text.starts_with('A') { 'B' } else { 'A' },
                    &text[1..]
                )
            }),
            SIGNATURE,
        ),
        made(
            "claims changed after signing",
            change_part(1, |text| {
                let claims =
                    base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text)
                        .unwrap();
                let mut claims: Value = serde_json::from_slice(&claims).unwrap();
                claims["sub"] = json!("owner");
                encode(claims.to_string())
            }),
            SIGNATURE,
        ),
        made(
            "claims that are no JSON",
            change_part(1, |_| encode("sub")),
            UNREADABLE,
        ),
        made(
            "a header with padding",
            change_part(0, |text| format!("{text}=")),
            UNREADABLE,
        ),
        made(
            "a fourth part",
            |claims| format!("{}.e30", RSA.token(&claims)),
            UNREADABLE,
        ),
        claim("iss wrong", "iss", json!("https://evil.example"), ISSUER),
        claim(
            "iss is Google",
            "iss",
            json!("https://accounts.google.com"),
            ISSUER,
        ),
        claim("iss missing", "iss", Value::Null, UNREADABLE),
        claims(
            "iss with a slash",
            |claims| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap())),
            ISSUER,
        ),
        claim("aud wrong", "aud", json!("another-client"), AUDIENCE),
        claim(
            "aud in capitals",
            "aud",
            json!("JARKEEPER-CLIENT"),
            AUDIENCE,
        ),
        claim("aud empty", "aud", json!([]), AUDIENCE),
        claim("aud missing", "aud", Value::Null, AUDIENCE),
        claim(
            "aud of two",
            "aud",
            json!([Provider::CLIENT, "another-client"]),
            AUDIENCE,
        ),
        claim(
            "aud begins like it",
            "aud",
            json!("jarkeeper-client-2"),
            AUDIENCE,
        ),
        claim("azp wrong", "azp", json!("another-client"), AUDIENCE),
        claim("azp empty", "azp", json!(""), AUDIENCE),
        claim("sub missing", "sub", Value::Null, UNREADABLE),
        claim("sub empty", "sub", json!(""), UNREADABLE),
        claim("sub too long", "sub", json!("a".repeat(256)), UNREADABLE),
        claim(
            "sub of another script",
            "sub",
            json!("\u{430}da-1"),
            UNREADABLE,
        ),
        claim("sub is a number", "sub", json!(1), UNREADABLE),
        time("exp a minute ago", "exp", -61, "clock skew"),
        time("exp an hour ago", "exp", -3600, "clock skew"),
        claim("exp missing", "exp", Value::Null, UNREADABLE),
        claim("exp is text", "exp", json!("tomorrow"), UNREADABLE),
        claim("exp of no calendar", "exp", json!(-1e300), ""),
        time("iat in the future", "iat", 70, "clock skew"),
        time("iat ten minutes ahead", "iat", 600, "clock is behind"),
        claim("iat missing", "iat", Value::Null, UNREADABLE),
        time("nbf in the future", "nbf", 70, "clock skew"),
        claim("nbf far away", "nbf", json!(1e300), "clock skew"),
        claim("nbf is text", "nbf", json!("soon"), UNREADABLE),
        claim(
            "an access token: scope",
            "scope",
            json!("openid"),
            "access token",
        ),
        claim(
            "an access token: scp",
            "scp",
            json!(["api"]),
            "access token",
        ),
        claim(
            "an access token: typ",
            "typ",
            json!("Bearer"),
            "access token",
        ),
    ]
}

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
            .or(body["id"].as_str())
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
