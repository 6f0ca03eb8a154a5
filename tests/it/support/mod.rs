//! What the tests log in to: a small site with dials, and the real applications.

mod api;
mod cookies;
pub(crate) mod dials;
mod entry;
mod faults;
mod foreign;
pub(crate) mod instance;
pub(crate) mod keeper;
pub(crate) mod model;
pub(crate) mod oauth;
mod pages;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod provider_door;
pub(crate) mod provider_keys;
pub(crate) mod provider_real;
pub(crate) mod provider_tokens;
pub(crate) mod raw;
pub(crate) mod realsites;
mod routes;
pub(crate) mod site;
pub(crate) mod state;
pub(crate) mod terminal;
pub(crate) mod tools;
mod wire;

pub(crate) use api::{Api, answer, key, with};
pub(crate) use keeper::{Keeper, clock, run};
pub(crate) use site::Site;
