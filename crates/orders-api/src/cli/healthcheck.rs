//! The command `healthcheck`: checks that the local server is running. For containers, whose images
//! have no other HTTP client.

use std::error::Error;
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};

use crate::cli::HealthcheckOptions;

/// The timeout of each step.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The number of bytes that have the status line.
const STATUS_LINE: u64 = 64;

/// Succeeds if the server responds 200.
pub(crate) fn run(options: &HealthcheckOptions) -> Result<(), Box<dyn Error>> {
    let path = if options.ready { "/readyz" } else { "/healthz" };
    let address = reachable(options.bind);
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(|error| {
        format!(
            "cannot connect to {address}: {error}; start the server, or name its --bind address"
        )
    })?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let line = match &options.tls_cert {
        None => request(stream, address, path)?,
        Some(file) => {
            let certificate = CertificateDer::from_pem_file(file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            request(secured(stream, address, certificate)?, address, path)?
        }
    };
    let status = line.split(' ').nth(1).unwrap_or_default();
    if status == "200" {
        return Ok(());
    }
    Err(format!("{path} of {address} responded {status:?}").into())
}

/// The address at which a server on this machine is reached.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => bind.ip(),
    };
    SocketAddr::new(ip, bind.port())
}

fn request(mut stream: impl Read + Write, host: SocketAddr, path: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut line = Vec::new();
    // An error after the status line does not matter.
    match stream.take(STATUS_LINE).read_to_end(&mut line) {
        Err(error) if line.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(String::from_utf8_lossy(&line).into_owned()),
    }
}

fn secured(
    stream: TcpStream,
    address: SocketAddr,
    certificate: CertificateDer<'static>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Box<dyn Error>> {
    let provider = Arc::new(ring::default_provider());
    let only = Arc::new(Only { certificate, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(only)
        .with_no_client_auth();
    let name = ServerName::from(address.ip());
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, stream))
}

/// Trusts the service's own certificate, whatever name it is for, and no other.
struct Only {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Only")
    }
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_all_addresses_is_asked_on_loopback() {
        let asked = |bind: &str| reachable(bind.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:1"), "[::1]:1");
        assert_eq!(asked("10.1.2.3:4"), "10.1.2.3:4");
    }
}
