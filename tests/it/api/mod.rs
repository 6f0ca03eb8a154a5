//! The daemon's door, on the wire.

mod sites;
