//! What all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::Data;
use orders_db::Store;

use crate::cli::ServeOptions;
use crate::events::Live;
use crate::http::body::RequestPolicy;
use crate::http::trace::Tracing;
use crate::routes;
use crate::security::{Origin, Security};
use crate::server::metrics::Metrics;
use crate::store_client::StoreClient;
use crate::webhooks::{SsrfGuard, TestSender};

/// What all handlers share.
pub(crate) struct App {
    pub(crate) store: StoreClient,
    pub(crate) security: Data<Security>,
    /// The origins of other sites that have access by CORS.
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) request_policy: Data<RequestPolicy>,
    /// The streams of events.
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    pub(crate) tracing: Tracing,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    pub(crate) ssrf_guard: SsrfGuard,
    pub(crate) test_deliveries: TestSender,
    /// Whether browsers send session cookies over TLS only.
    pub(crate) secure_cookies: bool,
    is_draining: AtomicBool,
}

impl App {
    pub(crate) fn new(
        store: Arc<Store>,
        security: Security,
        test_deliveries: TestSender,
        options: &ServeOptions,
        tracing: Tracing,
    ) -> Self {
        Self {
            store: StoreClient::new(store, security.keys.clone()),
            security: Data::new(security),
            cors_origins: options.cors_origin.clone(),
            request_policy: Data::new(RequestPolicy::new(options.require_if_match)),
            live: Live::new(options.max_streams()),
            metrics: Metrics::new(options.workers(), routes::paths()),
            tracing,
            access_log: options.access_log,
            ssrf_guard: options.ssrf_guard(),
            test_deliveries,
            secure_cookies: options.tls_cert.is_some()
                || options.public_url.as_ref().is_some_and(Origin::is_secure),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Makes the service report that it is not ready, and ends the streams of events.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        self.live.wake_all();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }
}
