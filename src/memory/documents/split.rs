//! Where a text is cut into passages: along its headings, paragraphs and sentences, and never within a character.
//!
//! Passages are in order, do not overlap, and hold everything that is not white space.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::charset::MARK;
use super::kind::DocumentKind;

/// Counts up with every change to where texts are cut; documents that were split by other rules are split again.
pub(super) const RULES: u32 = 2;
/// What a passage has at most, in characters.
const MOST: usize = 1000;
/// What a piece of a long block has at least before the end of a sentence or a line is looked for, in characters.
const LEAST: usize = 400;
/// Longest heading that is kept of each above a passage, and longest of all together, characters.
const HEADING: usize = 120;
const PATH: usize = 400;
/// Between the pages of a text that has some: form feed.
pub(super) const PAGE: char = '\u{c}';
/// Between headings.
const BELOW: &str = " > ";

/// A passage: bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) begin: usize,
    pub(super) end: usize,
    /// The headings above it, outermost first.
    pub(super) heading: Option<String>,
    /// From 1, where the text has pages.
    pub(super) page: Option<u32>,
}

/// Cuts a text. `name`: of its document, which stands in for a title where the text has none.
pub(super) fn split(kind: DocumentKind, name: &str, text: &str) -> Vec<Piece> {
    if let Some(rest) = text.strip_prefix(MARK) {
        let mut pieces = split(kind, name, rest);
        for piece in &mut pieces {
            piece.begin += MARK.len_utf8();
            piece.end += MARK.len_utf8();
        }
        return pieces;
    }
    match kind {
        DocumentKind::Plain => plain(text, 0, title(name).as_deref(), None).collect(),
        DocumentKind::Markdown | DocumentKind::Html => structured(text, title(name)),
        DocumentKind::Pdf => paged(text, title(name).as_deref()),
    }
}

/// What the name of a document says: its last part, without what files end with.
fn title(name: &str) -> Option<String> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let known = DocumentKind::of_name(last).is_some();
    let stem = match last.rsplit_once('.') {
        Some((stem, _)) if known => stem,
        _ => last,
    };
    let words = stem.replace(['_', '-'], " ");
    words
        .chars()
        .any(char::is_alphabetic)
        .then(|| short(words.trim(), HEADING))
}

fn short(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The pieces of what has no structure but paragraphs and sentences; `from`: where it stands in the whole.
fn plain<'a>(
    text: &'a str,
    from: usize,
    heading: Option<&'a str>,
    page: Option<u32>,
) -> impl Iterator<Item = Piece> + 'a {
    let mut blocks = Vec::new();
    let (mut at, mut was_blank) = (0, true);
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if was_blank && !blank {
            blocks.push(at);
        }
        was_blank = blank;
        at += line.len();
    }
    let pieces = joined_blocks(text, ranges(&blocks, text.len()), |_| None);
    pieces.into_iter().map(move |piece| Piece {
        begin: from + piece.start,
        end: from + piece.end,
        heading: heading.map(str::to_owned),
        page,
    })
}

/// What is between these places and the end, each from one to the next.
fn ranges(begins: &[usize], end: usize) -> Vec<Range<usize>> {
    let ends = begins.iter().skip(1).copied().chain([end]);
    // What stands before the first one belongs to it.
    let begins = [0].into_iter().chain(begins.iter().skip(1).copied());
    begins
        .zip(ends)
        .filter(|(a, b)| a < b)
        .map(|(a, b)| a..b)
        .collect()
}

