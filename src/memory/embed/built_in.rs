//! The table that is built in: 64 numbers a word; English, and the more frequent words of Spanish, German, French, Russian, Arabic,
//! Hindi, Chinese and Japanese. `scripts/table` makes it; `table/NOTICE` says out of what.

use super::table::Table;
use super::{Kind, Opened, fingerprint, usual};

const TOKENIZER: &[u8] = include_bytes!("table/tokenizer.json");
const TENSORS: &[u8] = include_bytes!("table/model.safetensors");
const CONFIG: &[u8] = include_bytes!("table/config.json");

/// Unpacks it.
pub(super) fn open() -> Result<Opened, String> {
    let table = Table::of(TOKENIZER, TENSORS, CONFIG)
        .map_err(|why| format!("the table that is built in cannot be read: {why}"))?;
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
