//! The shapes of names and texts. They are only described: the memory looks at them.

use std::borrow::Cow;

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::super::given::ONE_LINE;

/// The name of a user, a session, an application or a speaker, or an idempotency key.
pub(in crate::api) struct OneLine;

impl PartialSchema for OneLine {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Any characters in one line, and not only blanks."))
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some(ONE_LINE))
            .examples(["ada"])
            .build()
            .into()
    }
}

impl ToSchema for OneLine {
    fn name() -> Cow<'static, str> {
        "OneLine".into()
    }
}

/// A text that is kept.
pub(in crate::api) struct Text;

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Any text but blanks alone, without U+0000."))
            .min_length(Some(1))
            .pattern(Some(r"^[^\x00]*[^\s\x00][^\x00]*$"))
            .examples(["I have been learning the cello since May"])
            .build()
            .into()
    }
}

impl ToSchema for Text {
    fn name() -> Cow<'static, str> {
        "Text".into()
    }
}

/// An object that is not empty; null is what is not given.
pub(in crate::api) fn some_members() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .min_properties(Some(1))
        .build()
}
