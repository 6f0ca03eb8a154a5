//! What can go wrong with Chromium.

use std::path::PathBuf;

/// Why Chromium did not do what was asked. Holds no text of a page and no secret.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// No Chromium on this machine.
    #[error(
        "no Chromium was found ({looked}); install it (Debian: apt-get install chromium-headless-shell) or name it in config.toml: browser.executable"
    )]
    Missing {
        /// Where it was looked for.
        looked: String,
    },
    /// Chromium runs without its sandbox as root, and nobody said that it may.
    #[error(
        "Chromium cannot use its sandbox as root: run jarkeeper as an ordinary user, or accept the risk with browser.sandbox = false in config.toml (or --set browser.sandbox=false)"
    )]
    Root,
    /// Chromium was found but did not start.
    #[error("{} did not start: {why}", path.display())]
    Start {
        /// The executable.
        path: PathBuf,
        /// What happened, with the last lines that it printed.
        why: String,
    },
    /// The remote endpoint did not answer.
    #[error("the browser at browser.cdp_url did not answer: {0}")]
    Remote(String),
    /// Chromium went away, or stopped answering and was ended.
    #[error("Chromium was lost while it was to {0}")]
    Lost(String),
    /// One thing took too long while Chromium itself still answers.
    #[error("the page did not {what} within {after_ms} ms")]
    Timeout {
        /// What was asked of it.
        what: String,
        /// How long it had.
        after_ms: u64,
    },
    /// Chromium could not load a page; `code` is its own word, such as `net::ERR_CONNECTION_REFUSED`.
    #[error("{url} could not be loaded: {code}")]
    Navigation {
        /// Scheme, host, port and path.
        url: String,
        /// Chromium's network error.
        code: String,
    },
    /// Chromium refused a command, or a script of ours failed in the page.
    #[error("the page could not {what}: {why}")]
    Refused {
        /// What was asked of it.
        what: String,
        /// Its answer.
        why: String,
    },
    /// The document that was asked is gone: the page navigated meanwhile.
    #[error("the page went elsewhere while it was to {0}")]
    Moved(String),
    /// The browser's folder could not be made.
    #[error("cannot prepare the browser's folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
