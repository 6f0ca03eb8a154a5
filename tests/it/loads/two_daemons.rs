//! One daemon registers its loads at another one; both are real processes.
