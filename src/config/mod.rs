//! Settings: `config.toml`, and what the environment and the command line say instead.
//!
//! Owns: names, defaults and ranges of settings. Door: [`Config`], [`load()`]. May touch: `config.toml`. What the process's
//! environment holds comes in as an argument.

mod load;
mod memory;
mod registry;
mod sign_in;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use chrono::TimeDelta;
use serde::Deserialize;
use url::Url;

pub use crate::document::Diagnostic;
use crate::source::Source;
pub use load::{Overrides, load};
pub use memory::{EmbedderConfig, MemoryConfig};
pub use registry::{LlmConfig, RegistryConfig};
pub use sign_in::{Allowed, SignInConfig};

/// Every setting. `config.toml` at the root of the repository explains them to those who set them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Chromium.
    pub browser: BrowserConfig,
    /// Logging in.
    pub login: LoginConfig,
    /// Keeping sessions alive.
    pub renewal: RenewalConfig,
    /// What failures leave behind.
    pub artefacts: ArtefactsConfig,
    /// Encrypting what is kept.
    pub seal: SealConfig,
    /// The daemon's door.
    pub api: ApiConfig,
    /// Who signs in, and where.
    pub sign_in: SignInConfig,
    /// Where loads are registered, and what of this daemon's own registry is public.
    pub registry: RegistryConfig,
    /// Who answers when an instance is talked to.
    pub llm: LlmConfig,
    /// What is remembered, and how it is found.
    pub memory: MemoryConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[browser]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrowserConfig {
    /// Path of Chromium; `None`: found.
    pub executable: Option<PathBuf>,
    /// Whether Chromium keeps its sandbox; as root it cannot.
    pub sandbox: bool,
    /// A running browser's CDP endpoint (`ws`, `wss`, `http`, `https`) to use instead of one of our own.
    #[serde(deserialize_with = "load::endpoint")]
    pub cdp_url: Option<Url>,
    /// Most browser contexts, and so logins, at once. 1 to 32.
    #[serde(deserialize_with = "load::contexts")]
    pub contexts: usize,
    /// How long a browser that nobody uses is kept. 0 s to 1 d.
    #[serde(deserialize_with = "load::idle")]
    pub idle: TimeDelta,
    /// A browser larger than this is replaced between logins. MiB of the whole process tree, 128 to 65536.
    #[serde(deserialize_with = "load::memory_mib")]
    pub memory_mib: u64,
}

impl Default for BrowserConfig {
    fn default() -> Self {
        Self {
            executable: None,
            sandbox: true,
            cdp_url: None,
            contexts: 4,
            idle: TimeDelta::seconds(60),
            memory_mib: 1024,
        }
    }
}

/// `[login]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginConfig {
    /// Longest time for one login, proof included. 5 s to 15 min; a recipe's own `timeout` wins.
    #[serde(deserialize_with = "load::login_timeout")]
    pub timeout: TimeDelta,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            timeout: TimeDelta::seconds(60),
        }
    }
}

/// `[renewal]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenewalConfig {
    /// Longest time for one probe by plain HTTP. 1 s to 5 min.
    #[serde(deserialize_with = "load::probe_timeout")]
    pub probe_timeout: TimeDelta,
}

impl Default for RenewalConfig {
    fn default() -> Self {
        Self {
            probe_timeout: TimeDelta::seconds(15),
        }
    }
}

/// `[artefacts]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArtefactsConfig {
    /// How many failures of one session keep their screenshot, DOM and console. 0 to 1000.
    #[serde(deserialize_with = "load::keep")]
    pub keep: usize,
}

impl Default for ArtefactsConfig {
    fn default() -> Self {
        Self { keep: 10 }
    }
}

/// `[seal]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SealConfig {
    /// Where the age identity comes from that seals `secrets.age`, passkeys and sealed states; `None`: the file `seal.key`
    /// beside `config.toml`, else the keyring's entry "jarkeeper" of "seal".
    #[serde(deserialize_with = "load::key")]
    pub key: Option<Source>,
}

/// `[api]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Where HTTP is served, beside the socket; `None`: only at the socket.
    #[serde(deserialize_with = "load::listen")]
    pub listen: Option<SocketAddr>,
    /// The certificate and key of HTTPS; `None`: plain HTTP, on loopback alone.
    pub tls: Option<TlsConfig>,
    /// Where others reach the daemon: an origin, no path. `None`: where it listens.
    #[serde(deserialize_with = "load::public_url")]
    pub public_url: Option<Url>,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
}

/// `[api] tls`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM: the certificate, and those that vouch for it behind it. Relative to the folder of `config.toml`.
    pub cert: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8376))),
            tls: None,
            public_url: None,
            proxies: Vec::new(),
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, in the words of `tracing_subscriber::EnvFilter`.
    #[serde(deserialize_with = "load::filter")]
    pub filter: String,
    /// How it looks.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// `Human` on a terminal, `Json` otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
