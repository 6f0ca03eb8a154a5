//! How deep a page is nested: what reads it takes time with the square of that.

use std::cell::{Cell, RefCell};

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Elements that hold nothing, or end by themselves where the next one begins.
const FLAT: [&str; 40] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "caption",
    "colgroup", "option", "optgroup", "rb", "rt", "rtc", "rp", "html", "head", "body", "a", "nobr",
    "button", "frame", "image",
];

/// Whether elements stand within each other deeper than this anywhere.
pub(super) fn is_beyond(html: &str, most: usize) -> bool {
    let depth = Depth {
        open: RefCell::default(),
        most,
        beyond: Cell::new(false),
    };
    let tokenizer = Tokenizer::new(depth, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.beyond.get()
}

struct Depth {
    open: RefCell<Vec<LocalName>>,
    most: usize,
    beyond: Cell<bool>,
}

impl TokenSink for Depth {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        if self.beyond.get() {
            return TokenSinkResult::Continue;
        }
        let mut open = self.open.borrow_mut();
        match tag.kind {
            TagKind::StartTag => match &*tag.name {
                "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
                "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                    return TokenSinkResult::RawData(RawKind::Rawtext);
                }
                "textarea" | "title" => return TokenSinkResult::RawData(RawKind::Rcdata),
                "plaintext" => return TokenSinkResult::Plaintext,
                name if FLAT.contains(&name) => {}
                _ => {
                    open.push(tag.name);
                    self.beyond.set(open.len() > self.most);
                }
            },
            TagKind::EndTag => {
                if let Some(at) = open.iter().rposition(|own| *own == tag.name) {
                    open.truncate(at);
                }
            }
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_truly_nested_is_deep() {
        for (html, deep) in [
            ("<div>".repeat(11), true),
            ("<div>".repeat(10), false),
            ("<div></div>".repeat(1000), false),
            // As people wrote pages.
            ("<p>a<li>b<td>c<br><img><a name=x>".repeat(1000), false),
            ("<div><b><i></div>".repeat(1000), false),
            (
                format!(
                    "<script>{}</script><style>{0}</style><title>{0}</title>",
                    "<div>".repeat(99)
                ),
                false,
            ),
            (format!("<!-- {} -->", "<div>".repeat(99)), false),
            ("<b><p>".repeat(11), true),
        ] {
            assert_eq!(is_beyond(&html, 10), deep, "{html:.60}");
        }
    }
}
