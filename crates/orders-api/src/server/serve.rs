//! `serve`: from the options to a listening server, and from a signal to an orderly shutdown.

use std::error::Error;
use std::hint::black_box;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::signal::unix::{Signal, SignalKind, signal};
use actix_server::{Server, ServerHandle};
use actix_web::web::Data;
use orders_db::{RequireKeys, Store};
use rustls::ServerConfig;
use tokio::sync::watch;

use super::{listen, tls};
use crate::app::App;
use crate::cli;
use crate::cli::wait::wait;
use crate::cli::{Auth, ServeOptions};
use crate::events;
use crate::http::trace::Tracing;
use crate::security;
use crate::security::rate_limit::RateLimits;
use crate::security::{AuthPolicy, KeyCache, Security};
use crate::webhooks;
use crate::webhooks::TestQueue;

/// The number of connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// The timeout of open requests at shutdown, in seconds.
const SHUTDOWN_TIMEOUT_SECONDS: u64 = 30;
/// A shorter key from the environment is warned about.
const MIN_ENVIRONMENT_KEY_LENGTH: usize = 32;
/// The threads of each worker for blocking reads.
const BLOCKING_THREADS: usize = 2;

/// How often free memory is returned to the system.
const FREE_MEMORY_INTERVAL: Duration = Duration::from_secs(5);
/// More than the allocator keeps in reserve, in bytes.
const FREE_MEMORY_BYTES: usize = 1024 * 1024;

/// Serves until a signal arrives.
pub(crate) fn run(
    store: Store,
    options: &ServeOptions,
    tracing: Tracing,
) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(store);
    let security = Security {
        policy: auth_policy(&store, options)?,
        keys: KeyCache::new(Arc::clone(&store)),
        rate_limits: options.rate().map(|(rate, burst)| RateLimits::new(rate, burst)),
        trusted_proxies: options.trust_proxy.clone(),
    };
    let (test_sender, test_queue) = webhooks::test_queue();
    let app = App::new(store, security, test_sender, options, tracing);
    // The command line requires both files or neither.
    let files = options.tls_cert.clone().zip(options.tls_key.clone());
    let files = files.map(|(certificate, key)| tls::CertificateFiles { certificate, key });
    let tls = files.map(tls::config).transpose()?;
    listen::raise_file_limit();
    Ok(actix_rt::System::new().block_on(serve(Data::new(app), tls, test_queue, options))?)
}

fn auth_policy(store: &Store, options: &ServeOptions) -> Result<AuthPolicy, Box<dyn Error>> {
    let environment_key = cli::own_key();
    if let Some(key) = &environment_key {
        check_environment_key(key)?;
        // From now on a key is required, even when this one is removed from the environment.
        if !store.keys().required {
            drop(wait(|deadline, reply| store.change(RequireKeys, None, deadline, reply))?);
        }
    }
    let has_keys = environment_key.is_some() || store.keys().required;
    let is_loopback = options.bind.ip().is_loopback();
    if !is_loopback && !has_keys {
        return Err(format!(
            "{} is not a loopback address and there is no key: other machines would have full \
             access. Create a key first: orders-api keys create --name NAME --role admin",
            options.bind
        )
        .into());
    }
    let may_be_open = is_loopback && options.auth == Auth::Auto && environment_key.is_none();
    if may_be_open && !has_keys {
        log::warn!(
            "OPEN: there is no key, so every program and user of this machine has full access. \
             To end this: orders-api keys create --name NAME --role admin"
        );
    } else if !has_keys {
        log::warn!("there is no key yet, so nobody has access; orders-api keys create creates one");
    }
    Ok(AuthPolicy {
        may_be_open,
        metrics_are_open: options.metrics_open,
        environment_key: environment_key.as_deref().map(security::hash_of),
        origins: options.public_url.iter().chain(&options.cors_origin).cloned().collect(),
    })
}

fn check_environment_key(key: &str) -> Result<(), Box<dyn Error>> {
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("ORDERS_API_KEY must have visible ASCII characters only".into());
    }
    if key.len() < MIN_ENVIRONMENT_KEY_LENGTH {
        log::warn!("ORDERS_API_KEY is short enough to be guessed; use 32 random characters");
    }
    Ok(())
}

async fn serve(
    app: Data<App>,
    tls: Option<ServerConfig>,
    test_queue: TestQueue,
    options: &ServeOptions,
) -> std::io::Result<()> {
    // Before the server listens, so that no signal is missed.
    let signals = Signals::new()?;
    let workers = options.workers();
    let listener = TcpListener::bind(options.bind)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = listener.local_addr()?;
    let (shutdown_sender, shutdown) = watch::channel(false);
    let builder = Server::build()
        .disable_signals()
        .workers(workers)
        .backlog(BACKLOG)
        .max_concurrent_connections(options.max_connections.div_ceil(workers))
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
        .worker_max_blocking_threads(BLOCKING_THREADS);
    let delivery =
        webhooks::start(app.store.store(), options.deliveries(), test_queue, shutdown.clone())?;
    let server = listen::listen(builder, listener, app.clone(), tls, shutdown)?.run();
    actix_rt::spawn(events::run(app.clone()));
    log::info!("listening on {scheme}://{address}");
    let handle = server.handle();
    actix_rt::spawn(shut_down_on_signal(
        signals,
        handle,
        app,
        shutdown_sender,
        options.drain_delay,
    ));
    actix_rt::spawn(free_memory_regularly());
    server.await?;
    if delivery.join().is_err() {
        log::error!("the thread that delivers webhooks has panicked");
    }
    log::info!("stopped");
    Ok(())
}

/// Makes the allocator return free memory to the system. It does so when large blocks are allocated
/// and freed, which never happens while the service is idle.
async fn free_memory_regularly() {
    loop {
        actix_rt::time::sleep(FREE_MEMORY_INTERVAL).await;
        drop(black_box(Vec::<u8>::with_capacity(FREE_MEMORY_BYTES)));
    }
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        let (terminate, interrupt) = (self.terminate.recv(), self.interrupt.recv());
        futures_util::pin_mut!(terminate, interrupt);
        futures_util::future::select(terminate, interrupt).await;
    }
}

/// Shuts down in an orderly way at the first signal, and exits at once at the second.
async fn shut_down_on_signal(
    mut signals: Signals,
    server: ServerHandle,
    app: Data<App>,
    shutdown: watch::Sender<bool>,
    drain_delay: Duration,
) {
    signals.next().await;
    log::info!("shutting down: no longer ready, listening for another {drain_delay:?}");
    app.drain();
    actix_rt::spawn(async move {
        signals.next().await;
        log::warn!("second signal: exiting at once");
        std::process::exit(1);
    });
    // Keeps listening, so that load balancers see `/readyz` fail before connections do.
    actix_rt::time::sleep(drain_delay).await;
    shutdown.send_replace(true);
    server.stop(true).await;
}
