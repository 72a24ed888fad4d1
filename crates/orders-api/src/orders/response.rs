//! Response bodies of orders and batches.

use orders_core::service::ServiceName;
use orders_core::{Fee, Order, ServiceId, Services, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::problems::schema_of_a_result;
use crate::http::openapi::shape;
use crate::http::page::PageView;
use crate::http::problem::ProblemView;
use crate::http::shown::Shown;
use crate::orders;
use crate::services;
pub(crate) use crate::store_client::ServiceNames as Names;

// `deny_unknown_fields` affects only the schemas: a response has no other members.

/// An order in a response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Order)]
pub(crate) struct OrderView<'a> {
    #[schema(schema_with = orders::shape::order_id)]
    id: &'a str,
    #[schema(schema_with = shape::instant)]
    datetime: Shown<Timestamp>,
    #[schema(schema_with = orders::shape::fee)]
    #[serde(serialize_with = "number")]
    totalfee: Fee,
    #[schema(schema_with = references)]
    services: References<'a>,
    #[schema(schema_with = shape::version)]
    version: u64,
    #[schema(schema_with = shape::instant)]
    created_at: Shown<Timestamp>,
    #[schema(schema_with = shape::instant)]
    updated_at: Shown<Timestamp>,
}

/// The services of an order, with their names if the response shows them.
#[derive(Debug)]
struct References<'a> {
    services: &'a Services,
    names: Option<&'a Names>,
}

impl Serialize for References<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |id| self.names.and_then(|names| names.get(&id)).map(ServiceName::as_str);
        let reference = |id| ServiceReference { id: Shown(id), name: name(id) };
        serializer.collect_seq(self.services.iter().map(reference))
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServiceReference<'a> {
    #[schema(schema_with = services::shape::service_digits)]
    id: Shown<ServiceId>,
    #[schema(schema_with = shape::name)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

fn references() -> Array {
    let services = ArrayBuilder::new().items(ServiceReference::schema());
    services.min_items(Some(1)).max_items(Some(100)).unique_items(true).build()
}

/// Serializes a fee as a JSON number with its exact digits, without a float.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn number<S: Serializer>(fee: &Fee, serializer: S) -> Result<S::Ok, S::Error> {
    let hundredths = fee.as_hundredths();
    if hundredths % 100 == 0 {
        return serializer.serialize_i64(hundredths / 100);
    }
    RawValue::from_string(fee.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl<'a> OrderView<'a> {
    pub(crate) fn new(order: &'a Order) -> Self {
        Self::with_names(order, None)
    }

    /// The order with the names of its services.
    pub(crate) fn expanded(order: &'a Order, names: &'a Names) -> Self {
        Self::with_names(order, Some(names))
    }

    /// The order with the names of its services, if there are any.
    pub(crate) fn with_names(order: &'a Order, names: Option<&'a Names>) -> Self {
        Self {
            id: order.id.as_str(),
            datetime: Shown(order.content.datetime),
            totalfee: order.content.total_fee,
            services: References { services: &order.content.services, names },
            version: order.version,
            created_at: Shown(order.created_at),
            updated_at: Shown(order.updated_at),
        }
    }
}

/// The result of one operation of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchResult)]
pub(crate) struct ResultView<'a> {
    #[schema(minimum = 200, maximum = 428)]
    pub(crate) status: u16,
    #[schema(schema_with = order_of_a_result)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<OrderView<'a>>,
    #[schema(schema_with = schema_of_a_result)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<ProblemView<'a>>,
}

/// The schema of an order that is not null.
fn order_of_a_result() -> RefOr<Schema> {
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(OrderView::name()))
}

/// The results of the operations of a batch, in their order.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchResults)]
pub(crate) struct ResultsView {
    #[schema(value_type = Vec<ResultView<'static>>, min_items = 1, max_items = 10_000)]
    pub(crate) results: Vec<Box<RawValue>>,
}

/// Writes a page of orders as JSON. `next` is the cursor of the next page.
pub(crate) fn write_page(
    orders: &[Order],
    names: Option<&Names>,
    next: Option<&str>,
) -> serde_json::Result<Vec<u8>> {
    let data = orders.iter().map(|order| OrderView::with_names(order, names)).collect();
    // Enough for orders with one or two services.
    let mut out = Vec::with_capacity(64 + 256 * orders.len());
    serde_json::to_writer(&mut out, &PageView { data, next_cursor: next.map(str::to_owned) })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_written_with_its_exact_digits() {
        for digits in ["100", "99.5", "0.1", "999999999999.99"] {
            let fee = Fee::parse(digits).unwrap();
            let mut out = Vec::new();
            number(&fee, &mut serde_json::Serializer::new(&mut out)).unwrap();
            assert_eq!(out, digits.as_bytes());
        }
    }
}
