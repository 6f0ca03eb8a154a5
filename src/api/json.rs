//! Bodies of JSON.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// As axum's, but that a body must be an object: serde also takes a list for one, and fields from it by their places, which
/// nobody means and no document says.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonRejection> {
        let body = <axum::Json<Object<T>> as FromRequest<S>>::from_request(request, state);
        body.await.map(|axum::Json(Object(body))| Self(body))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, JsonRejection> {
        // `null` is as good as no body.
        let body =
            <axum::Json<Option<Object<T>>> as OptionalFromRequest<S>>::from_request(request, state);
        let body = body.await?.and_then(|axum::Json(body)| body);
        Ok(body.map(|Object(body)| Self(body)))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnlyObject(PhantomData))
    }
}

struct OnlyObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyObject<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct One {
        a: Option<String>,
        #[serde(default)]
        b: u8,
    }

    #[test]
    fn a_body_is_an_object_and_no_list() {
        let read = |text: &str| serde_json::from_str::<Object<One>>(text).map(|one| one.0);
        let (a, b) = (Some("x".to_owned()), 1);
        assert_eq!(read(r#"{"a": "x", "b": 1}"#).unwrap(), One { a, b });
        for (text, why) in [
            (r#"["x", 1]"#, "expected an object"),
            ("7", "expected an object"),
            ("null", "expected an object"),
            (r#"{"c": 1}"#, "unknown field `c`"),
            (r#"{"a": "x","#, "line 1 column 10"),
            (r#"{"b": "x"}"#, "expected u8 at line 1 column 9"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
