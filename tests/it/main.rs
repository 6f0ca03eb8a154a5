//! Behaviour, end to end.
