//! Chromium, and nothing else.
mod error;
pub mod launch;
pub use error::BrowserError;
