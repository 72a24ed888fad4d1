//! Bodies of requests: read up to a size, within a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use futures_util::StreamExt;
use orders_db::StoreError;

use crate::app::App;
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

/// How many bytes of bodies there may be at once, of all requests together.
const MOST_AT_ONCE: usize = 256 * 1024 * 1024;

/// The body of a request, as it was sent.
pub(crate) struct Body {
    bytes: Vec<u8>,
    /// Held for as long as the bytes are.
    _room: Room,
}

/// How many bytes of bodies there are now.
#[derive(Default)]
pub(crate) struct Bodies(AtomicUsize);

/// The room that one body takes.
struct Room {
    app: Data<App>,
    bytes: usize,
}

impl Room {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let app = request.app_data::<Data<App>>();
        let app = app.ok_or_else(|| Problem::unexpected("the router has no app"))?;
        Ok(Self { app: app.clone(), bytes: 0 })
    }

    /// Takes so much more, or refuses: who holds the room gives it back before long.
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let before = self.app.bodies.0.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > MOST_AT_ONCE { Err(StoreError::Overloaded.into()) } else { Ok(()) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.app.bodies.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

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
        read_bytes(request, payload, &SMALL).await
    }

    /// Takes in a small body of a request that is to be answered by a page.
    pub(crate) async fn of_page(
        request: &HttpRequest,
        payload: Payload,
        sends: impl Fn(&HttpRequest) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        sends(request)?;
        read_bytes(request, payload, &SMALL).await
    }

    /// Takes in a JSON body that may be large.
    pub(crate) async fn large(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        headers::accepts_json(request)?;
        headers::sends_json(request)?;
        read_bytes(request, payload, &LARGE).await
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
    limits: &Limits,
) -> Result<Body, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return Err(too_large(limits.bytes));
    }
    actix_rt::time::timeout(limits.patience, gather(payload, limits.bytes, Room::of(request)?))
        .await
        .unwrap_or_else(|_elapsed| {
            let seconds = limits.patience.as_secs();
            Err(Problem::new(
                Code::RequestTimeout,
                format!("The body was not sent within {seconds} seconds."),
            ))
        })
}

async fn gather(mut payload: Payload, limit: usize, mut room: Room) -> Result<Body, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            log::debug!("a body could not be read: {error}");
            Problem::new(Code::MalformedJson, "The body did not arrive whole.")
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        room.take(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, _room: room })
}

fn too_large(limit: usize) -> Problem {
    let kib = limit / 1024;
    Problem::new(Code::BodyTooLarge, format!("The body may have at most {kib} KiB."))
}
