//! Orders as CSV (RFC 4180), one a line: no cell of an order has a line break.

use std::borrow::Cow;
use std::io::Read;

use super::lines::Lines;
use super::source::{Row, SourceError, read_order};
use crate::http::json::Json;
use crate::orders::import_request::ImportBody;

/// A column, by its name in the header. The order of columns does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Datetime,
    TotalFee,
    Services,
    Version,
    CreatedAt,
    UpdatedAt,
    Group,
    /// For people. The ids are in another column.
    ServiceNames,
}

impl Column {
    const ALL: [Self; 9] = [
        Self::Id,
        Self::Datetime,
        Self::TotalFee,
        Self::Services,
        Self::Version,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::Group,
        Self::ServiceNames,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Datetime => "datetime",
            Self::TotalFee => "totalfee",
            Self::Services => "services",
            Self::Version => "version",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::Group => "group",
            Self::ServiceNames => "service_names",
        }
    }

    fn is_required(self) -> bool {
        matches!(self, Self::Datetime | Self::TotalFee | Self::Services)
    }
}

/// The error of a line, and its column in bytes, from 1.
type Fault = (u64, String);

/// The separators of cells. Spreadsheets choose one by the language of their user.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// What the header says of the rows.
struct Header {
    separator: u8,
    /// A column without a name has empty cells only.
    columns: Vec<Option<Column>>,
}

/// Reads the header and then an order from each line. An invalid line does not affect the others.
pub(super) fn read(
    input: Box<dyn Read + Send>,
    keep_raw: bool,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), SourceError> {
    let mut lines = Lines::new(input);
    let header = read_header(&mut lines)?;
    loop {
        let number = lines.number + 1;
        let Some(line) = lines.next()? else { return Ok(()) };
        let (line, read) = match line {
            Ok(line) if is_blank(line, header.separator) => continue,
            Ok(line) => (line, read_row(line, &header)),
            Err(why) => (&b""[..], Err((1, why.to_owned()))),
        };
        let raw = if keep_raw || read.is_err() { String::from_utf8_lossy(line) } else { "".into() };
        let raw = raw.into_owned();
        let (column, read) = match read {
            Ok(body) => (1, Ok(body)),
            Err((column, why)) => (column, Err(why)),
        };
        if !each(Row { line: number, column, end: lines.offset, raw, read }) {
            return Ok(());
        }
    }
}

/// Whether a line has no value. Spreadsheets write such lines for rows that once had some.
fn is_blank(line: &[u8], separator: u8) -> bool {
    line.iter().all(|byte| *byte == separator || byte.is_ascii_whitespace())
}

fn read_header(lines: &mut Lines) -> Result<Header, SourceError> {
    let fault = |column, why: String| Err(SourceError::Fault { line: 1, column, why });
    let line = match lines.next()? {
        None => {
            return fault(1, "the file is empty; its first line must name the columns".to_owned());
        }
        Some(Err(why)) => return fault(1, why.to_owned()),
        Some(Ok(line)) => line,
    };
    let separator = separator_of(line);
    let cells = match split(line, separator) {
        Ok(cells) => cells,
        Err((column, why)) => return fault(column, why),
    };
    let mut columns = Vec::new();
    for (at, cell) in cells {
        let name = cell.trim().to_lowercase();
        if name.is_empty() {
            columns.push(None);
            continue;
        }
        let Some(column) = Column::ALL.into_iter().find(|column| column.name() == name) else {
            let names = Column::ALL.map(Column::name).join(", ");
            let shown: String = name.chars().take(64).collect();
            return fault(at, format!("there is no column {shown:?}; the columns are {names}"));
        };
        if columns.contains(&Some(column)) {
            return fault(at, format!("the column {name} appears twice"));
        }
        columns.push(Some(column));
    }
    let missing = |column: &&Column| column.is_required() && !columns.contains(&Some(**column));
    match Column::ALL.iter().find(missing) {
        Some(column) => fault(1, format!("there is no column {}", column.name())),
        None => Ok(Header { separator, columns }),
    }
}

/// Returns the separator at which a header falls into known names; if none does, the comma.
fn separator_of(header: &[u8]) -> u8 {
    let is_known = |(_, cell): &(u64, String)| {
        Column::ALL.iter().any(|column| cell.trim().eq_ignore_ascii_case(column.name()))
    };
    let fits =
        |separator: &u8| split(header, *separator).is_ok_and(|cells| cells.iter().any(is_known));
    SEPARATORS.into_iter().find(fits).unwrap_or(b',')
}

