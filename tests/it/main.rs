//! Behaviour, end to end.

mod policy;
