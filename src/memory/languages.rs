//! The language of a text, as far as words need it; and what is left of a word that is bent in it.
//!
//! Letters tell some languages. Among those in Latin letters the words that every text has decide, and nothing else: who has
//! changed no list here has changed no term. A short question may have none of them: then each language is thought of.

mod endings;

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
    Swedish,
    /// And Norwegian.
    Danish,
    Polish,
    Czech,
    Finnish,
    Hungarian,
    Turkish,
}

use Language::*;

impl Language {
    /// All of them, English first.
    pub(super) const ALL: [Self; 14] = [
        English, German, Spanish, French, Italian, Portuguese, Dutch, Swedish, Danish, Polish,
        Czech, Finnish, Hungarian, Turkish,
    ];

    /// The rules for its endings; where there are none, or none that do without accents, words are cut ([`endings::begin`]).
    fn algorithm(self) -> Option<Algorithm> {
        match self {
            English => Some(Algorithm::English),
            German => Some(Algorithm::German),
            Spanish => Some(Algorithm::Spanish),
            French => Some(Algorithm::French),
            Italian => Some(Algorithm::Italian),
            Portuguese => Some(Algorithm::Portuguese),
            Dutch => Some(Algorithm::Dutch),
            Swedish => Some(Algorithm::Swedish),
            Danish => Some(Algorithm::Danish),
            Polish | Czech | Finnish | Hungarian | Turkish => None,
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// In which languages in Latin letters every text has a word, and of which of them it tells: a bit for each.
fn common(word: &str) -> (u16, u16) {
    static TABLE: OnceLock<HashMap<String, (u16, u16)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = HashMap::<String, (u16, u16)>::new();
        for (lists, tells) in [(stops::LATIN, true), (stops::SHARED, false)] {
            for (language, list) in lists {
                for word in plain(list) {
                    let (has, told) = table.entry(word).or_default();
                    *has |= language.bit();
                    *told |= if tells { language.bit() } else { 0 };
                }
            }
        }
        table
    });
    let (has, told) = table.get(word).copied().unwrap_or_default();
    match english::is_stop(word) {
        true => (has | English.bit(), told | English.bit()),
        false => (has, told),
    }
}

/// Languages in Latin letters, as a text has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Languages(u16);

impl Languages {
    /// By the words of a text: those of which it has most of the words that every text has; none, where it has none. Words that
    /// do not tell their language count only beside some that do, or where English has none.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let (mut has, mut tells) = ([0_u32; Language::ALL.len()], [0_u32; Language::ALL.len()]);
        for word in words {
            let (of, told) = common(word);
            for language in Language::ALL {
                has[language as usize] += u32::from(of & language.bit() != 0);
                tells[language as usize] += u32::from(told & language.bit() != 0);
            }
        }
        if has[English as usize] > 0 {
            let unsure = |(has, tells): (&mut u32, u32)| *has *= u32::from(tells > 0);
            has.iter_mut().zip(tells).for_each(unsure);
        }
        let most = has.into_iter().max().unwrap_or_default();
        let best = Language::ALL
            .iter()
            .zip(has)
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
            return common(word).0 & own != 0;
        }
        let lists = [
            stops::CYRILLIC,
            stops::ARABIC,
            stops::GREEK,
            stops::HEBREW,
            stops::BENGALI,
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
    made: [OnceCell<Stemmer>; 12],
}

impl Stems {
    fn by(&self, place: usize, algorithm: Algorithm) -> &Stemmer {
        self.made[place].get_or_init(|| Stemmer::create(algorithm))
    }

    /// What is left of a word by the rules of a language in Latin letters.
    pub(super) fn latin(&self, word: &str, language: Language) -> String {
        let Some(algorithm) = language.algorithm() else {
            return endings::begin(word);
        };
        let stemmer = self.by(language as usize, algorithm);
        match language {
            English => stemmer.stem(english::base(word)).into_owned(),
            _ => stemmer.stem(word).into_owned(),
        }
    }

    /// What is left of a word in letters that tell its language, or of which one language's rules are as good for others.
    pub(super) fn other(&self, word: &str) -> String {
        let stemmer = match script(word) {
            Script::Cyrillic => self.by(9, Algorithm::Russian),
            Script::Arabic => self.by(10, Algorithm::Arabic),
            Script::Greek => self.by(11, Algorithm::Greek),
            Script::Devanagari => return endings::hindi(word).to_owned(),
            Script::Bengali => return endings::bengali(word).to_owned(),
            Script::Hebrew => return endings::hebrew(word),
            _ => return word.to_owned(),
        };
        let stem = stemmer.stem(word);
        if stem.is_empty() {
            word.to_owned()
        } else {
            stem.into_owned()
        }
    }

    /// What else such a word may be: in Hebrew, one with small words in front of it; in letters without rules, one that only
    /// begins as it does. `asked`: it stands in a question.
    pub(super) fn beside(&self, word: &str, asked: bool) -> Vec<String> {
        match script(word) {
            Script::Hebrew => endings::bare(word, asked)
                .map(endings::hebrew)
                .filter(|one| *one != endings::hebrew(word))
                .collect(),
            Script::Latin
            | Script::Cyrillic
            | Script::Arabic
            | Script::Greek
            | Script::Devanagari
            | Script::Bengali
            | Script::Common => Vec::new(),
            _ => endings::beginning(word).into_iter().collect(),
        }
    }
}

fn script(word: &str) -> Script {
    word.chars().next().map_or(Script::Common, |c| c.script())
}
