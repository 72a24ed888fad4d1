//! Lists: pages with a cursor and a link to the next.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::problem::Problem;
use crate::query;
use crate::wire::PageView;

/// A page; `next` is the cursor of the one behind it.
pub(crate) fn answer<T: Serialize>(
    request: &HttpRequest,
    data: Vec<T>,
    next: Option<String>,
) -> HttpResponse {
    with_link(request, next.as_deref()).json(PageView { data, next_cursor: next })
}

/// An answer that links to the page behind it, if there is one.
pub(crate) fn with_link(request: &HttpRequest, next: Option<&str>) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next {
        response.insert_header((header::LINK, link_to(request, cursor)));
    }
    response
}

/// The problem with a cursor that did not come from this list.
pub(crate) fn foreign_cursor() -> Problem {
    query::invalid("cursor", "is not one that this list, with these filters, has answered")
}

/// The same request for the next page (RFC 8288).
fn link_to(request: &HttpRequest, cursor: &str) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "cursor" {
            parameters.append_pair(&name, &value);
        }
    }
    let query = parameters.append_pair("cursor", cursor).finish();
    format!("<{}?{query}>; rel=\"next\"", request.path())
}
