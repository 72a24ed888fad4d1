//! Handlers of orders: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{Done, NewId, Operation, Order, OrderId, Refusal};
use orders_db::{OrderFilter, OrderPage, OrderPlace, OrderQuery, OrderSort, StoredResponse};
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::cursor::ListKey;
use crate::lists;
use crate::problem::{Code, Problem};
use crate::query::OrdersQuery;
use crate::streams::{self, Format};
use crate::wire::{self, Names, OrderBody, OrderPatchBody, OrderView};
use crate::{auth, headers, query, retries};

/// `GET /orders`: a page, or all of them as a stream, as the caller accepts.
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::orders(&request)?;
    let key = list_key(&query.filter, query.sort);
    let after = lists::after(&key, query.page.cursor.as_deref(), |place| read_place(&place))?;
    let streams = [Format::Ndjson, Format::Csv, Format::Calendar];
    let offered = streams.map(|format| (format.media_type(), Some(format)));
    let offered = [&[("application/json", None)][..], &offered].concat();
    let vary = (header::VARY, "Accept");
    let mut answer = match headers::choose(&request, &offered) {
        Ok(None) => page(&request, &app, query, key, after).await?,
        Ok(Some(format)) => streams::answer(&request, app, query, format).await?,
        Err(problem) => return Err(problem.with_header(vary.0, vary.1)),
    };
    answer.headers_mut().insert(vary.0, header::HeaderValue::from_static(vary.1));
    Ok(answer)
}

async fn page(
    request: &HttpRequest,
    app: &App,
    query: OrdersQuery,
    key: ListKey,
    after: Option<OrderPlace>,
) -> Result<HttpResponse, Problem> {
    let OrdersQuery { page, filter, sort, expand } = query;
    let (limit, query) = (page.limit, OrderQuery { filter, sort, after });
    let written = if expand {
        let page = app.list_orders(query, limit, OrderPage::clone).await?;
        let names = app.names(&page.orders).await?;
        write_page(&page, Some(&names), key)
    } else {
        // By the thread that has read them, so that only the text goes from one to another.
        app.list_orders(query, limit, move |page| write_page(page, None, key)).await?
    };
    let (body, next) = written?;
    Ok(lists::answer_written(request, body, next.as_deref()))
}

/// A page as JSON, and the cursor of the one behind it.
fn write_page(
    page: &OrderPage,
    names: Option<&Names>,
    key: ListKey,
) -> Result<(Vec<u8>, Option<String>), Problem> {
    let place = page.next.as_ref();
    let next = place.map(|place| key.write(&lists::write_place(place.at, &place.id)));
    match wire::write_page(&page.orders, names, next.as_deref()) {
        Ok(body) => Ok((body, next)),
        Err(error) => Err(Problem::unexpected(error.to_string())),
    }
}

/// `POST /orders`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let key = retries::key(&request)?;
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let OrderBody { id, content } = body.read(Code::InvalidOrder, wire::read_order)?;
    let id = match id {
        Some(id) => NewId::Chosen(id),
        None => NewId::Made(made_id()?),
    };
    let retry = retries::retry(&request, key, body.bytes());
    let operation = Operation::Create { id, content };
    Ok(app.change_order(auth::actor(&request), operation, retry, render).await?.into_response())
}

/// `GET /orders/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let expand = query::expand(&request)?;
    // Checked before the database is asked: a malformed header is refused whatever is stored.
    headers::versions(&request)?;
    headers::accepts_json(&request)?;
    let Some(order) = app.find_order(id.clone()).await? else {
        return Err(Problem::new(Code::NotFound, format!("There is no order {id}.")));
    };
    if !headers::means_version(&request, order.version)? {
        return Err(Refusal::VersionMismatch { current: order.version }.into());
    }
    // Names change without the order's version, so there is no ETag with them.
    if expand {
        let names = app.names(std::slice::from_ref(&order)).await?;
        return Ok(HttpResponse::Ok().json(OrderView::expanded(&order, &names)));
    }
    if headers::has_version(&request, order.version)? {
        let etag = (header::ETAG, headers::etag(order.version));
        return Ok(HttpResponse::NotModified().insert_header(etag).finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, headers::etag(order.version)))
        .json(OrderView::of(&order)))
}

/// `PUT /orders/{id}`
pub(crate) async fn replace(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let (key, if_match) = (retries::key(&request)?, headers::versions(&request)?);
    let body = Body::small(&request, payload, headers::sends_json).await?;
    let content = body.read(Code::InvalidOrder, |json| wire::read_replacement(&id, json))?;
    require_if_match(&request, &app)?;
    let retry = retries::retry(&request, key, body.bytes());
    let operation = Operation::Update { id, if_match, patch: content.into() };
    Ok(app.change_order(auth::actor(&request), operation, retry, render).await?.into_response())
}

/// `PATCH /orders/{id}`
pub(crate) async fn patch(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let (key, if_match) = (retries::key(&request)?, headers::versions(&request)?);
    let body = Body::small(&request, payload, headers::sends_merge_patch).await?;
    let OrderPatchBody(patch) =
        body.read(Code::InvalidOrder, |json| wire::read_order_patch(&id, json))?;
    require_if_match(&request, &app)?;
    let retry = retries::retry(&request, key, body.bytes());
    let operation = Operation::Update { id, if_match, patch };
    Ok(app.change_order(auth::actor(&request), operation, retry, render).await?.into_response())
}

/// `DELETE /orders/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let (key, if_match) = (retries::key(&request)?, headers::versions(&request)?);
    require_if_match(&request, &app)?;
    let retry = retries::retry(&request, key, &[]);
    let operation = Operation::Delete { id, if_match };
    Ok(app.change_order(auth::actor(&request), operation, retry, render).await?.into_response())
}

/// The id in the path. One that no order can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<OrderId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    OrderId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "There is no such order."))
}

/// An id that no order has: UUIDs of version 7 sort by the time of their making, so that new rows
/// stand together in the index.
pub(crate) fn made_id() -> Result<OrderId, Problem> {
    OrderId::parse(&Uuid::now_v7().to_string())
        .map_err(|error| Problem::unexpected(error.to_string()))
}

fn require_if_match(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    if app.require_if_match && !request.headers().contains_key(header::IF_MATCH) {
        return Err(Problem::new(
            Code::VersionRequired,
            "Name the version that is meant, as If-Match: \"<version>\" (or * for any).",
        ));
    }
    Ok(())
}

/// The answer to what was done to one order.
pub(crate) fn render(done: &Done) -> Result<StoredResponse, Problem> {
    match done {
        Done::Created(order) => {
            let location = Some(format!("/orders/{}", order.id));
            Ok(StoredResponse { location, ..show(StatusCode::CREATED, order)? })
        }
        Done::Updated(order) | Done::Unchanged(order) | Done::Restored(order) => {
            show(StatusCode::OK, order)
        }
        Done::Deleted(_) => Ok(retries::empty(StatusCode::NO_CONTENT)),
    }
}

fn show(status: StatusCode, order: &Order) -> Result<StoredResponse, Problem> {
    let etag = Some(headers::etag(order.version));
    Ok(StoredResponse { etag, ..retries::answer(status, &OrderView::of(order))? })
}

/// What a cursor is tied to: all that decides which orders a list has, and in which order.
fn list_key(filter: &OrderFilter, sort: OrderSort) -> ListKey {
    ListKey::new(&format!("orders {filter:?} {sort:?}"))
}

fn read_place(place: &str) -> Option<OrderPlace> {
    lists::read_place(place, OrderId::parse).map(|(at, id)| OrderPlace { at, id })
}
