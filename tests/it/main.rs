//! Behaviour, end to end.
mod demo;
mod realsites;
mod site;
mod support;
