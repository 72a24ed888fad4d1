//! The handler of `/availability`: parse, call, render.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::FreeInterval;
use orders_core::{Period, Scope, Timestamp};
use orders_db::AvailabilityQuery;

use super::response::{AvailabilityView, FreeIntervalView, FreeTimesView, SlotsView};
use crate::http::page;
use crate::http::page::ListRequest;
use crate::http::problem::Problem;
use crate::http::query;
use crate::orders::policy::PolicyView;
use crate::store_client::StoreClient;

/// `GET /availability`
pub(crate) async fn find(
    request: HttpRequest,
    store: Data<StoreClient>,
) -> Result<HttpResponse, Problem> {
    let asked = super::query::read(&request)?;
    let place = |place: &str| Timestamp::parse(place).ok();
    let list = ListRequest::read(&request, asked.list_key(), &asked.page, place)?;
    // A free time follows the last one after a millisecond at the earliest.
    let after = list.after.and_then(|last| Timestamp::from_millis(last.as_millis() + 1));
    let from = after.unwrap_or(asked.from);
    let rows = asked.slots.map_or(list.rows(), |slots| slots + 1);
    let named = asked.services.clone();
    let sought =
        AvailabilityQuery { from, to: asked.to, services: asked.services, ignore: asked.ignore };
    // The extra row shows whether there is another page.
    let found = store.run_blocking(move |store| store.find_availability(&sought, rows)).await?;
    if let Some(unknown) = found.unknown.first() {
        return Err(query::invalid(
            "service",
            &format!("names service {unknown}, which does not exist"),
        ));
    }
    if named.is_empty() && found.policy.scope == Scope::Service {
        return Err(query::invalid(
            "service",
            "is required, because each service has its own calendar",
        ));
    }
    if let Some(number) = asked.slots {
        let slots = slots(&found.intervals, found.policy.window, number);
        return Ok(HttpResponse::Ok().json(FreeTimesView::Slots(SlotsView { slots })));
    }
    let mut intervals = found.intervals;
    let next = list.cut(&mut intervals, |last| last.end.to_string());
    let view = AvailabilityView {
        data: intervals.iter().map(FreeIntervalView::new).collect(),
        next_cursor: next.clone(),
        policy: PolicyView::new(&found.policy),
    };
    Ok(page::with_link(&request, "cursor", next.as_deref()).json(FreeTimesView::Intervals(view)))
}

/// Returns the first free times that are one minimum gap apart.
fn slots(intervals: &[FreeInterval], window: Period, number: usize) -> Vec<String> {
    let mut slots: Vec<Timestamp> = Vec::new();
    for interval in intervals {
        let earliest = slots.last().map(|last| last.saturating_add(window));
        let mut at = Some(earliest.map_or(interval.start, |earliest| earliest.max(interval.start)));
        while let Some(free) = at.filter(|free| *free <= interval.end && slots.len() < number) {
            slots.push(free);
            at = free.checked_add(window);
        }
    }
    slots.iter().map(ToString::to_string).collect()
}
