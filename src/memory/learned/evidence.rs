//! Whether turns say what a fact says: a rule of words, in any language.
//!
//! A model puts things its own way, and now and then adds what nobody said. So a fact may have a word or so of its own. But its
//! numbers and names stand in its turns, so does something of each of its parts, and it says no only where they do.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use chrono::Datelike as _;

use super::super::dates::{DATED, is_calendar, number_of};
use super::super::entry::terms;
use super::super::languages::{Language, Languages};
use super::super::tokens::{Weight, folded, tokens};
use super::words;
use crate::store::UnreadTurn;

/// Words of its own that a fact may always have; where more of its words are said, one for so many.
const OWN: usize = 1;
const SHARE: usize = 3;
/// What forms of one word have in common, characters.
const ROOT: usize = 4;

/// Whether these turns say a fact.
pub(super) fn is_said(fact: &str, turns: &[&UnreadTurn]) -> bool {
    let said = Said::of(turns);
    said.has_words(fact) && said.has_numbers(fact) && said.has_names(fact) && said.agrees(fact)
}

/// What was said.
struct Said<'a> {
    turns: &'a [&'a UnreadTurn],
    terms: BTreeSet<String>,
    /// What the person is called: no word of a fact.
    person: BTreeSet<String>,
}

impl<'a> Said<'a> {
    fn of(turns: &'a [&'a UnreadTurn]) -> Self {
        let (mut said, mut person) = (BTreeSet::new(), all_terms(words::PERSON));
        for turn in turns {
            let own = terms(&turn.text, turn.occurred_at.timestamp_millis());
            said.extend(own.into_iter().map(|(term, _)| term));
            person.extend(all_terms(turn.speaker.as_deref().unwrap_or_default()));
        }
        Self {
            turns,
            terms: said,
            person,
        }
    }

    /// What a text is about.
    fn words(&self, text: &str) -> BTreeSet<String> {
        let text = words::PERSON_DENSE
            .iter()
            .fold(text.to_owned(), |text, word| text.replace(word, " "));
        let all = tokens(&text).into_iter();
        all.filter(|token| token.weight == Weight::Word)
            .map(|token| token.term)
            .filter(|term| !self.person.contains(term) && !term.chars().all(|c| c.is_ascii_digit()))
            .collect()
    }

    fn has(&self, term: &String) -> bool {
        self.terms.contains(term) || self.terms.iter().any(|own| akin(own, term))
    }

    /// Whether most of what it is about is said, and something of each of its parts.
    fn has_words(&self, fact: &str) -> bool {
        let words = self.words(fact);
        let (dense, spaced): (Vec<_>, Vec<_>) = words.iter().partition(|term| is_dense(term));
        let said = |all: &[&String]| all.iter().filter(|term| self.has(term)).count();
        let (of_dense, of_spaced) = (said(&dense), said(&spaced));
        let own = spaced
            .iter()
            .filter(|term| !self.has(term) && !is_relation(term))
            .count();
        let has_some = |part: &str| {
            let words = self.words(part);
            // Endings of Japanese are the same whatever is said.
            let telling: Vec<_> = words.iter().filter(|term| !is_kana(term)).collect();
            let telling = match telling.is_empty() {
                true => words.iter().collect(),
                false => telling,
            };
            telling.iter().all(|term| is_relation(term))
                || telling.iter().any(|term| self.has(term))
        };
        of_dense + of_spaced > 0
            && own <= OWN.max(of_spaced / SHARE)
            // What is put between two signs makes further pairs.
            && of_dense * 2 >= dense.len()
            && words::cut(fact, words::AND).iter().all(|part| has_some(part))
    }

    /// Whether its numbers stand there, in figures or in words, or are those of a day that was meant. Years have a rule of
    /// their own.
    fn has_numbers(&self, fact: &str) -> bool {
        let mut there = BTreeSet::new();
        for turn in self.turns {
            there.extend(figures(&turn.text));
            let words = turn.text.split(|c: char| !c.is_alphanumeric());
            there.extend(words.filter_map(number_of));
            let signs = turn.text.chars().map(String::from);
            there.extend(signs.filter_map(|sign| number_of(&sign)));
            there.extend([turn.occurred_at.month(), turn.occurred_at.day()]);
        }
        let dates = self
            .terms
            .iter()
            .filter_map(|term| term.strip_prefix(DATED));
        there.extend(
            dates.flat_map(|date| date.split('-').filter_map(|part| part.parse::<u32>().ok())),
        );
        figures(fact).into_iter().all(|one| {
            // The afternoon has two names.
            let other = one.checked_sub(12).filter(|hour| (1..12).contains(hour));
            let is_year = (1000..=2200).contains(&one);
            one == 0
                || is_year
                || there.contains(&one)
                || other.is_some_and(|hour| there.contains(&hour))
        })
    }

    /// Whether its names stand there: words with a capital that begin no sentence. In German every noun has one.
    fn has_names(&self, fact: &str) -> bool {
        let small = fact.to_lowercase();
        let small = small.split(|c: char| !c.is_alphanumeric());
        if Languages::of(small)
            .others()
            .any(|one| one == Language::German)
        {
            return true;
        }
        let mut begins = true;
        fact.split_whitespace().all(|word| {
            let own = word.trim_matches(|c: char| !c.is_alphanumeric());
            let is_name = !begins && own.starts_with(char::is_uppercase);
            begins = word.ends_with(['.', '!', '?', '。']);
            let dated = self.terms.contains(DATED) && is_calendar(own);
            !is_name || dated || self.words(own).iter().all(|term| self.has(term))
        })
    }

    /// Whether it says no where they do, and only there.
    fn agrees(&self, fact: &str) -> bool {
        let fact = line(fact);
        let turns: Vec<String> = self.turns.iter().map(|turn| line(&turn.text)).collect();
        let denied = turns.iter().any(|turn| denies(turn));
        // What is no longer so was so, and nobody needs to have said no.
        let bare = words::without(&fact, words::NO_LONGER);
        if bare != fact {
            return denied || turns.iter().any(|turn| words::has(turn, words::ENDED));
        }
        let own = self.words(&fact);
        let own: Vec<_> = own
            .iter()
            .filter(|term| !is_relation(term) && !denies(term))
            .collect();
        let clauses = turns
            .iter()
            .flat_map(|turn| words::cut(turn, words::CLAUSE));
        let clauses: Vec<(usize, bool)> = clauses
            .map(|clause| {
                let there = all_terms(&clause);
                let shared =
                    |term: &&&String| there.iter().any(|one| one == **term || akin(one, term));
                (own.iter().filter(shared).count(), denies(&clause))
            })
            .collect();
        // What says most of it decides.
        let most = clauses.iter().map(|(count, ..)| *count).max();
        let most = most.unwrap_or_default();
        let mut best = clauses.iter().filter(|(count, ..)| *count == most);
        if !denies(&fact) {
            return most == 0 || best.any(|(_, denies)| !denies);
        }
        most > 0 && best.any(|(_, denies)| *denies)
    }
}

