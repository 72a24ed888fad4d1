//! The TLS certificate and its key, reloaded when their files change.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The files of the certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Returns the server's configuration: TLS 1.2 and 1.3, HTTP/1.1. Watches the files from now on.
pub(crate) fn config(files: CertificateFiles) -> Result<ServerConfig, Box<dyn Error>> {
    let loaded = files.versions();
    let current = Arc::new(CurrentCertificate(RwLock::new(Arc::new(files.load()?))));
    let watched = Arc::clone(&current);
    std::thread::Builder::new()
        .name("orders-tls".to_owned())
        .spawn(move || watch(&files, &watched, loaded))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate for new connections.
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for CurrentCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentCertificate")
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The modification times and sizes of both files; `None` for a missing file.
type Versions = [Option<(SystemTime, u64)>; 2];

impl CertificateFiles {
    fn versions(&self) -> Versions {
        let version = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        [version(&self.certificate), version(&self.key)]
    }

    /// Loads both files. Fails if the key does not belong to the certificate.
    fn load(&self) -> Result<CertifiedKey, Box<dyn Error>> {
        let in_file = |path: &Path, error: &dyn Error| {
            format!("cannot use {} for TLS: {error}", path.display())
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| in_file(&self.certificate, &error))?;
        if chain.is_empty() {
            let certificate = self.certificate.display();
            return Err(format!("cannot use {certificate} for TLS: it has no certificate").into());
        }
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| in_file(&self.key, &error))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| in_file(&self.certificate, &error).into())
    }
}

/// Reloads the certificate when its files have changed and are complete.
fn watch(files: &CertificateFiles, current: &CurrentCertificate, mut loaded: Versions) {
    let mut failed = None;
    loop {
        std::thread::sleep(CHECK_INTERVAL);
        let versions = files.versions();
        if versions == loaded {
            continue;
        }
        match files.load() {
            Ok(certificate) => {
                *current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate);
                log::info!("the certificate was read again");
                loaded = versions;
            }
            // One file may not be written yet, or may become readable later: the old certificate
            // stays, and the load is retried. It is logged once.
            Err(error) if failed.as_ref() != Some(&versions) => {
                log::warn!("the certificate was not read again: {error}");
                failed = Some(versions);
            }
            Err(_logged) => {}
        }
    }
}
