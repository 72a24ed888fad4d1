//! Handlers of orders: parse, call, render.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use orders_core::{
    Done, IfMatch, Instant, NewId, Operation, Order, OrderId, OrderPatch, ServiceId,
};
use orders_db::OrderFilter;
use uuid::Uuid;

use crate::app::App;
use crate::cursor::ListKey;
use crate::lists;
use crate::problem::{self, Code, Problem};
use crate::wire::{self, OrderBody, OrderPatchBody, OrderView};
use crate::{body, headers, query};

/// `GET /orders`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query = query::orders(&request)?;
    let mut filter = OrderFilter {
        from: query.from,
        to: query.to,
        services: query.service.into_iter().collect(),
        after: None,
    };
    let key = list_key(&filter);
    if let Some(cursor) = &query.page.cursor {
        let place = key.read(cursor).and_then(|place| read_place(&place));
        filter.after = Some(place.ok_or_else(lists::foreign_cursor)?);
    }
    headers::accepts_json(&request)?;
    let limit = query.page.limit;
    let page = app.ask(move |store| store.list_orders(&filter, limit)).await?;
    let next = page.next.map(|(datetime, id)| key.write(&format!("{} {id}", datetime.as_millis())));
    let names = if query.expand { Some(app.names(&page.orders).await?) } else { None };
    let view = |order| match &names {
        Some(names) => OrderView::expanded(order, names),
        None => OrderView::of(order),
    };
    Ok(lists::answer(&request, page.orders.iter().map(view).collect(), next))
}

/// `POST /orders`
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    query::none(&request)?;
    let OrderBody { id, content } = read_body(&request, payload).await?;
    let id = match id {
        Some(id) => NewId::Chosen(id),
        None => NewId::Made(made_id()?),
    };
    let done = app.change_order(Operation::Create { id, content }).await??;
    Ok(answer(StatusCode::CREATED, &done))
}

/// `GET /orders/{id}`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    let expand = query::expand(&request)?;
    // Checked before the database is asked: a malformed header is refused whatever is stored.
    headers::has_version(&request, 0)?;
    headers::accepts_json(&request)?;
    let Some(order) = app.find_order(id.clone()).await? else {
        return Err(Problem::new(Code::NotFound, format!("There is no order {id}.")));
    };
    // Names change without the order's version, so there is no ETag with them.
    if expand {
        let names = app.names(std::slice::from_ref(&order)).await?;
        return Ok(HttpResponse::Ok().json(OrderView::expanded(&order, &names)));
    }
    if headers::has_version(&request, order.version)? {
        let etag = (header::ETAG, headers::etag(order.version));
        return Ok(HttpResponse::NotModified().insert_header(etag).finish());
    }
    Ok(show(StatusCode::OK, &order))
}

/// `PUT /orders/{id}`
pub(crate) async fn replace(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let if_match = headers::if_match(&request)?;
    let OrderBody { id: given, content } = read_body(&request, payload).await?;
    problem::check_same_id(Code::InvalidOrder, given.as_ref(), &id)?;
    require_if_match(&request, &app)?;
    update(&app, id, if_match, content.into()).await
}

/// `PATCH /orders/{id}`
pub(crate) async fn patch(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let if_match = headers::if_match(&request)?;
    let (sends, code) = (headers::sends_merge_patch, Code::InvalidOrder);
    let OrderPatchBody { id: given, patch } =
        body::read_json(&request, payload, sends, code, wire::read_order_patch).await?;
    problem::check_same_id(Code::InvalidOrder, given.as_ref(), &id)?;
    require_if_match(&request, &app)?;
    update(&app, id, if_match, patch).await
}

async fn update(
    app: &App,
    id: OrderId,
    if_match: IfMatch,
    patch: OrderPatch,
) -> Result<HttpResponse, Problem> {
    let done = app.change_order(Operation::Update { id, if_match, patch }).await??;
    Ok(answer(StatusCode::OK, &done))
}

/// `DELETE /orders/{id}`
pub(crate) async fn delete(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = path_id(&request)?;
    query::none(&request)?;
    let if_match = headers::if_match(&request)?;
    require_if_match(&request, &app)?;
    app.change_order(Operation::Delete { id, if_match }).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// The id in the path. One that no order can have is not found.
pub(crate) fn path_id(request: &HttpRequest) -> Result<OrderId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    OrderId::parse(text)
        .map_err(|_impossible| Problem::new(Code::NotFound, "There is no such order."))
}

async fn read_body(request: &HttpRequest, payload: Payload) -> Result<OrderBody, Problem> {
    let (sends, code) = (headers::sends_json, Code::InvalidOrder);
    body::read_json(request, payload, sends, code, wire::read_order).await
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

pub(crate) fn answer(status: StatusCode, done: &Done) -> HttpResponse {
    match done {
        Done::Created(order) => {
            let mut response = show(status, order);
            // An id has only characters that a header may have.
            if let Ok(location) = header::HeaderValue::from_str(&format!("/orders/{}", order.id)) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Done::Updated(order)
        | Done::Unchanged(order)
        | Done::Deleted(order)
        | Done::Restored(order) => show(status, order),
    }
}

fn show(status: StatusCode, order: &Order) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::ETAG, headers::etag(order.version)))
        .json(OrderView::of(order))
}

fn list_key(filter: &OrderFilter) -> ListKey {
    let instant = |at: Option<Instant>| at.map(Instant::as_millis);
    let services: Vec<i64> = filter.services.iter().map(|id: &ServiceId| id.get()).collect();
    ListKey::new(&format!(
        "orders {:?} {:?} {services:?}",
        instant(filter.from),
        instant(filter.to)
    ))
}

fn read_place(place: &str) -> Option<(Instant, OrderId)> {
    let (millis, id) = place.split_once(' ')?;
    Some((Instant::from_millis(millis.parse().ok()?)?, OrderId::parse(id).ok()?))
}
