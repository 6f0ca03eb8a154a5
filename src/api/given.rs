//! What stands in requests of more than one operation: null told from what was left out, sizes of pages, names, addresses and
//! tags of loads, times of memories, and how a load is left at a registry that cannot be told.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use chrono::{DateTime, FixedOffset, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Problem;
use crate::memory::moment;

/// Most instances of one page.
pub(super) const MOST: u32 = 100;
/// Instances of one page, where nobody says.
pub(super) const USUAL: u32 = 20;
/// What stands in one line, and is not only blanks.
pub(super) const ONE_LINE: &str =
    r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// Tells null from what was left out: `None` is left out, `Some(None)` is null.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A time of a memory: what is none is told how one is written.
pub(super) fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(zoned(deserializer)?.map(|at| at.to_utc()))
}

/// The same, with its zone.
pub(super) fn zoned<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<FixedOffset>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| moment(&text).map_err(D::Error::custom))
        .transpose()
}

/// The same as [`time`], where null is told from what was left out.
pub(super) fn given_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<DateTime<Utc>>>, D::Error> {
    time(deserializer).map(Some)
}

/// No body: one that is not read would be passed over, and with it what its sender means.
pub(super) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        match body.is_ok_and(|body| body.is_empty()) {
            true => Ok(Self),
            false => Err(Problem::bad_request(
                "this takes no body; what it is about stands in its path and query",
            )),
        }
    }
}

/// How a load is deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Deletion {
    /// Whether it goes without its registry being told: there the instance stays, and nobody has its password any more.
    #[serde(default)]
    pub(super) without_registry: bool,
}

/// The shape of a name of a load or a document. It is only described: the rooms look at it.
pub(super) struct Name;

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "A name: any characters in one line, a `/` too, and not only blanks.",
            ))
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some(ONE_LINE))
            .examples(["Thesis"])
            .build()
            .into()
    }
}

impl ToSchema for Name {
    fn name() -> Cow<'static, str> {
        "Name".into()
    }
}

/// The shape of a load's address. It is only described: the loads look at it.
pub(super) struct Address;

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("An address, which is not verified; empty: none."))
            .max_length(Some(254))
            .pattern(Some(
                r"^$|^[^\s\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$",
            ))
            .examples(["ada@example.org"])
            .build()
            .into()
    }
}

/// The shape of a load's tags. It is only described: the loads look at them.
pub(super) struct Tags;

impl PartialSchema for Tags {
    fn schema() -> RefOr<Schema> {
        // Null is what is not given.
        let or_null = |what| SchemaType::from_iter([what, Type::Null]);
        let text = |kind| ObjectBuilder::new().schema_type(kind).min_length(Some(1));
        let one_line = Some(r"^[^\x00-\x1f\x7f-\x9f]+$");
        let name = text(Type::String.into())
            .max_length(Some(100))
            .pattern(one_line);
        let model = text(or_null(Type::String))
            .max_length(Some(255))
            .pattern(one_line)
            .description(Some("The model's name."));
        let is_cot = ObjectBuilder::new()
            .schema_type(or_null(Type::Boolean))
            .description(Some("Whether it thinks aloud."));
        let documents = ObjectBuilder::new()
            .schema_type(or_null(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0.0))
            .description(Some(
                "How many documents there are; a registration counts them.",
            ));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "What is registered with a load, and whatever else its maker tells: at most 64, and 16 KiB as JSON.",
            ))
            .max_properties(Some(64))
            .property_names(Some(name))
            .property("model_name", model)
            .property("is_cot", is_cot)
            .property("document_count", documents)
            .examples([serde_json::json!({ "model_name": "Qwen2.5-7B-Instruct", "is_cot": false })])
            .build()
            .into()
    }
}

impl ToSchema for Tags {
    fn name() -> Cow<'static, str> {
        "Tags".into()
    }
}

impl ToSchema for Address {
    fn name() -> Cow<'static, str> {
        "Address".into()
    }
}
