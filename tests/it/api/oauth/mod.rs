//! The authorization server on the wire: registration, codes, tokens, and what is refused.

mod authorize;
mod clients;
mod grants;
mod tokens;
mod visit;

use crate::support::Api;
use crate::support::process::{Daemon, Root};

fn daemon() -> (Root, Daemon, Api) {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    (root, daemon, api)
}
