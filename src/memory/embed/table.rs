//! A static table: a text means the mean of what its words mean (Model2Vec). Microseconds a text, and no arithmetic of layers.

use model2vec_rs::model::StaticModel;
use serde_json::Value;

/// Longest text that is read, in tokens; what comes behind says no more of what it is about.
const TOKENS: usize = 512;

/// A table of words.
pub(super) struct Table(StaticModel);

impl Table {
    /// From the three files that Model2Vec writes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn of(tokenizer: &[u8], tensors: &[u8], config: &[u8]) -> Result<Self, String> {
        check(tokenizer, tensors)?;
        let model = StaticModel::from_bytes(tokenizer, tensors, config, Some(true));
        Ok(Self(model.map_err(|error| format!("{error:#}"))?))
    }

    /// How many numbers a vector has.
    pub(super) fn dimension(&self) -> usize {
        self.0.dim()
    }

    /// What a text means; all zeros: it has no word that the table knows.
    pub(super) fn embed(&self, text: &str) -> Vec<f32> {
        let vectors = self
            .0
            .encode_flat_with_args(&[text.to_owned()], Some(TOKENS));
        // A sum of nothing, divided by nearly nothing, is still nothing; never anything that is no number.
        match vectors.iter().all(|one| one.is_finite()) {
            true => vectors,
            false => vec![0.0; self.dimension()],
        }
    }
}

/// Every word must have its row: the library looks rows up without asking whether they are there.
fn check(tokenizer: &[u8], tensors: &[u8]) -> Result<(), String> {
    let header = header(tensors).ok_or("model.safetensors is no file of tensors, or is cut off")?;
    let shape = |name: &str| -> Option<Vec<u64>> {
        let shape = header.get(name)?.get("shape")?.as_array()?;
        shape.iter().map(Value::as_u64).collect()
    };
    let table = ["embeddings", "0", "embedding.weight"]
        .into_iter()
        .find_map(shape);
    let Some((rows, true)) = (match table.as_deref() {
        Some([rows, columns]) => Some((rows, *columns > 0)),
        _ => None,
    }) else {
        return Err("model.safetensors holds no table of words (a tensor \"embeddings\" with a row for each)".to_owned());
    };
    if header.get("mapping").is_some() {
        return Err("model.safetensors maps several words to one row (\"mapping\"); use a table that was made without vocabulary quantization".to_owned());
    }
    let greatest = greatest_id(tokenizer).ok_or("tokenizer.json lists no words")?;
    match greatest < *rows {
        true => Ok(()),
        false => Err(format!(
            "tokenizer.json and model.safetensors do not belong together: one has words up to number {greatest}, the other {rows} rows"
        )),
    }
}

/// The header of a file of tensors: what it holds, by name.
pub(super) fn header(tensors: &[u8]) -> Option<serde_json::Map<String, Value>> {
    let length = u64::from_le_bytes(*tensors.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    serde_json::from_slice(tensors.get(8..end)?).ok()
}

/// The greatest number that a word has.
fn greatest_id(tokenizer: &[u8]) -> Option<u64> {
    let all: Value = serde_json::from_slice(tokenizer).ok()?;
    let vocabulary = match &all["model"]["vocab"] {
        Value::Object(words) => words.values().filter_map(Value::as_u64).max(),
        Value::Array(words) => (words.len() as u64).checked_sub(1),
        _ => None,
    };
    let added = all["added_tokens"].as_array().into_iter().flatten();
    added
        .filter_map(|one| one["id"].as_u64())
        .chain(vocabulary)
        .max()
}
