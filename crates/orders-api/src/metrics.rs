//! `GET /metrics`: what the service counts, as Prometheus reads it.

mod families;
mod requests;

use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::HttpResponse;
use actix_web::web::Data;
use orders_core::Webhook;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{TEXT_FORMAT, TextEncoder};

use crate::app::App;
use crate::problem::Problem;
use requests::Requests;

/// How long the database is waited for: what is known without it must be told in any case.
const PATIENCE: Duration = Duration::from_secs(1);
/// The database is up if it has answered within this time: it is asked for the keys every 400 ms, by a
/// thread and a connection that nothing else can hold up.
const UP: Duration = Duration::from_secs(2);
/// How many webhooks are looked at.
const WEBHOOKS: usize = 1_000;

/// What this crate counts itself.
pub(crate) struct Metrics {
    pub(crate) requests: Requests,
    /// Whether anyone may read it.
    pub(crate) is_open: bool,
    process: ProcessCollector,
}

impl Metrics {
    /// `workers`: how many threads answer requests.
    pub(crate) fn new(workers: usize, is_open: bool) -> Self {
        let process = ProcessCollector::for_self();
        Self { requests: Requests::new(workers), is_open, process }
    }
}

/// What the database says.
struct Said {
    last_sequence: u64,
    webhooks: Vec<Webhook>,
}

/// `GET /metrics`
pub(crate) async fn show(app: Data<App>) -> Result<HttpResponse, Problem> {
    let asked = app.ask(|store| {
        let last_sequence = store.find_last_sequence()?;
        Ok(Said { last_sequence, webhooks: store.list_webhooks(None, WEBHOOKS)? })
    });
    let said = timeout(PATIENCE, asked).await.ok().and_then(Result::ok);
    let mut all = app.metrics.requests.collect();
    all.extend(families::of_store(&app.store().read_metrics()));
    all.extend(families::of_database(app.keys().age() < UP));
    all.extend(families::of_events(said.as_ref(), &app.live.numbers()));
    all.extend(families::of_build(app.store().database()));
    all.extend(app.metrics.process.collect());
    let text = TextEncoder::new().encode_to_string(&all);
    let text = text.map_err(|error| Problem::unexpected(format!("metrics: {error}")))?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
