//! Behaviour, end to end.
mod demo;
mod login;
