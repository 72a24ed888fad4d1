//! Endpoints of webhooks: they record requests and respond as configured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use standardwebhooks::Webhook;
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// When its last byte arrived.
    pub at: Instant,
    /// Its first line.
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header's value; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event is JSON")
    }

    /// The sequence of the event.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.event()["sequence"].as_str().and_then(|text| text.parse().ok()).expect("a sequence")
    }

    /// Whether it is signed with a secret, as verified by the specification's own library.
    ///
    /// # Panics
    /// If the secret is invalid.
    #[must_use]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let webhook = Webhook::new(secret).expect("a secret is one");
        webhook.verify(&self.body, &self.headers).is_ok()
    }
}

/// The response of an endpoint.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, with no body.
    Status(u16),
    /// Raw bytes.
    Raw(String),
    /// The head of a response, one byte a second.
    Drip,
    /// A gigabyte.
    Flood,
    /// No response, for as long as the client waits.
    Silence,
}

/// An endpoint on this machine.
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    ended: Arc<AtomicBool>,
}

impl Receiver {
    /// An endpoint that accepts everything.
    #[must_use]
    pub fn start() -> Self {
        Self::answering(|_, _| Reply::Status(204))
    }

    /// An endpoint that computes its response from a request and the request's number, from 0.
    ///
    /// # Panics
    /// If it cannot listen.
    #[must_use]
    pub fn answering(answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listening(None, answer)
    }

    /// An endpoint with TLS that accepts everything.
    ///
    /// # Panics
    /// If the certificate or its key is invalid.
    #[must_use]
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.collect(), PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap();
        Self::listening(Some(Arc::new(config)), |_, _| Reply::Status(204))
    }

    fn listening(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (received, ended) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, over, answer) = (Arc::clone(&received), Arc::clone(&ended), Arc::new(answer));
        spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                let Ok(stream) = stream else { continue };
                match tls.clone() {
                    None => spawn(move || serve(stream, &kept, &*answer)),
                    Some(config) => spawn(move || {
                        let session = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(session, stream), &kept, &*answer);
                    }),
                };
            }
        });
        Self { address, received, ended }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook?from=orders", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All requests that it received, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The sequences of all events that it received, in order.
    #[must_use]
    pub fn sequences(&self) -> Vec<u64> {
        self.received().iter().map(Received::sequence).collect()
    }

    /// Waits until it has received a number of requests; returns them.
    ///
    /// # Panics
    /// If it was not within a minute.
    #[must_use]
    pub fn wait_for(&self, number: usize) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= number {
                return received;
            }
            let so_far = received.len();
            assert!(began.elapsed() < Duration::from_mins(1), "{so_far} of {number} came");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, so that it ends.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    stream: impl Read + Write,
    kept: &Mutex<Vec<Received>>,
    answer: &(impl Fn(&Received, usize) -> Reply + ?Sized),
) {
    let mut reader = BufReader::new(stream);
    let Some(received) = read(&mut reader) else { return };
    let place = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(received.clone());
        kept.len() - 1
    };
    let reply = answer(&received, place);
    // The client may have disconnected.
    drop(send(reader.get_mut(), &reply));
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut headers = HeaderMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { at: Instant::now(), line: line.trim_end().to_owned(), headers, body })
}

fn send(stream: &mut (impl Read + Write), reply: &Reply) -> std::io::Result<()> {
    match reply {
        Reply::Status(status) => {
            write!(stream, "HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n")
        }
        Reply::Raw(bytes) => stream.write_all(bytes.as_bytes()),
        Reply::Drip => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
                stream.write_all(&[*byte])?;
                sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        Reply::Flood => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
            let megabyte = vec![b'x'; 1 << 20];
            for _ in 0..1024 {
                stream.write_all(&megabyte)?;
            }
            Ok(())
        }
        Reply::Silence => {
            // Ends when the client disconnects.
            let mut nothing = [0; 1];
            stream.read(&mut nothing).map(drop)
        }
    }
}
