//! The history of an order: parse, call, render.

use crate::events::response::EventView;
use crate::http::cursor::ListKey;
use crate::http::installation::Installation;
use crate::http::page::ListRequest;
use crate::http::problem::{Code, Problem};
use crate::http::{page, query};
use crate::orders;
use crate::store_client::StoreClient;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /orders/{id}/history`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
    installation: Data<Installation>,
) -> Result<HttpResponse, Problem> {
    let id = orders::path_id(&request)?;
    let page = query::page(&request)?;
    let key = ListKey::new(format_args!("/orders/{id}/history"));
    let list = ListRequest::read(&request, key, &page, |place| place.parse::<u64>().ok())?;
    let (after, rows, asked) = (list.after, list.rows(), id.clone());
    let (feed, mut changes) = store
        .run_blocking(move |store| {
            Ok((store.find_event_feed()?, store.list_history(&asked, after, rows)?))
        })
        .await?;
    if changes.is_empty() && after.is_none() {
        return Err(Problem::new(Code::NotFound, format!("Order {id} never existed.")));
    }
    let next = list.cut(&mut changes, |last| last.event.order.version.to_string());
    let source = installation.source(&feed.id);
    let data = changes.iter().map(|change| EventView::new(change, &source)).collect();
    Ok(page::answer(&request, data, next))
}
