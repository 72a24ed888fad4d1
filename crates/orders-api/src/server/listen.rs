//! Connections, from the listener to the router: with or without TLS, and with limits on time.

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
use actix_web::web::Data;
use actix_web::{App as ActixApp, middleware as actix_middleware};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::app::App;
use crate::routes;
use crate::server::middleware;
use crate::server::timeouts::{self, Patient};

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client is waited for that does not close its side.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Adds what serves a listener's connections to a server.
pub(crate) fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    app: Data<App>,
    tls: Option<ServerConfig>,
    ends: watch::Receiver<bool>,
) -> std::io::Result<ServerBuilder> {
    let Some(config) = tls else {
        return builder.listen("http", listener, move || {
            fn_service(async |io: TcpStream| {
                let peer = prepare(&io);
                Ok((Patient::new(io), peer))
            })
            .and_then(http(app.clone(), ends.clone()))
        });
    };
    builder.listen("https", listener, move || {
        let mut acceptor = Acceptor::new(config.clone());
        acceptor.set_handshake_timeout(HANDSHAKE);
        acceptor
            .map_err(TlsError::into_service_error)
            .and_then(fn_service(async |io: TlsStream<TcpStream>| {
                let peer = prepare(io.get_ref().0);
                Ok((Patient::new(io), peer))
            }))
            .and_then(http(app.clone(), ends.clone()).map_err(TlsError::Service))
    })
}

/// Has small pieces of a stream sent at once, not when the client has confirmed the one before.
/// Answers who the client is.
fn prepare(io: &TcpStream) -> Option<SocketAddr> {
    if let Err(error) = io.set_nodelay(true) {
        log::debug!("small pieces may be sent late: {error}");
    }
    io.peer_addr().ok()
}

/// What answers the requests of one connection.
fn http<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    app: Data<App>,
    ends: watch::Receiver<bool>,
) -> impl ServiceFactory<
    (Patient<T>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let app = ActixApp::new()
        .app_data(app)
        .wrap(actix_middleware::from_fn(middleware::every_request))
        .configure(routes::configure)
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(timeouts::HEAD)
        .client_disconnect_timeout(LAST_WORDS)
        // Connections that are idle when the server ends are closed at once.
        .graceful_shutdown_signal(move || {
            let mut ends = ends.clone();
            async move { drop(ends.wait_for(|ends| *ends).await) }
        })
        .on_connect_ext(|io: &Patient<T>, extensions| drop(extensions.insert(io.pace())))
        .h1(map_config(app, |()| AppConfig::default()))
}

/// Lets the process have as many connections as the system allows it: a soft limit of 1024 files is
/// usual, and kept for programs that are older than larger ones.
pub(crate) fn raise_limit_of_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::debug!("the number of open files stays limited to {:?}: {error}", limit.current);
    }
}
