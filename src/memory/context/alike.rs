//! Whether two texts say the same in the same words.

use unicode_normalization::UnicodeNormalization as _;

/// Shortest text, in words, that counts as said where it only stands within another one.
const WITHIN: usize = 3;
/// Shortest word that may differ in one sign, as in a slip of the pen, characters.
const SLIP: usize = 5;

/// The words of a text, without case and signs, each between spaces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words(String);

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
        Self(words)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    fn all(&self) -> Vec<&str> {
        self.0.split_whitespace().collect()
    }

    /// Whether whoever has read `other` has read this.
    pub(super) fn is_in(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (own, others) = (self.all(), other.all());
        let long = own.len() >= WITHIN || self.0.chars().count() > 12;
        (long && other.0.contains(&self.0)) || is_slip(&own, &others)
    }
}

/// Whether each word is the same, but for a letter in long ones. Numbers are never nearly the same.
fn is_slip(a: &[&str], b: &[&str]) -> bool {
    let near = |(a, b): (&&str, &&str)| {
        a == b
            || a.chars().count() >= SLIP
                && b.chars().count() >= SLIP
                && !a.contains(char::is_numeric)
                && !b.contains(char::is_numeric)
                && strsim::levenshtein(a, b) <= 1
    };
    a.len() >= WITHIN && a.len() == b.len() && a.iter().zip(b).all(near)
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Signs that stand within a word and are not seen.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        Words::of(a).is_in(&Words::of(b))
    }

    #[test]
    fn the_same_in_other_signs_is_the_same() {
        assert!(same("I like tea.", "i LIKE tea!!"));
        assert!(same("Ｉ like\u{200b} tea", "I like tea"));
        assert!(same("I like tea", "Ann: I like tea, with milk"));
        assert!(same(
            "My favorite colour is teal",
            "My favourite colour is teal"
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
}
