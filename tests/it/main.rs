//! Behaviour, end to end.
mod demo;
mod site;
mod support;
