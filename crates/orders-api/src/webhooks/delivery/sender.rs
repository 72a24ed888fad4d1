//! One request to one endpoint: its name resolved once, a connection of its own to an address that
//! was checked, five seconds for all of it, and nothing followed.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as Moment};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use orders_core::Instant;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use super::retry_delays;
use super::signature::{self, Message};
use super::ssrf_guard::{Guard, Target, TargetError};
use crate::server::tls;

/// How long one address may take to be connected to, so that the next has its turn.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(2);
/// How much of an answer is read: its head, and then its body.
const MOST_READ: usize = 64 * 1024;
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

/// Resolves a name and a port.
pub(super) type Resolver = Arc<
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>
        + Send
        + Sync,
>;

/// The resolver of the system.
pub(super) fn system() -> Resolver {
    Arc::new(|name, port| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), port)).await?.collect()) })
    })
}

/// Sends messages.
pub(super) struct Sender {
    guard: Guard,
    resolve: Resolver,
    /// How long a request may take, from the look at its name to the last byte of its answer.
    patience: Duration,
    tls: OnceLock<Arc<ClientConfig>>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// What was answered; or why nothing was.
    pub(crate) answer: Result<u16, String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) duration: Duration,
}

impl Sent {
    /// Whether the message was taken.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.answer, Ok(200..=299))
    }

    /// What went wrong, in words.
    pub(crate) fn error(&self) -> Option<String> {
        match &self.answer {
            Ok(200..=299) => None,
            Ok(status @ 300..=399) => Some(format!("answered {status}; nothing is followed")),
            Ok(status) => Some(format!("answered {status}")),
            Err(why) => Some(why.clone()),
        }
    }
}

impl Sender {
    pub(super) fn new(guard: Guard, resolve: Resolver, patience: Duration) -> Self {
        Self { guard, resolve, patience, tls: OnceLock::new() }
    }

    /// Sends a message. `now` is the time by the database's clock.
    pub(super) async fn send(&self, url: &str, message: &Message, now: Instant) -> Sent {
        let began = Moment::now();
        let deadline = tokio::time::Instant::from_std(began + self.patience);
        // Ends the connection with this function.
        let mut connection = JoinSet::new();
        let asked = self.ask(url, message, now, &mut connection);
        let asked = timeout_at(deadline, asked).await;
        let late = || Err(format!("no answer within {:?}", self.patience));
        let (answer, retry_after) = match asked.unwrap_or_else(|_elapsed| late()) {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after = retry_delays::retry_after(response.headers(), now);
                // What was answered is known; the rest is heard out so that nobody is cut off.
                drop(timeout_at(deadline, drain(response.into_body())).await);
                (Ok(status), retry_after)
            }
            Err(why) => (Err(why), None),
        };
        Sent { answer, retry_after, duration: began.elapsed() }
    }

    async fn ask(
        &self,
        url: &str,
        message: &Message,
        now: Instant,
        connection: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, String> {
        let target = self.guard.read(url).map_err(|error| match error {
            TargetError::Invalid(why) | TargetError::Refused(why) => format!("the URL {why}"),
        })?;
        let addresses = self.resolve(&target).await?;
        let stream = connect(&addresses).await?;
        let request = request(&target, message, now)?;
        if target.is_tls {
            let name = match &target.host {
                Host::Domain(name) => {
                    ServerName::try_from(name.trim_end_matches('.').to_owned())
                        .map_err(|_odd| "the URL's host cannot have a certificate".to_owned())?
                }
                Host::Ipv4(address) => ServerName::from(IpAddr::from(*address)),
                Host::Ipv6(address) => ServerName::from(IpAddr::from(*address)),
            };
            let stream = TlsConnector::from(self.tls()?).connect(name, stream).await;
            let stream = stream.map_err(|error| in_words("TLS failed", &error))?;
            exchange(TokioIo::new(stream), request, connection).await
        } else {
            exchange(TokioIo::new(stream), request, connection).await
        }
    }

    /// The addresses of a host. All of them must be fine: one that is not tells enough of the name.
    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let addresses = match &target.host {
            Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(*address), target.port)],
            Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(*address), target.port)],
            Host::Domain(name) => (self.resolve)(name.clone(), target.port)
                .await
                .map_err(|_unknown| "the host's name could not be resolved".to_owned())?,
        };
        if addresses.is_empty() {
            return Err("the host's name has no address".to_owned());
        }
        if !addresses.iter().all(|address| self.guard.allows(address.ip())) {
            return Err("the host's name leads to an address that is not public".to_owned());
        }
        Ok(addresses)
    }

    /// Made when it is first needed.
    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client_config().map_err(|error| format!("TLS failed: {error}"))?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut why = String::new();
    for address in addresses.iter().take(MOST_ADDRESSES) {
        match timeout(PATIENCE_TO_CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = in_words("could not connect", &error),
            Err(_elapsed) => "could not connect in time".clone_into(&mut why),
        }
    }
    Err(why)
}

