//! Bodies of requests: read up to a size, within a time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;

use crate::headers;
use crate::json::{self, Json};
use crate::problem::{Code, FieldError, Problem};

/// How large a body may be, and how long it may take to arrive.
struct Limits {
    bytes: usize,
    patience: Duration,
}

/// For a single order or service.
const SMALL: Limits = Limits { bytes: 64 * 1024, patience: Duration::from_secs(10) };
/// For a batch.
const LARGE: Limits = Limits { bytes: 8 * 1024 * 1024, patience: Duration::from_mins(1) };

/// The body of a request, as it was sent.
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// Takes in a small body of a request that is to be answered as JSON. `sends` checks its media
    /// type.
    pub(crate) async fn small(
        request: &HttpRequest,
        payload: Payload,
        sends: impl Fn(&HttpRequest) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        headers::accepts_json(request)?;
        sends(request)?;
        read_bytes(request, payload, &SMALL).await.map(Self)
    }

    /// Takes in a JSON body that may be large.
    pub(crate) async fn large(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        headers::accepts_json(request)?;
        headers::sends_json(request)?;
        read_bytes(request, payload, &LARGE).await.map(Self)
    }

    /// Reads it as what it must be; `code` is the problem if it is not that.
    pub(crate) fn read<T>(
        &self,
        code: Code,
        read: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        read(&self.parse()?).map_err(|errors| Problem::of_fields(code, errors))
    }

    /// The same where all of it may be left out: no body at all is an empty object.
    pub(crate) fn read_if_any<T>(
        &self,
        code: Code,
        read: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        if self.0.is_empty() {
            Self(b"{}".to_vec()).read(code, read)
        } else {
            self.read(code, read)
        }
    }

    /// Reads it as JSON.
    pub(crate) fn parse(&self) -> Result<Json<'_>, Problem> {
        json::parse(&self.0).map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

async fn read_bytes(
    request: &HttpRequest,
    payload: Payload,
    limits: &Limits,
) -> Result<Vec<u8>, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return Err(too_large(limits.bytes));
    }
    actix_rt::time::timeout(limits.patience, gather(payload, limits.bytes)).await.unwrap_or_else(
        |_elapsed| {
            let seconds = limits.patience.as_secs();
            Err(Problem::new(
                Code::RequestTimeout,
                format!("The body was not sent within {seconds} seconds."),
            ))
        },
    )
}

async fn gather(mut payload: Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            log::debug!("a body could not be read: {error}");
            Problem::new(Code::MalformedJson, "The body did not arrive whole.")
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(limit: usize) -> Problem {
    let kib = limit / 1024;
    Problem::new(Code::BodyTooLarge, format!("The body may have at most {kib} KiB."))
}
