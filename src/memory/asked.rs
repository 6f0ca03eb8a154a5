//! A question as the index is asked for it.

use super::cues::{self, Cue};
use super::dates::{self, Time};
use super::rank::Parts;
use super::tokens::{Wanted, asked, name};
use crate::store::Posting;

/// Most words of a question that are looked for.
const WORDS: usize = 64;
/// Most terms of the times that it is about.
const TIMES: usize = 64;
/// What a word counts that only tells a time, or names who spoke: what else is asked for decides.
const FAINT: f32 = 0.1;
/// How often somebody must have spoken before its name in a question means what it said, more than a word.
const SPOKE: u32 = 3;

/// What a question asks for.
#[derive(Debug)]
pub(super) struct Asked {
    words: Vec<Wanted>,
    /// With what the words of the question begin.
    begins: Vec<char>,
    /// Words that only tell the times: others are told with them too.
    told: Vec<String>,
    /// Words that name who spoke.
    names: Vec<String>,
    /// The times that it is about.
    pub(super) times: Vec<Time>,
    spoken: Vec<String>,
    cue: Option<Cue>,
}

/// Where all of it stands.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Of each word, and how much it counts.
    pub(super) words: Vec<(Vec<Posting>, f32)>,
    /// What speaks of the times.
    pub(super) spoken: Vec<Posting>,
    /// What may hold the kind of answer that is wanted, and how much more that counts.
    pub(super) cue: Option<(Vec<Posting>, f32)>,
}

impl Asked {
    /// By a question; `now`: the day on which it is asked.
    pub(super) fn of(question: &str, now: i32, parts: Parts) -> Self {
        let mut words = asked(question);
        words.truncate(WORDS);
        if !parts.languages {
            words.iter_mut().for_each(|word| word.forms.truncate(1));
        }
        let (times, told) = match parts.dates {
            true => dates::asked(question, now),
            false => (Vec::new(), Vec::new()),
        };
        let told = told.iter().flat_map(|word| asked(word));
        let told = told.map(|mut word| word.forms.swap_remove(0)).collect();
        let spoken = dates::terms(&times).into_iter().take(TIMES).collect();
        let cue = cues::wanted(question).filter(|cue| match cue {
            // Who says when wants something else of it.
            Cue::When => parts.cues && times.is_empty(),
            _ => parts.cues,
        });
        Self {
            words,
            begins: begins(question).collect(),
            told,
            names: Vec::new(),
            times,
            spoken,
            cue,
        }
    }

    /// Looks for speakers whom it names, by the first name or by all of it. Their names count less where it has other words: it
    /// is about what they said, more than about who is spoken of. Their numbers. `speakers`: name, number, how often.
    pub(super) fn name(&mut self, speakers: &[(String, u32, u32)]) -> Vec<u32> {
        let (numbers, names) = named(&self.words, &self.begins, speakers);
        let is_name = |word: &Wanted| word.forms.first().is_some_and(|form| names.contains(form));
        if !self.words.iter().all(is_name) {
            self.names = names;
        }
        numbers
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.times.is_empty()
    }

    fn weight(&self, word: &Wanted) -> f32 {
        let is_faint = |form| self.told.contains(form) || self.names.contains(form);
        match word.forms.first().is_some_and(is_faint) {
            true => FAINT,
            false => 1.0,
        }
    }

    /// All terms of which the index must say where they stand.
    pub(super) fn terms(&self) -> Vec<String> {
        let words = self.words.iter().flat_map(|word| &word.forms);
        let cue = self.cue.iter().map(|cue| cue.term().to_owned());
        words.chain(&self.spoken).cloned().chain(cue).collect()
    }

    /// What the index said, in the order of [`Asked::terms`].
    pub(super) fn places(&self, postings: Vec<Vec<Posting>>) -> Places {
        let mut postings = postings.into_iter();
        let mut next = |count: usize| merged(postings.by_ref().take(count).collect());
        Places {
            words: self
                .words
                .iter()
                .map(|word| (next(word.forms.len()), self.weight(word)))
                .collect(),
            spoken: next(self.spoken.len()),
            cue: self.cue.map(|cue| (next(1), cue.factor())),
        }
    }
}

