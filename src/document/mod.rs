//! The TOML files that people write: read with the place of every value, so that whatever is wrong with one can be said
//! with line and column.
//!
//! Owns: reading, syntax, places, the wording of mistakes. Door: [`Diagnostic`]; inside the crate `Document` and `At`.
//! It does not know what a key means: `config` and `sites` do.

mod de;

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

pub(crate) use de::{At, Described, Length, OneOrMany, TextOr};

/// Longest file that is read, in bytes: far above any recipe, far below what would hurt.
const LONGEST: u64 = 1024 * 1024;

/// One thing wrong with a file that a person wrote: where, what, and the way out. Holds no secret.
///
/// As text: `sites/x.toml:3:5: unknown key "pasword"; did you mean "password"?`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The file; for a setting from elsewhere the environment variable or the flag.
    pub path: PathBuf,
    /// Counted from 1; `None` where the mistake has no place, such as a key that is missing.
    pub line: Option<usize>,
    /// Counted from 1, in characters.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Diagnostic {
    /// A mistake of the file as a whole.
    pub(crate) fn of(path: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            column: None,
            message: message.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.strip_prefix(".").unwrap_or(&self.path);
        write!(f, "{}", path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// Bytes of the file.
    Span(Range<usize>),
    /// Outside the file: an environment variable or a flag.
    Outside(Arc<str>),
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A TOML value. Texts may be secrets: wiped when dropped, and never part of a message.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Zeroizing<String>),
    /// From an environment variable or a flag: takes the type that is asked of it.
    Loose(String),
    Date(String),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

/// One file, parsed.
pub(crate) struct Document {
    path: PathBuf,
    text: Zeroizing<String>,
    pub(crate) root: Node,
}

impl Document {
    /// A mistake of this file as a whole.
    pub(crate) fn as_a_whole(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::of(&self.path, message, help)
    }

    /// Reads a file; `None` where there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Diagnostic> {
        let refuse = |error: std::io::Error| {
            let help = match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    "let the user that runs jarkeeper read it (chmod, chown)"
                }
                _ => "see that it is an ordinary file on a readable disk",
            };
            Diagnostic::of(path, format!("cannot be read: {error}"), help)
        };
        // A dangling link is a mistake, not an absence.
        let meta = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return match std::fs::symlink_metadata(path) {
                    Ok(_) => Err(Diagnostic::of(
                        path,
                        "is a link to a file that does not exist",
                        "repair the link, or remove it",
                    )),
                    Err(_) => Ok(None),
                };
            }
            other => other.map_err(refuse)?,
        };
        // Opening a FIFO would wait for its writer.
        if !meta.is_file() {
            return Err(Diagnostic::of(
                path,
                "is not an ordinary file",
                "put a TOML file in its place",
            ));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        std::fs::File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
            .map_err(refuse)?;
        if bytes.len() as u64 > LONGEST {
            let message = format!("is longer than {} KiB", LONGEST / 1024);
            return Err(Diagnostic::of(path, message, "see that it is a TOML file"));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(path, text).map(Some),
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let mut diagnostic =
                    Diagnostic::of(path, "this is not UTF-8", "save the file as UTF-8");
                let (line, column) = position(&good, good.len());
                (diagnostic.line, diagnostic.column) = (Some(line), Some(column));
                Err(diagnostic)
            }
        }
    }

    /// Parses a file's text.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let mut document = Self {
            path: path.to_owned(),
            text: Zeroizing::new(text.to_owned()),
            root: Node {
                place: Place::Span(0..0),
                value: Value::Table(Vec::new()),
            },
        };
        match DeTable::parse(text) {
            Ok(table) => {
                document.root.value = Value::Table(
                    entries(table.into_inner())
                        .map_err(|(span, message, help)| document.at(&span, message, help))?,
                );
                Ok(document)
            }
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let (message, help) = syntax(text, &span, error.message());
                Err(document.at(&span, message, help))
            }
        }
    }

    /// Gives the file's contents the shape that is asked for.
    pub(crate) fn shape<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        T::deserialize(&self.root).map_err(|problem| self.diagnostic(problem))
    }

    /// A mistake at these bytes.
    pub(crate) fn at(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let (line, column) = position(&self.text, span.start);
        Diagnostic {
            line: Some(line),
            column: Some(column),
            ..Diagnostic::of(&self.path, message, help)
        }
    }

    /// Where this text begins within these bytes; their beginning where it is not found (it may be escaped).
    pub(crate) fn find(&self, span: &Range<usize>, text: &str) -> Range<usize> {
        let found = self.text.get(span.clone()).and_then(|all| all.find(text));
        let start = span.start + found.unwrap_or(0);
        start..span.end
    }

    fn diagnostic(&self, problem: de::Problem) -> Diagnostic {
        let (message, help) = problem.words();
        match problem.place {
            // The whole table has no place worth showing.
            None => Diagnostic::of(&self.path, message, help),
            Some(Place::Span(span)) => self.at(&span, message, help),
            Some(Place::Outside(from)) => Diagnostic::of(Path::new(from.as_ref()), message, help),
        }
    }
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text[..end].strip_prefix('\u{feff}').unwrap_or(&text[..end]);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count();
    (line, column + 1)
}

