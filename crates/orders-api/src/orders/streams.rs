//! Streams: all matching orders in one response, in bounded memory. Each page is read when the client
//! has received the previous one, so a slow client holds nothing in the database.

use actix_web::http::{Method, Version, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::{self, StreamExt};
use orders_core::Order;
use orders_db::{OrderPage, OrderQuery};

use super::list::{self, OrdersQuery};
use crate::http::connection_state::ConnectionState;
use crate::http::installation::Installation;
use crate::http::problem::{Code, Problem};
use crate::http::request_context;
use crate::http::{headers, query};
use crate::orders::csv::Head;
use crate::orders::response::Names;
use crate::security;
use crate::security::{Credential, Security};
use crate::store_client::StoreClient;

/// The number of orders of a page.
const PAGE: usize = 1_000;

/// The format of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Ndjson,
    Csv,
    Calendar,
}

impl Format {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Calendar => "text/calendar",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Calendar => "text/calendar; charset=utf-8",
        }
    }

    /// Whether the format always shows the names of services: calendars are for people.
    fn needs_names(self) -> bool {
        match self {
            Self::Calendar => true,
            Self::Ndjson | Self::Csv => false,
        }
    }
}

/// `GET /orders.ndjson`
pub(crate) async fn ndjson(
    request: HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    at_path(&request, store, security, Format::Ndjson).await
}

/// `GET /orders.csv`
pub(crate) async fn csv(
    request: HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    let answer = at_path(&request, store, security, Format::Csv).await?;
    Ok(as_file(answer, "attachment; filename=\"orders.csv\""))
}

/// `GET /orders.ics`
pub(crate) async fn calendar(
    request: HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    let answer = at_path(&request, store, security, Format::Calendar).await?;
    Ok(as_file(answer, "attachment; filename=\"orders.ics\""))
}

/// Streams the format of a path. `Accept` can only reject it.
async fn at_path(
    request: &HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
    format: Format,
) -> Result<HttpResponse, Problem> {
    let query = list::read(request)?;
    headers::choose(request, &[(format.media_type(), ())])?;
    answer(request, store, security, query, format).await
}

fn as_file(mut answer: HttpResponse, disposition: &'static str) -> HttpResponse {
    let value = header::HeaderValue::from_static(disposition);
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    answer
}

/// Streams all matching orders.
pub(crate) async fn answer(
    request: &HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
    query: OrdersQuery,
    format: Format,
) -> Result<HttpResponse, Problem> {
    // A client that asks for ten orders must not get a million.
    query::reject_paging(request)?;
    let OrdersQuery { orders: query, expand, bom, page: _ } = query;
    if bom && format != Format::Csv {
        return Err(query::invalid("bom", "applies to CSV only"));
    }
    let credential = security::credential(request);
    let (installation, head) = (Installation::from_request(request), Some(Head { bom }));
    let ended = false;
    let mut rest =
        Rest { store, installation, security, credential, query, format, expand, head, ended };
    let mut answer = HttpResponse::Ok();
    answer.content_type(format.content_type());
    let is_head = request.method() == Method::HEAD;
    // Read before the status is sent, so that an unavailable database is a 503.
    let first = rest.next_piece(if is_head { 1 } else { PAGE }).await?;
    if is_head {
        return Ok(answer.streaming(stream::empty::<Result<Bytes, CutShort>>()));
    }
    // With chunks, the missing last chunk shows that the response is incomplete.
    let to_abort = request.conn_data::<ConnectionState>().cloned();
    let to_abort = to_abort.filter(|_| request.version() < Version::HTTP_11);
    let what = format!("{}, cut short:", request.path());
    let request_id = request_context::id(request);
    let others = stream::try_unfold(rest, |mut rest| async move {
        let piece = if rest.ended { None } else { Some(rest.next_piece(PAGE).await?) };
        Ok(piece.map(|piece| (piece, rest)))
    });
    let pieces = stream::once(async { Ok(first) }).chain(others).map(move |piece| {
        piece.map_err(|problem: Problem| {
            problem.log(&what, &request_id);
            if let Some(connection) = &to_abort {
                connection.abort();
            }
            CutShort
        })
    });
    Ok(answer.streaming(pieces))
}

/// Ends a response without its last chunk, or by a reset. Either tells the client that it is
/// incomplete.
#[derive(Debug, thiserror::Error)]
#[error("the stream was cut short")]
struct CutShort;

/// The rest of a stream.
struct Rest {
    store: Data<StoreClient>,
    installation: Installation,
    security: Data<Security>,
    /// When it is revoked, the response is cut short.
    credential: Credential,
    query: OrderQuery,
    format: Format,
    expand: bool,
    /// What comes before the first piece, until that is written.
    head: Option<Head>,
    ended: bool,
}

impl Rest {
    /// Reads and renders the next orders, with the head or the end of the format. The piece is empty
    /// if no order of the page matched the filter.
    async fn next_piece(&mut self, most: usize) -> Result<Bytes, Problem> {
        if !self.credential.is_valid(&self.security) {
            return Err(Problem::new(Code::Unauthenticated, "The key was revoked."));
        }
        let page = self.store.list_orders(self.query.clone(), most, OrderPage::clone).await?;
        let needs_names = self.expand || self.format.needs_names();
        let names = if needs_names {
            Some(self.store.find_service_names(&page.orders).await?)
        } else {
            None
        };
        let head = self.head.take();
        self.ended = page.next.is_none();
        self.query.after = page.next;
        self.write(&page.orders, names.as_ref(), head).map(Bytes::from)
    }

    fn write(
        &self,
        orders: &[Order],
        names: Option<&Names>,
        head: Option<Head>,
    ) -> Result<Vec<u8>, Problem> {
        match self.format {
            Format::Ndjson => crate::orders::ndjson::write_lines(orders, names).map_err(unwritable),
            Format::Csv => crate::orders::csv::write_cells(orders, names, head).map_err(unwritable),
            Format::Calendar => crate::orders::icalendar::write_entries(
                orders,
                names,
                self.installation.host(),
                (head.is_some(), self.ended),
            )
            .map_err(unwritable),
        }
    }
}

fn unwritable(error: impl std::fmt::Display) -> Problem {
    Problem::unexpected(format!("failed to write an order: {error}"))
}
