//! Texts as terms: what two texts must share to be about the same.
//!
//! Forms that look alike or mean the same letter are one (Unicode NFKD, lower case; accents of Latin and Greek, vowel points of
//! Hebrew and Arabic fall away). Scripts that put no spaces between words give pairs of neighbours. Words of a to z come back to
//! their English stems, whatever their language is, and beside that, where the text shows its language, to those of it. What holds
//! digits, `@` or `_` is kept whole as well as in parts: `JIRA-1234`, `a@b.example`, `v1.2`; what stands in groups, also as one.
//!
//! What is deleted is found in the index by its terms, so whoever changes any rule of terms, here, in `dates`, `cues`, `languages`
//! or `stops`, counts [`crate::store::RULES`] up: every index is made anew before the daemon serves.

mod groups;

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};

use super::languages::{Language, Languages, Stems};
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
    /// Besides its words: an identifier as a whole, a single sign of a script without spaces, or the stem in its language.
    Beside,
}

/// What a query asks for: one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its terms; a text has it that has any of them. The first is as [`tokens`] has it.
    pub(super) forms: Vec<String>,
    /// Whether every text has it.
    pub(super) stop: bool,
}

/// A part of a text, before its language is known.
enum Part {
    /// A word; `clipped`: only what an apostrophe leaves of one.
    Word { word: String, clipped: bool },
    /// What is the same in all languages.
    Token(Token),
    /// Groups of figures that may be one number, as far as each of them.
    Groups(Vec<String>),
}

/// Every term of a text, in its order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let (parts, languages, stems) = parts(text);
    let mut tokens = Vec::with_capacity(parts.len());
    for part in parts {
        let (word, weight) = match part {
            Part::Word { word, clipped } => {
                let weight = weight(&word, clipped, languages);
                (word, weight)
            }
            Part::Token(token) => {
                tokens.extend(groups::glued(&token.term).map(beside));
                tokens.push(token);
                continue;
            }
            Part::Groups(all) => {
                tokens.extend(all.into_iter().map(beside));
                continue;
            }
        };
        if weight == Weight::Word {
            let mut own: Vec<_> = match is_plain(&word) {
                true => languages
                    .others()
                    .map(|language| own(&word, language, &stems))
                    .collect(),
                false => stems.beside(&word, false),
            };
            own.sort_unstable();
            own.dedup();
            tokens.extend(own.into_iter().map(beside));
        }
        let term = if weight == Weight::Stop {
            word
        } else {
            stem(&word, &stems)
        };
        tokens.push(Token { term, weight });
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
/// where they stand alone. A word of unknown language may be one of any.
pub(super) fn asked(query: &str) -> Vec<Wanted> {
    let (parts, languages, stems) = parts(query);
    let mut all: Vec<Wanted> = Vec::new();
    for part in parts {
        let (forms, stop) = match part {
            Part::Word { word, clipped } => {
                let stop = weight(&word, clipped, languages) == Weight::Stop;
                let mut forms = vec![if stop {
                    word.clone()
                } else {
                    stem(&word, &stems)
                }];
                if !stop && is_plain(&word) {
                    let any = Language::ALL
                        .into_iter()
                        .skip(1)
                        .filter(|_| languages.is_none());
                    forms.extend(
                        languages
                            .others()
                            .chain(any)
                            .map(|language| own(&word, language, &stems)),
                    );
                    forms.sort_unstable_by(|a, b| {
                        a.starts_with(OWN)
                            .cmp(&b.starts_with(OWN))
                            .then_with(|| a.cmp(b))
                    });
                    forms.dedup();
                } else if !stop {
                    forms.extend(stems.beside(&word, true));
                }
                (forms, stop)
            }
            // The signs of a longer run are in its pairs.
            Part::Token(token)
                if token.weight == Weight::Beside && token.term.starts_with(is_dense) =>
            {
                continue;
            }
            Part::Token(token) => {
                let mut forms: Vec<_> = groups::glued(&token.term).into_iter().collect();
                forms.insert(0, token.term);
                (forms, token.weight == Weight::Stop)
            }
            Part::Groups(all) => (all, false),
        };
        if !all.iter().any(|one| one.forms == forms) {
            all.push(Wanted { forms, stop });
        }
    }
    if !all.iter().all(|one| one.stop) {
        all.retain(|one| !one.stop);
    }
    all
}

/// A name by its words, as queries have them.
pub(super) fn name(name: &str) -> Vec<String> {
    let mut words = tokens(name);
    // Ben is a name, whatever it is in Dutch.
    if words.iter().any(|token| token.weight == Weight::Word) {
        words.retain(|token| token.weight == Weight::Word);
    }
    words.into_iter().map(|token| token.term).collect()
}

fn parts(text: &str) -> (Vec<Part>, Languages, Stems) {
    let chars = folded(text);
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if is_dense(c) {
            at = dense(&chars, at, &mut parts);
        } else if c.is_alphanumeric() {
            at = spaced(&chars, at, &mut parts);
        } else {
            at += 1;
        }
    }
    let words = parts.iter().filter_map(|part| match part {
        Part::Word {
            word,
            clipped: false,
        } => Some(word.as_str()),
        _ => None,
    });
    let languages = Languages::of(words);
    parts.extend(groups::spaced(&chars).into_iter().map(Part::Groups));
    (parts, languages, Stems::default())
}