/// A question without the names of the speakers whom it names, for whoever looks at its meaning.
pub(super) fn unnamed(question: &str, speakers: &[(String, u32, u32)]) -> String {
    let begins: Vec<_> = begins(question).collect();
    let (_, names) = named(&asked(question), &begins, speakers);
    let is_name = |word: &&str| {
        let own = name(word);
        !own.is_empty() && own.iter().all(|word| names.contains(word))
    };
    let left: Vec<_> = question
        .split_whitespace()
        .filter(|word| !is_name(word))
        .collect();
    left.join(" ")
}

/// With what the words of a text begin.
fn begins(text: &str) -> impl Iterator<Item = char> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter_map(|word| Some(word.chars().next()?.to_ascii_lowercase()))
}

/// Numbers of the speakers that are named, and the words of the names of those who spoke often that stand there. `question`: with what its words begin.
fn named(
    words: &[Wanted],
    question: &[char],
    speakers: &[(String, u32, u32)],
) -> (Vec<u32>, Vec<String>) {
    let in_question = |name: &String| words.iter().any(|word| word.forms.first() == Some(name));
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    // Most names need no look at their terms: no word of the question begins as one of theirs.
    let may_be = |name: &str| {
        let mut begins = begins(name);
        begins.any(|begin| !begin.is_ascii() || question.contains(&begin))
    };
    for (speaker, number, spoke) in speakers {
        if !may_be(speaker) {
            continue;
        }
        let words = name(speaker);
        if words.first().is_some_and(in_question) {
            numbers.push(*number);
            let means = |_: &String| *spoke >= SPOKE;
            names.extend(words.into_iter().filter(in_question).filter(means));
        }
    }
    (numbers, names)
}

/// Where any of some terms stands: each entry once, as often as that of them which it has most.
fn merged(mut lists: Vec<Vec<Posting>>) -> Vec<Posting> {
    lists.retain(|list| !list.is_empty());
    if lists.len() < 2 {
        return lists.pop().unwrap_or_default();
    }
    let mut all = lists.concat();
    all.sort_unstable_by_key(|one| (one.doc, std::cmp::Reverse(one.often)));
    all.dedup_by_key(|one| one.doc);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_stands_there_in_two_forms_counts_once() {
        let one = |doc, often| Posting { doc, often };
        let lists = vec![
            vec![one(1, 1), one(4, 2)],
            vec![],
            vec![one(1, 3), one(2, 1)],
        ];
        assert_eq!(merged(lists), [one(1, 3), one(2, 1), one(4, 2)]);
    }

    #[test]
    fn the_names_of_speakers_are_faint_words_of_a_question() {
        let spoke = |name: &str, number, often| (name.to_owned(), number, often);
        let speakers = [
            spoke("Ann Lee", 3, 9),
            spoke("Bob", 4, 1),
            spoke("Dad", 5, 9),
        ];
        let counts = |asked: &Asked| {
            let of = |word: &Wanted| (word.forms[0].clone(), asked.weight(word));
            asked.words.iter().map(of).collect::<Vec<_>>()
        };
        let mut asked = Asked::of("When did Ann's sister see Bob?", 0, Parts::ALL);
        assert_eq!(asked.name(&speakers), [3, 4]);
        let all = ["ann", "sister", "see", "bob"].map(str::to_owned);
        let all: Vec<_> = all.into_iter().zip([FAINT, 1.0, 1.0, 1.0]).collect();
        assert_eq!(counts(&asked), all);
        let mut alone = Asked::of("Ann Lee", 0, Parts::ALL);
        assert_eq!(alone.name(&speakers), [3]);
        assert!(counts(&alone).contains(&("ann".to_owned(), 1.0)));
        let mut other = Asked::of("What did dad cook?", 0, Parts::ALL);
        assert_eq!(other.name(&speakers), [5]);
        assert_eq!(
            unnamed("What does Ann's sister do, Ann?", &speakers),
            "What does sister do,"
        );
    }
}
