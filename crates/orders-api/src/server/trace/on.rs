//! A build with traces. They are sent if the standard's variables say where to
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`); the SDK reads the others: sampler, batches, names, headers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::dev::{ServiceRequest, ServiceResponse};
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

use super::send::Collector;
use crate::security;
use crate::server::middleware;

/// How long the end of the process waits for spans to be sent.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Methods that are named; any other is told of as one of many, so that names are bounded.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Where spans are sent to; nowhere unless that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Tracing(Option<Arc<Provider>>);

#[derive(Debug)]
struct Provider {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Tracing {
    /// Starts to send, if that is wanted.
    ///
    /// # Errors
    /// What is wrong with the settings, in words.
    pub(crate) fn start(is_wanted: bool) -> Result<Self, String> {
        if !is_wanted {
            return Ok(Self(None));
        }
        let failed = |error: String| format!("traces cannot be sent: {error}");
        let collector = Collector::new().map_err(failed)?;
        let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
        let exporter = exporter.map_err(|error| failed(error.to_string()))?;
        // By variables of the standard there may be another name.
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

    /// Sends what is not sent yet, for a while at most.
    pub(crate) fn end(&self) {
        if let Some(tracing) = &self.0
            && let Err(error) = tracing.provider.shutdown_with_timeout(LAST_WORDS)
        {
            log::warn!("the last traces were not sent: {error}");
        }
    }
}

/// A request that is going on, as its parts know of it.
#[derive(Clone)]
struct Request {
    provider: Arc<Provider>,
    /// Holds the span of the request.
    context: Context,
    /// One moment by both clocks.
    anchor: (Instant, SystemTime),
}

tokio::task_local! {
    static CURRENT: Option<Request>;
}

/// The span of a request.
pub(crate) struct Span(Option<Request>);

impl Span {
    /// Begins the span of a request, within the trace that its caller names (`traceparent`).
    pub(crate) fn begin(tracing: Option<&Tracing>, request: &ServiceRequest) -> Self {
        let Some(provider) = tracing.and_then(|tracing| tracing.0.as_ref()) else {
            return Self(None);
        };
        let parent = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &Headers(request.headers()));
        let method = named(request.method());
        let span = provider
            .tracer
            .span_builder(method.unwrap_or("HTTP").to_owned())
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new(
                "http.request.method",
                method.unwrap_or("_OTHER").to_owned(),
            )])
            .start_with_context(&provider.tracer, &parent);
        let context = parent.with_span(span);
        Self(Some(Request { provider: Arc::clone(provider), context, anchor: now() }))
    }

    /// Lets what is done within `work` be a part of the request.
    pub(crate) fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let recorded = |request: &&Request| request.context.span().is_recording();
        CURRENT.scope(self.0.as_ref().filter(recorded).cloned(), work)
    }

    /// Ends the span with what is answered. Where the request is dropped before, it ends without.
    pub(crate) fn end<B>(self, response: &ServiceResponse<B>, request_id: &str) {
        let Some(Request { context, .. }) = self.0 else { return };
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        let (request, status) = (response.request(), response.status());
        if let Some(route) = middleware::route_of(request) {
            let method = named(request.method()).unwrap_or("HTTP");
            span.update_name(format!("{method} {route}"));
            span.set_attribute(KeyValue::new("http.route", route));
        }
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new("orders.request_id", request_id.to_owned()));
        let actor = security::actor(request).as_str().to_owned();
        span.set_attribute(KeyValue::new("orders.actor", actor));
        if status >= StatusCode::INTERNAL_SERVER_ERROR {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

fn named(method: &Method) -> Option<&str> {
    METHODS.contains(method).then(|| method.as_str())
}

#[expect(clippy::disallowed_methods, reason = "spans are told by this machine's clock")]
fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

impl Request {
    fn at(&self, moment: Instant) -> SystemTime {
        let (instant, system) = self.anchor;
        match moment.checked_duration_since(instant) {
            Some(after) => system + after,
            None => system - instant.saturating_duration_since(moment),
        }
    }

    fn tell(&self, context: &Context, name: &'static str, from: Instant, to: Instant) {
        let tracer = &self.provider.tracer;
        let span = tracer.span_builder(name).with_start_time(self.at(from));
        span.start_with_context(tracer, context).end_with_timestamp(self.at(to));
    }
}

/// A span around a question to the database.
pub(crate) async fn read<F: Future>(work: F) -> F::Output {
    let begun = Instant::now();
    let answer = work.await;
    tell(|request| request.tell(&request.context, "read", begun, Instant::now()));
    answer
}

/// The spans of a write that began at some moment and has an answer now: as a whole, and what the
/// writer did, if it was done.
pub(crate) fn tell_write(begun: Instant, ticket: &Ticket) {
    tell(|request| {
        let tracer = &request.provider.tracer;
        let mut write = tracer.span_builder("write").with_start_time(request.at(begun));
        let steps = ticket.steps();
        if let Some(Steps { batch, .. }) = steps {
            // Many requests share a transaction, and these times with it.
            let batch = i64::try_from(*batch).unwrap_or(i64::MAX);
            write = write.with_attributes([KeyValue::new("orders.batch_size", batch)]);
        }
        let write = write.start_with_context(tracer, &request.context);
        let context = request.context.with_span(write);
        if let Some(Steps { taken, locked, judged, committed, .. }) = steps.copied() {
            // It may have come while the lock was waited for.
            let taken = taken.max(begun);
            request.tell(&context, "queue", begun, taken);
            request.tell(&context, "lock", taken, locked);
            request.tell(&context, "judge", locked, judged);
            if committed > judged {
                request.tell(&context, "commit", judged, committed);
            }
        }
        context.span().end_with_timestamp(request.at(Instant::now()));
    });
}

/// Does something for the request of this task, if it is traced.
fn tell(what: impl FnOnce(&Request)) {
    // Outside of any request nothing is told.
    if let Ok(Some(request)) = CURRENT.try_with(Clone::clone) {
        what(&request);
    }
}

/// The headers of a request, as the propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
