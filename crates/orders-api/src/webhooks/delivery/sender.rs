//! Sends one request to one endpoint, with a timeout: resolves its name once, connects to an address
//! that the SSRF guard allows, and follows no redirect.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as StdInstant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use orders_core::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use super::retry_delays;
use super::signature::{self, Message};
use super::ssrf_guard::{SsrfGuard, Target, TargetError};
use crate::http::tls_client;

/// The timeout of a connection to one address, after which the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The size to which the head of a response is read, and its body.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// The number of addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Resolves a name, and adds a port to its addresses.
pub(super) type Resolver = Arc<
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>
        + Send
        + Sync,
>;

/// The resolver of the operating system.
pub(super) fn system_resolver() -> Resolver {
    Arc::new(|name, port| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), port)).await?.collect()) })
    })
}

/// Sends messages to endpoints.
pub(super) struct Sender {
    ssrf_guard: SsrfGuard,
    resolve: Resolver,
    /// The timeout of a request, from resolving its name to the last byte of its response.
    timeout: Duration,
    tls: OnceLock<Arc<ClientConfig>>,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendResult {
    /// The status of the response, or why there is none.
    pub(crate) response: Result<u16, String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) duration: Duration,
}

impl SendResult {
    /// Whether the endpoint accepted the message.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.response, Ok(200..=299))
    }

    /// Describes the failure, if there is one.
    pub(crate) fn error(&self) -> Option<String> {
        match &self.response {
            Ok(200..=299) => None,
            Ok(status @ 300..=399) => Some(format!("status {status}; redirects are not followed")),
            Ok(status) => Some(format!("status {status}")),
            Err(why) => Some(why.clone()),
        }
    }
}

impl Sender {
    pub(super) fn new(ssrf_guard: SsrfGuard, resolve: Resolver, timeout: Duration) -> Self {
        Self { ssrf_guard, resolve, timeout, tls: OnceLock::new() }
    }

    /// Sends a message. `now` is the time of the database's clock.
    pub(super) async fn send(&self, url: &str, message: &Message, now: Timestamp) -> SendResult {
        let start = StdInstant::now();
        let deadline = tokio::time::Instant::from_std(start + self.timeout);
        // Dropped at the end, which closes the connection.
        let mut connection = JoinSet::new();
        let exchange = self.request(url, message, now, &mut connection);
        let timed_out = || Err(format!("no answer within {:?}", self.timeout));
        let response = timeout_at(deadline, exchange).await.unwrap_or_else(|_| timed_out());
        let (response, retry_after) = match response {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after = retry_delays::retry_after(response.headers(), now);
                // The status is known. The rest is read so that the endpoint can finish.
                drop(timeout_at(deadline, drain(response.into_body())).await);
                (Ok(status), retry_after)
            }
            Err(error) => (Err(error), None),
        };
        SendResult { response, retry_after, duration: start.elapsed() }
    }

    async fn request(
        &self,
        url: &str,
        message: &Message,
        now: Timestamp,
        connection: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, String> {
        let target = self.ssrf_guard.parse(url).map_err(|error| match error {
            TargetError::Invalid(why) | TargetError::Refused(why) => format!("the URL {why}"),
        })?;
        let addresses = self.resolve(&target).await?;
        let stream = connect(&addresses).await?;
        let request = http_request(&target, message, now)?;
        if target.is_tls {
            let stream = TlsConnector::from(self.tls()?).connect(server_name(&target)?, stream);
            let stream = stream.await.map_err(|error| describe("TLS failed", &error))?;
            exchange(TokioIo::new(stream), request, connection).await
        } else {
            exchange(TokioIo::new(stream), request, connection).await
        }
    }

    /// Resolves a host. All its addresses must be allowed: one that is not makes the name suspicious.
    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let addresses = match &target.host {
            Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(*address), target.port)],
            Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(*address), target.port)],
            Host::Domain(name) => (self.resolve)(name.clone(), target.port)
                .await
                .map_err(|_unresolved| "the host's name could not be resolved".to_owned())?,
        };
        if addresses.is_empty() {
            return Err("the host's name has no address".to_owned());
        }
        if !addresses.iter().all(|address| self.ssrf_guard.allows(address.ip())) {
            return Err("the host's name leads to an address that is not public".to_owned());
        }
        Ok(addresses)
    }

    /// The TLS configuration, loaded when it is first needed.
    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls_client::config().map_err(|error| format!("TLS failed: {error}"))?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

