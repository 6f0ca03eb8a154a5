//! The daemon's door, on the wire.

mod document;
mod sessions;
mod sites;
