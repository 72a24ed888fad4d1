//! Orders as comma-separated values (RFC 4180), safe to open in a spreadsheet.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};
use orders_core::service::ServiceName;
use orders_core::{Order, ServiceId};

use super::response::Names;

const COLUMNS: [&str; 7] =
    ["id", "datetime", "totalfee", "services", "version", "created_at", "updated_at"];
/// A column with names, for people.
const NAMES: &str = "service_names";

/// Writes orders as rows, with a header before the first. The ids of services are separated by
/// spaces, because spreadsheets may split cells at commas or semicolons.
pub(crate) fn write_cells(
    orders: &[Order],
    names: Option<&Names>,
    is_first: bool,
) -> Result<Vec<u8>, csv::Error> {
    let mut out = Vec::new();
    let mut rows = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut out);
    if is_first {
        rows.write_record(COLUMNS.into_iter().chain(names.map(|_| NAMES)))?;
    }
    for order in orders {
        write_order(&mut rows, order, names)?;
    }
    rows.flush()?;
    drop(rows);
    Ok(out)
}

fn write_order(
    rows: &mut Writer<&mut Vec<u8>>,
    order: &Order,
    names: Option<&Names>,
) -> Result<(), csv::Error> {
    let content = &order.content;
    let numbers: Vec<String> = content.services.iter().map(|id| id.to_string()).collect();
    rows.write_field(&*escape_formula(order.id.as_str()))?;
    rows.write_field(content.datetime.to_string())?;
    rows.write_field(content.total_fee.to_string())?;
    rows.write_field(numbers.join(" "))?;
    rows.write_field(order.version.to_string())?;
    rows.write_field(order.created_at.to_string())?;
    rows.write_field(order.updated_at.to_string())?;
    if let Some(names) = names {
        rows.write_field(&*escape_formula(&joined_names(content.services.iter(), names)))?;
    }
    rows.write_record(None::<&[u8]>)
}

/// The names of services. A service that was deleted has its id.
pub(super) fn joined_names(services: impl Iterator<Item = ServiceId>, names: &Names) -> String {
    let name = |id| {
        let name = names.get(&id).map(ServiceName::as_str);
        name.map_or_else(|| id.to_string(), str::to_owned)
    };
    services.map(name).collect::<Vec<_>>().join(", ")
}

/// Prevents formula injection: an apostrophe makes a spreadsheet treat a cell as text.
fn escape_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_escaped() {
        for text in ["=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx"] {
            assert_eq!(escape_formula(text), format!("'{text}"));
        }
        for text in ["", "1-1", "a=b", "'=1", "_-"] {
            assert_eq!(escape_formula(text), text);
        }
    }
}
