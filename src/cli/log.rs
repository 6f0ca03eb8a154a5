//! The log: what is heard, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Libraries that may put what they send, and so secrets, into their logs are never heard, whatever the filter says.
const SILENT: &[&str] = &[
    "age",
    "async_imap",
    "async_tungstenite",
    "chromiumoxide",
    "h2",
    "hyper",
    "hyper_util",
    "imap_proto",
    "keyring",
    "keyring_core",
    "mail_parser",
    "reqwest",
    "rmcp",
    "rustls",
    "secret_service",
    "tokio_rustls",
    "tokio_tungstenite",
    "tungstenite",
    "zbus",
    "zbus_secret_service_keyring_store",
];

fn may_be_heard(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    !SILENT.contains(&library)
}

/// Begins to log, and gives what changes the filter later.
pub(super) fn log(config: &LogConfig, as_daemon: bool) -> Relog {
    let filter = match as_daemon {
        true => filter(config),
        false => EnvFilter::new("off"),
    };
    let human = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let silent = || filter_fn(|about| may_be_heard(about.target()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match human {
        true => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.finish().with(silent()).try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
        false => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.finish().with(silent()).try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
    }
}

/// Puts another filter in force.
pub(super) type Relog = Box<dyn Fn(&LogConfig) + Send + Sync>;

fn filter(config: &LogConfig) -> EnvFilter {
    // The configuration has checked the filter.
    EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"))
}
