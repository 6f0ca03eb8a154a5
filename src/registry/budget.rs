//! How many bytes may wait: of one, and of all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a text weighs beside its bytes: an empty one too has its place.
const WEIGHT: usize = 64;

/// Bytes that wait, and how many may. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            used: AtomicUsize::new(0),
            most,
        }))
    }

    /// Whether it fits.
    fn take(&self, weight: usize) -> bool {
        self.0.used.fetch_add(weight, Ordering::Relaxed) + weight <= self.0.most
    }

    fn give_back(&self, weight: usize) {
        self.0.used.fetch_sub(weight, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }
}

/// A text that counts as waiting until it is dropped.
#[derive(Debug)]
pub(super) struct Weighed {
    text: String,
    weight: usize,
    own: Budget,
    all: Budget,
}

impl Weighed {
    /// `None`: too much waits.
    pub(super) fn new(text: String, own: &Budget, all: &Budget) -> Option<Self> {
        let weight = text.len() + WEIGHT;
        let (fits, fits_all) = (own.take(weight), all.take(weight));
        let weighed = Self {
            text,
            weight,
            own: own.clone(),
            all: all.clone(),
        };
        // Where it does not fit, it is dropped here and gives back what it took.
        (fits && fits_all).then_some(weighed)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Drop for Weighed {
    fn drop(&mut self) {
        self.own.give_back(self.weight);
        self.all.give_back(self.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing_and_what_is_dropped_gives_back() {
        let (own, other, all) = (Budget::new(200), Budget::new(200), Budget::new(300));
        let text = |length: usize| "x".repeat(length);
        let first = Weighed::new(text(100), &own, &all).unwrap();
        assert!(Weighed::new(text(100), &own, &all).is_none());
        // There is place for it by itself, but not beside the others.
        let second = Weighed::new(text(70), &other, &all).unwrap();
        assert!(Weighed::new(text(0), &other, &all).is_none());
        assert_eq!((own.used(), other.used(), all.used()), (164, 134, 298));
        drop((first, second));
        assert_eq!((own.used(), other.used(), all.used()), (0, 0, 0));
    }
}