fn server_name(target: &Target) -> Result<ServerName<'static>, String> {
    Ok(match &target.host {
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_invalid| "the URL's host cannot have a certificate".to_owned())?,
        Host::Ipv4(address) => ServerName::from(IpAddr::from(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::from(*address)),
    })
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last_error = String::new();
    for address in addresses.iter().take(MAX_ADDRESSES) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last_error = describe("could not connect", &error),
            Err(_elapsed) => "could not connect in time".clone_into(&mut last_error),
        }
    }
    Err(last_error)
}

fn http_request(
    target: &Target,
    message: &Message,
    now: Timestamp,
) -> Result<Request<Full<Bytes>>, String> {
    let timestamp = signature::timestamp(now);
    Request::post(target.path.clone())
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, concat!("orders-api/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/cloudevents+json")
        .header(header::CONNECTION, "close")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", message.signatures(timestamp))
        .body(Full::new(message.body.clone()))
        .map_err(|error| format!("the request is invalid: {error}"))
}

async fn exchange<S>(
    stream: TokioIo<S>,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let failed = |_: hyper::Error| "the connection broke, or the response is not HTTP".to_owned();
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(MAX_RESPONSE_BYTES)
        .handshake(stream)
        .await
        .map_err(failed)?;
    connection.spawn(async move {
        if let Err(error) = driver.await {
            log::trace!("connection to a webhook: {error}");
        }
    });
    sender.send_request(request).await.map_err(failed)
}

/// Reads a body to its end or to the maximum size.
async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_RESPONSE_BYTES {
            return;
        }
    }
}

/// Describes a network error in one line.
fn describe(what: &str, error: &io::Error) -> String {
    let error: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{what}: {error}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn message() -> Message {
        let (id, body) = ("msg_1".to_owned(), Bytes::from_static(b"{}"));
        Message { id, body, secrets: vec![signature::create_secret().unwrap()] }
    }

    /// Sends the same response on each connection, and counts the connections.
    async fn listen(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                drop(stream.read(&mut head).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        (port, count)
    }

    /// A name that resolves to different addresses each time.
    fn rebinding(lookups: &'static [&'static str]) -> (Resolver, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let resolve: Resolver = Arc::new(move |_, port| {
            let place = counted.fetch_add(1, Ordering::SeqCst).min(lookups.len() - 1);
            let addresses = lookups[place]
                .split(' ')
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
                .collect();
            Box::pin(async move { Ok(addresses) })
        });
        (resolve, asked)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_name_with_a_private_address_is_never_connected_to() {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        for lookups in [
            &["127.0.0.1"][..],
            &["8.8.8.8 127.0.0.1"],
            &["127.0.0.1 8.8.8.8"],
            &["::1"],
            &["::ffff:127.0.0.1"],
            &["10.0.0.1"],
        ] {
            let (port, count) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let (resolve, _) = rebinding(lookups);
            let sender = Sender::new(SsrfGuard { allow_private: false }, resolve, TIMEOUT);
            let url = format!("https://rebinding.example:{port}/");
            let sent = sender.send(&url, &message(), now).await;
            assert!(sent.error().unwrap().contains("not public"), "{lookups:?} {sent:?}");
            assert_eq!(count.load(Ordering::SeqCst), 0, "{lookups:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_name_is_resolved_once_and_only_checked_addresses_are_connected_to() {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let (port, count) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        // Nothing listens at the first address. Resolving again would find the listener.
        let (resolve, asked) = rebinding(&["127.0.0.2", "127.0.0.1"]);
        let sender = Sender::new(SsrfGuard { allow_private: true }, resolve, TIMEOUT);
        let sent = sender.send(&format!("http://rebinding.example:{port}/"), &message(), now).await;
        assert!(sent.error().is_some(), "{sent:?}");
        assert_eq!((asked.load(Ordering::SeqCst), count.load(Ordering::SeqCst)), (1, 0));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn redirects_are_not_followed() {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let (inside, reached) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (port, _) = listen(answer.leak()).await;
        let sender = Sender::new(SsrfGuard { allow_private: true }, system_resolver(), TIMEOUT);
        let sent = sender.send(&format!("http://127.0.0.1:{port}/"), &message(), now).await;
        assert_eq!(sent.response, Ok(307));
        assert!(!sent.is_success());
        assert_eq!(reached.load(Ordering::SeqCst), 0);
    }
}
