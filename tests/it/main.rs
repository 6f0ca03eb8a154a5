//! Behaviour, end to end.
#![expect(clippy::unwrap_used, reason = "a test that fails ends there")]

mod files;
mod files_crash;
mod formats;
