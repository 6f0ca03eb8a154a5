//! Words that a line tore in two.

use std::collections::HashSet;

/// What stands behind a hyphen that belongs to its word: `Haus- und Gartenarbeit`.
const JOINS: [&str; 12] = [
    "und", "oder", "bis", "and", "or", "to", "y", "o", "et", "ou", "e", "en",
];

/// Pages on which words at the ends of lines are whole again. A hyphen stays where the text has the word with it elsewhere.
pub(super) fn whole(pages: &[String]) -> Vec<String> {
    let words = pages.iter().flat_map(|page| page.split_whitespace());
    let with: HashSet<String> = words
        .filter(|word| word.trim_end_matches('-').contains('-'))
        .map(bare)
        .collect();
    pages.iter().map(|page| mended(page, &with)).collect()
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
}

fn mended(page: &str, with: &HashSet<String>) -> String {
    let mut lines: Vec<String> = page
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    let mut at = 0;
    while at < lines.len() {
        // The next column begins as a paragraph does.
        let next = (at + 1..lines.len()).find(|next| !lines[*next].is_empty());
        let Some((next, joined)) =
            next.and_then(|next| Some((next, join(&lines[at], &lines[next], with)?)))
        else {
            at += 1;
            continue;
        };
        let (own, rest) = joined;
        lines[at] = own;
        match rest.is_empty() {
            // It may be torn once more.
            true => drop(lines.drain(at + 1..=next)),
            false => {
                lines[next] = rest;
                at += 1;
            }
        }
    }
    lines.join("\n").replace('\u{ad}', "")
}

/// A line with all of its last word, and what is left of the next one; `None`: its last word is whole.
fn join(line: &str, next: &str, with: &HashSet<String>) -> Option<(String, String)> {
    let (stem, sign) = torn(line)?;
    let (first, rest) = next.split_once(' ').unwrap_or((next, ""));
    if !first.starts_with(char::is_lowercase) || JOINS.contains(&first) {
        return None;
    }
    let begin = stem.rsplit(char::is_whitespace).next().unwrap_or_default();
    let has_more = begin.contains('-') || first.contains('-');
    let stays = sign == '-' && (has_more || with.contains(&bare(&format!("{begin}-{first}"))));
    let hyphen = if stays { "-" } else { "" };
    Some((
        format!("{stem}{hyphen}{first}"),
        rest.trim_start().to_owned(),
    ))
}

/// A line that ends within a word: what is before its hyphen, and that.
fn torn(line: &str) -> Option<(&str, char)> {
    let sign = line
        .chars()
        .next_back()
        .filter(|c| matches!(c, '-' | '\u{ad}' | '\u{2010}'))?;
    let stem = line.strip_suffix(sign)?.trim_end();
    stem.ends_with(char::is_alphabetic).then_some((stem, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_at_the_end_of_a_line_is_whole() {
        let pages = [
            "a manip-\nulation of the well-\nknown state-of-\nthe-art\nend".to_owned(),
            "it is well-known\nHaus-\nund Jean-\nPaul\ninter\u{2010}\nnation\u{ad}al\nlast-\nword"
                .to_owned(),
        ];
        assert_eq!(
            whole(&pages),
            [
                "a manipulation\nof the well-known\nstate-of-the-art\nend",
                "it is well-known\nHaus-\nund Jean-\nPaul\ninternational\nlastword",
            ]
        );
    }
}
