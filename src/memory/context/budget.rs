//! How many tokens a text may be, without a tokenizer: rather too many than too few.

/// Tokens of a text, as it is estimated: a letter of ASCII counts 0.3 (from the seventeenth of a word on 0.6, since no tokenizer
/// knows such words), a space 0.3, a digit, a sign and a line's end 1, another letter of an alphabet 0.7, a letter of a script
/// that is written without spaces or of India 1.3, and whatever takes four bytes 3.
pub(super) fn tokens(text: &str) -> usize {
    let (mut tenths, mut run) = (0_usize, 0_usize);
    for c in text.chars() {
        run = if c.is_ascii_alphabetic() { run + 1 } else { 0 };
        tenths += match c {
            'a'..='z' | 'A'..='Z' if run <= 16 => 3,
            'a'..='z' | 'A'..='Z' => 6,
            ' ' => 3,
            '\0'..='\u{7f}' => 10,
            // Latin with signs, Greek, Cyrillic, Armenian, Hebrew, Arabic.
            '\u{80}'..='\u{7ff}' => 7,
            '\u{800}'..='\u{ffff}' => 13,
            _ => 30,
        };
    }
    tenths.div_ceil(10)
}

/// The beginning of a text that has at most so many tokens, and whether it is all of it.
pub(super) fn head(text: &str, most: usize) -> (&str, bool) {
    if tokens(text) <= most {
        return (text, true);
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    // The estimate grows with the text.
    let fitting = ends.partition_point(|end| tokens(&text[..*end]) <= most);
    let end = ends[..fitting].last().copied().unwrap_or(0);
    // Not in the middle of a word, where there is another way.
    let space = text[..end].rfind(char::is_whitespace);
    let end = space.filter(|at| at * 2 > end).unwrap_or(end);
    (text[..end].trim_end(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_above_what_tokenizers_make() {
        // Counts of cl100k_base, as its users publish them.
        assert!(tokens("The quick brown fox jumps over the lazy dog.") >= 10);
        assert!(tokens("Съешь же ещё этих мягких французских булок") >= 20);
        assert!(tokens("我去年住在东京") >= 7);
        assert!(tokens("2024-01-17") >= 6);
        assert!(tokens("🙂🙂") >= 4);
        assert!(tokens(&"Zm9vYmFy".repeat(100)) >= 300);
        assert_eq!(tokens(""), 0);
    }

    #[test]
    fn a_head_never_has_more_than_it_may() {
        let text = "Ein längerer Satz, der 1234 Zeichen hat: 我去年住在东京 🙂 and on it goes. "
            .repeat(20);
        for most in [0, 1, 5, 50, 300] {
            let (head, whole) = head(&text, most);
            assert!(!whole && tokens(head) <= most, "{most} {head}");
            assert!(text.starts_with(head));
        }
        assert_eq!(head("short", 10), ("short", true));
    }
}
