//! Orders as NDJSON, one JSON object a line.

use orders_core::Order;

use super::response::{Names, OrderView};

/// Writes each order, as in a list, on a line of its own.
pub(crate) fn write_lines(
    orders: &[Order],
    names: Option<&Names>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    for order in orders {
        serde_json::to_writer(&mut out, &OrderView::with_names(order, names))?;
        out.push(b'\n');
    }
    Ok(out)
}
