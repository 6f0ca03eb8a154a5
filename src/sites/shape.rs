//! What a recipe's TOML looks like, before it means anything.

use serde::Deserialize;

use crate::document::{At, Described, Length, OneOrMany, TextOr};
pub(super) use crate::source::RawSource;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecipe {
    pub(super) url: At<String>,
    pub(super) username: Option<At<TextOr<RawSource>>>,
    pub(super) password: Option<At<TextOr<RawSource>>>,
    pub(super) totp: Option<At<TextOr<RawSource>>>,
    pub(super) recovery_codes: Option<At<TextOr<RawSource>>>,
    pub(super) code: Option<At<TextOr<RawCode>>>,
    #[serde(default)]
    pub(super) accounts: Vec<RawAccount>,
    #[serde(default)]
    pub(super) steps: Vec<At<RawStep>>,
    pub(super) proof: Option<At<OneOrMany<RawProof>>>,
    pub(super) probe: Option<At<TextOr<RawProbe>>>,
    #[serde(default)]
    pub(super) cookies: Vec<At<String>>,
    #[serde(default)]
    pub(super) renewal: RawRenewal,
    #[serde(default)]
    pub(super) allowed_origins: Vec<At<String>>,
    #[serde(default)]
    pub(super) combine: Vec<At<String>>,
    #[serde(default)]
    pub(super) own_sessions: bool,
    #[serde(default)]
    pub(super) indexed_db: bool,
    #[serde(default)]
    pub(super) sealed: bool,
    #[serde(default)]
    pub(super) ignore_https_errors: bool,
    pub(super) timeout: Option<At<Length>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccount {
    pub(super) name: At<String>,
    pub(super) username: Option<At<TextOr<RawSource>>>,
    pub(super) password: Option<At<TextOr<RawSource>>>,
    pub(super) totp: Option<At<TextOr<RawSource>>>,
    pub(super) recovery_codes: Option<At<TextOr<RawSource>>>,
    pub(super) code: Option<At<TextOr<RawCode>>>,
}

/// `"ask"`, `{ command = […] }`, `{ maildir = … }`, `{ imap = …, user = …, password = … }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCode {
    pub(super) command: Option<Vec<String>>,
    pub(super) maildir: Option<String>,
    pub(super) imap: Option<At<String>>,
    pub(super) user: Option<String>,
    pub(super) password: Option<At<TextOr<RawSource>>>,
    pub(super) from: Option<At<String>>,
    pub(super) to: Option<At<String>>,
    pub(super) wait: Option<At<Length>>,
}

impl Described for RawCode {
    const EXPECTED: &'static str =
        "\"ask\" or a table that says where codes come from; { maildir = \"/home/me/Maildir\" }";
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLocator {
    pub(super) role: Option<String>,
    pub(super) name: Option<String>,
    pub(super) label: Option<String>,
    pub(super) placeholder: Option<String>,
    pub(super) text: Option<String>,
    pub(super) testid: Option<String>,
    pub(super) css: Option<String>,
    #[serde(default)]
    pub(super) exact: bool,
    pub(super) nth: Option<usize>,
}

impl Described for RawLocator {
    const EXPECTED: &'static str =
        "a CSS selector or a table that says what to look for; { label = \"Username\" }";
}

pub(super) type RawPlace = At<TextOr<RawLocator>>;

/// One step: one of its actions, and what belongs to that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) goto: Option<At<String>>,
    pub(super) fill: Option<RawPlace>,
    pub(super) select: Option<RawPlace>,
    pub(super) check: Option<RawPlace>,
    pub(super) click: Option<RawPlace>,
    pub(super) press: Option<At<String>>,
    pub(super) wait_for: Option<RawPlace>,
    pub(super) wait_for_url: Option<At<String>>,
    pub(super) code: Option<RawPlace>,
    pub(super) frame: Option<RawPlace>,
    pub(super) with: Option<At<String>>,
    pub(super) on: Option<RawPlace>,
    pub(super) optional: Option<At<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProof {
    pub(super) url: Option<At<String>>,
    pub(super) visible: Option<RawPlace>,
    pub(super) cookie: Option<At<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProbe {
    pub(super) url: At<String>,
    pub(super) status: Option<At<u16>>,
    pub(super) contains: Option<At<String>>,
    pub(super) lacks: Option<At<String>>,
}

impl Described for RawProbe {
    const EXPECTED: &'static str = "a URL or a table; \"/account\"";
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRenewal {
    pub(super) cron: Option<At<String>>,
    pub(super) before_expiry: Option<At<Length>>,
    pub(super) keep_alive: Option<At<Length>>,
    pub(super) max_age: Option<At<Length>>,
}
