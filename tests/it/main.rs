//! Behaviour, end to end.

mod policy;
mod simulation;
