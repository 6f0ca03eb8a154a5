//! The shape of a session, its end, its files.
pub mod state;
pub use state::StorageState;
