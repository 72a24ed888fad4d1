//! A build with traces. They are sent if `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector. The SDK reads
//! the other standard variables: sampler, batch sizes, names, headers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use orders_db::{Steps, Ticket};

use super::SpanEnd;
use super::exporter::Collector;

/// How long the shutdown waits for spans to be sent.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// The methods that spans name. All others share one name, so that names are bounded.
static METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The tracer, if traces are configured.
#[derive(Debug, Clone)]
pub(crate) struct Tracing(Option<Arc<Provider>>);

#[derive(Debug)]
struct Provider {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Tracing {
    /// Starts the exporter, if traces are configured. Fails if the settings are invalid.
    pub(crate) fn start(is_configured: bool) -> Result<Self, String> {
        if !is_configured {
            return Ok(Self(None));
        }
        let failed = |error: String| format!("traces cannot be sent: {error}");
        let collector = Collector::new().map_err(failed)?;
        let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
        let exporter = exporter.map_err(|error| failed(error.to_string()))?;
        // A standard variable may set another name.
        let named = Resource::builder().build();
        let unnamed = |name: &str| name.is_empty() || name.starts_with("unknown_service");
        let name = named.get(&"service.name".into()).map(|name| name.to_string());
        let name = name.filter(|name| !unnamed(name)).unwrap_or_else(|| "orders-api".to_owned());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(name).with_attribute(version).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("orders-api");
        log::info!("traces are sent by OTLP");
        Ok(Self(Some(Arc::new(Provider { provider, tracer }))))
    }

    /// Whether spans are sent.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sends the remaining spans, within a timeout.
    pub(crate) fn shut_down(&self) {
        if let Some(tracing) = &self.0
            && let Err(error) = tracing.provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)
        {
            log::warn!("the last traces were not sent: {error}");
        }
    }
}

/// The request that the current task processes.
#[derive(Clone)]
struct TracedRequest {
    provider: Arc<Provider>,
    /// Holds the span of the request.
    context: Context,
    method: &'static str,
    /// The same moment by both clocks.
    anchor: (Instant, SystemTime),
}

tokio::task_local! {
    static CURRENT: Option<TracedRequest>;
}

/// The span of a request.
pub(crate) struct RequestSpan(Option<TracedRequest>);

impl RequestSpan {
    /// Starts the span of a request, within the trace that its client names (`traceparent`).
    pub(crate) fn start(tracing: Option<&Tracing>, request: &ServiceRequest) -> Self {
        let Some(provider) = tracing.and_then(|tracing| tracing.0.as_ref()) else {
            return Self(None);
        };
        let parent = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &Headers(request.headers()));
        let known = METHODS.iter().find(|known| *known == request.method()).map(Method::as_str);
        let method = known.unwrap_or("HTTP");
        let attribute = KeyValue::new("http.request.method", known.unwrap_or("_OTHER"));
        let span = provider
            .tracer
            .span_builder(method)
            .with_kind(SpanKind::Server)
            .with_attributes([attribute])
            .start_with_context(&provider.tracer, &parent);
        let context = parent.with_span(span);
        Self(Some(TracedRequest { provider: Arc::clone(provider), context, method, anchor: now() }))
    }

    /// Runs `work` with this request as the current one.
    pub(crate) fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let recorded = |request: &&TracedRequest| request.context.span().is_recording();
        CURRENT.scope(self.0.as_ref().filter(recorded).cloned(), work)
    }

    /// Ends the span with its response. The span of a dropped request ends without one.
    pub(crate) fn end<'a>(self, end: impl FnOnce() -> SpanEnd<'a>) {
        let Some(TracedRequest { context, method, .. }) = self.0 else { return };
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        let SpanEnd { route, status, request_id, actor } = end();
        if let Some(route) = route {
            span.update_name(format!("{method} {route}"));
            span.set_attribute(KeyValue::new("http.route", route));
        }
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new("orders.request_id", request_id.to_owned()));
        span.set_attribute(KeyValue::new("orders.actor", actor.as_str().to_owned()));
        if status >= StatusCode::INTERNAL_SERVER_ERROR {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

#[expect(clippy::disallowed_methods, reason = "spans carry the time of this machine's clock")]
fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

impl TracedRequest {
    fn at(&self, moment: Instant) -> SystemTime {
        let (instant, system) = self.anchor;
        match moment.checked_duration_since(instant) {
            Some(after) => system + after,
            None => system - instant.saturating_duration_since(moment),
        }
    }

    fn record(&self, context: &Context, name: &'static str, from: Instant, to: Instant) {
        let tracer = &self.provider.tracer;
        let span = tracer.span_builder(name).with_start_time(self.at(from));
        span.start_with_context(tracer, context).end_with_timestamp(self.at(to));
    }
}

/// Records the span of a read.
pub(crate) async fn record_read<F: Future>(work: F) -> F::Output {
    let start = Instant::now();
    let result = work.await;
    with_current(|request| request.record(&request.context, "read", start, Instant::now()));
    result
}

/// Records the spans of a write that has just completed: the whole, and the steps of the writer.
pub(crate) fn record_write(start: Instant, ticket: &Ticket) {
    with_current(|request| {
        let tracer = &request.provider.tracer;
        let mut write = tracer.span_builder("write").with_start_time(request.at(start));
        let steps = ticket.steps();
        if let Some(Steps { batch, .. }) = steps {
            // The requests of a batch share a transaction and its times.
            let batch = i64::try_from(*batch).unwrap_or(i64::MAX);
            write = write.with_attributes([KeyValue::new("orders.batch_size", batch)]);
        }
        let write = write.start_with_context(tracer, &request.context);
        let context = request.context.with_span(write);
        if let Some(Steps { taken, locked, decided, committed, .. }) = steps.copied() {
            // The write may have arrived while the writer waited for the lock.
            let taken = taken.max(start);
            request.record(&context, "queue", start, taken);
            request.record(&context, "lock", taken, locked);
            request.record(&context, "judge", locked, decided);
            if committed > decided {
                request.record(&context, "commit", decided, committed);
            }
        }
        context.span().end_with_timestamp(request.at(Instant::now()));
    });
}

/// Calls `record` with the request of this task, if it is traced.
fn with_current(record: impl FnOnce(&TracedRequest)) {
    if let Ok(Some(request)) = CURRENT.try_with(Clone::clone) {
        record(&request);
    }
}

/// The headers of a request, for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
