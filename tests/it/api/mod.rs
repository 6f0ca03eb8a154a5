//! The daemon's door, on the wire.

mod browser;
mod device;
mod id_token;
mod keys;
mod oauth;
mod people;
mod sign_in;
mod sign_in_answers;
mod sign_in_browser;
mod sign_in_faults;
mod sites;
