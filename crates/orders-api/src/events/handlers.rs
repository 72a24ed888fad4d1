//! Handlers of `/events`: pages of the feed, and the stream of new events.

use std::convert::Infallible;

use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use orders_db::{EventPage, OrderChange};

use super::live::{Live, take_slot};
use super::problems::gone;
use super::query;
use super::reader::{ReadAccess, Reader};
use crate::events::response::{EventView, FeedView};
use crate::http::connection_state::ConnectionState;
use crate::http::installation::Installation;
use crate::http::problem::{Code, Problem};
use crate::http::{headers, page};
use crate::security::{self, Security};
use crate::store_client::StoreClient;

pub(crate) const EVENT_STREAM: &str = "text/event-stream";
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /events`
pub(crate) async fn list(
    request: HttpRequest,
    store: Data<StoreClient>,
    installation: Data<Installation>,
) -> Result<HttpResponse, Problem> {
    let query::FeedQuery { after, feed: known, limit } = query::feed(&request)?;
    headers::accepts_json(&request)?;
    // One more than the limit shows whether there is a next page.
    let (feed, mut changes) = list_from(&store, known, after, limit + 1).await?;
    let next = page::cut(&mut changes, limit).map(|last| last.event.sequence.to_string());
    let next_after = changes.last().map_or(after, |last| last.event.sequence).to_string();
    let source = installation.source(&feed);
    let data = changes.iter().map(|change| EventView::new(change, &source)).collect();
    let mut response = page::with_link(&request, "after", next.as_deref());
    Ok(response.json(FeedView { data, next_after, feed }))
}

/// Lists events and the id of their feed, if the feed is the one that the client knows and can be
/// followed from its position.
async fn list_from(
    store: &StoreClient,
    known: Option<String>,
    after: u64,
    limit: usize,
) -> Result<(String, Vec<OrderChange>), Problem> {
    let listed = store
        .run_blocking(move |store| {
            Ok(match store.list_events(after, limit)? {
                EventPage::Changes { feed, .. } if known.is_some_and(|known| known != feed) => {
                    EventPage::Gone(store.find_event_feed()?)
                }
                page @ (EventPage::Changes { .. } | EventPage::Gone(_)) => page,
            })
        })
        .await?;
    match listed {
        EventPage::Changes { feed, changes } => Ok((feed, changes)),
        EventPage::Gone(feed) => Err(gone(&feed)),
    }
}

/// `GET /events/stream`
pub(crate) async fn stream(
    request: HttpRequest,
    store: Data<StoreClient>,
    live: Data<Live>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    let query::StreamQuery { after: start, feed } = query::stream(&request)?;
    let last = last_event_id(&request)?;
    headers::choose(&request, &[(EVENT_STREAM, ())])?;
    // After a reconnect, Last-Event-ID is more recent than the URL.
    let after = last.or(start).unwrap_or(0);
    if live.is_shutting_down() {
        return Err(overloaded("The server is shutting down."));
    }
    let slot = if request.method() == Method::HEAD { None } else { Some(take_slot(&live)?) };
    // Before the status is sent, so that an outage or purged events are reported as usual.
    list_from(&store, feed, after, 1).await?;
    let mut response = HttpResponse::build(StatusCode::OK);
    response
        .content_type(EVENT_STREAM)
        // A proxy that compressed the stream would hold events back.
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        // Disables the response buffer of nginx.
        .insert_header((X_ACCEL_BUFFERING, "no"));
    let Some(slot) = slot else {
        return Ok(response.streaming(stream::empty::<Result<Bytes, Infallible>>()));
    };
    let connection = request.conn_data::<ConnectionState>().cloned();
    let access = ReadAccess { security, credential: security::credential(&request) };
    let reader = Reader::new(store, live, slot, access, after);
    Ok(response.streaming(reader.into_stream(connection)))
}

/// Parses the position of a reconnecting client (HTML, section 9.2.4).
fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, Problem> {
    let mut ids = request.headers().get_all(LAST_EVENT_ID);
    let Some(id) = ids.next().filter(|id| !id.is_empty()) else { return Ok(None) };
    let sequence = id.to_str().ok().and_then(|id| query::sequence(id).ok());
    if let (Some(sequence), None) = (sequence, ids.next()) {
        return Ok(Some(sequence));
    }
    let detail = "Last-Event-ID must be the sequence of an event, given once.";
    Err(Problem::new(Code::InvalidHeader, detail))
}

pub(super) fn overloaded(detail: &str) -> Problem {
    Problem::new(Code::Overloaded, detail).with_header(header::RETRY_AFTER, "1")
}
