//! The handlers of what was: an order's history, and its restoring.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::Operation;

use crate::http::change_request::ChangeRequest;
use crate::http::cursor::ListKey;
use crate::http::page::ListRequest;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, page, query};
use crate::orders::response::EventView;
use crate::store_client::StoreClient;
use crate::{orders, security};

/// `GET /orders/{id}/history`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let page = query::page(&request)?;
    let key = ListKey::new(format_args!("/orders/{id}/history"));
    let list = ListRequest::read(&request, key, &page, |place| place.parse::<u64>().ok())?;
    let (after, rows, asked) = (list.after, list.rows(), id.clone());
    let mut changes =
        store.run_blocking(move |store| store.list_history(&asked, after, rows)).await?;
    if changes.is_empty() && after.is_none() {
        return Err(Problem::new(Code::NotFound, format!("There never was an order {id}.")));
    }
    let next = list.cut(&mut changes, |last| last.event.order.version.to_string());
    Ok(page::answer(&request, changes.iter().map(EventView::of).collect(), next))
}

/// `POST /orders/{id}/restore`
pub(crate) async fn restore(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let retry = ChangeRequest::without_body(&request)?.retry;
    headers::accepts_json(&request)?;
    let operation = Operation::Restore { id };
    Ok(orders::change(&store, security::actor(&request), operation, retry).await?.into_response())
}
