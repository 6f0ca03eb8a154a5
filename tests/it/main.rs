//! Behaviour, end to end.
mod files;
mod files_crash;
