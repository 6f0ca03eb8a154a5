//! A registration under way: what was sent, and under which key, so that it can be sent again word for word.
//!
//! It is written to its load before the first byte leaves, and removed in the transaction that keeps what came of it. So a
//! lost answer or a crash anywhere between leads to the same instance again, and not to a second one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{LoadError, Loads, damaged, opened};
use crate::registry::Upload;
use crate::store::LoadRow;

/// What was sent, and how.
pub(super) struct Retry {
    /// To which registry: empty for our own, else its URL.
    pub(super) registry: String,
    /// Under which key. Who has it can have the instance's password, as long as nobody has used that yet.
    pub(super) key: SecretString,
    /// What.
    pub(super) upload: Upload,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    registry: String,
    key: Zeroizing<String>,
    name: String,
    description: Option<String>,
    email: Option<String>,
    tags: Map<String, Value>,
}

impl Retry {
    /// With a new key. Our own registry gets one that no request over HTTP can show, as it holds a blank: it opens nothing,
    /// and so needs no seal.
    pub(super) fn new(registry: &str, upload: Upload) -> Result<Self, LoadError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| LoadError::NoRandom)?;
        let random = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        let own = if registry.is_empty() { "load " } else { "" };
        let key = Zeroizing::new(format!("{own}{}", random.as_str()));
        Ok(Self {
            registry: registry.to_owned(),
            key: SecretString::from(key.as_str()),
            upload,
        })
    }
}

impl Loads {
    /// A registration as it is kept: sealed, where its key opens something.
    pub(super) async fn closed(&self, retry: &Retry) -> Result<Vec<u8>, LoadError> {
        let kept = Kept {
            registry: retry.registry.clone(),
            key: Zeroizing::new(retry.key.expose_secret().to_owned()),
            name: retry.upload.name.clone(),
            description: retry.upload.description.clone(),
            email: retry.upload.email.clone(),
            tags: retry.upload.tags.clone(),
        };
        let plain = serde_json::to_vec(&kept).map(Zeroizing::new);
        let plain = plain.map_err(|error| LoadError::Seal(error.to_string()))?;
        if retry.registry.is_empty() {
            return Ok(plain.to_vec());
        }
        let sealed = self.seal_or_new().await?.close(&plain);
        sealed.map_err(|error| LoadError::Seal(error.to_string()))
    }

    /// The registration of a load that is under way, or of which nobody knows how it ended.
    pub(super) async fn pending(&self, row: &LoadRow) -> Result<Option<Retry>, LoadError> {
        let Some(kept) = &row.retry else {
            return Ok(None);
        };
        // What age seals begins with its name.
        let plain = match kept.first() {
            Some(b'{') => Zeroizing::new(kept.clone()),
            _ => opened(&self.seal().await?, kept)?,
        };
        let kept: Kept =
            serde_json::from_slice(&plain).map_err(|_| damaged("the registration under way"))?;
        Ok(Some(Retry {
            registry: kept.registry,
            key: SecretString::from(kept.key.as_str()),
            upload: Upload {
                name: kept.name,
                description: kept.description,
                email: kept.email,
                tags: kept.tags,
            },
        }))
    }
}
