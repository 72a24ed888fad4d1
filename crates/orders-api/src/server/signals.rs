//! Signals, and the orderly shutdown that they start.

use std::time::Duration;

use actix_rt::signal::unix::{Signal, SignalKind, signal};
use actix_server::ServerHandle;
use actix_web::web::Data;
use tokio::sync::watch;

use crate::events::Live;

/// SIGTERM and Ctrl-C.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
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
pub(super) async fn shut_down_on_signal(
    mut signals: Signals,
    server: ServerHandle,
    live: Data<Live>,
    shutdown: watch::Sender<bool>,
    drain_delay: Duration,
) {
    signals.next().await;
    log::info!("shutting down: no longer ready, listening for another {drain_delay:?}");
    live.shut_down();
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
