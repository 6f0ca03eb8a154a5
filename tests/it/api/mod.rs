//! The daemon's door, on the wire.

mod id_token;
mod people;
mod sign_in;
mod sign_in_answers;
mod sign_in_browser;
mod sign_in_faults;
mod sites;
