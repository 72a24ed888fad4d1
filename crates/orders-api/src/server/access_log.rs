//! The access log: one line for each request, once its answer is sent or its client is gone. Of what
//! the client wrote it has the method and the request's id only, both of which cannot hold a line
//! break or a blank; no path, no query and no header, so no secret.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::web::Bytes;
use orders_core::Actor;

use crate::security;
use crate::server::middleware;

/// The longest method that is shown.
const LONGEST_METHOD: usize = 32;

/// A request that is going on. Dropped, it is a line.
pub(crate) struct Entry {
    request_id: String,
    method: String,
    begun: Instant,
    answer: Option<Answer>,
    bytes: u64,
    is_whole: bool,
}

struct Answer {
    actor: Actor,
    route: &'static str,
    status: u16,
}

impl Entry {
    pub(crate) fn begin(request_id: &str, method: &Method, begun: Instant) -> Self {
        let method = method.as_str().chars().take(LONGEST_METHOD).collect();
        let request_id = request_id.to_owned();
        Self { request_id, method, begun, answer: None, bytes: 0, is_whole: false }
    }

    /// Notes what is answered, and follows its body.
    pub(crate) fn follow(mut self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let request: &HttpRequest = response.request();
        self.is_whole = *request.method() == Method::HEAD;
        self.answer = Some(Answer {
            actor: security::actor(request),
            route: middleware::route_of(request).unwrap_or("none"),
            status: response.status().as_u16(),
        });
        response.map_body(|_, body| {
            self.is_whole |= matches!(body.size(), BodySize::None | BodySize::Sized(0));
            BoxBody::new(Followed { body, entry: self })
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { request_id, method, bytes, .. } = &*self;
        let (request_id, method) = (request_id.as_str(), method.as_str());
        let duration_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Some(Answer { actor, route, status }) = &self.answer else {
            log::info!(
                target: "access",
                request_id, method, duration_us;
                "{method} was left by its client before it was answered"
            );
            return;
        };
        let ending = if self.is_whole { "" } else { ", cut short" };
        log::info!(
            target: "access",
            request_id, actor = actor.as_str(), method, route = *route, status = *status,
            duration_us, bytes = *bytes;
            "{method} {route} {status}{ending}"
        );
    }
}

/// A body whose bytes are counted.
struct Followed {
    body: BoxBody,
    entry: Entry,
}

impl MessageBody for Followed {
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
            Poll::Ready(Some(Ok(piece))) => {
                entry.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                // Of a body whose length was told, nobody asks for more than that.
                entry.is_whole |= body.size() == BodySize::Sized(entry.bytes);
            }
            Poll::Ready(None) => entry.is_whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }
}
