//! What happens to every request and answer: its id, the checks of its framing, and the bodies of
//! errors.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::problem::{Code, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, kept with it.
struct RequestId(HeaderValue);

/// The id by which this request is answered.
pub(crate) fn id_of(request: &HttpRequest) -> String {
    let extensions = request.extensions();
    let id = extensions.get::<RequestId>().and_then(|RequestId(id)| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// The outermost middleware.
pub(crate) async fn every_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = match check_framing(&request) {
        Ok(()) => match next.call(request).await {
            Ok(response) => response.map_into_boxed_body(),
            Err(error) => return Err(error),
        },
        Err(problem) => request.error_response(problem),
    };
    if let Some(error) = response.response().error() {
        let problem = error.as_error::<Problem>().cloned().unwrap_or_else(|| {
            log::error!("an error that is no problem: {error}");
            Problem::new(Code::Internal, "The service met something that it did not expect.")
        });
        let rendered = problem.render(response.request().path(), id.to_str().unwrap_or_default());
        response = response.into_response(rendered);
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    Ok(response)
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

/// A request that frames its body in two ways is read differently by different programs, which is
/// how requests are smuggled (RFC 9112, section 6.1).
fn check_framing(request: &ServiceRequest) -> Result<(), Problem> {
    let headers = request.headers();
    if headers.contains_key(header::CONTENT_LENGTH)
        && headers.contains_key(header::TRANSFER_ENCODING)
    {
        return Err(Problem::new(
            Code::InvalidHeader,
            "Content-Length and Transfer-Encoding exclude each other.",
        )
        .with_header(header::CONNECTION, "close"));
    }
    Ok(())
}
