//! A text in parts that a date may have.

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};

use super::calendar::plain;

/// A part of a text.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) what: What,
    /// As it stands there.
    pub(super) text: String,
    /// It begins with a capital.
    pub(super) capital: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    Word,
    /// Figures and how many; an ending as in `9th` belongs to them.
    Figures(u32, usize),
    /// One sign of a script without spaces, or of one where words grow together.
    Dense,
    Sign(char),
    Space,
}

/// The parts of a text.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let is_dense = |c: char| {
        matches!(
            c.script(),
            Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul
        )
    };
    let class = |c: char| match c {
        c if c.is_whitespace() => 0,
        c if is_dense(c) => 1,
        c if c.is_numeric() => 2,
        c if c.is_alphabetic() || is_combining_mark(c) => 3,
        _ => 4,
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let own = class(c);
        let long = match own {
            0 | 2 | 3 => rest.find(|c| class(c) != own).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        let (part, behind) = rest.split_at(long);
        rest = behind;
        let piece = |what, text| Piece {
            what,
            text,
            capital: c.is_uppercase(),
        };
        match own {
            0 => pieces.push(piece(What::Space, " ".to_owned())),
            1 => pieces.push(piece(What::Dense, plain(part))),
            2 => pieces.push(figures_of(part)),
            3 => {
                let word = plain(part);
                // `9th`, `1er`: the ending of a number.
                let ending = matches!(
                    word.as_str(),
                    "st" | "nd" | "rd" | "th" | "er" | "e" | "a" | "o"
                );
                let of_figures = pieces
                    .last()
                    .is_some_and(|last| matches!(last.what, What::Figures(..)));
                match (of_figures, ending) {
                    (true, true) => {}
                    (true, false) => {
                        // `7km` is no number by itself.
                        pieces.pop();
                        pieces.push(piece(What::Word, word));
                    }
                    _ => pieces.push(piece(What::Word, word)),
                }
            }
            _ => pieces.push(piece(What::Sign(c), String::new())),
        }
    }
    pieces
}

/// A run of figures, of whatever script has ten of them.
fn figures_of(part: &str) -> Piece {
    let plain = plain(part);
    let value = |c: char| match u32::from(c) {
        at @ 0x30..=0x39 => Some(at - 0x30),
        at @ 0x660..=0x669 => Some(at - 0x660),
        at @ 0x6f0..=0x6f9 => Some(at - 0x6f0),
        at @ 0x966..=0x96f => Some(at - 0x966),
        _ => None,
    };
    let digits: Option<Vec<u32>> = plain.chars().take(9).map(value).collect();
    let what = match digits {
        Some(digits) => What::Figures(
            digits.iter().fold(0, |all, digit| all * 10 + digit),
            plain.chars().count(),
        ),
        None => What::Word,
    };
    Piece {
        what,
        text: plain,
        capital: false,
    }
}
