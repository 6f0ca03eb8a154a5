//! The shape of a session, its end, its files.
pub mod expiry;
pub mod files;
mod folder;
mod lease;
pub mod sanitise;
pub mod state;
pub use files::{Files, FilesError, Lease};
pub use state::StorageState;
