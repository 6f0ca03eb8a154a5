//! What answers a question: a pure function of what the index has.
//!
//! BM25 (Robertson, Zaragoza 2009) over the entries of one memory, where an entry is read with those around it: a word counts
//! in its neighbours too, the less the farther they are, because an answer rarely repeats what the question named. To that comes what was said in the time that the question is about, or speaks of it, and how near
//! the meaning is, where a model tells it. Who speaks, whether it only asks, and whether it holds the kind of answer that is
//! wanted, multiply. Numbers were found on conversations with labelled questions; `benches/recall.rs` shows what each part adds.

mod around;
mod meaning;

use super::dates::{Time, day};
use super::embed::Usual;
use crate::store::{Entry, LEARNED, PASSAGE, Posting};

pub(super) use around::Around;
use around::Lengths;
use meaning::Near;

/// How fast more of the same word counts less.
const K1: f32 = 0.9;
/// How much long entries are held against themselves.
const B: f32 = 0.4;
/// What a turn counts whose speaker the question names.
const NAMED: f32 = 1.6;
/// What a turn counts that only asks.
const QUESTION: f32 = 0.7;
/// From so many words on a turn that ends with a question tells something too.
const TELLS: u16 = 14;
/// What it counts to be of the time that is asked for, or to speak of it; and how much everything else counts then.
const DATES: f32 = 1.2;
const DATED: f32 = 1.3;
/// How much more the meaning counts where the words fit nothing.
const MEANING: f32 = 2.0;
/// What an entry that fits every word of the question gets, against what they are worth.
const WHOLE: f32 = 1.2;
/// A time that is less rare leads nowhere by itself: most of the memory is of it.
const LEADS: f32 = 0.5;

/// What a question asks for, as the index has it.
#[derive(Debug, Default)]
pub(super) struct Question<'a> {
    /// For each of its words where it stands, and how much it counts.
    pub(super) words: &'a [(Vec<Posting>, f32)],
    /// Numbers of the speakers whom it names.
    pub(super) named: &'a [u32],
    /// The times it is about.
    pub(super) times: &'a [Time],
    /// What speaks of these.
    pub(super) spoken: &'a [Posting],
    /// What may hold the kind of answer that it wants, and how much more that counts.
    pub(super) cue: Option<(&'a [Posting], f32)>,
    /// How near each entry is in meaning, from -1 to 1; empty where nothing tells it.
    pub(super) similar: &'a [Option<f32>],
    /// How near it is to what it has nothing to do with.
    pub(super) usual: Usual,
    /// Whether whoever tells it reads the words of a text together.
    pub(super) deep: bool,
}

/// Which parts of ranking act. All do; only who measures what each adds leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Times.
    pub dates: bool,
    /// Kinds of answers.
    pub cues: bool,
    /// Neighbours.
    pub neighbours: bool,
    /// Who speaks.
    pub names: bool,
    /// Whether it only asks.
    pub questions: bool,
    /// Stems of other languages than English.
    pub languages: bool,
    /// Meanings.
    pub semantic: bool,
}

impl Parts {
    /// As it is.
    pub const ALL: Self = Self {
        dates: true,
        cues: true,
        neighbours: true,
        names: true,
        questions: true,
        languages: true,
        semantic: true,
    };
    /// BM25 of the words.
    pub const NONE: Self = Self {
        dates: false,
        cues: false,
        neighbours: false,
        names: false,
        questions: false,
        languages: false,
        semantic: false,
    };
}

/// An entry that has something to do with the question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    /// Its place among the entries.
    pub(super) at: usize,
    /// All in all.
    pub(super) score: f32,
    /// What its words and those around it give.
    pub(super) words: f32,
    /// What its time gives.
    pub(super) dates: f32,
    /// What its meaning gives.
    pub(super) semantic: f32,
    /// By what all of it is multiplied.
    pub(super) factor: f32,
}

