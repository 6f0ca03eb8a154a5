//! Jarkeeper: fresh logged-in sessions for agents, jobs and scripts.

pub mod browser;
pub mod config;
mod document;
pub mod failure;
pub mod ids;
pub mod secret;
pub mod session;
pub mod sites;
pub mod vault;
pub mod watch;
