//! The log: what is heard, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Libraries that may put what they send, and so secrets, into their logs are never heard.
const SILENT: &str = "chromiumoxide=off,async_tungstenite=off,tungstenite=off,tokio_tungstenite=off,hyper=off,hyper_util=off,reqwest=off,h2=off,rustls=off";

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match human {
        true => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
        false => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |config| drop(handle.reload(self::filter(config))))
        }
    }
}

/// Puts another filter in force.
pub(super) type Relog = Box<dyn Fn(&LogConfig) + Send + Sync>;

fn filter(config: &LogConfig) -> EnvFilter {
    // The configuration has checked the filter.
    EnvFilter::try_new(format!("{},{SILENT}", config.filter))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{SILENT}")))
}
