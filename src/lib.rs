//! Jarkeeper: fresh logged-in sessions for agents, jobs and scripts.
//!
//! The picture, the invariants and two walkthroughs are in `ARCHITECTURE.md`. The rooms, top to bottom:
//! [`cli`] and [`app`] (arguments; wiring), [`renewal`] (when, whether, one at a time), [`login`] (how to get in; whether we
//! are in), [`codes`] (what a site sends) and [`vault`] (where secrets come from), [`browser`] (Chromium), [`session`] (states
//! and their files), [`sites`] (recipes), [`config`] and [`watch`] (settings), and the words [`ids`], [`failure`], [`secret`],
//! [`source`], [`seal`] and [`totp`].

pub mod api;
pub mod app;
pub mod browser;
pub mod cli;
pub mod codes;
pub mod config;
pub mod demo;
mod document;
pub mod events;
pub mod failure;
pub mod identity;
pub mod ids;
pub mod llm;
pub mod loads;
pub mod login;
pub mod mcp;
pub mod memory;
pub mod pool;
pub mod profiles;
pub mod proxy;
pub mod registry;
pub mod renewal;
pub mod seal;
pub mod secret;
pub mod session;
pub mod sites;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod totp;
pub mod vault;
pub mod watch;
pub mod webhooks;
