//! PDF → text, page by page.
//!
//! The libraries below panic on what they do not know, nest as deep as a file says, and unpack whatever is packed. So this runs
//! only in a process of its own; see `extract`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pdf_extract::{
    ConvertToFmt, Document, MediaBox, OutputDev, OutputError, PlainTextOutput, Transform,
    output_doc,
};

use super::split::PAGE;

thread_local! {
    /// The page that is being read.
    static AT: Cell<u32> = const { Cell::new(0) };
}

/// What one can do where a PDF cannot be read.
const WAY_OUT: &str = "print it to a new PDF, or send its text";

/// The text of a PDF, with [`PAGE`] between its pages.
///
/// # Errors
/// What is wrong with it, and the way out.
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
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
    if document.get_pages().is_empty() {
        // Nothing can be read in it.
        if document.was_encrypted() || document.trailer.get(b"Encrypt").is_ok() {
            return encrypted();
        }
        return Err(broken("it has no pages"));
    }
    let mut pages = Pages::default();
    output_doc(&document, &mut pages).map_err(|_| stopped())?;
    let text = pages.whole();
    match text.chars().any(char::is_alphanumeric) {
        true => Ok(text),
        false => Err("this PDF has no text: it is perhaps scanned. Let a program for text recognition add it, for example ocrmypdf, and send \
                      the result"
            .to_owned()),
    }
}

/// Why the reading ended early.
pub(super) fn stopped() -> String {
    let page = AT.get();
    match page {
        0 => format!("this PDF cannot be read: {WAY_OUT}"),
        page => format!("page {page} of this PDF cannot be read: {WAY_OUT}"),
    }
}

/// Gathers the text of each page.
#[derive(Default)]
struct Pages {
    done: Vec<String>,
    open: Option<(Page, PlainTextOutput<Page>)>,
}

/// The text of one page. The library keeps the writer for itself, so it is shared.
#[derive(Default, Clone)]
struct Page(Rc<RefCell<String>>);

impl ConvertToFmt for Page {
    type Writer = Self;

    fn convert(self) -> Self {
        self
    }
}

impl std::fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.borrow_mut().push_str(text);
        Ok(())
    }
}

impl Pages {
    fn whole(self) -> String {
        self.done.join(&PAGE.to_string())
    }

    fn page(&mut self) -> Result<&mut PlainTextOutput<Page>, OutputError> {
        let open = self.open.as_mut().map(|(_, output)| output);
        open.ok_or(OutputError::FormatError(std::fmt::Error))
    }
}

impl OutputDev for Pages {
    fn begin_page(
        &mut self,
        number: u32,
        media_box: &MediaBox,
        art_box: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        AT.set(number);
        let page = Page::default();
        let mut output = PlainTextOutput::new(page.clone());
        output.begin_page(number, media_box, art_box)?;
        self.open = Some((page, output));
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        if let Some((page, _)) = self.open.take() {
            self.done.push(tidy(&page.0.borrow()));
        }
        // The next one may break before it begins.
        AT.set(AT.get().saturating_add(1));
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
        self.page()?
            .output_character(place, width, spacing, font_size, text)
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        self.page()?.begin_word()
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        self.page()?.end_word()
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        self.page()?.end_line()
    }
}

/// Without what is no text, without spaces at the ends of lines, and at most one empty line on end.
fn tidy(page: &str) -> String {
    let shown = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let page: String = page.chars().filter(shown).collect();
    let mut text = String::with_capacity(page.len());
    let mut empty = 0;
    for line in page.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 && !(text.is_empty() && line.is_empty()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_tidied_without_losing_a_word() {
        assert_eq!(tidy("\n\n A  \n\n\n\nB\u{c}\u{0}C \n"), " A\n\nBC");
        assert_eq!(tidy(" \n"), "");
    }

    #[test]
    fn what_is_no_pdf_is_refused_with_the_way_out() {
        assert!(text(b"hello").unwrap_err().contains("no PDF"));
        assert!(text(b"%PDF-1.7\nnothing").unwrap_err().contains("print it"));
    }
}
