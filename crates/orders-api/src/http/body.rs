//! Bodies of requests: read up to a size, within a time.

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

/// How large a body may be, and how long it may take to arrive.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimits {
    bytes: usize,
    timeout: Duration,
}

impl BodyLimits {
    /// For one resource.
    pub(crate) const SMALL: Self = Self { bytes: 64 * 1024, timeout: Duration::from_secs(10) };
    /// For a batch.
    pub(crate) const LARGE: Self = Self { bytes: 8 * 1024 * 1024, timeout: Duration::from_mins(1) };
}

/// The most bytes of all bodies that are in memory at once.
const MAX_BYTES_AT_ONCE: usize = 256 * 1024 * 1024;

/// What is the same for all requests of a server.
#[derive(Default)]
pub(crate) struct RequestPolicy {
    /// Whether changes of one version must name it.
    pub(crate) require_if_match: bool,
    /// The bytes of all bodies that are in memory now.
    body_bytes: AtomicUsize,
}

impl RequestPolicy {
    pub(crate) fn new(require_if_match: bool) -> Self {
        Self { require_if_match, body_bytes: AtomicUsize::default() }
    }
}

/// The body of a request, as it was sent.
pub(crate) struct Body {
    bytes: Vec<u8>,
    /// Held for as long as the bytes are.
    _reservation: Reservation,
}

/// The memory that one body takes.
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

    /// Reserves more bytes. Bodies are short-lived, so a refused client can soon try again.
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
    /// Receives a body. `sends` checks its media type.
    pub(crate) async fn receive(
        request: &HttpRequest,
        payload: Payload,
        sends: impl Fn(&HttpRequest) -> Result<(), Problem>,
        limits: BodyLimits,
    ) -> Result<Self, Problem> {
        sends(request)?;
        read_bytes(request, payload, limits).await
    }

    /// Reads it as what it must be; `code` is the problem if it is not that.
    pub(crate) fn read<T>(
        &self,
        code: Code,
        read: impl FnOnce(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        read(&self.parse()?).map_err(|errors| Problem::of_fields(code, errors))
    }

    /// The same where all of it may be left out: no body at all is an empty object.
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

    /// Reads it as JSON.
    pub(crate) fn parse(&self) -> Result<Json<'_>, Problem> {
        json::parse(&self.bytes)
            .map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
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
            format!("The body was not sent within {seconds} seconds."),
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
            log::debug!("a body could not be read: {error}");
            Problem::new(Code::MalformedJson, "The body did not arrive whole.")
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
    Problem::new(Code::BodyTooLarge, format!("The body may have at most {kib} KiB."))
}
