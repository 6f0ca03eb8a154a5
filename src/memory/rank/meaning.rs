//! How near in meaning, against all others of the memory.
//!
//! Cosines of one model cannot be compared with those of another, nor with words: what counts is how far an entry stands out of
//! the others. The numbers were chosen on one half of the shared conversations and of the own questions (`benches/questions`), with
//! the built-in table and with MiniLM, and hold on the other half.

use super::super::embed::Usual;
use super::around::Around;

/// What is left of a meaning in the entry behind, and in the one before.
const FORTH: f32 = 0.2;
const BACK: f32 = 0.1;
/// Deviations from which on it counts: what is only as near as others are is nearer than what is far.
const COUNTS: f32 = -1.0;
/// Deviations from which on an entry is found by its meaning alone.
const LEADS: f32 = 1.0;
/// What a deviation is worth against the mean of what the words of the question give,
pub(super) const OF_WORDS: f32 = 0.23;
/// and where the memory has none of them.
pub(super) const UNIT: f32 = 0.8;
/// How much more it is worth where a model reads the words of a text together.
pub(super) const DEEP: f32 = 1.5;
/// Entries from which on a memory tells by itself how far its cosines lie apart.
const MANY: f32 = 20.0;
/// Until then it is as if so many others were there that have nothing to do with the question, at most.
const OTHERS: f32 = 4.0;
/// Of so many questions that have nothing to do with a memory one finds something that stands out, by chance.
const CHANCE: f32 = 20.0;

/// How near each entry is.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// In deviations; empty where nothing is known of any.
    out: Vec<f32>,
    /// What one is worth.
    unit: f32,
    /// Whether the nearest stands out so far that it is hardly chance.
    pub(super) stands_out: bool,
}

impl Near {
    /// Of all entries. `usual`: of the question, whatever the memory is. `unit`: what a deviation is worth.
    pub(super) fn of(similar: &[Option<f32>], around: &Around, usual: Usual, unit: f32) -> Self {
        let known = Spread::of(similar.iter().flatten().copied());
        if known.count == 0.0 {
            return Self::default();
        }
        let others = OTHERS * (1.0 - known.count / MANY).max(0.0);
        let apart = |all: &Spread| {
            let variance = all.count * all.variance + others * usual.apart * usual.apart;
            (variance / (all.count + others)).max(1e-6).sqrt()
        };
        // A few tell how near they are as little as how far apart.
        let near = (known.count * known.mean + others * usual.near) / (known.count + others);
        let own = |at: usize| {
            let one = similar.get(at).copied().flatten();
            one.map_or(0.0, |one| one - near)
        };
        let with = |at: usize| {
            let before = around.before(at, 1).next().map_or(0.0, own);
            let behind = around.behind(at, 1).next().map_or(0.0, own);
            own(at) + FORTH * before + BACK * behind
        };
        let mut out: Vec<f32> = (0..similar.len()).map(with).collect();
        let deviation = apart(&Spread::of(out.iter().copied()));
        out.iter_mut().for_each(|one| *one /= deviation);

        // The nearest is measured against all but itself; of the greatest of many more is expected.
        let rest = known.without_greatest();
        let usually = if rest.count > 0.0 {
            rest.mean
        } else {
            usual.near
        };
        let chance = (2.0 * (CHANCE * known.count).ln()).sqrt();
        let stands_out = |from: f32, apart: f32| known.greatest - from >= chance * apart;
        // In a small memory several that are as near hide each other; the furthest does not.
        let few = others > 0.0
            && stands_out(usual.near, usual.apart)
            && stands_out(known.least, usual.apart);
        let stands_out = few || known.greatest > usual.near && stands_out(usually, apart(&rest));
        Self {
            out,
            unit,
            stands_out,
        }
    }

    /// What its meaning gives to an entry.
    pub(super) fn gives(&self, at: usize) -> f32 {
        let out = self.out.get(at).copied();
        out.map_or(0.0, |out| self.unit * (out - COUNTS).max(0.0))
    }

    /// Whether it is near enough to be found without a word.
    pub(super) fn leads(&self, at: usize) -> bool {
        self.out.get(at).is_some_and(|out| *out >= LEADS)
    }
}

/// How numbers are spread.
#[derive(Debug, Clone, Copy)]
struct Spread {
    count: f32,
    mean: f32,
    variance: f32,
    greatest: f32,
    least: f32,
}

impl Spread {
    fn of(all: impl Iterator<Item = f32>) -> Self {
        let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
        let (mut greatest, mut least) = (f32::MIN, f32::MAX);
        for one in all {
            (greatest, least) = (greatest.max(one), least.min(one));
            let one = f64::from(one);
            (count, sum, squares) = (count + 1.0, sum + one, squares + one * one);
        }
        Self {
            greatest,
            least,
            ..Self::told(count, sum, squares)
        }
    }

    fn told(count: f64, sum: f64, squares: f64) -> Self {
        let mean = sum / count.max(1.0);
        let variance = (squares / count.max(1.0) - mean * mean).max(0.0);
        Self {
            count: count as f32,
            mean: mean as f32,
            variance: variance as f32,
            greatest: f32::MIN,
            least: f32::MAX,
        }
    }

    /// All but the greatest.
    fn without_greatest(self) -> Self {
        let [count, mean, variance, greatest] =
            [self.count, self.mean, self.variance, self.greatest].map(f64::from);
        let squares = count * (variance + mean * mean);
        Self::told(
            count - 1.0,
            count * mean - greatest,
            squares - greatest * greatest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Entry;

    #[test]
    fn two_that_are_as_near_do_not_hide_each_other_in_a_small_memory() {
        let entries: Vec<_> = (0..4)
            .map(|doc| Entry {
                doc,
                ..Entry::default()
            })
            .collect();
        let around = Around::of(&entries, true);
        let stands_out = |similar: [f32; 4]| {
            Near::of(&similar.map(Some), &around, Usual::default(), 1.0).stands_out
        };
        assert!(stands_out([0.9, 0.1, 0.9, 0.0]));
        assert!(stands_out([0.9, 0.1, 0.0, 0.0]));
        assert!(!stands_out([0.3, 0.1, 0.3, 0.0]));
    }
}
