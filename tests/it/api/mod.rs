//! The daemon's door, on the wire.

mod browser;
mod device;
mod keys;
mod oauth;
mod sites;
