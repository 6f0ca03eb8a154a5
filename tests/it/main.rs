//! Behaviour, end to end.
mod demo;
mod login;
mod realsites;
mod site;
mod support;
