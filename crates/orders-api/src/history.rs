//! The handlers of what was: an order's history, and its restoring.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::Operation;

use crate::app::App;
use crate::cursor::ListKey;
use crate::problem::{Code, Problem};
use crate::wire::EventView;
use crate::{headers, lists, orders, query, retries, security};

/// `GET /orders/{id}/history`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let query = query::page(&request)?;
    let key = ListKey::new(format_args!("/orders/{id}/history"));
    let after: Option<u64> =
        lists::after(&key, query.cursor.as_deref(), |place| place.parse().ok())?;
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let (limit, asked) = (query.limit, id.clone());
    let mut changes =
        app.store.run_blocking(move |store| store.list_history(&asked, after, limit + 1)).await?;
    if changes.is_empty() && after.is_none() {
        return Err(Problem::new(Code::NotFound, format!("There never was an order {id}.")));
    }
    let last = lists::cut(&mut changes, limit);
    let next = last.map(|change| key.write(&change.event.order.version.to_string()));
    Ok(lists::answer(&request, changes.iter().map(EventView::of).collect(), next))
}

/// `POST /orders/{id}/restore`
pub(crate) async fn restore(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    query::none(&request)?;
    let key = retries::key(&request)?;
    headers::accepts_json(&request)?;
    let retry = retries::retry(&request, key, &[]);
    let operation = Operation::Restore { id };
    Ok(orders::change(&app, security::actor(&request), operation, retry).await?.into_response())
}