/// The sign before the stem of a word in its own language.
const OWN: char = '~';

fn own(word: &str, language: Language, stems: &Stems) -> String {
    format!("{OWN}{}", stems.latin(word, language))
}

fn stem(word: &str, stems: &Stems) -> String {
    match is_plain(word) {
        true => stems.latin(word, Language::English),
        false => stems.other(word),
    }
}

fn beside(term: String) -> Token {
    Token {
        term,
        weight: Weight::Beside,
    }
}

fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn weight(word: &str, clipped: bool, languages: Languages) -> Weight {
    match clipped || languages.is_stop(word) {
        true => Weight::Stop,
        false => Weight::Word,
    }
}

/// The text with everything gone that only looks different.
pub(super) fn folded(text: &str) -> Vec<char> {
    let mut after = Script::Common;
    let mut bare = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        if is_combining_mark(c) {
            // The two letters are one where nobody writes the dots.
            let is_yo = c == '\u{308}' && bare.ends_with('е');
            if !is_yo && !falls_away(c, after) {
                bare.push(c);
            }
            continue;
        }
        after = match c {
            c if c.is_ascii_alphabetic() => Script::Latin,
            c if c.is_ascii() => Script::Common,
            c => c.script(),
        };
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
    // Below are none, and most text is there.
    if c < '\u{e00}' {
        return false;
    }
    let script = c.script();
    let dense = matches!(
        script,
        Han | Hiragana | Katakana | Bopomofo | Hangul | Thai | Lao | Khmer | Myanmar
    );
    // The long vowel belongs to two scripts, and so to none.
    (dense || c == 'ー') && c.is_alphanumeric() && !c.is_numeric()
}

