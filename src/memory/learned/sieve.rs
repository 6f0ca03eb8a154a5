//! What of a model's answer is kept: facts that turns of the batch say, each once, with times that they can mean.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, Utc};

use super::super::tokens::{Weight, tokens};
use super::answer::Proposed;
use super::evidence::is_said;
use super::prompt::RULES;
use super::when::{can_mean, span, years};
use crate::ids::is_seen;
use crate::store::{LearnedRow, UnreadTurn};

/// Longest fact, characters.
pub(super) const LONGEST: usize = 300;
/// Share of words, of four, by which a fact counts as one that was rejected: a "not" makes another one of it.
const ALIKE: usize = 3;
/// Most facts of one batch.
const MOST: usize = 40;
/// Turns that a model was shown, and what it was told of.
pub(super) struct Shown<'a> {
    /// In the order of their numbers in the prompt.
    pub(super) turns: &'a [UnreadTurn],
    /// How many of them, at the beginning, are only there to be understood.
    pub(super) before: usize,
    /// Known facts in the order of their numbers in the prompt.
    pub(super) known: &'a [LearnedRow],
    /// Rejected facts that were read out of these turns: the place of the turn, and the text.
    pub(super) rejected: &'a [(usize, String)],
}

/// A fact that passed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passed {
    /// One sentence in one line.
    pub(super) text: String,
    /// Places of its turns.
    pub(super) sources: Vec<usize>,
    /// Since when it is so.
    pub(super) since: Option<DateTime<Utc>>,
    /// Until when it was so.
    pub(super) until: Option<DateTime<Utc>>,
    /// When the newest of its turns was said.
    pub(super) said: DateTime<Utc>,
    /// Places of known facts whose place it takes.
    pub(super) replaces: Vec<usize>,
    /// The place of the known fact that it is.
    pub(super) known: Option<usize>,
}

/// Why a fact is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Junk {
    /// It says nothing.
    Empty,
    /// It is longer than a fact.
    Long,
    /// It names no turn that is read, or none of the person.
    NoSource,
    /// Its turns do not say it.
    NotSaid,
    /// It names a year that its turns cannot mean.
    NotThen,
    /// It repeats the rules.
    Rules,
    /// It was rejected.
    Rejected,
    /// It stands in the answer already, or behind too many others.
    Further,
}

