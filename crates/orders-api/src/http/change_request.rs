//! Requests that change something. All are checked in the same order, so that of several errors each
//! operation reports the same one first: query, headers, media types, size, body, values, and
//! `If-Match` where it is required.

use actix_web::HttpRequest;
use actix_web::http::{Method, header};
use actix_web::web::{Data, Payload};
use orders_core::decide::{IdempotencyKey, IdempotentRequest, Versions};

use crate::http::body::{Body, BodyLimits, RequestPolicy};
use crate::http::json::Json;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::{headers, idempotency, query};

/// How an operation reads its requests.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// Checks the media type of the body.
    sends: fn(&HttpRequest) -> Result<(), Problem>,
    limits: BodyLimits,
    /// The problem of a body with invalid values.
    invalid: Code,
    is_versioned: bool,
}

impl Rules {
    /// A small JSON body.
    pub(crate) const fn json(invalid: Code) -> Self {
        let (sends, limits) = (headers::sends_json, BodyLimits::SMALL);
        Self { sends, limits, invalid, is_versioned: false }
    }

    /// A small JSON merge patch (RFC 7396).
    pub(crate) const fn merge_patch(invalid: Code) -> Self {
        Self { sends: headers::sends_merge_patch, ..Self::json(invalid) }
    }

    /// A JSON body that may be large.
    pub(crate) const fn large_json(invalid: Code) -> Self {
        Self { limits: BodyLimits::LARGE, ..Self::json(invalid) }
    }

    /// The operation changes one version and supports `If-Match` and `If-None-Match`.
    pub(crate) const fn versioned(self) -> Self {
        Self { is_versioned: true, ..self }
    }
}

/// A request that changes something.
pub(crate) struct ChangeRequest<T> {
    /// The parsed body.
    pub(crate) body: T,
    /// The versions to which the change applies; `None` for any.
    pub(crate) if_match: Option<Versions>,
    /// Identifies a retry of the request; `None` without an `Idempotency-Key`.
    pub(crate) retry: Option<IdempotentRequest>,
}

impl<T> ChangeRequest<T> {
    /// Reads a request with a body.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: Payload,
        rules: Rules,
        parse: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<Self, Problem> {
        Self::read_with(request, payload, rules, |body| body.read(rules.invalid, parse)).await
    }

    /// Reads a request with an optional body. No body is an empty object.
    pub(crate) async fn read_optional(
        request: &HttpRequest,
        payload: Payload,
        rules: Rules,
        parse: impl Fn(&Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Result<Self, Problem> {
        Self::read_with(request, payload, rules, |body| body.read_if_any(rules.invalid, parse))
            .await
    }

    /// Reads a request whose body is parsed with problems of its own.
    pub(crate) async fn read_with(
        request: &HttpRequest,
        payload: Payload,
        rules: Rules,
        read: impl FnOnce(&Body) -> Result<T, Problem>,
    ) -> Result<Self, Problem> {
        let head = Head::read(request, rules.is_versioned)?;
        headers::accepts_json(request)?;
        let body = Body::receive(request, payload, rules.sends, rules.limits).await?;
        let value = read(&body)?;
        // Parsed a second time, because only few requests have a key.
        let keeps_null = request.method() == Method::PATCH;
        let said = if head.key.is_some() { body.canonical(keeps_null)? } else { String::new() };
        head.with_body(request, value, &said)
    }
}

impl ChangeRequest<()> {
    /// Reads a request without a body, whose response has none either.
    pub(crate) fn without_body(request: &HttpRequest) -> Result<Self, Problem> {
        Head::read(request, false)?.with_body(request, (), "")
    }

    /// Reads a request without a body that changes one version.
    pub(crate) fn of_version(request: &HttpRequest) -> Result<Self, Problem> {
        Head::read(request, true)?.with_body(request, (), "")
    }
}

/// The parts that are read before the body.
struct Head {
    key: Option<IdempotencyKey>,
    if_match: Option<Versions>,
    is_versioned: bool,
}

impl Head {
    fn read(request: &HttpRequest, is_versioned: bool) -> Result<Self, Problem> {
        query::none(request)?;
        let key = idempotency::key(request)?;
        let if_match = if is_versioned { headers::versions(request)? } else { None };
        Ok(Self { key, if_match, is_versioned })
    }

    fn with_body<T>(
        self,
        request: &HttpRequest,
        body: T,
        said: &str,
    ) -> Result<ChangeRequest<T>, Problem> {
        if self.is_versioned {
            require_if_match(request)?;
        }
        let retry = idempotency::retry(request, self.key, said);
        Ok(ChangeRequest { body, if_match: self.if_match, retry })
    }
}

fn require_if_match(request: &HttpRequest) -> Result<(), Problem> {
    let policy = request.app_data::<Data<RequestPolicy>>();
    let is_required = policy.is_some_and(|policy| policy.require_if_match);
    if is_required && !request.headers().contains_key(header::IF_MATCH) {
        return Err(Problem::new(
            Code::VersionRequired,
            "Send the expected version as If-Match: \"<version>\", or * for any.",
        ));
    }
    Ok(())
}
