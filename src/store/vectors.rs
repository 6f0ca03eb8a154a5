//! What entries mean, as a model sees it: vectors in blocks of 128 entries, for each space and model.
//!
//! A vector is written with its entry where the model is quick, and later where it is slow; what has none is found by what the
//! blocks count. Whoever takes an entry out of the index zeroes its vectors.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::memory_blocks::{ENTRIES, LEARNED, PASSAGE, read_entries};
use super::{Store, StoreError};

/// Entries of one block.
pub(super) const BLOCK: u32 = 128;
/// Bytes of the scale in front of a vector.
pub(super) const SCALE: usize = 4;

/// A direction in the space of a model, of length one: `values[i] * scale`. A negative scale: the model was asked, and the text
/// means nothing to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vector {
    /// The number of the model, as the store gave it.
    pub model: i64,
    /// What each value is multiplied by.
    pub scale: f32,
    /// One byte a dimension.
    pub values: Vec<i8>,
}

impl Vector {
    /// The direction of these numbers, however long they are; where they have none, that the text means nothing.
    pub fn of(model: i64, numbers: &[f32]) -> Self {
        let length = numbers.iter().map(|one| one * one).sum::<f32>().sqrt();
        let greatest = numbers
            .iter()
            .fold(0.0_f32, |most, one| most.max(one.abs()));
        if !(length.is_finite() && greatest > 0.0) {
            return Self::nothing(model, numbers.len());
        }
        // At most 127 either way.
        let byte = |one: &f32| (one / greatest * 127.0).round().clamp(-127.0, 127.0) as i8;
        let values: Vec<i8> = numbers.iter().map(byte).collect();
        let rounded = values
            .iter()
            .map(|one| f32::from(*one) * f32::from(*one))
            .sum::<f32>();
        Self {
            model,
            scale: 1.0 / rounded.sqrt(),
            values,
        }
    }

    /// That a text means nothing to the model.
    pub fn nothing(model: i64, dimension: usize) -> Self {
        Self {
            model,
            scale: -1.0,
            values: vec![0; dimension],
        }
    }

    /// Whether the text means something.
    pub fn means(&self) -> bool {
        self.scale > 0.0
    }

    fn written(&self) -> impl Iterator<Item = u8> {
        let values = self.values.iter().map(|one| one.cast_unsigned());
        self.scale.to_le_bytes().into_iter().chain(values)
    }
}

/// An entry without a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unembedded {
    /// Its number in its space.
    pub doc: u32,
    /// Its kind, as [`super::Entry`] has it.
    pub kind: u8,
    /// Its text.
    pub text: String,
}

/// How far a model has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Embedded {
    /// Entries that there are.
    pub entries: u64,
    /// Of them, how many the model was asked about.
    pub embedded: u64,
}

