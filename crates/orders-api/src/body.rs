//! Bodies of requests: read up to a size, within a time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;

use crate::json::{self, Json};
use crate::problem::{Code, FieldError, Problem};

/// The most bytes that the body of a single order or service can have.
const SMALL: usize = 64 * 1024;

/// How long a caller may take to send a body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a small JSON body as what it must be; `code` is the problem if it is not that.
pub(crate) async fn read_json<T>(
    request: &HttpRequest,
    payload: Payload,
    code: Code,
    read: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
) -> Result<T, Problem> {
    let bytes = read_bytes(request, payload, SMALL).await?;
    let json = json::parse(&bytes)
        .map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))?;
    read(&json).map_err(|errors| Problem::of_fields(code, errors))
}

/// Reads a body of at most `limit` bytes.
async fn read_bytes(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> Result<Vec<u8>, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    actix_rt::time::timeout(PATIENCE, gather(payload, limit)).await.unwrap_or_else(|_elapsed| {
        let seconds = PATIENCE.as_secs();
        Err(Problem::new(
            Code::RequestTimeout,
            format!("The body was not sent within {seconds} seconds."),
        ))
    })
}

async fn gather(mut payload: Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(Code::MalformedJson, format!("The body could not be read: {error}."))
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
        .with_header(header::CONNECTION, "close")
}
