//! Safe retries: the header `Idempotency-Key`, and responses that are stored and replayed.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::{Fingerprint, IdempotencyKey, IdempotentRequest, OwnKey};
use orders_db::StoredResponse;
use serde::Serialize;
use uuid::Uuid;

use crate::http::problem::{Code, Problem};
use crate::http::{headers, request_context};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Returns the idempotency key of a request, quoted or bare, if it has one.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid("must not be repeated"));
    }
    let text = value.to_str().unwrap_or("\0").trim();
    let bare = match text.strip_prefix('"') {
        Some(opened) => unquote(opened).ok_or_else(|| invalid("has an unclosed quote"))?,
        None => text.to_owned(),
    };
    IdempotencyKey::parse(&bare).map(Some).map_err(|error| invalid(&error.to_string()))
}

/// Returns the content of a string (RFC 9651, section 3.3.3) without its opening quote.
fn unquote(opened: &str) -> Option<String> {
    let mut content = String::new();
    let mut characters = opened.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(content),
            '\\' => content.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            character => content.push(character),
        }
    }
}

fn invalid(why: &str) -> Problem {
    Problem::new(Code::InvalidHeader, format!("Idempotency-Key {why}."))
}

/// Returns what identifies a retry of a request: its key, and a fingerprint of what must be equal.
/// `said` is what the body says, whatever its spelling.
pub(crate) fn retry(
    request: &HttpRequest,
    key: Option<IdempotencyKey>,
    said: &str,
) -> Option<IdempotentRequest> {
    const NAMESPACE: Uuid = Uuid::from_u128(0x2b6c_91d0_4f0e_4a6f_8d7a_0c3e_5b19_f284);
    let key = key?;
    // No method, path or query can have a line break.
    let (method, path, query) = (request.method(), request.path(), request.query_string());
    let whole = format!("{method}\n{path}\n{query}\n{said}");
    Some(IdempotentRequest {
        key: OwnKey { caller: request_context::actor(request), key },
        fingerprint: Fingerprint::new(&Uuid::new_v5(&NAMESPACE, whole.as_bytes()).to_string()),
    })
}

/// Creates a response with a JSON body, as it is stored.
pub(crate) fn answer<T: Serialize>(
    status: StatusCode,
    body: &T,
) -> Result<StoredResponse, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::unexpected(error.to_string()))?;
    Ok(StoredResponse { body, ..empty(status) })
}

/// Creates a response without a body.
pub(crate) fn empty(status: StatusCode) -> StoredResponse {
    // Statuses have three digits.
    let status = i16::try_from(status.as_u16()).unwrap_or_default();
    StoredResponse { status, location: None, etag: None, body: Vec::new() }
}

/// A response, with whether it is a replay.
pub(crate) struct Sent {
    pub(crate) answer: StoredResponse,
    pub(crate) again: bool,
}

impl Sent {
    /// Converts a response with a secret, which no cache may store.
    pub(crate) fn into_secret_response(self) -> HttpResponse {
        let mut response = self.into_response();
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        let StoredResponse { status, location, etag, body } = self.answer;
        let status =
            u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = HttpResponse::build(status.unwrap_or(StatusCode::OK));
        if etag.is_some() {
            response.insert_header(headers::NO_TRANSFORM);
        }
        for (name, value) in [(header::LOCATION, location), (header::ETAG, etag)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response.insert_header((name, value));
            }
        }
        if self.again {
            response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
        }
        if body.is_empty() {
            return response.finish();
        }
        response.insert_header(header::ContentType::json()).body(body)
    }
}
