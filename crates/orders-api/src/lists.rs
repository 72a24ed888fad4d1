//! Lists: pages with a cursor and a link to the next.

use std::fmt::Display;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use orders_core::Instant;
use serde::Serialize;

use crate::cursor::ListKey;
use crate::problem::Problem;
use crate::query;
use crate::wire::PageView;

/// A page; `next` is the cursor of the one behind it.
pub(crate) fn answer<T: Serialize>(
    request: &HttpRequest,
    data: Vec<T>,
    next: Option<String>,
) -> HttpResponse {
    with_link(request, "cursor", next.as_deref()).json(PageView { data, next_cursor: next })
}

/// A page that is written already.
pub(crate) fn answer_written(
    request: &HttpRequest,
    body: Vec<u8>,
    next: Option<&str>,
) -> HttpResponse {
    with_link(request, "cursor", next).content_type("application/json").body(body)
}

/// An answer that links to the page behind it, if there is one: the same request, but for the
/// parameter `name`, which is `next`.
pub(crate) fn with_link(
    request: &HttpRequest,
    name: &str,
    next: Option<&str>,
) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((header::LINK, link_to(request, name, next)));
    }
    response
}

/// The place behind which a page starts; `None` for the first page.
pub(crate) fn after<P>(
    key: &ListKey,
    cursor: Option<&str>,
    read: impl Fn(String) -> Option<P>,
) -> Result<Option<P>, Problem> {
    let place = cursor.map(|cursor| key.read(cursor).and_then(&read).ok_or_else(foreign_cursor));
    place.transpose()
}

/// A place in a list that is in the order of a time, and of ids at the same time.
pub(crate) fn write_place(at: Instant, id: &dyn Display) -> String {
    format!("{} {id}", at.as_millis())
}

/// Reads what [`write_place`] wrote.
pub(crate) fn read_place<I, E>(
    place: &str,
    read_id: impl FnOnce(&str) -> Result<I, E>,
) -> Option<(Instant, I)> {
    let (millis, id) = place.split_once(' ')?;
    Some((Instant::from_millis(millis.parse().ok()?)?, read_id(id).ok()?))
}

/// Cuts off the one row that was asked for beyond a page; answers the last that is left, if there
/// was one.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more)
}

/// The problem with a cursor that did not come from this list.
pub(crate) fn foreign_cursor() -> Problem {
    query::invalid("cursor", "is not one that this list, with these filters, has answered")
}

/// The same request for the next page (RFC 8288).
fn link_to(request: &HttpRequest, own: &str, next: &str) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != own {
            parameters.append_pair(&name, &value);
        }
    }
    let query = parameters.append_pair(own, next).finish();
    format!("<{}?{query}>; rel=\"next\"", request.path())
}
