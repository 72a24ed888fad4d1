//! Metric families for Prometheus.

use orders_core::webhook::{Disabled, Webhook};
use orders_db::{Distribution, MetricsSnapshot};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::DatabaseMetrics;
use crate::events::StreamMetrics;

/// The queues and connections of the store.
pub(super) fn store(readings: &MetricsSnapshot) -> Vec<MetricFamily> {
    let queue_gauges = |value: fn(&orders_db::QueueSnapshot) -> usize| {
        let queues = readings.queues.iter();
        queues.map(|queue| gauge(&[("lane", queue.name)], whole(value(queue)))).collect()
    };
    let sizes =
        readings.queues.iter().map(|queue| histogram(&[("lane", queue.name)], &queue.sizes));
    let waits =
        readings.queues.iter().map(|queue| histogram(&[("lane", queue.name)], &queue.waits));
    let steps = readings.steps.iter().map(|(step, took)| histogram(&[("step", step)], took));
    let errors = readings.errors.iter().map(|(kind, count)| counter(&[("kind", kind)], *count));
    let used = readings.pools.iter().flat_map(|pool| {
        [("in_use", pool.in_use), ("idle", pool.idle)]
            .map(|(state, number)| gauge(&[("pool", pool.name), ("state", state)], number.into()))
    });
    let most = readings.pools.iter().map(|pool| gauge(&[("pool", pool.name)], pool.most.into()));
    vec![
        gauges(
            "orders_lane_waiting",
            "Operations that wait in a queue.",
            queue_gauges(|queue| queue.waiting),
        ),
        gauges(
            "orders_lane_room",
            "Operations that may wait in a queue before new ones are rejected.",
            queue_gauges(|queue| queue.room),
        ),
        histograms(
            "orders_lane_batch_size",
            "Operations that were taken from a queue at once.",
            sizes.collect(),
        ),
        histograms(
            "orders_lane_wait_seconds",
            "Time that operations waited in a queue.",
            waits.collect(),
        ),
        histograms(
            "orders_write_step_seconds",
            "Time that a batch of writes took to lock the database, to decide, and to write and commit.",
            steps.collect(),
        ),
        counters(
            "orders_conflicts_total",
            "Operations that the spacing rule rejected.",
            vec![counter(&[], readings.conflicts)],
        ),
        counters(
            "orders_database_errors_total",
            "Database errors, including those that a retry resolved.",
            errors.collect(),
        ),
        gauges("orders_database_connections", "Connections of a pool.", used.collect()),
        gauges(
            "orders_database_connections_max",
            "Connections that a pool may have.",
            most.collect(),
        ),
    ]
}

/// Whether the database responds.
pub(super) fn database_up(is_up: bool) -> [MetricFamily; 1] {
    let value = f64::from(u8::from(is_up));
    [gauges(
        "orders_database_up",
        "Whether the database responded within two seconds.",
        vec![gauge(&[], value)],
    )]
}

/// Events, streams and webhooks; only streams if the database does not respond.
pub(super) fn events(
    database: Option<&DatabaseMetrics>,
    streams: &StreamMetrics,
) -> Vec<MetricFamily> {
    let one = |name, help, value| gauges(name, help, vec![gauge(&[], value)]);
    let mut families = vec![
        one("orders_event_streams", "Open event streams.", whole(streams.open)),
        one("orders_event_streams_max", "Event streams that may be open.", whole(streams.max)),
    ];
    let Some(database) = database else { return families };
    let lag = database.last_sequence.saturating_sub(streams.published);
    families.extend([
        one(
            "orders_events_last_sequence",
            "The sequence of the last event that any process committed.",
            number(database.last_sequence),
        ),
        one(
            "orders_event_stream_lag",
            "Committed events that this process has not published to its streams yet.",
            if streams.open > 0 { number(lag) } else { 0.0 },
        ),
    ]);
    families.extend(webhooks(&database.webhooks));
    families
}

fn webhooks(webhooks: &[Webhook]) -> [MetricFamily; 3] {
    let (mut active, mut held, mut by_operator, mut gone) = (0, 0, 0, 0);
    let (mut pending, mut failed) = (0, 0);
    for webhook in webhooks {
        failed += webhook.failed;
        match (webhook.disabled, webhook.held) {
            (Some(Disabled::Operator), _) => by_operator += 1,
            (Some(Disabled::Gone), _) => gone += 1,
            (None, Some(_)) => held += 1,
            (None, None) => active += 1,
        }
        if webhook.disabled.is_none() {
            pending = webhook.pending.max(pending);
        }
    }
    let states =
        [("active", active), ("retrying", held), ("disabled", by_operator), ("gone", gone)];
    let states = states.map(|(state, count)| gauge(&[("state", state)], whole(count)));
    [
        gauges("orders_webhooks", "Webhooks, by state.", states.into()),
        gauges(
            "orders_webhook_pending_events",
            "Events that the slowest webhook has not delivered or skipped yet.",
            vec![gauge(&[], number(pending))],
        ),
        gauges(
            "orders_webhook_failed_deliveries",
            "Failed deliveries in the delivery log.",
            vec![gauge(&[], number(failed))],
        ),
    ]
}

/// The version of this program.
pub(super) fn build(database: &str) -> [MetricFamily; 1] {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", database)];
    [gauges("orders_build_info", "The running version; always 1.", vec![gauge(&labels, 1.0)])]
}

fn gauges(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    family(name, help, MetricType::GAUGE, metrics)
}

pub(super) fn counters(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    family(name, help, MetricType::COUNTER, metrics)
}

pub(super) fn histograms(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    family(name, help, MetricType::HISTOGRAM, metrics)
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

pub(super) fn counter(labels: &[(&str, &str)], value: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(number(value));
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

pub(super) fn histogram(labels: &[(&str, &str)], read: &Distribution) -> Metric {
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(read.buckets.iter().map(bucket).collect());
    histogram.set_sample_count(read.count);
    histogram.set_sample_sum(read.sum);
    let mut metric = labelled(labels);
    metric.set_histogram(histogram);
    metric
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

fn whole(value: usize) -> f64 {
    number(u64::try_from(value).unwrap_or(u64::MAX))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "Prometheus has floats only; these are exact up to 2^53"
)]
fn number(value: u64) -> f64 {
    value as f64
}
