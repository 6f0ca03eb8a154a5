//! Texts as terms: what two texts must share to be about the same.
//!
//! Forms that look alike or mean the same letter are one (Unicode NFKD, lower case; accents of Latin and Greek, vowel points of
//! Hebrew and Arabic fall away). Scripts that put no spaces between words give pairs of neighbours. Words of a to z come back to
//! their English stems; in another language they are cut the same way wherever they stand. What holds digits, `@` or `_` is kept
//! whole as well as in parts: `JIRA-1234`, `a@b.example`, `v1.2`.
//!
//! What is deleted is found in the index by its terms, so whoever changes these rules must have every index made anew.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};

use super::english::{base, is_stop};
use crate::ids::is_seen;

/// Longest term, in characters; the rest of a longer one counts for nothing.
const LONGEST: usize = 64;
/// An apostrophe, as it is typed and as it is printed.
const APOSTROPHES: [char; 3] = ['\'', '’', 'ʼ'];

/// A term of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The term.
    pub(super) term: String,
    /// How much it says.
    pub(super) weight: Weight,
}

/// How much a term says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It is a word of the text.
    Word,
    /// Every text has it: it counts only where there is nothing else.
    Stop,
    /// Besides its words: an identifier as a whole, or a single sign of a script without spaces.
    Beside,
}

/// Every term of a text, in its order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars = folded(text);
    let stemmer = Stemmer::create(Algorithm::English);
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if is_dense(c) {
            at = dense(&chars, at, &mut tokens);
        } else if c.is_alphanumeric() {
            at = spaced(&chars, at, &stemmer, &mut tokens);
        } else {
            at += 1;
        }
    }
    tokens
}

/// The terms of a text for the index, each once with how often it stands there; and the number of words.
pub(super) fn counted(text: &str) -> (Vec<(String, u8)>, u16) {
    let (mut counts, mut words) = (HashMap::<String, u8>::new(), 0_u16);
    for token in tokens(text) {
        if token.weight == Weight::Word {
            words = words.saturating_add(1);
        }
        let count = counts.entry(token.term).or_default();
        *count = count.saturating_add(1);
    }
    (counts.into_iter().collect(), words)
}

/// What a query asks for, each once. Words that every text has count only where there is nothing else; single signs only
/// where they stand alone.
pub(super) fn asked(query: &str) -> Vec<Token> {
    let mut all = tokens(query);
    let stop = |token: &Token| token.weight == Weight::Stop;
    if !all.iter().all(stop) {
        all.retain(|token| !stop(token));
    }
    // The signs of a longer run are in its pairs.
    let is_sign = |token: &Token| {
        token.weight == Weight::Beside && token.term.chars().next().is_some_and(is_dense)
    };
    all.retain(|token| !is_sign(token));
    let mut seen = std::collections::HashSet::new();
    all.retain(|token| seen.insert(token.term.clone()));
    all
}

/// A name by its words, as queries have them.
pub(super) fn name(name: &str) -> Vec<String> {
    let words = tokens(name).into_iter();
    words
        .filter(|token| token.weight == Weight::Word)
        .map(|token| token.term)
        .collect()
}

/// The text with everything gone that only looks different.
fn folded(text: &str) -> Vec<char> {
    let mut after = Script::Common;
    let mut bare = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        if is_combining_mark(c) {
            if !falls_away(c, after) {
                bare.push(c);
            }
            continue;
        }
        after = c.script();
        match c {
            'ß' => bare.push_str("ss"),
            'æ' => bare.push_str("ae"),
            'œ' => bare.push_str("oe"),
            'ø' => bare.push('o'),
            'ł' => bare.push('l'),
            'đ' => bare.push('d'),
            'ı' => bare.push('i'),
            'ς' => bare.push('σ'),
            // The stroke that only stretches Arabic.
            '\u{640}' => {}
            c if c.is_whitespace() => bare.push(' '),
            c if c.is_control() => bare.push(' '),
            c if is_seen(c) => bare.push(c),
            _ => {}
        }
    }
    bare.nfc().collect()
}

fn falls_away(mark: char, after: Script) -> bool {
    match mark {
        '\u{300}'..='\u{36f}' => matches!(after, Script::Latin | Script::Greek | Script::Common),
        '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' => true,
        _ => false,
    }
}

/// Whether its script puts no spaces between words, or, as Korean, glues to them what others put beside.
fn is_dense(c: char) -> bool {
    use Script::*;
    let script = c.script();
    let dense = matches!(
        script,
        Han | Hiragana | Katakana | Bopomofo | Hangul | Thai | Lao | Khmer | Myanmar
    );
    // The long vowel belongs to two scripts, and so to none.
    (dense || c == 'ー') && c.is_alphanumeric() && !c.is_numeric()
}

/// A run of signs without spaces, as pairs, and each sign beside them.
fn dense(chars: &[char], mut at: usize, into: &mut Vec<Token>) -> usize {
    let mut signs: Vec<String> = Vec::new();
    while let Some(&c) = chars.get(at) {
        match signs.last_mut() {
            Some(last) if is_combining_mark(c) => last.push(c),
            _ if is_dense(c) => signs.push(c.to_string()),
            _ => break,
        }
        at += 1;
    }
    let token = |term: String, weight| Token { term, weight };
    if let [only] = signs.as_slice() {
        into.push(token(only.clone(), Weight::Word));
        return at;
    }
    for pair in signs.windows(2) {
        into.push(token(pair.concat(), Weight::Word));
    }
    into.extend(signs.into_iter().map(|sign| token(sign, Weight::Beside)));
    at
}

