//! One message as it matters here: who wrote to whom, its lines as a reader sees them, its links.

use mail_parser::{Address, Message, MessageParser};

/// The most of one message that is read, in bytes.
pub(super) const LARGEST: usize = 1 << 20;
/// Lines beyond these are not looked at: a code stands near the beginning.
const MOST_LINES: usize = 400;

/// One line of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    /// Its text, with single spaces.
    pub(super) text: String,
    /// Whether it, or a part of it, is a heading, bold or large.
    pub(super) strong: bool,
}

/// A message, or another text that may hold a code.
#[derive(Clone, Default)]
pub(super) struct Letter {
    /// Addresses and names of the sender, lower case.
    pub(super) from: String,
    /// Addresses of everybody it went to, lower case.
    pub(super) to: String,
    /// The subject.
    pub(super) subject: String,
    /// The lines, in order.
    pub(super) lines: Vec<Line>,
    /// Links: where to, and what they say.
    pub(super) links: Vec<(String, String)>,
}

impl Letter {
    /// Reads a message (RFC 5322 with MIME); `None` where it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(bytes)?;
        let mut letter = Self {
            from: addresses([message.from(), message.sender()]),
            to: addresses([message.to(), message.cc(), message.bcc()]),
            subject: message.subject().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        for name in ["Delivered-To", "X-Original-To", "Envelope-To"] {
            if let Some(value) = message.header_raw(name) {
                letter.to.push_str(&value.to_lowercase());
            }
        }
        letter.bodies(&message);
        (!letter.from.is_empty() || !letter.lines.is_empty()).then_some(letter)
    }

    /// A text that is no message: what a command prints.
    pub(super) fn text(text: &str) -> Self {
        let mut letter = Self::default();
        letter.plain(text);
        letter
    }

    fn bodies(&mut self, message: &Message<'_>) {
        for at in 0..message.html_body_count() {
            // The parser makes HTML of plain bodies where there is no other; those are read as they are.
            if message
                .html_part(at as u32)
                .is_some_and(|part| part.is_text_html())
                && let Some(html) = message.body_html(at)
            {
                super::markup::read(&html, self);
            }
        }
        for at in 0..message.text_body_count() {
            if message
                .text_part(at as u32)
                .is_some_and(|part| !part.is_text_html())
                && let Some(text) = message.body_text(at)
            {
                self.plain(&text);
            }
        }
    }

    fn plain(&mut self, text: &str) {
        for line in text.lines() {
            for word in line.split_whitespace() {
                let word = word.trim_matches(['<', '>', '(', ')', '"', '\'', '[', ']', ',']);
                if word.starts_with("https://") || word.starts_with("http://") {
                    let said = line.replace(word, "");
                    let before = self.lines.last().map_or("", |line| line.text.as_str());
                    let said = match said.trim_matches(|c: char| !c.is_alphanumeric()) {
                        "" => before.to_owned(),
                        said => said.to_owned(),
                    };
                    self.links
                        .push((word.trim_end_matches(['.', ';']).to_owned(), said));
                }
            }
            self.line(line, false);
        }
    }

    /// Adds one line, where it says something.
    pub(super) fn line(&mut self, text: &str, strong: bool) {
        // Invisible characters that senders put into the preview of a message.
        let unseen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}' | '\u{34f}' | '\u{2060}' | '\u{202a}'..='\u{202e}');
        let text: String = text.chars().filter(unseen).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && self.lines.len() < MOST_LINES {
            self.lines.push(Line { text, strong });
        }
    }
}

fn addresses<'a>(headers: impl IntoIterator<Item = Option<&'a Address<'a>>>) -> String {
    let mut all = String::new();
    for header in headers.into_iter().flatten() {
        for one in header.iter() {
            for part in [one.address(), one.name()].into_iter().flatten() {
                all.push_str(&part.to_lowercase());
                all.push('\n');
            }
        }
    }
    all
}
