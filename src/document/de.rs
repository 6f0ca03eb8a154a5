//! serde over [`Node`]s: an error knows its place, its key, and what was expected.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Key, Node, Place, Value};

/// Name by which [`At`] asks the deserialiser for the place of a value.
const AT: &str = "$jarkeeper::document::At";

/// Why contents do not have the shape that was asked for.
///
/// Whoever makes one with `custom` writes `what is wrong; the way out`.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(super) place: Option<Place>,
    key: Option<String>,
    item: Option<usize>,
    what: What,
}

#[derive(Debug)]
enum What {
    Type { expected: String, found: String },
    Value(String),
    Unknown(String, &'static [&'static str]),
    Missing(&'static str),
}

impl Problem {
    fn new(what: What) -> Self {
        Self {
            place: None,
            key: None,
            item: None,
            what,
        }
    }

    fn placed(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// What is wrong, and the way out.
    pub(super) fn words(&self) -> (String, String) {
        let key = self.key.as_deref().unwrap_or("value");
        match &self.what {
            What::Type { expected, found } => {
                let (expected, example) = expected_words(expected);
                let subject = match self.item {
                    Some(item) => format!("item {} of \"{key}\"", item + 1),
                    None => format!("\"{key}\""),
                };
                let help = match (example.is_empty(), self.item) {
                    (true, _) if found == "text" => "write it without quotes".to_owned(),
                    (true, _) => String::new(),
                    (false, None) => format!("for example: {key} = {example}"),
                    (false, Some(_)) => format!("for example: {key} = [{example}]"),
                };
                (format!("{subject} must be {expected}, not {found}"), help)
            }
            What::Value(said) => match said.split_once("; ") {
                Some((message, help)) => (message.to_owned(), help.to_owned()),
                None => (said.clone(), String::new()),
            },
            What::Unknown(name, known) => (
                format!("unknown key \"{name}\""),
                match nearest(name, known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("known keys: {}", known.join(", ")),
                },
            ),
            What::Missing(name) => (format!("the key \"{name}\" is missing"), String::new()),
        }
    }
}

/// Serde's words for a type, in ours, with an example.
fn expected_words(expected: &str) -> (&str, &str) {
    match expected {
        "a boolean" => ("true or false", "true"),
        "a string" | "path string" => ("text in double quotes", "\"…\""),
        "a sequence" => ("a list", "[\"…\", \"…\"]"),
        "u64" | "usize" | "u16" => ("a whole number, 0 or more", ""),
        _ if expected.starts_with("struct ") => ("a table", "{ … }"),
        _ => expected.split_once("; ").unwrap_or((expected, "")),
    }
}

/// The known key that was most likely meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|key| (*key, strsim::damerau_levenshtein(&name, key)))
        // A third of the letters may differ; a beginning ("pass") is near too.
        .filter(|(key, distance)| {
            *distance <= (key.len() / 3).max(1)
                || (name.len() > 2 && key.starts_with(name.as_str()))
        })
        .min_by_key(|(_, distance)| *distance)
        .map(|(key, _)| key)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().0)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::new(What::Value(said.to_string()))
    }

    // The value itself stays out of every message: it may be a password in the wrong place.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(it) => return Self::typed(format!("{it}"), expected),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
            Unexpected::Float(_) => "a number with a fraction",
            Unexpected::Str(_) | Unexpected::Char(_) => "text",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a table",
            Unexpected::Other(it) => it,
            _ => "something else",
        };
        Self::typed(found.to_owned(), expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Signed(it) => Self::typed(format!("{it}"), expected),
            Unexpected::Unsigned(it) => Self::typed(format!("{it}"), expected),
            other => Self::invalid_type(other, expected),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Unknown(field.to_owned(), expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected).map_or_else(
            || format!("it must be one of {}", expected.join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        Self::new(What::Value(format!(
            "\"{variant}\" is not a value of this key; {near}"
        )))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }
}

impl Problem {
    fn typed(found: String, expected: &dyn Expected) -> Self {
        Self::new(What::Type {
            expected: expected.to_string(),
            found,
        })
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Bool(it) => visitor.visit_bool(*it),
            Value::Integer(it) => visitor.visit_i64(*it),
            Value::Float(it) => visitor.visit_f64(*it),
            Value::Text(it) => visitor.visit_borrowed_str(it),
            Value::Loose(it) => visitor.visit_borrowed_str(it),
            Value::Date(_) => Err(de::Error::invalid_type(
                Unexpected::Other("a date"),
                &visitor,
            )),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Table(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
        .map_err(|problem| match self.place {
            // The document itself: no place says more than none.
            Place::Span(ref span) if span.is_empty() => problem,
            _ => problem.placed(&self.place),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Loose(text) if text.is_empty() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Loose(text) => match text.parse() {
                Ok(it) => visitor.visit_bool(it),
                Err(_) => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Loose(text) => match text.parse() {
                Ok(it) => visitor
                    .visit_i64(it)
                    .map_err(|problem: Problem| problem.placed(&self.place)),
                Err(_) => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let text: &str = match &self.value {
            Value::Text(text) => text,
            Value::Loose(text) => text,
            _ => {
                let one_of = format!("one of {}; \"{}\"", variants.join(", "), variants[0]);
                return self.deserialize_any(Refuse(one_of, PhantomData::<V>));
            }
        };
        let text: StrDeserializer<'_, Problem> = text.into_deserializer();
        visitor
            .visit_enum(text)
            .map_err(|problem| problem.placed(&self.place))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match name {
            AT => visitor.visit_seq(Parts {
                node: self,
                next: 0,
            }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Takes nothing, and says what was expected.
struct Refuse<V>(String, PhantomData<V>);

impl<'de, V: Visitor<'de>> Visitor<'de> for Refuse<V> {
    type Value = V::Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let Some(node) = self.items.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        seed.deserialize(node).map(Some).map_err(|mut problem| {
            if problem.key.is_none() && problem.item.is_none() {
                problem.item = Some(index);
            }
            problem.placed(&node.place)
        })
    }
}

struct Entries<'de> {
    entries: &'de [(Key, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((key, _)) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Problem> = key.name.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|problem| problem.placed(&key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, node)) = self.entries.get(self.next) else {
            return Err(de::Error::custom("a key without a value"));
        };
        self.next += 1;
        seed.deserialize(node).map_err(|mut problem| {
            problem.key.get_or_insert_with(|| key.name.clone());
            problem.placed(&node.place)
        })
    }
}

/// A node as the three parts that [`At`] is made of.
struct Parts<'de> {
    node: &'de Node,
    next: usize,
}

impl<'de> SeqAccess<'de> for Parts<'de> {
    type Error = Problem;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let span = match &self.node.place {
            Place::Span(span) => span.clone(),
            Place::Outside(_) => 0..0,
        };
        self.next += 1;
        match self.next {
            1 => seed.deserialize(span.start.into_deserializer()).map(Some),
            2 => seed.deserialize(span.end.into_deserializer()).map(Some),
            3 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}

/// A value of a file and the bytes where it stands.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) span: Range<usize>,
    pub(crate) value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a file")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let missing = || de::Error::custom("a value without a place");
                let start = parts.next_element()?.ok_or_else(missing)?;
                let end = parts.next_element()?.ok_or_else(missing)?;
                let value = parts.next_element()?.ok_or_else(missing)?;
                Ok(At {
                    span: start..end,
                    value,
                })
            }
        }
        deserializer.deserialize_struct(AT, &[], AtVisitor(PhantomData))
    }
}

