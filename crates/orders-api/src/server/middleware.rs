//! The outermost middleware: request ids, problems as bodies, traces, metrics and common headers.

use std::time::Instant;

use actix_http::ConnectionType;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest};

use super::access_log::AccessLogEntry;
use super::cors;
use super::metrics::Metrics;
use crate::console;
use crate::http::connection_state::{ConnectionState, Phase};
use crate::http::headers;
use crate::http::problem::{Code, Problem};
use crate::http::request_context::{self, X_REQUEST_ID};
use crate::http::trace::{RequestSpan, SpanEnd, Tracing};
use crate::security::{self, Origin, rate_limit};

/// What the middleware adds to requests and responses.
pub(crate) struct Instrumentation {
    pub(crate) metrics: Metrics,
    pub(crate) tracing: Tracing,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    /// The origins of other sites that have access by CORS.
    pub(crate) cors_origins: Vec<Origin>,
}

/// Wraps every request and its response.
pub(crate) async fn every_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let start = Instant::now();
    let id = request_context::start(&request);
    let id_text = id.to_str().unwrap_or_default();
    let data = request.app_data::<Data<Instrumentation>>().cloned();
    let is_logged = data.as_ref().is_some_and(|data| data.access_log);
    let entry = is_logged.then(|| AccessLogEntry::new(id_text, request.method(), start));
    if let Some(connection) = request.conn_data::<ConnectionState>() {
        connection.set_phase(Phase::Busy);
    }
    let span = RequestSpan::start(data.as_ref().map(|data| &data.tracing), &request);
    let mut response = span.around(next.call(request)).await?.map_into_boxed_body();
    if let Some(error) = response.response().error() {
        let rendered = render_error(error, response.request(), id_text);
        response = response.into_response(rendered);
    }
    let (request, status) = (response.request().clone(), response.status());
    let route = request_context::route(&request);
    let actor = || request_context::actor(&request);
    span.end(|| SpanEnd { actor: actor(), route, status, request_id: id_text });
    response.headers_mut().insert(X_REQUEST_ID, id);
    if request.version() < Version::HTTP_11 && response.response().body().size() == BodySize::Stream
    {
        // HTTP/1.0 knows no chunks (RFC 9112, section 6.1): the end of the connection ends the body.
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    if let Some(data) = &data {
        data.metrics.requests.record(route, request.method(), status, start.elapsed());
        add_headers(&data.cors_origins, &request, response.headers_mut());
    }
    Ok(match entry {
        Some(entry) => entry.follow(response),
        None => response,
    })
}

fn render_error(error: &Error, request: &HttpRequest, id: &str) -> actix_web::HttpResponse {
    let mut problem = error.as_error::<Problem>().cloned().unwrap_or_else(|| {
        Problem::unexpected(format!("the error of a handler is not a problem: {error}"))
    });
    if problem.code() == Code::VersionMismatch && headers::has_weak_if_match(request) {
        problem = problem.explain(headers::WEAK_IF_MATCH);
    }
    if console::is_page(request) {
        console::render_failure(request, &problem, id)
    } else {
        problem.render(request.path(), id)
    }
}

fn add_headers(cors_origins: &[Origin], request: &HttpRequest, headers: &mut HeaderMap) {
    rate_limit::add_headers(request, headers);
    if security::is_authenticated(request) && !headers.contains_key(header::CACHE_CONTROL) {
        // Shared caches know that Authorization makes a response private (RFC 9111, section 3.5),
        // but not that X-API-Key does.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    cors::add_headers(cors_origins, request, headers);
}
