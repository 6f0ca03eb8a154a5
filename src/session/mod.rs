//! The shape of a session, its end, its files.
pub mod expiry;
pub mod sanitise;
pub mod state;
pub use state::StorageState;
