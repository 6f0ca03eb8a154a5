//! Spans of time as callers write them.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Most digits of a number: what is longer lasts longer than anything here.
const DIGITS: usize = 9;

/// A span of time: a number of seconds, or a text of digits and one of `s`, `m`, `h`, `d` (`90s`, `10m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

fn seconds(text: &str) -> Option<u64> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= DIGITS)?;
    Some(number * each)
}

struct Read;

impl Visitor<'_> for Read {
    type Value = Span;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of seconds, or a span such as 90s, 10m, 2h or 1d")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
        match seconds < 10_u64.pow(DIGITS as u32) {
            true => Ok(Span(Duration::from_secs(seconds))),
            false => Err(E::custom("the span is too long")),
        }
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
        // To JSON, 60.0 is an integer as 60 is.
        match seconds.fract() == 0.0 && (0.0..1e9).contains(&seconds) {
            true => self.visit_u64(seconds as u64),
            false => Err(E::invalid_value(
                serde::de::Unexpected::Float(seconds),
                &self,
            )),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        let read =
            seconds(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self));
        read.map(|seconds| Span(Duration::from_secs(seconds)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

impl PartialSchema for Span {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0.0))
            .maximum(Some(999_999_999.0))
            .description(Some("Seconds."));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{1,9}[smhd]?$"))
            .examples(["90s", "10m"]);
        OneOfBuilder::new().item(number).item(text).into()
    }
}

impl ToSchema for Span {
    fn name() -> Cow<'static, str> {
        "Span".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_seconds_or_have_one_unit() {
        for (text, seconds) in [
            ("0", 0),
            ("30", 30),
            ("90s", 90),
            ("10m", 600),
            ("2h", 7_200),
            ("1d", 86_400),
        ] {
            let read: Span = serde_json::from_value(text.into()).unwrap();
            assert_eq!(read.0.as_secs(), seconds, "{text}");
        }
        assert_eq!(serde_json::from_str::<Span>("5").unwrap().0.as_secs(), 5);
        for none in [
            "\"\"",
            "\"s\"",
            "\"-1\"",
            "-1",
            "1.5",
            "\"1w\"",
            "\"1 s\"",
            "\"1111111111\"",
            "1111111111",
            "null",
            "[]",
        ] {
            assert!(serde_json::from_str::<Span>(none).is_err(), "{none}");
        }
    }
}
