//! Which turns answer a question: a pure function of what the index has.
//!
//! BM25 (Robertson, Zaragoza 2009) over the turns of one memory, where a turn is read with those around it: a word counts in
//! its neighbours too, the less the farther they are, because an answer rarely repeats what the question named. The whole
//! session adds a little. Numbers were found on conversations with labelled questions; `scripts/bench recall` measures them.

use crate::store::{Entry, Posting};

/// How fast more of the same word counts less.
const K1: f32 = 0.9;
/// How much long turns are held against themselves.
const B: f32 = 0.4;
/// How far a turn is read with its neighbours.
const AROUND: usize = 4;
/// What is left of a word one turn further.
const DECAY: f32 = 0.6;
/// What is left of a question's word in the turn behind it, which answers it.
const ANSWER: f32 = 1.0;
/// What a word counts in the turns before it, against those behind it.
const AHEAD: f32 = 0.8;
/// What the session counts.
const SESSION: f32 = 0.2;
/// What a turn counts whose speaker the question names.
const NAMED: f32 = 1.6;
/// What a turn counts that only asks.
const QUESTION: f32 = 0.7;
/// From so many words on a turn that ends with a question tells something too.
const TELLS: u16 = 14;
/// There is no neighbour.
const NONE: u32 = u32::MAX;

/// A turn that has something to do with the question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    /// Its place among the entries.
    pub(super) at: usize,
    /// All in all.
    pub(super) score: f32,
    /// What its words and those around it give.
    pub(super) words: f32,
    /// What its session gives.
    pub(super) session: f32,
    /// By what both are multiplied: who speaks, and whether it only asks.
    pub(super) factor: f32,
}

/// Every turn that shares a word with the question, by itself or in its neighbours; the order says nothing. `named`: numbers
/// of the speakers that the question names.
pub(super) fn rank(
    entries: &[Entry],
    postings: &[Vec<Posting>],
    named: &[u32],
    around: &Around,
) -> Vec<Ranked> {
    let lengths = around.lengths(entries);
    let average = mean(&lengths);
    let mut words = vec![0.0_f32; entries.len()];
    let mut weights = vec![0.0_f32; entries.len()];
    let mut touched = Vec::new();
    for term in postings.iter().filter(|term| !term.is_empty()) {
        let rare = rarity(entries.len(), term.len());
        for (at, often) in located(entries, term) {
            around.spread(entries, at, often, &mut weights, &mut touched);
        }
        for at in touched.drain(..) {
            let weight = std::mem::take(&mut weights[at]);
            words[at] += rare * saturated(weight, lengths[at], average);
        }
    }
    let sessions = sessions(entries, postings);
    let found = words.iter().zip(entries).enumerate();
    let found = found.filter(|(_, (words, _))| **words > 0.0);
    found
        .map(|(at, (words, entry))| {
            let session = SESSION * sessions[index(entry.session)];
            let speaks = entry.speaker != 0 && named.contains(&entry.speaker);
            let asks = entry.question && entry.words < TELLS;
            let of_speaker = if speaks { NAMED } else { 1.0 };
            let factor = of_speaker * if asks { QUESTION } else { 1.0 };
            let score = (words + session) * factor;
            Ranked {
                at,
                score,
                words: *words,
                session,
                factor,
            }
        })
        .collect()
}

/// What a session gives to its turns, by its number.
fn sessions(entries: &[Entry], postings: &[Vec<Posting>]) -> Vec<f32> {
    let mut lengths = vec![0.0_f32; numbers(entries)];
    for entry in entries.iter().filter(|entry| entry.session != 0) {
        lengths[index(entry.session)] += f32::from(entry.words).max(1.0);
    }
    let all: Vec<_> = lengths
        .iter()
        .copied()
        .filter(|length| *length > 0.0)
        .collect();
    let average = mean(&all);
    let mut scores = vec![0.0_f32; lengths.len()];
    let mut counts = vec![0.0_f32; lengths.len()];
    let mut touched = Vec::new();
    for term in postings {
        for (at, often) in located(entries, term) {
            let session = index(entries[at].session);
            if session != 0 {
                if counts[session] == 0.0 {
                    touched.push(session);
                }
                counts[session] += often;
            }
        }
        let rare = rarity(all.len(), touched.len());
        for session in touched.drain(..) {
            let count = std::mem::take(&mut counts[session]);
            scores[session] += rare * saturated(count, lengths[session], average);
        }
    }
    scores
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

fn saturated(often: f32, length: f32, average: f32) -> f32 {
    let long = if average > 0.0 { length / average } else { 1.0 };
    often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * long))
}

