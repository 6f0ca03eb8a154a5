//! The daemon's door, on the wire.

mod sessions;
mod sites;
