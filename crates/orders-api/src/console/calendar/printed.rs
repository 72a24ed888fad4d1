//! The list of a day's orders that is printed: a drawing has no room for all of them.

use super::CalendarModel;

/// The largest number of orders in the list.
const ROWS: usize = 500;

pub(super) struct Printed {
    pub(super) rows: Vec<Row>,
    /// The number of other orders.
    pub(super) left_out: usize,
}

pub(super) struct Row {
    pub(super) clock: String,
    pub(super) services: String,
    pub(super) fee: String,
    pub(super) id: String,
}

pub(super) fn list(model: &CalendarModel<'_>) -> Printed {
    let name = |id| match model.services.get(&id) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("Service {id}"),
    };
    let row = |order: &&orders_db::CalendarOrder| Row {
        clock: model.zone.clock(order.datetime),
        services: order.services.iter().map(name).collect::<Vec<_>>().join(", "),
        fee: order.total_fee.to_string(),
        id: order.id.to_string(),
    };
    Printed {
        rows: model.orders.iter().take(ROWS).map(row).collect(),
        left_out: model.orders.len().saturating_sub(ROWS),
    }
}
