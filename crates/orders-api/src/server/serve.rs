//! Runs the server: listens, starts the background tasks, and waits for the shutdown.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use actix_server::Server;
use actix_web::web::Data;
use tokio::sync::watch;

use super::listen::{self, Configure, Listener};
use super::signals::{Signals, shut_down_on_signal};
use crate::cli::ServeOptions;
use crate::events::{self, Live};
use crate::http::installation::Installation;
use crate::store_client::StoreClient;
use crate::webhooks::{self, TestQueue};

/// The number of connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// The timeout of open requests at shutdown, in seconds.
const SHUTDOWN_TIMEOUT_SECONDS: u64 = 30;
/// The threads of each worker for blocking reads.
const BLOCKING_THREADS: usize = 2;

/// How often free memory is returned to the system.
const FREE_MEMORY_INTERVAL: Duration = Duration::from_secs(5);
/// More than the allocator keeps in reserve, in bytes.
const FREE_MEMORY_BYTES: usize = 1024 * 1024;

/// What the background tasks of the server work on.
pub(crate) struct BackgroundWork {
    pub(crate) store: StoreClient,
    pub(crate) live: Data<Live>,
    pub(crate) installation: Installation,
    pub(crate) test_queue: TestQueue,
}

/// Serves until a signal arrives.
pub(crate) fn run(
    options: &ServeOptions,
    listener: Listener,
    configure: impl Configure,
    work: BackgroundWork,
) -> Result<(), Box<dyn Error>> {
    listen::raise_file_limit();
    Ok(actix_rt::System::new().block_on(serve(options, listener, configure, work))?)
}

async fn serve(
    options: &ServeOptions,
    listener: Listener,
    configure: impl Configure,
    work: BackgroundWork,
) -> std::io::Result<()> {
    let BackgroundWork { store, live, installation, test_queue } = work;
    // Before the server listens, so that no signal is missed.
    let signals = Signals::new()?;
    let workers = options.workers();
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let address = listener.socket.local_addr()?;
    let (stop, shutdown) = watch::channel(false);
    let builder = Server::build()
        .disable_signals()
        .workers(workers)
        .backlog(BACKLOG)
        .max_concurrent_connections(options.max_connections.div_ceil(workers))
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
        .worker_max_blocking_threads(BLOCKING_THREADS);
    let deliveries = webhooks::start(
        store.store(),
        installation,
        options.deliveries(),
        test_queue,
        shutdown.clone(),
    )?;
    let server = listen::listen(builder, listener, configure, shutdown)?.run();
    actix_rt::spawn(events::run(live.clone(), store));
    log::info!("listening on {scheme}://{address}");
    let (handle, delay) = (server.handle(), options.drain_delay);
    actix_rt::spawn(shut_down_on_signal(signals, handle, live, stop, delay));
    actix_rt::spawn(free_memory_regularly());
    server.await?;
    if deliveries.join().is_err() {
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
