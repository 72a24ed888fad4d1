//! What all handlers share.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::Data;
use orders_db::Store;

use crate::auth::{Gate, Origin};
use crate::body::RequestPolicy;
use crate::cli::ServeOptions;
use crate::events::Live;
use crate::limits::{Limits, Network};
use crate::metrics::Metrics;
use crate::store_client::StoreClient;
use crate::trace::Tracing;
use crate::webhooks::{Guard, Tester};

/// What all handlers share.
pub(crate) struct App {
    pub(crate) store: StoreClient,
    pub(crate) gate: Gate,
    /// What is allowed to each caller; `None` for whatever they ask.
    pub(crate) limits: Option<Limits>,
    /// Proxies that are believed when they tell where a request comes from.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Other sites whose pages are let in.
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) request_policy: Data<RequestPolicy>,
    /// The streams of events.
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    pub(crate) tracing: Tracing,
    /// Whether each request is a line in the log.
    pub(crate) access_log: bool,
    /// Where webhooks may lead.
    pub(crate) guard: Guard,
    pub(crate) tester: Tester,
    /// Whether browsers are to send their cookies by TLS only.
    pub(crate) secure_cookies: bool,
    draining: AtomicBool,
}

impl App {
    pub(crate) fn new(
        store: Store,
        gate: Gate,
        limits: Option<Limits>,
        tester: Tester,
        options: &ServeOptions,
        tracing: Tracing,
    ) -> Self {
        Self {
            store: StoreClient::new(store),
            gate,
            limits,
            trusted_proxies: options.trust_proxy.clone(),
            cors_origins: options.cors_origin.clone(),
            request_policy: Data::new(RequestPolicy::new(options.require_if_match)),
            live: Live::new(options.max_streams()),
            metrics: Metrics::new(options.workers(), options.metrics_open),
            tracing,
            access_log: options.access_log,
            guard: options.guard(),
            tester,
            secure_cookies: options.tls_cert.is_some()
                || options.public_url.as_ref().is_some_and(Origin::is_secure),
            draining: AtomicBool::new(false),
        }
    }

    /// Says that the server is about to end, and ends the streams of events.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.live.end();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}
