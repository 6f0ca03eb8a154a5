//! The certificate of HTTPS, taken up anew when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version};

use crate::config::TlsConfig;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate that is in force, and the files that it came from.
#[derive(Debug)]
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the files; paths are relative to `root`. What is wrong is a sentence.
    pub(super) fn load(root: &Path, config: &TlsConfig) -> Result<Arc<Self>, String> {
        let (cert, key) = (root.join(&config.cert), root.join(&config.key));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = read(&cert, &key, &provider)?;
        Ok(Arc::new(Self {
            cert,
            key,
            provider,
            current: RwLock::new(Arc::new(current)),
        }))
    }

    /// What greets connections with it.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, String> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| error.to_string())?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes up the files whenever they change, for ever. One that is wrong is told once, and the last good one stays.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut seen = self.stamp();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.stamp();
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.cert, &self.key, &self.provider) {
                Ok(new) => {
                    let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                    *current = Arc::new(new);
                    tracing::info!("a new certificate is in force");
                }
                Err(error) => {
                    tracing::error!("the certificate before it stays in force: {error}");
                }
            }
        }
    }

    /// What changes when one of the files is written or replaced.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.cert, &self.key].map(|path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{} cannot be read: {error}", cert.display()))?;
    if chain.is_empty() {
        return Err(format!(
            "{} holds no certificate; it must be PEM",
            cert.display()
        ));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        format!(
            "{} holds no private key that can be read ({error}); it must be PEM, without a passphrase",
            key.display()
        )
    })?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| {
        format!(
            "{} and {} do not belong together: {error}",
            cert.display(),
            key.display()
        )
    })
}