impl Store {
    /// Models of servers with this name and dimension: their fingerprints, and what they made of a sentence.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn probed_models(
        &self,
        name: &str,
        dimension: usize,
    ) -> Result<Vec<(String, Vec<f32>)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT fingerprint, probe FROM memory_models WHERE name = ?1 AND dimension = ?2 AND probe IS NOT NULL",
                )?
                .query_map((name, signed(dimension)), |row| {
                    let bytes: Vec<u8> = row.get(1)?;
                    let (numbers, _) = bytes.as_chunks();
                    let numbers = numbers.iter().map(|four| f32::from_le_bytes(*four));
                    Ok((row.get(0)?, numbers.collect()))
                })?
                .collect()
        })
    }

    /// The number of the model with this fingerprint; it gets one where it has none. `probe`: what it made of a sentence, where it
    /// is a server's.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn memory_model(
        &self,
        fingerprint: String,
        dimension: usize,
        name: String,
        probe: Option<&[f32]>,
    ) -> Result<i64, StoreError> {
        let probe = probe.map(|all| {
            all.iter()
                .flat_map(|one| one.to_le_bytes())
                .collect::<Vec<u8>>()
        });
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO memory_models (fingerprint, dimension, name, probe) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name RETURNING id",
                )?
                .query_row((fingerprint, signed(dimension), name, probe), |row| row.get(0))
        })
        .await
    }

    /// The numbers of spaces above `after`, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn memory_spaces(&self, after: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT id FROM memory_spaces WHERE id > ?1 ORDER BY id LIMIT ?2")?
                .query_map((after, limit), |row| row.get(0))?
                .collect()
        })
    }

    /// Entries of a space that have no vector of this model, with their texts: those before the number `before`, the newest
    /// first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unembedded(
        &self,
        space: i64,
        model: i64,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Unembedded>, StoreError> {
        self.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            let mut found = Vec::new();
            for (doc, kind) in missing(&moment, space, model, before, limit)? {
                let text = text_of(&moment, space, doc, kind)?.unwrap_or_default();
                found.push(Unembedded { doc, kind, text });
            }
            Ok(found)
        })
    }

    /// Keeps what entries of a space mean to a model, where they still have the text that was embedded. Whether the model is
    /// still there; otherwise nothing is kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put_vectors(
        &self,
        space: i64,
        model: i64,
        all: Vec<(Unembedded, Vector)>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let is_there: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM memory_models WHERE id = ?1)")?
                .query_row([model], |row| row.get(0))?;
            if !is_there {
                return Ok(false);
            }
            let mut kept = Vec::with_capacity(all.len());
            for (one, vector) in &all {
                let now = text_of(connection, space, one.doc, one.kind)?;
                if now.as_deref() == Some(one.text.as_str()) {
                    kept.push((one.doc, vector));
                }
            }
            put(connection, space, &kept)?;
            Ok(true)
        })
        .await
    }

    /// How far a model has come with the memories of a person, or, without one, with all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn embedded(&self, model: i64, person: Option<&str>) -> Result<Embedded, StoreError> {
        self.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            let mut done = Embedded::default();
            let mut blocks = moment.prepare_cached(
                "SELECT block, entries FROM memory_entries
                 WHERE ?1 IS NULL OR space IN (SELECT id FROM memory_spaces WHERE person = ?1)",
            )?;
            let mut blocks = blocks.query([person])?;
            let mut entries = Vec::new();
            while let Some(row) = blocks.next()? {
                entries.clear();
                read_entries(row.get(0)?, row.get_ref(1)?.as_blob()?, &mut entries);
                done.entries += entries.len() as u64;
            }
            done.embedded = moment
                .prepare_cached(
                    "SELECT coalesce(sum(count), 0) FROM memory_vectors WHERE model = ?2
                     AND (?1 IS NULL OR space IN (SELECT id FROM memory_spaces WHERE person = ?1))",
                )?
                .query_row((person, model), |row| unsigned(row, 0))?
                as u64;
            Ok(done)
        })
    }

    /// Removes up to `limit` blocks of other models, and the models when none is left. Whether there was any.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn forget_other_models(&self, model: i64, limit: u32) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let others: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM memory_models WHERE id <> ?1)")?
                .query_row([model], |row| row.get(0))?;
            if !others {
                return Ok(false);
            }
            let removed = connection
                .prepare_cached(
                    "DELETE FROM memory_vectors WHERE (space, model, block) IN
                       (SELECT space, model, block FROM memory_vectors WHERE model <> ?1 LIMIT ?2)",
                )?
                .execute((model, limit))?;
            if removed == 0 {
                connection.execute("DELETE FROM memory_models WHERE id <> ?1", [model])?;
            }
            Ok(true)
        })
        .await
    }
}

