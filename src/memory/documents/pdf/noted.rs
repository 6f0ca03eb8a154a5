//! What people wrote into a page: fields that were filled in, and comments.

use pdf_extract::{Dictionary, Document, Object, ObjectId};

use super::plain::dictionary_in;
use super::signs::as_read;

/// Nodes above a field.
const ABOVE: usize = 16;
/// Notes of one page.
const MOST: usize = 2000;
/// Annotations whose `Contents` are words for a reader (ISO 32000-1, table 169).
const WORDS: [&[u8]; 9] = [
    b"Text",
    b"FreeText",
    b"Highlight",
    b"Underline",
    b"StrikeOut",
    b"Squiggly",
    b"Caret",
    b"Stamp",
    b"Square",
];

/// The fields of a page as `name: value`, and its comments, each in a line.
pub(super) fn of(document: &Document, page: ObjectId) -> String {
    let notes = document
        .get_dictionary(page)
        .ok()
        .and_then(|page| page.get(b"Annots").ok());
    let notes = notes.and_then(|own| document.dereference(own).ok());
    let Some((_, Object::Array(notes))) = notes else {
        return String::new();
    };
    let lines = notes.iter().take(MOST).filter_map(|note| {
        let (_, note) = document.dereference(note).ok()?;
        let note = note.as_dict().ok()?;
        match note.get(b"Subtype").and_then(Object::as_name).ok()? {
            b"Widget" => field(document, note),
            kind if WORDS.contains(&kind) => value(document, note.get(b"Contents").ok()?),
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn field(document: &Document, note: &Dictionary) -> Option<String> {
    let own = value(document, of_field(document, note, b"V")?)?;
    // What it is called for people, or for programs.
    let name = [&b"TU"[..], b"T"]
        .into_iter()
        .find_map(|key| value(document, of_field(document, note, key)?));
    match own.as_str() {
        // A box that is not ticked, and a signature that is no text.
        "Off" => None,
        _ => Some(name.map_or(own.clone(), |name| format!("{name}: {own}"))),
    }
}

/// What a field has, or a node above it.
fn of_field<'a>(
    document: &'a Document,
    mut node: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Object> {
    for _ in 0..ABOVE {
        if let Ok(own) = node.get(key) {
            return Some(own);
        }
        node = dictionary_in(document, node, b"Parent")?;
    }
    None
}

fn value(document: &Document, own: &Object) -> Option<String> {
    let (_, own) = document.dereference(own).ok()?;
    let text = match own {
        Object::String(bytes, _) | Object::Name(bytes) => text(bytes),
        Object::Array(all) => {
            let all = all
                .iter()
                .filter_map(|one| one.as_str().or_else(|_| one.as_name()).ok());
            all.map(text).collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    };
    let line = as_read(&text.replace(['\r', '\n'], " "));
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// A text as PDF has it (ISO 32000-1, 7.9.2.2).
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .map(|two| u16::from_be_bytes([two[0], two[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // PDFDocEncoding has the letters of Latin 1.
        bytes => bytes.iter().copied().map(char::from).collect(),
    }
}
