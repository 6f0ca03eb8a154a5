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
    let long = "This sentence is here to make the part longer than one passage can be. ".repeat(9);
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
fn a_mark_at_the_beginning_is_no_part_of_a_text() {
    let text = "\u{feff}# Lease\n\nThe rent is due on the third.\n";
    let pieces = split(DocumentKind::Markdown, "bom.md", text);
    assert_eq!(pieces[0].heading.as_deref(), Some("Lease"));
    let own = &text[pieces[0].begin..pieces[0].end];
    assert!(
        own.starts_with("# Lease") && own.ends_with("third."),
        "{own}"
    );
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
    // Each of these takes minutes where a part is looked at more than a few times.
    for (kind, text) in [
        (DocumentKind::Plain, "x".repeat(1 << 20)),
        (DocumentKind::Markdown, "x".repeat(1 << 20)),
        (DocumentKind::Markdown, "#\n".repeat(10_000)),
        (DocumentKind::Markdown, "# a\n".repeat(5_000)),
        (DocumentKind::Markdown, "> ".repeat(10_000)),
        (DocumentKind::Markdown, "[".repeat(20_000)),
        (DocumentKind::Markdown, "*a_".repeat(10_000)),
        (DocumentKind::Markdown, "- ".repeat(10_000)),
        (DocumentKind::Markdown, "| a ".repeat(5_000)),
        (DocumentKind::Plain, "漢".repeat(300_000)),
        (DocumentKind::Plain, "\n".repeat(1 << 20)),
        (DocumentKind::Plain, "e\u{301}\u{302}".repeat(5_000)),
        (
            DocumentKind::Plain,
            format!("a {}", "x".repeat(999)).repeat(300),
        ),
        (DocumentKind::Plain, ". ".repeat(200_000)),
    ] {
        check(kind, &text);
    }
}

#[test]
fn a_long_block_is_cut_between_its_parts_then_its_sentences_then_its_words() {
    let cut = |kind, text: &str| -> Vec<String> {
        let pieces = split(kind, "a", text).into_iter();
        pieces
            .map(|piece| text[piece.begin..piece.end].to_owned())
            .collect()
    };
    let list = format!("- {}\n", "an item of a list ".repeat(30)).repeat(4);
    let items = cut(DocumentKind::Markdown, &list);
    assert!(
        items.iter().all(|item| item.starts_with("- an")),
        "{items:?}"
    );
    let said = "He said \"it is so.\" And then nothing else came of it, for years! ".repeat(60);
    let pieces = cut(DocumentKind::Plain, &said);
    assert!(
        pieces.iter().all(|piece| piece.ends_with(['"', '!'])),
        "{pieces:?}"
    );
    let full = pieces.split_last().unwrap().1;
    assert!(full.iter().all(|piece| piece.len() > 600), "{pieces:?}");
    let words = "word ".repeat(1000);
    assert!(
        cut(DocumentKind::Plain, &words)
            .iter()
            .all(|piece| piece.ends_with("word"))
    );
}
