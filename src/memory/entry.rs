//! What the index keeps of a text: the one place that makes it, for turns, passages and facts alike.

use super::cues::offered;
use super::dates::{day, spoken};
use super::embed::Model;
use super::tokens::counted;
use crate::store::{Entry, Indexed};

/// The terms of a text that was said or written at a time (milliseconds since 1970): always the same ones. Its words, the times
/// that it speaks of, and what it may be an answer of.
pub(super) fn terms(text: &str, at: i64) -> Vec<(String, u8)> {
    remade(text, at).0
}

/// The same, and the number of words that mean something.
pub(super) fn remade(text: &str, at: i64) -> (Vec<(String, u8)>, u16) {
    let (mut terms, words) = counted(text);
    terms.extend(spoken(text, day(at)).into_iter().map(|term| (term, 1)));
    terms.extend(offered(text).map(|cue| (cue.term().to_owned(), 1)));
    (terms, words)
}

/// A text as the index takes it. `entry`: all but its words and the numbers that the store gives. `model`: where it is quick
/// ([`super::embed::Embedder::quick`]); a slow one comes to the entry later.
pub(super) fn indexed(text: &str, mut entry: Entry, model: Option<&Model>) -> Indexed {
    let (terms, words) = remade(text, entry.at);
    entry.words = words;
    Indexed {
        entry,
        terms,
        vector: model.and_then(|model| model.quick(text)),
    }
}