/// Sorts an answer: what passed, and why the rest did not.
pub(super) fn sift(all: &[Proposed], shown: &Shown<'_>) -> (Vec<Passed>, Vec<Junk>) {
    let (mut passed, mut junk, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for one in all {
        match look(one, shown) {
            Ok(fact) if passed.len() < MOST && seen.insert(form(&fact.text)) => passed.push(fact),
            Ok(_) => junk.push(Junk::Further),
            Err(why) => junk.push(why),
        }
    }
    (passed, junk)
}

/// A text as it is compared with others: its words in their order.
pub(super) fn form(text: &str) -> String {
    let words = tokens(text).into_iter();
    let words = words.filter(|token| token.weight != Weight::Beside);
    words.map(|token| token.term).collect::<Vec<_>>().join(" ")
}

/// A text in one line, without signs that are not seen.
pub(super) fn one_line(text: &str) -> String {
    let seen: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| is_seen(*c))
        .collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn look(one: &Proposed, shown: &Shown<'_>) -> Result<Passed, Junk> {
    let text = one_line(&one.text);
    let form = form(&text);
    if form.is_empty() {
        return Err(Junk::Empty);
    }
    if text.chars().count() > LONGEST {
        return Err(Junk::Long);
    }
    let sources: BTreeSet<usize> = places(&one.sources, shown.turns.len()).collect();
    let read = sources.iter().any(|at| *at >= shown.before);
    if !read || !sources.iter().any(|at| shown.turns[*at].by_user) {
        return Err(Junk::NoSource);
    }
    if self::form(RULES).contains(&form) {
        return Err(Junk::Rules);
    }
    let turns: Vec<_> = sources.iter().map(|at| &shown.turns[*at]).collect();
    if !is_said(&text, &turns) {
        return Err(Junk::NotSaid);
    }
    let said: Vec<_> = turns
        .iter()
        .map(|turn| (turn.occurred_at, turn.text.as_str()))
        .collect();
    if !years(&text).all(|year| can_mean(year, &said)) {
        return Err(Junk::NotThen);
    }
    let from = shown.rejected.iter().filter(|(at, _)| sources.contains(at));
    if from
        .into_iter()
        .any(|(_, fact)| alike(&form, &self::form(fact)))
    {
        return Err(Junk::Rejected);
    }
    let newest = said.iter().map(|(at, _)| *at).max().unwrap_or_default();
    let meant = |at: &DateTime<Utc>| can_mean(at.year(), &said);
    let since = one.since.as_deref().and_then(span).map(|(from, _)| from);
    let since = since.filter(meant);
    let until = one.until.as_deref().and_then(span);
    // The end of a year is the beginning of the next one.
    let until = until
        .filter(|(from, _)| meant(from))
        .map(|(_, until)| until);
    let until = until.filter(|until| since.is_none_or(|since| since < *until));
    let known = (0..shown.known.len()).find(|at| self::form(&shown.known[*at].text) == form);
    let replaces = places(&one.replaces, shown.known.len())
        .filter(|at| Some(*at) != known && last_said(&shown.known[*at]) <= newest)
        .collect();
    Ok(Passed {
        text,
        sources: sources.into_iter().collect(),
        since,
        until,
        said: newest,
        replaces,
        known,
    })
}

/// Numbers from 1 as places, those that there are.
fn places(numbers: &[u64], count: usize) -> impl Iterator<Item = usize> {
    let places = numbers
        .iter()
        .filter_map(|number| usize::try_from(*number).ok()?.checked_sub(1));
    places.filter(move |place| *place < count)
}

/// When what a fact says was said last; what a person stated or mended, when that was done.
fn last_said(fact: &LearnedRow) -> DateTime<Utc> {
    match fact.model {
        Some(_) => fact.said_at.unwrap_or(fact.at),
        None => fact.updated_at,
    }
}

/// Whether two forms have most of their words in common.
fn alike(one: &str, other: &str) -> bool {
    let words = |form| -> BTreeSet<String> { str::split(form, ' ').map(str::to_owned).collect() };
    let (one, other) = (words(one), words(other));
    one.intersection(&other).count() * 4 >= one.union(&other).count() * ALIKE
}

#[cfg(test)]
mod tests {
    use super::super::prompt::tests::turn;
    use super::*;

    fn known(text: &str, said_at: &str) -> LearnedRow {
        let at = said_at.parse().unwrap();
        LearnedRow {
            doc: 0,
            id: "f".to_owned(),
            user: "u".to_owned(),
            text: text.to_owned(),
            valid_from: None,
            valid_until: None,
            at,
            state: "current".to_owned(),
            replaced_by: None,
            version: 1,
            model: Some("m".to_owned()),
            sources: Vec::new(),
            expires_at: None,
            said_at: Some(at),
            created_at: at,
            updated_at: at,
        }
    }

    fn fact(text: &str, sources: &[u64]) -> Proposed {
        Proposed {
            text: text.to_owned(),
            sources: sources.to_vec(),
            ..Proposed::default()
        }
    }

    fn said(texts: &[&str]) -> Vec<UnreadTurn> {
        (0..)
            .zip(texts)
            .map(|(doc, text)| turn(doc, text))
            .collect()
    }

    fn shown(turns: &[UnreadTurn]) -> Shown<'_> {
        Shown {
            turns,
            before: 0,
            known: &[],
            rejected: &[],
        }
    }

    fn only(one: Proposed, shown: &Shown<'_>) -> Result<Passed, Junk> {
        let (mut passed, mut junk) = sift(&[one], shown);
        passed.pop().ok_or_else(|| junk.pop().unwrap())
    }

    #[test]
    fn what_no_turn_says_is_no_fact() {
        let mut turns = said(&[
            "I have been vegan since January",
            "I studied the menu for hours",
            "Great!",
        ]);
        turns[2].by_user = false;
        turns[1].speaker = Some("Ada Lind".to_owned());
        let why = |text: &str, sources: &[u64]| only(fact(text, sources), &shown(&turns)).err();
        assert_eq!(why("The user follows a vegan diet", &[1]), None);
        assert_eq!(
            why("The user follows a vegan diet", &[2]),
            Some(Junk::NotSaid)
        );
        // A name is no word of it.
        assert_eq!(
            why("Ada Lind has a PhD in physics", &[2]),
            Some(Junk::NotSaid)
        );
        assert_eq!(
            why("The user follows a vegan diet", &[]),
            Some(Junk::NoSource)
        );
        assert_eq!(
            why("The user follows a vegan diet", &[0, 4, 99]),
            Some(Junk::NoSource)
        );
        assert_eq!(
            why("The user thinks that is great", &[3]),
            Some(Junk::NoSource)
        );
        assert_eq!(why(" \n\u{200b}!", &[1]), Some(Junk::Empty));
        assert_eq!(why(&"vegan ".repeat(60), &[1]), Some(Junk::Long));
        assert_eq!(
            why("Leave out greetings, questions, moods", &[1]),
            Some(Junk::Rules)
        );
        assert_eq!(
            why("The user is vegan since 2019", &[1]),
            Some(Junk::NotThen)
        );
        assert_eq!(why("The user is vegan since January 2023", &[1]), None);
    }

    #[test]
    fn other_scripts_are_read_the_same_way() {
        let turns = said(&[
            "我住在上海，喜欢喝龙井茶",
            "Я живу в Казани",
            "אני גר בחיפה",
        ]);
        let why = |text: &str, source: u64| only(fact(text, &[source]), &shown(&turns)).err();
        assert_eq!(why("用户住在上海", 1), None);
        assert_eq!(why("用户是一名医生", 1), Some(Junk::NotSaid));
        assert_eq!(why("Пользователь живёт в Казани", 2), None);
        assert_eq!(why("המשתמש גר בחיפה", 3), None);
    }

    #[test]
    fn what_was_rejected_stays_so_for_its_turns() {
        let turns = said(&["I like cheese. But not soft cheese", "I like cheese"]);
        let rejected = [(0, "The user likes cheese.".to_owned())];
        let shown = Shown {
            rejected: &rejected,
            ..shown(&turns)
        };
        let why = |text: &str, source: u64| only(fact(text, &[source]), &shown).err();
        assert_eq!(why("the user likes CHEESE", 1), Some(Junk::Rejected));
        assert_eq!(why("the user does not like cheese", 1), None);
        assert_eq!(why("the user likes cheese", 2), None);
    }

    #[test]
    fn only_a_later_turn_takes_the_place_of_a_fact() {
        let turns = said(&["we moved to Berlin"]);
        let all = [
            known("The user lives in Rome", "2023-07-01T00:00:00Z"),
            known("The user lives in Oslo", "2023-09-01T00:00:00Z"),
            LearnedRow {
                model: None,
                ..known("The user lives in Bonn", "2023-07-01T00:00:00Z")
            },
        ];
        let shown = Shown {
            known: &all,
            ..shown(&turns)
        };
        let proposed = Proposed {
            replaces: vec![1, 2, 3, 4, 0],
            ..fact("The user lives in Berlin", &[1])
        };
        assert_eq!(only(proposed, &shown).unwrap().replaces, [0, 2]);
        let again = fact("the user lives in  Rome.", &[1]);
        // None of its words is said there.
        assert_eq!(only(again, &shown).err(), Some(Junk::NotSaid));
        let turns = said(&["Rome is still where we live"]);
        let shown = Shown {
            turns: &turns,
            ..shown
        };
        let again = fact("the user lives in  Rome.", &[1]);
        assert_eq!(only(again, &shown).unwrap().known, Some(0));
    }

    #[test]
    fn times_count_from_when_it_was_said() {
        let turns = said(&["I started the cello last May and stop next week"]);
        let proposed = |since: &str, until: &str| Proposed {
            since: Some(since.to_owned()),
            until: Some(until.to_owned()),
            ..fact("The user learns the cello", &[1])
        };
        let times = |since: &str, until: &str| {
            let passed = only(proposed(since, until), &shown(&turns)).unwrap();
            let day = |at: Option<DateTime<Utc>>| at.map(|at| at.format("%F").to_string());
            (day(passed.since), day(passed.until))
        };
        let some = |day: &str| Some(day.to_owned());
        assert_eq!(
            times("2023-05", "2023-08-09"),
            (some("2023-05-01"), some("2023-08-10"))
        );
        // The model's own today is not what was said.
        assert_eq!(times("2026-11-20", "2019"), (None, None));
        assert_eq!(times("May", "2023-04"), (None, some("2023-05-01")));
        assert_eq!(times("2023-06", "2023-04"), (some("2023-06-01"), None));
    }

    #[test]
    fn what_is_only_there_to_be_understood_is_no_source_alone() {
        let turns = said(&["Do you play the cello?", "yes, every day"]);
        let shown = Shown {
            before: 1,
            ..shown(&turns)
        };
        let why = |sources: &[u64]| {
            only(fact("The user plays the cello every day", sources), &shown).err()
        };
        assert_eq!(why(&[1]), Some(Junk::NoSource));
        assert_eq!(why(&[1, 2]), None);
        let (passed, junk) = sift(
            &[
                fact("plays daily the cello", &[2, 1]),
                fact("Plays daily the cello!", &[1, 2]),
            ],
            &shown,
        );
        assert_eq!((passed.len(), junk), (1, vec![Junk::Further]));
    }
}
