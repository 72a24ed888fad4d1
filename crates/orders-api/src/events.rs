//! The handler of the feed of events: parse, call, render.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_db::EventPage;

use crate::app::App;
use crate::problem::Problem;
use crate::wire::{EventView, FeedView};
use crate::{headers, lists, query};

/// `GET /events`
pub(crate) async fn list(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let query::FeedQuery { after, limit } = query::feed(&request)?;
    headers::accepts_json(&request)?;
    // One more than asked for tells whether there is another page.
    let mut changes = match app.ask(move |store| store.list_events(after, limit + 1)).await? {
        EventPage::Changes(changes) => changes,
        EventPage::Gone { first } => return Err(Problem::events_gone(first)),
    };
    let next = lists::cut(&mut changes, limit).map(|last| last.event.sequence.to_string());
    let next_after = changes.last().map_or(after, |last| last.event.sequence).to_string();
    let data = changes.iter().map(EventView::of).collect();
    let mut answer = lists::with_link(&request, "after", next.as_deref());
    Ok(answer.json(FeedView { data, next_after }))
}