fn mean(numbers: &[f32]) -> f32 {
    numbers.iter().sum::<f32>() / numbers.len().max(1) as f32
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

/// Who stands beside whom: the turns of a session, as they came.
pub(super) struct Around {
    before: Vec<u32>,
    behind: Vec<u32>,
}

impl Around {
    /// Of these turns. One without a session has no neighbours.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let (mut before, mut behind) = (vec![NONE; entries.len()], vec![NONE; entries.len()]);
        let mut last = vec![NONE; numbers(entries)];
        for (at, entry) in (0_u32..)
            .zip(entries)
            .filter(|(_, entry)| entry.session != 0)
        {
            let previous = std::mem::replace(&mut last[index(entry.session)], at);
            if previous != NONE {
                before[index(at)] = previous;
                behind[index(previous)] = at;
            }
        }
        Self { before, behind }
    }

    /// The places of at most `count` turns before one, the nearest first.
    pub(super) fn before(&self, at: usize, count: usize) -> impl Iterator<Item = usize> {
        walk(&self.before, at, count)
    }

    /// The places of at most `count` turns behind one, the nearest first.
    pub(super) fn behind(&self, at: usize, count: usize) -> impl Iterator<Item = usize> {
        walk(&self.behind, at, count)
    }

    /// Adds a word to its turn and to those around it.
    fn spread(
        &self,
        entries: &[Entry],
        at: usize,
        often: f32,
        weights: &mut [f32],
        touched: &mut Vec<usize>,
    ) {
        let mut add = |at: usize, weight: f32| {
            if weights[at] == 0.0 {
                touched.push(at);
            }
            weights[at] += weight;
        };
        add(at, often);
        for (near, left) in self.behind(at, AROUND).zip(left(&entries[at])) {
            add(near, often * left);
        }
        for (near, left) in self.before(at, AROUND).zip(left(&Entry::default())) {
            add(near, often * AHEAD * left);
        }
    }

    /// How long each turn is with those around it.
    fn lengths(&self, entries: &[Entry]) -> Vec<f32> {
        let words = |at: usize| f32::from(entries[at].words);
        let mut lengths: Vec<f32> = (0..entries.len()).map(words).collect();
        for (at, entry) in entries.iter().enumerate() {
            for (near, left) in self.behind(at, AROUND).zip(left(entry)) {
                lengths[near] += left * words(at);
            }
            for (near, left) in self.before(at, AROUND).zip(left(&Entry::default())) {
                lengths[near] += AHEAD * left * words(at);
            }
        }
        lengths
    }
}

/// What is left of a word of this turn one turn further, two turns, ….
fn left(entry: &Entry) -> impl Iterator<Item = f32> {
    let first = if entry.question { ANSWER } else { DECAY };
    let further = std::iter::successors(Some(DECAY * DECAY), |left| Some(left * DECAY));
    std::iter::once(first).chain(further)
}

fn walk(links: &[u32], at: usize, count: usize) -> impl Iterator<Item = usize> {
    let next = move |at: &usize| {
        links
            .get(*at)
            .filter(|next| **next != NONE)
            .map(|next| index(*next))
    };
    std::iter::successors(next(&at), next).take(count)
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
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

    fn ranked(entries: &[Entry], postings: &[Vec<Posting>], named: &[u32]) -> Vec<u32> {
        let mut found = rank(entries, postings, named, &Around::of(entries));
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.iter().map(|one| entries[one.at].doc).collect()
    }

    #[test]
    fn a_turn_is_read_with_its_neighbours_in_its_own_session() {
        let entries: Vec<_> = (0..12).map(|doc| turn(doc, 1 + doc % 2)).collect();
        // Of the other session, which lies between, there is nothing.
        assert_eq!(
            ranked(&entries, &[vec![posting(4)]], &[]),
            [4, 6, 2, 8, 0, 10]
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

    proptest! {
        #[test]
        fn whatever_has_a_word_is_found(
            entries in prop::collection::btree_map(0_u32..3000, 0_u32..5, 1..80),
            words in prop::collection::vec(prop::collection::btree_set(0_u32..3000, 0..30), 1..5),
        ) {
            let entries: Vec<_> = entries.into_iter().map(|(doc, session)| turn(doc, session)).collect();
            let words: Vec<Vec<_>> = words.into_iter().map(|docs| docs.into_iter().map(posting).collect()).collect();
            let found = rank(&entries, &words, &[], &Around::of(&entries));
            for entry in &entries {
                let has = words.iter().flatten().any(|one| one.doc == entry.doc);
                let hit = found.iter().find(|one| entries[one.at].doc == entry.doc);
                prop_assert!(!has || hit.is_some());
                prop_assert!(hit.is_none_or(|hit| hit.score > 0.0 && hit.score.is_finite()));
            }
        }
    }
}
