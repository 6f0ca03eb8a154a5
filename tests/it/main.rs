//! Behaviour, end to end.
mod demo;
