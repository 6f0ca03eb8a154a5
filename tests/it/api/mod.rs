//! The daemon's door, on the wire.

mod document;
mod id_token;
mod people;
mod sessions;
mod sign_in;
mod sites;
