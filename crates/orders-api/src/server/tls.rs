//! TLS: the certificate and its key, read again when their files change; and whom we trust.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// How often it is looked whether the files have changed.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the certificate and its key are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What connections are opened by: TLS 1.2 and 1.3, HTTP/1.1. From now on the files are watched.
pub(crate) fn config(files: Files) -> Result<ServerConfig, Box<dyn Error>> {
    let seen = files.state();
    let current = Arc::new(Current(RwLock::new(Arc::new(files.load()?))));
    let watched = Arc::clone(&current);
    std::thread::Builder::new()
        .name("orders-tls".to_owned())
        .spawn(move || watch(&files, &watched, seen))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What servers are connected to by: the certificates that this machine trusts.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The certificate that new connections are shown.
struct Current(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the current certificate")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// When two files were last written, as far as they are there.
type State = [Option<(SystemTime, u64)>; 2];

impl Files {
    fn state(&self) -> State {
        let state = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        [state(&self.certificate), state(&self.key)]
    }

    /// Reads both; a certificate and a key that do not belong together are refused.
    fn load(&self) -> Result<CertifiedKey, Box<dyn Error>> {
        let named = |path: &Path, error: &dyn Error| format!("{}: {error}", path.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| named(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(
                format!("{}: there is no certificate in it", self.certificate.display()).into()
            );
        }
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| named(&self.key, &error))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| named(&self.certificate, &error).into())
    }
}

/// Shows new connections what the files hold, as soon as it is whole.
fn watch(files: &Files, current: &Current, mut seen: State) {
    let mut told = None;
    loop {
        std::thread::sleep(PAUSE);
        let state = files.state();
        if state == seen {
            continue;
        }
        match files.load() {
            Ok(loaded) => {
                *current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                log::info!("the certificate was read again");
                seen = state;
            }
            // Perhaps one of the files is not written yet: until then what there was is good.
            // It is tried again, since a file may become readable without being written; but told once.
            Err(error) if told.as_ref() != Some(&state) => {
                log::warn!("the certificate was not read again: {error}");
                told = Some(state);
            }
            Err(_told) => {}
        }
    }
}
