//! What happens to every request and answer: its id, the bodies of errors, and what is counted.

use std::cell::Cell;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::app::App;
use crate::problem::Problem;
use crate::security::rate_limit;
use crate::server::access_log::Entry;
use crate::server::cors;
use crate::server::timeouts::Pace;
use crate::server::trace::Span;
use crate::{console, security};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is kept with a request.
struct Trail {
    /// The id by which it is answered.
    id: HeaderValue,
    /// The path of its route in the table.
    route: Cell<Option<&'static str>>,
}

/// The id by which this request is answered.
pub(crate) fn id_of(request: &HttpRequest) -> String {
    let extensions = request.extensions();
    let id = extensions.get::<Trail>().and_then(|trail| trail.id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// Notes which route a request has come to.
pub(crate) fn note_route(request: &HttpRequest, path: &'static str) {
    if let Some(trail) = request.extensions().get::<Trail>() {
        trail.route.set(Some(path));
    }
}

/// The route that a request has come to, as the table names it.
pub(crate) fn route_of(request: &HttpRequest) -> Option<&'static str> {
    request.extensions().get::<Trail>().and_then(|trail| trail.route.get())
}

/// The outermost middleware.
pub(crate) async fn every_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(Trail { id: id.clone(), route: Cell::new(None) });
    let is_logged = request.app_data::<Data<App>>().is_some_and(|app| app.access_log);
    let entry =
        is_logged.then(|| Entry::begin(id.to_str().unwrap_or_default(), request.method(), begun));
    if let Some(pace) = request.conn_data::<Pace>() {
        pace.head_has_arrived();
    }
    let tracing = request.app_data::<Data<App>>().map(|app| &app.tracing);
    let span = Span::begin(tracing, &request);
    let mut response = span.around(next.call(request)).await?.map_into_boxed_body();
    if let Some(error) = response.response().error() {
        let problem = error.as_error::<Problem>().cloned().unwrap_or_else(|| {
            Problem::unexpected(format!("an error that is no problem: {error}"))
        });
        let (asked, id) = (response.request(), id.to_str().unwrap_or_default());
        let rendered = if console::is_page(asked) {
            console::render_failure(asked, &problem, id)
        } else {
            problem.render(asked.path(), id)
        };
        response = response.into_response(rendered);
    }
    span.end(&response, id.to_str().unwrap_or_default());
    response.headers_mut().insert(X_REQUEST_ID, id);
    let request = response.request().clone();
    let status = response.status();
    let headers = response.headers_mut();
    rate_limit::tell(&request, headers);
    if security::is_by_key(&request) && !headers.contains_key(header::CACHE_CONTROL) {
        // Caches between know of Authorization that what it got is nobody else's (RFC 9111, section
        // 3.5), but not of X-API-Key.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    let app = request.app_data::<Data<App>>();
    if let Some(app) = app {
        let (route, took) = (route_of(&request), begun.elapsed());
        app.metrics.requests.add(route, request.method(), status, took);
    }
    let origins = app.map(|app| app.cors_origins.as_slice()).unwrap_or_default();
    if !origins.is_empty() {
        // Whoever keeps answers for several must keep these apart.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = cors::allowed(origins, request.headers()) {
            cors::allow(origin, request.method(), headers);
        }
    }
    Ok(match entry {
        Some(entry) => entry.follow(response),
        None => response,
    })
}

/// The caller's id of the request if it is a sane one, else a new one.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~:/+=-".contains(byte);
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(allowed)
    };
    let given = request.headers().get(X_REQUEST_ID).filter(sane).cloned();
    given.unwrap_or_else(|| {
        let made = Uuid::now_v7().to_string();
        HeaderValue::from_str(&made).unwrap_or(HeaderValue::from_static("-"))
    })
}
