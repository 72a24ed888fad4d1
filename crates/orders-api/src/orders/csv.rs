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

/// What comes before the first row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Whether a byte order mark shows that the text is UTF-8.
    pub(crate) bom: bool,
}

/// Writes orders as rows, with a header before the first. The ids of services are separated by
/// spaces, because spreadsheets may split cells at commas or semicolons.
pub(crate) fn write_cells(
    orders: &[Order],
    names: Option<&Names>,
    head: Option<Head>,
) -> Result<Vec<u8>, csv::Error> {
    let mut out = Vec::new();
    if let Some(Head { bom: true }) = head {
        out.extend_from_slice("\u{FEFF}".as_bytes());
    }
    let mut rows = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut out);
    if head.is_some() {
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
///
/// A cell may be split at separators and quotes that a spreadsheet prefers to the comma, so an
/// apostrophe also comes before a formula that begins after one of those. See OWASP, "CSV Injection".
fn escape_formula(text: &str) -> Cow<'_, str> {
    let mut escaped = String::new();
    let mut begins_cell = true;
    // Spreadsheets also drop a tab or a line break at the start.
    if text.starts_with(['\t', '\r', '\n']) {
        escaped.push('\'');
    }
    for character in text.chars() {
        if begins_cell && BEGINS_FORMULA.contains(&character) {
            escaped.push('\'');
        }
        escaped.push(character);
        // Blanks at the start of a cell may be dropped.
        begins_cell = ENDS_CELL.contains(&character) || (begins_cell && character.is_whitespace());
    }
    if escaped.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(escaped) }
}

/// The characters that begin a formula. Some languages take those of full width too.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// The characters after which a spreadsheet may begin a cell.
const ENDS_CELL: [char; 7] = [';', ',', '\t', '"', '\'', '\r', '\n'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_escaped() {
        for text in
            ["=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx", "\n=1", "＝1", "－1", "＋1", "＠a"]
        {
            assert!(escape_formula(text).starts_with('\''), "{text:?}");
        }
        for (text, escaped) in [
            ("x;=1+2;y", "x;'=1+2;y"),
            ("x, =1", "x, '=1"),
            ("x\t-1", "x\t'-1"),
            ("x\"=1", "x\"'=1"),
            ("x'=1", "x''=1"),
            ("x\n@a\r+1", "x\n'@a\r'+1"),
            ("a; ＝1", "a; '＝1"),
            (" =1", " '=1"),
            ("==1", "'==1"),
        ] {
            assert_eq!(escape_formula(text), escaped);
        }
        for text in ["", "1-1", "a=b", "_-", "Inspection; Testing", "a, b", "x - y", "O'Neill"] {
            assert_eq!(escape_formula(text), text);
        }
    }
}
