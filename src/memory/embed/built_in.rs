//! The table that is built in: 64 numbers a word; English, and the more frequent words of Spanish, German, French, Russian, Arabic,
//! Hindi, Chinese and Japanese. `scripts/table` makes it; `table/NOTICE` says out of what.
//!
//! A number of it has four bits, two to a byte, the first one in the lower half: half as large, and on the labelled questions as good
//! as eight within half a point.

use serde_json::json;

use super::table::{Table, header};
use super::{Kind, Opened, fingerprint, usual};

const TOKENIZER: &[u8] = include_bytes!("table/tokenizer.json");
const TENSORS: &[u8] = include_bytes!("table/model.safetensors");
const CONFIG: &[u8] = include_bytes!("table/config.json");

/// Unpacks it.
pub(super) fn open() -> Result<Opened, String> {
    let broken = |why: String| format!("the table that is built in cannot be read: {why}");
    let tensors = unpacked(TENSORS).ok_or_else(|| broken("it is cut off".to_owned()))?;
    let table = Table::of(TOKENIZER, &tensors, CONFIG).map_err(broken)?;
    let parts = [
        ("tokenizer.json", TOKENIZER),
        ("model.safetensors", TENSORS),
    ];
    Ok(Opened {
        name: "built-in table".to_owned(),
        fingerprint: fingerprint(parts),
        dimension: table.dimension(),
        strangers: usual::texts()
            .iter()
            .map(|text| table.embed(text))
            .collect(),
        kind: Kind::Table(table),
    })
}

/// The file as Model2Vec reads it: a byte a number.
fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let header = header(packed)?;
    let body =
        packed.get(8 + usize::try_from(u64::from_le_bytes(*packed.first_chunk()?)).ok()?..)?;
    let place = |name: &str, at: usize| header.get(name)?.get("data_offsets")?.get(at)?.as_u64();
    let part = |name: &str| {
        let [begin, end] = [0, 1].map(|at| usize::try_from(place(name, at)?).ok());
        body.get(begin?..end?)
    };
    let (rows, weights) = (part("embeddings")?, part("weights")?);
    let halves = rows.iter().flat_map(|byte| {
        let both = byte.cast_signed();
        // A half has its sign in its highest bit.
        [both << 4 >> 4, both >> 4].map(i8::cast_unsigned)
    });
    let (count, numbers) = (weights.len() / 2, 2 * rows.len());
    let told = json!({
        "embeddings": { "dtype": "I8", "shape": [count, numbers.checked_div(count)?], "data_offsets": [0, numbers] },
        "weights": { "dtype": "F16", "shape": [count], "data_offsets": [numbers, numbers + weights.len()] },
    });
    let mut told = told.to_string();
    while !told.len().is_multiple_of(8) {
        told.push(' ');
    }
    let mut file = (told.len() as u64).to_le_bytes().to_vec();
    file.extend(told.into_bytes());
    file.extend(halves);
    file.extend(weights);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn what_means_the_same_is_near_also_in_another_language_and_what_has_no_known_word_means_nothing()
     {
        let opened = open().unwrap();
        let Kind::Table(table) = opened.kind else {
            panic!("it is a table");
        };
        let near = |a: &str, b: &str| cosine(&table.embed(a), &table.embed(b));
        let question = "What pets does she have?";
        assert!(
            near(question, "I adopted a kitten last week")
                > near(question, "The invoice is due on Monday") + 0.1
        );
        assert!(
            near("my occupation", "I work as a nurse")
                > near("my occupation", "it rained in the mountains") + 0.1
        );
        assert!(near("Мой кот спит", "the cat") > near("Мой кот спит", "the invoice") + 0.1);
        for text in ["", "ฉันอยู่ที่กรุงเทพ", "우리 고양이", "η γάτα κοιμάται"]
        {
            assert!(table.embed(text).iter().all(|one| *one == 0.0), "{text}");
        }
    }
}
