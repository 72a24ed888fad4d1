//! The id of a request, the route that it matched and its actor, kept with the request.

use std::cell::Cell;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use orders_core::Actor;
use orders_db::Author;
use uuid::Uuid;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

struct RequestContext {
    id: HeaderValue,
    route: Cell<Option<&'static str>>,
}

/// Starts the context of a request. Returns its id: the client's, if that is well-formed, or a new
/// one.
pub(crate) fn start(request: &ServiceRequest) -> HeaderValue {
    let sent = request.headers().get(X_REQUEST_ID).filter(|id| is_well_formed(id)).cloned();
    let id = sent.unwrap_or_else(|| {
        HeaderValue::try_from(Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("-"))
    });
    request.extensions_mut().insert(RequestContext { id: id.clone(), route: Cell::new(None) });
    id
}

fn is_well_formed(id: &HeaderValue) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~:/+=-".contains(byte);
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(is_allowed)
}

/// Returns the id of a request, which its response carries.
pub(crate) fn id(request: &HttpRequest) -> String {
    let extensions = request.extensions();
    let id = extensions.get::<RequestContext>().and_then(|context| context.id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// Records the route that a request matched.
pub(crate) fn set_route(request: &HttpRequest, route: &'static str) {
    if let Some(context) = request.extensions().get::<RequestContext>() {
        context.route.set(Some(route));
    }
}

/// Returns the route that a request matched, as the route table names it.
pub(crate) fn route(request: &HttpRequest) -> Option<&'static str> {
    request.extensions().get::<RequestContext>().and_then(|context| context.route.get())
}

/// Records the actor of a request, once it is authorized.
pub(crate) fn set_actor(request: &HttpRequest, actor: Actor) {
    request.extensions_mut().insert(actor);
}

/// Returns the actor of a request: the identity of its key, which stays when the key is rotated.
pub(crate) fn actor(request: &HttpRequest) -> Actor {
    let extensions = request.extensions();
    extensions.get::<Actor>().cloned().unwrap_or_else(|| Actor::new("anonymous"))
}

/// Returns the author of the changes that a request makes.
pub(crate) fn author(request: &HttpRequest) -> Author {
    Author { actor: actor(request), request_id: Some(id(request)) }
}
