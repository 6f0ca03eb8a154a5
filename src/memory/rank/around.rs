//! Who stands beside whom, and how far words reach.

use super::{index, mean, numbers};
use crate::store::{Entry, LEARNED, PASSAGE};

/// What is left of a word in the turns behind its own: in the next, in the one further, ….
const FORTH: [f32; 4] = [0.6, 0.36, 0.216, 0.1296];
/// The same where its turn asks: the next one answers.
const ANSWER: [f32; 4] = [1.0, 0.36, 0.216, 0.1296];
/// What is left of it in the turns before.
const BACK: [f32; 4] = [0.3, 0.18, 0.108, 0.0648];
/// What is left of a word of a document in the passages beside its own.
const BESIDE: [f32; 1] = [0.3];
/// Entries of a kind whose lengths are enough to know the average.
const SAMPLE: usize = 1024;
/// Kinds of which each has an average of its own: turns, passages, facts.
const KINDS: usize = 3;
/// There is no neighbour.
const NONE: u32 = u32::MAX;

/// Who stands beside whom: the turns of a session and the passages of a document, as they came.
pub(in super::super) struct Around {
    before: Vec<u32>,
    behind: Vec<u32>,
    /// Whether words reach their neighbours.
    reach: bool,
}

impl Around {
    /// Of these entries. One without a session has no neighbours.
    pub(in super::super) fn of(entries: &[Entry], reach: bool) -> Self {
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
        Self {
            before,
            behind,
            reach,
        }
    }

    /// The places of at most `count` entries before one, the nearest first.
    pub(in super::super) fn before(&self, at: usize, count: usize) -> impl Iterator<Item = usize> {
        walk(&self.before, at, count)
    }

    /// The places of at most `count` entries behind one, the nearest first.
    pub(in super::super) fn behind(&self, at: usize, count: usize) -> impl Iterator<Item = usize> {
        walk(&self.behind, at, count)
    }

    /// Adds a word to its entry and to those around it.
    pub(super) fn spread(
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
        if !self.reach {
            return;
        }
        for (near, left) in self.behind(at, FORTH.len()).zip(forth(&entries[at])) {
            add(near, often * left);
        }
        for (near, left) in self.before(at, BACK.len()).zip(back(&entries[at])) {
            add(near, often * left);
        }
    }

    /// How long an entry is with what reaches it of those around it.
    fn length(&self, entries: &[Entry], at: usize) -> f32 {
        let own = f32::from(entries[at].words);
        if !self.reach {
            return own;
        }
        let reaches =
            |near: usize, left: Option<&f32>| left.unwrap_or(&0.0) * f32::from(entries[near].words);
        let before = (0..).zip(self.before(at, FORTH.len()));
        let before = before.map(|(step, near)| reaches(near, forth(&entries[near]).get(step)));
        let behind = (0..).zip(self.behind(at, BACK.len()));
        let behind = behind.map(|(step, near)| reaches(near, back(&entries[near]).get(step)));
        own + before.sum::<f32>() + behind.sum::<f32>()
    }
}

/// How long entries are, each looked at only when it is needed.
pub(super) struct Lengths {
    known: Vec<f32>,
    average: [f32; KINDS],
}

impl Lengths {
    /// The averages, by kind: of all, or of enough of them at even distances.
    pub(super) fn of(entries: &[Entry], around: &Around) -> Self {
        let mut counts = [0_usize; KINDS];
        for entry in entries {
            counts[kind(entry)] += 1;
        }
        let steps = counts.map(|count| count.div_ceil(SAMPLE).max(1));
        // How many of a kind come before the next one that is looked at.
        let mut ahead = [0_usize; KINDS];
        let mut lengths: [Vec<f32>; KINDS] = Default::default();
        for (at, entry) in entries.iter().enumerate() {
            let kind = kind(entry);
            if ahead[kind] == 0 {
                lengths[kind].push(around.length(entries, at));
                ahead[kind] = steps[kind];
            }
            ahead[kind] -= 1;
        }
        Self {
            known: vec![f32::NAN; entries.len()],
            average: lengths.map(|all| mean(&all)),
        }
    }

    /// The length of one against the average of its kind.
    pub(super) fn relative(&mut self, entries: &[Entry], around: &Around, at: usize) -> f32 {
        if self.known[at].is_nan() {
            let average = self.average[kind(&entries[at])];
            self.known[at] = if average > 0.0 {
                around.length(entries, at) / average
            } else {
                1.0
            };
        }
        self.known[at]
    }
}

fn kind(entry: &Entry) -> usize {
    match entry.kind {
        PASSAGE => 1,
        LEARNED => 2,
        _ => 0,
    }
}

/// What is left of a word of this entry in the ones behind it.
fn forth(entry: &Entry) -> &'static [f32] {
    match entry.kind {
        PASSAGE => &BESIDE,
        _ if entry.question => &ANSWER,
        _ => &FORTH,
    }
}

/// The same in the ones before it.
fn back(entry: &Entry) -> &'static [f32] {
    match entry.kind {
        PASSAGE => &BESIDE,
        _ => &BACK,
    }
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
