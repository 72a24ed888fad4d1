//! CORS (in the Fetch standard): other sites have access only if the operator names them.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::security::Origin;

/// The request headers that a page may send, beside those that any page may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, \
                               If-None-Match, Last-Event-ID, X-API-Key, X-Request-Id";
/// The response headers that a page may read, beside those that any page may read.
const RESPONSE_HEADERS: &str = "ETag, Idempotency-Replayed, Link, Location, RateLimit, \
                                RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id";
/// How long a browser may cache the result of a preflight request, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";

/// Adds the headers with which a browser shows a response to a page of a known origin.
pub(crate) fn add_headers(known: &[Origin], request: &HttpRequest, response: &mut HeaderMap) {
    if known.is_empty() {
        return;
    }
    // Shared caches must keep the responses to different origins apart.
    response.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = known_origin(known, request.headers()) else { return };
    response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let readable = HeaderValue::from_static(RESPONSE_HEADERS);
    response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    if *request.method() == Method::OPTIONS {
        if let Some(methods) = response.get(header::ALLOW).cloned() {
            response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let sendable = HeaderValue::from_static(REQUEST_HEADERS);
        response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, sendable);
        let max_age = HeaderValue::from_static(PREFLIGHT_MAX_AGE);
        response.insert(header::ACCESS_CONTROL_MAX_AGE, max_age);
    }
}

/// Returns the origin of a request, if it is a known one.
fn known_origin(known: &[Origin], request: &HeaderMap) -> Option<HeaderValue> {
    let value = request.get(header::ORIGIN)?;
    let origin = Origin::parse(value.to_str().ok()?).ok()?;
    known.contains(&origin).then(|| value.clone())
}