/// Blocks joined as long as they have [`MOST`] characters together; one that has more by itself is cut. `section`: where what
/// begins with the heading at a place ends; it is not torn where it would be whole in a piece of its own.
fn joined_blocks(
    text: &str,
    blocks: Vec<Range<usize>>,
    section: impl Fn(usize) -> Option<usize>,
) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut open: Option<Range<usize>> = None;
    // How long the open piece is, and whether it is headings alone.
    let (mut length, mut bare) = (0, true);
    for block in blocks {
        let Some(own) = trimmed(text, block) else {
            continue;
        };
        let until = section(own.start);
        if let Some(piece) = &mut open {
            let more = count(text, piece.end..own.end);
            let torn = until.is_some_and(|until| !bare && !fits(text, piece.start..until));
            if length + more <= MOST && !torn {
                piece.end = own.end;
                length += more;
                bare &= until.is_some();
                continue;
            }
            pieces.extend(open.take());
        }
        let mut rest = own;
        while let Some(cut) = cut(text, rest.clone()) {
            pieces.extend(trimmed(text, rest.start..cut));
            rest.start = cut;
        }
        open = trimmed(text, rest);
        length = open.clone().map_or(0, |piece| count(text, piece));
        bare = until.is_some();
    }
    pieces.extend(open);
    pieces
}

fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

fn count(text: &str, range: Range<usize>) -> usize {
    part(text, range).chars().count()
}

/// Whether it has no more than [`MOST`] characters; looks at no more than that.
fn fits(text: &str, range: Range<usize>) -> bool {
    part(text, range).char_indices().nth(MOST).is_none()
}

/// Without the white space around it; `None`: it is nothing else.
fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let own = part(text, range.clone());
    let begin = range.start + (own.len() - own.trim_start().len());
    let own = own.trim();
    (!own.is_empty()).then(|| begin..begin + own.len())
}

/// Where a text that is too long is cut: behind the end of a sentence, else of a line, else of a word, else of a character.
fn cut(text: &str, range: Range<usize>) -> Option<usize> {
    let own = part(text, range.clone());
    let (most, _) = own.char_indices().nth(MOST)?;
    let (mut sentence, mut line, mut word) = (None, None, None);
    let mut last = ' ';
    for (number, (at, c)) in own.get(..most)?.char_indices().enumerate() {
        let end = at + c.len_utf8();
        let far = number >= LEAST;
        if c == '\n' && far {
            line = Some(end);
        }
        if c.is_whitespace() {
            // What is nothing but white space would be no piece.
            word = Some(end).filter(|_| at > 0);
        }
        let ends = matches!(c, '。' | '！' | '？' | '।')
            || c.is_whitespace() && matches!(last, '.' | '!' | '?' | '…' | '؟');
        if ends && far {
            sentence = Some(end);
        }
        // A quotation or a bracket is closed behind the end of its sentence.
        if !matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '»') {
            last = c;
        }
    }
    let at = sentence.or(line).or(word).unwrap_or(most);
    Some(range.start + at)
}

fn paged(text: &str, heading: Option<&str>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (page, part) in (1..).zip(text.split(PAGE)) {
        pieces.extend(plain(part, from, heading, Some(page)));
        from += part.len() + PAGE.len_utf8();
    }
    pieces
}

/// A heading of a text.
struct Heading {
    begin: usize,
    end: usize,
    level: HeadingLevel,
    words: String,
}

/// The pieces of Markdown, each with the headings above it.
fn structured(text: &str, title: Option<String>) -> Vec<Piece> {
    let Outline {
        headings,
        outer,
        inner,
    } = outline(text);
    let sections = sections(&headings, text.len());
    let section = |at: usize| {
        let number = headings.binary_search_by_key(&at, |heading| heading.begin);
        sections.get(number.ok()?).copied()
    };
    // A list, a table or a quotation that is too long is cut between its parts.
    let mut begins = Vec::new();
    for block in ranges(&outer, text.len()) {
        begins.push(block.start);
        if !fits(text, block.clone()) {
            let first = inner.partition_point(|at| *at <= block.start);
            let within = inner.iter().skip(first).take_while(|at| **at < block.end);
            begins.extend(within);
        }
    }
    begins.dedup();
    let mut ahead = headings.iter().peekable();
    let mut path: Vec<&Heading> = Vec::new();
    let mut pieces = Vec::new();
    for piece in joined_blocks(text, ranges(&begins, text.len()), section) {
        // Those before it, and those with which it begins.
        let mut body = piece.start;
        while let Some(next) = ahead.next_if(|next| {
            next.begin < piece.end && (next.begin < body || is_blank(text, body, next.begin))
        }) {
            enter(&mut path, next);
            body = body.max(next.end);
        }
        let mut above = path.clone();
        // What stands below several headings stands below what is common to them.
        while let Some(next) = ahead.next_if(|next| next.begin < piece.end) {
            enter(&mut path, next);
            let same = above
                .iter()
                .zip(&path)
                .take_while(|(a, b)| a.begin == b.begin)
                .count();
            above.truncate(same);
        }
        pieces.push(Piece {
            begin: piece.start,
            end: piece.end,
            heading: joined(title.as_deref(), &above),
            page: None,
        });
    }
    pieces
}