/// A length of time from text such as `90s`, between these numbers of seconds.
///
/// # Errors
/// In the form `what is wrong; the way out`.
pub(crate) fn duration(text: &str, least: i64, most: i64) -> Result<TimeDelta, String> {
    let length = humantime::parse_duration(text)
        .ok()
        .and_then(|length| TimeDelta::from_std(length).ok())
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("\"{shown}\" is not a length of time; write it like \"90s\", \"15m\", \"12h\" or \"7d\"")
        })?;
    if length < TimeDelta::seconds(least) || length > TimeDelta::seconds(most) {
        let name = |seconds: i64| {
            let length = std::time::Duration::from_secs(seconds.unsigned_abs());
            match seconds % 86_400 {
                0 if seconds > 0 => format!("{}d", seconds / 86_400),
                _ => humantime::format_duration(length).to_string(),
            }
        };
        return Err(format!(
            "\"{text}\" is out of range; it may be {} to {}",
            name(least),
            name(most)
        ));
    }
    Ok(length)
}

type Refusal = (Range<usize>, &'static str, &'static str);

fn entries(table: DeTable<'_>) -> Result<Vec<(Key, Node)>, Refusal> {
    let mut entries = table
        .into_iter()
        .map(|(key, value)| {
            let place = Place::Span(key.span());
            let name = key.into_inner().into_owned();
            Ok((Key { place, name }, node(value)?))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    // The map is sorted by name; the first mistake of the file is to be told first.
    entries.sort_by_key(|(key, _)| match &key.place {
        Place::Span(span) => span.start,
        Place::Outside(_) => usize::MAX,
    });
    Ok(entries)
}

fn node(value: toml::Spanned<DeValue<'_>>) -> Result<Node, Refusal> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Boolean(it) => Value::Bool(it),
        DeValue::String(it) => Value::Text(Zeroizing::new(it.into_owned())),
        DeValue::Datetime(it) => Value::Date(it.to_string()),
        DeValue::Integer(it) => match i64::from_str_radix(it.as_str(), it.radix()) {
            Ok(it) => Value::Integer(it),
            Err(_) => {
                let help = "write a smaller one, or put it in double quotes if it is text";
                return Err((span, "this number is too large", help));
            }
        },
        DeValue::Float(it) => Value::Float(it.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Array(it) => Value::List(it.into_iter().map(node).collect::<Result<_, _>>()?),
        DeValue::Table(it) => Value::Table(entries(it)?),
    };
    Ok(Node {
        place: Place::Span(span),
        value,
    })
}

/// Words for a mistake of syntax: the parser's own, and the way out of the mistakes that people make most.
fn syntax(text: &str, span: &Range<usize>, said: &str) -> (String, String) {
    let line = text
        .get(..span.start.min(text.len()))
        .and_then(|before| before.rsplit('\n').next())
        .unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    let help = if said.contains("must be quoted") {
        format!("text stands in double quotes: {key} = \"…\"")
    } else if said.starts_with("duplicate key") {
        "keep one of the two lines".to_owned()
    } else if said.contains("key with no value") {
        "a line has the shape: key = value".to_owned()
    } else if said.contains("string") {
        "text begins and ends with a double quote on the same line".to_owned()
    } else if said.contains("inline table") {
        "a table within a line begins with { and ends with }, with commas between".to_owned()
    } else if said.contains("array") {
        "a list begins with [ and ends with ], with commas between".to_owned()
    } else {
        "see https://toml.io/en/v1.0.0 for how TOML is written".to_owned()
    };
    (format!("this is not TOML: {said}"), help)
}
