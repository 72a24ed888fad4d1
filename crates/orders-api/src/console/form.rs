//! Forms that browsers send.

use actix_web::HttpRequest;
use actix_web::web::Payload;

use orders_core::decide::{IdempotencyKey, IdempotentRequest};

use crate::http::body::{Body, BodyLimits};
use crate::http::problem::Problem;
use crate::http::{headers, idempotency};

/// The fields of a form, in the order of the request.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the form of a request.
    pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let body = Body::receive(request, payload, headers::sends_form, BodyLimits::SMALL).await?;
        Ok(Self(form_urlencoded::parse(body.bytes()).into_owned().collect()))
    }

    /// The value of a field. Empty if there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        let found = self.0.iter().rfind(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The idempotency key of the form, from its hidden token.
    pub(crate) fn retry(&self, request: &HttpRequest) -> Option<IdempotentRequest> {
        let key = IdempotencyKey::parse(&format!("console-{}", self.one("token"))).ok();
        idempotency::retry(request, key, &format!("{:?}", self.0))
    }

    /// All values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
