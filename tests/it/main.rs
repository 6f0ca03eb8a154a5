//! Behaviour, end to end.
//!
//! `cfg(test)` always holds here; it tells clippy that the helpers too are tests, which may unwrap.

#[cfg(test)]
mod api;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod cli_daemon;
#[cfg(test)]
mod combinations;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod files_crash;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod loads;
#[cfg(test)]
mod login;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod realsites;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod site;
#[cfg(test)]
mod sites_add;
#[cfg(test)]
mod sites_import;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod support;
#[cfg(test)]
mod upgrade;
