//! What the tests log in to: a small site with dials, and the real applications.

mod cookies;
pub mod dials;
mod entry;
mod faults;
mod foreign;
pub mod keeper;
mod pages;
pub mod realsites;
mod routes;
pub mod site;
pub mod state;
mod wire;

pub use keeper::{Keeper, run};
pub use site::Site;
