//! The handler of free times: parse, call, render.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use orders_core::decide::FreeInterval;
use orders_core::{Period, Scope, Timestamp};
use orders_db::AvailabilityQuery;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use crate::app::App;
use crate::http::openapi::shape;
use crate::http::page;
use crate::http::page::ListRequest;
use crate::http::problem::Problem;
use crate::http::query;
use crate::orders::response::{PolicyView, StretchView};

/// The free stretches.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Availability)]
pub(crate) struct AvailabilityView {
    #[schema(max_items = 1000)]
    data: Vec<StretchView>,
    #[schema(schema_with = shape::cursor_or_null, required)]
    next_cursor: Option<String>,
    policy: PolicyView,
}

/// The first free instants, one window apart.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Slots)]
pub(crate) struct SlotsView {
    #[schema(schema_with = slots_schema)]
    slots: Vec<String>,
}

fn slots_schema() -> Array {
    ArrayBuilder::new().items(shape::instant()).max_items(Some(1000)).unique_items(true).build()
}

/// Either, as was asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = FreeTimes)]
pub(crate) enum FreeTimesView {
    Stretches(AvailabilityView),
    Slots(SlotsView),
}

/// `GET /availability`
pub(crate) async fn find(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    let asked = query::availability(&request)?;
    let place = |place: &str| Timestamp::parse(place).ok();
    let list = ListRequest::read(&request, asked.list_key(), &asked.page, place)?;
    let from = list.after.unwrap_or(asked.from);
    let rows = asked.slots.map_or(list.rows(), |slots| slots + 1);
    let named = asked.services.clone();
    let sought =
        AvailabilityQuery { from, to: asked.to, services: asked.services, ignore: asked.ignore };
    // One more than asked for tells whether there is another page.
    let found = app.store.run_blocking(move |store| store.find_availability(&sought, rows)).await?;
    if let Some(unknown) = found.unknown.first() {
        return Err(query::invalid(
            "service",
            &format!("names service {unknown}, which does not exist"),
        ));
    }
    if named.is_empty() && found.policy.scope == Scope::Service {
        return Err(query::invalid("service", "must be given: each service has its own calendar"));
    }
    if let Some(number) = asked.slots {
        let slots = slots(&found.intervals, found.policy.window, number);
        return Ok(HttpResponse::Ok().json(FreeTimesView::Slots(SlotsView { slots })));
    }
    let mut stretches = found.intervals;
    let next = list.cut(&mut stretches, |last| last.start.to_string());
    let view = AvailabilityView {
        data: stretches.iter().map(StretchView::of).collect(),
        next_cursor: next.clone(),
        policy: PolicyView::of(&found.policy),
    };
    Ok(page::with_link(&request, "cursor", next.as_deref()).json(FreeTimesView::Stretches(view)))
}

/// The first free instants that are one window apart from each other.
fn slots(stretches: &[FreeInterval], window: Period, number: usize) -> Vec<String> {
    let mut slots: Vec<Timestamp> = Vec::new();
    for stretch in stretches {
        let earliest = slots.last().map(|last| last.saturating_add(window));
        let mut at = Some(earliest.map_or(stretch.start, |earliest| earliest.max(stretch.start)));
        while let Some(free) = at.filter(|free| *free <= stretch.end && slots.len() < number) {
            slots.push(free);
            at = free.checked_add(window);
        }
    }
    slots.iter().map(ToString::to_string).collect()
}
