//! What can be written after `jarkeeper`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{document, key, load, memory_verbs, model, passkey, profile, secret, sites, state};

/// Keeps logged-in sessions fresh for agents, jobs and scripts.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(super) struct Arguments {
    /// The folder that holds config.toml, sites/ and .auth/
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub(super) root: PathBuf,
    /// Overrides a setting of config.toml, for example --set browser.sandbox=false
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Prints JSON for scripts
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Logs as the daemon does
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Runs the daemon: keeps every session of sites/ fresh
    Serve,
    /// Makes sessions live now: probes them, extends them, logs in where that is needed
    Login {
        /// A site, or one account of it: SITE or SITE:ACCOUNT
        #[arg(required_unless_present = "all")]
        sites: Vec<String>,
        /// Every site
        #[arg(long, conflicts_with = "sites")]
        all: bool,
    },
    /// Exits with 0 only when the session is alive
    Check {
        /// SITE or SITE:ACCOUNT
        site: String,
    },
    /// Shows every session: alive, expires, next renewal, last result
    Status,
    /// Prints a session in the form that a tool loads
    Export {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// The form
        #[arg(long, value_enum, default_value = "storage-state")]
        format: state::Form,
        /// The URL that a header is for; the recipe's where it is not given
        #[arg(long)]
        url: Option<url::Url>,
    },
    /// Takes a session that you bring: storage state, cookies.txt, or a browser's cookie list
    Import {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Leaves a session alone until it is released
    Hold {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// Why, for those who wonder later
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Lets a held session go on: after a refused password, a CAPTCHA, or your own hold
    Release {
        /// SITE or SITE:ACCOUNT
        site: String,
    },
    /// Hands a one-time code or a sign-in link to the login that waits for it; asks for it, or reads standard input
    Code {
        /// SITE or SITE:ACCOUNT
        site: String,
    },
    /// Serves the tools for a language model on standard input and output (Model Context Protocol)
    Mcp,
    /// Works on the recipes in sites/
    #[command(subcommand)]
    Sites(sites::SitesVerb),
    /// Shows what a login on a page would fill and press, and why; types nothing
    Explain {
        /// The page
        url: String,
        /// Where the picture of the page goes
        #[arg(long, value_name = "FILE", default_value = "explain.png")]
        picture: PathBuf,
    },
    /// Works on the secrets of the sealed file, secrets.age
    #[command(subcommand)]
    Secret(secret::SecretVerb),
    /// Works on API keys
    #[command(subcommand)]
    Key(key::KeyVerb),
    /// Works on your profile, and on everything that is kept about you
    #[command(subcommand)]
    Profile(profile::ProfileVerb),
    /// Works on your loads: workspaces, one of them the current one
    #[command(subcommand)]
    Load(load::LoadVerb),
    /// Works on memories: what was said, kept word for word and found again
    #[command(subcommand)]
    Memory(memory_verbs::MemoryVerb),
    /// Works on the documents of your memory
    #[command(subcommand)]
    Document(document::DocumentVerb),
    /// Registers a load, and prints the password of its instance, this once
    Register(load::Registration),
    /// Prints a link that signs you in in a browser, as the owner
    SignIn,
    /// Works on the models that say which texts mean the same
    #[command(subcommand)]
    Model(model::ModelVerb),
    /// Works on passkeys
    #[command(subcommand)]
    Passkey(passkey::PasskeyVerb),
    /// Says what is missing on this machine, and how to get it
    Doctor,
    /// Serves the small demo site on loopback; its password comes from DEMO_PASSWORD
    Demo {
        /// The port; 0 for a free one
        #[arg(long, env = "DEMO_PORT", default_value_t = 8377)]
        port: u16,
        /// How long a session lives, for example 10m
        #[arg(long, default_value = "10m")]
        life: humantime::Duration,
    },
    /// Writes state files as WebArena's auto_login.py does
    #[command(name = "auto-login")]
    AutoLogin {
        /// Where the files go
        #[arg(long = "auth_folder", value_name = "DIR", default_value = "./.auth")]
        auth_folder: PathBuf,
        /// The sites of one file, in the order of its name; none or `all`: every file
        #[arg(long = "site_list", value_name = "SITE", num_args = 0..)]
        site_list: Vec<String>,
    },
    /// Reads the text out of a document at standard input: what the daemon starts for each
    #[command(name = "read-document", hide = true)]
    ReadDocument {
        /// Its media type
        kind: String,
    },
    /// Prints the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}
