//! The vectors of a whole space, and how near they are to a question.

use rusqlite::Connection;

use super::memory_blocks::Entry;
use super::vectors::{BLOCK, SCALE, Vector, place, read_scale};

/// What a model says of the entries of a space, in their order.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    /// The number of the model.
    model: i64,
    /// Of each entry; 0: it has no vector yet; below: it means nothing.
    scales: Vec<f32>,
    /// Of each entry one byte a dimension.
    values: Vec<i8>,
    /// Entries that have no vector yet.
    waiting: usize,
}

impl Meanings {
    /// Reads what the model of `like` says of these entries.
    pub(super) fn read(
        connection: &Connection,
        space: i64,
        entries: &[Entry],
        like: &Vector,
    ) -> rusqlite::Result<Self> {
        let dimension = like.values.len();
        let width = SCALE + dimension;
        let mut all = Self {
            model: like.model,
            scales: vec![0.0; entries.len()],
            values: vec![0; entries.len() * dimension],
            waiting: entries.len(),
        };
        let mut blocks = connection.prepare_cached(
            "SELECT block, vectors FROM memory_vectors WHERE space = ?1 AND model = ?2 ORDER BY block",
        )?;
        let mut blocks = blocks.query((space, like.model))?;
        let mut at = 0;
        while let Some(row) = blocks.next()? {
            let (block, bytes): (u32, _) = (row.get(0)?, row.get_ref(1)?.as_blob()?);
            let until = |block: u32| entries[at..].partition_point(|one| one.doc / BLOCK < block);
            let (from, end) = (at + until(block), at + until(block.saturating_add(1)));
            for (at, entry) in (from..end).zip(&entries[from..end]) {
                let own = place(entry.doc).1;
                let Some(scale) = read_scale(bytes, width, own) else {
                    continue;
                };
                all.scales[at] = scale;
                all.waiting -= 1;
                let values = &mut all.values[at * dimension..(at + 1) * dimension];
                for (value, byte) in values.iter_mut().zip(&bytes[own * width + SCALE..]) {
                    *value = byte.cast_signed();
                }
            }
            at = end;
        }
        Ok(all)
    }

    /// Whether this is what the model of a vector says.
    pub(super) fn is_of(&self, vector: &Vector) -> bool {
        self.model == vector.model && self.values.len() == self.scales.len() * vector.values.len()
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.values.len() + self.scales.len() * size_of::<f32>()
    }

    /// How near the meaning of each entry is to another one (the cosine). `None`: it means nothing, or has no vector yet.
    pub(super) fn similar(&self, to: &Vector) -> Vec<Option<f32>> {
        let dimension = to.values.len().max(1);
        let near = |(scale, values): (&f32, &[i8])| {
            (*scale > 0.0).then(|| dot(&to.values, values) * scale * to.scale)
        };
        let each = self.values.chunks_exact(dimension);
        self.scales.iter().zip(each).map(near).collect()
    }

    /// How many entries have no vector yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

/// The sum of the products: at most 127 * 127 each, so 130,000 dimensions fit.
fn dot(a: &[i8], b: &[i8]) -> f32 {
    const LANES: usize = 8;
    // Products fit 16 bits. Lanes of that width, two and two, are what a compiler makes one instruction of.
    let product = |a: i8, b: i8| i32::from(i16::from(a) * i16::from(b));
    let (a, a_rest) = a.as_chunks::<{ 2 * LANES }>();
    let (b, b_rest) = b.as_chunks::<{ 2 * LANES }>();
    let mut sums = [0_i32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += product(a[at], b[at]) + product(a[at + LANES], b[at + LANES]);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest: i32 = rest.map(|(a, b)| product(*a, *b)).sum();
    (sums.iter().sum::<i32>() + rest) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cosine_survives_its_bytes(numbers in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 40..80)) {
            let (a, b): (Vec<f32>, Vec<f32>) = numbers.into_iter().unzip();
            let length = |of: &[f32]| of.iter().map(|one| one * one).sum::<f32>().sqrt();
            prop_assume!(length(&a) > 0.1 && length(&b) > 0.1);
            let cosine = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>() / length(&a) / length(&b);
            let (a, b) = (Vector::of(1, &a), Vector::of(1, &b));
            let exact: i32 = a.values.iter().zip(&b.values).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            prop_assert_eq!(dot(&a.values, &b.values), exact as f32);
            let all = Meanings {
                model: 1,
                scales: vec![0.0, b.scale, -1.0],
                values: [&a.values, &b.values, &a.values].into_iter().flatten().copied().collect(),
                waiting: 1,
            };
            prop_assert!(all.is_of(&a));
            let near = all.similar(&a);
            prop_assert!(near[0].is_none() && near[2].is_none());
            prop_assert!((near[1].unwrap() - cosine).abs() < 0.02);
        }
    }
}
