//! Whether two texts say the same in the same words.

use std::cell::Cell;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

/// Shortest text, in words, that counts as said where it only stands within another one.
const WITHIN: usize = 3;
/// The same, in characters, of fewer words.
const LONG: usize = 10;
/// The same, in signs of a script that has no spaces between words.
const SIGNS: usize = 5;
/// Shortest word that may differ in one sign, as in a slip of the pen, characters.
const SLIP: usize = 5;
/// Longest one, characters: what is longer is no word that somebody wrote.
const LONGEST: usize = 32;

/// How many pairs of words are compared in one answer to find slips; behind that only the same words are the same.
const PAIRS: usize = 1_000_000;

/// What comparing may still cost, for all texts of one answer.
#[derive(Debug)]
pub(super) struct Left(Cell<usize>);

impl Default for Left {
    fn default() -> Self {
        Self(Cell::new(PAIRS))
    }
}

/// The words of a text, without case and signs, each between spaces.
#[derive(Debug, Clone)]
pub(super) struct Words {
    text: String,
    /// Where each of them stands.
    places: Vec<Range<usize>>,
}

impl Words {
    /// Of a text; a name in front of it counts as much as the rest.
    pub(super) fn of(text: &str) -> Self {
        let mut words = String::with_capacity(text.len() + 2);
        words.push(' ');
        for c in text.nfkc().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() || is_mark(c) {
                words.push(c);
            } else if !words.ends_with(' ') && !is_unseen(c) {
                words.push(' ');
            }
        }
        if !words.ends_with(' ') {
            words.push(' ');
        }
        let mut places = Vec::new();
        let mut begin = 1;
        for (end, _) in words.match_indices(' ').skip(1) {
            places.push(begin..end);
            begin = end + 1;
        }
        Self {
            text: words,
            places,
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn word(&self, at: usize) -> &str {
        let place = self.places.get(at).cloned();
        place
            .and_then(|place| self.text.get(place))
            .unwrap_or_default()
    }

    /// Whether whoever has read `other` has read this. Where nothing is left, slips are none any more.
    pub(super) fn is_in(&self, other: &Self, left: &Left) -> bool {
        if self.text == other.text {
            return true;
        }
        let count = self.places.len();
        let long = count >= WITHIN
            || self.text.chars().nth(LONG + 2).is_some()
            || self
                .text
                .chars()
                .filter(|c| is_unspaced(*c))
                .nth(SIGNS - 1)
                .is_some();
        if long && other.text.contains(&self.text) {
            return true;
        }
        let begins = (other.places.len() + 1).saturating_sub(count);
        count >= WITHIN && (0..begins).any(|begin| self.slips(other, begin, left))
    }

    /// Whether each word is the same as the one of `other` from a place on, but for a letter in long ones.
    fn slips(&self, other: &Self, begin: usize, left: &Left) -> bool {
        (0..self.places.len()).all(|at| {
            let Some(less) = left.0.get().checked_sub(1) else {
                return false;
            };
            left.0.set(less);
            is_slip(self.word(at), other.word(begin + at))
        })
    }
}

/// Whether two words are the same, but for a letter in long ones. Numbers are never nearly the same.
fn is_slip(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // Four bytes have the longest characters.
    if a.len().max(b.len()) > 4 * LONGEST {
        return false;
    }
    let [a, b] = [a, b].map(|word| word.chars().collect::<Vec<_>>());
    let fits = |word: &[char]| {
        (SLIP..=LONGEST).contains(&word.len()) && !word.iter().any(|c| c.is_numeric())
    };
    if !fits(&a) || !fits(&b) {
        return false;
    }
    let same = |(a, b): &(&char, &char)| a == b;
    let shorter = a.len().min(b.len());
    let before = a.iter().zip(&b).take_while(same).count();
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    let common = before + behind.min(shorter - before);
    a.len().max(b.len()) - common <= 1
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Whether it is of Chinese or Japanese, which have no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Signs that stand within a word and are not seen.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        Words::of(a).is_in(&Words::of(b), &Left::default())
    }

    #[test]
    fn the_same_in_other_signs_is_the_same() {
        assert!(same("I like tea.", "i LIKE tea!!"));
        assert!(same("Ｉ like\u{200b} tea", "I like tea"));
        assert!(same("I like tea", "Ann: I like tea, with milk"));
        assert!(same(
            "My favorite colour is teal",
            "Well, my favourite colour is teal"
        ));
        assert!(same("我去年住在东京", "我去年住在东京。"));
        assert!(same("我去年住在东京", "是的，我去年住在东京，"));
    }

    #[test]
    fn what_says_something_else_stays() {
        assert!(!same("I do not like tea", "I like tea"));
        assert!(!same("apple number 3", "apple number 4"));
        assert!(!same("paid 12345 euros today", "paid 12346 euros today"));
        assert!(!same("yes", "yes, I moved to Rome"));
        assert!(!same("I like tea with milk", "I like tea"));
    }

    #[test]
    fn a_slip_is_one_letter() {
        for (a, b) in [
            ("colour", "color"),
            ("favourite", "favorite"),
            ("teapot", "teapots"),
            ("kitten", "mitten"),
        ] {
            assert!(is_slip(a, b) && is_slip(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("kitten", "sitting"),
            ("form", "from"),
            ("aaaaa", "aaaaaaa"),
            ("house1", "house2"),
        ] {
            assert!(!is_slip(a, b) && !is_slip(b, a), "{a} {b}");
        }
        let long = "x".repeat(LONGEST);
        assert!(is_slip(&long, &long.replacen('x', "y", 1)));
        assert!(!is_slip(&format!("{long}x"), &format!("{long}y")));
    }

    #[test]
    fn texts_made_to_be_compared_for_long_are_not() {
        // Word by word, and letter by letter, these take hours.
        let long = |last: char| format!("a b {}{last}", "x".repeat(60_000));
        assert!(!same(&long('y'), &long('z')));
        let many = |last: &str, count: usize| format!("{}{last}", "aaaaa ".repeat(count));
        assert!(!same(&many("bbbbb", 10_000), &many("ccccc", 80_000)));
        // What is the same word for word is found all the same.
        assert!(same(&many("ccccc", 10_000), &many("ccccc", 80_000)));
    }
}
