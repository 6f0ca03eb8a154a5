//! Tokens that a provider never makes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::provider::{ES, Maker, OTHER_RSA, Provider, RSA};
use super::provider_keys::{Key, encode, hs256, signed};

/// A token that differs from a good one in one thing: its name, how it is made of good claims, and what the page says.
pub(crate) type Case = (&'static str, Maker, &'static str);

pub(crate) fn claims(
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

pub(crate) fn claim(
    name: &'static str,
    of: &'static str,
    value: Value,
    words: &'static str,
) -> Case {
    let change = move |claims: &mut Value| match &value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(of)),
        value => claims[of] = value.clone(),
    };
    claims(name, change, words)
}

/// A time that is off by so many seconds from now.
pub(crate) fn time(name: &'static str, of: &'static str, by: i64, words: &'static str) -> Case {
    let change = move |claims: &mut Value| {
        let now = claims["iat"].as_i64().unwrap();
        claims[of] = json!(now + by);
    };
    claims(name, change, words)
}

pub(crate) fn header(name: &'static str, header: Value, words: &'static str) -> Case {
    let make = move |claims: Value| signed(&header, &claims, |input| RSA.sign(input));
    (name, Arc::new(make), words)
}

pub(crate) fn made(
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
pub(crate) fn cases() -> Vec<Case> {
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
