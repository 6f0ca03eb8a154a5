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
/// What a word counts that only tells a time.
const FAINT: f32 = 0.1;
/// How often somebody must have spoken before its name in a question means what it said, and not a word.
const SPOKE: u32 = 3;

/// What a question asks for.
#[derive(Debug)]
pub(super) struct Asked {
    words: Vec<Wanted>,
    /// Words that only tell the times: others are told with them too.
    told: Vec<String>,
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
            told,
            times,
            spoken,
            cue,
        }
    }

    /// Takes the names of speakers out, where it names any by the first name or by all of it, and has other words: it is about
    /// what they said, not about who is spoken of. Their numbers. `speakers`: name, number, how often.
    pub(super) fn name(&mut self, speakers: &[(String, u32, u32)]) -> Vec<u32> {
        let (numbers, names) = named(&self.words, speakers);
        let is_name = |word: &Wanted| word.forms.first().is_some_and(|form| names.contains(form));
        if !self.words.iter().all(is_name) {
            self.words.retain(|word| !is_name(word));
        }
        numbers
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.times.is_empty()
    }

    fn weight(&self, word: &Wanted) -> f32 {
        match word
            .forms
            .first()
            .is_some_and(|form| self.told.contains(form))
        {
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
    let (_, names) = named(&asked(question), speakers);
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

/// Numbers of the speakers that are named, and the words of their names that stand there.
fn named(words: &[Wanted], speakers: &[(String, u32, u32)]) -> (Vec<u32>, Vec<String>) {
    let in_question = |name: &String| words.iter().any(|word| word.forms.first() == Some(name));
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for (speaker, number, spoke) in speakers {
        let words = name(speaker);
        let first = words.first().is_some_and(in_question);
        if *spoke >= SPOKE && first {
            numbers.push(*number);
            names.extend(words.into_iter().filter(in_question));
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
    fn the_names_of_speakers_are_no_words_of_a_question() {
        let speakers = [("Ann Lee".to_owned(), 3, 9), ("Bob".to_owned(), 4, 1)];
        let mut asked = Asked::of("When did Ann's sister see Bob?", 0, Parts::ALL);
        assert_eq!(asked.name(&speakers), [3]);
        assert_eq!(asked.terms(), ["sister", "see", "bob", dates::DATED]);
        let mut alone = Asked::of("Ann Lee", 0, Parts::ALL);
        assert_eq!(alone.name(&speakers), [3]);
        assert!(alone.terms().contains(&"ann".to_owned()));
        assert_eq!(
            unnamed("What does Ann's sister do, Ann?", &speakers),
            "What does sister do,"
        );
    }
}