/// Every entry that shares a word with the question, by itself or in its neighbours, or its speaker's name, is of its time, or
/// near in meaning; the order says nothing.
pub(super) fn rank(
    entries: &[Entry],
    question: &Question<'_>,
    around: &Around,
    parts: Parts,
) -> Vec<Ranked> {
    let words = words(entries, question.words, around);
    let (of_time, time) = times(entries, question);
    let unit = unit(entries.len(), question.words, &words);
    let unit = if question.deep {
        meaning::DEEP * unit
    } else {
        unit
    };
    let near = Near::of(question.similar, around, question.usual, unit);
    // Something is always the nearest; it says something where the question has to do with the memory at all.
    let concerns = near.stands_out
        || words.iter().any(|words| *words > 0.0)
        || time > LEADS && of_time.contains(&true);
    let cue = question.cue.map(|(postings, factor)| {
        let mut has = vec![false; entries.len()];
        located(entries, postings).for_each(|(at, _)| has[at] = true);
        (has, factor)
    });
    let mut found = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let dated = of_time.get(at).copied().unwrap_or_default();
        let speaks = entry.speaker != 0 && question.named.contains(&entry.speaker);
        // Who is named shares a word with the question too, though it gives nothing.
        let leads =
            words[at] > 0.0 || speaks || dated && time > LEADS || concerns && near.leads(at);
        if !leads {
            continue;
        }
        let dates = if dated { DATES * time } else { 0.0 };
        // Who only is named says nothing by what is as near as everything.
        let semantic = if words[at] > 0.0 || dated || near.leads(at) {
            near.gives(at)
        } else {
            0.0
        };
        let asks = parts.questions
            && entry.question
            && entry.words < TELLS
            && !matches!(entry.kind, PASSAGE | LEARNED);
        let answers = cue.as_ref().filter(|(has, _)| has[at]);
        let factor = [
            (speaks, NAMED),
            (asks, QUESTION),
            (dated, DATED),
            (
                answers.is_some(),
                answers.map_or(1.0, |(_, factor)| *factor),
            ),
        ];
        let factor = factor
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, factor)| factor)
            .product();
        let score = (words[at] + dates + semantic) * factor;
        found.push(Ranked {
            at,
            score,
            words: words[at],
            dates,
            semantic,
            factor,
        });
    }
    found
}

/// What the words of the question give to each entry.
fn words(entries: &[Entry], words: &[(Vec<Posting>, f32)], around: &Around) -> Vec<f32> {
    let mut lengths = Lengths::of(entries, around);
    let mut scores = vec![0.0_f32; entries.len()];
    let mut weights = vec![0.0_f32; entries.len()];
    let mut touched = Vec::new();
    for (term, counts) in words.iter().filter(|(term, _)| !term.is_empty()) {
        let rare = counts * rarity(entries.len(), term.len());
        for (at, often) in located(entries, term) {
            around.spread(entries, at, often, &mut weights, &mut touched);
        }
        for at in touched.drain(..) {
            let weight = std::mem::take(&mut weights[at]);
            scores[at] += rare * saturated(weight, lengths.relative(entries, around, at));
        }
    }
    scores
}

/// What is of the times that are asked for, or speaks of them, and how much that says; nothing, where none is asked for.
fn times(entries: &[Entry], question: &Question<'_>) -> (Vec<bool>, f32) {
    if question.times.is_empty() {
        return (Vec::new(), 0.0);
    }
    let mut of_time = vec![false; entries.len()];
    located(entries, question.spoken).for_each(|(at, _)| of_time[at] = true);
    // Neighbours are mostly of the same day.
    let mut last = (i32::MIN, false);
    for (of_time, entry) in of_time.iter_mut().zip(entries) {
        let day = day(entry.at);
        if day != last.0 {
            last = (day, question.times.iter().any(|time| time.has(day)));
        }
        // A document was not said; what it speaks of stands in it.
        *of_time |= last.1 && entry.kind != PASSAGE;
    }
    let count = of_time.iter().filter(|is| **is).count();
    (of_time, rarity(entries.len(), count))
}

/// What one step of meaning is worth in this question: its words give more in a large memory, where they are rarer; and the worse
/// the best of all entries fits them, the more the meaning counts. `scores`: what the words give to each entry.
fn unit(entries: usize, words: &[(Vec<Posting>, f32)], scores: &[f32]) -> f32 {
    let there = words.iter().filter(|(term, _)| !term.is_empty());
    let (mut rare, mut counted) = (0.0, 0.0);
    for (term, counts) in there {
        (rare, counted) = (
            rare + counts * rarity(entries, term.len()),
            counted + counts,
        );
    }
    if counted == 0.0 {
        return meaning::UNIT;
    }
    let nowhere = words.iter().filter(|(term, _)| term.is_empty());
    let all = rare
        + nowhere
            .map(|(_, counts)| counts * rarity(entries, 0))
            .sum::<f32>();
    let best = scores.iter().copied().fold(0.0, f32::max);
    let fits = (best / (WHOLE * all.max(f32::MIN_POSITIVE))).min(1.0);
    rare / counted * meaning::OF_WORDS * (1.0 + MEANING * (1.0 - fits))
}

/// One more than the greatest number of a session: numbers are given one after the other, so a list serves as a table.
fn numbers(entries: &[Entry]) -> usize {
    let greatest = entries.iter().map(|entry| entry.session).max();
    index(greatest.unwrap_or_default()) + 1
}

