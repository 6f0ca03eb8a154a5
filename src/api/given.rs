//! What stands in requests of more than one operation: null told from what was left out, sizes of pages, names and addresses
//! of loads, and how a load is left at a registry that cannot be told.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// Most instances of one page.
pub(super) const MOST: u32 = 100;
/// Instances of one page, where nobody says.
pub(super) const USUAL: u32 = 20;

/// Tells null from what was left out: `None` is left out, `Some(None)` is null.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
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

/// The shape of a load's name. It is only described: the loads look at it.
pub(super) struct LoadName;

impl PartialSchema for LoadName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "A name: any characters in one line, a `/` too, and not only blanks.",
            ))
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some(
                r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
            ))
            .examples(["Thesis"])
            .build()
            .into()
    }
}

impl ToSchema for LoadName {
    fn name() -> Cow<'static, str> {
        "LoadName".into()
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

impl ToSchema for Address {
    fn name() -> Cow<'static, str> {
        "Address".into()
    }
}