/// A run of signs without spaces, as pairs, and each sign beside them.
fn dense(chars: &[char], mut at: usize, into: &mut Vec<Part>) -> usize {
    let mut signs: Vec<String> = Vec::new();
    while let Some(&c) = chars.get(at) {
        match signs.last_mut() {
            Some(last) if is_combining_mark(c) => last.push(c),
            _ if is_dense(c) => signs.push(c.to_string()),
            _ => break,
        }
        at += 1;
    }
    let token = |term: String, weight| {
        let stop = weight == Weight::Word && Languages::default().is_stop(&term);
        let weight = if stop { Weight::Stop } else { weight };
        Part::Token(Token { term, weight })
    };
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
fn spaced(chars: &[char], begin: usize, into: &mut Vec<Part>) -> usize {
    let is_part = |c: char| (c.is_alphanumeric() && !is_dense(c)) || is_combining_mark(c);
    let (mut at, mut parts) = (begin, 0);
    loop {
        let from = at;
        while chars.get(at).copied().is_some_and(is_part) {
            at += 1;
        }
        let word: String = chars[from..at].iter().take(LONGEST).collect();
        let apostrophe = |at: usize| chars.get(at).is_some_and(|c| APOSTROPHES.contains(c));
        // `it's`, `don't`; `l'eau`, `qu'il`.
        let ends = matches!(word.as_str(), "s" | "t" | "d" | "m" | "ll" | "re" | "ve");
        let begins =
            word == "qu" || word.len() == 1 && chars.get(at + 1).is_some_and(|c| c.is_alphabetic());
        let clipped = ends && from > 0 && apostrophe(from - 1) || begins && apostrophe(at);
        into.push(Part::Word { word, clipped });
        parts += 1;
        let goes_on = chars.get(at).is_some_and(|c| "-._@/:+#&".contains(*c))
            && chars.get(at + 1).copied().is_some_and(is_part);
        if !goes_on {
            break;
        }
        at += 1;
    }
    // `C++` and `C#` are no `C`.
    let sign = match chars.get(at..) {
        Some(['#', ..]) => "#",
        Some(['+', '+', ..]) => "++",
        _ => "",
    };
    if let (1, [letter]) = (parts, &chars[begin..at])
        && letter.is_alphabetic()
        && let Some(Part::Word { word, .. }) = into.last_mut()
    {
        word.push_str(sign);
        return at + sign.len();
    }
    let all = &chars[begin..at];
    let identifies = |c: &char| c.is_numeric() || *c == '@' || *c == '_';
    if parts > 1 && all.iter().any(identifies) {
        into.push(Part::Token(Token {
            term: all.iter().take(LONGEST).collect(),
            weight: Weight::Beside,
        }));
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let first = |one: Wanted| one.forms.into_iter().next();
        asked(text).into_iter().filter_map(first).collect()
    }

    /// Whether a text is found by a query: all of its terms are in it.
    fn finds(query: &str, text: &str) -> bool {
        let (terms, _) = counted(text);
        let asked = asked(query);
        let has = |form: &String| terms.iter().any(|(term, _)| term == form);
        !asked.is_empty() && asked.iter().all(|word| word.forms.iter().any(has))
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
    fn words_are_found_in_other_forms_of_their_language() {
        for (query, text) in [
            ("Haus", "Wir haben zwei Häuser gesehen"),
            ("Wo sind die Hunde?", "Mein Hund ist hier"),
            ("perro", "Los perros están en la casa"),
            ("¿Qué canciones cantamos?", "cantamos una canción"),
            ("chevaux", "J'ai vu le cheval dans le champ"),
            ("gatto", "I gatti sono sul tetto"),
            ("коты", "Мой кот спит"),
            ("где моя собака", "Я видел собаку"),
            ("елка", "Мы нарядили ёлку"),
            ("الكتاب", "قرأت كتابا"),
            ("किताब", "मैंने दो किताबें पढ़ीं"),
            ("בית", "הבית שלי בירושלים"),
            ("ירושלים", "הבית שלי בירושלים"),
            ("בירושלים", "ירושלים יפה"),
            ("חתול", "יש לי שני חתולים"),
            ("ঢাকা", "আমি ঢাকায় থাকি"),
            ("சென்னை", "நான் சென்னையில் வாழ்கிறேன்"),
            ("Kraków", "Mieszkam w Krakowie od pięciu lat"),
            ("Helsinki", "Minä asun nyt Helsingissä"),
            ("Prag", "Jag har varit i Prag"),
            ("böcker", "Vi har många böckerna och de är bra"),
            ("İstanbul", "Ben bir yıl İstanbul'da yaşadım"),
            ("evler", "Bu evlerden biri çok güzel"),
            ("αθήνα", "Ζω στην Αθήνα"),
        ] {
            assert!(
                finds(query, text),
                "{query} in {text}: {:?} {:?}",
                asked(query),
                counted(text)
            );
        }
        // A short text without such words is as it is, and is found as it is.
        assert!(finds("Regenschirm", "Regenschirm vergessen"));
        // In English nothing is looked for in other languages.
        assert_eq!(asked("When did he die?")[0].forms, ["die"]);
        assert!(!finds("What notes did she take?", "not a thing was taken"));
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
        for (query, text) in [
            ("C3PO", "my robot is a C-3PO"),
            ("C-3PO", "my robot is a C3PO"),
            ("0301234567", "call 030-1234567, or not"),
            ("0301234567", "call 030 123 45 67 10 times"),
            ("030/123 45 67", "call 0301234567"),
            ("+49 30 1234567", "call +49 (30) 1234567"),
            ("DE89370400440532013000", "to DE89 3704 0044 0532 0130 00."),
            ("GB29 NWBK 6016 1331 9268 19", "to GB29NWBK60161331926819"),
            ("C++", "I write C++17"),
            ("c#", "C#, and F#"),
        ] {
            let asked = asked(query);
            let (terms, _) = counted(text);
            let has = |form: &String| terms.iter().any(|(term, _)| term == form);
            let found = asked.iter().any(|word| word.forms.iter().any(has));
            assert!(found, "{query} in {text}: {asked:?} {terms:?}");
        }
        assert!(!finds("C++", "I write C#") && !finds("C", "I write C++"));
        assert!(!finds("350", "it costs 3.50") && !finds("95", "from 9-5"));
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
            for word in asked(&text) {
                prop_assert!(word.forms.iter().any(|form| terms.iter().any(|(term, _)| term == form)), "{word:?} {terms:?}");
            }
            prop_assert!(terms.iter().all(|(term, _)| !term.is_empty() && term.chars().count() <= LONGEST + 8));
            prop_assert!(usize::from(count) <= text.chars().count() * 4);
        }
    }
}
