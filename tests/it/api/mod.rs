//! The daemon's door, on the wire.

mod events;
mod health;
mod leases;
mod sites;
mod webhooks;
