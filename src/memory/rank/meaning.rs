//! How near in meaning, against all others of the memory.
//!
//! Cosines of one model cannot be compared with those of another, nor with words: what counts is how far an entry stands out.

use super::around::Around;

/// What is left of a meaning in the entry behind, and in the one before.
const FORTH: f32 = 0.3;
const BACK: f32 = 0.2;
/// Deviations from which on it counts: a third of everything is nearer than that by chance.
const COUNTS: f32 = 0.5;
/// Steps above that from which on an entry is found by its meaning alone.
pub(super) const LEADS: f32 = 0.5;
/// What a deviation is worth against the mean of what the words of the question give,
pub(super) const OF_WORDS: f32 = 0.2;
/// and where the memory has none of them.
pub(super) const UNIT: f32 = 0.8;
/// In a small memory nothing stands out by itself: it is measured as if these were there too.
const OTHERS: [f32; 4] = [0.05, 0.35, 0.05, 0.35];

/// What the meaning of each entry gives; empty where nothing is known of any. `unit`: what one deviation is worth.
pub(super) fn near(similar: &[Option<f32>], around: &Around, unit: f32) -> Vec<f32> {
    let known = similar.iter().flatten().copied();
    if similar.iter().all(Option::is_none) {
        return Vec::new();
    }
    let (mean, _) = spread(known.chain(OTHERS));
    let own = |at: usize| {
        similar
            .get(at)
            .copied()
            .flatten()
            .map_or(0.0, |near| near - mean)
    };
    let with = |at: usize| {
        let before = around.before(at, 1).next().map_or(0.0, own);
        let behind = around.behind(at, 1).next().map_or(0.0, own);
        own(at) + FORTH * before + BACK * behind
    };
    let all: Vec<f32> = (0..similar.len()).map(with).collect();
    let (mean, deviation) = spread(all.iter().copied().chain(OTHERS.map(|other| other - mean)));
    let stands_out = |near: f32| unit * ((near - mean) / deviation - COUNTS).max(0.0);
    all.into_iter().map(stands_out).collect()
}

/// Mean and standard deviation.
fn spread(all: impl Iterator<Item = f32>) -> (f32, f32) {
    let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
    for one in all.map(f64::from) {
        (count, sum, squares) = (count + 1.0, sum + one, squares + one * one);
    }
    let mean = sum / count;
    let deviation = (squares / count - mean * mean).max(1e-6).sqrt();
    (mean as f32, deviation as f32)
}
