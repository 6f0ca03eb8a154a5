//! The shape of a session, its end, its files.
pub mod expiry;
pub mod files;
mod folder;
mod lease;
pub mod sanitise;
pub mod state;
pub use files::{Files, FilesError, Lease};
pub use state::StorageState;
pub use stub::*;
/// s
pub mod stub {
    #![expect(missing_docs)]
    use super::*;
    pub struct Jar;
    impl Jar {
        pub fn new(_: &StorageState) -> Self {
            Jar
        }
        pub fn header(&self, _: &url::Url) -> Option<String> {
            None
        }
        pub fn take(&mut self, _: &url::Url, _: &[String]) {}
        pub fn into_state(self, s: &StorageState) -> (StorageState, bool) {
            (s.clone(), false)
        }
    }
    #[derive(Debug, thiserror::Error)]
    #[error("x")]
    pub struct Collision;
    pub fn join(_: &[(crate::ids::SiteName, &StorageState)]) -> Result<StorageState, Collision> {
        Err(Collision)
    }
    pub fn deliver(_: &std::path::Path, _: &str, _: &StorageState) -> Result<(), FilesError> {
        Ok(())
    }
}
/// s
pub mod formats {
    #![expect(missing_docs)]
    use super::*;
    pub enum Format {
        StorageState,
        Netscape,
        Header,
        Puppeteer,
        Selenium,
    }
    #[derive(Debug, thiserror::Error)]
    #[error("x")]
    pub struct FormatError;
    pub fn export(
        _: &StorageState,
        _: Format,
        _: Option<&url::Url>,
        _: chrono::DateTime<chrono::Utc>,
    ) -> Result<String, FormatError> {
        Err(FormatError)
    }
    pub fn import(_: &str) -> Result<StorageState, FormatError> {
        Err(FormatError)
    }
}
