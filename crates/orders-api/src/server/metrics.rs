//! `GET /metrics`, in the format of Prometheus.

mod families;
mod requests;

use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::HttpResponse;
use actix_web::web::Data;
use orders_core::webhook::Webhook;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{TEXT_FORMAT, TextEncoder};

use self::requests::RequestMetrics;
use super::middleware::Instrumentation;
use crate::events::Live;
use crate::http::problem::Problem;
use crate::store_client::StoreClient;

/// The timeout of the database. If it does not respond, the other metrics are still shown.
const DB_TIMEOUT: Duration = Duration::from_secs(1);
/// The database is up if it has responded within this time. A thread and a connection of its own read
/// the keys every 400 ms.
const MAX_KEY_AGE: Duration = Duration::from_secs(2);
/// The number of webhooks to which their metrics are limited.
const MAX_WEBHOOKS: usize = 1_000;

/// The metrics of this crate.
pub(crate) struct Metrics {
    pub(super) requests: RequestMetrics,
    process: ProcessCollector,
}

impl Metrics {
    /// Creates metrics for the requests of this many threads, by the paths of their routes.
    pub(crate) fn new(workers: usize, routes: Vec<&'static str>) -> Self {
        let process = ProcessCollector::for_self();
        Self { requests: RequestMetrics::new(workers, routes), process }
    }
}

/// The metrics that are read from the database.
struct DatabaseMetrics {
    last_sequence: u64,
    webhooks: Vec<Webhook>,
}

/// `GET /metrics`
pub(crate) async fn show(
    store: Data<StoreClient>,
    live: Data<Live>,
    instrumentation: Data<Instrumentation>,
) -> Result<HttpResponse, Problem> {
    let query = store.run_blocking(|store| {
        let last_sequence = store.find_last_sequence()?;
        Ok(DatabaseMetrics { last_sequence, webhooks: store.list_webhooks(None, MAX_WEBHOOKS)? })
    });
    let database = timeout(DB_TIMEOUT, query).await.ok().and_then(Result::ok);
    let metrics = &instrumentation.metrics;
    let mut all = metrics.requests.collect();
    all.extend(families::store(&store.store().read_metrics()));
    all.extend(families::database_up(store.keys().age() < MAX_KEY_AGE));
    all.extend(families::events(database.as_ref(), &live.metrics()));
    all.extend(families::build(store.store().database()));
    all.extend(metrics.process.collect());
    let text = TextEncoder::new().encode_to_string(&all);
    let text = text.map_err(|error| Problem::unexpected(format!("metrics: {error}")))?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
