//! PDF → text, page by page.
//!
//! The libraries below panic on what they do not know, nest as deep as a file says, and unpack whatever is packed. So this runs
//! only in a process of its own (see `extract`), each page by itself, and what they read is made plain for them before.

mod fonts;
mod lines;
mod noted;
mod plain;
mod signs;
mod unicode;
mod words;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{
    Dictionary, Document, MediaBox, Object, ObjectId, OutputDev, OutputError, Stream, Transform,
    dictionary, output_doc,
};

use super::extract::Text;
use super::split::PAGE;
use lines::Lines;
use plain::Plain;

/// What one can do where a PDF cannot be read.
const WAY_OUT: &str = "print it to a new PDF, or send its text";

/// The text of a PDF, with [`PAGE`] between its pages; and which pages it is not whole of.
///
/// # Errors
/// What is wrong with it, and the way out.
pub(super) fn text(bytes: &[u8]) -> Result<Text, String> {
    // Readers look for it in the first kilobyte (ISO 32000-1, annex H, note 13 of 7.5.2).
    let head = bytes.get(..1024).unwrap_or(bytes);
    if !head.windows(5).any(|part| part == b"%PDF-") {
        return Err("this is no PDF: it does not begin as one".to_owned());
    }
    let broken = |what: &str| format!("this PDF cannot be read ({what}): {WAY_OUT}");
    let encrypted = || {
        Err("this PDF is encrypted: save it without a password first, for example with qpdf --decrypt".to_owned())
    };
    let mut document = match Document::load_mem(bytes) {
        Ok(document) => document,
        Err(_) if bytes.windows(8).any(|part| part == b"/Encrypt") => return encrypted(),
        Err(_) => return Err(broken("its structure is broken, or it is not whole")),
    };
    // One that anybody may read was decrypted already.
    let is_locked = document.trailer.get(b"Encrypt").is_ok() && !document.was_encrypted();
    if is_locked && document.decrypt("").is_err() {
        return encrypted();
    }
    let pages: Vec<ObjectId> = document.page_iter().collect();
    if pages.is_empty() {
        // Nothing can be read in it.
        if document.was_encrypted() || document.trailer.get(b"Encrypt").is_ok() {
            return encrypted();
        }
        return Err(broken("it has no pages"));
    }
    let mut reader = Reader::of(document);
    let (mut texts, mut unread) = (Vec::new(), Vec::new());
    for (number, page) in (1..).zip(&pages) {
        let (text, whole) = reader.page(*page);
        if !whole {
            unread.push(number);
        }
        texts.push(text);
    }
    let text = words::whole(&texts).join(&PAGE.to_string());
    match text.chars().any(char::is_alphanumeric) {
        true => Ok(Text { text, unread }),
        false if unread.len() == pages.len() && !reader.saw_picture => Err(broken("its fonts do not say which letters they draw, or are broken")),
        false => Err("this PDF has no text: it is perhaps scanned. Let a program for text recognition add it, for example ocrmypdf, and send \
                      the result"
            .to_owned()),
    }
}

/// Why the reading ended early.
pub(super) fn stopped() -> String {
    format!("this PDF cannot be read: {WAY_OUT}")
}

/// Reads one page after the other: each as the only one of the document.
struct Reader {
    document: Document,
    /// Fonts that were mended: where they were, and where they are.
    fonts: BTreeMap<ObjectId, ObjectId>,
    saw_picture: bool,
    page: ObjectId,
    content: ObjectId,
    above: ObjectId,
}

impl Reader {
    fn of(mut document: Document) -> Self {
        let (above, page, content) = (
            document.new_object_id(),
            document.new_object_id(),
            document.new_object_id(),
        );
        Self {
            document,
            fonts: BTreeMap::new(),
            saw_picture: false,
            page,
            content,
            above,
        }
    }

    /// The text of a page, and whether that is all of it.
    fn page(&mut self, page: ObjectId) -> (String, bool) {
        let unread = |_| (String::new(), false);
        let read = catch_unwind(AssertUnwindSafe(|| {
            let (text, whole) = match self.drawn(page, false) {
                (text, true) => (text, true),
                // Once more without what is embedded in its fonts.
                (text, false) => match self.drawn(page, true) {
                    (other, true) => (other, true),
                    (other, false) if other.len() > text.len() => (other, false),
                    _ => (text, false),
                },
            };
            let notes = noted::of(&self.document, page);
            let parts = [text, notes];
            let parts: Vec<&str> = parts
                .iter()
                .map(|part| part.trim())
                .filter(|part| !part.is_empty())
                .collect();
            (parts.join("\n\n"), whole)
        }));
        read.unwrap_or_else(unread)
    }

    fn drawn(&mut self, page: ObjectId, bare: bool) -> (String, bool) {
        let mut plain = Plain::of(&self.document, page);
        let has_text = !plain.fonts.is_empty();
        let has_picture = plain.has_picture;
        self.saw_picture |= has_picture;
        let is_torn = plain.is_torn;
        let mut fonts = Dictionary::new();
        for (name, font) in std::mem::take(&mut plain.fonts) {
            let known = font
                .id
                .filter(|_| !bare && font.charset.is_none())
                .and_then(|id| self.fonts.get(&id));
            let own = match known {
                Some(own) => *own,
                None => {
                    let (mut own, letters) = fonts::mended(&self.document, &font, bare);
                    if let Some(letters) = letters {
                        let letters = self.document.add_object(letters);
                        own.set("ToUnicode", Object::Reference(letters));
                    }
                    let own = self.document.add_object(own);
                    if let (Some(id), false, None) = (font.id, bare, &font.charset) {
                        self.fonts.insert(id, own);
                    }
                    own
                }
            };
            fonts.set(name, Object::Reference(own));
        }
        let content = Stream::new(Dictionary::new(), plain.content());
        self.show(fonts, content);
        let mut drawing = Drawing::default();
        let done = catch_unwind(AssertUnwindSafe(|| {
            output_doc(&self.document, &mut drawing).is_ok()
        }));
        let lines = drawing.0;
        let is_dark = lines.is_dark();
        let text = lines.text();
        // A picture of a page says nothing.
        let is_picture = has_picture && !has_text;
        (
            text,
            done.unwrap_or(false) && !is_torn && !is_dark && !is_picture,
        )
    }

    /// Makes this the only page.
    fn show(&mut self, fonts: Dictionary, content: Stream) {
        let page = dictionary! {
            "Type" => "Page", "Parent" => Object::Reference(self.above), "Contents" => Object::Reference(self.content),
            "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()], "Resources" => dictionary! { "Font" => fonts },
        };
        let above = dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![Object::Reference(self.page)] };
        let objects = &mut self.document.objects;
        objects.insert(self.content, Object::Stream(content));
        objects.insert(self.page, Object::Dictionary(page));
        objects.insert(self.above, Object::Dictionary(above));
        if let Ok(catalog) = self.document.catalog_mut() {
            catalog.set("Pages", Object::Reference(self.above));
        }
    }
}

/// Hears what the library draws.
#[derive(Default)]
struct Drawing(Lines);

impl OutputDev for Drawing {
    fn begin_page(
        &mut self,
        _number: u32,
        _media_box: &MediaBox,
        _art_box: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        place: &Transform,
        width: f64,
        spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        self.0.add(place, width, spacing, font_size, text);
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
