//! Which documents there are.

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// `text/plain`.
    Plain,
    /// `text/markdown` (RFC 7763).
    Markdown,
    /// `text/html`.
    Html,
    /// `application/pdf` (RFC 8118).
    Pdf,
}

impl DocumentKind {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Markdown, Self::Html, Self::Pdf];

    /// Its media type.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Html => "text/html",
            Self::Pdf => "application/pdf",
        }
    }

    /// From a media type; `None`: no document has it.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
    }

    /// From the end of a file's name; `None`: no document ends so.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, end) = name.rsplit_once('.')?;
        match end.to_ascii_lowercase().as_str() {
            "txt" => Some(Self::Plain),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }

    /// Whether what comes is its text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Plain | Self::Markdown)
    }

    /// The most bytes that one may have.
    pub fn limit(self) -> usize {
        match self.is_text() {
            true => 1 << 20,
            false => 16 << 20,
        }
    }
}
