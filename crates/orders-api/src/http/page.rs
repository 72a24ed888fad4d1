//! Lists: pages with a cursor and a link to the next page.

use std::borrow::Cow;
use std::fmt::Display;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use orders_core::Timestamp;
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::http::cursor::ListKey;
use crate::http::headers;
use crate::http::openapi::shape;
use crate::http::openapi::shape::closed;
use crate::http::problem::Problem;
use crate::http::query;
use crate::http::query::PageQuery;

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct PageView<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl<T: ToSchema> PartialSchema for PageView<T> {
    fn schema() -> RefOr<Schema> {
        let rows =
            ArrayBuilder::new().items(Ref::from_schema_name(T::name())).max_items(Some(1000));
        closed()
            .property("data", rows)
            .required("data")
            .property("next_cursor", shape::cursor_or_null())
            .required("next_cursor")
            .into()
    }
}

impl<T: ToSchema> ToSchema for PageView<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
    }
}

/// Creates the response with a page. `next` is the cursor of the next page.
pub(crate) fn answer<T: Serialize>(
    request: &HttpRequest,
    data: Vec<T>,
    next: Option<String>,
) -> HttpResponse {
    with_link(request, "cursor", next.as_deref()).json(PageView { data, next_cursor: next })
}

/// Creates the response with a page that is already serialized.
pub(crate) fn answer_written(
    request: &HttpRequest,
    body: Vec<u8>,
    next: Option<&str>,
) -> HttpResponse {
    with_link(request, "cursor", next).content_type("application/json").body(body)
}

/// Starts a response with a link to the next page, if there is one: the same request with `next` as
/// the parameter `name`.
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

/// A request for a page of a list.
pub(crate) struct ListRequest<P> {
    pub(crate) key: ListKey,
    /// The place after which the page starts; `None` for the first page.
    pub(crate) after: Option<P>,
    limit: usize,
}

impl<P> ListRequest<P> {
    /// Reads the cursor of a list and checks that the client accepts JSON. `place` reads a place in
    /// the list.
    pub(crate) fn read(
        request: &HttpRequest,
        key: ListKey,
        page: &PageQuery,
        place: impl FnOnce(&str) -> Option<P>,
    ) -> Result<Self, Problem> {
        let list = Self::unchecked(key, page, place)?;
        headers::accepts_json(request)?;
        Ok(list)
    }

    /// Like [`Self::read`], for a list that has other media types, too.
    pub(crate) fn unchecked(
        key: ListKey,
        page: &PageQuery,
        place: impl FnOnce(&str) -> Option<P>,
    ) -> Result<Self, Problem> {
        let after = match &page.cursor {
            Some(cursor) => {
                let found = key.read(cursor).and_then(|text| place(&text));
                Some(found.ok_or_else(foreign_cursor)?)
            }
            None => None,
        };
        Ok(Self { key, after, limit: page.limit })
    }

    /// Returns how many rows to read: one more than the page, which shows whether another follows.
    pub(crate) fn rows(&self) -> usize {
        self.limit + 1
    }

    /// Cuts off the row beyond the page. Returns the cursor of the next page if there was one.
    pub(crate) fn cut<T>(
        &self,
        rows: &mut Vec<T>,
        place: impl FnOnce(&T) -> String,
    ) -> Option<String> {
        cut(rows, self.limit).map(|last| self.key.write(&place(last)))
    }
}

/// Cuts off the row beyond a page. Returns the last row that is left if there was one.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more)
}

/// Writes a place in a list that is sorted by time, then by id.
pub(crate) fn write_place(at: Timestamp, id: &dyn Display) -> String {
    format!("{} {id}", at.as_millis())
}

/// Reads what [`write_place`] wrote.
pub(crate) fn read_place<I, E>(
    place: &str,
    read_id: impl FnOnce(&str) -> Result<I, E>,
) -> Option<(Timestamp, I)> {
    let (millis, id) = place.split_once(' ')?;
    Some((Timestamp::from_millis(millis.parse().ok()?)?, read_id(id).ok()?))
}

/// Creates the problem of a cursor from another list.
fn foreign_cursor() -> Problem {
    query::invalid(
        "cursor",
        "must be the next_cursor of a page of this list, with the same filters",
    )
}

/// Links to the same request for the next page (RFC 8288).
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
