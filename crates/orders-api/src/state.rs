//! The state that handlers share. Handlers take the parts that they need.

use std::error::Error;
use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use orders_db::Store;

use crate::cli::ServeOptions;
use crate::docs::Document;
use crate::events::Live;
use crate::http::body::RequestPolicy;
use crate::http::installation::Installation;
use crate::http::trace::Tracing;
use crate::routes;
use crate::security::rate_limit::RateLimits;
use crate::security::{AuthPolicy, FailedSignIns, KeyCache, Origin, Security};
use crate::server::listen::Listener;
use crate::server::metrics::Metrics;
use crate::server::middleware::Instrumentation;
use crate::server::serve::{self, BackgroundWork};
use crate::store_client::StoreClient;
use crate::webhooks::{self, SsrfGuard, TestSender};

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App {
    store: StoreClient,
    security: Data<Security>,
    request_policy: Data<RequestPolicy>,
    /// The streams of events.
    live: Data<Live>,
    installation: Data<Installation>,
    document: Data<Document>,
    instrumentation: Data<Instrumentation>,
    ssrf_guard: SsrfGuard,
    test_deliveries: Data<TestSender>,
}

/// Serves until a signal arrives.
pub(crate) fn serve(
    store: Store,
    policy: AuthPolicy,
    options: &ServeOptions,
    tracing: Tracing,
    listener: Listener,
) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(store);
    let keys = KeyCache::new(Arc::clone(&store));
    let (test_sender, test_queue) = webhooks::test_queue();
    let security = Security {
        policy,
        keys: keys.clone(),
        rate_limits: options.rate().map(|(rate, burst)| RateLimits::new(rate, burst)),
        failed_sign_ins: FailedSignIns::default(),
        trusted_proxies: options.trust_proxy.clone(),
        secure_cookies: options.tls_cert.is_some()
            || options.public_url.as_ref().is_some_and(Origin::is_secure),
    };
    let instrumentation = Instrumentation {
        metrics: Metrics::new(options.workers(), routes::paths()),
        tracing,
        access_log: options.access_log,
        cors_origins: options.cors_origin.clone(),
    };
    let installation = Installation::new(options.public_url.as_ref().map(Origin::as_str));
    let app = App {
        store: StoreClient::new(Arc::clone(&store), keys),
        security: Data::new(security),
        request_policy: Data::new(RequestPolicy::new(options.require_if_match)),
        live: Data::new(Live::new(options.max_streams(), installation.clone())),
        installation: Data::new(installation.clone()),
        document: Data::new(Document::new(routes::endpoints)),
        instrumentation: Data::new(instrumentation),
        ssrf_guard: options.ssrf_guard(),
        test_deliveries: Data::new(test_sender),
    };
    let work = BackgroundWork {
        store: app.store.clone(),
        live: app.live.clone(),
        installation,
        test_queue,
    };
    let configure = move |config: &mut ServiceConfig| app.configure(config);
    let served = serve::run(options, listener, configure, work);
    // The workers' threads share the store and may outlive the server by a moment.
    store.close();
    served
}

impl App {
    /// Registers the shared parts and the routes.
    fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(self.store.clone()))
            .app_data(self.security.clone())
            .app_data(self.request_policy.clone())
            .app_data(self.live.clone())
            .app_data(self.installation.clone())
            .app_data(self.document.clone())
            .app_data(self.instrumentation.clone())
            .app_data(Data::new(self.ssrf_guard))
            .app_data(self.test_deliveries.clone());
        routes::configure(config);
    }
}
