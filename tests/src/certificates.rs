//! Certificates and keys for TLS. Both certificates are for `localhost` and `127.0.0.1`, each its own
//! authority.

use std::path::{Path, PathBuf};

/// The path of a certificate or key: `first.pem`, `first.key`, `second.pem` or `second.key`.
#[must_use]
pub fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}