/// Text that says a length of time; see [`super::duration`].
#[derive(Debug, Clone)]
pub(crate) struct Length(pub(crate) String);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LengthVisitor;
        impl Visitor<'_> for LengthVisitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time in double quotes; \"90s\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                Ok(Length(text.to_owned()))
            }
        }
        deserializer.deserialize_str(LengthVisitor)
    }
}

/// What a value that may be written in two ways looks like, for messages: `words; example`.
pub(crate) trait Described {
    /// For example `a URL or a table; "/account"`.
    const EXPECTED: &'static str;
}

/// A value that is either plain text or a table.
#[derive(Debug, Clone)]
pub(crate) enum TextOr<T> {
    /// Text.
    Text(String),
    /// The table.
    Table(T),
}

impl<'de, T: Deserialize<'de> + Described> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Described> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Table)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A list, or the one item that stands for a list of one.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(Vec<At<T>>);

impl<T> At<OneOrMany<T>> {
    /// The items, each with its place.
    pub(crate) fn items(self) -> Vec<At<T>> {
        let At { span, value } = self;
        let mut items = value.0;
        for item in &mut items {
            // One that stands alone has the place of the whole.
            if item.span.is_empty() {
                item.span = span.clone();
            }
        }
        items
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Many<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Many<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or a list of tables; { url = \"/account\" }")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(OneOrMany(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
                let value = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany(vec![At { span: 0..0, value }]))
            }
        }
        deserializer.deserialize_any(Many(PhantomData))
    }
}