fn request(
    target: &Target,
    message: &Message,
    now: Instant,
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
        .map_err(|error| format!("the request could not be made: {error}"))
}

async fn exchange<S>(
    stream: TokioIo<S>,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let failed =
        |_error: hyper::Error| "the connection broke, or what was answered is not HTTP".to_owned();
    let (mut sender, driver) =
        http1::Builder::new().max_buf_size(MOST_READ).handshake(stream).await.map_err(failed)?;
    connection.spawn(async move {
        if let Err(error) = driver.await {
            log::trace!("connection to a webhook: {error}");
        }
    });
    sender.send_request(request).await.map_err(failed)
}

/// Reads a body to its end, or as much of it as is read at all.
async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST_READ {
            return;
        }
    }
}

/// What went wrong on the network, in few words.
fn in_words(what: &str, error: &io::Error) -> String {
    let why: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{what}: {why}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn message() -> Message {
        let (id, body) = ("msg_1".to_owned(), Bytes::from_static(b"{}"));
        Message { id, body, secrets: vec![signature::make_secret().unwrap()] }
    }

    /// Answers each connection with the same, and counts them.
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

    /// A name that leads somewhere else each time that it is asked for.
    fn rebinding(answers: &'static [&'static str]) -> (Resolver, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let resolve: Resolver = Arc::new(move |_, port| {
            let place = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let addresses = answers[place]
                .split(' ')
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
                .collect();
            Box::pin(async move { Ok(addresses) })
        });
        (resolve, asked)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_name_that_leads_inside_is_never_connected_to() {
        let now = Instant::from_millis(1_700_000_000_000).unwrap();
        for answers in [
            &["127.0.0.1"][..],
            &["8.8.8.8 127.0.0.1"],
            &["127.0.0.1 8.8.8.8"],
            &["::1"],
            &["::ffff:127.0.0.1"],
            &["10.0.0.1"],
        ] {
            let (port, count) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let (resolve, _) = rebinding(answers);
            let sender = Sender::new(Guard { allow_private: false }, resolve, PATIENCE);
            let url = format!("https://rebinding.example:{port}/");
            let sent = sender.send(&url, &message(), now).await;
            assert!(sent.error().unwrap().contains("not public"), "{answers:?} {sent:?}");
            assert_eq!(count.load(Ordering::SeqCst), 0, "{answers:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_name_is_resolved_once_and_what_was_checked_is_connected_to() {
        let now = Instant::from_millis(1_700_000_000_000).unwrap();
        let (port, count) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        // Nothing listens at the first; a second look would find the listener.
        let (resolve, asked) = rebinding(&["127.0.0.2", "127.0.0.1"]);
        let sender = Sender::new(Guard { allow_private: true }, resolve, PATIENCE);
        let sent = sender.send(&format!("http://rebinding.example:{port}/"), &message(), now).await;
        assert!(sent.error().is_some(), "{sent:?}");
        assert_eq!((asked.load(Ordering::SeqCst), count.load(Ordering::SeqCst)), (1, 0));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn redirects_are_not_followed() {
        let now = Instant::from_millis(1_700_000_000_000).unwrap();
        let (inside, reached) = listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (port, _) = listen(answer.leak()).await;
        let sender = Sender::new(Guard { allow_private: true }, system(), PATIENCE);
        let sent = sender.send(&format!("http://127.0.0.1:{port}/"), &message(), now).await;
        assert_eq!(sent.answer, Ok(307));
        assert!(!sent.is_success());
        assert_eq!(reached.load(Ordering::SeqCst), 0);
    }
}
