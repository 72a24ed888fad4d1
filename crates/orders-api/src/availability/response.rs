//! Response bodies of `/availability`.

use orders_core::Timestamp;
use orders_core::decide::FreeInterval;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use crate::http::openapi::shape;
use crate::http::shown::Shown;
use crate::orders::policy::PolicyView;

/// The free intervals.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Availability)]
pub(crate) struct AvailabilityView {
    #[schema(max_items = 1000)]
    pub(super) data: Vec<FreeIntervalView>,
    #[schema(schema_with = shape::cursor_or_null, required)]
    pub(super) next_cursor: Option<String>,
    pub(super) policy: PolicyView,
}

/// The first free times, one minimum gap apart.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Slots)]
pub(crate) struct SlotsView {
    #[schema(schema_with = slots_schema)]
    pub(super) slots: Vec<String>,
}

fn slots_schema() -> Array {
    ArrayBuilder::new().items(shape::instant()).max_items(Some(1000)).unique_items(true).build()
}

/// Free intervals, or free times if the request has `slots`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = FreeTimes)]
pub(crate) enum FreeTimesView {
    Intervals(AvailabilityView),
    Slots(SlotsView),
}

/// A free interval, both ends included.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FreeInterval)]
pub(crate) struct FreeIntervalView {
    #[schema(schema_with = shape::instant)]
    start: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    end: Shown<Timestamp>,
}

impl FreeIntervalView {
    pub(crate) fn new(interval: &FreeInterval) -> Self {
        Self { start: Shown(interval.start), end: Shown(interval.end) }
    }
}
