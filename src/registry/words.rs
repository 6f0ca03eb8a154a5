//! What a search finds an instance by: the beginnings of the words in its name, its tags, and their values.
//!
//! Each is kept as a short hash, since an index does not forget at once what is taken out of it. Two that have the same hash
//! are found together, which happens to nobody.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

/// How many words of a name count.
const WORDS: usize = 24;
/// How many characters of a word count.
const LETTERS: usize = 12;
/// How many tags count.
const TAGS: usize = 64;
/// Longest value of a tag that is found, bytes.
const VALUE: usize = 255;

/// Everything that this is found by, between spaces.
pub(super) fn of(name: &str, tags: &Map<String, Value>) -> String {
    let mut all = BTreeSet::new();
    for word in split(name).take(WORDS) {
        let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
        all.extend(ends.take(LETTERS).map(|end| hash('n', &word[..end])));
    }
    for (key, value) in tags.iter().take(TAGS) {
        all.insert(tag(key, None));
        if let Some(value) = text(value).filter(|value| value.len() <= VALUE) {
            all.insert(tag(key, Some(&value)));
        }
    }
    all.into_iter().collect::<Vec<_>>().join(" ")
}

/// What finds the names that have words which begin like those of this text.
pub(super) fn named(text: &str) -> Vec<String> {
    let beginning = |word: String| -> String { word.chars().take(LETTERS).collect() };
    split(text)
        .take(WORDS)
        .map(|word| hash('n', &beginning(word)))
        .collect()
}

/// What finds a tag, with this value where one is given.
pub(super) fn tag(key: &str, value: Option<&str>) -> String {
    match value {
        None => hash('t', key),
        Some(value) => hash('v', &format!("{}:{key}{value}", key.len())),
    }
}

/// Its words. Letters with marks count in one form, however they are written: some systems send them in pieces.
fn split(text: &str) -> impl Iterator<Item = String> {
    let text: String = text.to_lowercase().nfkc().collect();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
    words.collect::<Vec<_>>().into_iter()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn hash(kind: char, text: &str) -> String {
    let digest = Sha256::digest(format!("{kind}{text}"));
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finds(name: &str, wanted: &str) -> bool {
        let kept = of(name, &Map::new());
        named(wanted).iter().all(|word| kept.contains(word))
    }

    #[test]
    fn a_name_is_found_by_the_beginnings_of_its_words() {
        for wanted in ["n", "Nightly", "rep night", "REPORT", "größ", "2", ""] {
            assert!(finds("Nightly report: Größe-2", wanted), "{wanted}");
        }
        for other in ["ightly", "reports", "nightly x"] {
            assert!(!finds("Nightly report: Größe-2", other), "{other}");
        }
        // As some systems write it.
        for (name, wanted) in [
            ("Cafe\u{301} 1", "café"),
            ("Café 1", "cafe\u{301}"),
            ("Café", "ＣＡＦ"),
        ] {
            assert!(finds(name, wanted), "{name} {wanted}");
        }
        assert!(!finds("Cafe\u{301}", "cafe"));
        // Of a long word only the beginning counts.
        assert!(finds("internationalisation", "internationalism"));
    }

    #[test]
    fn tags_are_found_by_name_and_by_value() {
        let tags =
            json!({ "model_name": "m", "is_cot": true, "document_count": 7, "deep": { "a": 1 } });
        let kept = of("x", tags.as_object().unwrap());
        let has = |key: &str, value: Option<&str>| kept.contains(&tag(key, value));
        assert!(has("model_name", None) && has("model_name", Some("m")));
        assert!(
            has("is_cot", Some("true")) && has("document_count", Some("7")) && has("deep", None)
        );
        assert!(
            !has("model", None) && !has("model_name", Some("")) && !has("is_cot", Some("false"))
        );
        assert!(!has("model_", Some("namem")));
    }

    #[test]
    fn however_long_it_is_what_is_kept_is_bounded() {
        let tags: Map<String, Value> = (0..500).map(|n| (format!("t{n}"), n.into())).collect();
        let kept = of(&"abcdefghijklmnop ".repeat(100), &tags);
        assert!(
            kept.len() < 13 * (WORDS * LETTERS + 2 * TAGS),
            "{}",
            kept.len()
        );
    }
}
