//! Where a text is cut into passages: along its headings, paragraphs and sentences, and never within a character.
//!
//! Passages are in order, do not overlap, and hold everything that is not white space.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use text_splitter::{Characters, ChunkConfig, MarkdownSplitter, TextSplitter};

use super::kind::DocumentKind;

/// Counts up with every change to where texts are cut; documents that were split by other rules are split again.
pub(super) const RULES: u32 = 1;
/// What a passage shall have, and what it has at most, in characters.
const WANTED: std::ops::RangeInclusive<usize> = 600..=1000;
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

fn config() -> ChunkConfig<Characters> {
    ChunkConfig::new(WANTED)
}

/// The pieces of what has no structure but paragraphs and sentences; `from`: where it stands in the whole.
fn plain<'a>(
    text: &'a str,
    from: usize,
    heading: Option<&'a str>,
    page: Option<u32>,
) -> impl Iterator<Item = Piece> + 'a {
    let splitter = TextSplitter::new(config());
    let chunks: Vec<_> = splitter
        .chunk_indices(text)
        .map(|(at, chunk)| (at, chunk.len()))
        .collect();
    chunks.into_iter().map(move |(at, length)| Piece {
        begin: from + at,
        end: from + at + length,
        heading: heading.map(str::to_owned),
        page,
    })
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
    let headings = headings(text);
    let mut ahead = headings.iter().peekable();
    let mut path: Vec<&Heading> = Vec::new();
    let splitter = MarkdownSplitter::new(config());
    let mut pieces = Vec::new();
    for (begin, chunk) in splitter.chunk_indices(text) {
        let end = begin + chunk.len();
        // Those before it, and those with which it begins.
        let mut body = begin;
        while let Some(next) =
            ahead.next_if(|next| next.begin < body || is_blank(text, body, next.begin))
        {
            enter(&mut path, next);
            body = body.max(next.end);
        }
        let mut above = path.clone();
        // What stands below several headings stands below what is common to them.
        while let Some(next) = ahead.next_if(|next| next.begin < end) {
            enter(&mut path, next);
            let same = above
                .iter()
                .zip(&path)
                .take_while(|(a, b)| a.begin == b.begin)
                .count();
            above.truncate(same);
        }
        pieces.push(Piece {
            begin,
            end,
            heading: joined(title.as_deref(), &above),
            page: None,
        });
    }
    pieces
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

