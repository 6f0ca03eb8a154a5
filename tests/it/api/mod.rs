//! The daemon's door, on the wire.

mod clients;
mod sites;
