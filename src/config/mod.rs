//! stub
use chrono::TimeDelta;
use std::path::PathBuf;
use url::Url;
/// b
#[derive(Debug, Clone, PartialEq)]
pub struct BrowserConfig {
    pub executable: Option<PathBuf>,
    pub sandbox: bool,
    pub cdp_url: Option<Url>,
    pub contexts: usize,
    pub idle: TimeDelta,
    pub memory_mib: u64,
}