/// Numbers and kinds of entries without a vector, the newest first. Where a block counts as many vectors as there are entries,
/// nothing more of it is read.
fn missing(
    connection: &Connection,
    space: i64,
    model: i64,
    before: u32,
    limit: usize,
) -> rusqlite::Result<Vec<(u32, u8)>> {
    const { assert!(ENTRIES == 2 * BLOCK) };
    let mut found = Vec::new();
    let mut blocks = connection.prepare_cached(
        "SELECT block, entries, (SELECT coalesce(sum(count), 0) FROM memory_vectors
           WHERE memory_vectors.space = ?1 AND model = ?2 AND memory_vectors.block IN (2 * memory_entries.block, 2 * memory_entries.block + 1))
         FROM memory_entries WHERE space = ?1 AND block <= ?3 ORDER BY block DESC",
    )?;
    let mut blocks = blocks.query((space, model, before / ENTRIES))?;
    let mut entries = Vec::new();
    while let Some(row) = blocks.next()?
        && found.len() < limit
    {
        let block: u32 = row.get(0)?;
        entries.clear();
        read_entries(block, row.get_ref(1)?.as_blob()?, &mut entries);
        if unsigned(row, 2)? >= entries.len() {
            continue;
        }
        let halves = [
            block_of(connection, space, model, 2 * block)?,
            block_of(connection, space, model, 2 * block + 1)?,
        ];
        for entry in entries.iter().rev().filter(|entry| entry.doc < before) {
            let (half, at) = place(entry.doc);
            let half = &halves[usize::from(half % 2 == 1)];
            let scale = half
                .as_ref()
                .and_then(|(bytes, width)| read_scale(bytes, *width, at));
            if scale.is_none() && found.len() < limit {
                found.push((entry.doc, entry.kind));
            }
        }
    }
    Ok(found)
}

/// A block, and how many bytes each vector in it has.
fn block_of(
    connection: &Connection,
    space: i64,
    model: i64,
    block: u32,
) -> rusqlite::Result<Option<(Vec<u8>, usize)>> {
    connection
        .prepare_cached(
            "SELECT vectors, dimension FROM memory_vectors JOIN memory_models ON id = model
             WHERE space = ?1 AND model = ?2 AND block = ?3",
        )?
        .query_row((space, model, block), |row| {
            Ok((row.get(0)?, SCALE + unsigned(row, 1)?))
        })
        .optional()
}

/// The text of an entry, as the index takes it: of a passage with the headings above it. `None`: it is not, or not any more, what
/// can be found.
fn text_of(
    connection: &Connection,
    space: i64,
    doc: u32,
    kind: u8,
) -> rusqlite::Result<Option<String>> {
    if kind == PASSAGE {
        let found = super::passages::texts(connection, space, doc, doc.saturating_add(1))?;
        return Ok(found.into_iter().next().map(|(_, text)| text));
    }
    let sql = match kind {
        // One that does not hold any more was taken out of the index.
        LEARNED => "SELECT text FROM learned WHERE space = ?1 AND doc = ?2 AND state = 'current'",
        _ => "SELECT text FROM interactions WHERE space = ?1 AND doc = ?2",
    };
    connection
        .prepare_cached(sql)?
        .query_row((space, doc), |row| row.get(0))
        .optional()
}

/// Keeps vectors of entries. One of a model that is not there any more is left out: the entry gets another later.
pub(super) fn put(
    connection: &Connection,
    space: i64,
    all: &[(u32, &Vector)],
) -> rusqlite::Result<()> {
    let mut blocks: BTreeMap<(i64, u32), Vec<(usize, &Vector)>> = BTreeMap::new();
    for (doc, vector) in all {
        let (block, at) = place(*doc);
        blocks
            .entry((vector.model, block))
            .or_default()
            .push((at, vector));
    }
    for ((model, block), vectors) in blocks {
        let dimension: Option<usize> = connection
            .prepare_cached("SELECT dimension FROM memory_models WHERE id = ?1")?
            .query_row([model], |row| unsigned(row, 0))
            .optional()?;
        let Some(dimension) = dimension else { continue };
        let width = SCALE + dimension;
        let found = block_of(connection, space, model, block)?;
        let mut bytes = found.map(|(bytes, _)| bytes).unwrap_or_default();
        for (at, vector) in vectors {
            if vector.values.len() == dimension {
                write(&mut bytes, width, at, vector);
            }
        }
        connection
            .prepare_cached(
                "INSERT INTO memory_vectors (space, model, block, count, vectors) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET count = excluded.count, vectors = excluded.vectors",
            )?
            .execute((space, model, block, signed(count(&bytes, width)), bytes))?;
    }
    Ok(())
}

