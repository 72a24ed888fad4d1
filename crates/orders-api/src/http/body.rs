//! Request bodies, with limits on size and time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use futures_util::StreamExt;
use orders_db::StoreError;

use crate::http::json;
use crate::http::json::Json;
use crate::http::problem::{Code, FieldError, Problem};

/// The maximum size of a body, and the time in which it must arrive.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimits {
    bytes: usize,
    timeout: Duration,
}

impl BodyLimits {
    /// The limits for one resource.
    pub(crate) const SMALL: Self = Self { bytes: 64 * 1024, timeout: Duration::from_secs(10) };
    /// The limits for a batch.
    pub(crate) const LARGE: Self = Self { bytes: 8 * 1024 * 1024, timeout: Duration::from_mins(1) };
}

/// The maximum size of all bodies in memory together.
const MAX_BYTES_AT_ONCE: usize = 256 * 1024 * 1024;

/// The server's options for requests, and the memory that their bodies take.
#[derive(Default)]
pub(crate) struct RequestPolicy {
    /// Whether a change to an order requires `If-Match`.
    pub(crate) require_if_match: bool,
    /// The size of all bodies that are in memory now.
    body_bytes: AtomicUsize,
}

impl RequestPolicy {
    pub(crate) fn new(require_if_match: bool) -> Self {
        Self { require_if_match, body_bytes: AtomicUsize::default() }
    }
}

/// The body of a request.
pub(crate) struct Body {
    bytes: Vec<u8>,
    /// Lives as long as the bytes.
    _reservation: Reservation,
}

/// The memory reserved for one body.
struct Reservation {
    policy: Data<RequestPolicy>,
    bytes: usize,
}

impl Reservation {
    fn new(request: &HttpRequest) -> Result<Self, Problem> {
        let policy = request.app_data::<Data<RequestPolicy>>();
        let policy = policy.ok_or_else(|| Problem::unexpected("the router has no policy"))?;
        Ok(Self { policy: policy.clone(), bytes: 0 })
    }

    /// Reserves more bytes. Bodies are short-lived, so a rejected client can soon retry.
    fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let before = self.policy.body_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > MAX_BYTES_AT_ONCE { Err(StoreError::Overloaded.into()) } else { Ok(()) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.policy.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Body {
    /// Receives a body. `sends` checks the media type.
    pub(crate) async fn receive(
        request: &HttpRequest,
        payload: Payload,
        sends: impl Fn(&HttpRequest) -> Result<(), Problem>,
        limits: BodyLimits,
    ) -> Result<Self, Problem> {
        sends(request)?;
        read_bytes(request, payload, limits).await
    }

    /// Parses the body with `read`. Invalid values are a problem with this code.
    pub(crate) fn read<T>(
        &self,
        code: Code,
        read: impl FnOnce(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        read(&self.parse()?).map_err(|errors| Problem::of_fields(code, errors))
    }

    /// Like [`Self::read`], but reads no body as an empty object.
    pub(crate) fn read_if_any<T>(
        &self,
        code: Code,
        read: impl FnOnce(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        if self.bytes.is_empty() {
            return read(&Json::Object(Vec::new()))
                .map_err(|errors| Problem::of_fields(code, errors));
        }
        self.read(code, read)
    }

    /// Parses the body as JSON.
    pub(crate) fn parse(&self) -> Result<Json<'_>, Problem> {
        json::parse(&self.bytes)
            .map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the body says, whatever its spelling. No body is an empty object.
    pub(crate) fn canonical(&self, keeps_null: bool) -> Result<String, Problem> {
        if self.bytes.is_empty() {
            return Ok(Json::Object(Vec::new()).canonical(keeps_null));
        }
        self.parse().map(|json| json.canonical(keeps_null))
    }
}

async fn read_bytes(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
) -> Result<Body, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return Err(too_large(limits.bytes));
    }
    actix_rt::time::timeout(
        limits.timeout,
        gather(payload, limits.bytes, Reservation::new(request)?),
    )
    .await
    .unwrap_or_else(|_elapsed| {
        let seconds = limits.timeout.as_secs();
        Err(Problem::new(
            Code::RequestTimeout,
            format!("The body did not arrive within {seconds} seconds."),
        ))
    })
}

async fn gather(
    mut payload: Payload,
    limit: usize,
    mut reservation: Reservation,
) -> Result<Body, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            log::debug!("failed to read a body: {error}");
            Problem::new(Code::MalformedJson, "The body is incomplete.")
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        reservation.add(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, _reservation: reservation })
}

fn too_large(limit: usize) -> Problem {
    let kib = limit / 1024;
    Problem::new(Code::BodyTooLarge, format!("The body must be at most {kib} KiB."))
}
