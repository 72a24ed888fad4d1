//! Pages of other sites that are let in (CORS, in the Fetch standard): none, unless they are named.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::security::Origin;

/// What pages may send beside what any may.
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, \
                       Last-Event-ID, X-API-Key, X-Request-Id";
/// What pages may see of answers beside what any may.
const SEEN: &str = "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, \
                    Retry-After, WWW-Authenticate, X-Request-Id";
/// How long a browser may remember what is allowed, in seconds.
const REMEMBERED: &str = "600";

/// The origin that an answer is to be shown to: the one that asks, if it is one of these.
pub(crate) fn allowed(origins: &[Origin], asked: &HeaderMap) -> Option<HeaderValue> {
    let value = asked.get(header::ORIGIN)?;
    let origin = Origin::parse(value.to_str().ok()?).ok()?;
    origins.contains(&origin).then(|| value.clone())
}

/// Adds to an answer what a browser needs to show it to a page from there.
pub(crate) fn allow(origin: HeaderValue, method: &Method, answer: &mut HeaderMap) {
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let seen = HeaderValue::from_static(SEEN);
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, seen);
    if *method == Method::OPTIONS {
        if let Some(methods) = answer.get(header::ALLOW).cloned() {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let headers = HeaderValue::from_static(HEADERS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
        let remembered = HeaderValue::from_static(REMEMBERED);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, remembered);
    }
}