/// Zeroes the vectors of an entry.
pub(super) fn cut(connection: &Connection, space: i64, doc: u32) -> rusqlite::Result<()> {
    let (block, at) = place(doc);
    let models: Vec<i64> = connection
        .prepare_cached("SELECT id FROM memory_models")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for model in models {
        let Some((mut bytes, width)) = block_of(connection, space, model, block)? else {
            continue;
        };
        if let Some(own) = bytes.get_mut(at * width..(at + 1) * width) {
            own.fill(0);
        }
        let (sql, left) = match count(&bytes, width) {
            0 => (
                "DELETE FROM memory_vectors WHERE space = ?1 AND model = ?2 AND block = ?3 AND ?4 = 0 AND ?5 IS NOT NULL",
                0,
            ),
            left => (
                "UPDATE memory_vectors SET count = ?4, vectors = ?5 WHERE space = ?1 AND model = ?2 AND block = ?3",
                left,
            ),
        };
        let mut statement = connection.prepare_cached(sql)?;
        statement.execute((space, model, block, signed(left), bytes))?;
    }
    Ok(())
}

/// A number that SQL counts with signs.
fn unsigned(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<usize> {
    let number: i64 = row.get(at)?;
    Ok(usize::try_from(number).unwrap_or_default())
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The block of an entry, and its place there.
pub(super) fn place(doc: u32) -> (u32, usize) {
    // Below 128.
    (
        doc / BLOCK,
        usize::try_from(doc % BLOCK).unwrap_or_default(),
    )
}

fn write(bytes: &mut Vec<u8>, width: usize, at: usize, vector: &Vector) {
    if bytes.len() < (at + 1) * width {
        bytes.resize((at + 1) * width, 0);
    }
    for (byte, new) in bytes[at * width..].iter_mut().zip(vector.written()) {
        *byte = new;
    }
}

/// The scale of the vector at a place; `None`: there is none.
pub(super) fn read_scale(bytes: &[u8], width: usize, at: usize) -> Option<f32> {
    let own = bytes.get(at * width..(at + 1) * width)?;
    let scale = f32::from_le_bytes(*own.first_chunk()?);
    (scale != 0.0).then_some(scale)
}

fn count(bytes: &[u8], width: usize) -> usize {
    let places = 0..bytes.len() / width;
    places
        .filter(|at| read_scale(bytes, width, *at).is_some())
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_at_a_place_is_read_there_and_what_is_zeroed_is_not(
            numbers in prop::collection::btree_map(0_usize..128, prop::collection::vec(-1.0_f32..1.0, 8), 1..40),
        ) {
            let (mut bytes, width) = (Vec::new(), SCALE + 8);
            let mut vectors = BTreeMap::new();
            for (at, numbers) in &numbers {
                let vector = Vector::of(1, numbers);
                write(&mut bytes, width, *at, &vector);
                vectors.insert(*at, vector);
            }
            prop_assert_eq!(count(&bytes, width), vectors.len());
            for at in 0..128 {
                let scale = read_scale(&bytes, width, at);
                prop_assert_eq!(scale, vectors.get(&at).map(|one| one.scale));
            }
        }
    }

    #[test]
    fn what_has_no_direction_means_nothing() {
        for numbers in [[0.0; 4], [f32::NAN; 4], [f32::INFINITY, 0.0, 0.0, 0.0]] {
            assert_eq!(Vector::of(7, &numbers), Vector::nothing(7, 4));
        }
    }
}
