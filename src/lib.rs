//! Jarkeeper: fresh logged-in sessions for agents, jobs and scripts.

pub mod browser;
pub mod config;
pub mod demo;
mod document;
pub mod failure;
pub mod ids;
pub mod login;
pub mod secret;
pub mod session;
pub mod sites;
