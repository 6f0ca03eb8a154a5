//! What a registry's answer is worth. It is believed as far as the contract goes, and no further.

use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Reason;
use super::client::Landed;
use crate::registry::Status;

/// Longest id and longest password, bytes.
const LONGEST: usize = 255;
/// Most of what a registry says for itself that is passed on, characters.
const SAID: usize = 200;

/// What a registration gives.
#[derive(Debug)]
pub(super) struct Given {
    /// The id.
    pub(super) instance: String,
    /// The password.
    pub(super) password: SecretString,
    /// Whether the registry counts it as connected.
    pub(super) status: Status,
}

/// An answer that is not one, or that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) reason: Reason,
    /// What it says of what was sent.
    pub(super) landed: Landed,
    /// What it is, to follow the words "the registry URL".
    pub(super) what: String,
}

fn odd<T>(what: impl Into<String>) -> Result<T, Odd> {
    Err(Odd {
        reason: Reason::BadAnswer,
        landed: Landed::Perhaps,
        what: what.into(),
    })
}

/// What an answer that is no success says of what was sent. `spoken`: whether it is a whole envelope, so that a registry speaks,
/// and nothing before it; `code`: its status, or where that is 200, its code.
///
/// A "no" to this very request holds for every try of it. One to who asks, to when, or of something on the way (a gateway, a
/// sign-in page) holds for this try alone: what came of one before, it does not say. Neither does 409, as the one before may
/// still be at work.
fn landed(spoken: bool, code: i64) -> Landed {
    match code {
        503 if spoken => Landed::No,
        408 | 500..=599 => Landed::Perhaps,
        300..=399 | 401 | 403..=405 | 409 | 425 | 429 => Landed::No,
        _ if spoken => Landed::Refused,
        _ => Landed::No,
    }
}

/// The `data` of an answer: of status 200, a JSON object, and with code 0.
pub(super) fn data(status: u16, kind: Option<&str>, body: &[u8]) -> Result<Value, Odd> {
    let spoken = code(body);
    let refused = |reason, what: String| {
        let code = match status {
            200 => spoken.unwrap_or_default(),
            other => other.into(),
        };
        let landed = landed(spoken.is_some(), code);
        Err(Odd {
            reason,
            landed,
            what,
        })
    };
    match status {
        200 => {}
        201..=299 => {
            return odd(format!(
                "answers with status {status}, where only 200 is success"
            ));
        }
        300..=399 => {
            let what = format!(
                "leads elsewhere (status {status}), and no credentials are sent there; name the place itself as [registry] url"
            );
            return refused(Reason::Redirect, what);
        }
        401 | 403 => {
            let what = format!("does not accept this{}", said(body));
            return refused(Reason::NotAccepted, what);
        }
        408 | 429 | 500..=599 => {
            let what = format!(
                "does not do its work now (status {status}){}; try again later",
                said(body)
            );
            return refused(Reason::Unavailable, what);
        }
        _ => {
            let what = format!("refuses (status {status}){}", said(body));
            return refused(Reason::Refused, what);
        }
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return odd("answers with nothing");
    }
    let is_page = kind.is_some_and(|kind| kind.contains("html"));
    if is_page || body.trim_ascii_start().starts_with(b"<") {
        return odd(
            "answers with a page for people (HTML); is [registry] url the address of a registry?",
        );
    }
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) => return odd("answers with something that is no JSON"),
    };
    let Value::Object(mut envelope) = value else {
        return odd(format!(
            "answers with {}, and not with a JSON object",
            sort(&value)
        ));
    };
    match envelope.get("code").and_then(Value::as_i64) {
        Some(0) => Ok(envelope.remove("data").unwrap_or_default()),
        Some(code) => {
            let what = format!("refuses (code {code}){}", said(body));
            refused(Reason::Refused, what)
        }
        None => odd("answers without a code"),
    }
}