fn read_row(line: &[u8], header: &Header) -> Result<ImportBody, Fault> {
    let columns = &header.columns;
    let cells = split(line, header.separator)?;
    // Cells behind the last column may be there if they are empty.
    let surplus = cells.iter().skip(columns.len()).any(|(_, cell)| !cell.trim().is_empty());
    if cells.len() < columns.len() || surplus {
        return Err((1, format!("has {} cells, must have {}", cells.len(), columns.len())));
    }
    let mut members = Vec::new();
    for (column, (at, cell)) in columns.iter().zip(&cells) {
        let Some(column) = column else {
            if cell.trim().is_empty() {
                continue;
            }
            return Err((*at, "the column of this cell has no name".to_owned()));
        };
        if let Some(json) = read_cell(*column, cell) {
            members.push((Cow::Borrowed(column.name()), json));
        }
    }
    read_order(&Json::Object(members)).map_err(|why| {
        // The first error names a column: that is its place.
        let name = why.strip_prefix('/').and_then(|rest| rest.split([' ', '/']).next());
        let is_named = |column: &Option<Column>| column.map(Column::name) == name;
        let at = columns.iter().position(is_named);
        (at.and_then(|at| cells.get(at)).map_or(1, |(at, _)| *at), why)
    })
}

/// Reads a cell as JSON. An empty one counts as absent.
fn read_cell(column: Column, cell: &str) -> Option<Json<'_>> {
    Some(match column {
        Column::ServiceNames => return None,
        Column::Services => Json::Array(
            cell.split_ascii_whitespace()
                .map(|id| Json::Object(vec![("id".into(), Json::Text(id.into()))]))
                .collect(),
        ),
        _ if cell.is_empty() && !column.is_required() => return None,
        Column::Version => Json::Number(Cow::Borrowed(cell)),
        // Answers for spreadsheets escape formulas with an apostrophe. No id begins with one.
        Column::Id | Column::Group => {
            Json::Text(Cow::Borrowed(cell.strip_prefix('\'').unwrap_or(cell)))
        }
        Column::Datetime | Column::TotalFee | Column::CreatedAt | Column::UpdatedAt => {
            Json::Text(Cow::Borrowed(cell))
        }
    })
}

/// The cells of a line, each with the byte that it begins at, from 1.
fn split(line: &[u8], separator: u8) -> Result<Vec<(u64, String)>, Fault> {
    let place = |at: usize| u64::try_from(at).unwrap_or_default() + 1;
    let text = std::str::from_utf8(line)
        .map_err(|error| (place(error.valid_up_to()), "is not UTF-8".to_owned()))?;
    let separator = char::from(separator);
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let (cell, length) = if let Some(quoted) = rest.strip_prefix('"') {
            let (cell, length) = split_quoted(quoted)
                .ok_or_else(|| (place(at), "the quote that begins here has no end".to_owned()))?;
            (cell, length + 1)
        } else {
            let length = rest.find(separator).unwrap_or(rest.len());
            let cell = rest.get(..length).unwrap_or_default();
            if let Some(quote) = cell.find('"') {
                let why = "a cell with a quote in it must be in quotes, and the quote doubled";
                return Err((place(at + quote), why.to_owned()));
            }
            (cell.to_owned(), length)
        };
        cells.push((place(at), cell));
        at += length;
        match text.get(at..).and_then(|rest| rest.chars().next()) {
            None => return Ok(cells),
            Some(next) if next == separator => at += 1,
            Some(_) => {
                return Err((place(at), "must be a separator after a closing quote".to_owned()));
            }
        }
    }
}

/// The text up to the quote that ends it, and how long that is with this quote.
fn split_quoted(text: &str) -> Option<(String, usize)> {
    let mut cell = String::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let quote = rest.find('"')?;
        cell.push_str(rest.get(..quote)?);
        at += quote + 1;
        if text.as_bytes().get(at) != Some(&b'"') {
            return Some((cell, at));
        }
        cell.push('"');
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Result<Vec<String>, Fault> {
        split(line.as_bytes(), b',').map(|cells| cells.into_iter().map(|(_, cell)| cell).collect())
    }

    #[test]
    fn cells_are_parted_by_commas_outside_of_quotes() {
        assert_eq!(cells("a,b,,c").unwrap(), ["a", "b", "", "c"]);
        assert_eq!(cells(r#""a,b","c""d","""""#).unwrap(), ["a,b", "c\"d", "\""]);
        assert_eq!(cells("").unwrap(), [""]);
        assert_eq!(cells(",").unwrap(), ["", ""]);
    }

    #[test]
    fn what_is_wrong_with_a_line_has_a_place() {
        assert_eq!(cells(r#"a,b"c"#).unwrap_err().0, 4);
        assert_eq!(cells(r#"a,"b"#).unwrap_err().0, 3);
        assert_eq!(cells(r#"a,"b"c,d"#).unwrap_err().0, 6);
        assert_eq!(split(b"ab,\xFF", b',').unwrap_err().0, 4);
    }

    #[test]
    fn the_header_shows_the_separator() {
        for (header, separator) in [
            ("datetime,totalfee,services", b','),
            ("ID;Datetime;totalfee", b';'),
            ("\"id\"\t\" datetime \"", b'\t'),
            ("datetime", b','),
            ("date;fee", b','),
        ] {
            assert_eq!(separator_of(header.as_bytes()), separator, "{header}");
        }
    }
}