fn headings(text: &str) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut open: Option<Heading> = None;
    for (event, place) in Parser::new_ext(text, Options::all()).into_offset_iter() {
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
    headings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the pieces are in order, apart, within characters, not too long, and hold all that is not white space.
    fn check(kind: DocumentKind, text: &str) {
        let mut last = 0;
        for piece in split(kind, "a.md", text) {
            assert!(piece.begin >= last && piece.end > piece.begin, "{piece:?}");
            let own = text.get(piece.begin..piece.end).unwrap();
            assert!(
                own.chars().count() <= 1000,
                "{piece:?} has {} characters",
                own.chars().count()
            );
            assert!(!own.trim().is_empty(), "{piece:?}");
            let between = &text[last..piece.begin];
            assert!(
                between.chars().all(char::is_whitespace),
                "{between:?} is lost"
            );
            last = piece.end;
        }
        assert!(
            text[last..].chars().all(char::is_whitespace),
            "{:?} is lost",
            &text[last..]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pieces_hold_everything_in_order_in_every_script(
            parts in prop::collection::vec(
                prop_oneof![
                    "[a-z ]{1,200}", "[а-яё .]{1,200}", "[一-龥，。]{1,300}", "[ぁ-ん。]{1,200}", "[ก-๙]{1,200}", "[ا-ي ]{1,200}",
                    "[क-ह ]{1,200}", "\\PC{1,80}", "(👩‍👩‍👧‍👦|🇩🇪|e\u{301}){1,50}",
                    Just("\n\n".to_owned()), Just("\n# Title\n".to_owned()), Just("\n\n## Part `x`\n\n".to_owned()),
                    Just("\nUnder\n=====\n".to_owned()), Just("\n```\n# no heading\n```\n".to_owned()),
                    Just("\n| a | b |\n|---|---|\n| 1 | 2 |\n".to_owned()), Just("\n- one\n  - two\n".to_owned()), Just("\u{c}".to_owned()),
                    Just("\n---\n".to_owned()), Just("\n> said\n".to_owned()), Just("<div>\n".to_owned()), Just("\t".to_owned()),
                ],
                0..24,
            ),
        ) {
            let text = parts.concat();
            for kind in DocumentKind::ALL {
                check(kind, &text);
            }
        }
    }

    #[test]
    fn a_passage_knows_the_headings_above_it() {
        let long =
            "This sentence is here to make the part longer than one passage can be. ".repeat(9);
        let text = format!(
            "---\nkey: value\n---\nBefore.\n\n# Trip\n\n{long}\n\n## Flight\n\n{long}\n\n### Seats `A`\n{long}\n\n## Hotel\n\n{long}"
        );
        let pieces = split(DocumentKind::Markdown, "notes/japan_2024.md", &text);
        let of = |word: &str| {
            let at = text.find(word).unwrap() + 40;
            let piece = pieces
                .iter()
                .find(|piece| (piece.begin..piece.end).contains(&at));
            piece.unwrap().heading.clone().unwrap()
        };
        assert_eq!(
            pieces[0].heading.as_deref(),
            Some("japan 2024"),
            "{pieces:#?}"
        );
        assert_eq!(of("# Trip"), "Trip");
        assert_eq!(of("## Flight"), "Trip > Flight");
        assert_eq!(of("### Seats"), "Trip > Flight > Seats A");
        assert_eq!(of("## Hotel"), "Trip > Hotel");
    }

    #[test]
    fn small_parts_are_one_passage_below_what_is_common_to_them() {
        let text = "# Questions\n\n## Price\nTen.\n\n## Size\nLarge.\n";
        let pieces = split(DocumentKind::Markdown, "faq.md", text);
        assert_eq!(pieces.len(), 1, "{pieces:?}");
        assert_eq!(pieces[0].heading.as_deref(), Some("Questions"));
        let none = split(
            DocumentKind::Markdown,
            "faq.md",
            "## Price\nTen.\n\n## Size\nLarge.\n",
        );
        assert_eq!(none[0].heading.as_deref(), Some("faq"));
    }

    #[test]
    fn pages_are_counted_also_the_empty_ones() {
        let text = "One.\u{c}\n \u{c}Three.";
        let pieces = split(DocumentKind::Pdf, "lease.pdf", text);
        let pages: Vec<_> = pieces
            .iter()
            .map(|piece| (&text[piece.begin..piece.end], piece.page))
            .collect();
        assert_eq!(pages, [("One.", Some(1)), ("Three.", Some(3))]);
        assert_eq!(pieces[0].heading.as_deref(), Some("lease"));
    }

    #[test]
    fn a_text_without_any_end_is_cut_too() {
        for (kind, text) in [
            (DocumentKind::Plain, "x".repeat(100_000)),
            (DocumentKind::Markdown, "x".repeat(100_000)),
            (DocumentKind::Markdown, "#\n".repeat(20_000)),
            (DocumentKind::Markdown, "# a\n".repeat(20_000)),
            (DocumentKind::Markdown, "> ".repeat(20_000)),
            (DocumentKind::Markdown, "[".repeat(50_000)),
            (DocumentKind::Markdown, "*a_".repeat(20_000)),
            (DocumentKind::Markdown, "- ".repeat(20_000)),
            (DocumentKind::Markdown, "| a ".repeat(20_000)),
            (DocumentKind::Plain, "漢".repeat(30_000)),
            (DocumentKind::Plain, "\n".repeat(100_000)),
            (DocumentKind::Plain, "e\u{301}\u{302}".repeat(20_000)),
        ] {
            let begin = std::time::Instant::now();
            check(kind, &text);
            eprintln!(
                "{:?} {:?}: {:?}",
                kind,
                text.chars().take(6).collect::<String>(),
                begin.elapsed()
            );
        }
    }
}