/// What a registration gave; `asked`: the id that was registered again, which it must keep.
pub(super) fn given(data: Value, asked: Option<&str>) -> Result<Given, Odd> {
    let Value::Object(mut data) = data else {
        return odd("registers nothing: it answers without data");
    };
    let status = match data.get("status").and_then(Value::as_str) {
        Some("online") => Status::Online,
        _ => Status::Offline,
    };
    let Some(instance) = text(&mut data, "instance_id") else {
        return odd("answers without an instance_id");
    };
    // It stands in paths, and before the first colon of the Authorization header.
    let plain = |c: char| c.is_ascii_graphic() && c != ':';
    if !instance.chars().all(plain) || [".", ".."].contains(&instance.as_str()) {
        return odd("answers with an instance_id that is none");
    }
    if asked.is_some_and(|asked| asked != instance.as_str()) {
        return odd("answers with another instance_id than the one that was registered again");
    }
    let Some(password) = text(&mut data, "instance_password") else {
        return odd("answers without an instance_password; the one that is kept stays");
    };
    // It stands at the end of a header (RFC 9110 section 5.5: no controls, and no blanks outside), and in a query.
    if password.trim() != password.as_str() || password.chars().any(char::is_control) {
        return odd(
            "answers with an instance_password that no header can hold; the one that is kept stays",
        );
    }
    Ok(Given {
        instance: instance.to_string(),
        password: SecretString::from(password.as_str()),
        status,
    })
}

/// Takes a text out that is not empty and not too long.
fn text(data: &mut Map<String, Value>, name: &str) -> Option<Zeroizing<String>> {
    match data.remove(name) {
        Some(Value::String(text)) => {
            let text = Zeroizing::new(text);
            (1..=LONGEST).contains(&text.len()).then_some(text)
        }
        _ => None,
    }
}

/// The code of an envelope; `None`: it is none.
fn code(body: &[u8]) -> Option<i64> {
    let value: Value = serde_json::from_slice(body).ok()?;
    value.as_object()?.get("code")?.as_i64()
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Null => "null",
        Value::Bool(_) | Value::Number(_) => "a bare value",
        Value::Object(_) => "an object",
    }
}