/// How much a word says that stands in `with` of `all`.
fn rarity(all: usize, with: usize) -> f32 {
    // Never nothing: what every turn has still finds them.
    let (all, with) = (all as f32, with.min(all) as f32);
    ((all - with + 0.5) / (with + 0.5)).ln_1p()
}

/// `long`: against the average.
fn saturated(often: f32, long: f32) -> f32 {
    often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * long))
}

fn mean(numbers: &[f32]) -> f32 {
    numbers.iter().sum::<f32>() / numbers.len().max(1) as f32
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Postings by the places of their turns among the entries. Both are in the same order; what only one of them has is left out.
fn located(entries: &[Entry], postings: &[Posting]) -> impl Iterator<Item = (usize, f32)> {
    let mut from = 0;
    postings.iter().filter_map(move |posting| {
        let ahead = posting.doc.checked_sub(entries.get(from)?.doc)?;
        // Where nothing was deleted between, it is exactly that far ahead; otherwise nearer.
        let end = from
            .saturating_add(usize::try_from(ahead).ok()?)
            .min(entries.len() - 1);
        let at = match entries[end].doc == posting.doc {
            true => end,
            false => {
                from + entries[from..=end]
                    .binary_search_by_key(&posting.doc, |entry| entry.doc)
                    .ok()?
            }
        };
        from = at;
        Some((at, f32::from(posting.often)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turn(doc: u32, session: u32) -> Entry {
        Entry {
            doc,
            session,
            words: 8,
            ..Entry::default()
        }
    }

    fn posting(doc: u32) -> Posting {
        Posting { doc, often: 1 }
    }

    fn whole(words: &[Vec<Posting>]) -> Vec<(Vec<Posting>, f32)> {
        words.iter().map(|word| (word.clone(), 1.0)).collect()
    }

    fn ranked(entries: &[Entry], words: &[Vec<Posting>], named: &[u32]) -> Vec<u32> {
        let words = &whole(words);
        order(
            entries,
            &Question {
                words,
                named,
                ..Question::default()
            },
        )
    }

    fn order(entries: &[Entry], question: &Question<'_>) -> Vec<u32> {
        let around = Around::of(entries, true);
        let mut found = rank(entries, question, &around, Parts::ALL);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.iter().map(|one| entries[one.at].doc).collect()
    }

    #[test]
    fn a_turn_is_read_with_its_neighbours_in_its_own_session() {
        let entries: Vec<_> = (0..12).map(|doc| turn(doc, 1 + doc % 2)).collect();
        // Of the other session, which lies between, there is nothing.
        assert_eq!(
            ranked(&entries, &[vec![posting(4)]], &[]),
            [4, 6, 8, 2, 10, 0]
        );
        let alone: Vec<_> = (0..12).map(|doc| turn(doc, 0)).collect();
        assert_eq!(ranked(&alone, &[vec![posting(4)]], &[]), [4]);
    }

    #[test]
    fn who_is_named_counts_more_and_who_only_asks_less() {
        let mut entries: Vec<_> = (0..3).map(|doc| turn(doc, 0)).collect();
        entries[1].speaker = 7;
        entries[0].question = true;
        let all = vec![vec![posting(0), posting(1), posting(2)]];
        assert_eq!(ranked(&entries, &all, &[7]), [1, 2, 0]);
    }

    #[test]
    fn the_words_of_a_question_lead_to_its_answer() {
        let mut entries: Vec<_> = (0..3).map(|doc| turn(doc, 1)).collect();
        entries[1].question = true;
        assert_eq!(ranked(&entries, &[vec![posting(1)]], &[])[0], 2);
    }

    #[test]
    fn what_was_deleted_between_moves_nothing() {
        let entries = [turn(3, 0), turn(900, 0), turn(901, 0), turn(5000, 0)];
        let all = vec![[2, 3, 900, 904, 5000, 6000].map(posting).to_vec()];
        let mut found = ranked(&entries, &all, &[]);
        found.sort_unstable();
        assert_eq!(found, [3, 900, 5000]);
    }

    #[test]
    fn what_is_of_the_time_that_is_asked_for_stands_above_and_is_found_without_a_word() {
        let on = |doc: u32, day: i64| Entry {
            at: day * 86_400_000 + 5,
            ..turn(doc, 0)
        };
        let entries: Vec<_> = (0..20).map(|doc| on(doc, 100 + i64::from(doc))).collect();
        let span = |from, until| [Time::Span(super::super::dates::Span { from, until })];
        let words = whole(&[vec![posting(1), posting(2), posting(9)]]);
        let times = span(102, 104);
        let question = Question {
            words: &words,
            times: &times,
            spoken: &[posting(9)],
            ..Question::default()
        };
        let found = order(&entries, &question);
        assert_eq!((found.len(), found[2], found[3]), (4, 3, 1), "{found:?}");
        // A time that everything is of leads nowhere.
        let times = span(0, 1000);
        let question = Question {
            words: &words,
            times: &times,
            ..Question::default()
        };
        assert_eq!(order(&entries, &question).len(), 3);
    }

    #[test]
    fn what_holds_the_kind_of_answer_counts_more() {
        let entries: Vec<_> = (0..3).map(|doc| turn(doc, 0)).collect();
        let words = whole(&[vec![posting(0), posting(1), posting(2)]]);
        let place = [posting(1)];
        let question = Question {
            words: &words,
            cue: Some((&place, 1.2)),
            ..Question::default()
        };
        assert_eq!(order(&entries, &question)[0], 1);
    }

    #[test]
    fn what_stands_out_in_meaning_is_found_without_a_word() {
        let entries: Vec<_> = (0..40).map(|doc| turn(doc, 0)).collect();
        let mut similar = vec![Some(0.2); 40];
        (similar[7], similar[8], similar[9]) = (Some(0.9), None, Some(0.21));
        let words = whole(&[vec![posting(3)]]);
        let question = Question {
            words: &words,
            similar: &similar,
            ..Question::default()
        };
        let mut found = order(&entries, &question);
        found.sort_unstable();
        assert_eq!(found, [3, 7]);
        // Few are measured against what is usual, and that depends on the model.
        let alone = |similar, near, apart| {
            let question = Question {
                similar: &[Some(similar)],
                usual: Usual { near, apart },
                ..Question::default()
            };
            order(&entries[..1], &question).len()
        };
        assert_eq!((alone(0.8, 0.0, 0.15), alone(0.1, 0.0, 0.15)), (1, 0));
        assert_eq!((alone(0.9, 0.75, 0.03), alone(0.76, 0.75, 0.03)), (1, 0));
        // Of a few, all as near as each other, none stands out, until a word says that it is about them.
        let question = Question {
            similar: &[Some(0.6), Some(0.64), Some(0.7)],
            ..Question::default()
        };
        assert_eq!(order(&entries[..3], &question), [0_u32; 0]);
        let words = whole(&[vec![posting(0)]]);
        let question = Question {
            words: &words,
            ..question
        };
        let mut found = order(&entries[..3], &question);
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2]);
        // In a large memory something is always the nearest, and says nothing by that.
        let many: Vec<_> = (0..400).map(|doc| turn(doc, 0)).collect();
        let noisy = |at: u32| Some((at * 7919 % 400) as f32 / 1000.0);
        let mut noise: Vec<_> = (0..400).map(noisy).collect();
        let found = |similar: &[Option<f32>]| {
            let question = Question {
                similar,
                ..Question::default()
            };
            order(&many, &question).len()
        };
        assert_eq!(found(&noise), 0);
        noise[77] = Some(0.8);
        assert!(found(&noise) > 0);
    }

    #[test]
    fn words_of_a_document_reach_only_the_passages_beside() {
        let passage = |doc| Entry {
            kind: PASSAGE,
            ..turn(doc, 1)
        };
        let entries: Vec<_> = (0..6).map(passage).collect();
        let mut found = ranked(&entries, &[vec![posting(2)]], &[]);
        assert_eq!(found[0], 2);
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn whatever_has_a_word_is_found(
            entries in prop::collection::btree_map(0_u32..3000, 0_u32..5, 1..80),
            words in prop::collection::vec(prop::collection::btree_set(0_u32..3000, 0..30), 1..5),
        ) {
            let entries: Vec<_> = entries.into_iter().map(|(doc, session)| turn(doc, session)).collect();
            let words: Vec<Vec<_>> = words.into_iter().map(|docs| docs.into_iter().map(posting).collect()).collect();
            let words = whole(&words);
            let question = Question { words: &words, ..Question::default() };
            let found = rank(&entries, &question, &Around::of(&entries, true), Parts::ALL);
            for entry in &entries {
                let has = words.iter().flat_map(|(word, _)| word).any(|one| one.doc == entry.doc);
                let hit = found.iter().find(|one| entries[one.at].doc == entry.doc);
                prop_assert!(!has || hit.is_some());
                prop_assert!(hit.is_none_or(|hit| hit.score > 0.0 && hit.score.is_finite()));
            }
        }
    }
}