fn all_terms(text: &str) -> BTreeSet<String> {
    tokens(text).into_iter().map(|token| token.term).collect()
}

/// A text in small letters, as phrases are looked for in it.
fn line(text: &str) -> String {
    folded(text)
        .into_iter()
        .map(|c| if c == '’' { '\'' } else { c })
        .collect()
}

/// Whether a text in small letters says no.
fn denies(text: &str) -> bool {
    let text = words::without(text, words::IDIOMS);
    text.contains("n't")
        || words::has(&text, words::AGAINST)
        || words::AGAINST_DENSE.iter().any(|sign| text.contains(sign))
}

/// Whether terms are forms of one word: they begin alike, for half of the longer one.
fn akin(one: &str, other: &str) -> bool {
    let root = one
        .chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .count();
    root >= ROOT && root * 2 >= one.chars().count().max(other.chars().count())
}

/// Whether a term is of a script without spaces.
fn is_dense(term: &str) -> bool {
    let is_spaceless = |c| {
        matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
    };
    term.starts_with(is_spaceless)
}

/// Whether a term is in the letters that Japanese writes its endings with.
fn is_kana(term: &str) -> bool {
    term.chars().all(|c| matches!(c, '\u{3040}'..='\u{309f}'))
}

/// Whether a term only says how somebody has to do with something.
fn is_relation(term: &String) -> bool {
    static TERMS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let all = TERMS.get_or_init(|| {
        words::RELATION
            .split_whitespace()
            .flat_map(all_terms)
            .collect()
    });
    all.contains(term)
}