/// The registry's own words in brackets, as far as they are words. They are a stranger's: nothing in them controls a terminal,
/// and nothing in them looks like a proof.
fn said(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(message) = ["message", "detail"]
        .iter()
        .find_map(|name| value[*name].as_str())
    else {
        return String::new();
    };
    let plain: String = message
        .chars()
        .filter(|c| crate::ids::is_seen(*c))
        .take(SAID)
        .collect();
    match plain.is_empty() || crate::identity::holds_a_proof(&plain) {
        true => String::new(),
        false => format!(" (\"{plain}\")"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &str) -> Result<Value, Odd> {
        data(status, None, body.as_bytes())
    }

    #[test]
    fn only_status_200_and_code_0_is_success() {
        assert_eq!(of(200, r#"{"code":0,"data":{"a":1}}"#), Ok(json!({"a": 1})));
        assert_eq!(of(200, r#"{"code":0}"#), Ok(Value::Null));
        for (status, body, reason, words) in [
            (200, "", Reason::BadAnswer, "nothing"),
            (200, " <!doctype html>", Reason::BadAnswer, "HTML"),
            (200, "[1]", Reason::BadAnswer, "a list"),
            (200, "null", Reason::BadAnswer, "null"),
            (200, "{", Reason::BadAnswer, "no JSON"),
            (200, "{}", Reason::BadAnswer, "without a code"),
            (200, r#"{"code":"0"}"#, Reason::BadAnswer, "without a code"),
            (
                200,
                r#"{"code":1,"message":"full"}"#,
                Reason::Refused,
                "\"full\"",
            ),
            (201, r#"{"code":0}"#, Reason::BadAnswer, "201"),
            (204, "", Reason::BadAnswer, "204"),
            (307, "", Reason::Redirect, "elsewhere"),
            (
                401,
                r#"{"code":401,"message":"no"}"#,
                Reason::NotAccepted,
                "\"no\"",
            ),
            (404, "", Reason::Refused, "404"),
            (429, "", Reason::Unavailable, "429"),
            (500, "boom", Reason::Unavailable, "500"),
        ] {
            let odd = of(status, body).unwrap_err();
            assert_eq!(odd.reason, reason, "{status} {body}");
            assert!(odd.what.contains(words), "{status} {body}: {}", odd.what);
        }
        let page = data(200, Some("text/html; charset=utf-8"), b"hello").unwrap_err();
        assert!(page.what.contains("HTML"));
    }

    #[test]
    fn only_a_registry_that_speaks_of_the_request_settles_what_came_of_it() {
        let envelope = |code: i64| format!("{{\"code\":{code},\"message\":\"no\",\"data\":null}}");
        let page = "<!doctype html>";
        for (status, body, wanted) in [
            (400, envelope(400), Landed::Refused),
            (422, envelope(422), Landed::Refused),
            (200, envelope(1), Landed::Refused),
            (400, page.to_owned(), Landed::No),
            (403, page.to_owned(), Landed::No),
            (404, String::new(), Landed::No),
            (307, String::new(), Landed::No),
            (302, envelope(400), Landed::No),
            (401, envelope(401), Landed::No),
            (409, envelope(409), Landed::No),
            (429, envelope(429), Landed::No),
            (503, envelope(503), Landed::No),
            (200, envelope(429), Landed::No),
            (503, page.to_owned(), Landed::Perhaps),
            (502, envelope(502), Landed::Perhaps),
            (408, String::new(), Landed::Perhaps),
            (200, envelope(500), Landed::Perhaps),
            (200, page.to_owned(), Landed::Perhaps),
            (201, envelope(0), Landed::Perhaps),
        ] {
            assert_eq!(
                of(status, &body).unwrap_err().landed,
                wanted,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_a_registry_says_controls_nothing_and_repeats_no_proof() {
        let odd = of(400, "{\"message\":\"a\\u001b[31m\\u202eb\"}").unwrap_err();
        assert!(odd.what.contains("(\"a[31mb\")"), "{}", odd.what);
        let proof = format!("{{\"message\":\"jp_{}\"}}", "x".repeat(43));
        assert!(!of(400, &proof).unwrap_err().what.contains("jp_"));
        let long = format!("{{\"message\":\"{}\"}}", "x".repeat(5000));
        assert!(of(400, &long).unwrap_err().what.len() < 300);
    }

    #[test]
    fn credentials_are_whole_or_none() {
        let good = json!({"instance_id": "abc", "instance_password": "p"});
        assert_eq!(given(good.clone(), None).unwrap().instance, "abc");
        assert!(given(good.clone(), Some("abc")).is_ok());
        assert!(given(good, Some("def")).is_err());
        let odd = json!({"instance_id": "abc", "instance_password": "a pässword"});
        assert!(given(odd, None).is_ok());
        let online = json!({"instance_id": "abc", "instance_password": "p", "status": "online"});
        assert_eq!(given(online, None).unwrap().status, Status::Online);
        for wrong in [
            json!(null),
            json!([]),
            json!({}),
            json!({"instance_id": "abc"}),
            json!({"instance_id": "abc", "instance_password": null}),
            json!({"instance_id": "abc", "instance_password": ""}),
            json!({"instance_id": "", "instance_password": "p"}),
            json!({"instance_id": 7, "instance_password": "p"}),
            json!({"instance_id": "a:b", "instance_password": "p"}),
            json!({"instance_id": "..", "instance_password": "p"}),
            json!({"instance_id": "a b", "instance_password": "p"}),
            json!({"instance_id": "abc", "instance_password": "p\r\nx: y"}),
            json!({"instance_id": "abc", "instance_password": " p"}),
            json!({"instance_id": "abc", "instance_password": "p "}),
            json!({"instance_id": "abc", "instance_password": "p".repeat(256)}),
        ] {
            assert!(given(wrong.clone(), None).is_err(), "{wrong}");
        }
    }
}
