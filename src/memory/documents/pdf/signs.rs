//! Signs as they are drawn, and as they are read: ligatures and drawn forms are letters, and what runs from right to left is
//! turned round.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};

/// What a sign of a font is when it is read; empty: nobody knows, or nobody sees it.
pub(super) fn as_read(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\u{a0}' => read.push(' '),
            // Symbol and Wingdings have their bullets there.
            '\u{f0b7}' | '\u{f0a7}' => read.push('•'),
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. | '\u{fffd}' => {}
            c if c.is_control() => {}
            // Forms of letters, not letters: Latin and Armenian ligatures, Hebrew and Arabic as they are drawn, radicals.
            '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{2e80}'..='\u{2fd5}' => {
                // As an isolated form a mark stands on a space.
                let form: String = c.nfkc().filter(|c| !c.is_whitespace()).collect();
                read.push_str(&form);
            }
            c => read.push(c),
        }
    }
    read.nfc().collect()
}

/// Whether it stands on the sign before.
pub(super) fn is_mark(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_combining_mark)
}

/// Whether it has a letter of a script that runs from right to left.
pub(super) fn is_right_to_left(text: &str) -> bool {
    text.chars().any(|c| side(c) == Some(Side::Left))
}

/// To which side a sign runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    /// A figure: it runs to the right, also where the rest does not.
    Figure,
}

/// `None`: it goes with what is around it.
fn side(c: char) -> Option<Side> {
    use Script::{Adlam, Arabic, Hebrew, Mandaic, Nko, Samaritan, Syriac, Thaana};
    match c {
        c if c.is_numeric() => Some(Side::Figure),
        c if !c.is_alphabetic() => None,
        c => match c.script() {
            Hebrew | Arabic | Syriac | Thaana | Nko | Samaritan | Mandaic | Adlam => {
                Some(Side::Left)
            }
            _ => Some(Side::Right),
        },
    }
}

/// A line as it is read, from its signs as they stand from left to right: the bidirectional algorithm (UAX #9) backwards, as far
/// as lines of print need it.
pub(super) fn logical(parts: Vec<String>) -> String {
    let sides: Vec<_> = parts
        .iter()
        .map(|part| part.chars().find_map(side))
        .collect();
    let count = |side| sides.iter().filter(|own| **own == Some(side)).count();
    let mut all: Vec<(Option<Side>, String)> = sides.iter().copied().zip(parts).collect();
    // What belongs to a number stands in it: 1,200 and 12:30, also a sign for money or parts right beside it.
    if count(Side::Left) >= count(Side::Right).max(1) {
        turn(&mut all);
        let islands = spans(
            &all,
            |side| matches!(side, Side::Right | Side::Figure),
            Side::Right,
        );
        for (from, to) in islands {
            back(&mut all[from..to]);
        }
    } else {
        for (from, to) in spans(
            &all,
            |side| matches!(side, Side::Left | Side::Figure),
            Side::Left,
        ) {
            turn(&mut all[from..to]);
            let inner = spans(&all[from..to], |side| side == Side::Figure, Side::Figure);
            for (a, b) in inner {
                back(&mut all[from + a..from + b]);
            }
        }
    }
    all.into_iter().map(|(_, text)| text).collect()
}

/// Turns signs round; brackets are drawn as in a mirror.
fn turn(all: &mut [(Option<Side>, String)]) {
    all.reverse();
    all.iter_mut().for_each(mirror);
}

fn back(all: &mut [(Option<Side>, String)]) {
    turn(all);
}

fn mirror((side, text): &mut (Option<Side>, String)) {
    if side.is_none() {
        *text = text.chars().map(mirrored).collect();
    }
}

fn mirrored(c: char) -> char {
    const PAIRS: [(char, char); 6] = [
        ('(', ')'),
        ('[', ']'),
        ('{', '}'),
        ('<', '>'),
        ('«', '»'),
        ('‹', '›'),
    ];
    let other = PAIRS.iter().find_map(|(a, b)| match c {
        c if c == *a => Some(*b),
        c if c == *b => Some(*a),
        _ => None,
    });
    other.unwrap_or(c)
}

/// Where signs of these sides stand together: from one that leads to the last, with what is between. Figures alone hold nothing
/// together but what stands within a number.
fn spans(
    all: &[(Option<Side>, String)],
    is_own: impl Fn(Side) -> bool,
    lead: Side,
) -> Vec<(usize, usize)> {
    let (mut spans, mut at) = (Vec::new(), 0);
    while at < all.len() {
        let begins = all[at]
            .0
            .is_some_and(|side| is_own(side) && (lead != Side::Left || side == lead));
        if !begins {
            at += 1;
            continue;
        }
        let begin = at;
        let (mut end, mut has_lead) = (at + 1, all[at].0 == Some(lead));
        let mut next = end;
        while next < all.len() {
            match all[next].0 {
                Some(side) if is_own(side) => {
                    let figures = side == Side::Figure
                        && all[end - 1].0 == Some(Side::Figure)
                        && !(has_lead && lead != Side::Figure);
                    let within = all[end..next]
                        .iter()
                        .all(|(_, text)| ".,:/-".contains(text.as_str()) && text.len() == 1);
                    if figures && !within && next > end {
                        break;
                    }
                    has_lead |= side == lead;
                    // A number beside what runs to the left stays where it is.
                    if lead != Side::Left || side == lead {
                        end = next + 1;
                    }
                }
                Some(_) => break,
                None => {}
            }
            next += 1;
        }
        // Figures alone are an island only where all else is turned.
        if has_lead || lead != Side::Left {
            spans.push((begin, end));
        }
        at = end;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(drawn: &str) -> String {
        logical(drawn.chars().map(String::from).collect())
    }

    #[test]
    fn what_runs_to_the_left_is_read_as_it_was_written() {
        for (drawn, written) in [
            ("הפיחב רג ינא", "אני גר בחיפה"),
            (".2027 תנשב רמגנ הזוחה", "החוזה נגמר בשנת 2027."),
            ("םולש ABC 12 def םלוע", "עולם ABC 12 def שלום"),
            ("1,200.50 ריחמה", "המחיר 1,200.50"),
            ("(3 דומע) םולש", "שלום (עמוד 3)"),
            ("The word םולש means peace", "The word שלום means peace"),
            (
                "The number in םלוע םולש 12 (a)",
                "The number in שלום עולם 12 (a)",
            ),
            ("2027 250", "2027 250"),
            ("plain (text) 12", "plain (text) 12"),
        ] {
            assert_eq!(read(drawn), written, "{drawn}");
        }
    }

    #[test]
    fn drawn_forms_are_letters() {
        assert_eq!(
            as_read("ﬁ") + &as_read("ﬄ") + &as_read("ﻻ") + &as_read("⼀"),
            "fifflلا一"
        );
        assert_eq!(as_read("x²½Å"), "x²½Å");
        assert_eq!(as_read("\u{f0b7}\u{e123}\u{0}\u{a0}"), "• ");
    }
}
