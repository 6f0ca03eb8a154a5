//! The registry on the wire.

mod chat;
mod connect;
mod socket;
