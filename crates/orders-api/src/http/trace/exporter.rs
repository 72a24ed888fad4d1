//! Sends spans to the collector: one request at a time, from the SDK's thread.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::http::tls_client;

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The size to which a response is read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The client of the collector.
pub(super) struct Collector {
    /// The SDK sends spans from a thread without a runtime.
    runtime: Mutex<Runtime>,
    /// Whether the last request succeeded. Only a change is logged.
    is_reachable: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Collector")
    }
}

impl Collector {
    pub(super) fn new() -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = Mutex::new(runtime.map_err(|error| error.to_string())?);
        Ok(Self { runtime, is_reachable: AtomicBool::new(true) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = runtime.block_on(async { timeout(TIMEOUT, exchange(request)).await });
        let sent = sent.unwrap_or_else(|_elapsed| Err("no answer in time".into()));
        let failure = match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        match (self.is_reachable.swap(failure.is_none(), Ordering::Relaxed), failure) {
            (true, Some(why)) => log::warn!("the collector takes no traces; they are lost: {why}"),
            (false, None) => log::info!("the collector takes traces again"),
            (true, None) | (false, Some(_)) => {}
        }
        sent
    }
}

impl HttpClient for Collector {
    fn send_bytes<'life, 'wait>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'wait>>
    where
        'life: 'wait,
        Self: 'wait,
    {
        Box::pin(async move { self.send(request) })
    }
}

async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let url = Url::parse(&request.uri().to_string())?;
    let host = url.host().ok_or("the endpoint names no host")?;
    let port = url.port_or_known_default().ok_or("the endpoint names no port")?;
    let stream = match &host {
        Host::Domain(name) => TcpStream::connect((*name, port)).await?,
        Host::Ipv4(address) => TcpStream::connect((IpAddr::V4(*address), port)).await?,
        Host::Ipv6(address) => TcpStream::connect((IpAddr::V6(*address), port)).await?,
    };
    if url.scheme() == "https" {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.to_owned())?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
        };
        let connector = TlsConnector::from(tls_client::config()?);
        return send_on(connector.connect(name, stream).await?, &url, request).await;
    }
    send_on(stream, &url, request).await
}

async fn send_on<S>(
    stream: S,
    url: &Url,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut head, body) = request.into_parts();
    let authority = url.authority().rsplit('@').next().unwrap_or_default();
    head.headers.insert(header::HOST, authority.parse()?);
    head.headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    head.uri = target.parse()?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    let running = tokio::spawn(driver);
    let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await?.to_bytes();
    running.abort();
    Ok(Response::from_parts(head, body))
}