/// Words up to the next space, and all of it where it is an identifier.
fn spaced(chars: &[char], begin: usize, stemmer: &Stemmer, into: &mut Vec<Token>) -> usize {
    let is_part = |c: char| (c.is_alphanumeric() && !is_dense(c)) || is_combining_mark(c);
    let (mut at, mut parts) = (begin, 0);
    loop {
        let from = at;
        while chars.get(at).copied().is_some_and(is_part) {
            at += 1;
        }
        let word: String = chars[from..at].iter().take(LONGEST).collect();
        let after = from.checked_sub(1).and_then(|at| chars.get(at));
        let clipped = after.is_some_and(|c| APOSTROPHES.contains(c));
        into.push(word_token(word, clipped, stemmer));
        parts += 1;
        let goes_on = chars.get(at).is_some_and(|c| "-._@/:+#&".contains(*c))
            && chars.get(at + 1).copied().is_some_and(is_part);
        if !goes_on {
            break;
        }
        at += 1;
    }
    let all = &chars[begin..at];
    let identifies = |c: &char| c.is_numeric() || *c == '@' || *c == '_';
    if parts > 1 && all.iter().any(identifies) {
        into.push(Token {
            term: all.iter().take(LONGEST).collect(),
            weight: Weight::Beside,
        });
    }
    at
}

/// `clipped`: behind an apostrophe.
fn word_token(word: String, clipped: bool, stemmer: &Stemmer) -> Token {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
    let ending = clipped && matches!(word.as_str(), "s" | "t" | "d" | "m" | "ll" | "re" | "ve");
    if ending || is_stop(&word) {
        let weight = Weight::Stop;
        return Token { term: word, weight };
    }
    let term = match plain {
        true => stemmer.stem(base(&word)).into_owned(),
        false => word,
    };
    let weight = Weight::Word;
    Token { term, weight }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        asked(text).into_iter().map(|token| token.term).collect()
    }

    /// Whether a text is found by a query: all of its terms are in it.
    fn finds(query: &str, text: &str) -> bool {
        let (terms, _) = counted(text);
        let asked = words(query);
        !asked.is_empty()
            && asked
                .iter()
                .all(|word| terms.iter().any(|(term, _)| term == word))
    }

    #[test]
    fn words_of_many_scripts_are_found() {
        for (query, text) in [
            ("painting", "She painted a sunrise"),
            ("CAFE", "We met at the Café."),
            ("strasse", "Die Straße ist lang"),
            ("ΟΔΟΣ", "στην οδός μου"),
            ("кот", "Мой КОТ спит"),
            ("йога", "Йога по утрам"),
            ("كتاب", "قرأتُ كِتَاب أمس"),
            ("שלום", "שָׁלוֹם לכולם"),
            ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
            ("东京", "我去年住在东京的时候"),
            ("猫", "うちの猫はかわいい"),
            ("カメラ", "新しいｶﾒﾗを買った"),
            ("고양이", "우리 고양이는 귀엽다"),
            ("กรุงเทพ", "ฉันอยู่ที่กรุงเทพมาสามปี"),
            ("ភ្នំពេញ", "ខ្ញុំរស់នៅភ្នំពេញ"),
            ("Đặng Thị", "Cô Dang Thi dạy toán"),
            ("iceland", "ICELAND\u{2028}trip"),
            ("secret", "the se\u{200b}cret"),
        ] {
            assert!(
                finds(query, text),
                "{query} in {text}: {:?} {:?}",
                words(query),
                counted(text)
            );
        }
        assert!(!finds("京东", "我去年住在东京"));
        assert!(!finds("car", "a carpet"));
    }

    #[test]
    fn identifiers_are_found_whole_and_in_parts() {
        let text = "See JIRA-1234, mail to Ann.Lee@shop.example about v1.2.3 (snake_case)!";
        for query in [
            "jira-1234",
            "JIRA",
            "1234",
            "ann.lee@shop.example",
            "v1.2.3",
            "snake_case",
            "snake",
        ] {
            assert!(finds(query, text), "{query}: {:?}", counted(text));
        }
        assert!(!finds("JIRA-1235", text));
        assert!(words("JIRA-1234").contains(&"jira-1234".to_owned()));
    }

    #[test]
    fn irregular_forms_are_one_and_words_without_meaning_count_only_alone() {
        assert!(finds("bought", "I want to buy it") && finds("children", "my child"));
        assert_eq!(words("What is the dog's name?"), ["dog", "name"]);
        assert_eq!(words("who are you"), ["who", "are", "you"]);
        assert_eq!(words("vitamin D"), ["vitamin", "d"]);
        assert_eq!(words(" ?!… "), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_has_terms_that_find_it_and_none_is_long(text in "\\PC{0,200}") {
            let (terms, count) = counted(&text);
            for word in words(&text) {
                prop_assert!(terms.iter().any(|(term, _)| *term == word));
            }
            prop_assert!(terms.iter().all(|(term, _)| !term.is_empty() && term.chars().count() <= LONGEST + 8));
            prop_assert!(usize::from(count) <= text.chars().count() * 4);
        }
    }
}
