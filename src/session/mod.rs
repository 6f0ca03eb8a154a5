//! The shape of a session, its end, its files.
pub mod expiry;
pub mod files;
mod folder;
pub mod jar;
mod lease;
pub mod sanitise;
pub mod state;
pub use files::{Files, FilesError, Lease};
pub use jar::Jar;
pub use state::StorageState;
