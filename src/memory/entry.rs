//! What the index keeps of a text: the one place that makes it, for turns, passages and facts alike.

use super::embed::Model;
use super::tokens::counted;
use crate::store::{Entry, Indexed};

/// The terms of a text that was said or written at a time (milliseconds since 1970): always the same ones.
pub(super) fn terms(text: &str, _at: i64) -> Vec<(String, u8)> {
    counted(text).0
}

/// A text as the index takes it. `entry`: all but its words and the numbers that the store gives. `model`: where it is quick
/// ([`super::embed::Embedder::quick`]); a slow one comes to the entry later.
pub(super) fn indexed(text: &str, mut entry: Entry, model: Option<&Model>) -> Indexed {
    let (terms, words) = counted(text);
    entry.words = words;
    Indexed {
        entry,
        terms,
        vector: model.and_then(|model| model.quick(text)),
    }
}
