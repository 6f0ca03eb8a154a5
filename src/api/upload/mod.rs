//! `/api/upload/…` and `/api/roles`: the registry for clients that were there before.
//!
//! They take exactly status 200 and `code` 0 for a success. What is theirs alone is here; `/v1/instances` has the same for
//! everybody else.

mod directory;
mod one;
mod register;
mod roles;

use axum::http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;

use super::{Door, Problem, contracted};

/// RFC draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// An object of whatever is in it.
type Object = Map<String, Value>;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .merge(register::routes())
        .merge(directory::routes())
        .merge(one::routes())
        .merge(roles::routes())
}

/// The idempotency key of a request: 32 to 255 visible ASCII characters. Whoever registers without credentials is told from
/// others by it alone; a UUID has 36.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<SecretString>, Problem> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (value, further) = (all.next(), all.next());
    let Some(value) = value else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let sound = (32..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match (sound, further, value.to_str()) {
        (true, None, Ok(text)) => Ok(Some(text.into())),
        _ => Err(Problem::bad_request(
            "Idempotency-Key is there once, with 32 to 255 visible ASCII characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_idempotency_key_is_visible_and_long_enough() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
            }
            idempotency_key(&headers).map(|key| key.is_some())
        };
        let long = "x".repeat(256);
        let uuid = "0b3c52f4-4f0e-4c0c-9a51-1df0c2f8c6aa";
        assert!(
            !of(&[]).unwrap()
                && of(&[uuid]).unwrap()
                && of(&[&long[1..]]).unwrap()
                && of(&[&long[..32]]).unwrap()
        );
        for wrong in [
            &[&long[..31]][..],
            &[&long],
            &["0123456789abcdef 0123456789abcdef"],
            &[uuid; 2],
        ] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }
}