/// Where the section of each heading ends: at the next one of its level or above.
fn sections(headings: &[Heading], end: usize) -> Vec<usize> {
    let mut ends = vec![end; headings.len()];
    let mut open: Vec<usize> = Vec::new();
    for (number, heading) in headings.iter().enumerate() {
        while let Some(last) = open.pop_if(|last| {
            headings
                .get(*last)
                .is_some_and(|above| above.level >= heading.level)
        }) {
            if let Some(end) = ends.get_mut(last) {
                *end = heading.begin;
            }
        }
        open.push(number);
    }
    ends
}

fn is_blank(text: &str, from: usize, to: usize) -> bool {
    text.get(from..to)
        .is_some_and(|part| part.chars().all(char::is_whitespace))
}

/// A heading ends those of its level and below.
fn enter<'a>(path: &mut Vec<&'a Heading>, next: &'a Heading) {
    path.retain(|above| above.level < next.level);
    path.push(next);
}

/// `title`: stands in where no heading of the first level is above.
fn joined(title: Option<&str>, above: &[&Heading]) -> Option<String> {
    let has_title = above
        .first()
        .is_some_and(|first| first.level == HeadingLevel::H1);
    let title = title.filter(|_| !has_title);
    let words = above.iter().map(|heading| heading.words.as_str());
    let all: Vec<_> = title
        .into_iter()
        .chain(words)
        .filter(|words| !words.is_empty())
        .collect();
    (!all.is_empty()).then(|| short(&all.join(BELOW), PATH))
}

/// What Markdown is made of.
struct Outline {
    headings: Vec<Heading>,
    /// Where its outermost blocks begin.
    outer: Vec<usize>,
    /// Where blocks within blocks begin.
    inner: Vec<usize>,
}

fn outline(text: &str) -> Outline {
    let (mut headings, mut outer, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    let mut open: Option<Heading> = None;
    let mut depth = 0_usize;
    for (event, place) in Parser::new_ext(text, Options::all()).into_offset_iter() {
        match &event {
            Event::Start(tag) => {
                if depth == 0 {
                    outer.push(place.start);
                } else if is_block(tag) {
                    inner.push(place.start);
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                open = Some(Heading {
                    begin: place.start,
                    end: place.end,
                    level,
                    words: String::new(),
                });
            }
            Event::End(TagEnd::Heading(_)) => {
                headings.extend(open.take().map(|heading| Heading {
                    words: short(heading.words.trim(), HEADING),
                    ..heading
                }));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut open {
                    heading.words.push_str(&words);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut open {
                    heading.words.push(' ');
                }
            }
            _ => {}
        }
    }
    // Footnotes and the like may come out of order.
    headings.sort_by_key(|heading| heading.begin);
    outer.sort_unstable();
    inner.sort_unstable();
    Outline {
        headings,
        outer,
        inner,
    }
}

/// Whether it is a part of a block by itself.
fn is_block(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::CodeBlock(_)
            | Tag::Item
            | Tag::TableRow
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
    )
}

#[cfg(test)]
mod tests;
