//! The language of a text, as far as words need it; and what is left of a word that is bent in it.
//!
//! Letters tell some languages. Among those in Latin letters the words that every text has decide, and nothing else: who has
//! changed no list here has changed no term. A short question may have none of them: then each language is thought of.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_script::{Script, UnicodeScript as _};

use super::english;
use super::stops;
use super::tokens::folded;

/// A language in Latin letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    Spanish,
    French,
    Italian,
    Portuguese,
    Dutch,
}

use Language::*;

impl Language {
    /// All of them, English first.
    pub(super) const ALL: [Self; 7] =
        [English, German, Spanish, French, Italian, Portuguese, Dutch];

    fn algorithm(self) -> Algorithm {
        match self {
            English => Algorithm::English,
            German => Algorithm::German,
            Spanish => Algorithm::Spanish,
            French => Algorithm::French,
            Italian => Algorithm::Italian,
            Portuguese => Algorithm::Portuguese,
            Dutch => Algorithm::Dutch,
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// In which languages in Latin letters every text has a word: a bit for each.
fn common(word: &str) -> u8 {
    static TABLE: OnceLock<HashMap<String, u8>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for (language, list) in stops::LATIN {
            for word in plain(list) {
                *table.entry(word).or_default() |= language.bit();
            }
        }
        table
    });
    let other = table.get(word).copied().unwrap_or_default();
    other
        | if english::is_stop(word) {
            English.bit()
        } else {
            0
        }
}

/// Languages in Latin letters, as a text has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Languages(u8);

impl Languages {
    /// By the words of a text: those of which it has most of the words that every text has; none, where it has none.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = [0_u32; Language::ALL.len()];
        for word in words {
            let of = common(word);
            for (language, count) in Language::ALL.iter().zip(&mut counts) {
                *count += u32::from(of & language.bit() != 0);
            }
        }
        let most = counts.into_iter().max().unwrap_or_default();
        let best = Language::ALL
            .iter()
            .zip(counts)
            .filter(|(_, count)| most > 0 && *count == most);
        Self(best.fold(0, |all, (language, _)| all | language.bit()))
    }

    /// Whether nothing is known.
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Those but English.
    pub(super) fn others(self) -> impl Iterator<Item = Language> {
        let others = Language::ALL.into_iter().skip(1);
        others.filter(move |language| self.0 & language.bit() != 0)
    }

    /// Whether every text in one of them has this word. Where nothing is known it is as in English.
    pub(super) fn is_stop(self, word: &str) -> bool {
        static OTHERS: OnceLock<HashSet<String>> = OnceLock::new();
        if word
            .chars()
            .next()
            .is_some_and(|c| c.script() == Script::Latin)
        {
            let own = if self.is_none() {
                English.bit()
            } else {
                self.0
            };
            return common(word) & own != 0;
        }
        let lists = [
            stops::CYRILLIC,
            stops::ARABIC,
            stops::DEVANAGARI,
            stops::DENSE,
        ];
        let others = OTHERS.get_or_init(|| lists.into_iter().flat_map(plain).collect());
        others.contains(word)
    }
}

fn plain(list: &str) -> impl Iterator<Item = String> {
    list.split_whitespace()
        .map(|word| folded(word).into_iter().collect())
}

/// Rules that were needed once are kept for the next word.
#[derive(Default)]
pub(super) struct Stems {
    made: [OnceCell<Stemmer>; 10],
}

impl Stems {
    fn by(&self, place: usize, algorithm: Algorithm) -> &Stemmer {
        self.made[place].get_or_init(|| Stemmer::create(algorithm))
    }

    /// What is left of a word by the rules of a language in Latin letters.
    pub(super) fn latin(&self, word: &str, language: Language) -> String {
        let stemmer = self.by(language as usize, language.algorithm());
        match language {
            English => stemmer.stem(english::base(word)).into_owned(),
            _ => stemmer.stem(word).into_owned(),
        }
    }

    /// What is left of a word in letters that tell its language, or of which one language's rules are as good for others.
    pub(super) fn other(&self, word: &str) -> String {
        let script = word.chars().next().map_or(Script::Common, |c| c.script());
        let stemmer = match script {
            Script::Cyrillic => self.by(7, Algorithm::Russian),
            Script::Arabic => self.by(8, Algorithm::Arabic),
            Script::Greek => self.by(9, Algorithm::Greek),
            Script::Devanagari => return hindi(word).to_owned(),
            _ => return word.to_owned(),
        };
        let stem = stemmer.stem(word);
        if stem.is_empty() {
            word.to_owned()
        } else {
            stem.into_owned()
        }
    }
}

/// A word of Hindi without its ending, as far as two letters are left.
fn hindi(word: &str) -> &str {
    const ENDINGS: &[&str] = &[
        "ियों",
        "ियाँ",
        "ियां",
        "ाओं",
        "ाएँ",
        "ाएं",
        "ुओं",
        "ुएँ",
        "ुएं",
        "ओं",
        "एँ",
        "एं",
        "ों",
        "ें",
        "ीं",
        "ां",
        "ाँ",
        "ो",
        "े",
        "ू",
        "ु",
        "ी",
        "ि",
        "ा",
    ];
    let found = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending));
    found
        .filter(|left| left.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .unwrap_or(word)
}
