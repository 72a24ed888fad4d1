//! The access log: a line for each request, when its response has been sent or its client is gone.
//! Of what the client sent, a line shows the method and the request id only. Neither can contain a
//! line break or a space, and neither is secret. Paths, queries and headers are not logged.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::web::Bytes;
use orders_core::Actor;

use crate::http::request_context;

/// The length to which a method is shown.
const MAX_METHOD_LENGTH: usize = 32;

/// A request in progress. Logs its line when it is dropped.
pub(crate) struct AccessLogEntry {
    request_id: String,
    method: String,
    start: Instant,
    response: Option<LoggedResponse>,
    bytes: u64,
    is_complete: bool,
}

struct LoggedResponse {
    actor: Actor,
    route: &'static str,
    status: u16,
}

impl AccessLogEntry {
    pub(crate) fn new(request_id: &str, method: &Method, start: Instant) -> Self {
        let method = method.as_str().chars().take(MAX_METHOD_LENGTH).collect();
        let request_id = request_id.to_owned();
        Self { request_id, method, start, response: None, bytes: 0, is_complete: false }
    }

    /// Records a response, and follows its body until it has been sent.
    pub(crate) fn follow(mut self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let request: &HttpRequest = response.request();
        self.is_complete = *request.method() == Method::HEAD;
        self.response = Some(LoggedResponse {
            actor: request_context::actor(request),
            route: request_context::route(request).unwrap_or("none"),
            status: response.status().as_u16(),
        });
        response.map_body(|_, body| {
            self.is_complete |= matches!(body.size(), BodySize::None | BodySize::Sized(0));
            BoxBody::new(LoggedBody { body, entry: self })
        })
    }
}

impl Drop for AccessLogEntry {
    fn drop(&mut self) {
        let Self { request_id, method, bytes, .. } = &*self;
        let (request_id, method) = (request_id.as_str(), method.as_str());
        let duration_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Some(LoggedResponse { actor, route, status }) = &self.response else {
            log::info!(
                target: "access",
                request_id, method, duration_us;
                "{method}: the client disconnected before the response"
            );
            return;
        };
        let ending = if self.is_complete { "" } else { ", cut short" };
        log::info!(
            target: "access",
            request_id, actor = actor.as_str(), method, route = *route, status = *status,
            duration_us, bytes = *bytes;
            "{method} {route} {status}{ending}"
        );
    }
}

/// A body that counts its bytes.
struct LoggedBody {
    body: BoxBody,
    entry: AccessLogEntry,
}

impl MessageBody for LoggedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, entry } = self.get_mut();
        let polled = body.as_pin_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => {
                entry.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                // A body of known length is not polled beyond it.
                entry.is_complete |= body.size() == BodySize::Sized(entry.bytes);
            }
            Poll::Ready(None) => entry.is_complete = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }
}
