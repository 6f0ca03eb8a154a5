//! The daemon's door, on the wire.

mod id_token;
mod people;
mod sign_in;
mod sites;
