//! Serving: from the options to a server that listens, and from a signal to its orderly end.

use std::error::Error;
use std::hint::black_box;
use std::net::TcpListener;
use std::time::Duration;

use actix_rt::signal::unix::{Signal, SignalKind, signal};
use actix_server::{Server, ServerHandle};
use actix_web::web::Data;
use orders_db::Store;
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::app::App;
use crate::cli::{self, Auth, ServeOptions};
use crate::security::rate_limit::Limits;
use crate::security::{self, Gate};
use crate::server::trace::Tracing;
use crate::server::{listen, tls};
use crate::wait::wait;
use crate::webhooks::Trials;
use crate::{events, webhooks};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long accepted requests may take once the server ends, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;
/// The length below which a key from the environment is warned of.
const SHORTEST_OWN_KEY: usize = 32;
/// How many threads a worker has for reads that block.
const BLOCKING_THREADS: usize = 2;

/// How often memory is given back to the system.
const GIVE_BACK_PAUSE: Duration = Duration::from_secs(5);
/// More than the allocator keeps for later, in bytes.
const GIVE_BACK_BYTES: usize = 1024 * 1024;

/// Serves until a signal ends it.
pub(crate) fn run(
    store: Store,
    options: &ServeOptions,
    tracing: Tracing,
) -> Result<(), Box<dyn Error>> {
    let gate = gate(&store, options)?;
    let limits = options.rate().map(|(rate, burst)| Limits::new(rate, burst));
    let (tester, trials) = webhooks::channel();
    let app = Data::new(App::new(store, gate, limits, tester, options, tracing));
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            Some(tls::config(tls::Files { certificate, key })?)
        }
        // The command line has neither without the other.
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    listen::raise_limit_of_connections();
    Ok(actix_rt::System::new().block_on(serve(app, tls, trials, options))?)
}

/// Decides who is let in.
fn gate(store: &Store, options: &ServeOptions) -> Result<Gate, Box<dyn Error>> {
    let own_key = cli::own_key();
    if let Some(key) = &own_key {
        check_own_key(key)?;
        // It counts as a key that has existed, also once it is taken out of the environment.
        if !store.keys().required {
            wait(|deadline, reply| store.require_keys(deadline, reply))?;
        }
    }
    let has_keys = own_key.is_some() || store.keys().required;
    let is_loopback = options.bind.ip().is_loopback();
    if !is_loopback && !has_keys {
        return Err(format!(
            "{} is not a loopback address, and there is no key: other machines could do anything. \
             Make a key first: orders-api keys create --name NAME --role admin",
            options.bind
        )
        .into());
    }
    let may_be_open = is_loopback && options.auth == Auth::Auto && own_key.is_none();
    if may_be_open && !has_keys {
        log::warn!(
            "OPEN: there is no key, so every program and user of this machine may read and change \
             everything. To end this: orders-api keys create --name NAME --role admin"
        );
    } else if !has_keys {
        log::warn!("there is no key yet, so nobody can get in; orders-api keys create makes one");
    }
    let own_key = own_key.as_deref().map(security::hash_of);
    let origins = options.public_url.iter().chain(&options.cors_origin).cloned().collect();
    Ok(Gate { may_be_open, own_key, origins })
}

fn check_own_key(key: &str) -> Result<(), Box<dyn Error>> {
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("ORDERS_API_KEY must have visible ASCII characters only".into());
    }
    if key.len() < SHORTEST_OWN_KEY {
        log::warn!(
            "ORDERS_API_KEY is so short that it could be guessed; 32 random characters are not"
        );
    }
    Ok(())
}

async fn serve(
    app: Data<App>,
    tls: Option<ServerConfig>,
    trials: Trials,
    options: &ServeOptions,
) -> std::io::Result<()> {
    // Before listening, so that no signal falls into a gap.
    let signals = Signals::new()?;
    let workers = options.workers();
    let listener = TcpListener::bind(options.bind)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = listener.local_addr()?;
    let (ending, ends) = watch::channel(false);
    let builder = Server::build()
        .disable_signals()
        .workers(workers)
        .backlog(BACKLOG)
        .max_concurrent_connections(options.max_connections.div_ceil(workers))
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .worker_max_blocking_threads(BLOCKING_THREADS);
    let courier = webhooks::start(app.store(), options.deliveries(), trials, ends.clone())?;
    let server = listen::listen(builder, listener, app.clone(), tls, ends)?.run();
    actix_rt::spawn(events::run(app.clone()));
    log::info!("listening on {scheme}://{address}");
    actix_rt::spawn(end_on_signal(signals, server.handle(), app, ending, options.drain_delay));
    actix_rt::spawn(give_back_memory());
    server.await?;
    if courier.join().is_err() {
        log::error!("the thread that delivers to webhooks had panicked");
    }
    log::info!("ended");
    Ok(())
}

/// Has the allocator give back to the system what is free. It does so when pages of memory are asked
/// for and given back, which in a service that is idle nobody does.
async fn give_back_memory() {
    loop {
        actix_rt::time::sleep(GIVE_BACK_PAUSE).await;
        drop(black_box(Vec::<u8>::with_capacity(GIVE_BACK_BYTES)));
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

/// The first signal lets the server end in order; the second ends it at once.
async fn end_on_signal(
    mut signals: Signals,
    server: ServerHandle,
    app: Data<App>,
    ending: watch::Sender<bool>,
    drain_delay: Duration,
) {
    signals.next().await;
    log::info!("asked to end: no longer ready, listening for another {drain_delay:?}");
    app.drain();
    actix_rt::spawn(async move {
        signals.next().await;
        log::warn!("asked to end again: ending at once");
        std::process::exit(1);
    });
    // Listens on for a while, so that whoever asks `/readyz` learns in time to send nothing more.
    actix_rt::time::sleep(drain_delay).await;
    ending.send_replace(true);
    server.stop(true).await;
}
