//! Behaviour, end to end.

mod laws;
mod policy;
mod simulation;
