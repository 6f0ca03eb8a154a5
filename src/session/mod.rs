//! The shape of a session, its end, its files.
//!
//! Owns the `.auth` folder. Door: [`StorageState`], [`Files`] and [`Lease`], [`Jar`], [`formats`]. Never touches the
//! network, a browser, or a recipe.

mod artefacts;
mod cookie_date;
mod counter;
mod error;
pub mod expiry;
mod exports;
pub mod files;
mod folder;
pub mod formats;
pub mod http;
mod import;
mod jar;
mod join;
mod lease;
mod sanitise;
mod sealing;
mod stamp;
pub mod state;

pub use artefacts::ArtefactFolder;
pub use counter::{Counter, Way};
pub use files::{Files, FilesError, Lease};
pub use import::import;
pub use jar::Jar;
pub use join::{Collision, Key, join};
pub use sanitise::Dropped;
pub use stamp::Stamp;
pub use state::StorageState;
