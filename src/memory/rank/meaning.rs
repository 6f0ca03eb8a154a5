//! How near in meaning, against all others of the memory.
//!
//! Cosines of one model cannot be compared with those of another, nor with words: what counts is how far an entry stands out.

use super::around::Around;

/// What is left of a meaning in the entry behind, and in the one before.
const FORTH: f32 = 0.3;
const BACK: f32 = 0.2;
/// Deviations from which on it counts: a third of everything is nearer than that by chance.
pub(super) const COUNTS: f32 = 0.5;
/// The same of a model that reads words together: what is a little nearer than others is so for a reason.
pub(super) const DEEP_COUNTS: f32 = -1.0;
/// Deviations from which on an entry is found by its meaning alone.
pub(super) const LEADS: f32 = 1.0;
/// What a deviation of such a model is worth, in deviations of what words and times give.
pub(super) const DEEP: f32 = 2.0;
/// What a deviation is worth against the mean of what the words of the question give,
pub(super) const OF_WORDS: f32 = 0.2;
/// and where the memory has none of them.
pub(super) const UNIT: f32 = 0.8;
/// Entries from which on a memory tells by itself how far its cosines lie apart.
const MANY: f32 = 20.0;
/// Until then it is as if so many others were there, as far apart as is usual,
const OTHERS: f32 = 4.0;
const APART: f32 = 0.15;
/// and where there are fewer than that at all, as near as is usual with the table that is built in.
const NEAR: f32 = -0.1;

/// How meanings count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// What one deviation is worth.
    pub(super) unit: f32,
    /// From how many deviations on they count.
    pub(super) from: f32,
}

/// The standard deviation.
pub(super) fn apart(all: impl Iterator<Item = f32>) -> f32 {
    spread(all).2
}

/// How many, their mean and their standard deviation.
fn spread(all: impl Iterator<Item = f32>) -> (f32, f32, f32) {
    let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
    for one in all.map(f64::from) {
        (count, sum, squares) = (count + 1.0, sum + one, squares + one * one);
    }
    let count = count.max(1.0);
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    (count as f32, mean as f32, variance.sqrt() as f32)
}

/// What the meaning of each entry gives; empty where nothing is known of any.
pub(super) fn near(similar: &[Option<f32>], around: &Around, step: Step) -> Vec<f32> {
    let known = similar.iter().flatten().copied();
    if similar.iter().all(Option::is_none) {
        return Vec::new();
    }
    let usual = Usual::of(known);
    let own = |at: usize| {
        let near = similar.get(at).copied().flatten();
        near.map_or(0.0, |near| near - usual.near)
    };
    let with = |at: usize| {
        let before = around.before(at, 1).next().map_or(0.0, own);
        let behind = around.behind(at, 1).next().map_or(0.0, own);
        own(at) + FORTH * before + BACK * behind
    };
    let all: Vec<f32> = (0..similar.len()).map(with).collect();
    let mut wide = Usual::of(all.iter().copied());
    if usual.is_guess {
        // They are counted from what is usual already.
        wide.near = 0.0;
    }
    let stands_out = |near: f32| step.unit * ((near - wide.near) / wide.apart - step.from).max(0.0);
    all.into_iter().map(stands_out).collect()
}

/// How near the entries of a memory are to a question that has nothing to do with them.
struct Usual {
    near: f32,
    /// The standard deviation.
    apart: f32,
    /// There are too few to tell.
    is_guess: bool,
}

impl Usual {
    fn of(all: impl Iterator<Item = f32>) -> Self {
        let (count, mean, apart) = spread(all);
        let variance = apart * apart;
        let others = OTHERS * (1.0 - count / MANY).max(0.0);
        let variance = (count * variance + others * APART * APART) / (count + others);
        let is_guess = count < OTHERS;
        Self {
            near: match is_guess {
                true => (count * mean + (OTHERS - count) * NEAR) / OTHERS,
                false => mean,
            },
            apart: variance.max(1e-6).sqrt(),
            is_guess,
        }
    }
}
