//! Rows of files: JSON documents, NDJSON and CSV.

use bolero::check;
use orders_core::Order;

use super::texts::texts;
use super::{CASES, OF_JSON, ORDERS, order_with};
use crate::cli::FileFormat;
use crate::cli::import::fuzz::{ReadRow, passes_check, read_rows};
use crate::orders::csv::{Head, write_cells};
use crate::orders::import_request::{ImportBody, write_exported};

/// The order of a row, with defaults for what the row omits.
fn order_of(body: &ImportBody) -> Order {
    let order = order_with(body.id.clone(), body.content.clone());
    Order {
        version: body.version.unwrap_or(order.version),
        created_at: body.created_at.unwrap_or(order.created_at),
        updated_at: body.updated_at.unwrap_or(order.updated_at),
        ..order
    }
}

/// Checks all rows: places ascend within the file, and each error has a text.
fn check_rows(rows: &[ReadRow], bytes: &[u8]) {
    let mut before = (0, 0);
    for (line, column, end, read) in rows {
        assert!(*column >= 1 && *line >= 1 && (before.0 <= *line) && before.1 <= *end);
        assert!(*end <= u64::try_from(bytes.len()).unwrap());
        assert!(read.as_ref().err().is_none_or(|why| !why.is_empty()));
        before = (*line, *end);
    }
}

/// Writes the rows in one format and reads them again.
fn again(format: FileFormat, body: &ImportBody) -> ImportBody {
    let order = order_of(body);
    let written = match format {
        FileFormat::Csv => {
            write_cells(std::slice::from_ref(&order), None, Some(Head { bom: false })).unwrap()
        }
        FileFormat::Json | FileFormat::Ndjson => {
            let mut out = Vec::new();
            write_exported(&mut out, &order, body.group.as_ref()).unwrap();
            out
        }
    };
    let (mut rows, read) = read_rows(format, &written);
    assert_eq!((rows.len(), read), (1, Ok(())), "{}", String::from_utf8_lossy(&written));
    rows.remove(0).3.unwrap()
}

fn check_round_trips(rows: &[ReadRow]) {
    for body in rows.iter().filter_map(|(.., read)| read.as_ref().ok()) {
        for format in [FileFormat::Ndjson, FileFormat::Csv] {
            let read = again(format, body);
            assert_eq!(order_of(&read), order_of(body));
            if format == FileFormat::Ndjson {
                assert_eq!(read.group, body.group);
            }
        }
    }
}

#[test]
fn ndjson_rows() {
    let mut fragments = OF_JSON.to_vec();
    fragments.extend(ORDERS);
    check!().with_iterations(CASES).with_max_len(96).for_each(|bytes: &[u8]| {
        for text in texts(bytes, ORDERS, &fragments) {
            let (rows, read) = read_rows(FileFormat::Ndjson, &text);
            assert_eq!(read, Ok(()), "an invalid line does not affect the others");
            check_rows(&rows, &text);
            check_round_trips(&rows);
            let blank = |line: &&[u8]| !line.trim_ascii().is_empty();
            assert_eq!(rows.len(), text.split(|byte| *byte == b'\n').filter(blank).count());
        }
    });
}

const TABLES: &[&str] = &[
    "id,datetime,totalfee,services\r\n223,2022-11-01T11:11:11.111Z,100,123 456\r\n",
    "\u{feff}services,totalfee,datetime,group,version\n1,\"99.5\",2022-11-01T11:11:11Z,g,3\n\n2,,,,\n",
    "id,datetime,totalfee,services,version,created_at,updated_at,service_names\r\n'-a,2022-11-01T11:11:11.111Z,1,1,2,2022-11-01T11:11:11Z,2022-11-01T11:11:11Z,\"=x, \"\"y\"\"\"\r\n",
];
const OF_TABLES: &[&str] = &[
    "id",
    "datetime",
    "totalfee",
    "services",
    "version",
    "group",
    ",",
    "\"",
    "\"\"",
    "\r\n",
    "\n",
    "\r",
    "'",
    "=",
    "2022-11-01T11:11:11.111Z",
    "100",
    "99.5",
    "1 2",
    "id,datetime,totalfee,services\n",
    "a,2022-11-01T11:11:11Z,1,1\n",
    "é",
    "\u{feff}",
    " ",
];

#[test]
fn csv_rows() {
    check!().with_iterations(CASES).with_max_len(96).for_each(|bytes: &[u8]| {
        for text in texts(bytes, TABLES, OF_TABLES) {
            let (rows, _) = read_rows(FileFormat::Csv, &text);
            check_rows(&rows, &text);
            check_round_trips(&rows);
        }
    });
}

const DOCUMENTS: &[&str] = &[
    r#"{"services":[{"id":1,"name":"a"}],"orders":[{"id":"223","datetime":"2022-11-01T11:11:11.111Z","totalfee":100,"services":[{"id":"123"}],"version":2,"group":"a"}]}"#,
    "{ \"orders\" : [ 1 , null, {\"id\":\"]}\\\\\\\"\"}, \"x\" ] }\n",
    "{}",
];

#[test]
fn json_rows() {
    check!().with_iterations(CASES).with_max_len(96).for_each(|bytes: &[u8]| {
        for text in texts(bytes, DOCUMENTS, OF_JSON) {
            let (rows, read) = read_rows(FileFormat::Json, &text);
            check_rows(&rows, &text);
            check_round_trips(&rows);
            // An accepted document is read to its end, and other parsers accept it too.
            if passes_check(&text) {
                assert_eq!(read, Ok(()));
                let whole = serde_json::from_slice::<serde_json::Value>(&text);
                let out_of_range = |error: &serde_json::Error| error.to_string().contains("range");
                assert!(whole.as_ref().err().is_none_or(out_of_range), "{whole:?}");
                let orders =
                    whole.ok().and_then(|whole| Some(whole.get("orders")?.as_array()?.len()));
                assert!(orders.is_none_or(|orders| orders == rows.len()));
            }
        }
    });
}
