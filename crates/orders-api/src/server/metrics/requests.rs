//! Counters and durations of requests. Each worker has its own, so that workers do not share cache
//! lines. Labels are the routes of the route table, so that clients cannot create new ones.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use orders_db::{Distribution, Timing};
use prometheus::proto::MetricFamily;

use super::families::{counter, counters, histogram, histograms};

/// The label of requests that match no route.
const NO_ROUTE: &str = "none";
/// The methods with a label of their own; the last one represents all others.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// The lowest status and the number of statuses.
const FIRST_STATUS: u16 = 100;
const STATUSES: usize = 500;

/// The metrics of all requests.
pub(crate) struct RequestMetrics {
    /// Sorted.
    routes: Vec<&'static str>,
    /// One for each worker, with a cell for each route and method; the first ones are for no route.
    /// Cells are allocated when they are first needed.
    shards: Vec<Vec<OnceLock<Box<Cell>>>>,
}

/// The metrics of a route and a method.
struct Cell {
    durations: Timing,
    statuses: Vec<AtomicU64>,
}

impl Cell {
    fn new() -> Self {
        let statuses = (0..STATUSES).map(|_| AtomicU64::new(0)).collect();
        Self { durations: Timing::default(), statuses }
    }
}

impl RequestMetrics {
    pub(super) fn new(workers: usize, mut routes: Vec<&'static str>) -> Self {
        routes.sort_unstable();
        let cells = (routes.len() + 1) * METHODS.len();
        let shard = || (0..cells).map(|_| OnceLock::new()).collect();
        let shards = (0..workers.max(1)).map(|_| shard()).collect();
        Self { routes, shards }
    }

    /// Records a request and the time until the head of its response.
    pub(crate) fn record(
        &self,
        route: Option<&'static str>,
        method: &Method,
        status: StatusCode,
        duration: Duration,
    ) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        let shard = NUMBER.with(|number| self.shards.get(number % self.shards.len()));
        let Some(cell) = shard.and_then(|shard| shard.get(self.position(route, method))) else {
            return;
        };
        let cell = cell.get_or_init(|| Box::new(Cell::new()));
        cell.durations.add(duration);
        let status = usize::from(status.as_u16().saturating_sub(FIRST_STATUS));
        if let Some(count) = cell.statuses.get(status) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn position(&self, route: Option<&'static str>, method: &Method) -> usize {
        let route = route.and_then(|route| self.routes.binary_search(&route).ok());
        let method = METHODS.iter().position(|known| *known == method.as_str());
        route.map_or(0, |route| route + 1) * METHODS.len() + method.unwrap_or(METHODS.len() - 1)
    }

    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        let (mut requests, mut times) = (Vec::new(), Vec::new());
        let routes = std::iter::once(NO_ROUTE).chain(self.routes.iter().copied());
        let names = routes.flat_map(|route| METHODS.map(|method| (route, method)));
        for (position, (route, method)) in names.enumerate() {
            let cells = self.shards.iter().filter_map(|shard| shard.get(position)?.get());
            let cells: Vec<&Cell> = cells.map(AsRef::as_ref).collect();
            let durations = cells.iter().map(|cell| cell.durations.read());
            let Some(durations) = durations.reduce(|all, one: Distribution| all.plus(&one)) else {
                continue;
            };
            times.push(histogram(&[("route", route), ("method", method)], &durations));
            for (status, code) in (0..STATUSES).zip(FIRST_STATUS..) {
                let counts = cells.iter().filter_map(|cell| cell.statuses.get(status));
                let count: u64 = counts.map(|count| count.load(Ordering::Relaxed)).sum();
                if count > 0 {
                    let status = code.to_string();
                    let labels = [("route", route), ("method", method), ("status", &*status)];
                    requests.push(counter(&labels, count));
                }
            }
        }
        vec![
            counters("orders_http_requests_total", "Requests that received a response.", requests),
            histograms(
                "orders_http_request_duration_seconds",
                "Time from the head of a request to the head of its response.",
                times,
            ),
        ]
        .into_iter()
        // A family without metrics is invalid.
        .filter(|family| !family.get_metric().is_empty())
        .collect()
    }
}
