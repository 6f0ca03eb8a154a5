//! The HTML of a message as lines and links. Not a browser: what is hidden by a style sheet is seen all the same.

use super::letter::Letter;

/// Elements that end a line.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "tr",
    "ul",
];
/// Elements whose text is larger or heavier than the rest.
const STRONG: &[&str] = &[
    "b", "strong", "h1", "h2", "h3", "h4", "big", "code", "mark", "kbd",
];
/// Elements whose text nobody reads.
const UNREAD: &[&str] = &["style", "script", "head", "title", "svg", "noscript"];
/// Elements that have no end.
const VOID: &[&str] = &[
    "br", "hr", "img", "input", "link", "meta", "wbr", "col", "area", "base",
];
/// A font from this size on is larger than that of a text, in pixels.
const LARGE: f32 = 20.0;

/// Adds what the document says to the letter.
pub(super) fn read(html: &str, letter: &mut Letter) {
    let mut reading = Reading {
        letter,
        line: String::new(),
        strong_line: false,
        open: Vec::new(),
        link: None,
    };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        reading.text(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = end_of_tag(rest) else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let name = name.to_ascii_lowercase();
        if tag.starts_with('/') {
            reading.close(&name);
        } else {
            reading.open(&name, tag);
            // What stands in these is no markup, and may hold a "<".
            if matches!(&*name, "style" | "script") {
                let close = format!("</{name}");
                let lower = rest.to_ascii_lowercase();
                rest = lower.find(&close).map_or("", |end| &rest[end..]);
            }
        }
    }
    reading.text(rest);
    reading.end_line();
}

/// The `>` of the tag that `text` begins with, quoted ones passed over.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    // A quote that never ends.
    text.find('>')
}

struct Reading<'a> {
    letter: &'a mut Letter,
    line: String,
    strong_line: bool,
    /// Open elements, and whether each is strong.
    open: Vec<(String, bool)>,
    link: Option<(String, String)>,
}

impl Reading<'_> {
    fn text(&mut self, text: &str) {
        if text.is_empty() || self.open.iter().any(|(name, _)| UNREAD.contains(&&**name)) {
            return;
        }
        let text = decoded(text);
        if self.open.iter().any(|(_, strong)| *strong) && !text.trim().is_empty() {
            self.strong_line = true;
        }
        self.line.push_str(&text);
        if let Some((_, said)) = &mut self.link {
            said.push_str(&text);
        }
    }

    fn open(&mut self, name: &str, tag: &str) {
        if BLOCKS.contains(&name) {
            self.end_line();
        } else if matches!(name, "td" | "th") {
            self.line.push(' ');
        }
        if name == "a"
            && let Some(href) = attribute(tag, "href")
        {
            self.end_link();
            self.link = Some((decoded(&href), String::new()));
        }
        if VOID.contains(&name) || tag.ends_with('/') {
            return;
        }
        let strong = STRONG.contains(&name)
            || attribute(tag, "style").is_some_and(|style| is_strong(&style));
        self.open.push((name.to_owned(), strong));
    }

    fn close(&mut self, name: &str) {
        if BLOCKS.contains(&name) {
            self.end_line();
        } else if matches!(name, "td" | "th") {
            self.line.push(' ');
        }
        if name == "a" {
            self.end_link();
        }
        if let Some(at) = self.open.iter().rposition(|(open, _)| open == name) {
            self.open.truncate(at);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let strong = std::mem::take(&mut self.strong_line);
        self.letter.line(&line, strong);
    }

    fn end_link(&mut self) {
        self.letter.links.extend(self.link.take());
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(name) {
        let at = from + at;
        from = at + name.len();
        let starts = lower[..at].ends_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let Some(value) = tag[from..]
            .trim_start()
            .strip_prefix('=')
            .filter(|_| starts)
        else {
            continue;
        };
        let value = value.trim_start();
        let end = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => return value[1..].split(quote).next().map(str::to_owned),
            _ => value.find(|c: char| c.is_whitespace()),
        };
        return Some(value[..end.unwrap_or(value.len())].to_owned());
    }
    None
}

fn is_strong(style: &str) -> bool {
    let mut strong = false;
    for rule in style.split(';') {
        let Some((name, value)) = rule.split_once(':') else {
            continue;
        };
        let (name, value) = (
            name.trim().to_ascii_lowercase(),
            value.trim().to_ascii_lowercase(),
        );
        let number: String = value
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let number: f32 = number.parse().unwrap_or(0.0);
        match &*name {
            "font-size" if value.contains("px") => strong |= number >= LARGE,
            "font-size" if value.contains("pt") => strong |= number >= LARGE * 0.75,
            "font-size" if value.contains("em") => strong |= number >= 1.4,
            "font-weight" => strong |= number >= 600.0 || value.starts_with("bold"),
            "letter-spacing" => strong |= number >= 2.0 || value.contains("em") && number >= 0.1,
            _ => {}
        }
    }
    strong
}

/// The text with its character references replaced, those that occur in messages.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..].split_once(';').map(|(name, _)| name);
        let known = name.filter(|name| name.len() <= 8).and_then(|name| {
            let number =
                name.strip_prefix('#')
                    .and_then(|number| match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok(),
                        None => number.parse().ok(),
                    });
            let c = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
                "zwnj" | "zwj" | "shy" => '\u{200b}',
                "ndash" | "mdash" => '–',
                _ => char::from_u32(number?)?,
            };
            Some((c, name.len() + 2))
        });
        match known {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees_becomes_lines_and_links() {
        let mut letter = Letter::default();
        read(
            "<html><head><title>x</title><style>p > a { color: #123456 }</style></head><body><!-- 999999 -->\
             <p>Hello&nbsp;Ada,</p><table><tr><td>1</td><td>2</td></tr></table>\
             <span style='font-size: 32px'>4&#48;7</span><b>1</b>19<br/>tail \
             <a class=\"x\" href='https://a.example/?x=1&amp;y=2'>Sign <i>in</i></a> & more</body>",
            &mut letter,
        );
        let lines: Vec<_> = letter.lines.iter().map(|l| (&*l.text, l.strong)).collect();
        assert_eq!(
            lines,
            [
                ("Hello Ada,", false),
                ("1 2", false),
                ("407119", true),
                ("tail Sign in & more", false)
            ]
        );
        assert_eq!(
            letter.links,
            [(
                "https://a.example/?x=1&y=2".to_owned(),
                "Sign in".to_owned()
            )]
        );
    }
}