/// The numbers that stand in a text in figures; thousands may be set apart.
fn figures(text: &str) -> BTreeSet<u32> {
    let text: Vec<char> = folded(text);
    let (mut all, mut at) = (BTreeSet::new(), 0);
    while at < text.len() {
        let run = |from: usize| {
            text.iter()
                .skip(from)
                .take_while(|c| c.is_ascii_digit())
                .count()
        };
        let mut length = run(at);
        if length == 0 {
            at += 1;
            continue;
        }
        let mut digits: String = text[at..at + length].iter().collect();
        at += length;
        while length <= 3 && text.get(at).is_some_and(|c| ",.' ’".contains(*c)) && run(at + 1) == 3
        {
            digits.extend(&text[at + 1..at + 4]);
            at += 4;
            length = 3;
        }
        // What is longer is no number but a name, and compared as far.
        let digits: String = digits.chars().take(9).collect();
        all.extend(digits.parse::<u32>());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::prompt::tests::turn;
    use super::*;

    fn says(said: &str, fact: &str) -> bool {
        let turn = turn(1, said);
        is_said(fact, &[&turn])
    }

    #[test]
    fn what_is_added_to_a_fact_makes_it_none() {
        for (said, true_ones, invented) in [
            (
                "I have been playing the cello in Vienna.",
                &[
                    "The user plays the cello.",
                    "The user has been playing the cello in Vienna",
                    "The user plays the cello in Vienna",
                ][..],
                &[
                    "The user plays the cello, has a PhD in astrophysics and votes conservative.",
                    "The user plays the cello and votes conservative.",
                    "The user plays the cello and votes.",
                    "The user hates cello in Vienna.",
                    "The user never played the cello.",
                    "The user plays the cello in Vienna and Salzburg.",
                    "The user plays the cello with Anna.",
                    "The user has played the cello for 12 years.",
                    "The user plays cello sonatas for diplomats.",
                ][..],
            ),
            (
                "I don't eat meat, but I love my dog Rex. We walk three times a week, at 7 pm. Our rent is 1,200 euros.",
                &[
                    "The user does not eat meat.",
                    "The user avoids meat.",
                    "The user loves their dog Rex.",
                    "The user has a dog named Rex",
                    "The user walks the dog 3 times a week at 19:00.",
                    "The user pays 1200 euros of rent.",
                ],
                &[
                    "The user eats meat.",
                    "The user loves meat.",
                    "The user does not eat meat and is allergic to nuts.",
                    "The user pays 900 euros of rent.",
                    "The user has a dog named Max.",
                ],
            ),
            (
                "Last month we moved from Rome to Berlin. Can't wait to see my sister Ann there!",
                &[
                    "The user no longer lives in Rome.",
                    "The user moved to Berlin in July 2023.",
                    "The user's sister Ann is in Berlin",
                ],
                &[
                    "The user does not like Berlin.",
                    "The user's sister Ann works for Siemens in Berlin",
                ],
            ),
            (
                "Ich spiele seit zwei Jahren Geige in Wien und mag keinen Käse.",
                &[
                    "Der Nutzer spielt seit 2 Jahren Geige in Wien.",
                    "Der Nutzer mag keinen Käse.",
                ],
                &[
                    "Der Nutzer spielt Geige und hat Physik studiert.",
                    "Der Nutzer spielt nicht Geige.",
                    "Der Nutzer spielt seit 5 Jahren Geige.",
                    "Der Nutzer mag Käse.",
                ],
            ),
            (
                "Vivo en Sevilla y trabajo como enfermera.",
                &[
                    "La usuaria vive en Sevilla.",
                    "El usuario trabaja como enfermera en Sevilla.",
                ],
                &[
                    "La usuaria vive en Sevilla y estudia derecho penal.",
                    "La usuaria no vive en Sevilla.",
                    "La usuaria vive en Granada.",
                ],
            ),
            (
                "Я живу в Казани и не ем мяса",
                &["Пользователь живёт в Казани", "Пользователь не ест мяса"],
                &[
                    "Пользователь живёт в Казани и преподаёт физику",
                    "Пользователь не живёт в Казани",
                    "Пользователь живёт в Москве",
                ],
            ),
            (
                "我住在上海，喜欢喝龙井茶",
                &["用户住在上海", "用户喜欢喝龙井茶", "用户住在上海，喜欢喝茶"],
                &[
                    "用户是一名医生",
                    "用户不喜欢喝龙井茶",
                    "用户住在上海，是一名天体物理学博士",
                    "用户住在北京",
                ],
            ),
            (
                "京都に住んでいて、毎朝コーヒーを飲みます",
                &["ユーザーは京都に住んでいる", "ユーザーは毎朝コーヒーを飲む"],
                &[
                    "ユーザーは京都に住んでいない",
                    "ユーザーは京都に住んでいて、医師として働いている",
                ],
            ),
            (
                "저는 서울에 살고 있어요",
                &["사용자는 서울에 살고 있다"],
                &[
                    "사용자는 서울에 살고 있지 않다",
                    "사용자는 부산에서 의사로 일한다",
                ],
            ),
            (
                "אני גר בחיפה ועובד בנמל",
                &["המשתמש גר בחיפה", "המשתמש עובד בנמל"],
                &["המשתמש לא גר בחיפה", "המשתמש גר בחיפה ולומד פיזיקה גרעינית"],
            ),
            (
                "Mieszkam w Krakowie z psem",
                &["Użytkownik mieszka w Krakowie"],
                &[
                    "Użytkownik mieszka w Krakowie i studiuje medycynę",
                    "Użytkownik nie mieszka w Krakowie",
                ],
            ),
        ] {
            let wrong: Vec<_> = true_ones.iter().filter(|fact| !says(said, fact)).collect();
            assert!(wrong.is_empty(), "said, but dropped: {wrong:#?} of {said}");
            let wrong: Vec<_> = invented.iter().filter(|fact| says(said, fact)).collect();
            assert!(wrong.is_empty(), "invented, but kept: {wrong:#?} of {said}");
        }
    }

    #[test]
    fn numbers_are_the_same_however_they_are_set() {
        assert_eq!(
            figures("1,200 and 1.200.000, 12.5; 14C"),
            BTreeSet::from([1200, 1_200_000, 12, 5, 14])
        );
        assert_eq!(figures("٣"), BTreeSet::new());
    }
}
