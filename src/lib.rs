//! Jarkeeper: fresh logged-in sessions for agents, jobs and scripts.

pub mod browser;
pub mod failure;
pub mod ids;
pub mod renewal;
pub mod secret;
pub mod session;
pub mod sites;
