//! Connections, from the listener to the router: TLS or plain, with timeouts.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_rt::net::TcpStream;
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::dev::AppConfig;
use actix_web::web::ServiceConfig;
use actix_web::{App as ActixApp, middleware as actix_middleware};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::middleware;
use super::timeouts::{HEAD_TIMEOUT, TimedStream};
use super::tls;
use crate::cli::ServeOptions;

const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(75);
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a client to close its side.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Adds the routes and the shared data to the router of each worker.
pub(crate) trait Configure: Fn(&mut ServiceConfig) + Clone + Send + 'static {}

impl<C: Fn(&mut ServiceConfig) + Clone + Send + 'static> Configure for C {}

/// Where the server listens.
pub(crate) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<ServerConfig>,
}

impl Listener {
    /// Reads the certificate and binds the address.
    pub(crate) fn bind(options: &ServeOptions) -> Result<Self, Box<dyn Error>> {
        // The command line requires both files or neither.
        let files = options.tls_cert.clone().zip(options.tls_key.clone());
        let files = files.map(|(certificate, key)| tls::CertificateFiles { certificate, key });
        let tls = files.map(tls::config).transpose()?;
        let address = options.bind;
        let socket = TcpListener::bind(address).map_err(|error| {
            format!("cannot listen on {address}: {error}; choose another address with --bind")
        })?;
        Ok(Self { socket, tls })
    }
}

/// Adds the service of a listener's connections to a server.
pub(super) fn listen<C: Configure>(
    builder: ServerBuilder,
    listener: Listener,
    configure: C,
    shutdown: watch::Receiver<bool>,
) -> std::io::Result<ServerBuilder> {
    let Listener { socket, tls } = listener;
    let Some(config) = tls else {
        return builder.listen("http", socket, move || {
            fn_service(async |io: TcpStream| {
                let peer = prepare(&io);
                Ok((TimedStream::new(io, |io| io), peer))
            })
            .and_then(http(configure.clone(), shutdown.clone()))
        });
    };
    builder.listen("https", socket, move || {
        let mut acceptor = Acceptor::new(config.clone());
        acceptor.set_handshake_timeout(TLS_HANDSHAKE_TIMEOUT);
        acceptor
            .map_err(TlsError::into_service_error)
            .and_then(fn_service(async |io: TlsStream<TcpStream>| {
                let peer = prepare(io.get_ref().0);
                Ok((TimedStream::new(io, |io| io.get_ref().0), peer))
            }))
            .and_then(http(configure.clone(), shutdown.clone()).map_err(TlsError::Service))
    })
}

/// Disables Nagle's algorithm, so that small writes of a stream are sent at once. Returns the
/// client's address.
fn prepare(io: &TcpStream) -> Option<SocketAddr> {
    if let Err(error) = io.set_nodelay(true) {
        log::debug!("cannot set TCP_NODELAY: {error}");
    }
    io.peer_addr().ok()
}

/// The HTTP service of one connection.
fn http<C: Configure, T: AsyncRead + AsyncWrite + Unpin + 'static>(
    configure: C,
    shutdown: watch::Receiver<bool>,
) -> impl ServiceFactory<
    (TimedStream<T>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let app = ActixApp::new()
        .wrap(actix_middleware::from_fn(middleware::every_request))
        .configure(configure)
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .keep_alive(KEEP_ALIVE_TIMEOUT)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        // Idle connections are closed as soon as the server shuts down.
        .graceful_shutdown_signal(move || {
            let mut shutdown = shutdown.clone();
            async move { drop(shutdown.wait_for(|is_set| *is_set).await) }
        })
        .on_connect_ext(|io: &TimedStream<T>, extensions| drop(extensions.insert(io.state())))
        .h1(map_config(app, |()| AppConfig::default()))
}

/// Raises the soft limit of open files to the hard limit. The usual soft limit of 1024 allows too
/// few connections.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::debug!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
